# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What policy forbids announces nothing, gets a reply, and leaves the session usable."""

import ftplib
import socket

import pytest

from scenes import login, pick, single
from servers import SERVERS, Vsftpd

pytestmark = pytest.mark.ftpnat

REFUSED = (ftplib.error_temp, ftplib.error_perm)


def refused(lab, session, command, reason):
    """Sends what must be refused, then checks that the session continues."""
    before, expectations = lab.gateway.reason(reason), lab.gateway.expected()
    with pytest.raises(REFUSED, match="^[45]"):
        session.sendcmd(command)
    assert lab.gateway.reason(reason) == before + 1
    assert lab.gateway.expected() == expectations
    session.voidcmd("NOOP")


@pytest.mark.parametrize("kind", ["keep", "masquerade"])
@pytest.mark.parametrize("server", SERVERS)
def test_passive_only(make_lab, server, kind):
    lab, running, dial = single(make_lab, SERVERS[server], kind, rule={"modes": ["passive"]})
    with lab.client.inside():
        for family, command in (("v4", "PORT 10,1,1,2,200,1"), ("v4", "EPRT |1|10.1.1.2|50000|"),
                                ("v6", "EPRT |2|fd00:1:1::2|50000|")):
            session = login(lab.client, pick(dial, family), running)
            refused(lab, session, command, "line_mode")
            assert session.read("server-name").decode() == running.name
            session.quit()


@pytest.mark.parametrize("server", SERVERS)
def test_active_only(make_lab, server):
    lab, running, vips = single(make_lab, SERVERS[server], rule={"modes": ["active"]})
    with lab.client.inside():
        for family, command, method in (("v4", "PASV", "PORT"), ("v4", "EPSV", "EPRT"),
                                        ("v6", "EPSV", "EPRT")):
            session = login(lab.client, pick(vips, family), running, method)
            refused(lab, session, command, "line_mode")
            assert session.read("server-name").decode() == running.name
            session.quit()


@pytest.mark.parametrize("kind", ["keep", "full", "masquerade"])
def test_foreign_and_privileged_addresses(make_lab, kind):
    lab, server, dial = single(make_lab, Vsftpd, kind)
    with lab.client.inside():
        for family, command, reason in (
                ("v4", "PORT 10,1,1,3,200,1", "line_foreign"),
                ("v4", "EPRT |1|10.1.1.3|50000|", "line_foreign"),
                ("v6", "EPRT |2|fd00:1:1::3|50000|", "line_foreign"),
                ("v4", "PORT 10,1,1,2,0,22", "line_privileged"),
                ("v4", "EPRT |1|10.1.1.2|1023|", "line_privileged"),
                ("v6", "EPRT |2|fd00:1:1::2|1023|", "line_privileged")):
            session = login(lab.client, pick(dial, family), server)
            refused(lab, session, command, reason)
            assert session.read("server-name").decode() == server.name
            session.quit()


@pytest.mark.parametrize("command", ["PORT 10,1,1,2,256,1", "PORT 10,1,1,2", "EPRT |1|10.1.1.2|65536|",
                                     "EPRT |1|10.1.1.2|", "EPRT |3|10.1.1.2|50000|"])
def test_malformed_lines_pass_and_are_counted(make_lab, command):
    lab, server, vips = single(make_lab, Vsftpd)
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        refused(lab, session, command, "line_malformed")
        assert session.read("server-name").decode() == server.name
        session.quit()


@pytest.mark.parametrize("kind", ["keep", "masquerade"])
def test_pyftpdlib_reads_no_line_in_the_middle_of_another(make_lab, kind):
    """It discards more than 2048 bytes without CR LF, and then takes what follows for a line."""
    lab, server, dial = single(make_lab, SERVERS["pyftpdlib"], kind)
    with lab.client.inside():
        session = login(lab.client, pick(dial, "v4"), server)
        before = lab.gateway.reason("line_ambiguous")
        session.sock.sendall(b"x" * 2100)
        assert session.getline().startswith("500 Command too long")
        session.sock.sendall(b"PORT 10,1,1,3,200,1\r\n")
        assert session.getline().startswith('500 Command "PORT_10,1,1,3,200,1" not understood')
        assert lab.gateway.reason("line_ambiguous") == before + 1
        assert session.read("server-name").decode() == server.name
        session.quit()


def reachable(node, address, port):
    with node.inside():
        try:
            socket.create_connection((address, port), timeout=0.3).close()
            return True
        except OSError:
            return False


def test_announced_port_is_for_one_client_only(make_lab):
    lab, server, vips = single(make_lab, Vsftpd, clients=2)
    lab.servers[0].start(["/usr/bin/python3", "-m", "http.server", "8080"], "http")
    with lab.client.inside():
        for family in ("v4", "v6"):
            host = pick(vips, family)
            session = login(lab.client, host, server)
            target = ftplib.parse229(session.sendcmd("EPSV"), session.sock.getpeername())
            assert not reachable(lab.clients[1], *target), "another client came through"
            around = set(range(target[1] - 20, target[1] + 20)) | {20, 22, 80, 8080}
            for port in around - {target[1], 21}:
                assert not reachable(lab.client, host, port), port
            data = socket.create_connection(target, timeout=5)
            session.putcmd("RETR server-name")
            assert data.recv(100).decode() == server.name
            assert not reachable(lab.client, *target), "the expectation is used a second time"
            data.close()
            session.close()
