# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Address lines cut at every byte, byte by byte, or several in one segment, in both directions.

All within round trips: no retransmission timeout, no retransmission at all. A client
that cuts talks to a real server; a server that cuts is a script of ours.
"""

import contextlib
import socket
import threading

import pytest

from lab import stop_listening
from scenes import masquerade, need, pick, publish
from servers import FOLDER, Pureftpd, Vsftpd
from wire import address_of

PLACES = ("keep", "full", "masquerade", "server on the gateway", "client on the gateway")
PATIENCE = 10


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def connect(*args, nodelay=True, **options):
    sock = socket.create_connection(*args, timeout=PATIENCE, **options)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, nodelay)
    return sock


def cuts(text):
    """All ways to send a line: whole, in two pieces, byte by byte."""
    yield [text]
    for at in range(1, len(text)):
        yield [text[:at], text[at:]]
    yield [text[i:i + 1] for i in range(len(text))]


class Lines:
    """The lines received on a connection, and pieces to send, each in its own segment."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def line(self):
        while b"\n" not in self.buffer:
            block = self.sock.recv(4096)
            if not block:
                raise EOFError("the peer has hung up")
            self.buffer += block
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.rstrip(b"\r").decode()

    def reply(self):
        line = self.line()
        code = line[:3]
        while line[3:4] == "-" or line[:3] != code:
            line = self.line()
        return line

    def say(self, pieces):
        for piece in pieces:
            self.sock.sendall(piece)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()


class Client(Lines):
    def __init__(self, host, source, nodelay=True):
        super().__init__(connect((host, 21), source_address=source and (source, 0), nodelay=nodelay))
        self.family = "v6" if ":" in host else "v4"
        self.host, self.source = host, source
        self.expect("220")

    def expect(self, *codes):
        replies = [self.reply() for _ in codes]
        assert tuple(reply[:3] for reply in replies) == codes, replies
        return replies[-1]

    def ask(self, line, *codes):
        self.sock.sendall(line.encode() + b"\r\n")
        return self.expect(*codes)

    def login(self, server):
        self.ask(f"USER {server.user}", "331")
        self.ask(f"PASS {server.password}", "230")
        self.ask(f"CWD {FOLDER}", "250")

    def listen(self):
        """A listener, and the command that names it."""
        me = self.sock.getsockname()[0]
        listener = socket.create_server((me, 0), family=family_of(me))
        listener.settimeout(PATIENCE)
        port = listener.getsockname()[1]
        commands = {"EPRT": f"EPRT |{'2' if ':' in me else '1'}|{me}|{port}|"}
        if self.family == "v4":
            commands["PORT"] = f"PORT {me.replace('.', ',')},{port >> 8},{port & 255}"
        return listener, commands

    def call(self, reply):
        """The data connection that a 227 or 229 asks for."""
        address = address_of(reply)
        return connect((address.host or self.host, address.port),
                       source_address=self.source and (self.source, 0))


def content(conn):
    with conn:
        return b"".join(iter(lambda: conn.recv(4096), b""))


class Scripted:
    """Speaks as much FTP as is needed, each reply in the pieces that `cut` makes of it.

    What is asked for in one segment is answered at once.
    """

    user, password, port, name = "any", "any", 21, "scripted"

    def __init__(self, node, addresses):
        self.node, self.addresses = node, addresses
        self.cut, self.nodelay = self.whole, True
        with node.inside():
            self.listeners = [socket.create_server((address, self.port), family=family_of(address))
                              for address in addresses]
        node.lab.closers.append(self.close)
        for listener in self.listeners:
            threading.Thread(target=self.serve, args=[listener], daemon=True).start()

    @staticmethod
    def whole(text):
        return [text]

    @contextlib.contextmanager
    def cutting(self, nodelay):
        """Inside, `cut` may be set."""
        self.nodelay = nodelay
        try:
            yield
        finally:
            self.cut, self.nodelay = self.whole, True

    def close(self):
        stop_listening(self.listeners)

    def serve(self, listener):
        with contextlib.suppress(OSError), self.node.inside():
            while True:
                conn, _ = listener.accept()
                with conn, contextlib.suppress(EOFError, TimeoutError):
                    self.converse(conn)

    def converse(self, conn):
        conn.settimeout(PATIENCE)
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, self.nodelay)
        lines = Lines(conn)
        waiting, passive, active = b"220 scripted ready.\r\n", None, None
        while True:
            if b"\n" not in lines.buffer:
                lines.say(self.cut(waiting))
                waiting = b""
            command = lines.line()
            verb = command.split()[0].upper()
            me = conn.getsockname()[0]
            if verb in ("PASV", "EPSV"):
                passive = socket.create_server((me, 0), family=conn.family)
                passive.settimeout(PATIENCE)
                port = passive.getsockname()[1]
                if verb == "PASV":
                    named = f"{me.replace('.', ',')},{port >> 8},{port & 255}"
                    waiting += f"227 Entering Passive Mode ({named}).\r\n".encode()
                else:
                    waiting += f"229 Entering Extended Passive Mode (|||{port}|)\r\n".encode()
            elif verb in ("PORT", "EPRT"):
                active = address_of(command)
                waiting += b"200 ok\r\n"
            elif verb == "RETR":
                lines.say(self.cut(waiting + b"150 it comes\r\n"))
                if passive:
                    data, _ = passive.accept()
                    passive.close()
                else:
                    data = connect((active.host, active.port))
                with data:
                    data.sendall(self.name.encode())
                passive, waiting = None, b"226 that was all\r\n"
            else:
                code = {"USER": 331, "PASS": 230, "CWD": 250, "QUIT": 221}.get(verb, 200)
                waiting += f"{code} {verb}\r\n".encode()


@contextlib.contextmanager
def undisturbed(*nodes):
    """No segment was sent twice."""
    names = ("RetransSegs", "TCPTimeouts")
    before = [node.counters() for node in nodes]
    yield
    for node, old in zip(nodes, before):
        new = node.counters()
        assert {name: new[name] - old[name] for name in names} == dict.fromkeys(names, 0), node.short


SCENES = {(place, cls): pytest.param((place, cls), id=f"{place}-{cls.__name__.lower()}",
                                     marks=pytest.mark.xdist_group(f"{place} {cls.__name__}"))
          for cls in (Vsftpd, Pureftpd, Scripted) for place in PLACES}


def on(*classes):
    """Runs a test in every place with each of these servers."""
    return pytest.mark.parametrize("scene", [SCENES[place, cls] for cls in classes for place in PLACES],
                                   indirect=True)


@pytest.fixture(scope="module")
def scene(request, make_shared_lab, kept):
    """lab, server, addresses to dial, client's node, own addresses"""
    place, cls = request.param
    if request.param in kept:
        return kept[request.param]
    inside = place == "server on the gateway"
    lab = make_shared_lab(f"-{cls.__name__}-{place}", route_back=place == "keep",
                          neighbours="permanent", servers=0 if inside else 1)
    client, source = lab.client, (None, None)
    if inside:
        node, addresses = lab.gw, (client.gw4, client.gw6)
    else:
        node, addresses = lab.server, (lab.server.ip4, lab.server.ip6)
    for each in (lab.client, node, lab.gw):
        each.sysctl("net/ipv4/tcp_autocorking", 0)  # a send, a segment
        each.patient()
    if cls is Scripted:
        server = Scripted(node, addresses)
    else:
        server = need(cls)(node, addresses=addresses).start()
    if place == "client on the gateway":
        source, client = ("10.9.9.9", "fd00:9::9"), lab.gw
        lab.gw.ip(f"addr add {source[0]}/32 dev lo", f"addr add {source[1]}/128 dev lo nodad")
    if place in ("masquerade", "client on the gateway"):
        lab.gateway.up({"masquerade": masquerade("lan", clients=("10.0.0.0/8", "fd00::/16"))})
        dial = addresses
    else:
        dial = lab.vips()
        kind = "gateway" if place == "full" else "keep"
        lab.gateway.up({"publish": [publish("files", dial, [server], source=kind)]})
    kept[request.param] = lab, server, dial, client, source
    return kept[request.param]


def passive_verbs(family):
    return ("PASV", "EPSV") if family == "v4" else ("EPSV",)


def active_verbs(family):
    return ("PORT", "EPRT") if family == "v4" else ("EPRT",)


def fetch_active(client, server, verb, say):
    """One file by active mode; say(command) sends the command and reads the reply."""
    listener, commands = client.listen()
    with listener:
        say(commands[verb].encode() + b"\r\n")
        client.sock.sendall(b"RETR server-name\r\n")
        client.expect("150")
        data, _ = listener.accept()
        assert content(data).decode() == server.name
    client.expect("226")


def fetch_passive(client, server, reply):
    data = client.call(reply)
    client.sock.sendall(b"RETR server-name\r\n")
    client.expect("150")
    assert content(data).decode() == server.name
    client.expect("226")


@pytest.mark.ftpnat
@pytest.mark.parametrize("nodelay", [True, False], ids=["nodelay", "nagle"])
@pytest.mark.parametrize("family", ["v4", "v6"])
@on(Vsftpd)
def test_commands_cut_anywhere(scene, family, nodelay):
    lab, server, dial, node, source = scene
    before = lab.gateway.reason("answered")
    with (node.inside(), undisturbed(*{node, server.node}),
          Client(pick(dial, family), pick(source, family), nodelay) as client):
        client.login(server)
        for verb in active_verbs(family):
            count = len(list(cuts(client.listen()[1][verb].encode() + b"\r\n")))
            for number in range(count):
                def say(command, number=number):
                    ways = list(cuts(command))
                    client.say(ways[min(number, len(ways) - 1)])
                    client.expect("200")
                fetch_active(client, server, verb, say)
        for verb in passive_verbs(family):
            for pieces in cuts(verb.encode() + b"\r\n"):
                client.say(pieces)
                fetch_passive(client, server, client.expect("227" if verb == "PASV" else "229"))
        client.ask("QUIT", "221")
    assert lab.gateway.reason("answered") > before + 10, "no line came in pieces"


@pytest.mark.ftpnat
@pytest.mark.parametrize("nodelay", [True, False], ids=["nodelay", "nagle"])
@pytest.mark.parametrize("family", ["v4", "v6"])
@on(Scripted)
def test_replies_cut_anywhere(scene, family, nodelay):
    lab, server, dial, node, source = scene
    before = lab.gateway.reason("answered")
    with (node.inside(), undisturbed(*{node, server.node}), server.cutting(nodelay),
          Client(pick(dial, family), pick(source, family)) as client):
        client.login(server)
        for verb in passive_verbs(family):
            code = "227" if verb == "PASV" else "229"
            longest = len("227 Entering Passive Mode (255,255,255,255,255,255).\r\n")
            for number in range(longest + 1):
                def cut(text, number=number):
                    ways = list(cuts(text))
                    return ways[number] if number < len(ways) else ways[-1]
                server.cut = cut
                fetch_passive(client, server, client.ask(verb, code))
        server.cut = lambda text: [text[i:i + 1] for i in range(len(text))]
        for verb in active_verbs(family):
            fetch_active(client, server, verb,
                         lambda command: (client.say([command]), client.expect("200")))
        client.ask("QUIT", "221")
    assert lab.gateway.reason("answered") > before + 10, "no line came in pieces"


@pytest.mark.ftpnat
@pytest.mark.parametrize("family", ["v4", "v6"])
@on(Vsftpd, Pureftpd, Scripted)
def test_several_lines_in_one_segment(scene, family):
    lab, server, dial, node, source = scene
    with (node.inside(), undisturbed(*{node, server.node}),
          Client(pick(dial, family), pick(source, family)) as client):
        client.login(server)
        for verb in active_verbs(family):
            fetch_active(client, server, verb, lambda command: (
                client.say([b"NOOP\r\n" + command + b"NOOP\r\n"]), client.expect("200", "200", "200")))
            # both are asked for at once
            listener, commands = client.listen()
            client.say([commands[verb].encode() + b"\r\nRETR server-name\r\n"])
            with listener:
                data, _ = listener.accept()
                assert content(data).decode() == server.name
            client.expect("200", "150", "226")
            # the second of two is the one that counts
            stale, old = client.listen()
            fetch_active(client, server, verb, lambda command: (
                client.say([old[verb].encode() + b"\r\n" + command]), client.expect("200", "200")))
            stale.close()
        for verb in passive_verbs(family):
            code, line = "227" if verb == "PASV" else "229", verb.encode() + b"\r\n"
            client.say([b"NOOP\r\n" + line])
            fetch_passive(client, server, client.expect("200", code))
            client.say([line + b"NOOP\r\n"])
            reply = client.expect(code)
            client.expect("200")
            fetch_passive(client, server, reply)
            client.say([line + line])
            fetch_passive(client, server, client.expect(code, code))
        client.ask("QUIT", "221")
