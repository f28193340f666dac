# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A line hidden from policy: behind bytes that only the gateway reads.

The attacker is an end of the session. It sends a decoy that its receiver discards,
then other bytes with the same sequence numbers. The receiver must not read a line
that the rule refuses, and that the gateway took for a retransmission.
"""

from acceptance import FLAWS
from attacks import ACCEPTANCE, attack
from forge import URG
from ground import CAUTIOUS, FALLBACK, LIMITED
from lines import commas
from rawtcp import ACK, MTU, PSH, WINDOW
from scene import shown
from sources import EVERY, GROW, GROW6, PUBLISH, PUBLISH6
from world import CONTROL, Failed

FOREIGN = {"v4": "10.1.1.150", "v6": "fd00:1:1::150"}  # a host on the client's link
FOREIGN_SERVER = "10.2.1.99"
CLIENT, SERVER = "malicious client", "malicious server"


def port(address, number=2001):
    return b"PORT " + commas(address, number) + b"\r\n"


def eprt(address, number=2001):
    return f"EPRT |2|{address}|{number}|\r\n".encode()


def forbidden(s):
    """A line that the rule refuses, by verb."""
    if s.rule in (LIMITED, FALLBACK):
        return {"PORT": port(s.rule.client), "AUTH": b"AUTH TLS\r\n"}
    if s.six:
        return {"EPRT": eprt(FOREIGN["v6"])}
    return {"PORT": port(FOREIGN["v4"])}


def filler(length, end=b"\r\n"):
    return b"NOOP ".ljust(length - len(end), b"x") + end


def hide(s, tcp, decoy, line, deaf=False, **flaw):
    """The decoy, then the line; the receiver must not read the line as it is."""
    receiver = s.peer(tcp)
    receiver.hops = flaw.get("ttl", 0)  # a router behind us discards what arrives with no more than that
    receiver.deaf = deaf and not receiver.hops
    s.inject(tcp.wire, s.next(tcp, decoy, **flaw))
    receiver.deaf = False
    receiver.hops = 0
    if receiver.unread and not deaf:
        raise Failed(f"the {s.name(receiver)} reads the decoy")
    tcp.send(line)
    s.world.settle()
    if line not in receiver.unread:
        tcp.resend()
        s.world.settle()
    if line in receiver.unread:
        raise Failed(f"the {s.name(receiver)} reads {shown(receiver.unread)}")


def _decoys(length):
    return {"as long": filler(length), "its first byte": b"X", "a whole line in front": filler(10) + b"x" * 4}


HOW = {**{name: (flaw, False) for name, flaw in FLAWS.items()},
       "a TTL that ends behind us": (lambda tcp: {"ttl": 2}, True),
       "a loss behind us": (lambda tcp: {}, True),
       "a bad IP checksum": (lambda tcp: {"ip_error": 7}, True)}
HOW["no ACK flag"] = (lambda tcp: {"flags": PSH}, False)


V4_ONLY = ("a bad IP checksum",)  # the header of IPv6 has none (RFC 8200 section 3)


def _forms(verbs, decoys, flaws):
    return {f"{verb} behind {how}, {name}": (verb, flaw, deaf, name) for verb in verbs for how, (flaw, deaf) in flaws.items()
            for name in decoys}


_SHAPES = tuple(_decoys(20))


@attack(ACCEPTANCE, "hidden line:", CLIENT, "Policy reads what the server reads.", (LIMITED,),
        _forms(("PORT", "AUTH"), _SHAPES, HOW), lasts=False, ours=True)
def hidden_from_policy(s, verb, flaw, deaf, shape):
    line = forbidden(s)[verb]
    hide(s, s.client, _decoys(len(line))[shape], line, deaf, **flaw(s.client))


def _hides_foreign(rules, how):
    return attack(ACCEPTANCE, "hidden line, foreign address:", CLIENT, "Policy reads what the server reads.", rules,
                  _forms(("PORT",), _SHAPES[:1], how), lasts=False, ours=True)


@_hides_foreign((GROW, PUBLISH), HOW)
@_hides_foreign((GROW6, PUBLISH6), {name: how for name, how in HOW.items() if name not in V4_ONLY})
def hidden_foreign(s, verb, flaw, deaf, shape):
    line, = forbidden(s).values()
    hide(s, s.client, _decoys(len(line))[shape], line, deaf, **flaw(s.client))


@attack(ACCEPTANCE, "hidden 227, foreign address:", SERVER, "Policy reads what the client reads.", (PUBLISH, GROW),
        {how: (flaw, deaf) for how, (flaw, deaf) in HOW.items()}, lasts=False, ours=True)
def hidden_reply(s, flaw, deaf):
    s.says(s.client, b"PASV\r\n")
    line = b"227 Entering Passive Mode (" + commas(FOREIGN_SERVER, 2001) + b")\r\n"
    hide(s, s.server, b"200 ".ljust(len(line) - 2, b"x") + b"\r\n", line, deaf, **flaw(s.server))


@attack(ACCEPTANCE, "hidden line behind a closed window:", CLIENT, "What a closed window keeps out was not read.",
        (LIMITED, GROW, PUBLISH6), {"as long": ("as long",), "a probe of one byte": ("its first byte",)}, lasts=False, ours=True)
def closed_window(s, shape):
    line = forbidden(s)["EPRT" if s.six else "PORT"]
    s.server.window = 0
    s.inject(s.far, s.next(s.server, flags=ACK, window=0))
    decoy = _decoys(len(line))[shape]
    s.inject(s.near, s.next(s.client, decoy))
    if s.server.unread:
        raise Failed("the server reads the decoy")
    s.server.window = WINDOW
    s.inject(s.far, s.next(s.server, flags=ACK))
    s.client.send(line)
    s.world.settle()
    s.client.resend()
    s.world.settle()
    if line in s.server.unread:
        raise Failed(f"the server reads {shown(s.server.unread)}")


@attack(ACCEPTANCE, "hidden line behind what is too long for the next link:", CLIENT,
        "What is answered with an ICMP error was not read.", (LIMITED, GROW, PUBLISH6), lasts=False, ours=True)
def too_long(s):
    gateway, interface = s.world.lab.gw, s.world.lab.server.gw_interface
    line = forbidden(s)["EPRT" if s.six else "PORT"]
    gateway.ip(f"link set {interface} mtu 1300")
    try:
        decoy = filler(MTU - 100)
        s.inject(s.near, s.next(s.client, decoy))
        if s.server.unread:
            s.client.queue(decoy)
            return "the server reads it, in parts"
        s.client.send(line)
        s.world.settle()
        if line in s.server.unread:
            raise Failed(f"the server reads {shown(s.server.unread)}")
    finally:
        gateway.ip(f"link set {interface} mtu {MTU}")
    return None


@attack(ACCEPTANCE, "line with an urgent byte", CLIENT,
        "It makes no difference whether the server takes urgent data (RFC 6093).", (LIMITED, GROW, PUBLISH6),
        {f"at {place}": (place,) for place in (1, 3, 5, 9, -2)}, lasts=False, ours=True)
def urgent(s, place):
    line = forbidden(s)["EPRT" if s.six else "PORT"]
    text = line[:place] + b"#" + line[place:]
    pointer = place % len(line) + 1
    packet = s.next(s.client, text, flags=ACK | PSH | URG, urgent=pointer)
    s.client.queue(text)
    s.inject(s.near, packet)
    if line in s.server.without_urgent():
        raise Failed(f"the server's application reads {shown(s.server.without_urgent())}")


@attack(ACCEPTANCE, "line behind bytes that look like a ClientHello", CLIENT,
        "A client that has not spoken TLS is read, and has no TLS data ports.", (CAUTIOUS,),
        {"before the greeting": (False, b""), "before the greeting, as a line": (False, b"\r\n"),
         "after the greeting": (True, b""), "with a record's length": (False, bytes(100))}, lasts=False, connect=False, ours=True)
def hello(s, greeted, more):
    source = (s.rule.client, s.world.port())
    s.client, syn = s.world.dial(source, (s.rule.dial, CONTROL))
    s._opened.append(s.client)
    s.server = s.world.answer(s.client, syn, 4711)
    s._opened.append(s.server)
    if greeted:
        s.says(s.server, b"220 ready\r\n")
    looks = b"\x16\3\1" + (7 + len(more)).to_bytes(2, "big") + b"\1\0\0\3\3\3\0" + more
    s.client.send(looks)
    s.world.settle()
    if not greeted:
        s.server.send(b"220 ready\r\n")
    s.server.send(b"500 what?\r\n")
    s.world.settle()
    line = port(s.rule.client)
    s.client.send(line)
    s.world.settle()
    # behind bytes that end no line it is the rest of theirs, which no server takes
    if line in s.server.unread.splitlines(keepends=True):
        raise Failed(f"the server reads {shown(s.server.unread)}")
    for number in (60000, 60099):
        if s.led_to((s.rule.client, s.world.port()), (s.rule.dial, number), number):
            raise Failed(f"port {number}, for TLS, is open though nobody has spoken TLS")


@attack(ACCEPTANCE, "line damaged on its way, then sent again", "nobody: a bad link",
        "A damaged segment is not the line's end: the next one opens the data connection.", EVERY,
        {name: (flaw,) for name, flaw in FLAWS.items() if name != "an old timestamp"})
def damaged(s, flaw):
    line = s.line(s.main_verb())
    sender = s.sender(line)
    if line.command:
        s.says(s.client, line.command)
    s.inject(sender.wire, s.next(sender, line.text, **{"flags": ACK | PSH, **({} if "flags" in flaw(sender) else {}),
                                                       **flaw(sender)}))
    sender.send(line.text)
    end = s.arrives(line)
    if line.active:
        s.says(s.server, b"200 ok\r\n")
    s.data(line, end)


# ---- two readings of the same bytes ----

@attack(ACCEPTANCE, "other bytes in a retransmission", CLIENT,
        "What passed first is what stays: the server reads one of the two, and policy the same one.", (LIMITED, GROW, PUBLISH6),
        {"cut in the verb": 2, "cut in the address": 9, "cut before the line's end": -2}, lasts=False, ours=True)
def other_bytes(s, cut):
    line = forbidden(s)["EPRT" if s.six else "PORT"]
    start, rest = line[:cut], line[cut:]
    s.server.deaf = True  # lost behind us
    s.inject(s.near, s.next(s.client, b"NO"[:len(start)].ljust(len(start), b"x")))
    s.server.deaf = False
    s.inject(s.near, s.next(s.client, line))
    s.client.queue(line)
    s.world.settle()
    s.client.resend()
    s.world.settle()
    if line in s.server.unread:
        raise Failed(f"the server reads {shown(s.server.unread)}, of which {rest} was read as another line's")


@attack(ACCEPTANCE, "other bytes behind a hole", CLIENT, "What waits behind a hole is read when the hole is filled.",
        (LIMITED, GROW, PUBLISH6), {"the line ahead, then its filler": False, "the filler ahead, then the line": True}, lasts=False, ours=True)
def behind_a_hole(s, filler_first):
    line = forbidden(s)["EPRT" if s.six else "PORT"]
    fill = filler(len(line))
    base = s.client.iss + 1 + len(s.client.sent)
    first, second = (fill, line) if filler_first else (line, fill)
    s.inject(s.near, s.next(s.client, first, seq=base + 6), s.next(s.client, second, seq=base + 6),
             s.next(s.client, b"NOOP\r\n", seq=base))
    s.inject(s.near, s.next(s.client, second, seq=base + 6))
    s.client.queue(b"NOOP\r\n" + second)
    s.world.settle()
    if line in s.server.unread:
        raise Failed(f"the server reads {shown(s.server.unread)}")


@attack(ACCEPTANCE, "hidden line where sequence numbers wrap", CLIENT, "Sequence numbers are of 32 bits.", (LIMITED,),
        {f"{back} before the wrap": (back,) for back in (1, 5, 20, 30, 45)}, lasts=False, connect=False, ours=True)
def wrap(s, back):
    s.connect(client_iss=2**32 - len(b"USER ftp\r\nPASS x@\r\n") - back, login=True)
    hidden_from_policy(s, "PORT", HOW["a loss behind us"][0], True, "as long")
