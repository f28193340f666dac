# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The default data port (RFC 959 section 3.2): transfers without PORT or PASV, from the server's
port L-1 to the port of the control connection; tnftp with `sendport` off, inetutils-ftpd."""

import ftplib
import os
import socket
import subprocess

import pytest

from clients import Tnftp
from follower import Follower
from lab import SLOWER, wait_until
from scenes import digest, ends, login, masquerade, need, pick, publish, random_file
from servers import FOLDER, TOP, Inetutils, Vsftpd, endpoint

pytestmark = pytest.mark.ftpnat

SOURCE = os.path.join(TOP, "tests", "e2e", "lib", "reuse_addr.c")
LISTEN = 2121


@pytest.fixture(scope="module")
def reuse_addr(tmp_path_factory):
    """See reuse_addr.c."""
    library = tmp_path_factory.mktemp("preload") / "reuse_addr.so"
    subprocess.run(["cc", "-D_GNU_SOURCE", "-O2", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    return str(library)


def tnftp(lab, preload, address, port, *commands):
    """What it says. It ends its data connections in LIST and put, the server in get."""
    server = lab.ftp_server
    script = [f"user {server.user} {server.password}", "binary", "passive off", "sendport",
              f"cd {FOLDER}", *commands, "quit"]
    return Tnftp().call(lab.client, ["env", f"LD_PRELOAD={preload}", "tnftp", "-n", "-v", "-i", "-d",
                                     address, str(port)], input="\n".join(script) + "\n")


def begin(make_lab, kind, family="v4", rule=None, cls=Inetutils, **options):
    """A lab with one FTP server; where to dial."""
    lab = make_lab(route_back=kind == "keep", **options)
    lab.ftp_server = server = need(cls)(lab.server).start()
    if kind == "masquerade":
        lab.gateway.up({"masquerade": masquerade("lan", **rule or {})})
        return lab, pick(server.addresses, family), 21
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server], port=LISTEN,
                                        source="gateway" if kind == "full" else "keep",
                                        **rule or {})]})
    return lab, pick(vips, family), LISTEN


@pytest.mark.parametrize("family", ["v4", "v6"])
@pytest.mark.parametrize("kind", ["keep", "full", "masquerade"])
def test_tnftp(make_lab, real_servers, reuse_addr, kind, family):
    lab, address, port = begin(make_lab, kind, family)
    upload, download = random_file(lab.file("up"), 300_000), lab.file("down")
    said = tnftp(lab, reuse_addr, address, port, f"put {upload} one", f"put {upload} two",
                 f"get one {download}")
    assert "PORT" not in said.replace("Use of PORT", "") and "EPRT |" not in said, said
    for path in (lab.ftp_server.path("one"), lab.ftp_server.path("two"), download):
        assert digest(path) == digest(upload), said
    assert lab.gateway.reason("line_default") == 3
    assert lab.gateway.reason("expected_used") == 3
    assert lab.gateway.expected() == []
    data = [flow for flow in lab.gateway.flows() if flow["kind"] == "data"]
    assert data and all(flow["public"] == endpoint(address, port - 1) for flow in data)


def test_across_families(make_lab, real_servers, reuse_addr):
    """IPv4 clients of an IPv6 server."""
    lab = make_lab()
    lab.ftp_server = server = need(Inetutils)(lab.server, addresses=(lab.server.ip6,)).start()
    lab.gateway.up({"publish": [{"name": "files", "listen": ends([lab.vips()[0]], LISTEN),
                                 "servers": ends(server.addresses), "source": "gateway"}]})
    upload, download = random_file(lab.file("up"), 100_000), lab.file("down")
    said = tnftp(lab, reuse_addr, lab.vips()[0], LISTEN, f"put {upload} one", f"get one {download}")
    assert digest(download) == digest(upload), said
    assert lab.gateway.reason("line_default") == 2


@pytest.mark.parametrize("kind", ["keep", "masquerade"])
def test_passive_only(make_lab, real_servers, reuse_addr, kind):
    """The client learns it at once, and the session goes on."""
    lab, address, port = begin(make_lab, kind, rule={"modes": ["passive"]})
    upload, download = random_file(lab.file("up"), 1000), lab.file("down")
    said = tnftp(lab, reuse_addr, address, port, f"put {upload} one", "passive on",
                 f"put {upload} two", f"get two {download}")
    assert "425 Use PASV or EPSV first." in said
    assert not os.path.exists(lab.ftp_server.path("one"))
    assert digest(download) == digest(upload), said
    assert lab.gateway.reason("line_mode") == 1
    assert lab.gateway.reason("line_default") == 0


class ByHand:
    """A client that says what it likes, and listens where its control connection comes from."""

    def __init__(self, lab, address, port):
        server = lab.ftp_server
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.control, self.listener = socket.socket(family), socket.socket(family)
        for end in (self.control, self.listener):
            end.settimeout(20 * SLOWER)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.control.connect((address, port))
        self.address = self.control.getsockname()[:2]
        self.listener.bind(self.address)
        self.listener.listen()
        self.file = self.control.makefile("r", newline="\r\n")
        self.reply()
        self.say(f"USER {server.user}")
        self.say(f"PASS {server.password}")
        self.say(f"CWD {FOLDER}")

    def send(self, line):
        self.control.sendall(f"{line}\r\n".encode())

    def reply(self):
        while not (line := self.file.readline())[:4].rstrip("\r\n").endswith(" "):
            assert line, "the session has ended"
        return line

    def say(self, line):
        self.send(line)
        return self.reply()


def connects(node, source, target):
    """Does a connection from that port come about, before the client's listener times out?"""
    family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
    with node.inside(), socket.socket(family) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        end.settimeout(1)
        end.bind(("", source))
        try:
            end.connect(target)
            return True
        except OSError:
            return False


@pytest.mark.parametrize("family", ["v4", "v6"])
def test_whose_door_it_is(make_lab, real_servers, family):
    """The server's, for one connection, while a transfer waits for it; nobody else's."""
    lab, address, port = begin(make_lab, "masquerade", family, servers=2)
    with lab.client.inside():
        client = ByHand(lab, address, port)
    control, = lab.gateway.flows()
    host, number = control["source"].rsplit(":", 1)
    door = (host.strip("[]"), int(number))
    assert not connects(lab.server, 20, door), "before a transfer"
    for file in range(3):
        client.send("RETR server-name")
        data, peer = client.listener.accept()
        assert peer[:2] == (address, port - 1)
        assert data.recv(100).decode() == lab.ftp_server.name
        assert not connects(lab.server, 20, door), "it was for one"
        data.close()
        assert client.reply().startswith("150")
        assert client.reply().startswith("226")
        assert lab.gateway.reason("expected_used") == file + 1
        assert lab.gateway.expected() == []
        for source in (20, 2020):
            assert not connects(lab.server, source, door), "after the transfer"
    # one that the server doesn't come for: it is awaited until its reply, from the server only
    lab.server.run(["nft", "add", "table", "inet", "stop"])
    lab.server.run(["nft", "add", "chain", "inet", "stop", "out",
                    "{ type filter hook output priority 0; }"])
    lab.server.run(["nft", "add", "rule", "inet", "stop", "out", "tcp", "dport", door[1],
                    "tcp", "flags", "syn", "drop"])
    client.send("RETR server-name")
    expected, = wait_until(lab.gateway.expected, "it is awaited")
    assert expected["mode"] == "active"
    assert expected["public"] == endpoint(*door)
    assert expected["real"] == endpoint(*client.address)
    assert not connects(lab.servers[1], 20, door), "another host"
    assert lab.gateway.expected(), "it is still the server's"
    lab.server.run(["nft", "flush", "ruleset"])
    assert connects(lab.server, 2020, door)
    client.listener.accept()[0].close()
    assert lab.gateway.expected() == []


def test_a_server_without_it(make_lab, real_servers):
    """Its refusal ends it."""
    lab, address, port = begin(make_lab, "keep", cls=Vsftpd)
    with lab.client.inside():
        session = login(lab.client, address, lab.ftp_server, port=port)
        with pytest.raises(ftplib.error_temp, match="425 Use PORT or PASV first"):
            session.sendcmd("RETR server-name")
        assert lab.gateway.expected() == []
        assert lab.gateway.reason("line_default") == 1
        assert lab.gateway.reason("expected_closed") == 1
        assert session.read("server-name").decode() == lab.ftp_server.name
        assert lab.gateway.reason("line_default") == 1
        session.quit()


def test_event_and_record(make_lab, real_servers):
    lab, address, port = begin(make_lab, "keep")
    lab.gateway.reload(dict(lab.gateway.config, records={"transfers": lab.file("transfers.json")}))
    follower = Follower(lab, "-j")
    with lab.client.inside():
        client = ByHand(lab, address, port)
        client.send("RETR server-name")
        data, _ = client.listener.accept()
        size = len(data.recv(100))
        data.close()
        client.reply(), client.reply()
    event, = follower.wait("line_default")
    assert event["before"] == "RETR server-name\r\n"
    done, = follower.wait("transfer_done")
    assert (done["mode"], done["command"], done["path"], done["bytes"], done["code"]) == (
        "active", "RETR", "server-name", size, 226)


def test_after_epsv_all(make_lab, real_servers):
    """RFC 2428 section 4: no other way from then on."""
    lab, address, port = begin(make_lab, "keep", cls=Vsftpd)
    with lab.client.inside():
        session = login(lab.client, address, lab.ftp_server, port=port)
        session.sendcmd("EPSV ALL")
        with pytest.raises(ftplib.error_temp, match="425 Use PASV or EPSV first"):
            session.sendcmd("RETR server-name")
        assert lab.gateway.reason("line_mode") == 1
        assert session.read("server-name").decode() == lab.ftp_server.name
        session.quit()
