# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""TCP packets with every header field under control, right unless told otherwise."""

import struct
from dataclasses import dataclass, replace

from rawtcp import ACK, PSH, WINDOW, fold, packed, pseudo, total

URG = 32
ETH_P_8021Q, ETH_P_8021AD = 0x8100, 0x88A8
BROADCAST_MAC = "ff:ff:ff:ff:ff:ff"

# IPv6 extension headers
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION = 0, 43, 44, 51, 60

# TCP options
MD5, TCP_AO, FAST_OPEN = 19, 29, 34


@dataclass(frozen=True)
class Packet:
    source: tuple  # (address, port)
    destination: tuple
    seq: int = 0
    ack: int = 0
    flags: int = 0
    window: int = WINDOW
    urgent: int = 0
    options: bytes = b""  # TCP's, padded here
    payload: bytes = b""
    ttl: int = 64
    ip_options: bytes = b""  # IPv4's, padded here
    headers: tuple = ()  # IPv6 extension headers: (type, the bytes behind "next header")
    fragment: int = 0x4000  # IPv4: flags and offset
    tcp_error: int = 0  # added to the right checksum
    ip_error: int = 0
    offset: int = None  # TCP header length in words
    reserved: int = 0  # TCP's four reserved bits
    cut: int = None  # so many bytes of the IP payload, and no more
    tags: tuple = ()  # (EtherType, TCI)
    mac: str = None  # to which the frame goes

    def but(self, **changes):
        return replace(self, **changes)

    def _tcp(self):
        options = self.options + b"\0" * (-len(self.options) % 4)
        words = 5 + len(options) // 4 if self.offset is None else self.offset
        tcp = struct.pack("!HHIIBBHHH", self.source[1], self.destination[1], self.seq % 2**32,
                          self.ack % 2**32, words << 4 | self.reserved, self.flags, self.window, 0,
                          self.urgent) + options + self.payload
        check = fold(total(tcp) + pseudo(self.source[0], self.destination[0], 6, len(tcp)))
        check = (check + self.tcp_error) & 0xFFFF
        tcp = tcp[:16] + struct.pack("!H", check) + tcp[18:]
        return tcp[:self.cut]

    def build(self):
        """The packet from its IP header on."""
        if ":" in self.destination[0]:
            return self._build6()
        return self.build4(self._tcp())

    def build4(self, body):
        """IPv4, with this behind the header."""
        options = self.ip_options + b"\0" * (-len(self.ip_options) % 4)
        header = struct.pack("!BBHHHBBH", 0x40 | 5 + len(options) // 4, 0, 20 + len(options) + len(body),
                             0, self.fragment, self.ttl, 6, 0)
        header += packed(self.source[0]) + packed(self.destination[0]) + options
        check = (fold(total(header)) + self.ip_error) & 0xFFFF
        return header[:10] + struct.pack("!H", check) + header[12:] + body

    def _build6(self):
        body, kind = self._tcp(), 6
        for header, rest in reversed(self.headers):
            body, kind = bytes([kind]) + rest + body, header
        return struct.pack("!IHBB", 6 << 28, len(body), kind, self.ttl) + packed(
            self.source[0]) + packed(self.destination[0]) + body


def extension(kind):
    """An 8-byte extension header that says nothing."""
    return kind, b"\0\1\4\0\0\0\0"


def option(kind, value=b""):
    return struct.pack("BB", kind, len(value) + 2) + value


def timestamps(value, echo):
    return b"\1\1" + option(8, struct.pack("!II", value % 2**32, echo % 2**32))


def next_of(tcp, payload=b"", flags=ACK | PSH, **fields):
    """What this end would send next, in its own name."""
    own = {"source": tcp.local, "destination": tcp.remote, "seq": tcp.iss + 1 + len(tcp.sent),
           "ack": tcp.irs + 1 + len(tcp.got)}
    if tcp.timestamps:
        own["options"] = timestamps(tcp.clock + 1, tcp.echo)
    return Packet(flags=flags, payload=payload, **{**own, **fields})


def send(wire, packet):
    """One frame, by whomever is on this wire."""
    data = packet.build()
    wire.send_frame(data, packet.tags, packet.mac)
