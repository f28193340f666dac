# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""run: interfaces and addresses of the host that change meanwhile, as DHCP and PPP do."""

import pytest

from lab import wait_until
from prometheus import sample
from scenes import login, masquerade, publish
from servers import Vsftpd
from service import METRICS, Service

pytestmark = pytest.mark.ftpnat

CHANGED = "interfaces, addresses or rp_filter have changed: reloading"
MOVES = ["addr flush dev s1 scope global", "addr add 10.2.1.77/24 dev s1", "addr add fd00:2:1::77/64 dev s1 nodad"]


@pytest.fixture
def scene(make_lab):
    """A lab without a way back from the server but by the gateway's address; its server and configuration."""
    lab = make_lab(route_back=False)
    server = Vsftpd(lab.server).start()
    config = {"publish": [publish("files", lab.vips(), [server], source="gateway")],
              "masquerade": masquerade("lan"), **METRICS}
    lab.gateway.write(config)
    return lab, server, config


def works_from(lab, server):
    """A session through each rule and family works; the addresses that the server saw since."""
    vips = lab.vips()
    with lab.client.inside():
        for host in (*vips, *server.addresses):
            for method in ("PASV", "PORT"):
                session = login(lab.client, host, server, method)
                assert session.read("server-name").decode() == server.name
                session.quit()
    return {flow["source"].rsplit(":", 1)[0] for flow in lab.gateway.flows()
            if flow["kind"] == "control" and flow["state"] != "established"}


def degraded(lab):
    return lab.gateway.listing("status")["degraded"]


def test_address_is_replaced(scene):
    lab, server, _ = scene
    service = Service(lab)
    assert works_from(lab, server) == {"10.2.1.1", "[fd00:2:1::1]"}
    lab.gw.ip(*MOVES)
    service.wait_log(CHANGED, "reloaded")
    assert degraded(lab) == []
    assert works_from(lab, server) >= {"10.2.1.77", "[fd00:2:1::77]"}
    service.reload()
    assert service.log().count(CHANGED) == 1
    assert service.get()[0] == 200


def test_address_comes_late(scene):
    """As after boot, when `run` is there before the address is."""
    lab, server, config = scene
    lab.gw.ip("addr flush dev s1")
    lab.gateway.write({**config, "publish": []})
    service = Service(lab)
    lab.gw.ip(*MOVES)
    service.wait_log(CHANGED, "reloaded")
    lab.gateway.write(config)
    service.reload()
    assert works_from(lab, server) == {"10.2.1.77", "[fd00:2:1::77]"}


def test_interface_is_recreated(scene):
    lab, server, config = scene
    lab.gw.ip("link add x1 type veth peer name x2", "link set x1 up")
    lab.gateway.write({**config, "interfaces": ["c1", "s1", "x1"]})
    service = Service(lab)
    lab.gw.ip("link del x1")
    wait_until(lambda: any("x1 is gone" in said for said in degraded(lab)), "it is gone")
    lab.gw.ip("link add x1 type veth peer name x2", "link set x1 up")
    service.wait_log(CHANGED, "reloaded")
    hooks = {shown["name"]: shown["hooks"] for shown in lab.gateway.listing("status")["interfaces"]}
    assert hooks == dict.fromkeys(["c1", "s1", "x1"], ["ingress", "egress"])
    assert works_from(lab, server)


def test_mac_address_changes(scene):
    lab, server, config = scene
    lab.gateway.write({**config, "xdp": "generic"})
    service = Service(lab)
    lab.gw.ip(*(f"link set {name} address 02:00:00:00:99:{number}1" for number, name in enumerate(lab.interfaces)))
    service.wait_log(CHANGED)
    wait_until(lambda: degraded(lab) == [], "the programs take the new addresses")
    for node in lab.clients + lab.servers:
        node.ip("neigh flush all")
    works_from(lab, server)


def test_failed_reload_changes_nothing_and_is_retried(scene):
    lab, server, config = scene
    service = Service(lab)
    lab.gateway.write({**config, "no_such_key": 1})
    lab.gw.ip(*MOVES)
    service.wait_log(CHANGED, "reload failed")
    assert sample(service.get()[1], "ftpnat_config_last_reload_successful") == 0
    lab.gateway.write(config)
    lab.gw.ip("addr add 10.2.1.78/24 dev s1")
    service.wait_log("reloaded")
    assert sample(service.get()[1], "ftpnat_config_last_reload_successful") == 1
    assert works_from(lab, server) == {"10.2.1.77", "[fd00:2:1::77]"}
