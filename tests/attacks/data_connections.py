# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The same on data connections, on TC's path and on XDP's."""

from acceptance import BLIND, FLAWS, OFFSETS
from attacks import ACCEPTANCE, SOURCE, attack
from rawtcp import ACK, FIN, PSH, RST, SYN
from sources import EVERY
from world import Failed

MODES = ("off", "generic", "native")
SOME = {name: OFFSETS[name] for name in ("in the window", "far ahead", "far behind")}
BOTH = {"opener": 0, "other": 1}


def _open(s):
    line, end = s.pending()
    return s.data(line, end)


def _carries(s, pair, what):
    for one, other in (pair, pair[::-1]):
        if one.is_reset or one.fin is not None:
            raise Failed(f"a data connection ends after {what}")
        one.send(b"more data")
        s.demand(lambda other=other: other.unread == b"more data", f"data does not get through after {what}")
        other.take()
    s.stands(what, pair)
    s.in_step()


for _mode in MODES:
    @attack(ACCEPTANCE, f"data connection (xdp: {_mode}), RST", BLIND, "A RST counts only with the next sequence number.",
            EVERY, {f"by the {who}'s name, {where}": (index, offset)
                                                            for who, index in BOTH.items() for where, offset in SOME.items()}, xdp=_mode)
    def reset(s, index, offset):
        pair = _open(s)
        tcp = pair[index]
        s.inject(tcp.wire, s.next(tcp, flags=RST, seq=tcp.iss + 1 + len(tcp.sent) + offset))
        _carries(s, pair, "a RST that no end accepts")

    @attack(ACCEPTANCE, f"data connection (xdp: {_mode}), two FINs", BLIND, "A FIN counts only where its receiver accepts it.",
            EVERY, {where: (offset,) for where, offset in SOME.items() if "window" not in where},
            xdp=_mode)
    def fins(s, offset):
        pair = _open(s)
        for tcp in pair:
            s.inject(tcp.wire, s.next(tcp, flags=FIN | ACK, seq=tcp.iss + 1 + len(tcp.sent) + offset))
        _carries(s, pair, "two FINs that no end accepts")

    @attack(ACCEPTANCE, f"data connection (xdp: {_mode}), FINs that the ends discard,", "sees the session",
            "A FIN counts only where its receiver accepts it.", EVERY, {name: (flaw,) for name, flaw in FLAWS.items()},
            xdp=_mode)
    def flawed_fins(s, flaw):
        pair = _open(s)
        for tcp in pair:
            s.inject(tcp.wire, s.next(tcp, **{"flags": FIN | ACK, **flaw(tcp)}))
        _carries(s, pair, "two FINs that the ends discard")

    @attack(ACCEPTANCE, f"data connection (xdp: {_mode}), RST and SYN", BLIND, "An established connection's ports are not given away.",
            EVERY, xdp=_mode)
    def reset_and_syn(s):
        pair = _open(s)
        tcp = pair[0]
        s.inject(tcp.wire, s.next(tcp, flags=RST, seq=tcp.iss + 2**30))
        s.inject(tcp.wire, s.next(tcp, flags=SYN, ack=0, seq=tcp.iss + 2**29, options=b"\2\4\5\xa0"))
        _carries(s, pair, "a RST and a SYN that no end accepts")

    @attack(SOURCE, f"data connection (xdp: {_mode}), segment in the opener's name by", "another link, sees the session",
            "Each direction comes in where its sender is.", EVERY,
            {f"{link}, {what}": (link, flags, payload) for link in ("the other end's link", "a third link")
             for what, flags, payload in (("data", PSH | ACK, b"forged"), ("RST", RST, b""), ("FIN", FIN | ACK, b""))}, xdp=_mode)
    def elsewhere(s, link, flags, payload):
        pair = _open(s)
        tcp, other = pair
        wire = s.aside if link == "a third link" else other.wire
        s.inject(wire, s.next(tcp, payload, flags=flags))
        if other.unread:
            raise Failed(f"the other end reads {other.unread}")
        _carries(s, pair, "a segment by another link")
