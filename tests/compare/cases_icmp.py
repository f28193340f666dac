# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ICMP errors about control and data connections (RFC 5508, RFC 5382 section 5)."""

from rawtcp import ip_header
from registry import case
from world import GROW, GROW6, NEAR_ROUTERS, PUBLISH, PUBLISH6, ROUTERS, Failed, family

GROUP = "ICMP errors"
TOO_BIG = {"v4": (3, 4), "v6": (2, 0)}
PORT_CLOSED = {"v4": (3, 3), "v6": (1, 4)}
MTU = 1300


def _error(s, sender, reader, kind=None):
    """The error about the last segment that `reader` got from `sender`, as `sender` gets it."""
    near = sender is not None and sender.wire is s.world.near
    router = (ROUTERS if near else NEAR_ROUTERS)[family(s.rule.client)]
    kind = kind or TOO_BIG[family(s.rule.client)]
    sent = sender.last
    error = s.world.icmp(router, reader.last_in, kind, MTU if kind in TOO_BIG.values() else 0)
    if not error:
        raise Failed("the error does not arrive")
    if error.kind != kind or error.mtu != (MTU if kind in TOO_BIG.values() else 0):
        raise Failed(f"the error arrives as {error.kind}, MTU {error.mtu}")
    if not error.sound:
        raise Failed("the error's checksum is wrong")
    if error.destination != ip_header(sent.packet)[0]:
        raise Failed(f"the error goes to {error.destination}")
    quote = error.quote
    if (quote.source, quote.destination) != (sent.source, sent.destination):
        raise Failed(f"it quotes {quote.source} to {quote.destination}, which the sender does not know")
    if quote.seq != sent.seq:
        raise Failed(f"it quotes a sequence number {quote.seq - sent.seq:+} off: the sender's TCP ignores it")
    return "quotes the sender's addresses, ports and sequence number"


_MUST = ("It reaches the sender and quotes the segment as it was sent, sequence number included (RFC 5508 "
         "section 4), else path MTU discovery fails.")


def _control(name, rule, edits, from_client=True):
    @case(GROUP, name, _MUST, rule)
    def run(s):
        for verb in edits:
            s.opens(s.line(verb))
        if from_client:
            s.says(s.client, b"SITE " + b"x" * 1000 + b"\r\n")
            seen = _error(s, s.client, s.server)
            s.says(s.server, b"200 ok\r\n")
        else:
            s.says(s.client, b"STAT\r\n")
            s.says(s.server, b"211 " + b"x" * 1000 + b"\r\n")
            seen = _error(s, s.server, s.client)
        s.in_step()
        return seen


_control("fragmentation needed, control connection", GROW, ())
_control("fragmentation needed, control connection after two longer lines", GROW, ("PORT", "PORT"))
_control("packet too big, control connection after a longer EPRT", GROW6, ("EPRT",))
_control("fragmentation needed, server's side of a published control connection", PUBLISH, (), False)
_control("fragmentation needed, the same after two 227", PUBLISH, ("227", "227"), False)
_control("packet too big, server's side, IPv6", PUBLISH6, ("229",), False)


def _data(name, rule, verb, from_opener):
    @case(GROUP, name, "It reaches the sender of the data and quotes the segment as it was sent (RFC 5508 "
          "section 4).", rule)
    def run(s):
        line = s.line(verb)
        one, other = s.data(line, s.announce(line))
        if not from_opener:
            one, other = other, one
        one.send(b"x" * 1400)
        s.demand(lambda: len(other.unread) >= 1400, "data does not get through")
        seen = _error(s, one, other)
        s.in_step()
        return seen


_data("fragmentation needed, upload by 227", PUBLISH, "227", True)
_data("fragmentation needed, download by 227", PUBLISH, "227", False)
_data("fragmentation needed, download by PORT", GROW, "PORT", True)
_data("fragmentation needed, upload by PORT", GROW, "PORT", False)
_data("packet too big, download by EPRT", GROW6, "EPRT", True)
_data("packet too big, download by 229", PUBLISH6, "229", False)


@case(GROUP, "port unreachable ends nothing", "An error never ends a connection's mapping (RFC 5382 REQ-10): "
      "it arrives, and the connection continues.", GROW)
def ends_nothing(s):
    s.opens(s.line("PORT"))
    s.says(s.client, b"NOOP\r\n")
    seen = _error(s, s.client, s.server, PORT_CLOSED["v4"])
    s.says(s.server, b"200 ok\r\n")
    s.in_step()
    return seen
