# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Many clients that dial and speak at once: none of their segments is lost for want of memory."""

import contextlib
import socket

import pytest

from lab import wait_until

pytestmark = pytest.mark.ftpnat

CLIENTS = 100
SPARE = 128  # FTPNAT_LOGS_SPARE
GREETING = b"220 ready\r\n"
TEMPLATE = {"name": "files", "source": "gateway"}


def read_line(sock):
    line = b""
    while not line.endswith(b"\n"):
        line += sock.recv(100)
    return line


def repeated(node):
    """Segments that this host has sent again."""
    with node.inside(), open("/proc/net/snmp") as file:
        names, values = [line.split() for line in file if line.startswith("Tcp:")]
    return int(dict(zip(names, values))["RetransSegs"])


def test_a_burst_of_new_sessions_loses_nothing(make_lab):
    lab = make_lab(clients=1, servers=1)
    vip, server = lab.vips()[0], lab.server
    lab.gateway.up({"publish": [{**TEMPLATE, "listen": f"{vip}:21", "servers": [f"{server.ip4}:21"]}],
                    "timeouts": {"closing": "1s"}})
    assert len(lab.gateway.map("ftpnat_logs")) == SPARE, "`up` has made them"
    with contextlib.ExitStack() as stack:
        with server.inside():
            listener = stack.enter_context(socket.create_server((server.ip4, 21), backlog=2 * CLIENTS))
        clients = []
        for _ in range(CLIENTS):
            with lab.client.inside():
                sock = stack.enter_context(socket.socket())
            sock.settimeout(30)
            sock.connect((vip, 21))
            clients.append(sock)
        served = [stack.enter_context(listener.accept()[0]) for _ in clients]
        before = repeated(server), repeated(lab.client)
        for sock in served:
            sock.sendall(GREETING)
        for sock in clients:
            assert read_line(sock) == GREETING
            sock.sendall(b"NOOP\r\n")
        for sock in served:
            assert read_line(sock) == b"NOOP\r\n"
        assert lab.gateway.reason("no_memory") == 0
        assert (repeated(server), repeated(lab.client)) == before
        # all of them came from those that were there
        assert len(lab.gateway.map("ftpnat_logs")) == SPARE
    wait_until(lambda: not lab.gateway.map("ftpnat_sessions"), "the sessions are over")
    assert len(lab.gateway.map("ftpnat_logs")) <= SPARE + 1
