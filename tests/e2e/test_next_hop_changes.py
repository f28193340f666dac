# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The route to the server changes during a transfer: routes, neighbours, interfaces.

The gateway has two links to the server, s1 and t1, and the server's address is behind
both. What the client sends goes by the one that the routes name; what it gets comes by t1.
"""

import contextlib
import json

import pytest

from fast import Counted, moves_until, prepare, prepare_end, switch
from lab import run
from scenes import single
from servers import Vsftpd
from slow import Transfer

pytestmark = pytest.mark.ftpnat

PATH = pytest.mark.parametrize("path", ["forwarded", "xdp_forwarded"])
WAY = pytest.mark.parametrize("family,method,up", [("v4", "PASV", True), ("v4", "PORT", False),
                                                   ("v6", "EPSV", True)])
PACKETS = 100
# Retransmission timeouts are 0.2 s, 0.4 s, 0.8 s, ...: a fourth means 1.4 s without a packet through.
TIMEOUTS = 3
PREFIX = {"v4": ("10.2.1.0/24", "10.2.1.2", "10.3.1.2"), "v6": ("fd00:2:1::/64", "fd00:2:1::2", "fd00:3:1::2")}


class Scene:
    def __init__(self, make_lab, path):
        self.lab, self.server, self.dial = single(make_lab, Vsftpd, "keep")
        gw, server = self.lab.gw, self.lab.server
        run(["ip", "link", "add", "eth1", "netns", server.name, "type", "veth",
             "peer", "name", "t1", "netns", gw.name])
        gw.ip("addr add 10.3.1.1/24 dev t1", "addr add fd00:3:1::1/64 dev t1 nodad", "link set t1 up")
        server.ip("addr add 10.3.1.2/24 dev eth1", "addr add fd00:3:1::2/64 dev eth1 nodad",
                  "link set eth1 up", "route replace default via 10.3.1.1",
                  "route replace ::/0 via fd00:3:1::1")
        for node in (gw, server):
            node.sysctl("net/ipv4/conf/all/rp_filter", 0)
        gw.sysctl("net/ipv6/conf/s1/keep_addr_on_down", 1)
        for node in (self.lab.client, server):  # little room: a slow reader slows the writer
            for key in ("tcp_rmem", "tcp_wmem"):
                node.sysctl(f"net/ipv4/{key}", "4096 16384 16384")
        self.xdp = path == "xdp_forwarded"
        self.path = path
        if self.xdp:
            prepare(self.lab)
            prepare_end(server, "eth1")
        switch(self.lab, "native" if self.xdp else "off", interfaces=self.lab.interfaces + ["t1"])

    @contextlib.contextmanager
    def moving(self, family, method, up, timeouts=None):
        """A transfer, through s1 first; `timeouts`: at most so many at its sender."""
        with self.lab.client.inside():
            self.transfer = Transfer(self.lab, self.server, self.dial, family, method, up, size=20_000_000)
            self.moves_by("eth0")
            before = self.timeouts()
            yield
            assert timeouts is None or self.timeouts() - before <= timeouts
            self.transfer.finish()
            self.transfer.session.quit()

    def received(self, interface):
        done = self.lab.server.run(["ip", "-j", "-s", "link", "show", interface])
        return json.loads(done.stdout)[0]["stats64"]["rx"]["packets"]

    def moves_by(self, interface, deadline=30.0):
        """Moves the file until the server gets its packets there, by the path of the test."""
        start, counted = self.received(interface), Counted(self.lab)
        moves_until(self.transfer,
                    lambda: self.received(interface) - start >= PACKETS and counted[self.path] >= PACKETS,
                    f"packets reach {interface} by {self.path}", deadline)

    def timeouts(self):
        """Of the end that sends the file."""
        node = self.lab.client if self.transfer.up else self.lab.server
        return node.counters()["TCPTimeouts"]


@PATH
@WAY
def test_route_changes(make_lab, path, family, method, up):
    """To another gateway on another interface, and back; both ways work."""
    scene = Scene(make_lab, path)
    _, server, via = PREFIX[family]
    with scene.moving(family, method, up, TIMEOUTS):
        scene.lab.gw.ip(f"route add {server} via {via}")
        scene.moves_by("eth1")
        scene.lab.gw.ip(f"route del {server} via {via}")
        scene.moves_by("eth0")


@PATH
@WAY
def test_interface_goes_down_and_comes_back(make_lab, path, family, method, up):
    scene = Scene(make_lab, path)
    prefix, _, via = PREFIX[family]
    scene.lab.gw.ip(f"route add {prefix} via {via} metric 5000")
    with scene.moving(family, method, up):
        before = scene.timeouts()
        scene.lab.gw.ip("link set s1 down")
        scene.moves_by("eth1")
        assert scene.timeouts() - before <= TIMEOUTS
        scene.lab.gw.ip("link set s1 up")
        scene.moves_by("eth0")


def change_mac(node, interface):
    mac = "02:00:00:00:77:01"
    node.ip(f"link set {interface} address {mac}")
    return mac


@PATH
@WAY
def test_neighbour_changes(make_lab, path, family, method, up):
    """The gateway is told the server's new address at once."""
    scene = Scene(make_lab, path)
    _, server, _ = PREFIX[family]
    with scene.moving(family, method, up, TIMEOUTS):
        mac = change_mac(scene.lab.server, "eth0")
        scene.lab.gw.ip(f"neigh replace {server} lladdr {mac} dev s1 nud permanent")
        scene.moves_by("eth0")


@PATH
@WAY
def test_neighbour_changes_unannounced(make_lab, path, family, method, up):
    """The gateway has to find out, as for any traffic: the neighbour layer learns that the entry is in use."""
    scene = Scene(make_lab, path)
    version = "ipv4" if family == "v4" else "ipv6"
    for key, value in (("base_reachable_time_ms", 500), ("delay_first_probe_time", 1),
                       ("retrans_time_ms", 200), ("ucast_solicit", 1)):
        scene.lab.gw.sysctl(f"net/{version}/neigh/s1/{key}", value)
    # nothing that the server sends may tell the gateway
    scene.lab.server.ip("neigh replace 10.2.1.1 lladdr 02:00:00:00:77:77 dev eth0 nud permanent",
                        "neigh replace fd00:2:1::1 lladdr 02:00:00:00:77:77 dev eth0 nud permanent")
    with scene.moving(family, method, up):
        scene.transfer.data.settimeout(60)
        change_mac(scene.lab.server, "eth0")
        scene.moves_by("eth0", 60.0)
