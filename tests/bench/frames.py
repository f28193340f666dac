# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Frames of the generator: headers as it wants them, and what became of them."""

import socket
import struct

MARK = 0xbe9c
HEADER = 54  # Ethernet, IPv4 and TCP without options
HEADER_V6 = 74
SIZES = {64: 60, 1500: 1514}  # frame with FCS, and packet in the largest frame -> bytes in memory
SYN, PSH, ACK = 0x02, 0x08, 0x10

# BENCH_* of frame.h
SADDR_HIGH, SPORT_HIGH, SPORT_LOW, DPORT_HIGH, DPORT_LOW = 1, 2, 4, 8, 16


def mac(node, interface):
    line = node.run(["ip", "-br", "link", "show", interface]).stdout
    return bytes.fromhex(line.split()[2].replace(":", ""))


def headers(macs, source, destination, seq, ack, flags):
    """Ethernet, IP, TCP, with all checksums zero. macs: (to, from); ends: (address, port), of one family."""
    tcp = struct.pack("!HHIIBBHHH", source[1], destination[1], seq & 0xffffffff, ack & 0xffffffff,
                      0x50, flags, 65535, 0, MARK)  # without URG it means nothing
    if ":" in source[0]:
        kind = b"\x86\xdd"
        ip = struct.pack("!IHBB", 6 << 28, 0, socket.IPPROTO_TCP, 64)
        ip += b"".join(socket.inet_pton(socket.AF_INET6, end[0]) for end in (source, destination))
    else:
        kind = b"\x08\x00"
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, MARK, 0x4000, 64, socket.IPPROTO_TCP, 0,
                         socket.inet_aton(source[0]), socket.inet_aton(destination[0]))
    return macs[0] + macs[1] + kind + ip + tcp


def template(header, vary=0, payload=b""):
    """A line for `traffic`; with payload, at most BENCH_PAYLOAD bytes, for IPv4."""
    return f"{vary} {(header + payload).hex()}\n"


def template_length(line):
    """Of its headers, in bytes: a frame is at least as long."""
    return len(line.split()[1]) // 2


def is_v6(header):
    return header[12:14] == b"\x86\xdd"


def ttl(header):
    return header[21] if is_v6(header) else header[22]


def ends(header):
    """((source, port), (destination, port)) of a frame."""
    if is_v6(header):
        sport, dport = struct.unpack("!HH", header[54:58])
        return ((socket.inet_ntop(socket.AF_INET6, header[22:38]), sport),
                (socket.inet_ntop(socket.AF_INET6, header[38:54]), dport))
    sport, dport = struct.unpack("!HH", header[34:38])
    return (socket.inet_ntoa(header[26:30]), sport), (socket.inet_ntoa(header[30:34]), dport)


def acknowledged(header):
    """The number that an IPv4 frame acknowledges."""
    return struct.unpack("!I", header[42:46])[0]


def _folded(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def sane(header):
    """Are the checksums right, if the payload is all zero?"""
    if is_v6(header):
        pseudo = header[22:54] + header[18:20] + struct.pack("!H", socket.IPPROTO_TCP)
        return _folded(pseudo + header[54:74]) == 0xffff
    length = struct.unpack("!H", header[16:18])[0] - 20
    pseudo = header[26:34] + struct.pack("!HH", socket.IPPROTO_TCP, length)
    return _folded(header[14:34]) == 0xffff and _folded(pseudo + header[34:54]) == 0xffff

