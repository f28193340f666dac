# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The default data port (RFC 959 section 3.2): whom a transfer without PORT or PASV lets in, and until when."""

from attacks import POLICY, SOURCE, attack
from ground import CAUTIOUS, LIMITED
from hidden_lines import CLIENT, SERVER
from lines import port_line
from scene import shown
from world import FTP_DATA, FULL, GROW, GROW6, OUTSIDERS, PUBLISH6, STRANGERS, Failed, family

RULES = (PUBLISH6, FULL, GROW, GROW6)
TRANSFERS = {"RETR": b"RETR file\r\n", "STOR": b"STOR file\r\n", "LIST": b"LIST\r\n"}


def _door(s):
    """The client's end of the control connection as an active data connection reaches it."""
    return port_line(s.rule.client, s.client.local[1]), (s.rule.seen, s.server.remote[1])


def _armed(s, command=TRANSFERS["RETR"]):
    s.says(s.client, command)
    s.expects(1, "a transfer")
    return _door(s)


def _over(s, reply=b"226 done\r\n"):
    s.says(s.server, reply)
    s.expects(0, "the reply to the transfer")


@attack(SOURCE, "default data port, dialled before the server by", "a host beside the server or the client",
        "It is open to the server of the session only, and an attempt does not use it up.", RULES,
        {"another host on the server's link": ("outside", FTP_DATA), "the same from another port": ("outside", 2020),
         "a host on the client's link": ("inside", FTP_DATA)}, ours=True)
def stranger(s, where, port):
    line, end = _armed(s)
    source = (OUTSIDERS if where == "outside" else STRANGERS)[family(s.rule.server)]
    s.no_syn(s.far if where == "outside" else s.near, (source, port), end)
    s.data(line, end)
    _over(s)


@attack(SOURCE, "default data port, SYN in the server's name by", "another link, knows the session",
        "A server is where the route to it leads.", RULES, {"the client's link": ("near",), "a third link": ("aside",)}, ours=True)
def server_elsewhere(s, link):
    line, end = _armed(s)
    s.no_syn(getattr(s.world, link), (s.rule.server, FTP_DATA), end)
    s.data(line, end)
    _over(s)


@attack(SOURCE, "transfer command in the client's name by", "another link, knows the sequence numbers",
        "A line counts only from where its sender is.", RULES, {"the server's link": ("far",), "a third link": ("aside",)}, ours=True)
def command_elsewhere(s, link):
    s.inject(getattr(s.world, link), s.next(s.client, TRANSFERS["RETR"]))
    s.expects(0, "a forged RETR")
    s.shut(*_door(s), "by a forged RETR")


@attack(SOURCE, "transfer command in the client's name, blind", "client's link, guesses the sequence number",
        "A line counts only where the server accepts it.", RULES,
        {"far ahead": (2**30,), "far behind": (-2**30,)}, ours=True)
def blind_command(s, offset):
    s.inject(s.near, s.next(s.client, TRANSFERS["RETR"], seq=(s.client.iss + 1 + len(s.client.sent) + offset) % 2**32))
    s.expects(0, "a RETR that the server discards")
    s.shut(*_door(s), "by a RETR that the server discards")


@attack(POLICY, "default data port after", SERVER, "It is open for one connection, until the transfer ends.", RULES,
        {f"the reply {reply[:3].decode()} to {verb}": (TRANSFERS[verb], reply) for verb, reply in (
            ("RETR", b"226 done\r\n"), ("RETR", b"425 no\r\n"), ("STOR", b"550 no\r\n"), ("LIST", b"421 busy\r\n"))},
        ours=True, lasts=False)
def outlives(s, command, reply):
    line, end = _armed(s, command)
    _over(s, reply)
    s.shut(line, end, "after its transfer")


@attack(POLICY, "default data port, a second connection", SERVER, "It is open for one connection, until the transfer ends.",
        RULES, ours=True)
def second(s):
    line, end = _armed(s)
    s.data(line, end)
    s.shut(line, end, "a second time", port=s.world.port())
    _over(s)


@attack(POLICY, "default data port, before any transfer", SERVER, "Without a transfer it is closed.", RULES, ours=True)
def unasked(s):
    s.shut(*_door(s), "before a transfer")


@attack(POLICY, "default data port, PORT behind the transfer", CLIENT, "What a session announces closes what it had announced.",
        RULES, ours=True)
def port_behind(s):
    line, end = _armed(s)
    other = s.line("EPRT" if s.six else "PORT")
    s.client.send(other.text)
    there = s.arrives(other)
    s.shut(line, end, "that a PORT has replaced")
    s.says(s.server, b"226 of the transfer\r\n")
    s.says(s.server, b"200 of PORT\r\n")
    s.data(other, there)


@attack(POLICY, "default data port, the transfer sent again after its end", CLIENT,
        "A retransmission, late, opens nothing again.", RULES, ours=True)
def late_repeat(s):
    line, end = _armed(s)
    sent = len(s.client.sent)
    _over(s)
    s.client.transmit(sent - len(TRANSFERS["RETR"]), sent)
    s.world.settle()
    s.expects(0, "a repeated RETR")
    s.shut(line, end, "by a repeated RETR")


def _held(s, command):
    s.client.send(command)
    s.world.settle()
    got = s.server.take()
    if command in got:
        raise Failed(f"the server reads {shown(got)}")
    s.expects(0, "a refused transfer")
    s.shut(*_door(s), "by a refused transfer")
    s.server.send(b"500 no\r\n")
    s.reads(s.client, b"425 Use PASV or EPSV first.\r\n")


@attack(POLICY, "default data port where the rule allows passive mode only,", CLIENT, "A mode left out is refused.",
        (LIMITED, CAUTIOUS), {verb: (command,) for verb, command in TRANSFERS.items()}, ours=True)
def passive_only(s, command):
    _held(s, command)


@attack(POLICY, "default data port after EPSV ALL", CLIENT, "EPSV ALL leaves no other way (RFC 2428 section 4).", RULES, ours=True,
        lasts=False)
def epsv_all(s):
    s.asks(b"EPSV ALL\r\n", b"200 ok\r\n")
    _held(s, TRANSFERS["RETR"])


@attack(POLICY, "default data port of a client that dials from port", CLIENT, "No data connection goes to a port below 1024 (RFC 2577 section 3).",
        RULES, {str(port): (port,) for port in (22, 1023)}, ours=True, connect=False)
def privileged(s, port):
    s.connect_as(port)
    s.asks(b"USER ftp\r\n", b"331 password?\r\n")
    s.asks(b"PASS x@\r\n", b"230 welcome\r\n")
    _held(s, TRANSFERS["RETR"])
