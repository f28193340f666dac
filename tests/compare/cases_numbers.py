# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sequence numbers, SACK, keepalives and full segments around rewritten lines; the ends of streams."""

import time

from registry import case
from scene import shown
from world import GROW, PUBLISH, SHRINK, Failed

NUMBERS = "sequence numbers"
ENDS = "ends of streams"


@case(NUMBERS, "SACK behind two rewritten lines", "Every edge of a SACK block (RFC 2018) reaches the "
      "client in its own numbers.", GROW)
def sack(s):
    lines = [s.line("PORT") for _ in range(2)]
    pieces = [lines[0].text, b"TYPE I\r\n", lines[1].text, b"STOR x\r\n"]
    base = len(s.client.sent)
    edges = [base + sum(map(len, pieces[:i])) for i in range(len(pieces) + 1)]
    s.client.send(pieces[0])
    s.world.settle()
    s.server.lose = 1
    for piece in pieces[1:]:
        s.client.send(piece)
    s.world.settle()
    want = [[(edges[2], edges[3])], [(edges[2], edges[4])]]
    if s.client.sacks != want:
        raise Failed(f"SACK blocks {s.client.sacks}, the client's bytes are {want}")
    s.client.transmit(edges[1], edges[2])
    got = s.reads_lines(s.server, 4)
    s.arrives(lines[0], got[0])
    end = s.arrives(lines[1], got[2])
    s.says(s.server, b"200 ok\r\n" * 4)
    s.data(lines[1], end)
    s.in_step()


@case(NUMBERS, "SACK of a rewritten line, the one before lost", "The block of a longer line reaches the "
      "client as the line that it sent.", GROW)
def sack_edit(s):
    lines = [s.line("PORT") for _ in range(2)]
    base = len(s.client.sent)
    s.server.lose = 1
    for line in lines:
        s.client.send(line.text)
    s.world.settle()
    middle, last = base + len(lines[0].text), len(s.client.sent)
    if s.client.sacks != [[(middle, last)]]:
        raise Failed(f"SACK blocks {s.client.sacks}, the client's bytes are {[[(middle, last)]]}")
    s.client.transmit(base, middle)
    first, second = s.reads_lines(s.server, 2)
    s.arrives(lines[0], first)
    end = s.arrives(lines[1], second)
    s.says(s.server, b"200 ok\r\n" * 2)
    s.data(lines[1], end)
    s.in_step()


def _wrap(name, rule, verb, **isn):
    @case(NUMBERS, name, "Sequence numbers are modulo 2^32 (RFC 793 section 3.3): lines before, at and "
          "behind the wrap arrive rewritten.", rule, **isn)
    def run(s):
        for _ in range(3):
            seen = s.opens(s.line(verb))
        s.in_step()
        return seen


_LOGIN = len(b"USER ftp\r\nPASS x@\r\n")
_GREETED = len(b"220 ready\r\n331 password?\r\n230 welcome\r\n")
_wrap("wrap inside the first PORT", GROW, "PORT", client_iss=2**32 - 1 - _LOGIN - 12)
_wrap("wrap inside the second PORT, shorter", SHRINK, "PORT", client_iss=2**32 - 1 - _LOGIN - 38)
_wrap("wrap inside a 227", PUBLISH, "227", server_iss=2**32 - 1 - _GREETED - 40)


@case(NUMBERS, "keepalive behind a longer line", "A keepalive probe (RFC 1122 4.2.3.6) reaches the "
      "server as one, and its answer the client.", GROW)
def keepalive(s):
    s.opens(s.line("PORT"))
    s.in_step()
    s.client.keepalive()
    s.demand(lambda: s.server.keepalives, "the server doesn't get the probe")
    s.world.settle()
    if s.client.last_in.ack != (s.client.iss + 1 + len(s.client.sent)) % 2**32:
        raise Failed("the probe's answer has another ACK number")
    s.sound()


@case(NUMBERS, "keepalive behind half a line", "A keepalive probe behind half a PORT line reaches the server as "
      "one, its answer reaches the client, and the line still arrives rewritten.", GROW)
def keepalive_held(s):
    line = s.line("PORT")
    s.client.send(line.text[:12])
    s.demand(lambda: s.client.acked == len(s.client.sent), "half a line is never acknowledged")
    before = s.client.last_in
    s.client.keepalive()
    s.demand(lambda: s.server.keepalives, "the server doesn't get the probe")
    s.demand(lambda: s.client.last_in is not before, "nothing answers the probe")
    s.client.send(line.text[12:])
    end = s.arrives(line)
    s.says(s.server, b"200 ok\r\n")
    s.data(line, end)
    s.in_step()


@case(NUMBERS, "replies while half a line waits", "The server's segments reach the client and contain nothing of the "
      "half line.", GROW)
def replies_meanwhile(s):
    line = s.line("PORT")
    s.says(s.client, b"STAT\r\n")
    s.client.send(line.text[:12])
    s.world.settle()
    s.says(s.server, b"211-status\r\n")
    s.client.send(line.text[12:20])
    s.says(s.server, b"211 end\r\n")
    s.client.send(line.text[20:])
    end = s.arrives(line)
    s.says(s.server, b"200 ok\r\n")
    s.data(line, end)
    s.in_step()


def _plain(name, rule, verb):
    @case(NUMBERS, name, "A connection without TCP timestamps (RFC 7323) works alike: the line, cut in two, "
          "arrives rewritten.", rule, timestamps=False)
    def run(s):
        line = s.line(verb)
        s.opens(line, line.cut(len(line.before) + 3), True)
        seen = s.opens(s.line(verb), None, True)
        s.in_step()
        return seen


_plain("PORT cut, no timestamps", GROW, "PORT")
_plain("227 cut, no timestamps", PUBLISH, "227")


@case(NUMBERS, "PORT at the end of a full segment", "A line that grows never makes a packet larger than "
      "the path takes, nor is it lost: the MSS was lowered in time.", GROW)
def full_segment(s):
    line = s.line("PORT")
    room = s.client.mss - 12 - len(line.text)
    filler = b"NOOP " + b"x" * (room - 7) + b"\r\n"
    s.client.send(filler + line.text)
    first, second = s.reads_lines(s.server, 2)
    if first != filler:
        raise Failed("what stood before the line has changed")
    end = s.arrives(line, second)
    s.says(s.server, b"200 ok\r\n" * 2)
    s.data(line, end)
    s.in_step()


# ---- ends ----

@case(ENDS, "FIN behind half a PORT line", "The half line arrives as it was sent, then the FIN.", GROW)
def fin_held(s):
    half = s.line("PORT").text[:11]
    s.client.send(half)
    s.world.settle()
    s.client.send(b"", fin=True)
    s.demand(lambda: s.server.finished, lambda: f"no FIN; server reads {shown(s.server.unread)}")
    s.reads(s.server, half)
    s.sound()


@case(ENDS, "replies behind FIN behind half a line", "What the server still says reaches the client, and it "
      "learns so.", GROW)
def reply_after_fin(s):
    s.client.send(s.line("PORT").text[:11])
    s.world.settle()
    s.client.send(b"", fin=True)
    s.demand(lambda: s.server.finished, lambda: f"no FIN; server reads {shown(s.server.unread)}")
    s.server.send(b"500 what?\r\n")
    s.reads(s.client, b"500 what?\r\n")
    s.demand(lambda: s.server.acked == len(s.server.sent), "the server doesn't get the client's ACK")
    s.sound()


@case(ENDS, "FIN in the segment of half a PORT line", "The half line arrives as it was sent, and the FIN.",
      GROW)
def fin_with_half(s):
    half = s.line("PORT").text[:11]
    s.client.send(half, fin=True)
    s.demand(lambda: s.server.finished, lambda: f"no FIN; server reads {shown(s.server.unread)}")
    s.reads(s.server, half)
    s.sound()


@case(ENDS, "FIN in the segment of a whole PORT line", "The line arrives rewritten, and the FIN behind it.",
      GROW)
def fin_with_line(s):
    line = s.line("PORT")
    s.client.send(line.text, fin=True)
    s.demand(lambda: s.server.finished, lambda: f"no FIN; server reads {shown(s.server.unread)}")
    end = s.arrives(line)
    s.says(s.server, b"200 ok\r\n")
    s.data(line, end)
    s.sound()


@case(ENDS, "QUIT in two pieces and FIN", "The last words arrive whole, and both FINs.", GROW)
def quit_and_fin(s):
    s.opens(s.line("PORT"))
    s.write(s.client, [b"QU", b"IT\r\n"])
    s.reads(s.server, b"QUIT\r\n")
    s.server.send(b"221 bye\r\n", fin=True)
    s.reads(s.client, b"221 bye\r\n")
    s.client.send(b"", fin=True)
    s.demand(lambda: s.client.finished and s.server.finished, "a FIN does not arrive")
    s.sound()


@case(ENDS, "RST while half a line is held", "The reset reaches the server.", GROW)
def reset_held(s):
    s.client.send(s.line("PORT").text[:11])
    s.world.settle()
    s.client.close()
    s.demand(lambda: s.server.is_reset, "no reset arrives")


# ---- long transfers ----

IDLE = 2


@case(ENDS, "226 after a transfer longer than the control timeout", "The control connection lives as long "
      "as one of its data connections: the 226 of a long transfer arrives (timeouts shortened to "
      f"{IDLE} s).", PUBLISH, connect=False)
def silent_control(s):
    with s.world.idle_timeout(IDLE):
        s.connect()
        line = s.line("227")
        client, server = s.data(line, s.announce(line))
        s.asks(b"RETR x\r\n", b"150 here it comes\r\n")
        end = time.monotonic() + 2.5 * IDLE
        while time.monotonic() < end:
            server.send(b"some more data")
            s.demand(lambda: client.take(), "the transfer ends before its time")
            time.sleep(IDLE / 10)
        s.says(s.server, b"226 done\r\n")
        s.in_step()
