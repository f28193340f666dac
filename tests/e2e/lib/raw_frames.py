# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Frames that no stack would send: TCP packets with any source, tags in front of them."""

import ipaddress
import socket
import struct

SYN, RST, ACK = 0x02, 0x04, 0x10
IPV4, IPV6, QINQ, VLAN = 0x0800, 0x86DD, 0x88A8, 0x8100


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tcp_packet(source, target, flags, seq=1, ack=1):
    """(ethertype, IP packet); source and target: (address, port)."""
    (src, sport), (dst, dport) = source, target
    src, dst = ipaddress.ip_address(src).packed, ipaddress.ip_address(dst).packed
    header = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 65535, 0, 0)
    length = struct.pack("!HH", 0, len(header)) if len(src) == 16 else struct.pack("!H", len(header))
    proto = b"\0\0\0\6" if len(src) == 16 else b"\0\6"
    pseudo = src + dst + (length + proto if len(src) == 16 else proto + length)
    header = header[:16] + struct.pack("!H", checksum(pseudo + header)) + header[18:]
    if len(src) == 16:
        return IPV6, struct.pack("!IHBB", 6 << 28, len(header), 6, 64) + src + dst + header
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(header), 0, 0, 64, 6, 0) + src + dst
    return IPV4, ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + header


def frame(mac, ethertype, packet, tags=()):
    """To this MAC address, from another; tags: (ethertype, TCI), the outer one first."""
    head = bytes.fromhex(mac.replace(":", "")) + bytes.fromhex("020000000099")
    for kind, tci in tags:
        head += struct.pack("!HH", kind, tci)
    return head + struct.pack("!H", ethertype) + packet


def send(interface, data):
    """From the namespace that this thread is in."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((interface, 0))
        raw.send(data)


def mac_of(node, interface):
    return node.run(["ip", "-br", "link", "show", interface]).stdout.split()[2]
