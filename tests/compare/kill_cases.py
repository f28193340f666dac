# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A gateway of two is switched off: what each session does on the other one.

Each case is a generator: what it does before its first `yield` happens on the gateway that dies.
All sessions of a lab are brought to that point, then one power-off hits them all, and all go on
at once.
"""

import contextlib
import fcntl
import ipaddress
import os
import socket
import sys
import termios
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pairs
from cluster import VIP4, VIP6
from ends import Ends, readable
from lab import SLOWER, LabError, wait_until
from lines import commas
from pairs import FTP, LAN4, LAN6, MASQUERADED4, MASQUERADED6, SOON
from world import Failed

# What is on its way arrives within these seconds. TCP repeats after 0.2, 0.6, 1.4, 3, 6.2 and 12.6 s.
LATER = 20 * SLOWER
SIZE = 8 << 20


@dataclass(frozen=True)
class Rule:
    name: str
    client: str
    dial: str
    server: str
    seen: str  # what the server sees as the client


PUBLISH = Rule("publish", "10.1.1.2", VIP4, "10.2.1.2", "10.1.1.2")
PUBLISH6 = Rule("publish IPv6", "fd00:1:1::2", VIP6, "fd00:2:1::2", "fd00:1:1::2")
MASQUERADE = Rule("masquerade", LAN4, "10.2.1.2", "10.2.1.2", MASQUERADED4)
MASQUERADE6 = Rule("masquerade IPv6", LAN6, "fd00:2:1::2", "fd00:2:1::2", MASQUERADED6)

_cases = []


@dataclass
class Case:
    name: str
    rule: Rule
    must: str
    function: object


def case(name, must, *rules):
    def enter(function):
        _cases.extend(Case(name, rule, must, function) for rule in rules)
        return function
    return enter


def cases():
    return _cases


class Session(Ends):
    """What its two ends do."""

    def __init__(self, lab, rule, listener):
        super().__init__()
        self.lab, self.rule = lab, rule
        self.client = self.dial(lab.client, rule.client, (rule.dial, FTP))
        self.server = self.keep(listener.accept()[0])
        self.wait(SOON)
        seen = self.server.getpeername()[0]
        if seen != rule.seen:
            raise LabError(f"the server sees {seen}, not {rule.seen}")
        self.says(self.server, b"220 ready\r\n")
        self.asks(b"USER ftp\r\n", b"230 welcome\r\n")

    def wait(self, seconds):
        """How long for whatever comes next."""
        self.patience = seconds
        for sock in self.open:
            if sock.fileno() >= 0:
                sock.settimeout(seconds)

    def keep(self, sock):
        sock.settimeout(getattr(self, "patience", SOON))
        return super().keep(sock)

    def listen(self, node, address):
        with node.inside():
            return self.keep(socket.create_server(
                (address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET))

    def dial(self, node, own, to, port=0):
        with node.inside():
            sock = self.keep(socket.socket(socket.AF_INET6 if ":" in own else socket.AF_INET))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind((own, port))
        try:
            sock.connect(to)
        except OSError as why:
            raise Failed(f"no connection to {to[0]} port {to[1]}: {why.strerror or why}") from why
        return sock

    def accept(self, listener):
        try:
            return self.keep(listener.accept()[0])
        except TimeoutError:
            raise Failed("no data connection arrives") from None

    def acknowledged(self, tcp):
        """Waits until all that it has sent is."""
        wait_until(lambda: not int.from_bytes(fcntl.ioctl(tcp, termios.TIOCOUTQ, bytes(4)), sys.byteorder),
                   f"the {self.name(tcp)}'s bytes are acknowledged", SOON)

    # ---- transfers ----

    def pasv(self):
        """Asks for a data connection; where the server listens for it."""
        self.says(self.client, b"EPSV\r\n" if ":" in self.rule.server else b"PASV\r\n")
        return self.listen(self.lab.server, self.rule.server)

    def tell(self, listener):
        """The reply to it; the two and where the client dials."""
        port = listener.getsockname()[1]
        if ":" in self.rule.server:
            self.sends(self.server, b"229 ok (|||%d|)\r\n" % port)
        else:
            self.sends(self.server, b"227 ok (%s)\r\n" % commas(self.rule.server, port))
        return listener, self.told()

    def told(self):
        """What the client reads in the reply."""
        got = self.line(self.client)
        try:
            text = got.partition(b"(")[2].partition(b")")[0]
            if got.startswith(b"229 "):
                return self.rule.dial, int(text.split(b"|")[3])
            n = [int(number) for number in text.split(b",")]
            address, port = ".".join(map(str, n[:4])), n[4] << 8 | n[5]
        except (IndexError, ValueError):
            raise Failed(f"the client reads {readable(got)}") from None
        if address != self.rule.dial:
            raise Failed(f"the client reads {readable(got)}, not {self.rule.dial}")
        return address, port

    def passive_data(self, listener, to):
        """Both ends of the data connection: (client's, server's)."""
        client = self.dial(self.lab.client, self.rule.client, to)
        return client, self.accept(listener)

    def active(self):
        """PORT or EPRT; where the client listens and what the server dials."""
        listener = self.listen(self.lab.client, self.rule.client)
        port = listener.getsockname()[1]
        if ":" in self.rule.client:
            self.sends(self.client, f"EPRT |2|{self.rule.client}|{port}|\r\n".encode())
        else:
            self.sends(self.client, b"PORT %s\r\n" % commas(self.rule.client, port))
        got = self.line(self.server)
        try:
            if got.startswith(b"EPRT "):
                _, _, address, port, _ = got.decode().split("|")
                port = int(port)
            else:
                n = [int(number) for number in got.split()[1].split(b",")]
                address, port = ".".join(map(str, n[:4])), n[4] << 8 | n[5]
        except (IndexError, ValueError):
            raise Failed(f"the server reads {readable(got)}") from None
        if ipaddress.ip_address(address) != ipaddress.ip_address(self.rule.seen):
            raise Failed(f"the server reads {readable(got)}, not {self.rule.seen}")
        self.says(self.server, b"200 ok\r\n")
        return listener, (address, port)

    def active_data(self, listener, to):
        server = self.dial(self.lab.server, self.rule.server, to, port=FTP - 1)
        return self.accept(listener), server

    def download(self, ends, text):
        """A whole one."""
        client, server = ends
        server.sendall(text)
        server.close()
        self.all_of(client, text)

    def all_of(self, client, text, got=b""):
        got = bytearray(got)
        try:
            while piece := client.recv(1 << 20):
                got += piece
        except OSError as why:
            raise Failed(f"{len(got)} of {len(text)} bytes arrive, then {why}") from why
        if got != text:
            raise Failed(f"{len(got)} of {len(text)} bytes arrive, not the same")
        client.close()

    def transfer(self, active):
        """A whole one, with what is said of it."""
        announced = self.active() if active else self.tell(self.pasv())
        self.says(self.client, b"RETR file\r\n")
        ends = (self.active_data if active else self.passive_data)(*announced)
        self.says(self.server, b"150 here it comes\r\n")
        self.download(ends, os.urandom(20000))
        self.says(self.server, b"226 done\r\n")


def _active(s):
    return s.rule in (MASQUERADE, MASQUERADE6)


def _goes_on(s, so_far=""):
    try:
        s.asks(b"NOOP\r\n", b"200 ok\r\n")
        s.transfer(_active(s))
    except Failed as failure:
        raise Failed(f"{so_far}{failure}") from None
    return "all goes on"


_ON = "The next command gets its reply, and a whole transfer goes through."
_RULES = (PUBLISH, MASQUERADE, PUBLISH6, MASQUERADE6)


@case("no address line said yet", _ON, *_RULES)
def never(s):
    yield
    return _goes_on(s)


@case("half a command has come", "The other half ends it. " + _ON, PUBLISH, MASQUERADE)
def half(s):
    s.sends(s.client, b"NO")
    s.acknowledged(s.client)
    yield
    s.sends(s.client, b"OP\r\n")
    s.reads(s.server, b"NOOP\r\n")
    s.says(s.server, b"200 ok\r\n")
    return _goes_on(s)


@case("a transfer is over", _ON, *_RULES)
def after(s):
    s.transfer(_active(s))
    yield
    return _goes_on(s)


@case("PASV or EPSV said, not answered", "The client gets the answer, and its data connection gets through. " + _ON,
      PUBLISH, PUBLISH6)
def asked(s):
    listener = s.pasv()
    yield
    _with_data(s, s.tell(listener), s.passive_data)
    return _goes_on(s)


def _with_data(s, announced, connect):
    ends = connect(*announced)
    try:
        s.says(s.client, b"RETR file\r\n")
        s.says(s.server, b"150 here it comes\r\n")
        s.download(ends, os.urandom(20000))
        s.says(s.server, b"226 done\r\n")
    except Failed as failure:
        raise Failed(f"the data connection gets through, but {failure}") from None


@case("address line said, data connection not yet opened", "It gets through, once it is opened. " + _ON, *_RULES)
def between(s):
    announced = s.active() if _active(s) else s.tell(s.pasv())
    yield
    _with_data(s, announced, s.active_data if _active(s) else s.passive_data)
    return _goes_on(s)


@case("transfer under way", "It ends, all bytes as they were. " + _ON, *_RULES)
def under_way(s):
    text = os.urandom(SIZE)
    announced = s.active() if _active(s) else s.tell(s.pasv())
    s.says(s.client, b"RETR file\r\n")
    client, server = (s.active_data if _active(s) else s.passive_data)(*announced)
    s.says(s.server, b"150 here it comes\r\n")
    server.settimeout(None)
    s.open.remove(server)
    sender = threading.Thread(target=_send, args=(server, text), daemon=True)
    sender.start()
    got = b""
    while len(got) < SIZE // 8:
        got += client.recv(1 << 16)
    yield
    s.all_of(client, text, got)
    sender.join(LATER)
    try:
        s.says(s.server, b"226 done\r\n")
    except Failed as failure:
        raise Failed(f"the transfer is whole, but {failure}") from None
    return _goes_on(s, "the transfer is whole, but ")


def _send(sock, text):
    with sock, contextlib.suppress(OSError):
        sock.sendall(text)


# ---- the power-off ----


def _play(entry, session, steps):
    """(passed, what was seen) behind the power-off."""
    session.wait(LATER)
    try:
        next(steps)
    except StopIteration as end:
        return True, end.value
    except Failed as failure:
        return False, str(failure)
    except OSError as failure:
        return False, f"{failure}"
    raise LabError(f"{entry.name}: more than one power-off")


def run_pair(pair, chosen):
    """The results of one pair of gateways."""
    sessions, listeners = [], {}
    for address in {rule.server for rule in _RULES}:
        with pair.lab.server.inside():
            listeners[address] = socket.create_server(
                (address, FTP), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        listeners[address].settimeout(SOON)
    try:
        for entry in chosen:
            sessions.append(Session(pair.lab, entry.rule, listeners[entry.rule.server]))
        steps = [entry.function(session) for entry, session in zip(chosen, sessions)]
        for step in steps:
            next(step)
        pair.power_off()
        with ThreadPoolExecutor(len(chosen)) as pool:
            return list(pool.map(_play, chosen, sessions, steps))
    except Failed as failure:
        raise LabError(f"{pair.heading}, before the power-off: {failure}") from failure
    finally:
        for one in (*sessions, *listeners.values()):
            one.close()


def run_all(chosen):
    """{heading: results} of the two pairs."""
    results = {}
    for pair_class in (pairs.ConntrackdPair, pairs.FtpnatPair):
        with pair_class() as pair:
            results[pair.heading] = run_pair(pair, chosen)
    return results
