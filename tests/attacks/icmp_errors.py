# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ICMP errors that nobody on the path sent (RFC 5927)."""

import struct
from dataclasses import replace

from attacks import ACCEPTANCE, SOURCE, attack
from ground import NAT46, NAT64
from rawtcp import difference, fold, ip_header, ip_packet, pseudo, total
from sources import GROW, GROW6, PUBLISH, PUBLISH6
from world import Failed

BLIND = "anywhere, blind: knows addresses and ports"
KINDS = {
    "v4": {"fragmentation needed, MTU 576": (3, 4, 576), "fragmentation needed, MTU 68": (3, 4, 68),
           "fragmentation needed, MTU 0": (3, 4, 0), "port unreachable": (3, 3, 0), "protocol unreachable": (3, 2, 0),
           "host unreachable": (3, 1, 0), "administratively prohibited": (3, 13, 0), "time exceeded": (11, 0, 0),
           "source quench": (4, 0, 0), "redirect": (5, 1, 0x0A010109), "parameter problem": (12, 0, 0)},
    "v6": {"too big, MTU 1280": (2, 0, 1280), "too big, MTU 68": (2, 0, 68), "port unreachable": (1, 4, 0),
           "prohibited": (1, 1, 0), "hop limit exceeded": (3, 0, 0), "next header unknown": (4, 1, 0)},
}


class Icmp:
    tags, mac = (), None

    def __init__(self, source, destination, kind, quoted, error=0):
        six = ":" in destination
        icmp = struct.pack("!BBHI", kind[0], kind[1], 0, kind[2]) + quoted
        check = (fold(total(icmp) + (pseudo(source, destination, 58, len(icmp)) if six else 0)) + error) & 0xFFFF
        self.packet = ip_packet(source, destination, 58 if six else 1, icmp[:2] + struct.pack("!H", check) + icmp[4:])

    def build(self):
        return self.packet


def _quote(tcp, offset):
    """What the receiver's side got of `tcp`, its sequence number off by so much."""
    segment = replace(tcp.last_in, seq=tcp.last_in.seq + offset)
    return segment.build()[:ip_header(segment.build())[3] + 20]


def _forge(s, reader, wire, source, kind, offset, error=0):
    """An error about what `reader` got last, by `source`, on `wire`; what the sender gets of it."""
    s.world.forget()
    quoted = _quote(reader, offset)
    s.inject(wire, Icmp(source, ip_header(quoted)[0], kind, quoted, error))
    sender = s.peer(reader)
    return [e for e in sender.wire.errors if (e.quote.source, e.quote.destination) == (sender.local, sender.remote)], sender


def _router(s, link):
    """One on the link, of the family in which the server is dialled."""
    four, six = {"far": ("10.2.1.254", "fd00:2:1::254"), "near": ("10.1.1.254", "fd00:1:1::254"),
                 "aside": ("10.1.2.7", "fd00:1:2::7")}[link]
    return six if ":" in s.rule.server else four


def _acceptable(errors, sender):
    """Would the sender's TCP believe one: is the quoted sequence number in flight? RFC 5927 section 4.1"""
    for error in errors:
        at = difference(error.quote.seq, sender.iss + 1)
        if sender.acked <= at < len(sender.sent):
            return error
    return None


# by the family of the server, whose packets are quoted
for _version, _rules, _ours in (("v4", (PUBLISH, GROW), False), ("v6", (PUBLISH6, GROW6), False),
                                ("v4", (NAT64,), True), ("v6", (NAT46,), True)):
    @attack(ACCEPTANCE, "ICMP error about what is not in flight:", BLIND,
            "It is not made one that a TCP believes (RFC 5927 section 4.1).", _rules,
            {f"{name}, {where}": (kind, offset) for name, kind in KINDS[_version].items()
             for where, offset in (("far ahead", 2**30), ("far behind", -2**30), ("acknowledged long ago", -40))}, ours=_ours)
    def not_in_flight(s, kind, offset):
        # an edit behind which numbers differ, and a segment that nobody has acknowledged
        s.opens(s.line(s.main_verb()))
        s.server.mute = True
        s.client.send(b"SITE " + b"x" * 100 + b"\r\n")
        s.world.settle()
        errors, sender = _forge(s, s.server, s.far, _router(s, "far"), kind, offset)
        s.server.mute = False
        s.server.acknowledge()
        s.world.settle()
        s.server.take()
        s.says(s.server, b"200 ok\r\n")
        if _acceptable(errors, sender):
            raise Failed(f"the client gets {errors[0].kind} that quotes what is in flight")

    @attack(SOURCE, "ICMP error by a link where the quoted packet never was:", "another link, sees the session",
            "An error comes from the link that the packet left by.", _rules,
            {f"{name}, {link}": (kind, link) for name, kind in KINDS[_version].items() for link in ("near", "aside")}, ours=_ours)
    def wrong_link(s, kind, link):
        s.client.send(b"NOOP\r\n")
        s.world.settle()
        s.server.take()
        errors, _ = _forge(s, s.server, getattr(s.world, link), _router(s, link), kind, 0)
        s.server.send(b"200 ok\r\n")
        s.world.settle()
        s.client.take()
        if errors:
            raise Failed(f"the client gets {errors[0].kind} by a link that its packet did not leave by")

    @attack(ACCEPTANCE, "ICMP error with a bad checksum:", BLIND, "It is not an error.", _rules,
            {name: (kind,) for name, kind in list(KINDS[_version].items())[:2]}, ours=_ours)
    def bad_checksum(s, kind):
        s.client.send(b"NOOP\r\n")
        s.world.settle()
        s.server.take()
        errors, _ = _forge(s, s.server, s.far, _router(s, "far"), kind, 0, error=1)
        s.server.send(b"200 ok\r\n")
        s.world.settle()
        s.client.take()
        if [e for e in errors if e.sound]:
            raise Failed("the client gets it, its checksum corrected")
