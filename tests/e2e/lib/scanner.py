# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A port scanner, by SYNs."""

import contextlib
import random
import select
import socket
import struct
import time

from lab import DEADLINE
from scenes import pick

BATCH = 512
SYN, RST, ACK = 2, 4, 16
SO_RCVBUFFORCE = 33
IPV6_CHECKSUM = 7


def words(data):
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


class Scanner:
    """Sends SYNs to ports of one address and reads what comes back. The kernel resets what opens."""

    def __init__(self, node, address):
        self.address = address
        self.six = ":" in address
        family = socket.AF_INET6 if self.six else socket.AF_INET
        self.port = random.randrange(20000, 30000)
        with node.inside():
            self.raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_TCP)
        self.raw.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        self.raw.setblocking(False)
        if self.six:
            self.raw.setsockopt(socket.IPPROTO_IPV6, IPV6_CHECKSUM, 16)
        own = pick((node.ip4, node.ip6), "v6" if self.six else "v4")
        self.pseudo = (words(socket.inet_pton(family, own) + socket.inet_pton(family, address))
                       + socket.IPPROTO_TCP + 20)

    def syn(self, port):
        front = struct.pack("!HHIIBBH", self.port, port, port << 8, 0, 5 << 4, SYN, 1024)
        total = 0
        if not self.six:
            total = self.pseudo + words(front)
            total = (total >> 16) + (total & 0xFFFF)
            total = ~(total + (total >> 16)) & 0xFFFF
        return front + struct.pack("!HH", total, 0)

    def answers(self, patience):
        """{port: open?} of the answers that are there, or come within `patience` seconds."""
        found = {}
        while select.select([self.raw], [], [], 0 if found else patience)[0]:
            with contextlib.suppress(BlockingIOError):
                while True:
                    packet = self.raw.recv(256)
                    header = packet[0 if self.six else (packet[0] & 15) * 4:]
                    source, destination = struct.unpack_from("!HH", header)
                    if destination == self.port and header[13] & ACK:
                        found[source] = not header[13] & RST
        return found

    def scan(self, ports):
        """The ports that are open; every other has answered with a reset."""
        states, end = {}, time.monotonic() + 3 * DEADLINE
        silent = list(ports)
        while silent:
            assert time.monotonic() < end, f"no answer from {len(silent)} ports, {silent[:20]}..."
            for start in range(0, len(silent), BATCH):
                for port in silent[start:start + BATCH]:
                    self.raw.sendto(self.syn(port), (self.address, 0))
                states.update(self.answers(0))
            while got := self.answers(0.2):
                states.update(got)
            silent = [port for port in silent if port not in states]
        return {port for port, is_open in states.items() if is_open}
