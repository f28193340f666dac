# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sessions of IPv6 clients with IPv4 servers: through a NAT64 alone, and with ftpnat in front of it."""

import re
import socket
from dataclasses import dataclass

import nat64
from ends import Ends, readable
from gateways import FtpnatGateway
from lab import SLOWER, Lab, run, wait_until
from world import Failed

SOON = 3 * SLOWER  # seconds within which what is on its way arrives
FTP, FTP_DATA, HTTP = 21, 20, 80
PORT, DATA = 40000, 50000


@dataclass
class Translator:
    name: str
    start: object  # function of a lab
    absent: object  # function: why it can't run here, or None
    about: object  # function: a line or more

    def gateways(self):
        """What the sessions go through: {heading: with ftpnat}."""
        return {f"{self.name} alone": False, f"ftpnat in front of {self.name}": True}


TRANSLATORS = {
    "tayga": Translator("tayga", nat64.start_gateway, nat64.missing, lambda: "tayga is Debian's package."),
    "jool": Translator("Jool", nat64.start_jool, nat64.missing_jool,
                       lambda: f"Jool {run(['jool', '--version']).stdout.strip()} is Debian's jool-dkms; it has no FTP "
                               "helper (NICMx/Jool#114).\n`make compare JOOL=1` runs it under Debian's kernel, in qemu."),
}

_cases = []


@dataclass
class Case:
    name: str
    must: str
    function: object


def case(name, must):
    """Enters a function of a Session: returns what was seen, or raises Failed."""
    def enter(function):
        _cases.append(Case(name, must, function))
        return function
    return enter


class World:
    """One lab with one gateway: a NAT64, alone or not."""

    def __init__(self, lab, translator, with_ftpnat):
        self.lab, self.server, self.dial = lab, lab.server.ip4, nat64.behind(lab.server.ip4)
        lab.client.run(["ip", "-4", "addr", "flush", "dev", "eth0"])
        lab.server.run(["ip", "-6", "addr", "flush", "dev", "eth0"])
        translator.start(lab)
        if with_ftpnat:
            FtpnatGateway(lab).up({"masquerade": [{"name": "nat64", "clients": f"{lab.client.ip6}/128",
                                                   "to": lab.server.gw4, "prefix64": nat64.PREFIX64}]})
        with self.listen(lab.server, self.server, HTTP):
            wait_until(self._translates, f"{translator.name} translates")

    def _translates(self):
        try:
            self.connect(self.lab.client, self.dial, HTTP).close()
        except Failed:
            return False
        return True

    def listen(self, node, address, port):
        with node.inside():
            sock = socket.create_server((address, port), reuse_port=False,
                                        family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        sock.settimeout(SOON)
        return sock

    def connect(self, node, address, port, source=None):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with node.inside():
            sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(SOON)
        try:
            if source:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(("", source))
            sock.connect((address, port))
        except OSError as why:
            sock.close()
            raise Failed(f"no connection to {address} port {port}: {why}") from why
        return sock


class Session(Ends):
    """Both ends do what the case says."""

    def __init__(self, world):
        super().__init__()
        self.world = world
        listener = self.keep(world.listen(world.lab.server, world.server, FTP))
        self.client = self.keep(world.connect(world.lab.client, world.dial, FTP))
        self.server = self.keep(listener.accept()[0])
        self.server.settimeout(SOON)
        listener.close()
        self.says(self.server, b"220 ready\r\n")
        self.asks(b"USER ftp\r\n", b"230 welcome\r\n")

    def in_step(self):
        self.asks(b"NOOP\r\n", b"200 ok\r\n")

    def command(self, line, takes):
        """The server reads it, or answers that it does not know it. What it has read."""
        self.client.sendall(line)
        got = self.line(self.server)
        if not re.match(takes, got):
            self.server.sendall(b"522 Network protocol not supported, use (1)\r\n" if got.startswith(b"EPSV")
                                else b"500 what?\r\n")
            raise Failed(f"the server reads {readable(got)}, answers 5xx, and the client reads "
                         f"{readable(self.line(self.client))}")
        return got

    def port_of_229(self):
        got = self.line(self.client)
        found = re.fullmatch(rb"229 .*\(\|\|\|(\d+)\|\)\r\n", got)
        if not found:
            raise Failed(f"the client reads {readable(got)}")
        return int(found[1])

    def carries(self, one, other):
        for a, b in ((one, other), (other, one)):
            a.sendall(b"some data")
            if b.recv(9) != b"some data":
                raise Failed("data does not get through")

    def passive(self, port):
        """The data connection to the port that the client was told."""
        listener = self.keep(self.world.listen(self.world.lab.server, self.world.server, DATA))
        client = self.keep(self.world.connect(self.world.lab.client, self.world.dial, port))
        server = self.keep(listener.accept()[0])
        server.settimeout(SOON)
        self.carries(server, client)
        self.in_step()
        return f"the client reads port {port}, data gets through"

    def active(self, line):
        listener = self.keep(self.world.listen(self.world.lab.client, self.world.lab.client.ip6, PORT))
        got = self.command(line, rb"PORT \d")
        self.server.sendall(b"200 ok\r\n")
        self.reads(self.client, b"200 ok\r\n")
        n = [int(number) for number in re.findall(rb"\d+", got)]
        address = ".".join(map(str, n[:4]))
        server = self.keep(self.world.connect(self.world.lab.server, address, n[4] << 8 | n[5], FTP_DATA))
        client = self.keep(listener.accept()[0])
        client.settimeout(SOON)
        self.carries(server, client)
        self.in_step()
        return f"the server reads {readable(got)}, data gets through"

    def said_227(self, address=None):
        return b"(%s,%d,%d)" % ((address or self.world.server).replace(".", ",").encode(), DATA >> 8, DATA & 255)


_OPENS = "The client gets a 229 with a port, and its data connection gets through (RFC 6384 section 6)."


@case("EPSV, server that takes it over IPv4", "The data connection gets through.")
def epsv_server(s):
    got = s.command(b"EPSV\r\n", rb"(EPSV|PASV)\r\n")
    s.server.sendall(b"229 ok (|||%d|)\r\n" % DATA if got.startswith(b"E") else b"227 ok %s\r\n" % s.said_227())
    return s.passive(s.port_of_229())


def _epsv(name, line, reply, cut=None):
    @case(name, _OPENS)
    def run(s):
        s.command(line, rb"PASV\r\n")
        text = reply(s)
        for piece in (text[:cut], text[cut:]) if cut else (text,):
            s.server.sendall(piece)
        for _ in range(text.count(b"\n") - 1):
            s.line(s.client)
        return s.passive(s.port_of_229())


_epsv("EPSV, server without it", b"EPSV\r\n", lambda s: b"227 ok %s\r\n" % s.said_227())
_epsv("EPSV 2, server without it (NICMx/Jool#114)", b"EPSV 2\r\n", lambda s: b"227 ok %s\r\n" % s.said_227())
_epsv("EPSV, a 227 in two segments", b"EPSV\r\n", lambda s: b"227 ok %s\r\n" % s.said_227(), cut=15)
_epsv("EPSV, a 227 that names a private address", b"EPSV\r\n", lambda s: b"227 ok %s\r\n" % s.said_227("10.66.66.66"))
_epsv("EPSV, a 227 of several lines, as aioftp has it", b"EPSV\r\n",
      lambda s: b"227-listen socket created\r\n227 %s\r\n" % s.said_227())


@case("EPRT", "The server gets a PORT with an address that it reaches, and its data connection gets through "
      "(RFC 6384 section 7.2).")
def eprt(s):
    return s.active(f"EPRT |2|{s.world.lab.client.ip6}|{PORT}|\r\n".encode())


@case("EPRT in two segments", "The same.")
def eprt_cut(s):
    line = f"EPRT |2|{s.world.lab.client.ip6}|{PORT}|\r\n".encode()
    s.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.client.sendall(line[:12])
    return s.active(line[12:])


def _answered(name, must, line, code):
    @case(name, must)
    def run(s):
        s.client.sendall(line)
        s.line(s.server)
        s.server.sendall(b"500 what?\r\n")
        got = s.line(s.client)
        if not got.startswith(code):
            raise Failed(f"the client reads {readable(got)}")
        s.in_step()
        return f"the client reads {readable(got)}"


_answered("EPSV 1", "522: the client has no IPv4 (RFC 6384 section 6).", b"EPSV 1\r\n", b"522 ")
_answered("EPSV ALL", "504 (RFC 6384 section 6).", b"EPSV ALL\r\n", b"504 ")
_answered("ALGS STATUS64", "216 with what is translated (RFC 6384 section 11).", b"ALGS STATUS64\r\n", b"216 EPSVEPRT")


@case("HTTP to the same server", "What is not FTP is left to the NAT64.")
def http(s):
    listener = s.keep(s.world.listen(s.world.lab.server, s.world.server, HTTP))
    client = s.keep(s.world.connect(s.world.lab.client, s.world.dial, HTTP))
    server = s.keep(listener.accept()[0])
    server.settimeout(SOON)
    s.carries(client, server)
    return "data gets through"


def cases():
    return _cases


def play(world, entry):
    """(passed, what was seen) of a case."""
    session = None
    try:
        session = Session(world)
        return True, entry.function(session)
    except Failed as failure:
        return False, str(failure)
    except OSError as failure:
        return False, f"{failure}"
    finally:
        if session:
            session.close()


def run_all(chosen, translator):
    """{heading: results} of its gateways."""
    results = {}
    for heading, with_ftpnat in translator.gateways().items():
        with Lab(f"{translator.name.lower()}-{with_ftpnat:d}", route_back=False) as lab:
            world = World(lab, translator, with_ftpnat)
            results[heading] = [play(world, entry) for entry in chosen]
    return results
