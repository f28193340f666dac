# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""NAT slipstreaming with a real HTTP client: a POST to a control port, with an address line in its body."""

import contextlib
import socket
import threading

import pytest

from follower import Follower
from lab import DEADLINE
from scenes import ends, masquerade, pick

pytestmark = pytest.mark.ftpnat

WANTED = 8080  # the service of the client that the web page wants opened
END = b"that is all\r\n"
LINES = {"v4": b"PORT 10,1,1,2,31,144\r\n", "v6": b"EPRT |2|fd00:1:1::2|8080|\r\n"}
DENIED = {"v4": b"PORT 0,0,0,0,0,0\r\n", "v6": b"EPRT |2|::|0|\r\n"}


class Listener(threading.Thread):
    """The web page's server: greets as FTP does, answers 200 to the whole body, and keeps what it reads."""

    def __init__(self, node, address):
        super().__init__(daemon=True)
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        with node.inside():
            self.socket = socket.socket(kind)
        self.socket.bind((address, 21))
        self.socket.listen()
        self.socket.settimeout(DEADLINE)
        self.got = b""
        self.peer = None

    def run(self):
        connection, self.peer = self.socket.accept()
        with connection:
            connection.settimeout(DEADLINE)
            connection.sendall(b"220 evil\r\n")
            while not self.got.endswith(END):
                data = connection.recv(65536)
                if not data:
                    return
                self.got += data
            connection.sendall(b"200 ok\r\n")

    def close(self):
        self.join(DEADLINE)
        self.socket.close()


def curl(lab, host, body):
    """Posts the body; what the client says about the answer does not matter."""
    path = lab.file("body")
    with open(path, "wb") as file:
        file.write(body)
    host = f"[{host}]" if ":" in host else host
    lab.client.run(["curl", "-sS", "--http0.9", "--max-time", DEADLINE, "-H", "Content-Type: text/plain",
                    "-H", "Expect:", "--data-binary", f"@{path}", f"http://{host}:21/"], check=False)


@contextlib.contextmanager
def service(lab, family):
    with lab.client.inside():
        sock = socket.create_server((lab.client.address(family), WANTED),
                                    family=socket.AF_INET6 if family == "v6" else socket.AF_INET)
    with sock:
        sock.setblocking(False)
        yield sock


def reached(lab, sock, address):
    """Does a connection from port 20 of the server get to the client's service?"""
    with lab.server.inside():
        caller = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    with caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        caller.bind(("", 20))
        caller.settimeout(1)
        with contextlib.suppress(OSError):
            caller.connect((address, WANTED))
        with contextlib.suppress(BlockingIOError):
            sock.accept()[0].close()
            return True
    return False


@pytest.mark.parametrize("padding", [0, 5000], ids=["in one segment", "in segments"])
@pytest.mark.parametrize("family", ["v4", "v6"])
@pytest.mark.parametrize("kind", ["publish", "masquerade"])
def test_post_opens_nothing(make_lab, kind, family, padding):
    lab = make_lab(route_back=kind == "publish")
    server = lab.server.address(family)
    if kind == "publish":
        vips = lab.vips()
        servers = [lab.server.address(name) for name in LINES]
        lab.gateway.up({"publish": [{"name": "files", "listen": ends(vips, 21), "servers": ends(servers, 21)}]})
        dial = pick(vips, family)
    else:
        lab.gateway.up({"masquerade": masquerade("lan")})
        dial = server
    line = LINES[family]
    body = b"x" * padding + b"\r\n" + line + END
    follower = Follower(lab, "--json")
    listener = Listener(lab.server, server)
    listener.start()
    before = lab.gateway.reason("not_ftp")
    with service(lab, family) as sock:
        curl(lab, dial, body)
        listener.close()
        assert listener.got.startswith(b"POST / HTTP/1.1\r\n")
        assert listener.got.endswith(body if kind == "masquerade" else body.replace(line, DENIED[family]))
        assert lab.gateway.expected() == []
        if kind == "masquerade":
            assert not reached(lab, sock, listener.peer[0])
    follower.wait("not_ftp")
    assert lab.gateway.reason("not_ftp") > before
