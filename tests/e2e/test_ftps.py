# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""FTPS (RFC 4217): sessions under TLS are not read, and their data connections still arrive."""

import ftplib
import socket

import pytest

import tls
from clients import Account, ClientError, Curl, Lftp
from lab import DEADLINE, wait_until
from scenes import exchange, login, masquerade, need, pick, publish
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


def reaches(node, address, port, patience=0.3):
    with node.inside():
        try:
            socket.create_connection((address, port), timeout=patience).close()
            return True
        except OSError:
            return False


def listen(node, *ports):
    """Something else than FTP that listens on these ports of the node."""
    for port in ports:
        node.start(["/usr/bin/python3", "-m", "http.server", str(port)], f"http-{node.short}-{port}")
        wait_until(lambda p=port: node.listening("0.0.0.0", p), f"a server on {port} of {node.short}")


def test_tls_1_3(make_lab):
    """Downloads alone, see tls.CurlTls."""
    lab, server, vips = ftps(make_lab, Vsftpd)
    for host in vips:
        Curl().call(lab.client, ["curl", "-sSk", "--ssl-reqd", "--tlsv1.3", "-o", lab.file("got"),
                                 f"{Account(host, server).url}/server-name"])
        with open(lab.file("got")) as file:
            assert file.read() == server.name
    assert lab.gateway.reason("tls_data") == lab.gateway.reason("data_opened") == 2


def test_only_the_client_and_only_while_its_session_lives(make_lab):
    lab, server, vips = ftps(make_lab, Vsftpd, clients=2)
    listen(lab.server, 60050, 60100)
    assert not reaches(lab.client, vips[0], 60050)
    with lab.client.inside():
        session = tls.login(lab.client, vips[0], server)
    assert reaches(lab.client, vips[0], 60050, DEADLINE), "it leads to the session's server"
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
    listen(lab.server, 60050)
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


@pytest.mark.parametrize("client", tls.CLIENTS)
@pytest.mark.parametrize("server", tls.SERVERS)
def test_several_servers_that_want_tls_sessions_again(make_lab, server, client):
    """A client's TLS session is known to one server only, so data must not go to another."""
    cls = need(tls.SERVERS[server])
    lab = make_lab(clients=3, servers=2)
    vips = lab.vips()
    servers = [cls(node, extra=tls.extra(cls, named=vips[0])).start() for node in lab.servers]
    lab.gateway.up({"publish": [publish("files", vips, servers, tls_data_ports=tls.PORTS)]})
    for node in lab.clients:
        with node.inside():
            session = tls.login(node, vips[0], servers[0])
            name = session.server_name()
            session.quit()
        own = next(running for running in servers if running.name == name)
        for method in ("EPSV", "PASV"):
            exchange(tls.CLIENTS[client](), node, own, Account(vips[0], own), method)


# ---- nothing is published ----

def outward(make_lab, cls, kind, more=None, guard=True, **options):
    """A lab with an FTPS server, and its clients behind a masquerade or track rule."""
    masqueraded = kind == "masquerade"
    lab = make_lab(route_back=not masqueraded, **options)
    server = need(cls)(lab.server, extra=tls.extra(cls)).start()
    rules = masquerade("lan", **(more or {})) if masqueraded else [
        {"name": "dmz", "servers": ["10.2.0.0/16", "fd00:2::/32"], **(more or {})}]
    guards = [{"interface": name, "ports": [20, "1024-65535"]} for name in lab.interfaces]
    lab.gateway.up({kind: rules, **({"guard": guards} if guard else {})})
    return lab, server


OUTWARD = {"masquerade": ("masquerade", {}, False),
           "masquerade-guard": ("masquerade", {"tls_data_ports": tls.PORTS}, True),
           "track-guard": ("track", {"tls_data_ports": tls.PORTS}, True)}


@pytest.mark.parametrize("kind", OUTWARD)
@pytest.mark.parametrize("client", tls.CLIENTS)
@pytest.mark.parametrize("server", tls.SERVERS)
def test_outward(make_lab, server, client, kind):
    lab, running = outward(make_lab, tls.SERVERS[server], *OUTWARD[kind])
    for family, method in (("v4", "EPSV"), ("v4", "PASV"), ("v6", "EPSV")):
        exchange(tls.CLIENTS[client](), lab.client, running,
                 Account(pick(running.addresses, family), running), method)
    assert lab.gateway.reason("tls_data") == lab.gateway.reason("data_opened") > 0
    assert lab.gateway.reason("guarded") == 0


def test_outward_implicit(make_lab):
    lab = make_lab()
    server = need(Vsftpd)(lab.server, port=990, extra=tls.extra(Vsftpd, implicit=True)).start()
    lab.gateway.up({"track": [{"name": "dmz", "servers": lab.server.ip4, "control_ports": 990,
                               "tls_data_ports": tls.PORTS}],
                    "guard": [{"interface": "c1", "ports": "1024-65535"}]})
    exchange(tls.CurlImplicit(), lab.client, server,
             Account(lab.server.ip4, server, port=990), "EPSV")
    assert lab.gateway.reason("tls_data") == lab.gateway.reason("data_opened") > 0


@pytest.mark.parametrize("kind", ["masquerade", "track"])
def test_outward_guard_without_the_key(make_lab, kind):
    """Connections that were not announced and that no key allows don't pass; clear text still does."""
    lab, server = outward(make_lab, Proftpd, kind)
    with lab.client.inside():
        session = tls.login(lab.client, lab.server.ip4, server)
        session.timeout = 0.5
        with pytest.raises(OSError):
            session.read("server-name")
        session.close()
    assert lab.gateway.reason("guarded") > 0
    assert lab.gateway.reason("data_opened") == 0


@pytest.mark.parametrize("kind", OUTWARD)
def test_outward_only_this_client_and_this_server(make_lab, kind):
    lab, server = outward(make_lab, Vsftpd, *OUTWARD[kind], clients=2, servers=2)
    address, other = lab.server.ip4, lab.servers[1].ip4
    for node in lab.servers:
        listen(node, 60050, 60100)

    def opened():
        """Whom ftpnat lets through to port 60050, in bits: by its count, as routing might, too."""
        before, found = lab.gateway.reason("tls_data"), 0
        for i, (node, host) in enumerate(((lab.client, address), (lab.clients[1], address),
                                          (lab.client, other))):
            reaches(node, host, 60050)
            after = lab.gateway.reason("tls_data")
            found |= (after > before) << i
            before = after
        return found

    assert opened() == 0
    with lab.client.inside():
        session = tls.login(lab.client, address, server)
        assert session.read("server-name").decode() == server.name
    assert opened() == 1, "this client, this server, and nobody else"
    assert reaches(lab.client, address, 60050, DEADLINE)
    if kind == "masquerade":
        lab.gw.run(["nft", "-f", "-"], input="table inet zones { chain forward { type filter hook "
                   "forward priority 0; tcp dport 60050 drop; }; }\n")
        assert opened() == 0, "the host's filter decides"
        lab.gw.run(["nft", "delete", "table", "inet", "zones"])
        assert opened() == 1
    if "guard" in kind:
        assert not reaches(lab.client, address, 60100), "a port beside the range"
        assert not reaches(lab.clients[1], address, 60050)
        assert not reaches(lab.client, other, 60050)
        assert not reaches(lab.server, lab.client.ip4, 60050), "the other way round"
    with lab.client.inside():
        session.quit()
    wait_until(lambda: opened() == 0, "closed with the session")


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
    for client in (tls.CurlTls("--no-ssl-reqd", "--ssl"), Lftp()):  # both ask for TLS if it is there
        for method in ("EPSV", "PASV", "PORT"):
            said = exchange(client, lab.client, running, Account(vips[0], running), method)
            assert "AUTH" in said and "534 " in said
    assert lab.gateway.reason("opaque") == 0


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
    """PORT and EPRT announce data connections again; under TLS they could not be read.

    Not with curl 7.88 and PROT P: without any NAT, too, it sends such data in clear text, and hangs.
    """
    lab, server, vips = ccc_lab(make_lab)
    with lab.client.inside():
        for family, method in (("v4", "PORT"), ("v4", "EPRT"), ("v6", "EPRT")):
            session = tls.login(lab.client, pick(vips, family), server, method)
            session.prot_c()
            session.ccc()
            assert session.read("server-name").decode() == server.name
            session.quit()
    assert lab.gateway.reason("expected_used") == 3
