# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Several clients at once with several weighted servers."""

import collections
import concurrent.futures
import contextlib
import ftplib
import io
import socket

import pytest

from clients import Account, ClientError, Session
from lab import wait_until
from prometheus import sample
from scenes import login, need, pick, publish
from servers import Proftpd, Pyftpdlib, Vsftpd

METHODS = (("v4", "EPSV"), ("v4", "PASV"), ("v4", "PORT"), ("v4", "EPRT"),
           ("v6", "EPSV"), ("v6", "EPRT"))


def converse(node, vips, server, number):
    """One session; returns the name of the server that all of it went to."""
    # the kernel's helper and pyftpdlib disagree about EPRT over IPv6
    usable = METHODS[:-1] if node.lab.gateway.kind == "kernel" else METHODS
    family, method = usable[number % len(usable)]
    session = Session(method)
    try:
        with node.inside():
            session.open(Account(pick(vips, family), server))
            name = session.server_name()
            for turn in range(3):
                content = f"{node.name} {number} {turn}".encode() * 1000
                assert session.read("server-name").decode() == name
                session.storbinary(f"STOR {node.short}-{number}", io.BytesIO(content))
                assert session.read(f"{node.short}-{number}") == content
            session.quit()
    except (OSError, EOFError, ftplib.Error) as error:
        raise ClientError("\n".join([f"{node.name}: {error!r}", *session.said])) from error
    return name


def crowd(lab, vips, server, sessions, workers=4):
    with concurrent.futures.ThreadPoolExecutor(workers * len(lab.clients)) as pool:
        jobs = [pool.submit(converse, node, vips, server, number)
                for number in range(sessions) for node in lab.clients]
        return collections.Counter(job.result() for job in jobs)


@pytest.mark.parametrize("source", ["keep", "gateway"])
def test_weighted_servers(make_lab, source):
    lab = make_lab(clients=3, servers=3, route_back=source == "keep")
    servers = [Pyftpdlib(node).start() for node in lab.servers]
    vips = lab.vips()
    weights = list(zip(servers, (3, 1, 1)))
    lab.gateway.up({"publish": [publish("files", vips, weights, source=source)]})
    met = crowd(lab, vips, servers[0], 40)
    assert sum(met.values()) == 120
    assert set(met) == {server.name for server in servers}
    if lab.gateway.kind == "ftpnat":
        heavy = met[servers[0].name]
        assert 45 < heavy < 100, f"72 of 120 expected with weight 3 of 5: {met}"


def test_many_clients_of_different_servers(make_lab):
    """Two rules with the same login, each client talks with both at once."""
    lab = make_lab(clients=3, servers=2)
    kinds = [need(Proftpd)(lab.servers[0]).start(), Pyftpdlib(lab.servers[1]).start()]
    vips = [lab.vips(index) for index in range(2)]
    lab.gateway.up({"publish": [publish(server.kind, dial, [server])
                                for server, dial in zip(kinds, vips)]})
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(crowd, lab, dial, server, 12, 2)
                for server, dial in zip(kinds, vips)]
        for job, server in zip(jobs, kinds):
            assert job.result() == {server.name: 36}


def test_anonymous_and_users_side_by_side(make_lab):
    """vsftpd and proftpd behind one address, told apart by the control port."""
    lab = make_lab(clients=2, servers=2)
    plain, users = need(Vsftpd)(lab.servers[0]).start(), need(Proftpd)(lab.servers[1]).start()
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("plain", vips, [plain]),
                                publish("users", vips, [users], port=2121)]})
    for family, method in METHODS:
        for node in lab.clients:
            with node.inside():
                for server, port in ((plain, 21), (users, 2121)):
                    session = login(node, pick(vips, family), server, method, port)
                    assert session.read("server-name").decode() == server.name
                    session.quit()


def drain(lab, verb, server, check=True):
    return lab.gateway.load("servers", verb, "files", server, check=check)


def states(lab):
    return {server["address"]: (server["state"], server["connections"])
            for server in lab.gateway.listing("servers")["servers"] if "10.2" in server["address"]}


@pytest.mark.ftpnat
def test_drain_and_resume(make_lab):
    lab = make_lab(servers=3)
    servers = [need(Vsftpd)(node).start() for node in lab.servers]
    vips = lab.vips()
    config = {"publish": [publish("files", vips, list(zip(servers, (1, 2, 3))))]}
    lab.gateway.up(config)
    ends = [f"{server.addresses[0]}:21" for server in servers]

    def met(number=24):
        names = set()
        with lab.client.inside():
            for _ in range(number):
                session = login(lab.client, vips[0], servers[0])
                names.add(session.server_name())
                session.quit()
        return names

    with lab.client.inside():
        living = {}
        while set(living) != {server.name for server in servers}:
            session = login(lab.client, vips[0], servers[0])
            living[session.server_name()] = session
    drain(lab, "drain", ends[2])
    assert states(lab)[ends[2]][0] == "drained" and states(lab)[ends[0]][0] == "unchecked"
    assert met() == {servers[0].name, servers[1].name}
    with lab.client.inside():  # existing sessions continue, with new data connections
        for _ in range(2):
            assert living[servers[2].name].read("server-name").decode() == servers[2].name
    assert states(lab)[ends[2]][1] >= 1

    lab.gateway.reload(config)
    assert met() == {servers[0].name, servers[1].name}, "it stays drained over a reload"
    drain(lab, "drain", servers[1].addresses[0])  # without a port: whatever port it has
    assert met(8) == {servers[0].name}
    done = drain(lab, "drain", ends[0])
    assert "no IPv4 server left" in done.stdout
    with lab.client.inside(), pytest.raises(ConnectionRefusedError):
        Session().connect(vips[0], 21, timeout=5)
    assert lab.gateway.reason("no_server") > 0
    for end in ends:
        drain(lab, "resume", end)
    assert "already" in drain(lab, "resume", ends[0]).stdout
    assert met(60) == {server.name for server in servers}
    assert {state for state, _ in states(lab).values()} == {"unchecked"}

    for arguments in (("drain", "nothing", ends[0]), ("drain", "files", "10.2.9.9"),
                      ("resume", "files", "10.2.1.2:2121")):
        done = lab.gateway.load("servers", *arguments, check=False)
        assert done.returncode == 1 and "ftpnat-load servers" in done.stdout
    for arguments in (("drain",), ("drain", "files"), ("stop", "files", ends[0]),
                      ("drain", "files", "ftp.example.com")):
        assert lab.gateway.load("servers", *arguments, check=False).returncode == 2


@pytest.mark.ftpnat
def test_no_server_left(make_lab):
    """A reset, so that clients fail at once; silence if the rule says so; or the fallback."""
    lab = make_lab(servers=2)
    server, last = [need(Vsftpd)(node).start() for node in lab.servers]
    vips = lab.vips()
    end = f"{server.addresses[0]}:21"

    def config(**more):
        return {"publish": [publish("files", vips, [server], **more)]}

    def dial():
        with lab.client.inside():
            session = login(lab.client, vips[0], server)
            name = session.server_name()
            session.quit()
            return name

    lab.gateway.up(config())
    drain(lab, "drain", end)
    with pytest.raises(ConnectionRefusedError):
        dial()
    lab.gateway.reload(config(refuse="drop"))
    with lab.client.inside(), pytest.raises(TimeoutError):
        Session().connect(vips[0], 21, timeout=2)
    fallback = f"{last.addresses[0]}:21"
    lab.gateway.reload(config(fallback=fallback))
    assert dial() == last.name
    assert states(lab)[fallback][0] == "fallback"
    assert any("no IPv4 server left for new connections but the fallback" in said
               for said in lab.gateway.listing("status")["degraded"])
    drain(lab, "drain", fallback)
    with pytest.raises(ConnectionRefusedError):
        dial()
    assert "resume" not in drain(lab, "resume", fallback).stdout and dial() == last.name
    drain(lab, "resume", end)
    assert dial() == server.name


@pytest.mark.ftpnat
def test_balance_by_source(make_lab):
    """A client has one server, whatever it does."""
    lab = make_lab(clients=3, servers=2)
    servers = [need(Vsftpd)(node).start() for node in lab.servers]
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, servers, balance="source")]})
    for node in lab.clients:
        met = set()
        with node.inside():
            for _ in range(6):
                session = login(node, vips[0], servers[0])
                met.add(session.server_name())
                session.quit()
        assert len(met) == 1


@pytest.mark.ftpnat
def test_drain_now(make_lab):
    """The sessions of the drained server end, with their data connections, and no others."""
    lab = make_lab(servers=2)
    servers = [need(Vsftpd)(node).start() for node in lab.servers]
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, servers)]})
    ends = [f"{server.addresses[0]}:21" for server in servers]
    with lab.client.inside():
        living = {}
        while set(living) != {server.name for server in servers}:
            session = login(lab.client, vips[0], servers[0])
            if session.server_name() in living:
                session.quit()
            else:
                living[session.server_name()] = session
    number = states(lab)[ends[0]][1]
    assert number >= 1
    said = lab.gateway.load("servers", "drain", "files", ends[0], "--now").stdout
    assert "connections ended" in said and " 0 connections" not in said
    assert not any(flow["real"] == ends[0] for flow in lab.gateway.flows())
    with lab.client.inside():
        assert living[servers[1].name].read("server-name").decode() == servers[1].name
        living[servers[0].name].sock.settimeout(3)
        with pytest.raises((OSError, EOFError)):
            living[servers[0].name].voidcmd("NOOP")
    done = lab.gateway.load("servers", "resume", "files", ends[0], "--now", check=False)
    assert done.returncode == 2 and "--now belongs to servers drain" in done.stdout


def opened(lab, number, vip, server):
    """So many sessions, and the names of their servers."""
    with lab.client.inside():
        sessions = [login(lab.client, vip, server) for _ in range(number)]
        return sessions, collections.Counter(session.server_name() for session in sessions)


@pytest.mark.ftpnat
def test_least_connections(make_lab):
    """Sessions are spread by weight exactly, those that end make room, and a reload keeps the counts."""
    lab = make_lab(servers=3)
    servers = [need(Vsftpd)(node).start() for node in lab.servers]
    names = [server.name for server in servers]
    ends = [f"{server.addresses[0]}:21" for server in servers]
    vips = lab.vips()

    def config(*weighted, **more):
        return {"publish": [publish("files", vips, weighted, balance="least_connections", **more)]}

    def counts():
        return [states(lab)[end][1] for end in ends]

    all_of_them = list(zip(servers, (2, 1, 1)))
    lab.gateway.up(config(*all_of_them))
    first, met = opened(lab, 8, vips[0], servers[0])
    assert met == dict(zip(names, (4, 2, 2))) and counts() == [4, 2, 2]

    lab.gateway.reload(config(*all_of_them))
    assert counts() == [4, 2, 2]
    with lab.client.inside():
        for session in first:
            if session.server_name() == names[2]:
                session.quit()
    wait_until(lambda: counts() == [4, 2, 0], "ended sessions are not counted")
    second, met = opened(lab, 2, vips[0], servers[0])
    assert met == {names[2]: 2}, "a reload and ended sessions: the one with the fewest"

    # a server that leaves the rule and comes back has what it had
    lab.gateway.reload(config(*all_of_them[:2]))
    lab.gateway.reload(config(*all_of_them))
    assert counts() == [4, 2, 2]
    drain(lab, "drain", ends[2])
    third, met = opened(lab, 3, vips[0], servers[0])
    assert met == dict(zip(names, (2, 1))), "none to the drained one"
    assert counts() == [6, 3, 2]
    drain(lab, "resume", ends[2])
    fourth, met = opened(lab, 1, vips[0], servers[0])
    assert met == {names[2]: 1}
    text = lab.gateway.load("metrics").stdout
    assert [sample(text, "ftpnat_server_sessions", rule="files", server=end) for end in ends] == [6, 3, 3]
    assert sample(text, "ftpnat_sessions", rule="files") == 12
    with lab.client.inside():
        for session in [*first, *second, *third, *fourth]:
            with contextlib.suppress(OSError, AttributeError):
                session.quit()
    wait_until(lambda: counts() == [0, 0, 0], "all have ended")
    assert sample(lab.gateway.load("metrics").stdout, "ftpnat_sessions", rule="files") == 0


@pytest.mark.ftpnat
def test_least_connections_counts_attempts(make_lab):
    """Two servers of which one doesn't answer: half of a burst goes there, not all of it."""
    lab = make_lab(servers=2)
    server = need(Vsftpd)(lab.servers[0]).start()
    vips = lab.vips()
    silent = f"{lab.servers[1].ip4}:21"
    lab.gateway.up({"publish": [{"name": "files", "listen": f"{vips[0]}:21", "balance": "least_connections",
                                 "servers": [f"{server.addresses[0]}:21", silent]}]})
    lab.servers[1].ip("addr flush dev eth0")
    with lab.client.inside(), contextlib.ExitStack() as stack:
        for _ in range(10):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sock.connect((vips[0], 21))
        wait_until(lambda: len(lab.gateway.flows()) == 10, "all SYNs have come")
        met = collections.Counter(flow["real"] for flow in lab.gateway.flows())
    assert met == {f"{server.addresses[0]}:21": 5, silent: 5}
