# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Flows and other entries, put into the maps of a running dataplane by hand."""

import ctypes
import ipaddress
import json
import os
import struct
import time

from loader_host import sh
from tcx import bpf

CONTROL, DATA = 0, 1
CLIENT, ACTIVE = 0x01, 0x02
OBJ_GET, UPDATE_BATCH = 7, 26
SYN, ACK, FIN, RST, TOLD = 0x01, 0x02, 0x04, 0x08, 0x40


def address(text):
    ip = ipaddress.ip_address(text)
    return ip.packed if ip.version == 6 else b"\0" * 10 + b"\xff\xff" + ip.packed


def end(text):
    host_part, port = text.rsplit(":", 1)
    return address(host_part.strip("[]")), struct.pack("!H", int(port))


def tuple_bytes(source, destination):
    (src, sport), (dst, dport) = end(source), end(destination)
    return src + dst + sport + dport


def put(host, name, key, value):
    sh("bpftool", "map", "update", "pinned", os.path.join(host.pin, name), "key", "hex",
       *key.hex(" ").split(), "value", "hex", *value.hex(" ").split())


def put_all(host, name, keys, values, number):
    """Many entries by one system call."""
    path = ctypes.create_string_buffer(os.path.join(host.pin, name).encode())
    fd = bpf(OBJ_GET, struct.pack("=QII", ctypes.addressof(path), 0, 0))
    try:
        keys, values = ctypes.create_string_buffer(keys), ctypes.create_string_buffer(values)
        bpf(UPDATE_BATCH, struct.pack("=QQQQIIQQ", 0, 0, ctypes.addressof(keys), ctypes.addressof(values), number, fd, 0, 0))
    finally:
        os.close(fd)


def put_flow(host, key, to, *, kind=CONTROL, flags=0, tcp=SYN | ACK, packets=0, size=0,
             created=0, seen=0, rule=0, session=1):
    value = struct.pack("=QQ8x36sIII4xIH4xBB4xI", packets, size, tuple_bytes(*to), session, created, seen, seen,
                        rule, kind, flags, tcp)
    put(host, "ftpnat_flows", tuple_bytes(*key), value)


def put_connection(host, client, public, source, real, *, out=(0, 0), back=(0, 0),
                   tcp=(SYN | ACK, SYN | ACK), flags=0, **options):
    put_flow(host, (client, public), (source, real), flags=CLIENT | flags, tcp=tcp[0],
             packets=out[0], size=out[1], **options)
    put_flow(host, (real, source), (public, client), flags=flags, tcp=tcp[1],
             packets=back[0], size=back[1], **options)


def put_expected(host, peer, public, source, real, *, client=None, session=1, age=0, rule=0, mode=0):
    """The peer may connect to `public`; it will reach `real` from `source`, port 0 where it may keep its own."""
    (src, sport), (dst, dport) = end(source), end(real)
    value = struct.pack("=16s16s2s2sIIHBB16sI4x", src, dst, sport, dport, session, int(time.monotonic()) - age,
                        rule, mode, 0, address(client or peer), 0)
    put(host, "ftpnat_expected", address(peer) + b"".join(end(public)) + b"\0\0", value)


def put_served(host, server, present, opened, rule=0):
    """So many control connections, and of these so many that both ends have answered."""
    addr, port = end(server)
    put(host, "ftpnat_served", addr + struct.pack("=H", rule) + port, struct.pack("=ii", present, opened))


def value_size(host, name):
    return json.loads(sh("bpftool", "-j", "map", "show", "pinned", os.path.join(host.pin, name)).stdout)["bytes_value"]


def put_usage(host, control=0, data=0, expected=0):
    """So many entries in each table; the counts of the rules, which follow them, are 0."""
    value = struct.pack("=4I", control, data, expected, 0).ljust(value_size(host, "ftpnat_usage"), b"\0")
    put(host, "ftpnat_usage", struct.pack("=I", 0), value)
