# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Openings of a session with odd options, flags and ports, and SACK blocks of what was never sent."""

import struct

from attacks import ACCEPTANCE, attack
from forge import Packet, option, timestamps
from ground import LIMITED
from guards import CWR, ECE
from handshakes import _begin, _login
from hidden_lines import CLIENT, SERVER, forbidden
from rawtcp import ACK, MSS, PSH, SYN, ip_header
from scene import shown
from sources import EVERY, GROW, GROW6, PUBLISH, PUBLISH6
from world import CONTROL, Failed

WIDEST = 10  # the largest shift of which ftpnat keeps a window
SHIFT, MAXIMUM, SACK, TIMESTAMPS = 3, 2, 5, 8


def options_of(packet):
    """[(kind, value)] of a TCP packet, as often as they come."""
    start = ip_header(packet)[3]
    data, found = packet[start + 20:start + (packet[start + 12] >> 4) * 4], []
    while data and data[0]:
        if data[0] == 1:
            data = data[1:]
            continue
        found.append((data[0], data[2:data[1]]))
        data = data[data[1]:]
    return found


def opened(s, options, flags=SYN, reserved=0):
    """A session whose SYN is like that. Returns the options of the SYN that came to the server."""
    local, remote = (s.rule.client, s.world.port()), (s.rule.dial, CONTROL)
    s.client = s.world.tcp_class(s.near, local, remote, 5_000_000)
    s._opened.append(s.client)
    s.client.timestamps = any(kind == TIMESTAMPS for kind, _ in options)
    s.inject(s.near, Packet(local, remote, seq=s.client.iss, flags=flags, reserved=reserved,
                            options=b"".join(option(*each) for each in options)))
    syn, = s.arrivals(s.client.iss)[:1] or [None]
    if not syn:
        raise Failed("the control connection does not get through")
    s.server = s.world.tcp_class(s.far, syn.destination, syn.source, 123_456_789)
    s._opened.append(s.server)
    s.server.accept(syn)
    s.server.mss = MSS  # hosts take no absurd one either
    s.demand(lambda: s.client.is_open and s.server.is_open, "the connection's handshake does not get through")
    _login(s)
    return options_of(syn.packet)


def shift(*values):
    return ([(MAXIMUM, struct.pack("!H", MSS))] + [(SHIFT, bytes([value])) for value in values],)


@attack(ACCEPTANCE, "window shift in the SYN:", CLIENT, "One shift remains, of which the gateway keeps a window.",
        (GROW, GROW6, PUBLISH, PUBLISH6), {"14": shift(14), "255": shift(255), "14, then 2": shift(14, 2), "2, then 14": shift(2, 14),
                                           "three of them": shift(14, 13, 12)}, connect=False, ours=True)
def window_shift(s, options):
    shifts = [value[0] for kind, value in opened(s, options) if kind == SHIFT]
    if len(shifts) != 1 or shifts[0] > WIDEST:
        raise Failed(f"the server reads the shifts {shifts}")


def largest(*values):
    return ([(MAXIMUM, struct.pack("!H", value)) for value in values],)


@attack(ACCEPTANCE, "MSS in the SYN:", CLIENT, "One MSS remains, no larger than asked for.", (GROW, GROW6, PUBLISH, PUBLISH6),
        {"0": largest(0), "88": largest(88), "65535": largest(65535), "88, then 65535": largest(88, 65535),
         "none": largest()}, connect=False, ours=True)
def segment_size(s, options):
    read = [int.from_bytes(value, "big") for kind, value in opened(s, options) if kind == MAXIMUM]
    wanted = [int.from_bytes(value, "big") for kind, value in options][-1:]
    if len(read) != len(wanted) or read > wanted:
        raise Failed(f"the server reads the MSS {read}")


@attack(ACCEPTANCE, "ECN in the SYN:", "nobody: a client with ECN", "The session works.", EVERY,
        {"RFC 3168": (ECE | CWR, 0), "accurate ECN": (ECE | CWR, 1), "ECE alone": (ECE, 0)}, connect=False)
def explicit_congestion(s, flags, reserved):
    opened(s, [(MAXIMUM, struct.pack("!H", MSS))], SYN | flags, reserved)


@attack(ACCEPTANCE, "a client that dials from port", "nobody: an odd client", "The session works.", (PUBLISH, PUBLISH6, GROW, GROW6),
        {"21": (21,), "20": (20,), "1": (1,), "65535": (65535,)}, connect=False)
def odd_port(s, port):
    s.connect_as(port)
    s.asks(b"USER ftp\r\n", b"331 password?\r\n")
    s.asks(b"PASS x@\r\n", b"230 welcome\r\n")


# ---- SACK (RFC 2018) ----

BLOCKS = {
    "far ahead": ((1_000_000, 1_000_400),), "behind": ((-4000, -3900),), "upside down": ((400, 100),),
    "half the space": ((1, 2**31),), "empty": ((5, 5),), "three": ((10, 20), (30, 40), (50, 60)),
}


@attack(ACCEPTANCE, "SACK blocks of what was never sent:", CLIENT, "The session works.", (GROW, GROW6, PUBLISH, PUBLISH6),
        {f"{name}, of the {end}": (blocks, end) for name, blocks in BLOCKS.items() for end in ("client", "server")})
def sack(s, blocks, end):
    tcp = getattr(s, end)
    s.works()  # there are edits
    base = tcp.irs + 1 + len(tcp.got)
    value = b"".join(struct.pack("!II", (base + left) % 2**32, (base + right) % 2**32) for left, right in blocks)
    s.inject(tcp.wire, s.next(tcp, flags=ACK, options=timestamps(tcp.tick(), tcp.echo) + b"\1\1" + option(SACK, value)))


@attack(ACCEPTANCE, "SACK of a line that is taken back,", CLIENT, "What comes again is what came before (RFC 2018 section 8).",
        (GROW, PUBLISH), {"part of it": (7,), "all": (0,)})
def reneged(s, part):
    """The receiver has said that it has bytes, and has thrown them away."""
    sender = s.client if s.main_verb() == "PORT" else s.server
    receiver = s.peer(sender)
    if sender is s.server:
        s.says(s.client, b"PASV\r\n")
    line = s.line(s.main_verb())
    receiver.deaf = True
    sender.send(line.text)
    s.world.settle()
    base = receiver.irs + 1 + len(receiver.got)
    value = struct.pack("!II", base + 1, base + (part or len(line.text)))
    s.inject(receiver.wire, s.next(receiver, flags=ACK, options=timestamps(receiver.tick(), receiver.echo) + b"\1\1" +
                                   option(SACK, value)))
    receiver.deaf = False
    sender.resend()
    got, = s.reads_lines(receiver, 1)
    s.arrives(line, got)
    if sender is s.client:
        s.says(s.server, b"200 ok\r\n")


# ---- both ends open ----

@attack(ACCEPTANCE, "hidden line, both ends open at once:", SERVER, "Policy reads what the server reads.", (LIMITED,),
        {"PORT": ("PORT",), "AUTH": ("AUTH",)}, lasts=False, connect=False, ours=True)
def simultaneous_open(s, verb):
    syn = _begin(s)
    line, isn = forbidden(s)[verb], 123_456_789
    client, server = (s.client.local, s.client.remote), (s.server.local, s.server.remote)
    mss = b"\2\4\5\xa0"
    s.inject(s.far, Packet(*server, seq=isn, flags=SYN, options=mss))
    s.inject(s.near, Packet(*client, seq=syn.seq, ack=isn + 1, flags=SYN | ACK, options=mss))
    s.inject(s.far, Packet(*server, seq=isn, ack=syn.seq + 1, flags=SYN | ACK, options=mss))
    s.inject(s.far, Packet(*server, seq=isn + 1, ack=syn.seq + 1, flags=ACK | PSH, payload=b"220 ready\r\n"))
    s.far.seen.clear()
    for ack in (isn + 1, isn + 12):
        s.inject(s.near, Packet(*client, seq=syn.seq + 1, ack=ack, flags=ACK | PSH, payload=line))
    read = [packet for packet in s.far.seen if line in packet]
    if read:
        raise Failed(f"the server reads {shown(line)}")
