# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""rp_filter: what it means to the host is what it means here.

The gateway has two links to the server, s1 and t1. What the server sends comes by t1;
the gateway's route to it decides whether that is right.
"""

import json

import pytest

from raw_frames import ACK, RST, frame, mac_of, send, tcp_packet
from lab import run, wait_until
from scenes import login, pick, single
from servers import Vsftpd
from service import Service
from slow import Transfer

pytestmark = pytest.mark.ftpnat

OFF, STRICT, LOOSE = 0, 1, 2
FAMILY = pytest.mark.parametrize("family,method", [("v4", "PASV"), ("v6", "EPSV")])
SERVER = {"v4": ("10.2.1.2", "10.3.1.2"), "v6": ("fd00:2:1::2", "fd00:3:1::2")}


class Scene:
    def __init__(self, make_lab, rp_filter):
        self.lab, self.server, self.dial = single(make_lab, Vsftpd, "keep")
        self.gw, server = self.lab.gw, self.lab.server
        run(["ip", "link", "add", "eth1", "netns", server.name, "type", "veth",
             "peer", "name", "t1", "netns", self.gw.name])
        self.gw.ip("addr add 10.3.1.1/24 dev t1", "addr add fd00:3:1::1/64 dev t1 nodad", "link set t1 up")
        server.ip("addr add 10.3.1.2/24 dev eth1", "addr add fd00:3:1::2/64 dev eth1 nodad", "link set eth1 up")
        server.sysctl("net/ipv4/conf/all/rp_filter", OFF)
        server.sysctl("net/ipv4/conf/all/arp_announce", 2)  # asks by addresses that the gateway answers
        self.answers_by("t1")
        self.filter(rp_filter)
        self.lab.gateway.reload({**self.lab.gateway.config, "xdp": "off", "interfaces": self.lab.interfaces + ["t1"]})

    def filter(self, rp_filter):
        for key in ("all", "c1", "s1", "t1"):
            self.gw.sysctl(f"net/ipv4/conf/{key}/rp_filter", rp_filter)

    def answers_by(self, interface):
        """The link that the server's packets take."""
        via4, via6 = {"s1": ("10.2.1.1", "fd00:2:1::1"), "t1": ("10.3.1.1", "fd00:3:1::1")}[interface]
        self.lab.server.ip(f"route replace default via {via4}", "route flush ::/0",
                           f"route replace ::/0 via {via6}")

    def route(self, family, *vias):
        """The gateway's way to the server."""
        hops = " ".join(f"nexthop via {via}" for via in vias)
        self.gw.ip(f"route replace {SERVER[family][0]}/{32 if family == 'v4' else 128} {hops}")

    def reason(self, name):
        return self.lab.gateway.reason(name)

    def received(self, interface):
        """Packets from the server, by this link."""
        done = self.gw.run(["ip", "-j", "-s", "link", "show", interface])
        return json.loads(done.stdout)[0]["stats64"]["rx"]["packets"]

    def transfer(self, family, method):
        with self.lab.client.inside():
            moved = Transfer(self.lab, self.server, self.dial, family, method, True, 100_000)
            moved.finish()
            moved.session.quit()


@FAMILY
@pytest.mark.parametrize("rp_filter", [OFF, LOOSE])
def test_asymmetric_routes(make_lab, family, method, rp_filter):
    scene = Scene(make_lab, rp_filter)
    scene.transfer(family, method)
    assert scene.reason("spoofed") == 0


@FAMILY
def test_asymmetric_routes_under_strict(make_lab, family, method):
    """The kernel would drop the server's packets, too."""
    scene = Scene(make_lab, STRICT)
    with scene.lab.client.inside(), pytest.raises(OSError):
        login(scene.lab.client, pick(scene.dial, family), scene.server, method).quit()
    assert scene.reason("spoofed") > 0


@FAMILY
def test_multipath_under_strict(make_lab, family, method):
    """Either link is right, whichever of them the route lookup names."""
    scene = Scene(make_lab, STRICT)
    scene.route(family, *SERVER[family])
    for link in ("t1", "s1"):
        scene.answers_by(link)
        for _ in range(4):
            scene.transfer(family, method)
    assert scene.reason("spoofed") == 0


@FAMILY
def test_route_changes_under_strict(make_lab, family, method):
    """In the middle of a file, both ways change to the other link."""
    scene = Scene(make_lab, STRICT)
    scene.answers_by("s1")
    with scene.lab.client.inside():
        moved = Transfer(scene.lab, scene.server, scene.dial, family, method, True, 10_000_000)
        for _ in range(100):
            moved.step()
        scene.route(family, SERVER[family][1])
        scene.answers_by("t1")
        before = scene.received("t1")
        moved.finish()
        moved.session.quit()
    assert scene.received("t1") - before > 20


@FAMILY
def test_forged_by_another_interface(make_lab, family, method):
    """A client's packets by the servers' link change nothing, and the session goes on."""
    scene = Scene(make_lab, STRICT)
    scene.answers_by("s1")
    with scene.lab.client.inside():
        session = login(scene.lab.client, pick(scene.dial, family), scene.server, method)
        port = session.sock.getsockname()[1]
    dialled, client = pick(scene.dial, family), scene.lab.client.address(family)
    forged = frame(mac_of(scene.gw, "t1"), *tcp_packet((client, port), (dialled, 21), RST | ACK))
    before = scene.reason("spoofed")
    with scene.lab.server.inside():
        send("eth1", forged)
    wait_until(lambda: scene.reason("spoofed") == before + 1, "the forged packet is refused")
    with scene.lab.client.inside():
        assert session.voidcmd("NOOP").startswith("2")
        session.quit()


def test_run_follows_rp_filter(make_lab):
    scene = Scene(make_lab, OFF)
    service = Service(scene.lab)
    scene.filter(STRICT)
    service.wait_log("interfaces, addresses or rp_filter have changed: reloading", "reloaded")
    with scene.lab.client.inside(), pytest.raises(OSError):
        login(scene.lab.client, scene.dial[0], scene.server, "PASV").quit()
    assert scene.reason("spoofed") > 0
