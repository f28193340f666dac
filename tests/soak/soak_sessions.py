# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What clients do in the soak. Every file that is moved is compared, both ways."""

import datetime
import errno
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import time

from clients import Account
from lab import wait_until
from scenes import digest, pick

PATIENCE = 90  # seconds that a client waits for its peer; only against hanging
LONGEST = 600  # of a whole conversation, too
TCP_REPAIR = 19

SIZES = (0, 1, 100, 1448, 20_000, 131_072, 300_000, 1_000_000)


def clock():
    """The time as the service's events have it."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%H:%M:%S.%f")[:-3]


class Wrong(Exception):
    """A transfer went otherwise than it should."""


class Talk:
    """One client's doings, with its server on the other side of the gateway."""

    kind = None

    def __init__(self, site, rng, offer=None):
        self.site = site
        self.offer = offer or rng.choice(site.services)
        self.node = rng.choice(site.lab.clients[:2])
        self.family = rng.choice(("v4", "v6"))
        self.begun = self.ended = self.times = None
        self.met = None  # name of the server, as its greeting says
        self.said = ""
        self.error = None
        self.files = self.bytes = 0

    def __str__(self):
        return f"{self.kind} {self.offer.rule} IP{self.family} {self.node.short}"

    @property
    def account(self):
        return Account(pick(self.offer.dial, self.family), self.offer.servers[0], self.offer.port)

    def servers(self):
        """Who may have been on the other side."""
        return [server for server in self.offer.servers if self.met in (None, server.name)]

    def method(self, rng):
        return rng.choice(self.offer.methods[self.family])

    @property
    def address(self):
        """As events show it, up to the port."""
        return f"{self.node.ip4}:" if self.family == "v4" else f"[{self.node.ip6}]:"

    def play(self, rounds):
        self.begun, self.times = time.monotonic(), clock()
        try:
            self.talk(rounds)
        except Exception as error:  # noqa: BLE001 - every client has its own kind
            self.error = error
        self.ended = time.monotonic()
        self.times += f" to {clock()}"

    def talk(self, rounds):
        raise NotImplementedError

    def heard(self, said):
        self.said = said
        greeting = re.search(r"220[ -](\S+) ready", said)
        self.met = greeting[1] if greeting else None

    def compare(self, path, name, download):
        """The file that was stored and the one that came back are the one that was sent."""
        want, size = digest(path), os.path.getsize(path)
        stored = [server.path(name) for server in self.servers() if os.path.exists(server.path(name))]
        for copy in stored + [download]:
            if not os.path.exists(copy):
                raise Wrong(f"{copy} was not transferred")
            if digest(copy) != want:
                raise Wrong(f"{copy} differs: {os.path.getsize(copy)} bytes of {size}")
        if len(stored) != 1:
            raise Wrong(f"{name} is stored {len(stored)} times")
        for copy in (*stored, download, path):
            os.unlink(copy)
        self.files += 2
        self.bytes += 2 * size


class Tool(Talk):
    """A real client, one session per file up and down."""

    kind = "tool"

    def __init__(self, site, rng):
        super().__init__(site, rng)
        tools = [tool for tool in self.offer.tools if not tool.missing()]
        self.tool = rng.choice(tools)(timeout=LONGEST, patience=PATIENCE)
        usable = [method for method in self.offer.methods[self.family]
                  if self.tool.can(self.family, method)]
        self.turns = [(rng.choice(usable), rng.choice(SIZES)) for _ in range(rng.randint(1, 4))]

    def __str__(self):
        turns = " ".join(f"{method}:{size}" for method, size in self.turns)
        return f"{super().__str__()} {self.tool.name} {turns}"

    def talk(self, rounds):
        for method, size in self.turns:
            path, name = self.site.file(size)
            self.met = None
            self.heard(self.tool.transfer(self.node, self.account, method, path, name, f"{path}.back"))
            self.compare(path, name, f"{path}.back")
            rounds.transferred()


class Own(Talk):
    """Our own client: one session with many files; it may rest in the middle of one."""

    kind = "own"

    def __init__(self, site, rng, offer=None, steps=None, pauses=1):
        super().__init__(site, rng, offer or rng.choice([o for o in site.services if o.session]))
        self.steps = [(self.method(rng), rng.choice(SIZES), rng.randrange(pauses + 1) - 1)
                      for _ in range(steps or rng.randint(2, 6))]

    def __str__(self):
        steps = " ".join(f"{method}:{size}" + (f"(until {pause})" if pause >= 0 else "")
                         for method, size, pause in self.steps)
        return f"{super().__str__()} {steps}"

    def open(self):
        """An open session; to be called inside the node."""
        session = self.offer.session(patience=PATIENCE)
        self.session = session
        try:
            session.open(self.account)
        finally:
            self.heard("\n".join(session.said))
        self.keep_alive(session.sock)
        return session

    @staticmethod
    def keep_alive(sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 3)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 3)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 30)

    def talk(self, rounds):
        with self.node.inside():
            session = None
            try:
                session = self.open()
                for method, size, pause in self.steps:
                    self.move(session, method, size, lambda p=pause: rounds.pause(p))
                    rounds.transferred()
                session.quit()
            finally:
                if session or hasattr(self, "session"):
                    self.heard("\n".join(self.session.said))
                    self.session.close()

    def move(self, session, method, size, pause):
        path, name = self.site.file(size)
        session.use(method)
        session.voidcmd("TYPE I")
        with open(path, "rb") as file:
            content = file.read()
        data = session.transfercmd(f"STOR {name}")
        self.keep_alive(data)
        data.sendall(content[:size // 2])
        pause()
        data.sendall(content[size // 2:])
        self.finish(session, data)
        data = session.transfercmd(f"RETR {name}")
        self.keep_alive(data)
        with open(f"{path}.back", "wb") as back:
            for number, block in enumerate(iter(lambda: data.recv(1 << 16), b"")):
                back.write(block)
                if not number:
                    pause()
        self.finish(session, data)
        self.compare(path, name, f"{path}.back")

    @staticmethod
    def finish(session, data):
        if isinstance(data, ssl.SSLSocket):
            data.unwrap()
        data.close()
        session.voidresp()


class Inside(Own):
    """A host beside the servers, or one of them, dials the public address."""

    kind = "inside"

    def __init__(self, site, rng, pauses=1):
        super().__init__(site, rng, site.serving("farm"), pauses=pauses)
        self.node = rng.choice(site.lab.servers[:3])


class Gone(Own):
    """A client that goes away in the middle of things."""

    kind = "gone"
    ways = ("silent", "silent with an expectation", "silent in a transfer", "reset in a transfer", "closed in a transfer")

    def __init__(self, site, rng):
        super().__init__(site, rng, site.serving(rng.choice(("keep", "other", "lan"))), steps=1)
        self.way = rng.choice(self.ways)
        self.how = self.method(rng)

    def __str__(self):
        return f"{self.kind} {self.offer.rule} IP{self.family} {self.node.short} {self.how} {self.way}"

    def talk(self, rounds):
        with self.node.inside():
            session = self.open()
            socks = [session.sock]
            if self.way == "silent with an expectation":
                session.sendcmd("EPSV")
            elif self.way.endswith("transfer"):
                session.use(self.how)
                session.voidcmd("TYPE I")
                data = session.transfercmd("RETR much")
                if not data.recv(1000):
                    raise Wrong("nothing came")
                socks.append(data)
            session.file.close()
            for sock in socks:
                if self.way.startswith("silent"):
                    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)  # closes without a word
                elif self.way.startswith("reset"):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()


class Killed(Talk):
    """A program that is killed while it downloads."""

    kind = "killed"

    def __init__(self, site, rng):
        super().__init__(site, rng, site.serving(rng.choice(("keep", "other", "lan"))))
        self.active = rng.choice((True, False))

    def talk(self, rounds):
        path = self.site.file(0)[0]
        account = self.account
        with subprocess.Popen(self.node.command(
                ["curl", "-sS", "--limit-rate", "100000", "--connect-timeout", str(PATIENCE),
                 "--no-ftp-skip-pasv-ip", *(["--ftp-port", "-"] if self.active else []),
                 "-o", path, f"{account.url}/much"]), stderr=subprocess.PIPE) as curl:
            try:
                wait_until(lambda: os.path.getsize(path) or curl.poll() is not None,
                           "curl downloads", PATIENCE)
            finally:
                curl.send_signal(signal.SIGKILL)
            self.said = curl.stderr.read().decode(errors="replace")
        if not os.path.getsize(path):
            raise Wrong(f"curl ended by itself: {self.said}")
        os.unlink(path)


class Garbage(Talk):
    """Lines that no client writes, from a stranger; the session must still end as any does."""

    kind = "garbage"
    lines = (b"PORT 1,2,3\r\n", b"PORT 300,1,1,2,4,5\r\n", b"PORT 10,2,1,2,0,21\r\n", b"EPRT |9|x|y|\r\n",
             b"EPRT |1|10.9.9.9|99999|\r\n", b"\xff\xf4\xff\xf2ABOR\r\n", b"PORT\r\n", b"EPSV\r\n", b"PASV\n",
             b"227 Entering Passive Mode (10,1,1,2,200,1)\r\n", b"LPRT 4,4,10,1,1,2,2,200,1\r\n",
             b"A" * 5000 + b"\r\n", b"PORT " + b"1," * 2000 + b"\r\n", b"\r\n\r\n\n\n", b"EPSV ALL\r\n")

    def __init__(self, site, rng):
        super().__init__(site, rng, rng.choice([o for o in site.services if o.rule != "tls990"]))
        self.node = site.stranger
        lines = [rng.choice((rng.choice(self.lines), rng.randbytes(rng.randint(1, 60)) + b"\r\n"))
                 for _ in range(rng.randint(1, 30))]
        stream = b"".join(lines) + rng.choice((b"QUIT\r\n", b"PORT 10,1,3,2,2"))
        cuts = sorted(rng.randrange(len(stream)) for _ in range(rng.randint(0, 20)))
        self.pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)])]

    def talk(self, rounds):
        with self.node.inside():
            sock = socket.create_connection((self.account.host, self.account.port), PATIENCE)
        with sock:
            self.heard(sock.recv(1000).decode(errors="replace"))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                for piece in self.pieces:
                    sock.sendall(piece)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(1 << 16):
                    pass
            except OSError as error:
                # a server may have had enough, also before the shutdown()
                if error.errno not in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN):
                    raise


KINDS = (Tool, Own, Inside, Gone, Killed, Garbage)
WEIGHTS = (6, 6, 1, 2, 1, 1)
