# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a server sends on its two connections leaves in the order in which it came.

Some clients (Erlang's ftp) take a transfer for over when the 226 comes, whatever data is still to come.
A gateway that lets the 226 overtake the end of the data, or delivers it together with the 150, would
make them fail more often than a router does.
"""

import os
import select
import socket
import struct
import threading

import pytest

from fast import Counted, modes, prepare, switch
from wire import ETH_P_ALL, SO_RCVBUFFORCE

pytestmark = pytest.mark.ftpnat

ROUNDS = 40
SIZES = (0, 1, 1000, 10_000, 40_000)
FIN = 1


class Tap:
    """One host's link: the marks that the server's packets have, in the order of their packets."""

    def __init__(self, node):
        with node.inside():
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
            self.sock.bind(("eth0", ETH_P_ALL))
        self.sock.setblocking(False)

    def close(self):
        self.sock.close()

    def _packets(self):
        """(source port, flags, payload) of TCP over IPv4."""
        while select.select([self.sock], [], [], 0)[0]:
            frame = self.sock.recv(1 << 17)
            if frame[12:14] != b"\x08\x00" or frame[23] != socket.IPPROTO_TCP:
                continue
            at = 14 + (frame[14] & 15) * 4
            end = 14 + struct.unpack_from("!H", frame, 16)[0]
            payload = frame[at + (frame[at + 12] >> 4) * 4:end]
            yield struct.unpack_from("!H", frame, at)[0], frame[at + 13], payload

    def order(self):
        """For example ["150", "end", "FIN", "226"]; "end" is the last byte of the data. Once each."""
        marks = []
        for port, flags, payload in self._packets():
            found = []
            if port == 21:
                found = [line[:3].decode() for line in payload.split(b"\r\n") if line[:3] in (b"150", b"226")]
                if len(found) > 1:
                    found = ["+".join(found)]
            elif port == 20:
                found = ["end"] * payload.endswith(b"\n") + ["FIN"] * (flags & FIN)
            marks += [mark for mark in found if mark not in marks]
        return marks


class Server(threading.Thread):
    """A server that answers RETR SIZE with so many bytes, actively, and sends all of it at once."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node = node
        with node.inside():
            self.listener = socket.create_server((node.ip4, 21))
            self.listener.settimeout(60)

    def run(self):
        with self.node.inside():
            control = self.listener.accept()[0]
            control.settimeout(60)
            control.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            control.sendall(b"220 ready\r\n")
            where = None
            for line in control.makefile("rb"):
                verb, _, argument = line.decode().strip().partition(" ")
                if verb == "PORT":
                    numbers = argument.split(",")
                    where = ".".join(numbers[:4]), int(numbers[4]) * 256 + int(numbers[5])
                    control.sendall(b"200 ok\r\n")
                else:
                    self.retrieve(control, where, int(argument))

    def retrieve(self, control, where, size):
        data = socket.socket()
        data.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        data.bind((self.node.ip4, 20))
        data.settimeout(60)
        data.connect(where)
        control.sendall(b"150 here it comes\r\n")
        if size:
            data.sendall(b"x" * (size - 1) + b"\n")
        data.close()
        control.sendall(b"226 done\r\n")


def transfer(lab, control, port, size):
    """One transfer on this control connection, to this port of ours."""
    with socket.create_server((lab.client.ip4, port)) as listener:
        listener.settimeout(60)
        control.sendall(f"PORT {lab.client.ip4.replace('.', ',')},{port >> 8},{port & 255}\r\n".encode())
        assert control.recv(1000).startswith(b"200")
        control.sendall(f"RETR {size}\r\n".encode())
        data = listener.accept()[0]
        data.settimeout(60)
        got = 0
        while block := data.recv(1 << 16):
            got += len(block)
        said = b""
        while b"226" not in said:
            said += control.recv(1000)
        data.close()
    assert got == size


def orders(lab, dialled, rounds=ROUNDS):
    """[(order as sent, order as received)] of so many transfers."""
    found = []
    sent, received = Tap(lab.server), Tap(lab.client)
    Server(lab.server).start()
    with lab.client.inside(), socket.create_connection((dialled, 21), 60) as control:
        assert control.recv(1000).startswith(b"220")
        for number in range(rounds):
            sent.order(), received.order()
            transfer(lab, control, 30000 + number, SIZES[number % len(SIZES)])
            found.append((sent.order(), received.order()))
    sent.close(), received.close()
    return found


@pytest.fixture
def one_cpu():
    """All on one CPU, so that the kernel sends what comes in one after the other."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.parametrize("mode", ["off", "generic", "native"])
def test_nothing_overtakes(make_lab, one_cpu, mode):
    lab = make_lab()
    vips = lab.vips()
    prepare(lab)
    lab.gateway.up({"publish": [{"name": "files", "listen": f"{vips[0]}:21", "servers": f"{lab.server.ip4}:21"}]})
    switch(lab, mode)
    assert set(modes(lab).values()) == {mode}
    counted = Counted(lab)
    found = orders(lab, vips[0])
    assert all(sorted(sent) == sorted(received) and "226" in sent and "FIN" in sent for sent, received in found)
    assert [pair for pair in found if pair[0] != pair[1]] == []
    if mode != "off" and modes(lab)["s1"] == mode:
        assert counted["xdp_forwarded"] > 0
