# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What real FTP servers make of a client's line: the table tests/readings/active, and how to ask them.

Server and client are in one namespace, to which every address belongs and where nobody
listens on a data port: a server's connection is refused at once, and its SYN shows
which address it has read.
"""

import os
import re
import socket
import struct

from servers import SERVERS, TOP

TABLE = os.path.join(TOP, "tests", "readings", "active")
# they take whatever address a line names, so that it shows which one they read
ANY_ADDRESS = {"vsftpd": "connect_from_port_20=NO\nport_promiscuous=YES\n",
               "proftpd": "AllowForeignAddress on\n"}
ENDS_ONLY_AT_CRLF = ("proftpd", "pyftpdlib")
CONNECTS_AT_ONCE = ("pyftpdlib",)  # not only when there is something to send
CLIENT = {"v4": "10.1.1.7", "v6": "fd00:1::7"}  # whom the table's lines name
DEADLINE = 20  # seconds for one reply
MARK = 30000  # the port of a line that is known to be good, before each that is asked about
NONE, UNCLEAR = "-", "?"
ANY_FINAL = r"[2-5]\d\d"

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
PACKET_OUTGOING = 4
SYN, ACK = 0x02, 0x10

_ESCAPE = re.compile(r"\\(?:x(..)|R(\d+);(.)|([rntvf0\\]))")
_LETTERS = {"r": "\r", "n": "\n", "t": "\t", "v": "\v", "f": "\f", "0": "\0", "\\": "\\"}


def unescape(text):
    r"""C's escapes, and \R300;x for 300 times x."""
    def char(match):
        code, times, repeated, letter = match.groups()
        if code:
            return chr(int(code, 16))
        return repeated * int(times) if times else _LETTERS[letter]
    return _ESCAPE.sub(char, text).encode("latin-1")


class Row:
    """A line of the table: what the grammar and each server read. `-`: it isn't taken, `?`: refused."""

    def __init__(self, text):
        fields = text.rstrip("\n").split("\t")
        self.text, self.grammar = fields[0], fields[1]
        self.servers = dict(zip(SERVERS, fields[2:]))
        self.line = unescape(self.text)
        self.family = "v6" if self.text.startswith("EPRT |2|") or "fd00:" in self.text else "v4"


def table():
    with open(TABLE, encoding="ascii") as file:
        return [Row(line) for line in file if line.strip() and not line.startswith("#")]


def all_addresses_are_here(node):
    node.ip("route add local 0.0.0.0/0 dev lo", "route add local ::/0 dev lo",
            f"addr add {CLIENT['v6']}/128 dev lo nodad")


class Sniffer:
    """The SYNs that leave a namespace."""

    def __init__(self, node):
        with node.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)

    def close(self):
        self.socket.close()

    def destinations(self):
        """(address, port) of those since the last call."""
        found = []
        while True:
            try:
                packet, (_, protocol, kind, *_) = self.socket.recvfrom(2048)
            except BlockingIOError:
                return found
            if kind == PACKET_OUTGOING and protocol in (ETH_P_IP, ETH_P_IPV6):
                found += self._syn(packet, protocol == ETH_P_IPV6)

    @staticmethod
    def _syn(packet, v6):
        if packet[6 if v6 else 9] != socket.IPPROTO_TCP:
            return []
        tcp = packet[40 if v6 else (packet[0] & 15) * 4:]
        if tcp[13] & (SYN | ACK) != SYN:
            return []
        if v6:
            address = socket.inet_ntop(socket.AF_INET6, packet[24:40])
        else:
            address = socket.inet_ntop(socket.AF_INET, packet[16:20])
        return [(address, struct.unpack("!H", tcp[2:4])[0])]


class HungUp(Exception):
    """The server has closed the control connection."""


class Asker:
    """A control connection to a server, and a look at whom the server connects to."""

    def __init__(self, server, family):
        self.server, self.family, self.node = server, family, server.node
        self.client, self.dialled = CLIENT[family], server.node.address(family)
        self.sniffer = Sniffer(server.node)
        self.sock = None
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.hang_up()
        self.sniffer.close()

    def hang_up(self):
        if self.sock:
            self.sock.close()
        self.sock = None

    def connect(self):
        with self.node.inside():
            self.sock = socket.create_connection((self.dialled, self.server.port), DEADLINE, (self.client, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.ask(b"", "220")
        self.ask(f"USER {self.server.user}\r\n".encode(), "331")
        self.ask(f"PASS {self.server.password}\r\n".encode(), "230")

    def ask(self, line, code):
        """Sends it and reads up to the last line of a reply with this code."""
        try:
            self.sock.sendall(line)
            while True:
                while b"\n" in self.received:
                    reply, self.received = self.received.split(b"\n", 1)
                    # proftpd answers Telnet options in front of a reply
                    reply = re.sub(rb"\xff[\xfb-\xfe].", b"", reply).decode("latin-1")
                    if re.match(code + " ", reply):
                        return reply
                data = self.sock.recv(65536)
                if not data:
                    raise HungUp
                self.received += data
        except TimeoutError:
            raise AssertionError(f"{self.server.kind} doesn't answer {line[:60]!r} within {DEADLINE} s") from None
        except ConnectionError:
            raise HungUp from None

    def reading(self, line):
        """"address:port" that the server reads in the line, NONE if it doesn't take it."""
        try:
            return self._reading(line)
        except HungUp:
            self.hang_up()
            return NONE

    def _reading(self, line):
        if not self.sock:
            self.connect()
        if self.server.kind in ENDS_ONLY_AT_CRLF and not line.endswith(b"\r\n"):
            line += b"\r\n"
        protocol = 2 if self.family == "v6" else 1
        self.ask(f"EPRT |{protocol}|{self.client}|{MARK}|\r\n".encode(), ANY_FINAL)
        self.sniffer.destinations()
        self.ask(line + b"PWD\r\n", "257")
        if self.server.kind not in CONNECTS_AT_ONCE:
            self.ask(b"NLST\r\n", "[45]..")
        found = {(address, port) for address, port in self.sniffer.destinations() if port != MARK}
        if not found:
            return NONE
        (address, port), = found
        return f"{address}:{port}"
