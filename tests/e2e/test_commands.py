# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`commands`, `tls: require`, `tls: deny` and `banner: hide` with real servers and clients."""

import ftplib
import os
import socket
import ssl

import pytest

import tls
from clients import Account, ClientError, Curl
from follower import Follower
from scenes import exchange, login, masquerade, need, pick, publish, single
from servers import SERVERS, Proftpd, Vsftpd

pytestmark = pytest.mark.ftpnat

READ_ONLY = {"commands": {"profile": "read_only"}}
# each would delete `victim` if some server took it for DELE
SPELLINGS = {
    "plain": b"DELE victim\r\n", "lower case": b"dele victim\r\n", "mixed case": b"dElE victim\r\n",
    "blank in front": b" DELE victim\r\n", "tab in front": b"\tDELE victim\r\n", "tab": b"DELE\tvictim\r\n",
    "two blanks": b"DELE  victim\r\n", "LF alone": b"DELE victim\n", "CR NUL": b"DELE victim\r\0\r\n",
    "CR in front": b"\rDELE victim\r\n", "two CRs": b"DELE victim\r\r\n", "quotes": b'"DELE" victim\r\n',
    "quotes inside": b'DE"LE" victim\r\n', "backslash": b"D\\ELE victim\r\n", "NUL in front": b"\0DELE victim\r\n",
    "NUL behind": b"DELE\0 victim\r\n", "Synch": b"\xff\xf4\xff\xf2DELE victim\r\n",
    "IAC NOP": b"DE\xff\xf1LE victim\r\n", "IAC NOP in front": b"\xff\xf1DELE victim\r\n",
    "IAC WILL": b"DE\xff\xfb\x01LE victim\r\n", "IAC WILL in front": b"\xff\xfb\x01DELE victim\r\n",
    "IAC and a letter": b"\xffDELE victim\r\n", "IAC IAC": b"DE\xff\xffLE victim\r\n",
    "IAC SB": b"\xff\xfaDELE victim\r\n", "IAC and LF": b"DE\xff\xfb\nLE victim\r\n",
    "behind another line with CR": b"NOOP\rDELE victim\r\n", "behind CR NUL": b"NOOP\r\0DELE victim\r\n",
    "behind NUL": b"NOOP\0DELE victim\r\n", "behind a form feed": b"NOOP\fDELE victim\r\n",
    "behind LF": b"NOOP\nDELE victim\r\n", "pipelined": b"NOOP\r\nDELE victim\r\nNOOP\r\n",
    "300 blanks": b" " * 300 + b"DELE victim\r\n", "300 blanks behind": b"DELE" + b" " * 300 + b"victim\r\n",
    "behind 600 bytes": b"NOOP " + b"a" * 600 + b"DELE victim\r\n",
    "at 511": b"NOOP " + b"a" * 506 + b"DELE victim\r\n", "at 512": b"NOOP " + b"a" * 507 + b"DELE victim\r\n",
    "at 2049": b"NOOP " + b"a" * 2044 + b"DELE victim\r\n", "at 4096": b"NOOP " + b"a" * 4091 + b"DELE victim\r\n",
    "at 1024": b"NOOP " + b"a" * 1019 + b"DELE victim\r\n", "at 1023": b"NOOP " + b"a" * 1018 + b"DELE victim\r\n",
}


class Raw:
    """A control connection of bytes."""

    def __init__(self, host, server):
        self.sock = socket.create_connection((host, 21), timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")
        self.reply()
        assert self.ask(f"USER {server.user}").startswith("331")
        assert self.ask(f"PASS {server.password}").startswith("230")
        assert self.ask("CWD pub").startswith("250")

    def reply(self):
        line = self.file.readline().decode("latin-1")
        code = line[:3]
        while line[3:4] == "-" or (line and line[:4] != code + " "):
            line = self.file.readline().decode("latin-1")
        return line

    def ask(self, command):
        self.sock.sendall(command.encode() + b"\r\n")
        return self.reply()

    def close(self):
        self.file.close()
        self.sock.close()


@pytest.mark.parametrize("kind", ["keep", "masquerade"])
@pytest.mark.parametrize("server", SERVERS)
def test_read_only(make_lab, server, kind):
    lab, running, dial = single(make_lab, SERVERS[server], kind, READ_ONLY)
    running.put("victim", b"here")
    with lab.client.inside():
        for family in ("v4", "v6"):
            session = login(lab.client, pick(dial, family), running)
            for command in ("DELE victim", "RMD x", "XRMD x", "MKD x", "XMKD x", "RNFR victim", "RNTO other",
                            "STOR new", "APPE victim", "STOU", "SITE CHMOD 600 victim", "SITE UTIME victim",
                            "MFMT 20200101000000 victim", "MDTM 20200101000000 victim"):
                with pytest.raises(ftplib.error_perm, match="^550 This command is refused here"):
                    session.sendcmd(command)
            with pytest.raises(ftplib.error_perm, match="^502 This command is refused here"):
                session.sendcmd("XFOO")
            assert session.read("server-name").decode() == running.name
            assert session.pwd()
            session.quit()
    assert lab.gateway.reason("line_command") == 30
    assert sorted(os.listdir(running.path(""))) == ["server-name", "victim"]
    assert running.path("victim") and open(running.path("victim"), "rb").read() == b"here"


@pytest.mark.parametrize("server", SERVERS)
def test_no_spelling_deletes(make_lab, server):
    """Judged by the file: what the server takes for DELE removes it."""
    lab, running, vips = single(make_lab, SERVERS[server], rule={"commands": {"deny": ["DELE"]}})
    with lab.client.inside():
        for name, line in SPELLINGS.items():
            running.put("victim", b"here")
            for parts in ([line], [line[i:i + 1] for i in range(min(len(line), 24))] + [line[24:]]):
                raw = Raw(vips[0], running)
                for part in parts:
                    raw.sock.sendall(part)
                try:
                    raw.ask("NOOP")
                except OSError:
                    pass  # a server may take offence at such a line
                raw.close()
                assert os.path.exists(running.path("victim")), f"{name}, in {len(parts)} parts"
        session = login(lab.client, vips[0], running)
        session.rename("victim", "other")
        session.quit()
    assert os.path.exists(running.path("other")), "what is not denied works"


# during a transfer pure-ftpd reads nothing but ABOR, without any NAT too
@pytest.mark.parametrize("server", sorted(set(SERVERS) - {"pure-ftpd"}))
def test_in_step_during_a_transfer(make_lab, server):
    """Refused commands in front of, during and behind a transfer get their replies in order."""
    lab, running, vips = single(make_lab, SERVERS[server], rule={"commands": {"deny": ["DELE", "SITE CHMOD"]}})
    running.put("victim", b"here")
    running.put("big", os.urandom(3_000_000))
    with lab.client.inside():
        session = login(lab.client, vips[0], running)
        session.voidcmd("TYPE I")
        data, _ = session.ntransfercmd("RETR big")
        session.sock.sendall(b"DELE victim\r\nSITE CHMOD 600 victim\r\nNOOP\r\n")
        got = b""
        while block := data.recv(65536):
            got += block
        data.close()
        replies = [session.getmultiline()[:3] for _ in range(4)]
        assert len(got) == 3_000_000
        assert sorted(replies) == ["200", "226", "550", "550"], replies
        assert session.read("server-name").decode() == running.name
        session.quit()
    assert os.path.exists(running.path("victim"))


def test_curl_is_told(make_lab):
    lab, running, vips = single(make_lab, Vsftpd, rule=READ_ONLY)
    with pytest.raises(ClientError, match="550 This command is refused here"):
        exchange(Curl(), lab.client, running, Account(vips[0], running), "EPSV")
    assert lab.gateway.reason("line_command") == 1


def test_events_show_the_line_and_no_password(make_lab):
    lab, running, vips = single(make_lab, Vsftpd, rule={"commands": {"deny": ["DELE", "PASS"]}})
    follower = Follower(lab, "--json")
    with lab.client.inside():
        session = ftplib.FTP(vips[0], timeout=10)
        session.sendcmd(f"USER {running.user}")
        for command in ("PASS hidden-secret", "pa\xff\xf1ss hidden-secret", "DELE shown"):
            session.sock.sendall(command.encode("latin-1") + b"\r\n")
            assert session.getline()[:3] in ("502", "550")
        session.close()
    entries = follower.wait("line_command", count=3)
    assert [entry["before"] for entry in entries] == ["PASS", "PASS", "DELE shown\r\n"]
    assert {entry["after"] for entry in entries} == {"DENIED\r\n"}
    assert not any("hidden-secret" in line for line in follower.lines())


def replies(host, *commands):
    """What a session is told before a login, without the greeting."""
    session = ftplib.FTP(host, timeout=10)
    got = []
    for command in commands:
        session.putcmd(command)
        got.append(session.getmultiline())
    session.close()
    return got


@pytest.mark.parametrize("server", tls.SERVERS)
def test_tls_required(make_lab, server):
    cls = tls.SERVERS[server]
    lab = make_lab()
    running = need(cls)(lab.server, extra=tls.extra(cls).replace("TLSRequired ctrl", "TLSRequired off")
                        .replace("force_anon_data_ssl=YES", "")).start()
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [running], tls="require", tls_data_ports=tls.PORTS)]})
    with lab.client.inside():
        session = ftplib.FTP(vips[0], timeout=10)
        for command in (f"USER {running.user}", f"PASS {running.password}", "ACCT x", "user x"):
            with pytest.raises(ftplib.error_perm, match="^530 TLS is required here"):
                session.sendcmd(command)
        session.quit()
        for others in (("FEAT", "HELP", "NOOP", "help user", "QUIT"), ("NOOP", "AUTH TLS")):
            got = replies(vips[0], *others)
            assert got == replies(running.addresses[0], *others), "what the server says by itself"
            assert got[-1][:3] in ("221", "234")
    assert lab.gateway.reason("line_tls_first") == 4
    with pytest.raises(ClientError, match="530"):
        exchange(Curl(), lab.client, running, Account(vips[0], running), "EPSV")
    exchange(tls.CurlTls(), lab.client, running, Account(vips[0], running), "EPSV")
    assert lab.gateway.reason("opaque") > 0


@pytest.mark.parametrize("kind", ["publish", "masquerade"])
def test_no_login_after_ccc(make_lab, kind):
    lab = make_lab(route_back=kind == "publish")
    server = need(Proftpd)(lab.server, extra=tls.extra(Proftpd).replace(
        "TLSRequired ctrl", "TLSRequired off")).start()
    vips, keys = server.addresses, {"tls": "require", "tls_data_ports": tls.PORTS}
    if kind == "publish":
        vips = lab.vips()
        lab.gateway.up({"publish": [publish("files", vips, [server], **keys)]})
    else:
        lab.gateway.up({"masquerade": masquerade("lan", **keys)})
    with lab.client.inside():
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        session = ftplib.FTP_TLS(vips[0], server.user, server.password, context=context, timeout=10)
        session.ccc()
        session.voidcmd("NOOP")
        for command in ("USER x", " PASS y"):
            with pytest.raises(ftplib.error_perm, match="^530 TLS is required here"):
                session.sendcmd(command)
        session.close()
    assert lab.gateway.reason("clear") == 1
    assert lab.gateway.reason("line_tls_first") == 2


@pytest.mark.parametrize("server", tls.SERVERS)
def test_implicit_tls_is_refused(make_lab, server):
    cls = tls.SERVERS[server]
    lab = make_lab()
    running = need(cls)(lab.server, port=990, extra=tls.extra(cls, implicit=True)).start()
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [running], port=990, tls="deny")]})
    with lab.client.inside():
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for pieces in (1, 5):
            sock = socket.create_connection((vips[0], 990), timeout=10)
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = context.wrap_bio(incoming, outgoing)
            with pytest.raises(ssl.SSLWantReadError):
                client.do_handshake()
            hello = outgoing.read()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i in range(pieces - 1):
                sock.sendall(hello[i:i + 1])
            sock.sendall(hello[pieces - 1:])
            incoming.write(sock.recv(4096) or b"")
            with pytest.raises(ssl.SSLError):
                incoming.write_eof()
                client.do_handshake()
            sock.close()
    assert lab.gateway.reason("line_tls") == 2
    assert lab.gateway.reason("opaque") == 0


@pytest.mark.parametrize("server", SERVERS)
def test_banner(make_lab, server):
    lab, running, vips = single(make_lab, SERVERS[server], "full", {"banner": "hide"})
    with lab.client.inside():
        session = ftplib.FTP(vips[0], timeout=10)
        assert session.getwelcome() == "220 FTP server ready."
        session.login(running.user, running.password)
        assert session.sendcmd("SYST") == "215 UNIX Type: L8"
        session.cwd("pub")
        lines = []
        session.retrlines("RETR server-name", lines.append)
        assert lines == [running.name]
        session.quit()
    assert lab.gateway.reason("banner_hidden") == 2
