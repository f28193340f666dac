# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""mark and dscp: what a firewall, routing rules, tc and the hosts see of a rule's packets."""

import json
import socket

import pytest

import fast
from clients import CLIENTS, Account
from lab import run, wait_until
from scenes import exchange, login, masquerade, need, pick, publish, single
from servers import Vsftpd
from test_guard import METHODS, dials, listen, track

pytestmark = pytest.mark.ftpnat

MARK = 0x10
ND = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept"


def nft(node, text):
    node.run(["nft", "-f", "-"], input=text)


def counted(node, name):
    """Packets of a named counter of `inet fw`."""
    answer = json.loads(node.run(["nft", "-j", "list", "counter", "inet", "fw", name]).stdout)
    return next(entry["counter"]["packets"] for entry in answer["nftables"] if "counter" in entry)


def transfers(lab, server, addresses, methods=METHODS):
    tool = need(CLIENTS["ftplib"])()
    for family, method in methods:
        exchange(tool, lab.client, server, Account(pick(addresses, family), server), method)


# ---- mark ----

@pytest.mark.parametrize("mark, accept", [("0x10", "meta mark 0x10"),
                                          ("0x10/0xff", "meta mark & 0xff == 0x10")])
def test_a_filter_accepts_what_belongs_to_sessions(make_lab, mark, accept):
    """Nothing passes the gateway's filter but what has the mark: no conntrack, no open ports."""
    lab = make_lab()
    server = need(Vsftpd)(lab.server).start()
    listen(lab.server, 8080)
    nft(lab.gw, f"""
table inet fw {{
    counter refused {{ }}
    chain forward {{
        type filter hook forward priority filter; policy drop;
        {accept} accept
        {ND}
        counter name refused
    }}
}}""")
    lab.gateway.up({"track": track()})
    with lab.client.inside(), pytest.raises(OSError):
        socket.create_connection((lab.server.ip4, 21), timeout=2).close()
    lab.gateway.reload({"track": track(mark=mark)})
    transfers(lab, server, server.addresses)
    before = counted(lab.gw, "refused")
    assert not dials(lab.client, lab.server.ip4, 8080)  # of no session
    assert counted(lab.gw, "refused") > before
    lab.gateway.reload({"track": track()})
    with lab.client.inside(), pytest.raises(OSError):
        socket.create_connection((lab.server.ip4, 21), timeout=2).close()


@pytest.mark.parametrize("family", ["v4", "v6"])
def test_a_filter_accepts_errors_about_marked_connections(make_lab, family):
    """As `ct state related` does, or a path MTU would never be found; not what quotes anything."""
    lab = make_lab()
    server = need(Vsftpd)(lab.server).start()
    nft(lab.gw, f"""
table inet fw {{
    counter errors {{ }}
    counter others {{ }}
    chain forward {{
        type filter hook forward priority filter; policy drop;
        meta mark {MARK} meta l4proto {{ icmp, icmpv6 }} counter name errors accept
        meta l4proto {{ icmp, icmpv6 }} counter name others
        meta mark {MARK} accept
    }}
}}""")
    lab.gateway.up({"track": track(mark=MARK)})
    with lab.client.inside(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as tap:
        tap.settimeout(10)
        session = login(lab.client, pick(server.addresses, family), server)
        quoted = bytearray(_packet_from(tap, 21)[:28 if family == "v4" else 48])
        _too_big(pick(server.addresses, family), family, quoted)
        wait_until(lambda: counted(lab.gw, "errors") == 1, "the error passes")
        assert counted(lab.gw, "others") == 0
        quoted[-1] ^= 0x80
        quoted[-4] ^= 0x40  # far from what is in flight
        _too_big(pick(server.addresses, family), family, quoted)
        wait_until(lambda: counted(lab.gw, "others") == 1, "the invented one has no mark")
        assert counted(lab.gw, "errors") == 1
        session.quit()


def _packet_from(tap, port):
    """The next IP packet that comes from this TCP port."""
    while True:
        frame = tap.recv(65536)
        tcp = {b"\x08\x00": 34, b"\x86\xdd": 54}.get(frame[12:14])
        if tcp and int.from_bytes(frame[tcp:tcp + 2], "big") == port:
            return frame[14:]


def _too_big(to, family, quoted):
    """Fragmentation needed, or packet too big, for 1400 bytes."""
    message = bytearray((b"\3\4" if family == "v4" else b"\2\0") + bytes(2) + (1400).to_bytes(4, "big") + quoted)
    if family == "v4":
        message[2:4] = (0xffff - _sum(message)).to_bytes(2, "big")
        kind = (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    else:  # the kernel fills in its checksum
        kind = (socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    with socket.socket(*kind) as raw:
        raw.sendto(message, (to, 0))


def test_the_gateways_own_server(make_lab):
    """Its filter sees the translated packets, on their way up the stack."""
    lab = make_lab()
    server = need(Vsftpd)(lab.gw, addresses=(lab.server.gw4, lab.server.gw6), port=2021).start()
    vips = lab.vips()
    nft(lab.gw, f"""
table inet fw {{
    chain input {{
        type filter hook input priority filter; policy drop;
        iif lo accept
        meta mark {MARK} accept
        {ND}
    }}
}}""")
    rule = publish("files", vips, [server])
    lab.gateway.up({"publish": [dict(rule, mark=MARK)]})
    transfers(lab, server, vips)
    assert not dials(lab.client, vips[0], 22)
    lab.gateway.reload({"publish": [rule]})
    with lab.client.inside(), pytest.raises(OSError):
        socket.create_connection((vips[0], 21), timeout=2).close()


@pytest.mark.parametrize("kind", ["keep", "full", "masquerade"])
def test_routing_rules(make_lab, kind):
    """Only what has the mark finds a route to the server (Linux 6.10 and later)."""
    release = tuple(map(int, run(["uname", "-r"]).stdout.split(".")[:2]))
    if release < (6, 10):
        pytest.skip("the kernel's route lookup for programs knows no mark before Linux 6.10")
    lab, server, addresses = single(make_lab, Vsftpd, kind, rule={"mark": MARK})
    for option, host, astray in (("-4", lab.server.ip4, lab.client.ip4), ("-6", lab.server.ip6, lab.client.ip6)):
        lab.gw.run(["ip", option, "route", "add", "default", "via", astray, "table", "100"])
        lab.gw.run(["ip", option, "rule", "add", "pref", "10", "to", host, "fwmark", str(MARK), "lookup", "main"])
        lab.gw.run(["ip", option, "rule", "add", "pref", "20", "to", host, "lookup", "100"])
    transfers(lab, server, addresses)
    for option in ("-4", "-6"):
        lab.gw.run(["ip", option, "rule", "del", "pref", "10"])
    with lab.client.inside(), pytest.raises(OSError):
        socket.create_connection((addresses[0], 21), timeout=2).close()


# ---- dscp ----

class Classes:
    """DSCP and ECN of the FTP packets that the node gets."""

    def __init__(self, node):
        self.node = node

    def __enter__(self):
        with self.node.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
            self.socket.setblocking(False)
        return self

    def __exit__(self, *exc):
        self.socket.close()

    def seen(self):
        """{(family, is control, DSCP)} of all TCP packets that came in."""
        found = set()
        while True:
            try:
                frame, where = self.socket.recvfrom(65536)
            except BlockingIOError:
                return found
            if where[2] == socket.PACKET_OUTGOING or where[0] == "lo":
                continue
            if frame[12:14] == b"\x08\x00" and frame[23] == 6:
                assert _sum(frame[14:34]) == 0xffff, "the IP checksum is wrong"
                found.add(("v4", 21 in _ports(frame, 34), frame[15] >> 2))
            elif frame[12:14] == b"\x86\xdd" and frame[20] == 6:
                found.add(("v6", 21 in _ports(frame, 54), int.from_bytes(frame[14:16], "big") >> 6 & 63))


def _ports(frame, at):
    return {int.from_bytes(frame[at:at + 2], "big"), int.from_bytes(frame[at + 2:at + 4], "big")}


def _sum(header):
    total = sum(int.from_bytes(header[i:i + 2], "big") for i in range(0, len(header), 2))
    total = (total & 0xffff) + (total >> 16)
    return (total & 0xffff) + (total >> 16)


def every(dscp):
    return {(family, control, dscp) for family in ("v4", "v6") for control in (True, False)}


@pytest.mark.parametrize("kind", ["keep", "full", "masquerade", "track", "xdp"])
def test_dscp(make_lab, kind):
    config = {"xdp": "native" if kind == "xdp" else "off"}
    if kind == "track":
        lab = make_lab()
        server = need(Vsftpd)(lab.server).start()
        addresses = server.addresses
        lab.gateway.up({"track": track(dscp="af11"), **config})
    else:
        lab, server, addresses = single(make_lab, Vsftpd, "keep" if kind == "xdp" else kind,
                                        rule={"dscp": "af11"}, config=config)
    if kind == "xdp":
        fast.prepare(lab)
        lab.gateway.reload(lab.gateway.config)
        assert set(fast.modes(lab).values()) == {"native"}
    with Classes(lab.client) as near, Classes(lab.server) as far:
        transfers(lab, server, addresses, [("v4", "EPSV"), ("v4", "PORT"), ("v6", "EPSV"), ("v6", "EPRT")])
        assert near.seen() == far.seen() == every(10)
    if kind == "xdp":
        assert lab.gateway.stats()["reasons"]["xdp_forwarded"] > 0
    if kind in ("keep", "xdp"):
        lab.gateway.reload({"publish": [publish("files", addresses, [server])], **config})
    elif kind == "masquerade":
        lab.gateway.reload({"masquerade": masquerade("lan"), **config})
    else:
        return
    with Classes(lab.client) as near, Classes(lab.server) as far:
        transfers(lab, server, addresses, [("v4", "EPSV"), ("v6", "EPSV")])
        assert {dscp for _, _, dscp in near.seen() | far.seen()} <= {0, 2}  # vsftpd asks for throughput
