# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`commands` and `tls` with lftp and on masquerade rules; records of what TLS hides, and of big files."""

import ftplib
import os
import socket

import pytest

import tls
from clients import Account, ClientError, Curl, Lftp
from follower import Follower
from scenes import exchange, login, masquerade, need, publish, single
from servers import FOLDER, Proftpd, Vsftpd

pytestmark = pytest.mark.ftpnat


def tls_scene(make_lab, policy, **config):
    """A server that speaks TLS but doesn't ask for it, behind a masquerade rule."""
    lab = make_lab(route_back=False)
    server = need(Proftpd)(lab.server, extra=tls.extra(Proftpd).replace("TLSRequired ctrl", "TLSRequired off"))
    server.start()
    lab.gateway.up({"masquerade": masquerade("lan", tls=policy, tls_data_ports=tls.PORTS), **config})
    return lab, server, Account(server.addresses[0], server)


def test_masquerade_requires_tls(make_lab):
    lab, server, account = tls_scene(make_lab, "require")
    with lab.client.inside():
        session = ftplib.FTP(account.host, timeout=10)
        for command in (f"USER {server.user}", "PASS x", "ACCT x"):
            with pytest.raises(ftplib.error_perm, match="^530 TLS is required here"):
                session.sendcmd(command)
        session.quit()
    assert lab.gateway.reason("line_tls_first") == 3
    with pytest.raises(ClientError, match="530"):
        exchange(Curl(), lab.client, server, account, "EPSV")
    exchange(tls.CurlTls(), lab.client, server, account, "EPSV")


def test_masquerade_denies_tls(make_lab):
    lab, server, account = tls_scene(make_lab, "deny")
    with pytest.raises(ClientError, match="AUTH TLS|SSL|TLS"):
        exchange(tls.CurlTls(), lab.client, server, account, "EPSV")
    assert lab.gateway.reason("line_tls") > 0
    assert lab.gateway.reason("opaque") == 0
    exchange(Curl(), lab.client, server, account, "EPSV")


@pytest.mark.parametrize("kind", ["keep", "masquerade"])
def test_lftp_reads_only(make_lab, kind):
    lab, server, vips = single(make_lab, Vsftpd, kind, rule={"commands": {"profile": "read_only"}})
    server.put("victim", b"still here")
    script = need(Lftp)().script(Account(vips[0], server), "EPSV", f"rm {FOLDER}/victim")
    with pytest.raises(ClientError, match="550 This command is refused here"):
        Lftp().call(lab.client, ["lftp", "-c", script])
    assert os.path.exists(server.path("victim"))
    got = lab.file("got")
    Lftp().call(lab.client, ["lftp", "-c", Lftp().script(Account(vips[0], server), "EPSV",
                                                         f"get {FOLDER}/victim -o {got}")])
    with open(got, "rb") as file:
        assert file.read() == b"still here"
    assert lab.gateway.reason("line_command") > 0


def test_what_tls_hides_has_no_record(make_lab):
    """Absent, not wrong: that something was transferred, how much, and nothing guessed."""
    lab, server, account = tls_scene(make_lab, "pass", records={"transfers": "/nonexistent/t.json"})
    follower = Follower(lab, "--json")
    exchange(tls.CurlTls(), lab.client, server, account, "EPSV")
    hidden = follower.wait("transfer_done", count=2)
    for entry in hidden:
        assert entry["tls"] and entry["bytes"] >= 200_000
        assert {entry[key] for key in ("command", "path", "code", "user")} == {None}
    exchange(Curl(), lab.client, server, account, "EPSV")
    clear = follower.wait("transfer_done", count=4)[2:]
    assert [entry["command"] for entry in clear] == ["STOR", "RETR"]
    assert {(entry["user"], entry["tls"]) for entry in clear} == {(server.user, False)}


@pytest.mark.slow
def test_a_file_of_more_than_four_gibibytes(make_lab):
    """Sequence numbers go round; the record has all of its bytes."""
    size = (4 << 30) + 12345
    lab = make_lab()
    server = need(Vsftpd)(lab.server).start()
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server])],
                    "records": {"transfers": "/nonexistent/t.json"}})
    with open(server.path("big"), "wb") as file:
        file.truncate(size)
    follower = Follower(lab, "--json", "--kind", "transfer_done")
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        session.voidcmd("TYPE I")
        data, got = session.transfercmd("RETR big"), 0
        while some := data.recv_into(bytearray(1 << 20), 1 << 20, socket.MSG_TRUNC):
            got += some
        data.close()
        session.voidresp()
        session.quit()
    assert got == size
    done, = follower.wait("transfer_done")
    assert (done["bytes"], done["code"]) == (size, 226)
