# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Telnet commands and option negotiation between the families (RFC 6384 section 5): no server agrees to an
option, so what the server of a session says to it is what the client reads. Of a line that is translated none of
it goes on."""

import re
import socket

import pytest

from scenes import ends, need
from servers import FOLDER, SERVERS
from test_across_families import OTHER, only, rule, start

pytestmark = pytest.mark.ftpnat

PATIENCE = 10
WILL, WONT, DO, DONT, IP, DM = (b"\xff" + bytes([code]) for code in (251, 252, 253, 254, 244, 242))
ECHO, TIMING_MARK = b"\1", b"\6"

IN_FRONT = {
    "WILL": WILL + ECHO, "DO": DO + TIMING_MARK, "WONT": WONT + ECHO, "DONT": DONT + ECHO,
    "several": WILL + ECHO + DO + ECHO + DONT + TIMING_MARK, "Synch": IP + DM,
}


class Line:
    """A control connection, byte by byte."""

    def __init__(self, address, server):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.sock = socket.socket(family)
        self.sock.settimeout(PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect((address, 21))
        self.rest, self.server = b"", server
        self.reply()

    def reply(self):
        """The last line of the next reply, with the Telnet commands around it."""
        while True:
            while b"\n" not in self.rest:
                block = self.sock.recv(4096)
                assert block, "the server has hung up"
                self.rest += block
            line, self.rest = self.rest.split(b"\n", 1)
            if re.match(rb"(\xff[\xfb-\xfe].)*\d{3} ", line, re.S):
                return line

    def ask(self, line):
        self.sock.sendall(line + b"\r\n")
        return self.reply()

    def __enter__(self):
        for line, code in ((f"USER {self.server.user}", b"331"), (f"PASS {self.server.password}", b"230")):
            assert self.ask(line.encode()).startswith(code)
        return self

    def __exit__(self, *exc):
        self.sock.close()


def negotiate(address, server):
    """What is answered to each negotiation in front of a line; pure-ftpd takes no notice of such a line."""
    answers = {}
    with Line(address, server) as line:
        for name, bytes_ in IN_FRONT.items():
            line.sock.sendall(bytes_ + b"NOOP\r\n")
            replies = [line.ask(b"PWD")]
            while b"257" not in replies[-1]:
                replies.append(line.reply())
            answers[name] = replies
    return answers


def port_of(reply):
    found = re.match(rb"229 .*\(\|\|\|(\d+)\|\)", reply)
    if found:
        return int(found[1])
    high, low = re.match(rb"227 .*,(\d+),(\d+)\)", reply).groups()
    return int(high) << 8 | int(low)


@pytest.mark.parametrize("family", OTHER)
@pytest.mark.parametrize("kind", SERVERS)
def test_negotiation(make_lab, kind, family):
    lab = make_lab(route_back=False)
    only(lab.client, family)
    server = start(need(SERVERS[kind]), lab.server, OTHER[family])
    dial = lab.vips()[family == "v6"]
    lab.gateway.up({"publish": [rule("files", dial, server)]})
    with lab.gw.inside():
        alone = negotiate(server.addresses[0], server)
    with lab.client.inside():
        across = negotiate(dial, server)
        assert across == alone
        for name, replies in across.items():
            assert not re.search(rb"\xff[\xfb\xfd]", b"".join(replies)), f"{kind} agrees to {name}"

        with Line(dial, server) as line:
            for bytes_ in IN_FRONT.values():
                port = port_of(line.ask(bytes_ + (b"EPSV" if family == "v6" else b"PASV")))
                with socket.create_connection((dial, port), timeout=PATIENCE) as data:
                    line.ask(f"RETR {FOLDER}/server-name".encode())
                    assert data.makefile("rb").read().decode() == server.name
                assert line.reply().startswith(b"226")
    assert lab.gateway.rule("files")["data_connections"] == len(IN_FRONT)
