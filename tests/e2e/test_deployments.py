# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The deployments of docs/deployments: what the old setup does, and what ftpnat does instead."""

import ftplib
import io
import socket

import pytest

import tls
from clients import CLIENTS, Account, Session
from old_setups import (COMPLAINS, FAILS, HELPER, WORKS, helper, iptables, kernel_nat, listen, nat, nftables,
                        outcome, quick, reaches, works)
from scenes import login, need, publish
from servers import Vsftpd

pytestmark = pytest.mark.ftpnat


def test_1_active_masquerade(make_lab):
    """Private server, active mode only. The old setup works; so does ours, and says what it refuses."""
    lab = make_lab(route_back=False)
    server = need(Vsftpd)(lab.server, extra="pasv_enable=NO\n").start()
    vips = lab.vips()
    config = {"publish": [publish("files", vips, [server], source="gateway", modes="active")]}
    account = Account(vips[0], server)
    old_rules = helper(21) + nat(
        "-A PREROUTING -d 192.0.2.10 -p tcp --dport 20:21 -j DNAT --to-destination 10.2.1.2\n",
        "-A POSTROUTING -o s1 -j MASQUERADE\n")
    with iptables(lab, old_rules):
        assert works(quick("lftp"), lab.client, server, account, "PORT")
    lab.gateway.up(config)
    for client in ("curl", "lftp", "tnftp", "ftplib"):
        assert works(quick(client), lab.client, server, account, "PORT"), client
    with lab.client.inside():
        session = login(lab.client, vips[0], server, "PORT")
        for command in ("PASV", "EPSV"):
            with pytest.raises(ftplib.Error):
                session.sendcmd(command)
        assert session.read("server-name").decode() == server.name


DNAT = "-A PREROUTING -d 192.0.2.10 -p tcp --dport 2121 -j DNAT --to-destination 10.2.1.2:21\n"
RANGE = "-A PREROUTING -d 192.0.2.10 -p tcp --dport 50000:50099 -j DNAT --to-destination 10.2.1.2\n"
MASQUERADE = "-A POSTROUTING -d 10.2.1.2 -j MASQUERADE\n"


@pytest.mark.parametrize("rules, want", [
    (nat(DNAT, MASQUERADE), {"PASV": {FAILS}, "EPSV": {FAILS}, "PORT": {FAILS}}),
    # clients that believe the 227 fail, lftp repairs it and says so
    (nat(DNAT, RANGE, MASQUERADE), {"PASV": {FAILS, COMPLAINS}, "EPSV": {WORKS}, "PORT": {FAILS}}),
    (helper(21) + nat(DNAT, MASQUERADE), {"PASV": {FAILS}, "EPSV": {FAILS}, "PORT": {FAILS}}),
    (helper(2121) + nat(DNAT, MASQUERADE), {"PASV": {WORKS}, "EPSV": {WORKS}, "PORT": {WORKS}}),
    (None, {"PASV": {WORKS}, "EPSV": {WORKS}, "PORT": {WORKS}}),
], ids=["dnat", "range", "helper-of-21", "helper-of-2121", "nftables"])
def test_2_other_port(make_lab, rules, want):
    """A server on the Internet by another port. Without the helper of that port its 227 stays wrong."""
    lab = make_lab(route_back=False)
    lab.client.ip("route del default", "route add 192.0.2.0/24 via 10.1.1.1")
    server = need(Vsftpd)(lab.server, extra="pasv_min_port=50000\npasv_max_port=50099\n").start()
    vips = lab.vips()
    account = Account(vips[0], server, port=2121)
    config = {"publish": [publish("far", vips, [server], port=2121, source="gateway")]}

    def outcomes():
        return {method: {name: outcome(quick(name), lab.client, server, account, method)
                         for name in CLIENTS} for method in want}

    with iptables(lab, rules) if rules else kernel_nat(lab, config):
        got = outcomes()
    assert {method: set(said.values()) for method, said in got.items()} == want
    assert {name for said in got.values() for name in said if said[name] == COMPLAINS} <= {"lftp"}
    lab.gateway.up(config)
    assert outcomes() == {method: dict.fromkeys(CLIENTS, WORKS) for method in want}


def test_3_host_firewall(make_lab):
    """One host, INPUT and OUTPUT: conntrack's RELATED and ours let the same through."""
    lab = make_lab(servers=0)
    host, other = lab.gw, lab.client
    own = (other.gw4, other.gw6)
    server = need(Vsftpd)(host, addresses=own).start()
    far = need(Vsftpd)(other).start()
    listen(host, 8080)
    listen(other, 8080)

    def outcome():
        result = {}
        for method in ("PASV", "EPSV", "PORT", "EPRT"):
            result["server", method] = works(quick("ftplib"), other, server, Account(own[0], server), method)
            result["client", method] = works(quick("ftplib"), host, far, Account(other.ip4, far), method)
        result["in"] = reaches(other, own[0], 8080)
        result["out"] = reaches(host, other.ip4, 8080)
        result["from 20"] = reaches(other, own[0], 8080, 20)
        return result

    want = {(role, method): True for role in ("server", "client")
            for method in ("PASV", "EPSV", "PORT", "EPRT")}
    want.update({"in": False, "out": False, "from 20": False})
    accept = "ct state established,related accept; tcp dport 21 accept; meta l4proto != tcp accept; iifname lo accept"
    with nftables(lab, f"""{HELPER}
	chain in {{ type filter hook input priority 10; policy drop; {accept}; }}
	chain out {{ type filter hook output priority 10; policy drop; {accept.replace("iifname", "oifname")}; }}"""):
        assert outcome() == want
    lab.gateway.up({"track": [{"name": "server", "servers": list(own)},
                              {"name": "client", "clients": list(own)}],
                    "guard": [{"interface": "c1", "ports": [20, "1024-65535"]}]})
    assert outcome() == want


def test_6_ftps(make_lab):
    """Under TLS the kernel's helper sees nothing; we lead the range to the session's server."""
    lab = make_lab(servers=2)
    lab.client.ip("route del default", "route add 192.0.2.0/24 via 10.1.1.1")
    vips = lab.vips()
    servers = [need(Vsftpd)(node, extra=tls.extra(Vsftpd, named=vips[0])).start() for node in lab.servers]
    config = {"publish": [publish("files", vips, servers)]}
    account = Account(vips[0], servers[0])
    with kernel_nat(lab, config):
        assert not works(tls.CurlTls(timeout=12), lab.client, servers[0], account, "EPSV")
    config["publish"][0]["tls_data_ports"] = tls.PORTS
    lab.gateway.up(config)
    for method in ("EPSV", "PASV"):
        with lab.client.inside():
            session = tls.login(lab.client, vips[0], servers[0], method)
            name = session.server_name()
            for turn in range(3):
                content = f"{method} {turn}".encode() * 1000
                session.storbinary("STOR file", io.BytesIO(content))
                assert session.read("file") == content
                assert session.read("server-name").decode() == name
            session.quit()


def test_7_many_servers(make_lab):
    """DNAT to one of several: data lands anywhere. Ours: with its session, on equal ports, too."""
    lab = make_lab(clients=2, servers=3)
    for node in lab.clients:
        node.ip("route del default", "route add 192.0.2.0/24 via " + node.gw4)
    servers = [need(Vsftpd)(node, extra="pasv_min_port=50000\npasv_max_port=50003\n").start()
               for node in lab.servers]
    vips = lab.vips()
    ends = ", ".join(f"{i} : {s.addresses[0]}" for i, s in enumerate(servers))
    balance = f"""chain pre {{ type nat hook prerouting priority dstnat;
		ip daddr 192.0.2.10 tcp dport {{ 21, 50000-50003 }} dnat ip to numgen inc mod 3 map {{ {ends} }}; }}"""

    def converse():
        """Pairs (server of the session, servers that its data came from)."""
        met = []
        for node in lab.clients * 3:
            with node.inside():
                session = Session("EPSV").open(Account(vips[0], servers[0]))
                session.timeout = 1
                came = set()
                for _ in range(3):
                    try:
                        came.add(session.read("server-name").decode())
                    except (OSError, EOFError, ftplib.Error):
                        came.add(None)
                        break
                met.append((session.server_name(), came))
                session.close()
        return met

    with nftables(lab, balance):
        assert any(came != {name} for name, came in converse())
    lab.gateway.up({"publish": [publish("files", vips, list(zip(servers, (2, 1, 1))))]})
    for _ in range(3):
        assert all(came == {name} for name, came in converse())


def test_7_one_data_port_of_several_servers_at_once(make_lab):
    """One client with two sessions whose servers name the same port: it reads two, and reaches both."""
    lab = make_lab(servers=2)
    servers = {server.name: server for server in (
        need(Vsftpd)(node, extra="pasv_min_port=50000\npasv_max_port=50000\n").start() for node in lab.servers)}
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, list(servers.values()))]})
    with lab.client.inside():
        sessions = {}
        while set(sessions) != set(servers):
            session = login(lab.client, vips[0], servers[min(servers)])
            sessions.setdefault(session.server_name(), session)
        ends = {name: ftplib.parse229(session.sendcmd("EPSV"), session.sock.getpeername())
                for name, session in sessions.items()}
        assert {entry["real"] for entry in lab.gateway.expected()} == {
            f"{server.addresses[0]}:50000" for server in servers.values()}
        assert len(set(ends.values())) == 2 and (vips[0], 50000) in ends.values()
        for name, session in sessions.items():
            with socket.create_connection(ends[name], timeout=10) as data:
                session.putcmd("RETR server-name")
                assert data.recv(100).decode() == name
            assert session.getresp().startswith("150") and session.voidresp().startswith("226")
            session.quit()
