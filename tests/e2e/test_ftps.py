# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""FTPS (RFC 4217): what is under TLS is not read, and its data connections still arrive."""

import ftplib
import socket

import pytest

import tls
from clients import Account, ClientError
from lab import wait_until
from scenes import exchange, login, need, pick, publish
from servers import Proftpd, Vsftpd

pytestmark = pytest.mark.ftpnat


def ftps(make_lab, cls, rule=None, named=True, vip=0, port=21, implicit=False, **options):
    """A lab with one FTPS server behind a rule; the server names the public address in 227."""
    lab = make_lab(**options)
    vips = lab.vips(vip)
    server = need(cls)(lab.server, port=port, extra=tls.extra(
        cls, implicit=implicit, named=vips[0] if named else None)).start()
    lab.gateway.up({"publish": [publish("files", vips, [server], port=port,
                                        tls_data_ports=tls.PORTS, **rule or {})]})
    return lab, server, vips


@pytest.mark.parametrize("source", ["keep", "gateway"])
@pytest.mark.parametrize("client", tls.CLIENTS)
@pytest.mark.parametrize("server", tls.SERVERS)
def test_transfers(make_lab, server, client, source):
    """Both servers insist on TLS sessions that are used again for data."""
    lab, running, vips = ftps(make_lab, tls.SERVERS[server], {"source": source})
    for family, method in (("v4", "EPSV"), ("v4", "PASV"), ("v6", "EPSV")):
        exchange(tls.CLIENTS[client](), lab.client, running,
                 Account(pick(vips, family), running), method)
    assert lab.gateway.reason("opaque") > 0
    assert lab.gateway.reason("tls_data") == lab.gateway.reason("data_opened") > 0
    assert not lab.gateway.expected()


@pytest.mark.parametrize("client", tls.IMPLICIT)
@pytest.mark.parametrize("server", tls.SERVERS)
def test_implicit(make_lab, server, client):
    lab, running, vips = ftps(make_lab, tls.SERVERS[server], port=990, implicit=True)
    for family, method in (("v4", "EPSV"), ("v4", "PASV"), ("v6", "EPSV")):
        exchange(tls.IMPLICIT[client](), lab.client, running,
                 Account(pick(vips, family), running, port=990), method)
    assert lab.gateway.reason("tls_data") == lab.gateway.reason("data_opened") > 0


def reaches(node, address, port):
    with node.inside():
        try:
            socket.create_connection((address, port), timeout=0.3).close()
            return True
        except OSError:
            return False


def test_only_the_client_and_only_while_its_session_lives(make_lab):
    lab, server, vips = ftps(make_lab, Vsftpd, clients=2)
    lab.server.start(["/usr/bin/python3", "-m", "http.server", "60050"], "http4")
    lab.server.start(["/usr/bin/python3", "-m", "http.server", "60100"], "http4-beside")
    for port in (60050, 60100):
        wait_until(lambda p=port: lab.server.listening("0.0.0.0", p), f"a server on {port}")
    assert not reaches(lab.client, vips[0], 60050)
    with lab.client.inside():
        session = tls.login(lab.client, vips[0], server)
    assert reaches(lab.client, vips[0], 60050), "the range leads to the session's server"
    assert not reaches(lab.client, vips[0], 60100), "a port beside the range"
    assert not reaches(lab.clients[1], vips[0], 60050), "a client without a session"
    with lab.client.inside():
        assert session.read("server-name").decode() == server.name
        session.quit()
    wait_until(lambda: not reaches(lab.client, vips[0], 60050), "closed with the session")


def test_a_plain_session_opens_no_range(make_lab):
    lab = make_lab()
    server = need(Vsftpd)(lab.server).start()
    vips = lab.vips()
    lab.server.start(["/usr/bin/python3", "-m", "http.server", "60050"], "http")
    wait_until(lambda: lab.server.listening("0.0.0.0", 60050), "a server on 60050")
    lab.gateway.up({"publish": [publish("files", vips, [server], tls_data_ports=tls.PORTS)]})
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        assert session.read("server-name").decode() == server.name
    assert not reaches(lab.client, vips[0], 60050)


@pytest.mark.parametrize("server", tls.SERVERS)
def test_several_servers_and_clients_at_once(make_lab, server):
    cls = need(tls.SERVERS[server])
    lab = make_lab(clients=3, servers=2)
    vips = lab.vips()
    servers = [cls(node, extra=tls.extra(cls, named=vips[0])).start() for node in lab.servers]
    lab.gateway.up({"publish": [publish("files", vips, servers, tls_data_ports=tls.PORTS)]})
    sessions = []
    for node in lab.clients * 2:
        for family in ("v4", "v6"):
            with node.inside():
                sessions.append((node, tls.login(node, pick(vips, family), servers[0])))
    used = set()
    for _ in range(2):
        for node, session in sessions:
            with node.inside():
                assert session.read("server-name").decode() == session.server_name()
            used.add((node.name, session.af, session.server_name()))
    assert len(used) == 6, "all sessions of a client are on one server"
    for _, session in sessions:
        session.close()


@pytest.mark.parametrize("server", tls.SERVERS)
def test_denied(make_lab, server):
    """The client is told, goes on in clear text, and is told what a server would say."""
    cls = tls.SERVERS[server]
    lab = make_lab()
    running = need(cls)(lab.server, extra=tls.extra(cls).replace("TLSRequired ctrl", "TLSRequired off")
                        .replace("force_anon_data_ssl=YES", "")).start()
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [running], tls="deny")]})
    with lab.client.inside():
        session = login(lab.client, vips[0], running)
        for mechanism in ("TLS", "SSL", "TLS-P"):
            with pytest.raises(ftplib.error_perm, match="^534 "):
                session.sendcmd(f"AUTH {mechanism}")
        assert session.read("server-name").decode() == running.name
        session.quit()
    assert lab.gateway.reason("line_tls") == 3
    assert lab.gateway.reason("opaque") == 0
    with pytest.raises(ClientError, match="534"):
        exchange(tls.CurlTls(), lab.client, running, Account(vips[0], running), "EPSV")


def ccc_lab(make_lab):
    lab = make_lab()
    vips = lab.vips()
    server = need(Proftpd)(lab.server, extra=tls.extra(Proftpd).replace(
        "TLSRequired ctrl", "TLSRequired off")).start()
    lab.gateway.up({"publish": [publish("files", vips, [server], tls_data_ports=tls.PORTS)]})
    return lab, server, vips


@pytest.mark.parametrize("mode", ["passive", "active"])
def test_ccc(make_lab, mode):
    """After CCC the replies are clear text, and rewritten."""
    lab, server, vips = ccc_lab(make_lab)
    client = tls.CurlTls("--ftp-ssl-ccc", "--ftp-ssl-ccc-mode", mode)
    for method in ("PASV", "EPSV"):
        exchange(client, lab.client, server, Account(vips[0], server), method)
    assert lab.gateway.reason("clear") >= 2
    assert lab.gateway.reason("line_rewritten") == 2
    assert lab.gateway.reason("expected_used") == lab.gateway.reason("data_opened") == 4
    assert lab.gateway.reason("tls_data") == 0


def test_ccc_and_active_mode(make_lab):
    """PORT and EPRT open a door again; under TLS nobody could see them."""
    lab, server, vips = ccc_lab(make_lab)
    with lab.client.inside():
        for family, method in (("v4", "PORT"), ("v4", "EPRT"), ("v6", "EPRT")):
            session = tls.login(lab.client, pick(vips, family), server, method)
            session.prot_c()
            session.ccc()
            assert session.read("server-name").decode() == server.name
            session.quit()
    assert lab.gateway.reason("expected_used") == 3
