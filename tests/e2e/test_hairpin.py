# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A client inside dials the public address of a server inside; with a bridge, as containers have it."""

import pytest

from bridge import bridged
from clients import CLIENTS, Account
from lab import wait_until
from scenes import exchange, login, need, pick, publish
from servers import Proftpd, Vsftpd

METHODS = [("v4", "PASV"), ("v4", "EPSV"), ("v4", "PORT"), ("v4", "EPRT"), ("v6", "EPSV"), ("v6", "EPRT")]


@pytest.mark.ftpnat
@pytest.mark.parametrize("source", ["keep", "gateway"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("server", [Vsftpd, Proftpd], ids=lambda cls: cls.kind)
def test_same_link(make_lab, server, client, source):
    """Its answers would go past the gateway: the server sees the gateway instead."""
    lab, near, far = bridged(make_lab)
    running = need(server)(near).start()
    vips = lab.vips()
    lab.gateway.up({"interfaces": ["c1", "br0"],
                    "publish": [publish("files", vips, [running], source=source)]})
    tool = need(CLIENTS[client])()
    for node in (far, lab.client):
        for family, method in METHODS:
            if tool.can(family, method):
                exchange(tool, node, running, Account(pick(vips, family), running), method)


@pytest.mark.ftpnat
def test_who_the_server_sees(make_lab):
    lab, near, far = bridged(make_lab)
    server = need(Vsftpd)(near).start()
    vips = lab.vips()
    lab.gateway.up({"interfaces": ["c1", "br0"], "publish": [publish("files", vips, [server])]})
    for node, seen4, seen6 in ((far, near.gw4, near.gw6), (lab.client, lab.client.ip4, lab.client.ip6)):
        for host, seen in zip(vips, (seen4, seen6)):
            with node.inside():
                session = login(node, host, server)
            sources = [flow["source"].rsplit(":", 1)[0].strip("[]") for flow in lab.gateway.flows()
                       if flow["kind"] == "control" and flow["state"] == "established"]
            assert sources == [seen]
            session.close()
            wait_until(lambda: all(flow["state"] != "established" for flow in lab.gateway.flows()),
                       "the session's end")


def test_another_link(make_lab):
    """Client and server inside on two links: the gateway is on both ways anyway."""
    lab = make_lab(servers=2)
    server = need(Vsftpd)(lab.servers[0]).start()
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server])]})
    for client in ("lftp", "ftplib"):
        tool = need(CLIENTS[client])()
        for family, method in METHODS:
            if tool.can(family, method) and (family, method) != ("v6", "EPRT"):
                exchange(tool, lab.servers[1], server, Account(pick(vips, family), server), method)
