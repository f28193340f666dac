# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A session that is attacked: what attackers do to it, and what must not come of it."""

from lines import epsv_line, eprt_line, pasv_line, port_line
from rawtcp import ACK, PSH, RST, SYN
from scene import Scene
from world import CONTROL, Failed, family

from forge import Packet, next_of, send


class Siege(Scene):
    """near, far and aside: the three links, on each of which anybody may write."""

    @property
    def near(self):
        return self.world.near

    @property
    def far(self):
        return self.world.far

    @property
    def aside(self):
        return self.world.aside

    @property
    def six(self):
        return ":" in self.rule.client

    # ---- what works ----

    @property
    def across(self):
        return family(self.rule.client) != family(self.rule.server)

    def verbs(self):
        """An active and a passive address line that the rule allows."""
        if "passive" in self.rule.name:
            return ["227"]
        if self.across:
            return ["EPRT", "227"] if self.six else ["PORT", "229"]
        return ["EPRT", "229"] if self.six else ["PORT", "227"]

    def main_verb(self):
        """The one that the rule translates."""
        return self.verbs()[-1 if self.rule.publishes else 0]

    def pending(self, verb=None):
        """(line, end) of a data connection that has been announced."""
        line = self.line(verb or self.main_verb())
        return line, self.announce(line)

    def announce(self, line, pieces=None, nagle=False):
        """Across families each side reads the form of its own (RFC 6384)."""
        if not self.across:
            return super().announce(line, pieces, nagle)
        if not line.active:
            self.client.send(b"EPSV\r\n" if self.six else b"PASV\r\n")
            self.reads(self.server, b"PASV\r\n" if self.six else b"EPSV\r\n")
        self.write(self.sender(line), pieces or [line.text], nagle)
        end = self.arrives(line)
        if line.active:
            self.says(self.server, b"200 ok\r\n")
        return end

    def arrives(self, line, got=None):
        """Where the client asked by EPSV itself, a 229 stays one."""
        if got is None:
            got, = self.reads_lines(self.peer(self.sender(line)), 1)
        return self.across and self._named(line, got) or super().arrives(line, got)

    def _named(self, line, got):
        """(address, port) of the line as it arrived; None where it isn't what it should be."""
        if line.active and self.six:
            form = port_line(self.rule.seen, 0)
        elif line.active:
            form = eprt_line(self.rule.seen, 0)
        else:
            form = epsv_line(0) if self.six else pasv_line(self.rule.dial, 0)
        found = form.read(got)
        return found if found and found[0] == form.address else None

    def works(self):
        """The session is in step, and a data connection opens and carries data."""
        self.in_step()
        self.opens(self.line(self.main_verb()))
        self.in_step()

    def another_works(self):
        other = Siege(self.world, self.rule)
        try:
            other.connect()
            other.works()
        finally:
            other.close()

    def connect_as(self, port):
        """A session from this port of the client, whatever the server sees it as."""
        self.client, syn = self.world.dial((self.rule.client, port), (self.rule.dial, CONTROL))
        self._opened.append(self.client)
        if not syn:
            raise Failed("the control connection does not get through")
        self.server = self.world.answer(self.client, syn, 1_999_999_000)
        self._opened.append(self.server)
        self.says(self.server, b"220 ready\r\n")

    # ---- sending ----

    def inject(self, wire, *packets):
        """Sends them and waits until all that follows from them is over."""
        for packet in packets:
            send(wire, packet)
        self.world.settle()

    def next(self, tcp, payload=b"", flags=ACK | PSH, **fields):
        return next_of(tcp, payload, flags, **fields)

    # ---- what must not be ----

    def arrivals(self, seq):
        """SYNs with this sequence number that came to any host."""
        return [syn for link in self.world.links() for syn in link.arrivals if syn.seq == seq]

    def syn(self, wire, source, destination, **fields):
        """A SYN from anywhere: whether it came to a host, and as what."""
        seq = self.world.port() * 65537 % 2**32
        packet = Packet(source, destination, seq=seq, flags=SYN,
                        options=b"\2\4\5\xa0\4\2" + b"\1\1").but(**fields)
        self.inject(wire, packet)
        arrived = self.arrivals(seq)
        for syn in arrived:  # nothing of it must stay behind
            self.world.wire_of(syn.destination[0]).send(
                Packet(syn.destination, syn.source, ack=(syn.seq + 1) % 2**32, flags=RST | ACK).build())
        if arrived:
            self.world.settle()
        return arrived[0] if arrived else None

    def no_syn(self, wire, source, destination, **fields):
        arrived = self.syn(wire, source, destination, **fields)
        if arrived:
            raise Failed(f"a SYN from {source[0]} arrives at {arrived.destination[0]} port "
                         f"{arrived.destination[1]} from {arrived.source[0]}")
        self.no_new_flow(source)

    def no_new_flow(self, source):
        """Nothing remembers a connection of this address."""
        if not self.world.is_ours:
            return
        for entry in self.world.gateway.flows():
            if entry["client"].rpartition(":")[0].strip("[]") == source[0] and \
                    entry["client"].rpartition(":")[2] == str(source[1]):
                raise Failed(f"a connection of {entry['client']} is remembered")

    def expectations(self):
        """How many data connections of the client are announced; None with another gateway."""
        listed = self.world.listed("expected", self.rule)
        return None if listed is None else len(listed)

    def expects(self, count, after):
        seen = self.expectations()
        if seen not in (None, count):
            raise Failed(f"{seen} data connections are announced after {after}, {count} before")

    def state(self, tcp):
        """State of the connection of which this is the client's end; None with another gateway."""
        listed = self.world.listed("flows", self.rule)
        if listed is None:
            return None
        states = [entry["state"] for entry in listed if entry["client"].rpartition(":")[2] == str(tcp.local[1])]
        return states[0] if states else "gone"

    def stands(self, after, pair=None):
        """The control connection, or the data connection with these ends, is established."""
        near = next(tcp for tcp in pair or (self.client,) if tcp.wire is self.near)
        seen = self.state(near)
        if seen not in (None, "established"):
            raise Failed(f"the {'data' if pair else 'control'} connection is {seen} after {after}")

    def led_to(self, source, destination, port):
        """Whether a connection to `destination` comes to this port of a host."""
        reached = self.world.reach(source, destination)
        return bool(reached) and reached[1][1] == port
