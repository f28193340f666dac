# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Connections that begin oddly: forged SYNs during the handshake, data in the SYN, reused tuples."""

import struct

from attacks import ACCEPTANCE, attack
from forge import FAST_OPEN, Packet, option, timestamps
from ground import LIMITED, TRACK
from hidden_lines import CLIENT, forbidden
from rawtcp import ACK, FIN, MSS, PSH, RST, SYN
from scene import shown
from sources import EVERY, GROW, GROW6, PUBLISH, PUBLISH6
from world import CONTROL, Failed

BLIND = "anywhere, blind: knows addresses and ports"


def _begin(s, **options):
    """The client's SYN has come to the server."""
    s.client, syn = s.world.dial((s.rule.client, s.world.port()), (s.rule.dial, CONTROL), **options)
    s._opened.append(s.client)
    if not syn:
        raise Failed("the control connection does not get through")
    s.server = s.world.tcp_class(s.far, syn.destination, syn.source, 123_456_789)
    s._opened.append(s.server)
    return syn


def _finish(s, syn):
    s.server.accept(syn)
    s.demand(lambda: s.client.is_open and s.server.is_open, "the connection's handshake does not get through")
    _login(s)


def _login(s):
    s.says(s.server, b"220 ready\r\n")
    s.asks(b"USER ftp\r\n", b"331 password?\r\n")
    s.asks(b"PASS x@\r\n", b"230 welcome\r\n")


def _as_client(s, flags, **fields):
    return Packet(s.client.local, s.client.remote, flags=flags, **fields)


def _as_server(s, flags, **fields):
    return Packet(s.server.local, s.server.remote, flags=flags, **fields)


FORGED = {
    "SYN with another ISN, in the client's name": lambda s: (s.near, _as_client(s, SYN, seq=s.client.iss + 2**30)),
    "SYN with an ISN one higher": lambda s: (s.near, _as_client(s, SYN, seq=s.client.iss + 1)),
    "RST with a blind sequence number, in the client's name": lambda s: (s.near, _as_client(s, RST, seq=s.client.iss + 2**30)),
    "RST and ACK of another SYN, in the server's name": lambda s: (s.far, _as_server(s, RST | ACK, ack=s.client.iss + 77)),
    "RST without ACK, in the server's name": lambda s: (s.far, _as_server(s, RST, seq=99)),
    "SYN and ACK of another SYN, in the server's name": lambda s: (
        s.far, _as_server(s, SYN | ACK, seq=2**30, ack=s.client.iss + 77, options=b"\2\4\5\xa0")),
    "ACK of what was never sent, in the server's name": lambda s: (s.far, _as_server(s, ACK, seq=5, ack=s.client.iss + 2**30)),
    "FIN in the client's name": lambda s: (s.near, _as_client(s, FIN | ACK, seq=s.client.iss + 2**30, ack=8)),
    "data in the client's name": lambda s: (s.near, _as_client(s, PSH | ACK, seq=s.client.iss + 2**30, ack=8, payload=b"QUIT\r\n")),
}


@attack(ACCEPTANCE, "during the handshake, before the answer:", BLIND,
        "It changes neither the ISN nor the connection.", EVERY, FORGED, connect=False)
def before_answer(s, forged):
    syn = _begin(s)
    s.inject(*forged(s))
    _finish(s, syn)


@attack(ACCEPTANCE, "during the handshake, before the last ACK:", BLIND,
        "It changes neither the ISN nor the connection.", EVERY, FORGED, connect=False)
def before_ack(s, forged):
    syn = _begin(s)
    s.client.deaf = True
    s.server.accept(syn)
    s.world.settle()
    s.inject(*forged(s))
    s.client.deaf = False
    s.server.accept(syn)  # sent again, as hosts do
    s.demand(lambda: s.client.is_open and s.server.is_open, "the connection's handshake does not get through")
    _login(s)


# ---- TCP Fast Open (RFC 7413) ----

COOKIE = bytes(range(8))


@attack(ACCEPTANCE, "TCP Fast Open", "nobody: a client that asks for it", "The session works.", EVERY,
        {f"{what}, {then}": (cookie, data, takes) for what, cookie, data in
         (("a cookie asked for", b"", b""), ("data with a cookie", COOKIE, b"USER ftp\r\n"),
          ("data without", None, b"USER ftp\r\n"))
         for then, takes in (("which the server takes", True), ("which the server leaves", False))}, connect=False)
def fast_open(s, cookie, data, takes):
    local, remote = (s.rule.client, s.world.port()), (s.rule.dial, CONTROL)
    s.client = s.world.tcp_class(s.near, local, remote, 5_000_000)
    s._opened.append(s.client)
    extra = b"" if cookie is None else option(FAST_OPEN, cookie)
    syn = Packet(local, remote, seq=s.client.iss, flags=SYN, payload=data,
                 options=b"\2\4" + struct.pack("!H", MSS) + b"\4\2" + timestamps(s.client.tick(), 0) + extra)
    s.client.queue(data)
    s.inject(s.near, syn)
    arrived = s.arrivals(s.client.iss)
    if not arrived:  # data may be dropped with its SYN; the client sends a plain one then
        s.client.syn()
        s.world.settle()
        arrived = s.arrivals(s.client.iss)
    if not arrived:
        raise Failed("no SYN gets through")
    s.server = s.world.tcp_class(s.far, arrived[-1].destination, arrived[-1].source, 6_000_000)
    s._opened.append(s.server)
    if takes and FAST_OPEN in arrived[-1].options and arrived[-1].payload:
        s.server.got += arrived[-1].payload
    s.server.accept(arrived[-1])
    s.demand(lambda: s.client.is_open, "the server's answer does not get through")
    s.client.resend()
    s.world.settle()
    if data:
        s.reads(s.server, data)
        s.server.send(b"220 ready\r\n331 password?\r\n")
        s.world.settle()
        s.client.take()
        s.asks(b"PASS x@\r\n", b"230 welcome\r\n")
    else:
        _login(s)


@attack(ACCEPTANCE, "hidden line in the SYN", CLIENT, "Policy reads data in a SYN, or nobody does.", (LIMITED,),
        {"PORT": ("PORT",), "AUTH": ("AUTH",)}, lasts=False, connect=False, ours=True)
def line_in_syn(s, verb):
    local, remote = (s.rule.client, s.world.port()), (s.rule.dial, CONTROL)
    line = forbidden(s)[verb]
    s.inject(s.near, Packet(local, remote, seq=7, flags=SYN, payload=line,
                            options=option(FAST_OPEN, COOKIE) + timestamps(1, 0)))
    for syn in s.arrivals(7):
        if line in syn.payload:
            raise Failed(f"the server reads {shown(syn.payload)}")


# ---- tuples that come again ----

@attack(ACCEPTANCE, "the tuple of an ended connection", CLIENT, "Nothing of the one before remains.", (PUBLISH, GROW, TRACK),
        {"its announced data connection": (), }, connect=False)
def reused(s):
    s.connect()
    line, end = s.pending()
    s.hangs_up()
    old, port = s.client, s.client.local[1]
    for tcp in (s.client, s.server):
        tcp.wire.endpoints.pop((tcp.local, tcp.remote), None)
    s.connect(client_iss=(old.iss + 1_000_000) % 2**32, server_iss=2_100_000_000, port=port)
    s.shut(line, end, "of the session before")


@attack(ACCEPTANCE, "a late segment of the connection before, the tuple being used again", "nobody: a slow path",
        "It is discarded by the new connection's numbers.", (PUBLISH, GROW, GROW6),
        {"a RST": (RST,), "a FIN": (FIN | ACK,), "data": (PSH | ACK,)}, connect=False)
def late_segment(s, flags):
    s.connect()
    late = s.next(s.client, b"QUIT\r\n" if flags & PSH else b"", flags=flags)
    s.hangs_up()
    old, port = s.client, s.client.local[1]
    for tcp in (s.client, s.server):
        tcp.wire.endpoints.pop((tcp.local, tcp.remote), None)
    s.connect(client_iss=(old.iss + 1_000_000) % 2**32, server_iss=2_100_000_000, port=port)
    line, end = s.pending()
    s.inject(s.near, late)
    s.expects(1, "a late segment")
    s.stands("a late segment")
    s.data(line, end)


# ---- odd openings ----

@attack(ACCEPTANCE, "split handshake", "malicious server", "A SYN in place of its answer opens nothing that FTP needs.",
        (PUBLISH, GROW), lasts=False, connect=False)
def split_handshake(s):
    syn = _begin(s)
    seen = len(s.near.arrivals)
    s.inject(s.far, Packet(s.server.local, s.server.remote, seq=123_456_789, flags=SYN, options=b"\2\4\5\xa0"))
    if len(s.near.arrivals) > seen and s.near.arrivals[-1].destination != s.client.local:
        raise Failed("the server's SYN comes to another port of the client")
    return f"the client {'gets' if s.near.arrivals[seen:] else 'never gets'} it; {syn.seq} stays the client's ISN"


@attack(ACCEPTANCE, "answer to a SYN by the wrong link", "another link, knows the SYN",
        "The server's answer comes from where the server is.", (PUBLISH, PUBLISH6, GROW, GROW6),
        {"the client's link": ("near",), "a third link": ("aside",)}, connect=False)
def answer_elsewhere(s, link):
    syn = _begin(s)
    forged = Packet(s.server.local, s.server.remote, seq=99, ack=syn.seq + 1, flags=SYN | ACK, options=b"\2\4\5\xa0")
    s.inject(getattr(s.world, link), forged)
    if s.client.is_open:
        raise Failed("the client takes a stranger for its server")
    _finish(s, syn)
