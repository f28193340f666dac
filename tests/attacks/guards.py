# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The guard fails closed: what may be a SYN in any disguise is one (RFC 1858, RFC 3128, RFC 7112)."""

import struct

from attacks import GUARD, attack
from forge import AUTHENTICATION, DESTINATION, ETH_P_8021AD, ETH_P_8021Q, FRAGMENT, HOP_BY_HOP, Packet, extension
from ground import TRACK, TRACK6
from rawtcp import FIN, PSH, SYN, ip_header
from sources import EVERY
from world import FTP_DATA, Failed

WANTED = 3306
ATTACKER = "either link, its own address"
MORE = 0x2000  # IPv4: more fragments
URG, ECE, CWR = 0x20, 0x40, 0x80
SIDES = {"to a server": True, "to a client": False}


def _sent(s, inwards, **fields):
    """A SYN to a host behind the guard, by plain routing."""
    host, victim = (s.rule.client, s.rule.server) if inwards else (s.rule.server, s.rule.client)
    return (s.near if inwards else s.far), (s.far if inwards else s.near), Packet(
        (host, s.world.port()), (victim, WANTED), seq=1, flags=SYN, options=b"\2\4\5\xa0").but(**fields)


def _stopped(s, inwards, packets, into):
    """Not all of them arrive: nobody could make a SYN of them."""
    wire, other, _ = _sent(s, inwards)
    other.seen.clear()
    came = other.raw_from(packets[0].source[0])
    s.inject(wire, *packets)
    arrived = other.raw_from(packets[0].source[0]) - came
    if arrived >= len(packets):
        raise Failed(f"{into} arrives")


DISGUISES = {
    "none": {}, "FIN too": {"flags": SYN | FIN}, "PSH too": {"flags": SYN | PSH}, "URG too": {"flags": SYN | URG, "urgent": 1},
    "ECN": {"flags": SYN | ECE | CWR}, "all but ACK and RST": {"flags": SYN | FIN | PSH | URG | ECE | CWR},
    "reserved bits": {"reserved": 15}, "data": {"payload": b"GET / HTTP/1.0\r\n\r\n"},
    "priority tag": {"tags": ((ETH_P_8021Q, 0),)}, "priority tag 7": {"tags": ((ETH_P_8021Q, 0xE000),)},
    "802.1ad tag": {"tags": ((ETH_P_8021AD, 0),)},
    "two tags": {"tags": ((ETH_P_8021AD, 0), (ETH_P_8021Q, 0))}, "two 802.1Q tags": {"tags": ((ETH_P_8021Q, 0), (ETH_P_8021Q, 0))},
}


@attack(GUARD, "SYN disguised by", ATTACKER, "A new connection that nothing announced stops at the guard.", (TRACK, TRACK6),
        {f"{name}, {side}": (fields, inwards) for name, fields in DISGUISES.items() for side, inwards in SIDES.items()})
def disguised(s, fields, inwards):
    _stopped(s, inwards, [_sent(s, inwards, **fields)[2]], "the SYN")


@attack(GUARD, "SYN from port 20", ATTACKER, "Port 20 opens nothing by itself.", (TRACK, TRACK6),
        {f"to port {port}": (port,) for port in (22, 80, 1024, 65535)})
def from_port_20(s, port):
    _stopped(s, False, [_sent(s, False, source=(s.rule.server, FTP_DATA), destination=(s.rule.client, port))[2]], "the SYN")


@attack(GUARD, "SYN behind IPv4 options,", ATTACKER, "Options move the TCP header; they do not hide it.", (TRACK,),
        {f"{length} bytes, {side}": (length, inwards) for length in (4, 20, 40) for side, inwards in SIDES.items()})
def options(s, length, inwards):
    _stopped(s, inwards, [_sent(s, inwards, ip_options=b"\1" * length)[2]], "the SYN")


CHAINS = {
    **{f"{count} destination options": (extension(DESTINATION),) * count for count in (1, 7, 8, 9, 16, 40)},
    "hop-by-hop": (extension(HOP_BY_HOP),),
    "hop-by-hop and 8 more": (extension(HOP_BY_HOP),) + (extension(DESTINATION),) * 8,
    "an authentication header": ((AUTHENTICATION, b"\1\0\0" + bytes(8)),),
    "a long option header": ((DESTINATION, b"\x1e\1\xf6" + bytes(244)),),
    "an atomic fragment": ((FRAGMENT, bytes(7)),),
    "9 options and an atomic fragment": (extension(DESTINATION),) * 9 + ((FRAGMENT, bytes(7)),),
}


@attack(GUARD, "SYN behind IPv6 extension headers,", ATTACKER, "Where the chain ends unread, the packet stops (RFC 7112).", (TRACK6,),
        {f"{name}, {side}": (chain, inwards) for name, chain in CHAINS.items() for side, inwards in SIDES.items()})
def chained(s, chain, inwards):
    _stopped(s, inwards, [_sent(s, inwards, headers=chain)[2]], "the SYN")


class Raw:
    """Bytes of a packet, to be sent as they are."""

    tags, mac = (), None

    def __init__(self, packet, source):
        self.packet, self.source = packet, source

    def build(self):
        return self.packet


def _fragments(packet, cuts, identifier=4711):
    """The packet's IP payload in pieces, each of `cuts` a (from, to) in bytes."""
    whole = packet.build()
    six = ":" in packet.source[0]
    start = 40 if six else ip_header(whole)[3]
    body = whole[start:]
    result = []
    for begin, finish in cuts:
        piece, last = body[begin:finish], finish is None or finish >= len(body)
        if six:
            data = struct.pack("!BBHI", whole[6], 0, begin | (not last), identifier) + piece
            result.append(Raw(whole[:4] + struct.pack("!HB", len(data), FRAGMENT) + whole[7:40] + data, packet.source))
        else:
            result.append(Raw(packet.but(fragment=begin >> 3 | (0 if last else MORE)).build4(piece), packet.source))
    return result


FRAGMENTS = {
    "flags in the second": ((0, 8), (8, None)),
    "no TCP header in the first, zero bytes": ((0, 0), (0, None)),
    "one byte in the first": ((0, 1), (0, None)),
    "flags overwritten by a second at 8": ((0, 16), (8, None)),
    "in three": ((0, 8), (8, 16), (16, None)),
    "the second first": ((8, None), (0, 8)),
}


@attack(GUARD, "SYN in fragments,", ATTACKER, "No set of fragments makes a SYN behind the guard.", (TRACK, TRACK6),
        {f"{name}, {side}": (cuts, inwards) for name, cuts in FRAGMENTS.items() for side, inwards in SIDES.items()})
def fragmented(s, cuts, inwards):
    _, _, packet = _sent(s, inwards, payload=b"x" * 8)
    _stopped(s, inwards, _fragments(packet, cuts), "each fragment")


@attack(GUARD, "SYN in fragments behind extension headers,", ATTACKER, "RFC 7112: the first fragment has the whole chain.", (TRACK6,),
        {f"{count} in front, {side}": (count, inwards) for count in (1, 8, 9, 20) for side, inwards in SIDES.items()})
def fragmented_chain(s, count, inwards):
    """The first fragment holds destination options only, the TCP header is in the second."""
    _, _, packet = _sent(s, inwards, headers=(extension(DESTINATION),) * count)
    _stopped(s, inwards, _fragments(packet, ((0, 8 * count), (8 * count, None))), "each fragment")


# ---- the same tags on what belongs to a rule ----

TAGS = {"802.1Q": ((ETH_P_8021Q, 0xA000),), "802.1ad": ((ETH_P_8021AD, 0),)}


@attack(GUARD, "client with priority-tagged frames,", "nobody: a client with QoS",
        "The kernel takes VLAN 0 as no VLAN; the session works.", EVERY, {name: (tags,) for name, tags in TAGS.items()}, connect=False)
def tagged_client(s, tags):
    s.near.tags = tags
    try:
        s.connect()
        s.works()
    finally:
        s.near.tags = ()
