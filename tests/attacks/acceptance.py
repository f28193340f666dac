# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A segment that its receiver discards changes nothing (RFC 9293 section 3.10.7.4, RFC 5961, RFC 7323).

The attacker is off the path: it knows addresses and ports, and writes in an end's name
where that end's packets come from. It knows no sequence number.
"""

import random

from attacks import ACCEPTANCE, SOURCE, attack
from forge import MD5, TCP_AO, option, timestamps
from rawtcp import ACK, FIN, PSH, RST, SYN, WINDOW, packed, parse_tcp
from ground import TRACK
from scene import shown
from sources import EVERY, FULL, GROW, GROW6, PUBLISH, PUBLISH6
from world import Failed

BLIND = "anywhere, blind: knows addresses and ports"
ENDS = {"client": "in the client's name", "server": "in the server's name"}
OFFSETS = {"one ahead": 1, "in the window": WINDOW // 2, "ahead of the window": WINDOW + 2, "far ahead": 2**30,
           "half the space away": 2**31, "one behind": -1, "far behind": -2**30}


def variants(flags, offsets=OFFSETS):
    return {f"{how}, {where}, {name}": (end, bits, offset)
            for name, bits in flags.items() for end, how in ENDS.items() for where, offset in offsets.items()}


def end_of(s, name):
    return s.client if name == "client" else s.server


def shifted(s, end, flags, offset, **fields):
    return s.next(end, flags=flags, seq=end.iss + 1 + len(end.sent) + offset, **fields)


def unharmed(s, line, end, what):
    """Nothing of the session has ended, and what was announced still works."""
    for tcp in (s.client, s.server):
        if tcp.is_reset:
            raise Failed(f"the {s.name(tcp)}'s connection is reset by {what}")
        if tcp.fin is not None:
            raise Failed(f"the {s.name(tcp)} reads the end of the connection after {what}")
    s.expects(1, what)
    s.stands(what)
    s.data(line, end)


@attack(ACCEPTANCE, "RST", BLIND, "A RST counts only with exactly the next sequence number (RFC 5961 section 3).",
        EVERY, variants({"RST": RST, "RST and ACK": RST | ACK}))
def blind_reset(s, name, flags, offset):
    line, end = s.pending()
    tcp = end_of(s, name)
    s.inject(tcp.wire, shifted(s, tcp, flags, offset))
    unharmed(s, line, end, "a RST that no end accepts")


@attack(ACCEPTANCE, "RST with odd flags", BLIND, "Odd flags make no RST better.", (PUBLISH, GROW),
        variants({"RST and FIN": RST | FIN, "RST and SYN": RST | SYN, "all": 0xFF, "RST, PSH, URG": RST | PSH | 0x20},
                 {"far ahead": 2**30, "far behind": -2**30}))
def odd_reset(s, name, flags, offset):
    blind_reset(s, name, flags, offset)


@attack(ACCEPTANCE, "RST, then SYN", BLIND, "An established connection's ports are not given away (RFC 5961 section 4).", EVERY,
        {f"{how}, {where}": (end, offset) for end, how in ENDS.items() for where, offset in
         (("far ahead", 2**30), ("in the window", 1000))})
def reset_then_syn(s, name, offset):
    line, end = s.pending()
    tcp = end_of(s, name)
    s.inject(tcp.wire, shifted(s, tcp, RST, offset))
    s.inject(s.near, s.next(s.client, flags=SYN, ack=0, seq=s.client.iss + 2**29, options=b"\2\4\5\xa0"))
    unharmed(s, line, end, "a RST and a SYN that no end accepts")


@attack(ACCEPTANCE, "SYN into an established connection", BLIND, "A SYN is answered by a challenge (RFC 5961 section 4).", EVERY,
        variants({"SYN": SYN, "SYN and ACK": SYN | ACK}, {"in the window": 1000, "far ahead": 2**30, "the ISN again": None}))
def blind_syn(s, name, flags, offset):
    line, end = s.pending()
    tcp = end_of(s, name)
    offset = -len(tcp.sent) - 1 if offset is None else offset
    ack = 0 if flags == SYN else tcp.irs + 1 + len(tcp.got)
    s.inject(tcp.wire, shifted(s, tcp, flags, offset, ack=ack, options=b"\2\4\2\0\3\3\7"))
    unharmed(s, line, end, "a SYN that no end accepts")


@attack(ACCEPTANCE, "two FINs", BLIND, "A FIN counts only where its receiver accepts it.", EVERY,
        {where: (offset,) for where, offset in OFFSETS.items() if where not in ("one ahead", "in the window", "one behind")})
def two_fins(s, offset):
    line, end = s.pending()
    for tcp in (s.client, s.server):
        s.inject(tcp.wire, shifted(s, tcp, FIN | ACK, offset))
    unharmed(s, line, end, "two FINs that no end accepts")


def _old(tcp):
    return timestamps(tcp.clock - 2**20, tcp.echo)


# What makes any segment one that its receiver discards.
FLAWS = {
    "a bad checksum": lambda tcp: {"tcp_error": 5},
    "no ACK flag": lambda tcp: {"flags": FIN},
    "an ACK of what was never sent": lambda tcp: {"ack": tcp.irs + 1 + len(tcp.got) + 2**30},
    "an old timestamp": lambda tcp: {"options": _old(tcp)},
    "the MD5 option": lambda tcp: {"options": option(MD5, bytes(16))},
    "the TCP-AO option": lambda tcp: {"options": option(TCP_AO, bytes(14))},
}


@attack(ACCEPTANCE, "two FINs with the next sequence number and", "sees the session",
        "A FIN counts only where its receiver accepts it.", EVERY, {name: (flaw,) for name, flaw in FLAWS.items()})
def discarded_fins(s, flaw):
    line, end = s.pending()
    for tcp in (s.client, s.server):
        s.inject(tcp.wire, s.next(tcp, **{"flags": FIN | ACK, **flaw(tcp)}))
    unharmed(s, line, end, "two FINs that the ends discard")


@attack(ACCEPTANCE, "closed window in an ACK with", "sees the session", "What its receiver discards closes no window.", EVERY,
        {f"{flaw}, {how}": (end, FLAWS[flaw]) for end, how in ENDS.items()
         for flaw in ("a bad checksum", "an ACK of what was never sent", "an old timestamp", "the MD5 option")})
def closed_by_nobody(s, name, flaw):
    tcp = end_of(s, name)
    s.inject(tcp.wire, s.next(tcp, **{"flags": ACK, "window": 0, **flaw(tcp)}))
    s.in_step()


# ---- segments that the gateway's kernel discards ----

ROUTED_SEGMENTS = {"RST": (RST, b""), "FIN": (FIN | ACK, b""), "QUIT": (PSH | ACK, b"QUIT\r\n"),
                   "a line": (PSH | ACK, b"PORT 10,1,1,150,31,144\r\n")}


@attack(SOURCE, "segment with a source route:", "the link of the end in whose name it writes, sees the session",
        "What the gateway's kernel discards (accept_source_route) is not a segment of the session.", (PUBLISH, FULL, GROW, TRACK),
        {f"{route}, {what}, {how}": (end, kind, *segment) for route, kind in (("loose", 131), ("strict", 137))
         for what, segment in ROUTED_SEGMENTS.items() for end, how in ENDS.items()})
def source_routed_segment(s, name, kind, flags, payload):
    line, end = s.pending()
    tcp = end_of(s, name)
    s.inject(tcp.wire, s.next(tcp, payload, flags=flags, ip_options=bytes([kind, 7, 4]) + packed("10.2.1.150")))
    unharmed(s, line, end, "a segment that the gateway's kernel discards")


# ---- segments with several fields wrong at once ----

SEQS = {"next": 0, "one ahead": 1, "1000 ahead": 1000, "window ahead": WINDOW + 2, "far ahead": 2**30, "far behind": -2**30}
ACKS = {"right": 0, "1 ahead": 1, "far ahead": 2**30, "far behind": -2**30, "none": None}
CLOCKS = {"right": 1, "future": 2**30, "past": -2**30, "none": None}
WINDOWS = {"same": WINDOW, "closed": 0, "other": 1234}
PAYLOADS = {"nothing": b"", "half a line": b"POR", "a line's end": b"\r\n", "a QUIT": b"QUIT\r\n", "a REIN": b"REIN\r\n",
            "an AUTH": b"AUTH TLS\r\n", "a refusal": b"500 no\r\n", "421": b"421 bye\r\n", "a hello": b"\x16\3\1\0\7\1\0\0\3\3\3\0"}
FIELDS = {"seq": SEQS, "ack": ACKS, "clock": CLOCKS, "window": WINDOWS, "payload": PAYLOADS}


def _combinations(count):
    """`count` choices of one value for each field, the same ones every time."""
    choose = random.Random(5961)
    chosen = {}
    while len(chosen) < count:
        names = {field: choose.choice(sorted(values)) for field, values in FIELDS.items()}
        chosen[", ".join(f"{field} {name}" for field, name in names.items())] = names
    return chosen


def _packet(s, tcp, names):
    ack, clock = ACKS[names["ack"]], CLOCKS[names["clock"]]
    fields = {"seq": tcp.iss + 1 + len(tcp.sent) + SEQS[names["seq"]], "window": WINDOWS[names["window"]],
              "flags": PSH | (0 if ack is None else ACK), "payload": PAYLOADS[names["payload"]],
              "options": b"" if clock is None else timestamps(tcp.clock + clock, tcp.echo)}
    fields["ack"] = 0 if ack is None else tcp.irs + 1 + len(tcp.got) + ack
    return s.next(tcp, **fields)


def _injected(s, name, names, receiver):
    """Whether the receiver would discard it; if so it was sent, and nothing else was accepted."""
    tcp = end_of(s, name)
    packet = _packet(s, tcp, names)
    arriving = packet.but(source=receiver.remote, destination=receiver.local,
                          seq=receiver.irs + 1 + len(receiver.got) + SEQS[names["seq"]],
                          ack=0 if ACKS[names["ack"]] is None else receiver.iss + 1 + len(receiver.sent)
                          + ACKS[names["ack"]])
    if not receiver.refuses(parse_tcp(arriving.build())[0]):
        return False
    before = receiver.accepted
    s.inject(tcp.wire, packet)
    if receiver.accepted != before:
        raise Failed(f"the {s.name(receiver)} accepts something: {shown(receiver.last_in.payload)}")
    return True


COMBINATIONS = {f"{how}: {text}": (end, names) for end, how in ENDS.items() for text, names in _combinations(40).items()}


@attack(ACCEPTANCE, "segment that its receiver discards,", BLIND,
        "It changes nothing, and nothing acceptable is made of it.", (PUBLISH, PUBLISH6, GROW, GROW6), COMBINATIONS)
def discarded(s, name, names):
    line, end = s.pending()
    receiver = s.peer(end_of(s, name))
    if not _injected(s, name, names, receiver):
        return "the receiver accepts it: no attack"
    unharmed(s, line, end, "a segment that its receiver discards")
    return None


@attack(ACCEPTANCE, "segment that its receiver discards, while half a line is held,", BLIND,
        "It changes nothing, and nothing acceptable is made of it.", (PUBLISH, GROW6), COMBINATIONS, ours=True)
def discarded_while_held(s, name, names):
    line = s.line(s.main_verb())
    sender = s.sender(line)
    if line.command:
        s.says(s.client, line.command)
    first, second = line.cut(len(line.before) + 3)
    sender.send(first)
    s.world.settle()
    receiver = s.peer(end_of(s, name))
    # what is held has been sent, but not yet to the other end: numbers next to it are of both
    sent = names["ack"] != "1 ahead" and _injected(s, name, names, receiver)
    sender.send(second)
    got = s.reads_lines(s.peer(sender), 1)[0]
    end = s.arrives(line, got)
    if line.active:
        s.says(s.server, b"200 ok\r\n")
    s.data(line, end)
    return None if sent else "the receiver accepts it: no attack"
