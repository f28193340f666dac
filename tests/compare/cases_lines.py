# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Address lines cut over segments, and segments with several lines."""

import select
import socket

from registry import case
from scene import shown
from world import CONTROL, GROW, GROW6, HOST, HOST_PUBLISH, PUBLISH, PUBLISH6, Failed

CUT = "cut lines"
SEVERAL = "several lines"
HOSTS = "hosts' own TCP"

KINDS = (("PORT", GROW), ("EPRT", GROW6), ("227", PUBLISH), ("229", PUBLISH6))
CUTS = (
    ("after its second byte", lambda line: line.cut(2)),
    ("in its number", lambda line: line.cut(len(line.before) + 3)),
    ("before its CR", lambda line: line.cut(-2)),
    ("between CR and LF", lambda line: line.cut(-1)),
    ("in three segments", lambda line: line.cut(3, len(line.before) + 2)),
    ("in one-byte segments", lambda line: line.bytes()),
)


def _cut(verb, rule, where, cutter, nagle):
    must = ("The line arrives rewritten and opens its data connection, without a retransmission"
            + (", though the sender says no more until the first piece is acknowledged (RFC 896)."
               if nagle else " (RFC 793: segments mean nothing)."))

    @case(CUT, f"{verb} cut {where}{', with Nagle' if nagle else ''}", must, rule)
    def run(s):
        line = s.line(verb)
        seen = s.opens(line, cutter(line), nagle)
        s.in_step()
        return seen


for _verb, _rule in KINDS:
    for _where, _cutter in CUTS:
        _cut(_verb, _rule, _where, _cutter, False)
    _cut(_verb, _rule, *CUTS[1], True)
    _cut(_verb, _rule, *CUTS[5], True)


@case(CUT, "cut line that turns out harmless", "What looked like the start of PORT arrives as it was "
      "sent once it is known to be none.", GROW)
def harmless(s):
    s.write(s.client, [b"PO", b"LE 1,2\r\n"], nagle=True)
    s.reads(s.server, b"POLE 1,2\r\n")
    s.says(s.server, b"500 what?\r\n")
    s.in_step()


@case(CUT, "two PORT lines, each cut, the cut pieces sharing a segment", "Both lines arrive "
      "rewritten, the second opens its data connection.", GROW)
def two_cut(s):
    one, two = s.line("PORT"), s.line("PORT")
    s.write(s.client, [one.text[:9], one.text[9:] + two.text[:12], two.text[12:]])
    first, second = s.reads_lines(s.server, 2)
    s.arrives(one, first)
    end = s.arrives(two, second)
    s.says(s.server, b"200 ok\r\n200 ok\r\n")
    s.data(two, end)
    s.in_step()


# ---- several lines in a segment ----


@case(SEVERAL, "PORT as the first line of all", "The very first line of a client arrives rewritten too.",
      GROW, login=False)
def first_line(s):
    seen = s.opens(s.line("PORT"))
    s.in_step()
    return seen


def _among(name, rule, verb, before, after, asked_before=b""):
    @case(SEVERAL, name, "Every line of a segment is read: the address line arrives rewritten and "
          "opens its data connection, its neighbours arrive unchanged.", rule)
    def run(s):
        line = s.line(verb)
        if line.command:
            s.says(s.client, asked_before + line.command)
        s.sender(line).send(before + line.text + after)
        reader = s.peer(s.sender(line))
        lines = s.reads_lines(reader, (before + after).count(b"\n") + 1)
        at = before.count(b"\n")
        others = b"".join(lines[:at] + lines[at + 1:])
        if others != before + after:
            raise Failed(f"{s.name(reader)} reads {shown(others)} beside the line")
        end = s.arrives(line, lines[at])
        if line.active:
            s.says(s.server, b"200 ok\r\n" * len(lines))
        elif after:
            s.says(s.client, b"RETR x\r\n")
        s.data(line, end)
        s.in_step()
        return shown(b"".join(lines))


_among("PORT before another command", GROW, "PORT", b"", b"NOOP\r\n")
_among("PORT after another command", GROW, "PORT", b"TYPE I\r\n", b"")
_among("PORT between two commands", GROW, "PORT", b"TYPE I\r\n", b"STOR x\r\n")
_among("EPRT after another command", GROW6, "EPRT", b"TYPE I\r\n", b"")
_among("227 after another reply", PUBLISH, "227", b"200 ok\r\n", b"", b"NOOP\r\n")
_among("229 after another reply", PUBLISH6, "229", b"200 ok\r\n", b"", b"NOOP\r\n")


@case(SEVERAL, "two PORT lines in one segment", "Both arrive rewritten; the later one counts.", GROW)
def two_ports(s):
    one, two = s.line("PORT"), s.line("PORT")
    s.client.send(one.text + two.text)
    first, second = s.reads_lines(s.server, 2)
    s.arrives(one, first)
    end = s.arrives(two, second)
    s.says(s.server, b"200 ok\r\n200 ok\r\n")
    s.data(two, end)
    s.in_step()


@case(SEVERAL, "two 227 lines in one segment", "Both arrive rewritten; the later one counts.", PUBLISH)
def two_passive(s):
    one, two = s.line("227"), s.line("227")
    s.says(s.client, b"PASV\r\nPASV\r\n")
    s.server.send(one.text + two.text)
    first, second = s.reads_lines(s.client, 2)
    s.arrives(one, first)
    s.data(two, s.arrives(two, second))
    s.in_step()


@case(SEVERAL, "PORT behind the rest of a cut line", "A line that starts in the middle of a segment, "
      "whose first bytes end an earlier line, arrives rewritten.", GROW)
def mid_segment(s):
    line = s.line("PORT")
    s.write(s.client, [b"CWD some/fol", b"der\r\n" + line.text])
    first, second = s.reads_lines(s.server, 2)
    if first != b"CWD some/folder\r\n":
        raise Failed(f"server reads {shown(first)}")
    end = s.arrives(line, second)
    s.says(s.server, b"250 ok\r\n200 ok\r\n")
    s.data(line, end)
    s.in_step()


@case(SEVERAL, "PORT text in the middle of a line", "An argument that looks like a PORT line is not "
      "a PORT line: it arrives as it is and opens nothing.", GROW)
def port_in_argument(s):
    line = s.line("PORT")
    s.unchanged(b"CWD a " + line.text)
    s.shut(line, (s.rule.seen, line.port), "to the port of a folder's name")
    s.says(s.server, b"250 ok\r\n")
    s.in_step()


@case(SEVERAL, "reply of 600 lines", "A long reply arrives byte for byte, and a 227 behind it is "
      "still seen.", PUBLISH)
def long_reply(s):
    s.says(s.client, b"STAT pub\r\n")
    text = b"213-files\r\n" + b"".join(b" -rw-r--r-- 1 ftp 227 229 name %03d\r\n" % i
                                       for i in range(600)) + b"213 end\r\n"
    room = s.server.mss - 12
    for at in range(0, len(text), room):
        s.says(s.server, text[at:at + room])
    seen = s.opens(s.line("227"))
    s.in_step()
    return seen


# ---- the hosts' own TCP: Nagle, segmentation offload and delayed ACKs as they are ----



class Sockets:
    """A control connection between the kernels of the two hosts. They resend nothing for a minute."""

    def __init__(self, s):
        lab, rule = s.world.lab, s.rule
        with lab.server.inside():
            self.listener = socket.create_server((rule.server, CONTROL))
        with lab.client.inside():
            self.client = socket.create_connection((rule.dial, CONTROL), timeout=5,
                                                   source_address=(rule.client, 0))
        self.listener.settimeout(5)
        self.server = self.listener.accept()[0]
        self.rule = rule

    def __enter__(self):
        for ours, theirs in ((b"220 ready\r\n", b"USER ftp\r\n"), (b"331 password?\r\n", b"PASS x@\r\n")):
            self.server.sendall(ours)
            self.line(self.client)
            self.client.sendall(theirs)
            self.line(self.server)
        self.server.sendall(b"230 welcome\r\n")
        self.line(self.client)
        return self

    def __exit__(self, *exc):
        for sock in (self.client, self.server, self.listener):
            sock.close()

    @staticmethod
    def line(sock, lines=1, deadline=5):
        """So many lines, or what came until nothing more does."""
        data = b""
        while data.count(b"\n") < lines:
            if not select.select([sock], [], [], deadline)[0]:
                raise Failed(f"stalls after {shown(data)}")
            block = sock.recv(1 << 16)
            if not block:
                raise Failed(f"closed after {shown(data)}")
            data += block
        return data

    def arrives(self, line, got):
        end = line.read(got)
        if not end or end[0] != (self.rule.seen if line.active else self.rule.dial):
            raise Failed(f"reads {shown(got)} for {shown(line.text)}")


def _pieces(name, rule, verb, cutter, nodelay):
    @case(HOSTS, name, "The line arrives rewritten before the host's TCP resends anything.", rule,
          connect=False)
    def run(s):
        line = s.line(verb)
        with Sockets(s) as control:
            sender, reader = control.client, control.server
            if line.command:
                control.client.sendall(line.command)
                control.line(control.server)
                sender, reader = reader, sender
            sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, nodelay)
            for piece in cutter(line):
                sender.sendall(piece)
            got = control.line(reader)
            control.arrives(line, got)
            sender.sendall(b"200 NOOP\r\n")
            if control.line(reader) != b"200 NOOP\r\n":
                raise Failed("the connection is out of step")
        return shown(got)


_pieces("PORT in two writes, Nagle", HOST, "PORT", lambda line: line.cut(8), 0)
_pieces("PORT byte by byte, Nagle", HOST, "PORT", lambda line: line.bytes(), 0)
_pieces("PORT byte by byte, TCP_NODELAY", HOST, "PORT", lambda line: line.bytes(), 1)
_pieces("227 in two writes, Nagle", HOST_PUBLISH, "227", lambda line: line.cut(30), 0)
_pieces("227 byte by byte, TCP_NODELAY", HOST_PUBLISH, "227", lambda line: line.bytes(), 1)


@case(HOSTS, "PORT at the end of a 30 KB write", "Large segments (GSO) are read to their end: the "
      "line arrives rewritten, all before it as it was.", HOST, connect=False)
def end_of_write(s):
    line = s.line("PORT")
    filler = b"NOOP and some more text\r\n" * 1200
    with Sockets(s) as control:
        control.client.sendall(filler + line.text)
        got = control.line(control.server, filler.count(b"\n") + 1)
        if not got.startswith(filler):
            raise Failed("what stood before the line has changed")
        control.arrives(line, got[len(filler):])
        return shown(got[len(filler):])


@case(HOSTS, "reply of 2000 lines in one write", "A reply of many segments arrives byte for byte.",
      HOST_PUBLISH, connect=False)
def long_write(s):
    text = b"211-x\r\n" + b" 227 (1,2,3,4,5,6) of a listing\r\n" * 2000 + b"211 end\r\n"
    with Sockets(s) as control:
        control.client.sendall(b"STAT\r\n")
        control.line(control.server)
        control.server.sendall(text)
        if control.line(control.client, text.count(b"\n")) != text:
            raise Failed("the reply has changed")
