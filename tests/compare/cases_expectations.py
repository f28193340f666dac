# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Expectations: an announced data connection gets in once, from its peer, while its session lives."""

from lines import eprt_line, pasv_line, port_line
from registry import case
from scene import Scene, shown
from world import CONTROL, FULL, GROW, GROW6, PUBLISH, PUBLISH6, SCANNED, STRANGERS, Failed

EXPECTATIONS = "expectations"
POLICY = "addresses and ports of others"
SCANS = "what a scan finds"
DEFAULT = "the default data port"

KINDS = (("PORT", GROW), ("EPRT", GROW6), ("227", PUBLISH), ("229", PUBLISH6))


def _each(name, must, kinds=KINDS, group=EXPECTATIONS):
    """One case for each kind of address line; the function gets the scene, the line and where it leads."""
    def enter(function):
        for verb, rule in kinds:
            @case(group, f"{verb}: {name}", must, rule)
            def run(s, verb=verb):
                line = s.line(verb)
                return function(s, line, s.announce(line))
    return enter


@_each("second connection", "An expectation admits one connection.")
def second(s, line, end):
    s.data(line, end)
    s.shut(line, end, "a second time")
    s.in_step()


@_each("a stranger's connection", "A port is open only to the peer that it was announced to "
       "(RFC 2577), and a stranger's attempt does not use it up.")
def stranger(s, line, end):
    s.shut(line, end, "from another host", source=s.stranger(line))
    s.data(line, end)
    s.in_step()


@_each("after the session's end", "When both ends have closed the control connection, what it announced "
       "is closed too.")
def after_end(s, line, end):
    s.hangs_up()
    s.shut(line, end, "after the session's end")


@_each("replaced by another", "A session has one announced connection: the next closes the one before.")
def replaced(s, line, end):
    other = s.line(line.verb)
    there = s.announce(other)
    s.shut(line, end, "that was replaced")
    s.data(other, there)
    s.in_step()


@_each("after REIN", "REIN resets what was announced (RFC 959 section 4.1.1).", KINDS[:1] + KINDS[2:3])
def after_rein(s, line, end):
    s.asks(b"REIN\r\n", b"220 ready\r\n")
    s.shut(line, end, "after REIN")
    s.in_step()


@_each("the line repeated after its use", "A retransmission of the line, late, opens nothing again.",
       KINDS[:1] + KINDS[2:3])
def late_repeat(s, line, end):
    s.data(line, end)
    sender = s.sender(line)
    at = sender.sent.rindex(line.text)
    sender.transmit(at, at + len(line.text))
    s.world.settle()
    s.shut(line, end, "by a repeated line", port=s.world.port())
    s.in_step()


@_each("the line repeated after another", "A retransmission of the line, late, neither reopens its port nor closes "
       "the current one.", KINDS[:1] + KINDS[2:3])
def late_older(s, line, end):
    other = s.line(line.verb)
    there = s.announce(other)
    sender = s.sender(line)
    at = sender.sent.rindex(line.text)
    sender.transmit(at, at + len(line.text))
    s.world.settle()
    s.shut(line, end, "by a repeated line", port=s.world.port())
    s.data(other, there)
    s.in_step()


def _end_data(s, one, other):
    one.send(b"", fin=True)
    s.demand(lambda: other.finished, "no FIN on the data connection")
    other.send(b"", fin=True)
    s.demand(lambda: one.finished, "no FIN on the data connection")
    s.world.settle()
    for tcp in (one, other):
        tcp.wire.endpoints.pop((tcp.local, tcp.remote), None)


@_each("the same port for the next transfer", "Ports may come again: the second data connection, between the "
       "same two ports as the first, gets in, and it alone.", KINDS[:2])
def same_again(s, line, end):
    _end_data(s, *s.data(line, end))
    there = s.announce(line)
    if there[1] == end[1]:
        _end_data(s, *s.data(line, there))
    else:
        s.data(line, there)
    s.shut(line, there, "a second time", port=s.world.port())
    s.in_step()


@_each("SYN sent again", "A data connection whose first SYN or its answer is lost is accepted with the next.")
def syn_again(s, line, end):
    source, destination, _, _ = s._way(line, end)
    tcp, syn = s.world.dial(source, destination)
    if not syn:
        raise Failed("no data connection gets through")
    wire = s.world.wire_of(syn.destination[0])
    wire.arrivals.clear()
    tcp.syn()
    s.demand(lambda: wire.arrivals, "the second SYN does not get through")
    again = wire.arrivals[0]
    if (again.source, again.destination, again.seq) != (syn.source, syn.destination, syn.seq):
        raise Failed("the second SYN arrives as another connection's")
    s.world.answer(tcp, again, 99).close()
    tcp.close()
    s.in_step()


@case(EXPECTATIONS, "PORT: the client's control port again", "A client may dial again from the port of a session that "
      "has ended: the new session works, and the old one's port stays closed.", GROW)
def port_again(s):
    line = s.line("PORT")
    end = s.announce(line)
    s.hangs_up()
    old = s.client
    old.wire.endpoints.pop((old.local, old.remote))
    s.server.wire.endpoints.pop((s.server.local, s.server.remote))
    s.connect(client_iss=(old.iss + 1_000_000) % 2**32, server_iss=2_100_000_000, port=old.local[1])
    s.shut(line, end, "of the session before")
    seen = s.opens(s.line("PORT"))
    s.in_step()
    return seen


def _refused(verb, rule, reply, pieces=None, how=""):
    @case(EXPECTATIONS, f"{verb}: refused with {reply[:3].decode()}{how}", "A command that the server refuses opens nothing.",
          rule)
    def run(s):
        line = s.line(verb)
        s.client.send(line.text)
        end = s.arrives(line)
        s.write(s.server, pieces or [reply])
        s.reads(s.client, reply)
        s.shut(line, end, "though the server refused the command")
        s.in_step()


_refused("PORT", GROW, b"500 no\r\n")
_refused("PORT", GROW, b"421 busy\r\n")
_refused("PORT", GROW, b"500-no\r\n500 no\r\n", how=", two lines")
_refused("PORT", GROW, b"500 no\r\n", [b"50", b"0 no\r\n"], ", cut")
_refused("EPRT", GROW6, b"522 network protocol not supported, use (1)\r\n")


@case(EXPECTATIONS, "PORT: the command before it refused", "A refusal belongs to its command (RFC 959 section 5.4): "
      "that of the CWD before leaves the PORT's expectation open.", GROW)
def other_refused(s):
    line = s.line("PORT")
    s.client.send(b"CWD nowhere\r\n")
    s.client.send(line.text)
    s.reads_lines(s.server, 1)
    end = s.arrives(line)
    s.says(s.server, b"550 no such folder\r\n")
    s.says(s.server, b"200 ok\r\n")
    s.data(line, end)
    s.in_step()


@case(EXPECTATIONS, "PORT: the same port after a refusal", "A refused command leaves nothing behind: the same "
      "line opens its data connection the next time.", GROW)
def after_refusal(s):
    line = s.line("PORT")
    s.client.send(line.text)
    s.arrives(line)
    s.says(s.server, b"450 not now\r\n")
    seen = s.opens(line)
    s.in_step()
    return seen


@case(EXPECTATIONS, "227: forty transfers one after the other",
      "Expectations and data connections can be repeated any number of times.",
      PUBLISH)
def forty(s):
    for _ in range(40):
        seen = s.opens(s.line("227"))
        s.asks(b"RETR x\r\n", b"150 here\r\n")
        s.says(s.server, b"226 done\r\n")
    s.in_step()
    return seen


@case(EXPECTATIONS, "227: two sessions name the same port", "Each client gets to its own server's port: a port of "
      "the published address is given to one session at a time.", PUBLISH)
def same_port(s):
    other = Scene(s.world, FULL)
    try:
        other.connect()
        port = s.world.port()
        one = pasv_line(s.rule.server, port)
        two = pasv_line(other.rule.server, port)
        end, there = s.announce(one), other.announce(two)
        s.data(one, end)
        other.data(two, there)
        other.in_step()
    finally:
        other.close()
    s.in_step()


# ---- foreign addresses, low ports ----

def _foreign(name, rule, make, probe):
    """make(s, port) -> the line; probe(s, port) -> (source, destination) that must not be let in."""
    @case(POLICY, name, "No data connection is led to another host than the peer (RFC 2577 section 3), and "
          "the control connection stays in step.", rule)
    def run(s):
        port = s.world.port()
        line = make(s, port)
        sender = s.sender(line)
        if line.command:
            s.says(s.client, line.command)
        sender.send(line.text)
        got, = s.reads_lines(s.peer(sender), 1)
        if line.active:
            s.server.send(b"500 not that one\r\n" if got != line.text else b"200 ok\r\n")
            s.reads_lines(s.client, 1)
        for source, destination in probe(s, port, line.read(got)):
            reached = s.world.reach(source, destination)
            if reached and reached[1][0] != destination[0]:
                raise Failed(f"a connection is led to {reached[1][0]} after {shown(got)}")
        s.in_step()
        return f"{s.name(s.peer(sender))} reads {shown(got)}, opens nothing"


def _to_client(s, port, end):
    ends = {(s.rule.seen, port)} | ({end} if end else set())
    return [((s.rule.server, 20), destination) for destination in sorted(ends)]


def _to_server(s, port, end):
    ports = {port} | ({end[1]} if end else set())
    return [((s.rule.client, s.world.port()), (s.rule.dial, number)) for number in sorted(ports)]


_foreign("PORT names another host", GROW, lambda s, port: port_line("10.1.1.150", port), _to_client)
_foreign("EPRT |1| names another host", GROW, lambda s, port: eprt_line("10.1.1.150", port), _to_client)
_foreign("EPRT |2| names another host", GROW6, lambda s, port: eprt_line("fd00:1:1::150", port), _to_client)
_foreign("227 names another host", PUBLISH, lambda s, port: pasv_line("10.2.1.99", port), _to_server)


def _low(name, rule, make, port):
    @case(POLICY, name, "No data connection goes to a port below 1024 (RFC 2577 section 3), and the control "
          "connection stays in step.", rule)
    def run(s):
        line = make(s.rule.client, port)
        s.client.send(line.text)
        got, = s.reads_lines(s.server, 1)
        end = line.read(got)
        # a server that knows RFC 2577 refuses; one that does not would connect
        reached = None
        for destination in {(s.rule.seen, port), end or (s.rule.seen, port)}:
            if destination[1]:
                reached = reached or s.world.reach((s.rule.server, 20), destination)
        if reached:
            raise Failed(f"a connection gets in to {reached[1][0]} port {reached[1][1]} after {shown(got)}")
        s.server.send(b"504 no\r\n")
        s.reads_lines(s.client, 1)
        s.in_step()
        return f"server reads {shown(got)}, opens nothing"


_low("PORT to port 22", GROW, port_line, 22)
_low("PORT to port 1023", GROW, port_line, 1023)
_low("EPRT |1| to port 80", GROW, eprt_line, 80)
_low("EPRT |2| to port 22", GROW6, eprt_line, 22)


# ---- scans: every port of the published address ----

@case(SCANS, "the client, a 227 being announced", "All 65,535 ports of the published address are closed, "
      "except the control port and the announced one.", SCANNED)
def scan_client(s):
    line = s.line("227")
    end = s.announce(line)
    return _found(s, s.rule.client, {CONTROL, end[1]})


@case(SCANS, "a stranger, a 227 being announced", "All 65,535 ports of the published address are closed, "
      "except the control port.", SCANNED)
def scan_stranger(s):
    line = s.line("227")
    end = s.announce(line)
    seen = _found(s, STRANGERS["v4"], {CONTROL})
    s.data(line, end)
    return seen


@case(SCANS, "the client, after a session that announced a 227", "All 65,535 ports of the published address "
      "are closed, except the control port.", SCANNED)
def scan_after(s):
    s.announce(s.line("227"))
    s.hangs_up()
    return _found(s, s.rule.client, {CONTROL})


def _found(s, source, want):
    found = s.world.scan(source, s.rule.dial)
    if found != want:
        raise Failed(f"ports {sorted(found)[:8]} lead to the server, {sorted(want)} should")
    return f"ports {sorted(found)}"


# ---- the default data port ----

def _default(name, must, rules=(GROW, GROW6, PUBLISH, PUBLISH6)):
    """A case for each rule; the function gets the scene, and the data connection as if a PORT had named the control port."""
    def enter(function):
        for rule in rules:
            @case(DEFAULT, name, must, rule)
            def run(s):
                s.says(s.client, b"RETR file\r\n")
                return function(s, port_line(s.rule.client, s.client.local[1]), (s.rule.seen, s.server.remote[1]))
    return enter


@_default("RETR without PORT or PASV", "The server connects from its port L-1 to the client's control port (RFC 959 "
          "section 3.2), and the control connection stays in step.")
def default_port(s, line, end):
    s.says(s.server, b"150 here\r\n")
    s.data(line, end)
    s.says(s.server, b"226 done\r\n")
    s.in_step()


@_default("RETR without PORT or PASV, refused", "A transfer that the server refuses opens nothing.")
def default_refused(s, line, end):
    s.says(s.server, b"550 no such file\r\n")
    s.shut(line, end, "though the server refused the transfer")
    s.in_step()
