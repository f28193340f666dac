# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where the addresses are: VIPs, other ports, servers and clients on the gateway itself."""

import pytest

from clients import ACTIVE, CLIENTS, Account
from scenes import ends, exchange, login, masquerade, need, pick, publish
from servers import Pureftpd, Pyftpdlib, Vsftpd
from wire import Tap

METHODS = [("v4", "PASV"), ("v4", "EPSV"), ("v4", "PORT"), ("v6", "EPSV"), ("v6", "EPRT")]


def try_all(lab, node, server, dial, client="curl", methods=METHODS, port=21, source=None):
    for family, method in methods:
        tool = need(CLIENTS[client])()
        if tool.can(family, method):
            exchange(tool, node, server, Account(pick(dial, family), server, port), method,
                     source=source and pick(source, family))


@pytest.mark.parametrize("neighbours", ["dynamic", "permanent"])
@pytest.mark.parametrize("source", ["keep", "gateway"])
@pytest.mark.parametrize("vip", ["own", "routed"])
def test_vip(make_lab, vip, source, neighbours):
    lab = make_lab(vip=vip, neighbours=neighbours, route_back=source == "keep")
    server = need(Vsftpd)(lab.server).start()
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server], source=source)]})
    for client in CLIENTS:
        try_all(lab, lab.client, server, vips, client)


def test_vip_is_the_address_of_the_client_side_link(make_lab):
    lab = make_lab()
    server = need(Vsftpd)(lab.server).start()
    vips = (lab.client.gw4, lab.client.gw6)
    lab.gateway.up({"publish": [publish("files", vips, [server])]})
    try_all(lab, lab.client, server, vips)


@pytest.mark.parametrize("listen, port", [(2121, 21), (21, 2121), (49, 4559)])
def test_control_ports(make_lab, listen, port):
    lab = make_lab()
    server = need(Pureftpd)(lab.server, port=port).start()
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server], port=listen)]})
    for client in ("curl", "ftplib"):
        try_all(lab, lab.client, server, vips, client, port=listen)


def test_masquerade_control_ports(make_lab):
    lab = make_lab(route_back=False)
    server = need(Vsftpd)(lab.server, port=2121).start()
    lab.gateway.up({"masquerade": masquerade("lan", control_ports=[21, 2121])})
    try_all(lab, lab.client, server, server.addresses, port=2121)


@pytest.mark.ftpnat
def test_masquerade_leaves_other_ports_alone(make_lab):
    lab = make_lab()
    servers = [need(Vsftpd)(lab.server, port=port).start() for port in (21, 2121)]
    lab.gateway.up({"masquerade": masquerade("lan", control_ports=[2121])})
    for server, seen in zip(servers, (lab.client.ip4, lab.server.gw4)):
        with Tap(server.node, ports=[server.port]) as far:
            with lab.client.inside():
                session = login(lab.client, server.addresses[0], server, "PORT", port=server.port)
                assert session.read("server-name").decode() == server.name
                session.quit()
        assert {line.host for line in far.addresses_received()} == {seen}


@pytest.mark.ftpnat
def test_source_is_an_address(make_lab):
    """Full NAT with an address of its own: the server sees that one, in PORT lines too."""
    lab = make_lab(route_back=False)
    server = need(Vsftpd)(lab.server).start()
    vips, own = lab.vips(), ("10.2.1.77", "fd00:2:1::77")
    lab.gw.ip(f"addr add {own[0]}/32 dev s1", f"addr add {own[1]}/128 dev s1 nodad")
    lab.gateway.up({"publish": [publish("files", vips, [server], source=list(own))]})
    with Tap(server.node) as far:
        try_all(lab, lab.client, server, vips, "ftplib")
    assert {line.host for line in far.addresses_received()} == set(own)
    assert {flow["source"].rsplit(":", 1)[0].strip("[]") for flow in lab.gateway.flows()
            if flow["kind"] == "control"} == set(own)


def test_masquerade_to_an_address(make_lab):
    lab = make_lab(route_back=False)
    server = need(Vsftpd)(lab.server).start()
    to = ("10.2.1.77", "fd00:2:1::77")
    lab.gw.ip(f"addr add {to[0]}/32 dev s1", f"addr add {to[1]}/128 dev s1 nodad")
    lab.gateway.up({"masquerade": masquerade("lan", to=to)})
    with Tap(server.node) as far:
        try_all(lab, lab.client, server, server.addresses, "lftp")
    named = {line.host for line in far.addresses_received()}
    assert named == set(to) or lab.gateway.kind == "kernel"


@pytest.mark.parametrize("source", ["keep", "gateway"])
def test_server_on_the_gateway(make_lab, source):
    lab = make_lab(servers=0)
    own = (lab.client.gw4, lab.client.gw6)
    server = need(Vsftpd)(lab.gw, addresses=own, port=2021).start()
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server], source=source)]})
    for client in ("curl", "ftplib"):
        try_all(lab, lab.client, server, vips, client)


@pytest.mark.parametrize("client", CLIENTS)
def test_client_on_the_gateway(make_lab, client):
    """It calls from an address that servers don't know a way to."""
    lab = make_lab(route_back=False)
    server = need(Vsftpd)(lab.server).start()
    private = ("10.9.9.9", "fd00:9::9")
    lab.gw.ip(f"addr add {private[0]}/32 dev lo", f"addr add {private[1]}/128 dev lo nodad")
    lab.gateway.up({"masquerade": masquerade("host", clients=("10.9.9.9/32", "fd00:9::9/128"))})
    methods = METHODS
    if client == "curl":  # its --ftp-port wants an address: leave active mode to the others
        methods = [(family, method) for family, method in METHODS if method not in ACTIVE]
    try_all(lab, lab.gw, server, server.addresses, client, methods, source=private)


@pytest.mark.parametrize("vip", ["own", "routed"])
def test_client_on_the_gateway_dials_the_published_address(make_lab, vip):
    """An own address is reached over lo, one that is only routed by the default route.

    With an own address the server's answers come in from outside with the gateway's
    own source: Linux takes that for IPv4 only with accept_local.
    """
    lab = make_lab(servers=2, vip=vip)
    if vip == "own":
        lab.gw.sysctl("net/ipv4/conf/all/accept_local", 1)
    server = need(Vsftpd)(lab.server).start()
    vips = lab.vips()
    lab.gw.ip(f"route add default via {lab.servers[1].ip4}",
              f"route add ::/0 via {lab.servers[1].ip6}")
    lab.gateway.up({"interfaces": ["lo", *lab.interfaces] if vip == "own" else lab.interfaces,
                    "publish": [publish("files", vips, [server])]})
    try_all(lab, lab.gw, server, vips, "ftplib")


def test_several_rules_and_both_kinds_at_once(make_lab):
    """Two published servers, a third behind two listens, and a LAN that is masqueraded."""
    lab = make_lab(clients=2, servers=4)
    inside = [need(cls)(node).start() for cls, node in
              zip((Vsftpd, Pureftpd, Pyftpdlib), lab.servers)]
    outside = need(Vsftpd)(lab.servers[3]).start()
    lab.servers[3].ip("route del default", "route del ::/0")
    vips = [lab.vips(index) for index in range(4)]
    third = publish("third", vips[2], [inside[2]], source="gateway")
    third["listen"] += ends(vips[3], 2121)
    lab.gateway.up({
        "publish": [publish("first", vips[0], [inside[0]]), publish("second", vips[1], [inside[1]]),
                    third],
        "masquerade": masquerade("lan", clients=("10.1.2.0/24", "fd00:1:2::/64")),
    })
    methods = [("v4", "PASV"), ("v4", "PORT"), ("v6", "EPSV")]
    for node in lab.clients:
        for server, dial in zip(inside, vips):
            try_all(lab, node, server, dial, methods=methods)
        try_all(lab, node, inside[2], vips[3], methods=methods, port=2121)
    try_all(lab, lab.clients[1], outside, outside.addresses)
