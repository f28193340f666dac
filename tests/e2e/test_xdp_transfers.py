# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Data connections carried by XDP: real transfers, changes of the path, traffic of others."""

import pytest

from clients import Account, Curl, Lftp
from fast import SLACK, Counted, modes, moves_by, prepare, switch
from lab import wait_until
from scenes import exchange, login, need, pick, single
from servers import Pureftpd, Vsftpd
from slow import Transfer

pytestmark = pytest.mark.ftpnat

MODE = pytest.mark.parametrize("mode", ["native", "generic"])
WAYS = [("v4", "PASV"), ("v4", "EPSV"), ("v4", "PORT"), ("v4", "EPRT"), ("v6", "EPSV"), ("v6", "EPRT")]
SIZE = 1_000_000
SEGMENT = 1460


def scene(make_lab, mode, kind="keep", server=Vsftpd, **options):
    lab, running, dial = single(make_lab, server, kind, **options)
    prepare(lab)
    switch(lab, mode)
    if any("Before Linux 6.3" in line for line in lab.gateway.listing("status")["degraded"]):
        exchange(need(Curl)(), lab.client, running, Account(dial[0], running), "EPSV", size=SIZE)
        pytest.skip("before 6.3 the kernel doesn't say that a veth may be given packets by XDP: TC sends them")
    return lab, running, dial


# ---- transfers ----

@MODE
@pytest.mark.parametrize("kind", ["keep", "full", "masquerade"])
@pytest.mark.parametrize("tool", [Curl, Lftp], ids=lambda cls: cls.name)
def test_transfers(make_lab, mode, kind, tool):
    lab, server, dial = scene(make_lab, mode, kind, Pureftpd)
    assert set(modes(lab).values()) == {mode}
    assert not lab.gateway.listing("status")["degraded"]
    client = need(tool)()
    before = lab.client.counters(), lab.server.counters()
    for family, method in WAYS:
        if not client.can(family, method):
            continue
        counted = Counted(lab)
        exchange(client, lab.client, server, Account(pick(dial, family), server), method, size=SIZE)
        # each way SIZE bytes, and no segment is longer
        assert counted["xdp_forwarded"] >= 2 * SIZE // SEGMENT * 9 // 10, (family, method)
    after = lab.client.counters(), lab.server.counters()
    for old, new in zip(before, after):
        assert new["InCsumErrors"] == old["InCsumErrors"]


@MODE
def test_counters_count_every_packet_once(make_lab, mode):
    """Rules and flows count what TC and XDP forwarded, together."""
    lab, server, dial = scene(make_lab, mode)
    exchange(need(Curl)(), lab.client, server, Account(dial[0], server), "EPSV", size=SIZE)
    stats = lab.gateway.stats()
    packets, octets = stats["rules"][0]["packets"], stats["rules"][0]["bytes"]
    forwarded = stats["reasons"]["forwarded"] + stats["reasons"]["xdp_forwarded"]
    assert sum(packets.values()) == forwarded
    assert min(octets.values()) > SIZE


def test_partial_checksums_are_left_to_tc(make_lab):
    """As a sender on this host or a neighbouring container has them."""
    lab, server, dial = single(make_lab, Vsftpd, "keep")
    for node in (lab.client, lab.server):
        node.run(["ethtool", "-K", "eth0", "gro", "on", "tx", "on"])
    switch(lab, "native")
    counted = Counted(lab)
    exchange(need(Curl)(), lab.client, server, Account(dial[0], server), "EPSV", size=10 * SIZE)
    assert counted["forwarded"] > 10 * SLACK
    assert counted["xdp_forwarded"] <= SLACK  # an answer that no socket sends has its checksum


def test_peer_without_napi_gets_its_packets_from_tc(make_lab):
    """veth would drop what XDP gives it: status says so, and nothing is lost."""
    lab, server, dial = single(make_lab, Vsftpd, "keep")
    for node in (lab.client, lab.server):
        node.run(["ethtool", "-K", "eth0", "tx", "off", "gro", "off"])
    switch(lab, "native")
    degraded = lab.gateway.listing("status")["degraded"]
    assert len([line for line in degraded if "does not transmit frames from XDP" in line]) == 2
    counted = Counted(lab)
    exchange(need(Curl)(), lab.client, server, Account(dial[0], server), "EPSV", size=SIZE)
    assert counted["xdp_forwarded"] == 0
    prepare(lab)
    degraded = lab.gateway.listing("status")["degraded"]
    assert len([line for line in degraded if "now transmits frames from XDP" in line]) == 2
    lab.gateway.load("reload")
    assert not lab.gateway.listing("status")["degraded"]
    exchange(need(Curl)(), lab.client, server, Account(dial[0], server), "EPSV", size=SIZE)
    assert counted["xdp_forwarded"] > SIZE // SEGMENT


# ---- the path changes ----

@pytest.mark.parametrize("family,method,up", [("v4", "PASV", True), ("v4", "PORT", False),
                                              ("v6", "EPSV", False), ("v6", "EPRT", True)])
def test_path_changes_in_mid_transfer(make_lab, family, method, up):
    lab, server, dial = scene(make_lab, "off")
    with lab.client.inside():
        transfer = Transfer(lab, server, dial, family, method, up, size=20_000_000)
        moves_by(lab, transfer, "forwarded")
        for mode, path in (("native", "xdp_forwarded"), ("off", "forwarded"),
                           ("generic", "xdp_forwarded"), ("native", "xdp_forwarded"),
                           ("native", "xdp_forwarded"), ("off", "forwarded")):
            switch(lab, mode)
            assert set(modes(lab).values()) == {mode}
            moves_by(lab, transfer, path)
        flow = next(flow for flow in lab.gateway.flows() if flow["kind"] == "data")
        assert flow["idle"] <= 2
        transfer.finish()
        transfer.session.quit()
    wait_until(lambda: lab.gateway.reason("data_opened") == 1, "one data connection")


def test_the_end_of_a_connection_is_seen(make_lab):
    lab, server, dial = single(make_lab, Vsftpd, "keep")
    lab.gateway.down()
    prepare(lab)
    lab.gateway.up({**lab.gateway.config, "xdp": "native", "timeouts": {"closing": "1s"}})
    with lab.client.inside():
        session = login(lab.client, dial[0], server)
        for _ in range(3):
            assert session.read("server-name").decode() == server.name
        session.quit()
    wait_until(lambda: not lab.gateway.flows(), "no flow is left")
    assert lab.gateway.reason("data_closed") == 3


def test_changed_mac_address(make_lab):
    """The program takes frames to the address that it was attached with."""
    lab, server, dial = scene(make_lab, "native")
    account = Account(dial[0], server)
    exchange(need(Curl)(), lab.client, server, account, "EPSV", size=SIZE)
    for interface in lab.interfaces:
        lab.gw.ip(f"link set {interface} address 02:00:00:00:99:{lab.interfaces.index(interface):02x}")
    lab.client.ip("neigh flush all")
    lab.server.ip("neigh flush all")
    counted = Counted(lab)
    exchange(need(Curl)(), lab.client, server, account, "EPSV", size=SIZE)
    assert counted["xdp_forwarded"] == 0
    assert any("MAC address" in line for line in lab.gateway.listing("status")["degraded"])
    lab.gateway.load("reload")
    assert not lab.gateway.listing("status")["degraded"]
    exchange(need(Curl)(), lab.client, server, account, "EPSV", size=SIZE)
    assert counted["xdp_forwarded"] > SIZE // SEGMENT
