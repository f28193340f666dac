# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Full tables refuse new connections, count them, and never harm existing ones."""

import ftplib
import time

import pytest

from clients import Session
from scenes import login, need, publish
from servers import Vsftpd

pytestmark = pytest.mark.ftpnat

REFUSED = (OSError, EOFError, ftplib.Error)


@pytest.fixture
def scene(make_lab):
    """scene(limits) -> lab, server, vips"""
    def make(**limits):
        lab = make_lab(clients=2)
        server = need(Vsftpd)(lab.server).start()
        server.put("much", bytes(4 << 20))
        vips = lab.vips()
        lab.gateway.up({"publish": [publish("files", vips, [server])], "limits": limits})
        return lab, server, vips
    return make


def drain(conn):
    total = 0
    while block := conn.recv(1 << 16):
        total += len(block)
    conn.close()
    return total


def test_control_connections(scene):
    lab, server, vips = scene(control=2)
    with lab.client.inside():
        living = [login(lab.client, host, server) for host in vips]
        started = time.monotonic()
        with pytest.raises(REFUSED):
            third = Session()
            third.timeout = 5
            third.connect(vips[0], 21)
        assert lab.gateway.reason("control_full") >= 1
        assert time.monotonic() - started < 8
        for session in living:
            assert session.read("server-name").decode() == server.name
            session.quit()


@pytest.mark.parametrize("method", ["EPSV", "EPRT"])
def test_data_connections(scene, method):
    lab, server, vips = scene(data=1)
    with lab.client.inside():
        first, second = [login(lab.client, host, server, method) for host in vips]
        running = first.transfercmd("RETR much")
        second.timeout = 5
        second.sock.settimeout(5)
        with pytest.raises(REFUSED):
            second.transfercmd("RETR much").recv(1)
            second.voidresp()
        assert lab.gateway.reason("data_full") >= 1
        assert drain(running) == 4 << 20
        first.voidresp()
        first.quit()


def test_announced_connections(scene):
    lab, server, vips = scene(expected=1)
    with lab.client.inside():
        first, second = [login(lab.client, vips[0], server) for _ in range(2)]
        target = ftplib.parse229(first.sendcmd("EPSV"), first.sock.getpeername())
        with pytest.raises((ftplib.error_temp, ftplib.error_perm), match="^[45]"):
            second.sendcmd("EPSV")
        assert lab.gateway.reason("line_full") == 1
        second.voidcmd("NOOP")
        entry, = lab.gateway.expected()
        assert entry["public"].endswith(f":{target[1]}")
        assert first.read("server-name").decode() == server.name  # replaces its own
        first.quit()
        assert second.read("server-name").decode() == server.name
        second.quit()
