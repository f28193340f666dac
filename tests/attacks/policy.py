# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Address lines as some real server takes them, and no RFC writes them: the policy holds for each.

Each form was taken by vsftpd 3.0.3, proftpd 1.3.8 or pure-ftpd 1.0.50, asked with the
client's own address.
"""

import ipaddress

from attacks import POLICY, attack
from ground import FALLBACK, LIMITED
from hidden_lines import CLIENT, FOREIGN
from scene import shown
from sources import GROW, GROW6, PUBLISH, PUBLISH6
from world import Failed

# {c}: address with commas, {a}: address, {h},{l}: halves of the port, {p}: the port
PORTS = {
    "text behind": "PORT {c},{h},{l}x\r\n", "NUL behind": "PORT {c},{h},{l}\0\r\n", "a seventh number": "PORT {c},{h},{l},9\r\n",
    "blank behind": "PORT {c},{h},{l} \r\n", "blanks after commas": "PORT {b}, {h}, {l}\r\n",
    "plus signs": "PORT {plus},+{h},+{l}\r\n", "leading zeros": "PORT {zeros},{h:03},{l:03}\r\n",
    "hundreds of blanks": "PORT {many}{c},{h},{l}\r\n", "CR NUL": "PORT {c},{h},{l}\r\0\r\n",
    "lower case": "port {c},{h},{l}\r\n", "mixed case": "PoRt {c},{h},{l}\r\n", "LF only": "PORT {c},{h},{l}\n",
    "two CRs": "PORT {c},{h},{l}\r\r\n", "a tab": "PORT\t{c},{h},{l}\r\n",
    "two blanks": "PORT  {c},{h},{l}\r\n", "Telnet Synch in front": "\xff\xf4\xff\xf2PORT {c},{h},{l}\r\n",
    "EPRT": "EPRT |1|{a}|{p}|\r\n", "EPRT, no last delimiter": "EPRT |1|{a}|{p}\r\n", "EPRT, |01|": "EPRT |01|{a}|{p}|\r\n",
    "EPRT, blank protocol": "EPRT | 1|{a}|{p}|\r\n", "EPRT, other delimiter": "EPRT !1!{a}!{p}!\r\n",
    "EPRT, wrapped port": "EPRT |1|{a}|{wrapped}|\r\n", "EPRT, leading zeros in the port": "EPRT |1|{a}|000{p}|\r\n",
    "EPRT, text behind": "EPRT |1|{a}|{p}|x\r\n", "EPRT, plus": "EPRT |1|{a}|+{p}|\r\n",
}
EPRTS = {
    "plain": "EPRT |2|{a}|{p}|\r\n", "no last delimiter": "EPRT |2|{a}|{p}\r\n", "|02|": "EPRT |02|{a}|{p}|\r\n",
    "blank protocol": "EPRT | 2|{a}|{p}|\r\n", "wrapped port": "EPRT |2|{a}|{wrapped}|\r\n",
    "upper case": "EPRT |2|{A}|{p}|\r\n", "uncompressed": "EPRT |2|{long}|{p}|\r\n", "with a scope": "EPRT |2|{a}%eth0|{p}|\r\n",
    "IPv4-mapped": "EPRT |2|::ffff:10.1.1.150|{p}|\r\n",
    "text behind": "EPRT |2|{a}|{p}|x\r\n", "IPv4 in IPv6's session": "EPRT |1|10.1.1.150|{p}|\r\n",
}


def written(form, address, number=2001):
    octets = address.split(".")
    text = form.format(a=address, A=address.upper(), long=ipaddress.ip_address(address).exploded, c=",".join(octets),
                       b=", ".join(octets), plus=",".join(f"+{octet}" for octet in octets),
                       zeros=",".join(octet.zfill(3) for octet in octets), h=number >> 8, l=number & 255, p=number,
                       wrapped=number + 65536, many=" " * 300)
    return text.encode("latin-1")


def _held_to(s, line):
    s.client.send(line)
    s.world.settle()
    got = s.server.take()
    if line in got:
        raise Failed(f"the server reads {shown(got)}")
    s.server.send(b"500 no\r\n")
    s.world.settle()
    s.client.take()


@attack(POLICY, "PORT where the rule allows passive mode only, written with", CLIENT,
        "What some server takes for an address line is refused as one.", (LIMITED,), {name: (form,) for name, form in PORTS.items()},
        lasts=False, ours=True)
def mode(s, form):
    _held_to(s, written(form, s.rule.client))


@attack(POLICY, "PORT to a foreign address, written with", CLIENT,
        "What some server takes for an address line is refused as one.", (GROW, PUBLISH), {name: (form,) for name, form in PORTS.items()},
        lasts=False, ours=True)
def foreign(s, form):
    _held_to(s, written(form, FOREIGN["v4"]))


@attack(POLICY, "EPRT to a foreign address, written", CLIENT,
        "What some server takes for an address line is refused as one.", (GROW6, PUBLISH6), {name: (form,) for name, form in EPRTS.items()},
        lasts=False, ours=True)
def foreign6(s, form):
    _held_to(s, written(form, FOREIGN["v6"]))


# proftpd wraps a port of more than 16 bits, but takes none below 1024: no server takes such a line
@attack(POLICY, "PORT to a privileged port, written with", CLIENT,
        "What some server takes for an address line is refused as one.", (GROW,),
        {name: (form,) for name, form in PORTS.items() if name != "EPRT, wrapped port"},
        lasts=False, ours=True)
def privileged(s, form):
    _held_to(s, written(form, s.rule.client, 22))


# pyftpdlib discards more than 2048 bytes without CR LF, and reads what follows as a line
@attack(POLICY, "a line behind 2100 bytes of an unfinished one:", CLIENT,
        "What one server reads in the middle of a line is refused there.",
        (GROW, PUBLISH, GROW6, PUBLISH6, LIMITED),
        {"in one line": (b"",), "in lines that LF ends": (b"\n",)}, lasts=False, ours=True)
def overlong(s, end):
    if s.rule in (LIMITED, FALLBACK):
        lines = [b"AUTH TLS\r\n", written("PORT {c},{h},{l}\r\n", s.rule.client)]
    elif s.six:
        lines = [written("eprt |2|{a}|{p}|\r\n", FOREIGN["v6"])]
    else:
        lines = [written(form, FOREIGN["v4"]) for form in ("PORT {c},{h},{l}\r\n", "EPRT |1|{a}|{p}|\r\n")]
    for line in lines:
        for _ in range(7):
            s.client.send(b"x" * (300 - len(end)) + end)
            s.world.settle()
            s.server.take()
        s.client.send(b"y")  # a segment of its own, so that the server may read what follows alone
        s.world.settle()
        s.server.take()
        _held_to(s, line)


# ---- commands: {deny: [DELE]} ----

# each is DELE for some server, or hides it from a reader of lines
DELETES = {
    "lower case": b"dele victim\r\n", "mixed case": b"dElE victim\r\n", "LF only": b"DELE victim\n",
    "blanks in front": b" \t DELE victim\r\n", "CR in front": b"\rDELE victim\r\n", "a tab": b"DELE\tvictim\r\n",
    "CR NUL": b"DELE victim\r\0\r\n", "NUL behind the verb": b"DELE\0 victim\r\n", "quotes": b'"DELE" victim\r\n',
    "quotes inside": b'DE"LE" victim\r\n', "Telnet Synch in front": b"\xff\xf4\xff\xf2DELE victim\r\n",
    "Telnet NOP inside": b"DE\xff\xf1LE victim\r\n", "Telnet WILL inside": b"DE\xff\xfb\x01LE victim\r\n",
    "IAC and any byte in front": b"\xff\x41DELE victim\r\n", "Telnet option LF": b"DE\xff\xfb\nLE victim\r\n",
    "300 blanks in front": b" " * 300 + b"DELE victim\r\n", "300 blanks behind": b"DELE" + b" " * 300 + b"victim\r\n",
    "a line in front, LF only": b"NOOP\nDELE victim\r\n", "a line of 512 bytes in front": b"NOOP " + b"a" * 506 + b"DELE victim\r\n",
    "a line of 1024 bytes in front": b"NOOP " + b"a" * 1018 + b"DELE victim\r\n",
    "others around it": b"NOOP\r\nDELE victim\r\nNOOP\r\n",
}


def _reads_no_dele(s):
    s.world.settle()
    got = s.server.take()
    if b"DELE" in bytes(byte for byte in got.upper() if byte in range(65, 91)):
        raise Failed(f"the server reads {shown(got)}")


@attack(POLICY, "DELE where the rule's commands deny it, with", CLIENT, "A refused command reaches no server.", (LIMITED,),
        {name: (line,) for name, line in DELETES.items()}, lasts=False, ours=True)
def dele(s, line):
    s.client.send(line)
    _reads_no_dele(s)


@attack(POLICY, "DELE where the rule's commands deny it, byte by byte, with", CLIENT, "A refused command reaches no server.",
        (LIMITED,), {name: (line,) for name, line in DELETES.items() if len(line) < 30}, lasts=False, ours=True)
def dele_cut(s, line):
    for i in range(len(line)):
        s.client.send(line[i:i + 1])
        s.world.settle()
    _reads_no_dele(s)


@attack(POLICY, "ClientHello where the rule denies TLS,", CLIENT, "Implicit TLS is refused as AUTH is.", (LIMITED,),
        {"whole": (b"\x16\x03\x01\x02\x00\x01\x00xxxx",), "its first byte": (b"\x16",), "of SSL 2": (b"\x80\x2e\x01\x03\x01xx",)},
        lasts=False, ours=True, connect=False)
def hello(s, line):
    s.connect()
    s.client.send(line)
    s.world.settle()
    got = s.server.take()
    if line in got:
        raise Failed(f"the server reads {shown(got)}")
