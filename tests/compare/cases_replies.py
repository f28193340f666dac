# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Replies belong to commands: what opens a data connection, and what only looks like it."""

from registry import case
from scene import shown
from world import GROW, PUBLISH, PUBLISH6, Failed

GROUP = "commands and replies"


def _port(s, line):
    """Where a line without an address would have led, had it been one."""
    return (s.rule.dial, line.port)


def _unasked(name, must, rule, verb, before):
    """A reply after the client said `before`, that must open nothing, however it is read."""
    @case(GROUP, name, must, rule)
    def run(s):
        line = s.line(verb)
        if before:
            s.says(s.client, before)
        s.server.send(line.text)
        got, = s.reads_lines(s.client, 1)
        read = line.read(got)
        for port in {line.port, read[1] if read else line.port}:
            s.shut(line, (s.rule.dial, port), f"after {shown(got)}")
        s.in_step()
        return f"client reads {shown(got)}, opens nothing"


def _inside(verb, rule):
    @case(GROUP, f"{verb} inside a multi-line reply", "Lines inside a reply are text (RFC 959 section 4.2): "
          "it arrives as it is and opens nothing.", rule)
    def run(s):
        line = s.line(verb)
        s.says(s.client, b"STAT\r\n")
        s.unchanged(b"211-status\r\n" + line.text + b"211 end\r\n", s.server)
        s.shut(line, _port(s, line), "to the port of a listing's line")
        s.in_step()


_unasked("227 that nobody asked for", "Only the reply to a PASV opens anything (RFC 959 section 5.4).",
         PUBLISH, "227", b"")
_unasked("229 that nobody asked for", "Only the reply to an EPSV opens anything (RFC 2428 section 3).",
         PUBLISH6, "229", b"")
_unasked("227 as the reply to NOOP", "Only the reply to a PASV opens anything.", PUBLISH, "227",
         b"NOOP\r\n")
_unasked("227 as the reply to EPSV", "The reply to EPSV is 229 and no other (RFC 2428 section 3).",
         PUBLISH, "227", b"EPSV\r\n")
_inside("227", PUBLISH)
_inside("229", PUBLISH6)


@case(GROUP, "227 inside a multi-line reply, in a segment of its own", "Lines inside a reply are text "
      "(RFC 959 section 4.2), whatever segment they come in.", PUBLISH)
def own_segment(s):
    line = s.line("227")
    s.says(s.client, b"STAT\r\n")
    s.says(s.server, b"211-status\r\n")
    s.unchanged(line, s.server)
    s.says(s.server, b"211 end\r\n")
    s.shut(line, _port(s, line), "to the port of a listing's line")
    s.in_step()


@case(GROUP, "227 as the last line of a multi-line reply", "The last line of a reply counts (RFC 959 "
      "section 4.2): it arrives rewritten.", PUBLISH)
def last_line(s):
    line = s.line("227")
    s.says(s.client, b"PASV\r\n")
    s.server.send(b"227-Now entering\r\n" + line.text)
    first, second = s.reads_lines(s.client, 2)
    if first != b"227-Now entering\r\n":
        raise Failed(f"client reads {shown(first)}")
    s.data(line, s.arrives(line, second))
    s.in_step()


@case(GROUP, "PASV behind other commands in one segment", "Each reply is matched with its command: the "
      "227 opens its data connection.", PUBLISH)
def pipelined(s):
    line = s.line("227")
    s.says(s.client, b"TYPE I\r\nNOOP\r\nPASV\r\nNOOP\r\n")
    s.says(s.server, b"200 ok\r\n")
    s.says(s.server, b"200 ok\r\n")
    s.server.send(line.text)
    end = s.arrives(line)
    s.says(s.server, b"200 ok\r\n")
    s.data(line, end)
    s.in_step()


@case(GROUP, "PASV behind forty commands", "Commands may be sent ahead of their replies: the 227 is matched "
      "with its PASV.", PUBLISH)
def far_ahead(s):
    line = s.line("227")
    for _ in range(40):
        s.says(s.client, b"NOOP\r\n")
    s.says(s.client, b"PASV\r\n")
    for _ in range(40):
        s.says(s.server, b"200 ok\r\n")
    s.server.send(line.text)
    s.data(line, s.arrives(line))
    s.in_step()


@case(GROUP, "PORT after EPSV ALL", "After an accepted EPSV ALL no PORT opens anything (RFC 2428 "
      "section 4); the connection stays usable.", GROW)
def port_after_all(s):
    s.asks(b"EPSV ALL\r\n")
    line = s.line("PORT")
    s.client.send(line.text)
    got, = s.reads_lines(s.server, 1)
    s.server.send(b"501 not after EPSV ALL\r\n")
    s.reads_lines(s.client, 1)
    s.shut(line, (s.rule.seen, line.port), f"after {shown(got)}")
    s.in_step()


@case(GROUP, "227 after EPSV ALL", "After an accepted EPSV ALL no PASV opens anything (RFC 2428 "
      "section 4); the connection stays usable.", PUBLISH)
def pasv_after_all(s):
    s.asks(b"EPSV ALL\r\n")
    line = s.line("227")
    s.says(s.client, b"PASV\r\n")
    s.server.send(line.text)
    s.reads_lines(s.client, 1)
    s.shut(line, _port(s, line), "after EPSV ALL")
    s.in_step()


@case(GROUP, "229 after EPSV ALL", "EPSV itself keeps working (RFC 2428 section 4).", PUBLISH6)
def epsv_after_all(s):
    s.asks(b"EPSV ALL\r\n")
    seen = s.opens(s.line("229"))
    s.in_step()
    return seen


@case(GROUP, "PORT after REIN", "REIN resets what was said (RFC 959 section 4.1.1): EPSV ALL is forgotten "
      "and PORT works as at first.", GROW)
def rein(s):
    s.asks(b"EPSV ALL\r\n")
    s.asks(b"REIN\r\n", b"220 ready\r\n")
    s.asks(b"USER x\r\n", b"230 welcome\r\n")
    seen = s.opens(s.line("PORT"))
    s.in_step()
    return seen


@case(GROUP, "ABOR with Telnet signals, then PORT", "`FF F4 FF F2 ABOR` (RFC 959 section 4.1.3) arrives "
      "as it is and hides no line behind it.", GROW)
def abor(s):
    s.asks(b"\xff\xf4\xff\xf2ABOR\r\n", b"226 nothing to abort\r\n")
    seen = s.opens(s.line("PORT"))
    s.in_step()
    return seen


@case(GROUP, "ABOR and PORT in one segment", "Telnet signals and an address line share a segment: the "
      "line arrives rewritten.", GROW)
def abor_port(s):
    line = s.line("PORT")
    s.client.send(b"\xff\xf4\xff\xf2ABOR\r\n" + line.text)
    first, second = s.reads_lines(s.server, 2)
    if first != b"\xff\xf4\xff\xf2ABOR\r\n":
        raise Failed(f"server reads {shown(first)}")
    end = s.arrives(line, second)
    s.says(s.server, b"226 ok\r\n200 ok\r\n")
    s.data(line, end)
    s.in_step()


@case(GROUP, "PORT bytes after AUTH TLS", "After the 234 of AUTH (RFC 4217) the stream is opaque: bytes "
      "that look like PORT arrive as they are and open nothing.", GROW)
def auth(s):
    s.asks(b"AUTH TLS\r\n", b"234 go on\r\n")
    line = s.line("PORT")
    s.unchanged(line)
    s.shut(line, (s.rule.seen, line.port), "by encrypted bytes")
    s.in_step()


@case(GROUP, "PORT after a refused AUTH TLS", "A server without TLS continues in plain text: PORT "
      "arrives rewritten.", GROW)
def auth_refused(s):
    s.asks(b"AUTH TLS\r\n", b"502 not here\r\n")
    seen = s.opens(s.line("PORT"))
    s.in_step()
    return seen


@case(GROUP, "LPRT and LPSV", "Lines of RFC 1639 arrive as they are, and hide nothing behind them.", GROW)
def long_port(s):
    s.unchanged(b"LPRT 4,4,10,1,1,7,2,156,65\r\n")
    s.says(s.server, b"501 no\r\n")
    s.unchanged(b"LPSV\r\n")
    s.unchanged(b"228 Entering Long Passive Mode (4,4,10,2,1,8,2,156,65)\r\n", s.server)
    seen = s.opens(s.line("PORT"))
    s.in_step()
    return seen
