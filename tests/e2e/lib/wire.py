# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What was sent on a control connection, captured on one host's link."""

import collections
import re
import select
import socket
import struct
import threading

ETH_P_ALL = 3
ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD
SO_RCVBUFFORCE = 33

Line = collections.namedtuple("Line", "sent_by text connection")
Address = collections.namedtuple("Address", "verb host port")

_HOST_PORT = r"(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)"
_PORT = re.compile(rf"PORT +{_HOST_PORT}", re.I)
_PASV = re.compile(rf"227 .*?{_HOST_PORT}")
_EPRT = re.compile(r"EPRT +\|([12])\|([^|]+)\|(\d+)\|", re.I)
_EPSV = re.compile(r"229 .*\|\|\|(\d+)\|")


def address_of(text):
    """The address that a line names, None for other lines. A 229 names no host."""
    for verb, pattern in (("PORT", _PORT), ("227", _PASV)):
        match = pattern.match(text)
        if match:
            host = ".".join(match.groups()[:4])
            return Address(verb, host, int(match[5]) * 256 + int(match[6]))
    match = _EPRT.match(text)
    if match:
        return Address("EPRT", match[2], int(match[3]))
    match = _EPSV.match(text)
    return Address("229", None, int(match[1])) if match else None


def tcp_segment(frame):
    """(source, destination, seq, payload) of an Ethernet frame with TCP, else None.

    seq is that of the first payload byte; source and destination are (address, port).
    """
    ethertype = struct.unpack_from("!H", frame, 12)[0]
    if ethertype == ETH_P_IP:
        header = 14 + (frame[14] & 15) * 4
        end = 14 + struct.unpack_from("!H", frame, 16)[0]
        protocol, family, at, size = frame[23], socket.AF_INET, 26, 4
    elif ethertype == ETH_P_IPV6:
        header = 54
        end = 54 + struct.unpack_from("!H", frame, 18)[0]
        protocol, family, at, size = frame[20], socket.AF_INET6, 22, 16
    else:
        return None
    if protocol != socket.IPPROTO_TCP:
        return None
    sport, dport, seq = struct.unpack_from("!HHI", frame, header)
    flags = frame[header + 13]
    payload = frame[header + (frame[header + 12] >> 4) * 4:end]
    source = socket.inet_ntop(family, frame[at:at + size])
    destination = socket.inet_ntop(family, frame[at + size:at + 2 * size])
    return (source, sport), (destination, dport), (seq + (flags >> 1 & 1)) % 2**32, payload


class _Stream:
    """One direction of a connection, put in order."""

    def __init__(self, first):
        self.next = first
        self.early = {}
        self.text = b""

    def add(self, seq, payload):
        self.early[seq] = max(payload, self.early.get(seq, b""), key=len)
        while True:
            for start, data in list(self.early.items()):
                skip = (self.next - start) % 2**32
                if skip < 2**31:
                    del self.early[start]
                    if skip < len(data):
                        self.text += data[skip:]
                        self.next = (start + len(data)) % 2**32
                        break
            else:
                break
        *lines, self.text = self.text.split(b"\n")
        return [line.decode(errors="replace").rstrip("\r") for line in lines]


class Tap(threading.Thread):
    """Listens on a node's interface and keeps the lines of its control connections.

    `sent` are lines that left the node, `received` those that came to it.
    """

    def __init__(self, node, interface="eth0", ports=(21,)):
        super().__init__(daemon=True)
        self.ports = ports
        self.lines = []
        self._streams = {}
        self._lock = threading.Lock()
        self._end, self._ender = socket.socketpair()
        with node.inside():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
            self._socket.bind((interface, ETH_P_ALL))
        self.start()

    def run(self):
        while True:
            ready = select.select([self._socket, self._end], [], [])[0]
            if self._socket not in ready:
                return
            frame, origin = self._socket.recvfrom(70000)
            segment = tcp_segment(frame)
            if segment:
                self._add(segment, origin[2] == socket.PACKET_OUTGOING)

    def _add(self, segment, outgoing):
        source, destination, seq, payload = segment
        if source[1] not in self.ports and destination[1] not in self.ports:
            return
        stream = self._streams.setdefault((source, destination), _Stream(seq))
        for text in stream.add(seq, payload):
            with self._lock:
                self.lines.append(Line("us" if outgoing else "peer", text, (source, destination)))

    def _said(self, by):
        with self._lock:
            return [line.text for line in self.lines if line.sent_by == by]

    def sent(self):
        return self._said("us")

    def received(self):
        return self._said("peer")

    def addresses_sent(self):
        return [address for address in map(address_of, self.sent()) if address]

    def addresses_received(self):
        return [address for address in map(address_of, self.received()) if address]

    def close(self):
        """Reads what has come so far, then ends."""
        if self.is_alive():
            self._ender.send(b"x")
            self.join()
        for sock in (self._socket, self._end, self._ender):
            sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
