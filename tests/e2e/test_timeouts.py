# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Timeouts: transfers longer than every timeout, and idle connections."""

import ftplib
import socket

import pytest

from lab import wait_until
from scenes import login, single
from servers import Proftpd, Pureftpd, Vsftpd
from slow import Transfer

pytestmark = pytest.mark.ftpnat

TIMEOUTS = {"control": "2s", "data": "2s", "closing": "1s", "expected": "1s"}
LONG = 5  # seconds of silence: more than twice the timeout
KIND = pytest.mark.parametrize("kind", ["keep", "full", "masquerade"])


def scene(make_lab, kind, server=Vsftpd):
    lab, running, dial = single(make_lab, server, kind, config={"timeouts": TIMEOUTS})
    for node in (lab.client, lab.server):  # little room: a slow reader slows the writer
        for key in ("tcp_rmem", "tcp_wmem"):
            node.sysctl(f"net/ipv4/{key}", "4096 16384 16384")
    return lab, running, dial


def all_gone(lab, control, data):
    """Everything has left the tables, and that many connections were counted out."""
    wait_until(lambda: not lab.gateway.flows(), "no flow is left")
    used = {table["name"]: table["used"] for table in lab.gateway.stats()["tables"]}
    assert not any(used.get(name) for name in ("flows", "sessions", "expected", "control", "data"))
    assert lab.gateway.reason("control_closed") == control == lab.gateway.reason("control_opened")
    assert lab.gateway.reason("data_closed") == data == lab.gateway.reason("data_opened")


def long_silence(lab, transfers):
    """Moves little on every data connection until all control channels have been silent for LONG."""
    def silent():
        assert all([transfer.step() for transfer in transfers]), "over too soon to say anything"
        controls = [flow for flow in lab.gateway.flows() if flow["kind"] == "control"]
        assert len(controls) == len(transfers), "a control connection was given up"
        return all(flow["idle"] >= LONG for flow in controls)

    wait_until(silent, "the control channels have been silent for long")


@KIND
def test_control_connection_lives_as_long_as_its_transfer(make_lab, kind):
    lab, server, dial = scene(make_lab, kind)
    with lab.client.inside():
        transfers = [Transfer(lab, server, dial, family, method, up)
                     for family, method in (("v4", "PASV"), ("v4", "PORT"), ("v6", "EPSV"), ("v6", "EPRT"))
                     for up in (False, True)]
        long_silence(lab, transfers)
        for transfer in transfers:
            transfer.finish()
            transfer.session.quit()
    all_gone(lab, len(transfers), len(transfers))


@pytest.mark.parametrize("server", [Proftpd, Pureftpd], ids=lambda cls: cls.kind)
def test_next_transfers_after_a_long_one(make_lab, server):
    """The session works like a new one: more lines, more data connections."""
    lab, running, dial = scene(make_lab, "keep", server)
    with lab.client.inside():
        transfers = [Transfer(lab, running, dial, *way)
                     for way in (("v4", "PASV", False), ("v6", "EPSV", True))]
        long_silence(lab, transfers)
        for transfer in transfers:
            transfer.finish()
            for _ in range(3):
                assert transfer.session.read("server-name").decode() == running.name
            transfer.session.quit()
    all_gone(lab, 2, 8)


def logins(lab, server, dial, method="EPSV"):
    return [login(lab.client, host, server, method) for host in dial]


@KIND
def test_idle_control_connections_expire(make_lab, kind):
    lab, server, dial = scene(make_lab, kind)
    with lab.client.inside():
        sessions = logins(lab, server, dial)
        for session in sessions:
            session.read("server-name")
        all_gone(lab, 2, 2)
        for session in sessions:
            session.sock.settimeout(1)
            with pytest.raises((OSError, EOFError)):
                session.voidcmd("NOOP")
            session.close()


def test_control_connections_in_use_do_not_expire(make_lab):
    lab, server, dial = scene(make_lab, "keep")
    with lab.client.inside():
        sessions = logins(lab, server, dial)

        def used():
            for session in sessions:
                session.voidcmd("NOOP")
            return all(flow["age"] >= LONG for flow in lab.gateway.flows())

        wait_until(used, "they are old")
        for session in sessions:
            session.quit()
    all_gone(lab, 2, 0)


@KIND
def test_unused_expectations_expire(make_lab, kind):
    lab, server, dial = scene(make_lab, kind)
    with lab.client.inside():
        sessions = logins(lab, server, dial, "EPRT")
        expectations = []
        for session in sessions:
            if kind == "masquerade":
                session.makeport().close()
            else:
                expectations.append(ftplib.parse229(session.sendcmd("EPSV"), session.sock.getpeername()))
        assert len(lab.gateway.expected()) == 2
        wait_until(lambda: all([session.voidcmd("NOOP") for session in sessions]) and
                   not lab.gateway.expected(), "the expectations are closed")
        assert lab.gateway.reason("expected_expired") == 2
        for expectation in expectations:
            with pytest.raises(OSError):
                socket.create_connection(expectation, timeout=1)
        for session in sessions:
            assert session.read("server-name").decode() == server.name
            session.quit()
    all_gone(lab, 2, 2)
