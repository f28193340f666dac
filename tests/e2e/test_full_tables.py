# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Full tables refuse new connections, count them, and never harm existing ones."""

import ftplib
import time

import pytest

from clients import Session
from scenes import login, need, pick, publish
from servers import Vsftpd
from syn_flood import SynFlood

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


ATTEMPTS = 5


def login_within_attempts(node, host, server):
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return login(node, host, server), attempt
        except REFUSED:
            pass
    pytest.fail(f"no login in {ATTEMPTS} attempts")


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


@pytest.mark.parametrize("family", ["v4", "v6"])
@pytest.mark.parametrize("limits", [{}, {"control": 1000}], ids=["default", "small"])
def test_new_client_during_a_flood_of_syns(scene, limits, family):
    """More forged SYNs than the table takes; established sessions and transfers go on."""
    lab, server, vips = scene(**limits)
    client, attacker = lab.clients
    vip = pick(vips, family)
    flood = SynFlood(attacker, vip)
    lab.closers.append(flood.close)
    with client.inside():
        old = login(client, vip, server)
        running = old.transfercmd("RETR much")
        begun = len(running.recv(1000))
        assert lab.gateway.reason("half_open_reclaimed") == 0
        started = time.monotonic()
        flood.send(70_000)
        print(f"{flood.sent / (time.monotonic() - started):.0f} SYNs a second")
        held = lab.gateway.reason("half_open_reclaimed") + lab.gateway.reason("client_share")
        assert held > 0, "the table was under pressure"
        if family == "v6":
            assert lab.gateway.reason("client_share") > 0, "one /64 has taken its share"
        with flood.goes_on(1_000_000):
            started = time.monotonic()
            new, attempt = login_within_attempts(client, vip, server)
            print(f"login in attempt {attempt}, {time.monotonic() - started:.2f} s")
            assert new.read("server-name").decode() == server.name
            assert begun + drain(running) == 4 << 20
            old.voidresp()
            assert old.read("server-name").decode() == server.name
        assert lab.gateway.reason("control_full") == 0
        new.quit()
        old.quit()
