# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A scan of all ports of the public address finds only the control port and announced ones."""

import ftplib
import socket

import pytest

from lab import wait_until
from scanner import Scanner
from scenes import login, pick, single
from servers import Vsftpd
from wire import address_of

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow]

ALL_PORTS = range(1, 65536)


def scan(node, address):
    """Open ports of the address as seen from the node."""
    scanner = Scanner(node, address)
    with scanner.raw:
        return scanner.scan(ALL_PORTS)


def scene(make_lab, kind):
    """Servers listen on other ports too, which must not be reachable through the public address."""
    lab, server, dial = single(make_lab, Vsftpd, kind, clients=2, servers=2)
    for address in (lab.server.ip4, lab.server.ip6):
        with lab.server.inside():
            for port in (8080, 40000):
                listener = socket.create_server((address, port), family=socket.AF_INET6
                                                if ":" in address else socket.AF_INET)
                lab.closers.append(listener.close)
    server.put("much", bytes(8 << 20))
    return lab, server, dial


@pytest.mark.parametrize("kind, family", [("keep", "v4"), ("keep", "v6"), ("full", "v4")])
def test_passive_ports_open_only_while_announced(make_lab, kind, family):
    lab, server, vips = scene(make_lab, kind)
    client, stranger = lab.clients
    host = pick(vips, family)
    assert scan(client, host) == {21} == scan(stranger, host), "before any session"

    with client.inside():
        session = login(client, host, server)
        assert scan(stranger, host) == {21}, "with a session, nothing announced"
        target = ftplib.parse229(session.sendcmd("EPSV"), session.sock.getpeername())
        assert scan(stranger, host) == {21}, "the port is open to the client only"
        assert len(lab.gateway.expected()) == 1, "a foreign scan does not use the expectation up"
        data = socket.create_connection(target, timeout=10)
        session.putcmd("RETR much")
        assert data.recv(1000)
        assert scan(client, host) == {21} == scan(stranger, host), "the expectation is used"
        while data.recv(1 << 16):
            pass
        data.close()
        assert session.getresp().startswith("1")
        assert session.getresp().startswith("226")

        announced = address_of(session.sendcmd("EPSV")).port
        assert scan(client, host) == {21, announced}
        assert lab.gateway.expected() == [], "the client's scan has used its expectation up"
        announced = [address_of(session.sendcmd("EPSV")).port for _ in range(5)]
        assert scan(client, host) == {21, announced[-1]}, "a new expectation removes the previous one"
        session.sendcmd("EPSV")
        session.quit()
    wait_until(lambda: not lab.gateway.expected(), "the expectation is removed with its session")
    assert scan(client, host) == {21} == scan(stranger, host), "after the session"


@pytest.mark.parametrize("family", ["v4", "v6"])
def test_active_ports_open_only_while_announced(make_lab, family):
    """Behind masquerade the public address is the gateway's, the peer is the server."""
    lab, server, dial = scene(make_lab, "masquerade")
    far, stranger = lab.servers
    public = pick((far.gw4, far.gw6), family)
    # from the stranger's side too the way there is through the gateway
    stranger.ip(f"route add default via {stranger.gw4}", f"route add ::/0 via {stranger.gw6}")
    assert scan(far, public) == set() == scan(stranger, public), "before any session"

    with lab.client.inside():
        session = login(lab.client, pick(dial, family), server, "EPRT")
        assert scan(far, public) == set() == scan(stranger, public), "with a session, nothing announced"
        listener = session.makeport()
        entry, = lab.gateway.expected()
        announced = int(entry["public"].rsplit(":", 1)[1])
        assert scan(stranger, public) == set()
        assert lab.gateway.expected(), "a foreign scan does not use the expectation up"
        assert scan(far, public) == {announced}
        assert scan(far, public) == set(), "its scan has used the server's expectation up"
        listener.close()
        listener = session.makeport()
        with listener:
            session.putcmd("RETR server-name")
            data, _ = listener.accept()
            assert scan(far, public) == set() == scan(stranger, public), "the expectation is used"
            assert data.recv(100).decode() == server.name
            data.close()
        assert session.getresp().startswith("1")
        assert session.getresp().startswith("226")
        session.makeport().close()
        session.quit()
    wait_until(lambda: not lab.gateway.expected(), "the expectation is removed with its session")
    assert scan(far, public) == set() == scan(stranger, public), "after the session"
