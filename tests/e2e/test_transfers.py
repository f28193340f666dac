# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Transfers: sizes, many transfers on one control connection, listings."""

import io

import pytest

from clients import CLIENTS, Account, Curl
from scenes import exchange, login, need, pick, single
from servers import FOLDER, SERVERS, Proftpd, Pyftpdlib, Vsftpd

KIB, MIB = 1 << 10, 1 << 20


@pytest.mark.parametrize("server", SERVERS)
def test_sizes(make_lab, server):
    lab, running, vips = single(make_lab, SERVERS[server])
    client = need(Curl)()
    for size in (0, 1, 64 * KIB, 100 * MIB):
        for family, method in (("v4", "PASV"), ("v6", "EPRT")):
            if size == 100 * MIB and family == "v6" and server != "vsftpd":
                continue
            if lab.gateway.kind == "kernel" and server == "pyftpdlib" and family == "v6":
                continue
            exchange(client, lab.client, running, Account(pick(vips, family), running), method, size)


@pytest.mark.parametrize("kind, family, method", [("full", "v4", "EPSV"), ("masquerade", "v6", "EPRT")])
def test_one_gibibyte(make_lab, kind, family, method):
    lab, server, dial = single(make_lab, Vsftpd, kind)
    client = need(Curl)(timeout=120)
    exchange(client, lab.client, server, Account(pick(dial, family), server), method, 1024 * MIB)


@pytest.mark.parametrize("kind", ["keep", "full", "masquerade"])
@pytest.mark.parametrize("family", ["v4", "v6"])
def test_200_transfers_on_one_control_connection(make_lab, kind, family):
    lab, server, dial = single(make_lab, Vsftpd, kind)
    methods = ("EPSV", "PASV", "EPRT", "PORT") if family == "v4" else ("EPSV", "EPRT")
    with lab.client.inside():
        session = login(lab.client, pick(dial, family), server)
        for number in range(100):
            session.method = methods[number % len(methods)]
            session.set_pasv(session.method in ("EPSV", "PASV"))
            content = f"{number} ".encode() * (number * 7 + 1)
            session.storbinary("STOR many", io.BytesIO(content))
            assert session.read("many") == content, f"transfer {number} by {session.method}"
        session.quit()
    if lab.gateway.kind == "ftpnat":
        rules = [lab.gateway.rule(rule["name"]) for rule in lab.gateway.stats()["rules"]]
        assert sum(rule["sessions"] for rule in rules) == 1
        assert sum(rule["data_connections"] for rule in rules) == 200


@pytest.mark.parametrize("kind", ["keep", "full", "masquerade"])
@pytest.mark.parametrize("server", [Proftpd, Pyftpdlib], ids=lambda cls: cls.kind)
def test_listings(make_lab, kind, server):
    lab, running, dial = single(make_lab, server, kind)
    names = {f"a file {number}" for number in range(300)} | {"server-name"}
    for name in names:
        running.put(name, b"x")
    with lab.client.inside():
        for family, method in (("v4", "PASV"), ("v4", "PORT"), ("v6", "EPSV")):
            session = login(lab.client, pick(dial, family), running, method)
            long = []
            session.retrlines("LIST", long.append)
            assert sum(any(line.endswith(name) for name in names) for line in long) == len(names)
            assert set(session.nlst()) == names
            assert {name for name, facts in session.mlsd() if facts["type"] == "file"} == names
            session.quit()


@pytest.mark.parametrize("client", CLIENTS)
def test_listing_by_client(make_lab, client):
    lab, server, vips = single(make_lab, Proftpd)
    tool = need(CLIENTS[client])()
    account = Account(vips[0], server)
    if client == "curl":
        said = tool.call(lab.client, ["curl", "-sS", f"{account.url}/"])
    elif client == "lftp":
        said = tool.call(lab.client, ["lftp", "-c", tool.script(account, "PASV", f"cls {FOLDER}")])
    elif client == "tnftp":
        said = tool.call(lab.client, ["tnftp", "-n", account.host],
                         input=f"user {server.user} {server.password}\nls {FOLDER}\nquit\n")
    else:
        with lab.client.inside():
            said = "\n".join(login(lab.client, vips[0], server, "PORT").nlst())
    assert "server-name" in said
