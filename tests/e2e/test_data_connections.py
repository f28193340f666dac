# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sources and destinations of data connections, and how the listings show them."""

import ftplib
import socket

import pytest

from clients import Session
from lab import wait_until
from scenes import ends, login, pick, single
from servers import SERVERS, Vsftpd
from wire import address_of


def peer(conn):
    return conn.getpeername()[:2]


def read_all(conn):
    with conn:
        return b"".join(iter(lambda: conn.recv(1 << 16), b""))


def split(endpoint):
    host, port = endpoint.rsplit(":", 1)
    return host.strip("[]"), int(port)


@pytest.mark.ftpnat
@pytest.mark.parametrize("kind", ["keep", "full"])
@pytest.mark.parametrize("server", SERVERS)
def test_active_data_comes_from_port_20_of_the_published_address(make_lab, server, kind):
    lab, running, vips = single(make_lab, SERVERS[server], kind)
    with lab.client.inside():
        for family, method in (("v4", "PORT"), ("v4", "EPRT"), ("v6", "EPRT")):
            host = pick(vips, family)
            session = login(lab.client, host, running, method)
            for _ in range(3):  # one after the other to new ports of the client
                conn = session.transfercmd("RETR server-name")
                assert peer(conn) == (host, 20)
                assert read_all(conn).decode() == running.name
                session.voidresp()
            session.quit()


@pytest.mark.ftpnat
@pytest.mark.parametrize("kind", ["keep", "full"])
@pytest.mark.parametrize("family", ["v4", "v6"])
def test_active_data_to_the_same_port_of_the_client_comes_from_port_20(make_lab, kind, family):
    """As where the client's firewall has few ports open; either side may have closed the one before."""
    lab, server, vips = single(make_lab, Vsftpd, kind)
    host = pick(vips, family)
    with lab.client.inside():
        session = login(lab.client, host, server)
        me = session.sock.getsockname()[0]
        with socket.create_server((me, 23000), family=session.af) as listener:
            listener.settimeout(20)

            def accepted(command):
                session.sendeprt(me, 23000)
                session.sendcmd(command)
                conn = listener.accept()[0]
                assert peer(conn) == (host, 20)
                return conn

            for number in range(4):
                with accepted(f"STOR file{number}") as conn:
                    conn.sendall(b"content")
                session.voidresp()
                assert read_all(accepted(f"RETR file{number}")) == b"content"
                session.voidresp()
        session.quit()
    assert lab.gateway.reason("data_opened") == 8


@pytest.mark.parametrize("server", SERVERS)
def test_active_data_behind_masquerade_comes_from_the_server(make_lab, server):
    lab, running, dial = single(make_lab, SERVERS[server], "masquerade")
    with lab.client.inside():
        for family, method in (("v4", "PORT"), ("v4", "EPRT")):
            host = pick(dial, family)
            session = login(lab.client, host, running, method)
            conn = session.transfercmd("RETR server-name")
            assert peer(conn)[0] == host
            assert read_all(conn).decode() == running.name
            session.voidresp()
            session.quit()


@pytest.mark.ftpnat
def test_passive_ports_are_taken_from_data_ports(make_lab):
    lab, server, vips = single(make_lab, Vsftpd, rule={"data_ports": "30000-30009"})
    with lab.client.inside():
        for family, command in (("v4", "PASV"), ("v4", "EPSV"), ("v6", "EPSV")):
            session = login(lab.client, pick(vips, family), server)
            for _ in range(20):  # announcing again removes the previous expectation
                named = address_of(session.sendcmd(command))
                assert 30000 <= named.port <= 30009
                assert named.host in (None, vips[0])
            session.method = command
            assert session.read("server-name").decode() == server.name
            session.quit()


@pytest.mark.ftpnat
def test_full_range_is_refused_and_the_session_stays_usable(make_lab):
    lab, server, vips = single(make_lab, Vsftpd, rule={"data_ports": "30000-30000"})
    with lab.client.inside():
        for family, command in (("v4", "PASV"), ("v4", "EPSV"), ("v6", "EPSV")):
            before = lab.gateway.reason("line_no_port")
            first = login(lab.client, pick(vips, family), server, command)
            second = login(lab.client, pick(vips, family), server, command)
            assert address_of(first.sendcmd(command)).port == 30000
            with pytest.raises((ftplib.error_temp, ftplib.error_perm), match="^[45]"):
                second.sendcmd(command)
            assert lab.gateway.reason("line_no_port") == before + 1
            second.voidcmd("NOOP")
            first.quit()
            wait_until(lambda: not lab.gateway.expected(), "first's expectation is closed with it")
            assert second.read("server-name").decode() == server.name
            second.quit()


@pytest.mark.ftpnat
def test_active_ports_behind_masquerade_are_taken_from_data_ports(make_lab):
    lab, server, dial = single(make_lab, Vsftpd, "masquerade", rule={"data_ports": "30000-30000"})
    with lab.client.inside():
        first, second = [login(lab.client, dial[0], server, "PORT") for _ in range(2)]
        with first.makeport():
            entry, = lab.gateway.expected()
            assert split(entry["public"])[1] == 30000
            with pytest.raises((ftplib.error_temp, ftplib.error_perm), match="^[45]"):
                second.makeport()
            assert lab.gateway.reason("line_no_port") == 1
            assert lab.gateway.expected()[0]["public"] == entry["public"]
        first.quit()
        wait_until(lambda: not lab.gateway.expected(), "first's expectation is closed with it")
        assert second.read("server-name").decode() == server.name
        second.quit()


@pytest.mark.ftpnat
@pytest.mark.parametrize("kind", ["keep", "full", "masquerade"])
@pytest.mark.parametrize("family", ["v4", "v6"])
def test_listings_while_a_transfer_is_announced_and_runs(make_lab, kind, family):
    lab, server, dial = single(make_lab, Vsftpd, kind)
    gateway, host = lab.gateway, pick(dial, family)
    rule = "files" if kind != "masquerade" else f"lan{family[1]}"
    active = kind == "masquerade"  # where the announced port is ours to choose
    server.put("much", bytes(8 << 20))
    assert gateway.expected() == [] and gateway.flows() == []
    with lab.client.inside():
        session = login(lab.client, host, server)
        control, = gateway.flows()
        assert (control["kind"], control["rule"]) == ("control", rule)
        me = ends(session.sock.getsockname()[:1], session.sock.getsockname()[1])[0]
        assert control["client"] == me
        assert control["public"] == ends([host])[0]
        assert control["real"] == ends([pick(server.addresses, family)])[0]

        if active:
            session.method = "EPRT"
            listener = session.makeport()
        else:
            target = ftplib.parse229(session.sendcmd("EPSV"), session.sock.getpeername())
        entry, = gateway.expected()
        assert entry["rule"] == rule
        assert entry["mode"] == ("active" if active else "passive")
        assert entry["client"] == split(me)[0]
        if not active:
            assert split(entry["public"]) == target
            assert split(entry["real"])[0] == pick(server.addresses, family)

        if active:
            session.putcmd("RETR much")
            data, _ = listener.accept()
            listener.close()
        else:
            data = socket.create_connection(target, timeout=10)
            session.putcmd("RETR much")
        assert data.recv(1000)
        assert gateway.expected() == [], "used up by the connection"
        flows = {flow["kind"]: flow for flow in gateway.flows()}
        assert set(flows) == {"control", "data"}
        assert flows["data"]["rule"] == rule
        assert split(flows["data"]["client"])[0] == split(me)[0]
        read_all(data)
        assert session.getresp().startswith("1")
        assert session.getresp().startswith("226")
        flows = {flow["kind"]: flow for flow in gateway.flows()}
        if "data" in flows:  # closing
            assert flows["data"]["bytes"]["in"] > 8 << 20
        session.quit()
    reasons = gateway.stats()["reasons"]
    for reason in ("control_opened", "data_opened", "expected", "expected_used"):
        assert reasons[reason] == 1, reason


@pytest.mark.ftpnat
def test_closed_connections_leave_the_table(make_lab):
    lab, server, vips = single(make_lab, Vsftpd)
    config = dict(lab.gateway.config, timeouts={"closing": "1s"})
    lab.gateway.down()
    lab.gateway.up(config)
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        session.read("server-name")
        session.quit()
    wait_until(lambda: not lab.gateway.flows(), "all flows are gone")
    used = {table["name"]: table["used"] for table in lab.gateway.stats()["tables"]}
    assert not any(used.get(name) for name in ("flows", "sessions", "expected", "control", "data"))


@pytest.mark.ftpnat
def test_many_connections_leave_the_table_time_and_again(make_lab):
    """More than one block of the queue; its timer sleeps between the rounds, and survives a reload."""
    lab, server, vips = single(make_lab, Vsftpd)
    config = dict(lab.gateway.config, timeouts={"closing": "1s"})
    lab.gateway.up(config)
    for connections in (130, 1, 130):
        with lab.client.inside():
            session = login(lab.client, vips[0], server)
            for _ in range(connections):
                session.read("server-name")
            session.quit()
        wait_until(lambda: not lab.gateway.flows(), "all flows are gone")
        wait_until(lambda: not lab.gateway.map("ftpnat_expiry")[0]["value"]["running"],
                   "the timer sleeps")
        assert len(lab.gateway.map("ftpnat_queue")) <= 1
        lab.gateway.reload(config)


@pytest.mark.ftpnat
def test_an_announced_connection_that_never_comes_expires(make_lab):
    lab, server, vips = single(make_lab, Vsftpd)
    config = dict(lab.gateway.config, timeouts={"expected": "1s"})
    lab.gateway.down()
    lab.gateway.up(config)
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        session.sendcmd("EPSV")
        wait_until(lambda: not lab.gateway.expected(), "the expectation is closed")
        assert lab.gateway.reason("expected_expired") == 1
        assert session.read("server-name").decode() == server.name
        session.quit()


def test_session_class_speaks_what_it_is_told(make_lab):
    """The tests above lean on it."""
    lab, server, vips = single(make_lab, Vsftpd)
    with lab.client.inside():
        for family, method in (("v4", "EPSV"), ("v4", "PASV"), ("v4", "EPRT"), ("v4", "PORT"),
                               ("v6", "EPSV"), ("v6", "EPRT")):
            session = login(lab.client, pick(vips, family), server, method)
            assert isinstance(session, Session)
            session.read("server-name")
            assert [line for line in session.said if line.startswith(f"> {method}")]
            session.quit()
