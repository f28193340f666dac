# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Ends with receive buffers so large that their windows are counted in 16 KiB: they are told smaller units.

A window of one unit would be more than what is kept of a control connection, so that what
an honest sender sends into it would be dropped.
"""

import re

import pytest

from clients import CLIENTS, Account
from scenes import exchange, login, need, pick, single
from servers import Proftpd, Vsftpd

BUFFER = 1 << 30  # bytes: the shift is 14, the largest there is
SHIFT, TOLD = 14, 10
LINES = 1500  # sent at once, 9000 bytes


def huge(node):
    node.sysctl("net/ipv4/tcp_rmem", f"4096 {BUFFER} {BUFFER}")
    node.patient()


def shifts(node, port):
    """(the other end's, its own), as the node's TCP knows them, of its connections with this port."""
    output = node.run(["ss", "-Htin", f"( sport = :{port} or dport = :{port} )"]).stdout
    return [tuple(map(int, found)) for found in re.findall(r"wscale:(\d+),(\d+)", output)]


@pytest.mark.ftpnat
@pytest.mark.parametrize("family", ("v4", "v6"))
@pytest.mark.parametrize("kind", ("keep", "full", "masquerade"))
def test_windows_in_units_of_16_kib(make_lab, real_servers, kind, family):
    lab, server, hosts = single(make_lab, need(Vsftpd if family == "v4" else Proftpd), kind)
    nodes = (lab.client, lab.server)
    for node in nodes:
        huge(node)
    with lab.client.inside():
        session = login(lab.client, pick(hosts, family), server)
        before = [node.counters()["TCPTimeouts"] for node in nodes]
        for node in nodes:
            assert (TOLD, SHIFT) in shifts(node, 21)
        session.sock.sendall(b"NOOP\r\n" * LINES)
        assert all(session.getresp().startswith("200") for _ in range(LINES))
        session.retrlines("LIST", lambda line: None)
        session.quit()
    assert [node.counters()["TCPTimeouts"] for node in nodes] == before
    for reason in ("tcp_window", "tcp_ignored"):
        assert lab.gateway.reason(reason) == 0


@pytest.mark.ftpnat
@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_real_clients(make_lab, real_servers, client):
    lab, server, hosts = single(make_lab, need(Vsftpd))
    for node in (lab.client, lab.server):
        huge(node)
    exchange(need(client)(), lab.client, server, Account(hosts[0], server), "PASV")
    assert lab.gateway.reason("tcp_window") == 0
