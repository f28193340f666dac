# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One control connection of a case, and what cases do with it and demand of it."""

from lines import AddressLine, epsv_line, eprt_line, pasv_line, port_line
from world import CONTROL, FTP_DATA, OUTSIDERS, STRANGERS, Failed, family


def shown(data):
    if not data:
        return "nothing"
    text = bytes(data).decode("latin-1").encode("unicode_escape").decode()
    return f"`{text}`" if len(text) < 90 else f"`{text[:60]}`... ({len(data)} bytes)"


def same(a, b):
    return a is not None and a == b


class Scene:
    """client and server are the two ends, each a Tcp."""

    def __init__(self, world, rule):
        self.world, self.rule = world, rule
        self.client = self.server = None
        self._opened = []

    # ---- the control connection ----

    def connect(self, client_iss=None, server_iss=1_999_999_000, login=True, timestamps=True, port=None):
        source = (self.rule.client, port or self.world.port())
        self.client, syn = self.world.dial(source, (self.rule.dial, CONTROL), client_iss, timestamps)
        self._opened.append(self.client)
        if not syn:
            raise Failed("the control connection does not get through")
        if syn.source[0] != self.rule.seen or syn.destination != (self.rule.server, CONTROL):
            raise Failed(f"the control connection arrives at {syn.destination} from {syn.source}")
        self.server = self.world.answer(self.client, syn, server_iss)
        self._opened.append(self.server)
        self.says(self.server, b"220 ready\r\n")
        if login:
            self.asks(b"USER ftp\r\n", b"331 password?\r\n")
            self.asks(b"PASS x@\r\n", b"230 welcome\r\n")

    def close(self):
        for tcp in self._opened:
            tcp.close()
        self.world.settle()
        self.world.near.arrivals.clear()
        self.world.far.arrivals.clear()

    def name(self, tcp):
        return "client" if tcp is self.client else "server"

    def peer(self, tcp):
        return self.server if tcp is self.client else self.client

    @staticmethod
    def fail(observation):
        raise Failed(observation)

    def demand(self, condition, otherwise):
        """condition() comes true by what is on its way already."""
        if not self.world.soon(condition):
            raise Failed(otherwise() if callable(otherwise) else otherwise)

    def reads(self, tcp, data):
        """These bytes, and none besides, arrive there."""
        self.demand(lambda: len(tcp.unread) >= len(data),
                    lambda: f"{self.name(tcp)} reads {shown(tcp.unread)} for {shown(data)}")
        got = tcp.take()
        if got != data:
            raise Failed(f"{self.name(tcp)} reads {shown(got)} for {shown(data)}")

    def reads_lines(self, tcp, count):
        """The next `count` lines, with their ends."""
        self.demand(lambda: tcp.unread.count(b"\n") >= count,
                    lambda: f"{self.name(tcp)} reads {shown(tcp.unread)}, and that is all")
        return [tcp.take(tcp.unread.index(b"\n") + 1) for _ in range(count)]

    def says(self, tcp, data):
        """One segment, that reaches the other end as it is."""
        tcp.send(data)
        self.reads(self.peer(tcp), data)

    def asks(self, command, reply=b"200 ok\r\n"):
        self.says(self.client, command)
        self.says(self.server, reply)

    def in_step(self):
        """The connection is of use, its ends agree on every byte, and nothing is pending."""
        self.asks(b"NOOP\r\n")
        for tcp in (self.client, self.server):
            self.demand(lambda tcp=tcp: tcp.acked == len(tcp.sent),
                        f"the {self.name(tcp)}'s last bytes are never acknowledged")
        self.sound()

    def sound(self):
        for tcp in (self.client, self.server):
            if tcp.is_reset:
                raise Failed(f"the {self.name(tcp)}'s connection is reset")
            if tcp.wrong:
                raise Failed(f"{self.name(tcp)}: {tcp.wrong[0]}")

    def hangs_up(self):
        """QUIT, and both ends close."""
        self.client.send(b"QUIT\r\n", fin=True)
        self.reads(self.server, b"QUIT\r\n")
        self.server.send(b"221 bye\r\n", fin=True)
        self.demand(lambda: self.client.finished and self.server.finished, "a FIN does not arrive")
        self.world.settle()

    # ---- address lines ----

    def line(self, verb, **form):
        """An address line as an honest peer of this rule writes it."""
        port = self.world.port()
        if verb == "PORT":
            return port_line(self.rule.client, port, **form)
        if verb == "EPRT":
            return eprt_line(self.rule.client, port, **form)
        if verb == "227":
            return pasv_line(self.rule.server, port, **form)
        return epsv_line(port, **form)

    def sender(self, line):
        return self.client if line.active else self.server

    def write(self, tcp, pieces, nagle=False):
        """One segment each; under Nagle's rule (RFC 896) only when all before is acknowledged."""
        for piece in pieces:
            if nagle:
                self.demand(lambda: tcp.acked == len(tcp.sent),
                            lambda: f"{len(tcp.sent) - tcp.acked} bytes sent are never acknowledged: "
                            "Nagle's rule forbids more")
            tcp.send(piece)

    def arrives(self, line, got=None):
        """(address, port) that the other side reads; the line must be right."""
        reader = self.peer(self.sender(line))
        if got is None:
            got, = self.reads_lines(reader, 1)
        end = line.read(got)
        if not end:
            raise Failed(f"{self.name(reader)} reads {shown(got)} for {shown(line.text)}")
        want = {"PORT": self.rule.seen, "EPRT": self.rule.seen, "227": self.rule.dial, "229": None}
        if end[0] != want[line.verb]:
            raise Failed(f"{self.name(reader)} reads address {end[0]} in {shown(got)}, not "
                         f"{want[line.verb]}")
        return end

    def announce(self, line, pieces=None, nagle=False):
        """Sends it, with the command that it answers; (address, port) that was read."""
        if line.command:
            self.says(self.client, line.command)
        self.write(self.sender(line), pieces or [line.text], nagle)
        end = self.arrives(line)
        if line.active:
            self.says(self.server, b"200 ok\r\n")
        return end

    # ---- data connections ----

    def _way(self, line, end):
        """Where a data connection comes from and goes to, and how it must arrive."""
        source_port = self.world.port()
        if line.active:
            return ((self.rule.server, FTP_DATA), end, self.rule.dial, (self.rule.client, line.port))
        return ((self.rule.client, source_port), (end[0] or self.rule.dial, end[1]), self.rule.seen,
                (self.rule.server, line.port))

    def data(self, line, end):
        """The announced data connection opens and carries bytes both ways; its two ends."""
        source, destination, seen, target = self._way(line, end)
        tcp, syn = self.world.dial(source, destination)
        self._opened.append(tcp)
        if not syn:
            raise Failed(f"no data connection gets through to {destination[0]} port {destination[1]}")
        if syn.source[0] != seen or syn.destination != target:
            raise Failed(f"the data connection arrives at {syn.destination[0]} port {syn.destination[1]} "
                         f"from {syn.source[0]}")
        peer = self.world.answer(tcp, syn, 77)
        self._opened.append(peer)
        for one, other in ((tcp, peer), (peer, tcp)):
            one.send(b"some data")
            self.demand(lambda other=other: other.unread == b"some data", "data does not get through")
            other.take()
        return tcp, peer

    def opens(self, line, pieces=None, nagle=False):
        """The whole life of an honest data connection."""
        end = self.announce(line, pieces, nagle)
        self.data(line, end)
        if line.command is None:
            return f"the server reads {end[0]} port {end[1]}, data gets through"
        return f"the client reads {end[0] + ' ' if end[0] else ''}port {end[1]}, data gets through"

    def expectation(self, line, end, source=None, port=None):
        """Whether a connection to `end` is let in and led to the port named in the line."""
        own, destination, seen, target = self._way(line, end)
        reached = self.world.reach((source or own[0], port or own[1]), destination)
        # by plain routing the server reaches a published client, but not as the published address
        return bool(reached) and (destination != target or same(reached[0][0], seen))

    def shut(self, line, end, when, source=None, port=None):
        if self.expectation(line, end, source, port):
            raise Failed(f"a connection gets in {when}")

    def stranger(self, line):
        """An address from which a data connection is nobody's."""
        if line.active:
            return OUTSIDERS[family(self.rule.server)]
        return STRANGERS[family(self.rule.client)]

    def unchanged(self, data, tcp=None):
        """Sent in one segment, it arrives byte for byte."""
        self.says(tcp or self.client, data.text if isinstance(data, AddressLine) else data)
