# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The lab of the comparison: one client host, one server host, a gateway between.

The hosts' TCP is that of rawtcp.py, in this one thread, which stays on one CPU:
the gateway has then dealt with all that was sent before a marker when that marker
arrives. So "it never arrives" is an observation and no timeout, and whatever needs
a retransmission has failed where the case made none.
"""

import contextlib
import os
import select
from dataclasses import dataclass

from lab import LabError
from rawtcp import ACK, RST, SYN, Segment, Tcp, Wire, fold, icmp_error

CONTROL, FTP_DATA = 21, 20
MARKER_DEADLINE = 10
QUIET_ROUNDS = 3
FIRST_PORT, LAST_PORT = 30000, 0xff00 - 1


@dataclass(frozen=True)
class Rule:
    """A rule of the gateway, as the two hosts see it."""
    name: str
    client: str
    dial: str  # what the client dials
    server: str
    seen: str  # what the server sees as the client

    @property
    def publishes(self):
        return self.dial != self.server


# How an address line's length changes: masquerade, then 227 of publish.
GROW = Rule("masquerade", "10.1.1.7", "10.2.1.8", "10.2.1.8", "203.0.113.117")
SHRINK = Rule("masquerade", "10.1.1.207", "10.2.1.8", "10.2.1.8", "203.0.113.9")
GROW6 = Rule("masquerade IPv6", "fd00:1:1::7", "fd00:2:1::8", "fd00:2:1::8", "2001:db8:77::1234")
PUBLISH = Rule("publish", "10.1.1.31", "192.0.2.10", "10.2.1.8", "10.1.1.31")
EQUAL = Rule("publish", "10.1.1.31", "192.0.2.11", "10.2.1.101", "10.1.1.31")
PUBLISH6 = Rule("publish IPv6", "fd00:1:1::31", "2001:db8::10", "fd00:2:1::8", "fd00:1:1::31")
FULL = Rule("publish, full NAT", "10.1.1.31", "192.0.2.12", "10.2.1.9", "10.2.1.1")
SCANNED = Rule("publish", "10.1.1.32", "192.0.2.14", "10.2.1.10", "10.1.1.32")
HOST = Rule("masquerade", "10.1.1.2", "10.2.1.2", "10.2.1.2", "203.0.113.117")
HOST_PUBLISH = Rule("publish", "10.1.1.3", "192.0.2.13", "10.2.1.2", "10.1.1.3")
RULES = (GROW, SHRINK, GROW6, PUBLISH, EQUAL, PUBLISH6, FULL, SCANNED)

STRANGERS = {"v4": "10.1.1.150", "v6": "fd00:1:1::150"}  # on the client's side
OUTSIDERS = {"v4": "10.2.1.150", "v6": "fd00:2:1::150"}  # on the server's side
ROUTERS = {"v4": "10.2.1.254", "v6": "fd00:2:1::254"}  # on the server's side
NEAR_ROUTERS = {"v4": "10.1.1.254", "v6": "fd00:1:1::254"}
MARKERS = ("10.1.1.250", "10.2.1.250")


def family(address):
    return "v6" if ":" in address else "v4"


def end(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def configuration():
    listens = {}
    for rule in (PUBLISH, EQUAL, PUBLISH6, FULL, SCANNED, HOST_PUBLISH):
        listens[end(rule.dial, CONTROL)] = (end(rule.server, CONTROL), rule is FULL)
    publish = [{"name": f"p{i}", "listen": listen, "servers": [server],
                **({"source": "gateway"} if full else {})}
               for i, (listen, (server, full)) in enumerate(listens.items())]
    masquerade = [{"name": f"m{i}", "clients": f"{rule.client}/{128 if ':' in rule.client else 32}",
                   "to": rule.seen} for i, rule in enumerate((GROW, SHRINK, GROW6, HOST))]
    return {"publish": publish, "masquerade": masquerade}


class Failed(Exception):
    """What a correct gateway would not have done; the text is the observation."""


class World:
    wire_class, tcp_class = Wire, Tcp  # that the two hosts are made of

    def __init__(self, lab):
        self.lab = lab
        self.gateway = lab.gateway
        self._port = FIRST_PORT
        self._token = 0
        self._cpus = os.sched_getaffinity(0)
        client = {rule.client for rule in RULES} | {MARKERS[0], *STRANGERS.values(),
                                                    *NEAR_ROUTERS.values()}
        server = {rule.server for rule in RULES} | {MARKERS[1], *OUTSIDERS.values(),
                                                    *ROUTERS.values(), "10.2.1.99", "fd00:2:1::99"}
        self.near = self._wire(lab.client, client)
        self.far = self._wire(lab.server, server)
        for rule in (GROW, SHRINK):
            lab.gw.ip(f"addr add {rule.seen}/32 dev {lab.server.gw_interface}")
        lab.gw.ip(f"addr add {GROW6.seen}/128 dev {lab.server.gw_interface} nodad")
        for index in range(5):
            lab.vips(index)
        self._patient_hosts()
        self.gateway.up(configuration())
        os.sched_setaffinity(0, {min(self._cpus)})

    def _wire(self, node, addresses):
        gateway = self.lab.gw
        link = gateway.run(["ip", "-br", "link", "show", node.gw_interface]).stdout.split()
        wire = self.wire_class(node, link[2], addresses)
        node.sysctl("net/ipv4/ip_forward", 0)
        node.sysctl("net/ipv6/conf/all/forwarding", 0)
        gateway.ip(*(f"neigh replace {address} lladdr {wire.mac} dev {node.gw_interface} nud permanent"
                     for address in sorted(addresses)))
        return wire

    def _patient_hosts(self):
        """The hosts' own TCP resends nothing while a case runs."""
        for node in (self.lab.client, self.lab.server):
            node.sysctl("net/ipv4/tcp_early_retrans", 0)
            node.ip(f"route replace default via {node.gw4} rto_min 60s")
        self.lab.client.ip(f"addr add {HOST_PUBLISH.client}/24 dev eth0")

    def close(self):
        os.sched_setaffinity(0, self._cpus)
        self.near.close()
        self.far.close()

    def port(self):
        """A port that no case has used for long, always as long when written."""
        self._port += 1
        if self._port > LAST_PORT:
            self._port = FIRST_PORT
        if self._port & 255 < 100:
            self._port += 100
        return self._port

    @contextlib.contextmanager
    def idle_timeout(self, seconds):
        """Idle connections of control (and, in the kernel, all) are forgotten this soon."""
        if self.gateway.kind == "kernel":
            key = "net/netfilter/nf_conntrack_tcp_timeout_established"
            with self.lab.gw.inside(), open(f"/proc/sys/{key}") as file:
                before = file.read()
            self.lab.gw.sysctl(key, seconds)
            try:
                yield
            finally:
                self.lab.gw.sysctl(key, before)
            return
        self.gateway.reload({**configuration(), "timeouts": {"control": f"{seconds}s"}})
        try:
            yield
        finally:
            self.gateway.reload(configuration())

    # ---- waiting ----

    def round(self):
        """Waits for all that is on its way; how many segments came meanwhile."""
        self._token += 1
        count = 0
        for here, there, ends in ((self.near, self.far, MARKERS), (self.far, self.near, MARKERS[::-1])):
            here.mark(*ends, self._token)
            while self._token not in there.markers:
                if not select.select([self.near.socket, self.far.socket], [], [], MARKER_DEADLINE)[0]:
                    raise LabError("the lab lost a packet that is not FTP's")
                count += self.near.pump() + self.far.pump()
            there.markers.clear()
        return count

    def settle(self):
        quiet = 0
        while quiet < QUIET_ROUNDS:
            quiet = 0 if self.round() else quiet + 1

    def soon(self, condition):
        """Whether it comes true before nothing is on its way any more."""
        quiet = 0
        while not condition():
            if quiet == QUIET_ROUNDS:
                return False
            quiet = 0 if self.round() else quiet + 1
        return True

    # ---- connections ----

    def wire_of(self, address):
        return self.near if address in self.near.addresses else self.far

    def dial(self, source, destination, iss=None, timestamps=True):
        """A SYN between two (address, port): the Tcp that sent it and the SYN that arrived, or None."""
        wire = self.wire_of(source[0])
        other = self.far if wire is self.near else self.near
        if iss is None:
            iss = self.port() * 2654435761 % 2**31
        tcp = self.tcp_class(wire, source, destination, iss)
        tcp.timestamps = timestamps
        other.arrivals.clear()
        tcp.syn()
        arrived = []

        def condition():
            arrived.extend(syn for syn in other.arrivals if syn.seq == tcp.iss)
            return arrived
        self.soon(condition)
        return tcp, arrived[0] if arrived else None

    def answer(self, tcp, syn, iss):
        """The other end of what dial() began, the connection open on both."""
        other = self.far if tcp.wire is self.near else self.near
        peer = self.tcp_class(other, syn.destination, syn.source, iss)
        peer.accept(syn)
        if not self.soon(lambda: tcp.is_open and peer.is_open):
            raise Failed("the connection's handshake does not get through")
        return peer

    def reach(self, source, destination):
        """(source, destination) of a SYN as it arrived; None when it did not."""
        tcp, syn = self.dial(source, destination)
        if syn:  # nothing of it must stay behind
            reset = Segment(syn.destination, syn.source, 0, (syn.seq + 1) % 2**32, RST | ACK)
            self.wire_of(syn.destination[0]).send(reset.build())
            self.settle()
        tcp.close()
        return (syn.source, syn.destination) if syn else None

    def scan(self, source, address):
        """All 65535 ports of an address: those whose SYN came to the server."""
        found, base = set(), 1 << 24
        self.far.arrivals.clear()
        packet = bytearray(Segment((source, 1999), (address, 0), base, 0, SYN).build())
        check = 0xFFFF ^ int.from_bytes(packet[36:38], "big")
        for port in range(1, 65536):
            packet[22:24] = packet[26:28] = port.to_bytes(2, "big")
            packet[36:38] = fold(check + 2 * port).to_bytes(2, "big")
            self.near.send(bytes(packet))
            if port % 256 == 0:
                self.near.drain()
        self.settle()
        for syn in self.far.arrivals:
            found.add(syn.seq - base)
            reset = Segment(syn.destination, syn.source, 0, (syn.seq + 1) % 2**32, RST | ACK)
            self.far.send(reset.build())
        self.far.arrivals.clear()
        self.settle()
        return found

    def icmp(self, router, segment, kind, mtu=0):
        """A router's error about a segment that it saw; the error that the sender gets, or None."""
        wire = self.wire_of(router)
        other = self.far if wire is self.near else self.near
        other.errors.clear()
        wire.send(icmp_error(router, segment, kind, mtu))
        return other.errors[0] if self.soon(lambda: other.errors) else None
