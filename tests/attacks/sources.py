# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A packet counts only if it comes from where its sender is (RFC 2827, RFC 3704, RFC 1812)."""

import re

from attacks import SOURCE, attack
from forge import BROADCAST_MAC, ROUTING
from ground import ASIDE, TRACK, TRACK6
from rawtcp import ACK, FIN, PSH, RST, packed
from world import CONTROL, FTP_DATA, FULL, GROW, GROW6, PUBLISH, PUBLISH6, Failed

PUBLISHED, MASQUERADED = (PUBLISH, PUBLISH6, FULL), (GROW, GROW6)
TRACKED = (TRACK, TRACK6)
EVERY = (*PUBLISHED, *MASQUERADED, *TRACKED)

# ---- SYNs whose source can't be there ----

# On the client's link; {own}: the address dialled, {server}: the server's
BAD_SOURCES = {
    "v4": {"an inside host": "10.2.1.77", "the server itself": "{server}", "a host on another link": ASIDE["v4"],
           "LAND, the address dialled": "{own}", "the gateway, this link": "10.1.1.1",
           "the gateway, inside": "10.2.1.1", "loopback": "127.0.0.1", "loopback net": "127.1.2.3",
           "unspecified": "0.0.0.0", "this network": "0.1.2.3", "multicast": "224.0.0.1",
           "multicast, scoped": "239.1.2.3", "limited broadcast": "255.255.255.255",
           "broadcast of the link": "10.1.1.255",
           "broadcast of the inside link": "10.2.1.255", "reserved": "240.0.0.1",
           "no route": "198.18.0.9"},
    "v6": {"an inside host": "fd00:2:1::77", "the server itself": "{server}",
           "a host on another link": ASIDE["v6"], "LAND, the address dialled": "{own}",
           "the gateway, this link": "fd00:1:1::1", "the gateway, inside": "fd00:2:1::1",
           "loopback": "::1", "unspecified": "::", "multicast": "ff02::1", "multicast, global": "ff0e::1",
           "IPv4-mapped": "::ffff:10.1.1.31", "IPv4-mapped loopback": "::ffff:127.0.0.1",
           "IPv4-compatible loopback": "::127.0.0.1", "no route": "2001:db8:5::9"},
}


def _address(s, text):
    return text.format(own=s.rule.dial, server=s.rule.server)


def _dial(s, source, wire=None, **fields):
    source = (_address(s, source), CONTROL if source == "{own}" else s.world.port())
    s.no_syn(wire or s.near, source, (s.rule.dial, CONTROL), **fields)


for _rules, _version in (((PUBLISH, FULL), "v4"), ((PUBLISH6,), "v6")):
    @attack(SOURCE, "SYN to a published server, source", "client's link, blind",
            "A source that the kernel would refuse opens no connection.", _rules, BAD_SOURCES[_version])
    def bad_source(s, source):
        _dial(s, source)


@attack(SOURCE, "SYN in a client's name, from", "another link, blind",
        "A client is where the route to it leads.", EVERY, {"the server's link": ("far",), "a third link": ("aside",)})
def client_elsewhere(s, link):
    _dial(s, s.rule.client, getattr(s.world, link))


ROUTE_OPTIONS = {"loose source route": 131, "strict source route": 137}


@attack(SOURCE, "SYN with", "client's link",
        "A source-routed packet is not a client's (RFC 6274 section 3.13.2.3).",
        (PUBLISH, FULL, GROW), {
            f"{name}{how}": (kind, before, pointer) for name, kind in ROUTE_OPTIONS.items()
            for how, before, pointer in (("", b"", 4), (" behind NOPs", b"\1\1\1", 4),
                                         (" behind a record route", bytes([7, 7, 8]) + bytes(4), 4),
                                         (", used up", b"", 8))})
def source_routed(s, kind, before, pointer):
    options = before + bytes([kind, 7, pointer]) + packed("10.2.1.150")
    _dial(s, s.rule.client, ip_options=options)


@attack(SOURCE, "SYN with a routing header", "client's link",
        "A type 0 routing header is obsolete and dangerous (RFC 5095).", (PUBLISH6, GROW6),
        {"type 0, one segment left": (0, 1), "type 0, none left": (0, 0), "type 2": (2, 1)})
def routing_header(s, kind, left):
    body = bytes([2, kind, left, 0, 0, 0, 0]) + packed("fd00:2:1::150")
    _dial(s, s.rule.client, headers=((ROUTING, body),))


@attack(SOURCE, "SYN in a frame to everybody", "client's link",
        "What was broadcast on the link is not for forwarding (RFC 1812 section 5.3.4).", EVERY,
        {"broadcast": (BROADCAST_MAC,), "multicast": ("01:00:5e:00:00:01",)})
def broadcast_frame(s, mac):
    _dial(s, s.rule.client, mac=mac)


# ---- lines in another's name ----

PORT_WANTED = 3306


def _line227(s, port=PORT_WANTED):
    if s.six:
        return f"229 Entering Extended Passive Mode (|||{port}|)\r\n".encode()
    return f"227 Entering Passive Mode ({s.rule.server.replace('.', ',')},{port >> 8},{port & 255})\r\n".encode()


def named(s, text):
    """(address, port) of whatever address line is in what was read."""
    found = re.search(rb"\|\|\|(\d+)\|", text)
    if found:
        return s.rule.dial, int(found[1])
    found = re.search(rb"\|[12]\|([0-9a-f.:]+)\|(\d+)\|", text)
    if found:
        return found[1].decode(), int(found[2])
    found = re.search(rb"(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)", text)
    if not found:
        return None
    numbers = [int(number) for number in found.groups()]
    return ".".join(map(str, numbers[:4])), numbers[4] << 8 | numbers[5]


def _no_expectation(s, reader, source, port):
    """No connection from `source` comes to the port that the forged line named."""
    end = named(s, reader.unread) if reader else None
    ends = {(s.rule.dial if reader is s.client else s.rule.seen, port)} | ({end} if end else set())
    for destination in sorted(ends):
        if s.led_to(source, destination, port):
            raise Failed(f"{s.name(reader)}'s link reads {reader.unread!r}, and port {port} is reached")


SPOOFED_REPLY = {
    "after a PASV with a bad checksum": {"tcp_error": 1},
    "after a PASV that the server discards (no ACK flag)": {"flags": PSH},
    "after a PASV that the server reads": None,
}


@attack(SOURCE, "227 in the server's name,", "client's link, knows the session (its own)",
        "A reply counts only from where the server is.", (*PUBLISHED, *TRACKED),
        {f"{how}, by {link}": (fields, link) for how, fields in SPOOFED_REPLY.items()
         for link in ("near", "aside")}, lasts=False)
def spoofed_reply(s, fields, link):
    command = b"EPSV\r\n" if s.six else b"PASV\r\n"
    if fields is None:
        s.says(s.client, command)
    else:
        s.server.deaf = True  # as its TCP would be
        s.inject(s.near, s.next(s.client, command, **fields))
        s.server.deaf = False
    reply = s.next(s.server, _line227(s))
    s.inject(getattr(s.world, link), reply)
    _no_expectation(s, s.client, (s.rule.client, s.world.port()), PORT_WANTED)
    s.expects(0, "a reply from the wrong link")


@attack(SOURCE, "227 to what the client dialled,", "client's link, knows the session (its own)",
        "A reply counts only from where the server is.", PUBLISHED,
        {"from the published address": ()}, lasts=False)
def reply_from_published(s):
    s.says(s.client, b"EPSV\r\n" if s.six else b"PASV\r\n")
    reply = s.next(s.server, _line227(s), source=(s.rule.dial, CONTROL), destination=s.client.local)
    s.inject(s.near, reply)
    _no_expectation(s, s.client, (s.rule.client, s.world.port()), PORT_WANTED)


WANTED_INSIDE = 8080


def _active_line(s, port=WANTED_INSIDE, address=None):
    address = address or s.rule.client
    if s.six:
        return f"EPRT |2|{address}|{port}|\r\n".encode()
    return f"PORT {address.replace('.', ',')},{port >> 8},{port & 255}\r\n".encode()


@attack(SOURCE, "PORT in the client's name, by", "server's link or a third, knows the session",
        "A command counts only from where the client is.", EVERY,
        {"the server's link": ("far",), "a third link": ("aside",)}, lasts=False)
def spoofed_command(s, link):
    s.inject(getattr(s.world, link), s.next(s.client, _active_line(s)))
    _no_expectation(s, s.server, (s.rule.server, FTP_DATA), WANTED_INSIDE)
    s.expects(0, "a command from the wrong link")


# ---- the end of a session, by another link ----

ENDS = {"RST": RST, "RST and ACK": RST | ACK, "FIN": FIN | ACK}


def _ends(s, packets, what):
    line, end = s.pending()
    for link, packet in packets(s):
        s.inject(link, packet)
    for tcp in (s.client, s.server):
        if tcp.is_reset or tcp.fin is not None:
            raise Failed(f"{what} comes to the {s.name(tcp)}")
    s.expects(1, what)
    s.stands(what)
    s.data(line, end)


@attack(SOURCE, "end in the client's name, right sequence number:", "server's link or a third, sees the session",
        "Only the client's own link may end its side.", EVERY,
        {f"{name}, {link}": (flags, link) for name, flags in ENDS.items() for link in ("far", "aside")})
def end_by_client_name(s, flags, link):
    _ends(s, lambda s: [(getattr(s.world, link), s.next(s.client, flags=flags))], "a forged end")


@attack(SOURCE, "end in the server's name, right sequence number:", "client's link or a third, sees the session",
        "Only the server's own link may end its side.", EVERY,
        {f"{name}, {link}": (flags, link) for name, flags in ENDS.items() for link in ("near", "aside")})
def end_by_server_name(s, flags, link):
    _ends(s, lambda s: [(getattr(s.world, link), s.next(s.server, flags=flags))], "a forged end")


# ---- announced data connections ----

@attack(SOURCE, "announced data connection taken in the peer's name,", "another link, knows the port",
        "A data connection comes from where the announced peer is.", EVERY,
        {"by the other end's link": ("other",), "by a third link": ("aside",)})
def stolen_expectation(s, link):
    line, end = s.pending()
    source, destination, _, _ = s._way(line, end)
    own = s.near if s.world.wire_of(source[0]) is s.near else s.far
    wire = s.aside if link == "aside" else (s.far if own is s.near else s.near)
    arrived = s.syn(wire, source, destination)
    if arrived:
        raise Failed(f"a SYN by another link arrives at {arrived.destination[0]} port {arrived.destination[1]}")
    s.data(line, end)


@attack(SOURCE, "announced data connection taken by another host of the link", "peer's link, knows the port",
        "A data connection is the announced peer's.", EVERY)
def expectation_of_a_neighbour(s):
    line, end = s.pending()
    s.shut(line, end, "from another host", source=s.stranger(line))
    s.data(line, end)
