# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Rewritten lines that are outstanding, lost, repeated and reordered."""

from registry import case
from scene import shown
from world import EQUAL, GROW, GROW6, PUBLISH, SHRINK, Failed

EDITS = "edits outstanding"
AGAIN = "retransmissions"

MANY = 16


def _outstanding(s, count=MANY):
    """So many PORT lines, a segment each, none acknowledged; the lines and where they end."""
    lines = [s.line("PORT") for _ in range(count)]
    base = len(s.client.sent)
    s.server.mute = True
    for line in lines:
        s.client.send(line.text)
    got = s.reads_lines(s.server, count)
    ends = [s.arrives(line, text) for line, text in zip(lines, got)]
    sent = [base + sum(len(line.text) for line in lines[:i + 1]) for i in range(count)]
    taken = s.server.taken - sum(map(len, got))
    read = [taken + sum(map(len, got[:i + 1])) for i in range(count)]
    return lines, ends, sent, read


def _finish(s, lines, ends):
    s.server.mute = False
    s.server.acknowledge()
    s.says(s.server, b"200 ok\r\n" * len(lines))
    s.data(lines[-1], ends[-1])
    s.in_step()


for _rule, _change in ((GROW, "longer"), (SHRINK, "shorter")):
    @case(EDITS, f"{MANY} PORT lines on their way, each {_change}", "Each arrives rewritten, and one ACK "
          "for all of them is an ACK for all that the client sent.", _rule)
    def many(s):
        lines, ends, _, _ = _outstanding(s)
        _finish(s, lines, ends)
        return f"{len(lines)} lines, {len(s.client.sent)} bytes acknowledged"

    @case(EDITS, f"{MANY} PORT lines acknowledged one by one, each {_change}", "Each ACK reaches the "
          "client as the end of the line that it acknowledges.", _rule)
    def one_by_one(s):
        lines, ends, sent, read = _outstanding(s)
        for number, (theirs, ours) in enumerate(zip(read, sent), 1):
            s.server.acknowledge(theirs)
            s.world.settle()
            if s.client.acked != ours:
                raise Failed(f"the ACK of line {number} is {s.client.acked - ours:+} bytes off")
        _finish(s, lines, ends)

    @case(EDITS, f"{MANY} PORT lines sent twice, each {_change}", "The second time every line is the same "
          "bytes at the same place as the first time.", _rule)
    def all_again(s):
        lines, ends, _, _ = _outstanding(s)
        before = s.server.segments
        for line, end in zip(lines, _offsets(s, lines)):
            s.client.transmit(end - len(line.text), end)
        s.demand(lambda: s.server.segments == before + len(lines),
                 lambda: f"{s.server.segments - before} of {len(lines)} segments arrive again")
        s.sound()
        _finish(s, lines, ends)


@case(EDITS, "40 PORT lines on their way", "However many there are: each arrives rewritten, once the client "
      "has resent what did not.", GROW)
def very_many(s):
    lines = [s.line("PORT") for _ in range(40)]
    s.server.mute = True
    for line in lines:
        s.client.send(line.text)
    s.world.settle()
    s.server.mute = False
    s.server.acknowledge()
    s.world.settle()
    for _ in range(3):
        if s.client.acked < len(s.client.sent):
            s.client.resend()
            s.world.settle()
    got = s.reads_lines(s.server, len(lines))
    ends = [s.arrives(line, text) for line, text in zip(lines, got)]
    _finish(s, lines, ends)


@case(EDITS, f"{MANY} PORT lines in one segment", "Each line of the segment arrives rewritten.", GROW)
def one_segment(s):
    lines = [s.line("PORT") for _ in range(MANY)]
    s.client.send(b"".join(line.text for line in lines))
    got = s.reads_lines(s.server, MANY)
    ends = [s.arrives(line, text) for line, text in zip(lines, got)]
    _finish(s, lines, ends)


def _offsets(s, lines):
    start = len(s.client.sent) - sum(len(line.text) for line in lines)
    return [start + sum(len(line.text) for line in lines[:i + 1]) for i in range(len(lines))]


# ---- retransmissions ----

def _again(name, must, again, rule=GROW, verb="PORT", lost=True, count=3):
    """`count` segments, the second an address line; what the receiver lost is sent again."""
    @case(AGAIN, name, must, rule)
    def run(s):
        line = s.line(verb)
        if line.command:
            s.says(s.client, b"NOOP\r\n" + line.command + b"NOOP\r\n")
        sender, reader = s.sender(line), s.peer(s.sender(line))
        before, after = (b"TYPE I\r\n", b"STOR x\r\n") if line.active else (b"200 ok\r\n", b"200 ok\r\n")
        reader.mute = True
        reader.lose = count if lost else 0
        start = len(sender.sent)
        for text in (before, line.text, after)[:count]:
            sender.send(text)
        s.world.settle()
        if lost and reader.lose:
            raise Failed(f"{reader.lose} segments never got as far as the {s.name(reader)}")
        reader.mute = not lost  # what is not acknowledged must be the same again
        again(sender, start, start + len(before), start + len(before + line.text), len(sender.sent))
        s.world.settle()
        reader.mute = False
        reader.acknowledge()
        s.world.settle()
        # whatever is still missing, as a host sends it after a timeout
        for _ in range(3):
            if sender.acked < len(sender.sent):
                sender.resend()
                s.world.settle()
        got = s.reads_lines(reader, count)
        if got[0] != before or (count == 3 and got[2] != after):
            raise Failed(f"{s.name(reader)} reads {shown(b''.join(got))}")
        end = s.arrives(line, got[1])
        s.sound()
        if line.active:
            s.says(s.server, b"200 ok\r\n" * count)
        s.data(line, end)
        s.in_step()
        return shown(got[1])


def _same(tcp, start, line, line_end, end):
    for a, b in ((start, line), (line, line_end), (line_end, end)):
        if b > a:
            tcp.transmit(a, b)


def _one(tcp, start, _line, _line_end, end):
    tcp.transmit(start, end)


def _halves(tcp, start, line, line_end, end):
    middle = (line + line_end) // 2
    tcp.transmit(start, middle)
    tcp.transmit(middle, end)


def _bytes(tcp, start, _line, _line_end, end):
    for at in range(start, end):
        tcp.transmit(at, at + 1)


def _overlap(tcp, start, line, line_end, end):
    tcp.transmit(start, line + 7)
    tcp.transmit(line + 3, line_end - 2)
    tcp.transmit(line + 9, end)


_INTACT = "The receiver gets the rewritten line and its neighbours, whichever copy it takes."
_again("the last line as it was, after a loss", _INTACT, _same, count=2)
_again("the last line, a 227, as it was, after a loss", _INTACT, _same, rule=PUBLISH, verb="227", count=2)
_again("as it was, after a loss", _INTACT, _same)
_again("as it was, not lost", "The same bytes at the same place as the first time.", _same, lost=False)
_again("all in one segment, after a loss", _INTACT, _one)
_again("all in one segment, not lost", "The same bytes at the same place as the first time.", _one,
       lost=False)
_again("cut inside the line, after a loss", _INTACT, _halves)
_again("cut inside the line, not lost", "The same bytes at the same place as the first time.", _halves,
       lost=False)
_again("in one-byte segments, after a loss", _INTACT, _bytes)
_again("in one-byte segments, not lost", "The same bytes at the same place as the first time.", _bytes,
       lost=False)
_again("in overlapping segments, after a loss", _INTACT, _overlap)
_again("in one segment, the line shorter", _INTACT, _one, rule=SHRINK)
_again("cut inside a 227 of the same length", _INTACT, _halves, rule=EQUAL, verb="227")
_again("227 in one segment with its neighbours", _INTACT, _one, rule=PUBLISH, verb="227")
_again("EPRT cut inside, after a loss", _INTACT, _halves, rule=GROW6, verb="EPRT")


@case(AGAIN, "the first of two lines after the second", "An older line is the same bytes when it is "
      "sent again behind a younger one.", GROW)
def older_line(s):
    lines, ends, _, _ = _outstanding(s, 2)
    first, second = _offsets(s, lines)
    before = s.server.segments
    s.client.transmit(first - len(lines[0].text), first)
    s.demand(lambda: s.server.segments > before, "the line does not arrive again")
    s.client.transmit(second - len(lines[1].text), second)
    s.demand(lambda: s.server.segments > before + 1, "the line does not arrive again")
    s.sound()
    _finish(s, lines, ends)


def _ack_lost(name, rule, cut):
    @case(AGAIN, name, "What the server has long acknowledged does no harm when it comes again with new "
          "lines behind: these arrive rewritten, at their place.", rule)
    def run(s):
        one, two = s.line("PORT"), s.line("PORT")
        start = len(s.client.sent)
        s.client.deaf = True  # the ACK gets as far as the gateway
        s.client.send(one.text)
        s.arrives(one)
        s.world.settle()
        s.client.deaf = False
        s.client.queue(two.text)
        s.client.transmit(start + cut, len(s.client.sent))
        end = s.arrives(two)
        s.says(s.server, b"200 ok\r\n" * 2)
        s.data(two, end)
        s.in_step()


_ack_lost("the ACK of a longer line is lost, resent with the next line", GROW, 0)
_ack_lost("the ACK of a shorter line is lost, resent with the next line", SHRINK, 0)
_ack_lost("the ACK of a shorter line is lost, its end resent with the next line", SHRINK, 15)


@case(AGAIN, "the last segment of a cut line is lost", "Held bytes survive it: what the client resends "
      "brings the whole line.", GROW)
def completing_lost(s):
    line = s.line("PORT")
    s.client.send(line.text[:11])
    s.world.settle()
    s.server.lose = 1
    s.client.send(line.text[11:])
    s.world.settle()
    s.server.lose = 0
    for _ in range(3):
        s.client.resend()
        s.world.settle()
    end = s.arrives(line)
    s.says(s.server, b"200 ok\r\n")
    s.data(line, end)
    s.in_step()


@case(AGAIN, "the first segment of a cut line is lost", "The piece behind it does no harm; what the "
      "client resends brings the whole line.", GROW)
def first_lost(s):
    line = s.line("PORT")
    s.client.queue(line.text[:11])
    s.client.send(line.text[11:])
    s.world.settle()
    for _ in range(3):
        s.client.resend()
        s.world.settle()
    end = s.arrives(line)
    s.says(s.server, b"200 ok\r\n")
    s.data(line, end)
    s.in_step()


@case(AGAIN, "segments overtake each other", "Lines that arrive in another order are the same stream, "
      "once the client has resent what is missing.", GROW)
def reordered(s):
    line = s.line("PORT")
    start = len(s.client.sent)
    s.client.queue(b"TYPE I\r\n" + line.text + b"STOR x\r\n")
    a, b, end = start + 8, start + 8 + len(line.text), len(s.client.sent)
    for piece in ((b, end), (a, b), (start, a)):
        s.client.transmit(*piece)
    s.world.settle()
    for _ in range(3):
        if s.client.acked < end:
            s.client.resend()
            s.world.settle()
    got = s.reads_lines(s.server, 3)
    if (got[0], got[2]) != (b"TYPE I\r\n", b"STOR x\r\n"):
        raise Failed(f"server reads {shown(b''.join(got))}")
    where = s.arrives(line, got[1])
    s.says(s.server, b"200 ok\r\n" * 3)
    s.data(line, where)
    s.in_step()


@case(AGAIN, "resent from an ACK inside the rewritten line", "The client is never told that the half of "
      "a line that it has to send again was delivered.", GROW)
def ack_inside(s):
    line = s.line("PORT")
    s.server.mute = True
    s.client.send(line.text)
    s.demand(lambda: b"\n" in s.server.unread, "the line does not arrive")
    first = bytes(s.server.unread)
    # the server took in only the first twelve bytes
    taken = s.server.taken
    del s.server.got[taken + 12:]
    s.server.mute = False
    s.server.acknowledge()
    s.world.settle()
    for _ in range(2):
        s.client.resend()
        s.world.settle()
    if s.server.unread != first:
        raise Failed(f"server reads {shown(s.server.unread)}, the first time {shown(first)}")
    end = s.arrives(line)
    s.says(s.server, b"200 ok\r\n")
    s.data(line, end)
    s.in_step()
