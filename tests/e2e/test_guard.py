# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""track and guard: a stateful firewall that translates nothing."""

import ftplib
import socket

import pytest

from clients import CLIENTS, Account
from follower import Follower
from lab import wait_until
from scenes import exchange, login, need, pick
from servers import Proftpd, Vsftpd

pytestmark = pytest.mark.ftpnat

PORTS = [20, "1024-65535"]
METHODS = [("v4", "PASV"), ("v4", "EPSV"), ("v4", "PORT"), ("v4", "EPRT"), ("v6", "EPSV"), ("v6", "EPRT")]


def track(servers=("10.2.0.0/16", "fd00:2::/32"), **more):
    return [{"name": "dmz", **({"servers": list(servers)} if servers else {}), **more}]


def guard(*interfaces):
    return [{"interface": name, "ports": PORTS} for name in interfaces]


def listen(node, port):
    """Something else than FTP that listens in the node."""
    process = node.start(["/usr/bin/python3", "-m", "http.server", str(port)], f"http-{node.short}-{port}")
    wait_until(lambda: node.listening("0.0.0.0", port), f"a server on port {port} of {node.short}")
    return process


def dials(node, address, port, source_port=0):
    with node.inside():
        try:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.settimeout(0.3)
            sock.bind(("", source_port))
            sock.connect((address, port))
        except OSError:
            return False
        finally:
            sock.close()
        return True


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("server", [Vsftpd, Proftpd], ids=lambda cls: cls.kind)
def test_routed(make_lab, server, client):
    check_routed(make_lab(), server, client)


def test_routed_without_ethernet(make_lab):
    check_routed(make_lab(tun=("clients", "servers")), Vsftpd, "ftplib")


def check_routed(lab, server, client):
    running = need(server)(lab.server).start()
    listen(lab.server, 8080)
    listen(lab.client, 8080)
    lab.gateway.up({"track": track(), "guard": guard(*lab.interfaces)})
    tool = need(CLIENTS[client])()
    for family, method in METHODS:
        if tool.can(family, method):
            exchange(tool, lab.client, running, Account(pick(running.addresses, family), running),
                     method)
    assert lab.gateway.reason("guarded") == 0
    assert lab.gateway.reason("line_rewritten") == 0
    assert not dials(lab.client, lab.server.ip4, 8080)
    assert not dials(lab.server, lab.client.ip4, 8080)
    assert not dials(lab.server, lab.client.ip4, 8080, source_port=20)
    assert lab.gateway.reason("guarded") >= 3
    flows = lab.gateway.flows()
    assert {flow["rule"] for flow in flows} == {"dmz"}
    assert all(flow["public"] == flow["real"] for flow in flows if flow["kind"] == "control")


def test_without_track_no_data_connection(make_lab):
    lab = make_lab()
    server = need(Vsftpd)(lab.server).start()
    lab.gateway.up({"track": track(control_ports=[49]), "guard": guard(*lab.interfaces)})
    with lab.client.inside():
        for method in ("PASV", "PORT"):
            session = login(lab.client, server.addresses[0], server, method)
            session.sock.settimeout(2)
            session.timeout = 1
            with pytest.raises((OSError, ftplib.Error)):
                session.read("server-name")
            session.close()
    assert lab.gateway.reason("guarded") >= 2


@pytest.mark.parametrize("ends", ["servers", "clients", "both"])
def test_ends_and_control_ports(make_lab, ends):
    """What the rule doesn't name isn't its: other ports, other clients, other servers."""
    lab = make_lab(clients=2, servers=2)
    servers = [need(Vsftpd)(node, port=49).start() for node in lab.servers]
    rule = {"name": "dmz", "control_ports": [21, 49]}
    if ends in ("servers", "both"):
        rule["servers"] = lab.servers[0].ip4
    if ends in ("clients", "both"):
        rule["clients"] = lab.clients[0].ip4
    lab.gateway.up({"track": [rule], "guard": guard("c1", "c2")})
    reached = set()
    for c, node in enumerate(lab.clients):
        for s, server in enumerate(servers):
            with node.inside():
                session = login(node, server.addresses[0], server, "PASV", port=49)
                session.timeout = 0.5
                try:
                    session.read("server-name")
                    reached.add((c, s))
                except OSError:
                    pass
                session.close()
    assert reached == {"servers": {(0, 0), (1, 0)}, "clients": {(0, 0), (0, 1)},
                       "both": {(0, 0)}}[ends]


@pytest.mark.parametrize("method", ["PASV", "EPSV", "PORT", "EPRT"])
@pytest.mark.parametrize("role", ["server", "client"])
def test_single_homed_host(make_lab, role, method):
    """INPUT and OUTPUT of one host: guard on its own interface, no NAT, no forwarding."""
    lab = make_lab(servers=0)
    host, other = lab.gw, lab.client
    own = (other.gw4, other.gw6)
    lab.gw.sysctl("net/ipv4/ip_forward", 0)
    server = need(Vsftpd)(*((host,) if role == "server" else (other,)),
                          **({"addresses": own} if role == "server" else {})).start()
    rule = {"name": "host", f"{role}s": list(own)}
    lab.gateway.up({"track": [rule], "guard": guard("c1")})
    listen(host, 8080)
    listen(other, 8080)
    caller = other if role == "server" else host
    client = need(CLIENTS["ftplib"])()
    for family in ("v4", "v6"):
        if client.can(family, method):
            exchange(client, caller, server, Account(pick(server.addresses, family), server), method)
    assert not dials(other, other.gw4, 8080), "in"
    assert not dials(host, other.ip4, 8080), "out"
    lab.gateway.reload({"track": [rule]})
    assert dials(other, other.gw4, 8080) and dials(host, other.ip4, 8080), "no guard any more"


def test_the_established_is_left_alone(make_lab):
    lab = make_lab()
    listen(lab.server, 8080)
    with lab.client.inside():
        old = socket.create_connection((lab.server.ip4, 8080), timeout=5)
    lab.gateway.up({"track": track(), "guard": guard(*lab.interfaces)})
    assert not dials(lab.client, lab.server.ip4, 8080)
    old.sendall(b"GET / HTTP/1.0\r\n\r\n")
    assert old.recv(4) == b"HTTP"
    old.close()


def test_refusals_are_reported_at_a_limited_rate(make_lab):
    lab = make_lab()
    server = need(Vsftpd)(lab.server).start()
    lab.gateway.up({"track": track(), "guard": guard("c1")})
    follower = Follower(lab, "--json")
    with lab.client.inside():
        for port in range(2000, 2100):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex((lab.server.ip4, port))
            sock.close()
        # a malformed line has an event too, with the line
        session = login(lab.client, server.addresses[0], server)
        session.putcmd("PORT 10,1,1,2,256,1")
        session.close()
    wait_until(lambda: lab.gateway.reason("guarded") >= 100, "100 refusals counted")
    follower.wait("line_malformed")
    events = follower.entries()
    refused = [event for event in events if event["reason"] == "guarded"]
    assert 0 < len(refused) < 60, "a few of a hundred"
    assert refused[0]["rule"] is None
    assert refused[0]["client"].startswith(f"{lab.client.ip4}:")
    assert refused[0]["public"].startswith(f"{lab.server.ip4}:2")
    malformed = [event for event in events if event["reason"] == "line_malformed"]
    assert [(event["rule"], event["before"]) for event in malformed] == [
        ("dmz", "PORT 10,1,1,2,256,1\r\n")]


def test_the_hosts_firewall_still_decides(make_lab):
    """Tracked packets go up the stack: nftables sees them, and may refuse them."""
    lab = make_lab()
    server = need(Vsftpd)(lab.server).start()
    lab.gateway.up({"track": track(), "guard": guard("c1")})
    lab.gw.run(["nft", "-f", "-"], input="table ip zones { chain forward { type filter hook forward "
                "priority 0; ip daddr 10.2.1.2 tcp dport 21 reject with tcp reset; }; }\n")
    assert not dials(lab.client, server.addresses[0], 21)
    lab.gw.run(["nft", "delete", "table", "ip", "zones"])
    with lab.client.inside():
        assert login(lab.client, server.addresses[0], server).read("server-name")
