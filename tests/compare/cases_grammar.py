# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What real peers write, and what only nearly is an address line."""

from lines import eprt_line
from registry import case
from scene import shown
from world import GROW, GROW6, PUBLISH, PUBLISH6, FULL

FORMS = "forms that peers write"
MALFORMED = "malformed lines"


def _form(name, must, rule, verb, **form):
    @case(FORMS, name, must, rule)
    def run(s):
        seen = s.opens(s.line(verb, **form))
        s.in_step()
        return seen


_CASE = "Commands are case-insensitive (RFC 959 section 5.3): rewritten, the verb as it was."
_BLANKS = "Be liberal in what you accept (RFC 1123 section 1.2.2): rewritten, the blanks as they were."
_TEXT = "The text around the numbers is free (RFC 1123 section 4.1.2.6): rewritten, the text as it was."

_form("PORT", "The plain line arrives rewritten.", GROW, "PORT")
_form("PORT, full NAT", "The plain line arrives rewritten.", FULL, "PORT")
_form("EPRT |1|", "The plain line (RFC 2428 section 2) arrives rewritten.", GROW, "EPRT")
_form("EPRT |2|", "The plain line (RFC 2428 section 2) arrives rewritten.", GROW6, "EPRT")
_form("227", "The plain line arrives rewritten.", PUBLISH, "227")
_form("229 over IPv4", "The plain line (RFC 2428 section 3) opens its data connection.", PUBLISH, "229")
_form("229 over IPv6", "The plain line (RFC 2428 section 3) opens its data connection.", PUBLISH6, "229")
_form("port", _CASE, GROW, "PORT", before=b"port ")
_form("PoRt", _CASE, GROW, "PORT", before=b"PoRt ")
_form("eprt", _CASE, GROW6, "EPRT", before=b"eprt ")
_form("PORT and three spaces", _BLANKS, GROW, "PORT", before=b"PORT   ")
_form("EPRT and three spaces", _BLANKS, GROW6, "EPRT", before=b"EPRT   ")
_form("PORT and a space before its end", _BLANKS, GROW, "PORT", after=b" \r\n")
_form("EPRT and two spaces before its end", _BLANKS, GROW6, "EPRT", after=b"  \r\n")
_form("PORT ended by LF alone", "LF alone ends a line of many clients: rewritten, its end as it was.",
      GROW, "PORT", after=b"\n")
_form("227 ended by LF alone", "LF alone ends a line of some servers: rewritten, its end as it was.",
      PUBLISH, "227", after=b")\n")
_form("EPRT with ! as delimiter", "Any of the characters 33 to 126 delimits (RFC 2428 section 2).", GROW,
      "EPRT", delimiter="!")
_form("EPRT |2| with , as delimiter", "Any of the characters 33 to 126 delimits (RFC 2428 section 2).",
      GROW6, "EPRT", delimiter=",")
_form("Telnet IAC before PORT", "Telnet commands (RFC 854) before a verb are skipped and "
      "arrive as they are.", GROW, "PORT", before=b"\xff\xf4\xff\xf2PORT ")
_form("227 without parentheses", _TEXT, PUBLISH, "227", before=b"227 Entering Passive Mode ",
      after=b"\r\n")
_form("227 with a full stop", _TEXT, PUBLISH, "227", after=b").\r\n")
_form("227 with = before the numbers", _TEXT, PUBLISH, "227", before=b"227 Entering Passive Mode =",
      after=b"\r\n")
_form("227 in lower case", _TEXT, PUBLISH, "227", before=b"227 entering passive mode (")
_form("227 with other digits in its text", _TEXT, PUBLISH, "227",
      before=b"227 Mode 2 of 3, connection 17 (")
_form("227 with a number in parentheses before", _TEXT, PUBLISH, "227",
      before=b"227 Entering (1) Passive Mode (")
_form("229 with ! as delimiter", "Any of the characters 33 to 126 delimits (RFC 2428 section 3).",
      PUBLISH6, "229", before=b"229 Entering Extended Passive Mode (!!!", after=b"!)\r\n")
_form("229 in another language", "Only what is in the parentheses counts (RFC 2428 section 3).",
      PUBLISH6, "229", before=b"229 Erweiterter Passivmodus (|||")
_form("229 with digits in its text", "Only what is in the parentheses counts (RFC 2428 section 3).",
      PUBLISH6, "229", before=b"229 Mode 2 of 3 (|||")


_TAKEN = ("Real servers take the line: rewritten, and what else is in it as it was, "
          "or policy could be talked around.")
_form("PORT with seven numbers", _TAKEN, GROW, "PORT", after=b",1\r\n")
_form("PORT with text behind", _TAKEN, GROW, "PORT", after=b" x\r\n")
_form("PORT with text and NUL behind", _TAKEN, GROW, "PORT", after=b"x\0\r\n")
_form("PORT ended by CR NUL CR LF", _TAKEN, GROW, "PORT", after=b"\r\0\r\n")
_form("PORT and 600 spaces", _TAKEN, GROW, "PORT", before=b"PORT" + b" " * 600)
_form("Telnet IAC inside PORT", _TAKEN, GROW, "PORT", before=b"PO\xff\xf2RT ")
_form("EPRT with text behind", _TAKEN, GROW, "EPRT", after=b"x\r\n")


@case(FORMS, "EPRT without its last delimiter", _TAKEN, GROW)
def eprt_open(s):
    line = s.line("EPRT")
    s.client.send(line.text.replace(b"|\r\n", b"\r\n"))
    got, = s.reads_lines(s.server, 1)
    end = s.arrives(line, got.replace(b"\r\n", b"|\r\n"))
    s.says(s.server, b"200 ok\r\n")
    s.data(line, end)
    s.in_step()
    return shown(got)


@case(FORMS, "PORT with a sixth number above 255", _TAKEN, GROW)
def port_over(s):
    line = s.line("PORT")
    host, high, low = line.text.decode().strip().rsplit(",", 2)
    s.client.send(f"{host},{int(high) - 1},{int(low) + 256}\r\n".encode())  # pyftpdlib adds them up
    got, = s.reads_lines(s.server, 1)
    end = s.arrives(line, got)
    s.says(s.server, b"200 ok\r\n")
    s.data(line, end)
    s.in_step()
    return shown(got)


@case(FORMS, "EPRT |2| that needs no change", "A line whose meaning stays arrives byte for byte; servers "
      "compare its text (RFC 5952).", PUBLISH6)
def eprt_kept(s):
    line = s.line("EPRT")
    s.unchanged(line)
    s.says(s.server, b"200 ok\r\n")
    s.data(line, (line.address, line.port))
    s.in_step()


@case(FORMS, "PORT that needs no change", "A line whose meaning stays arrives byte for byte, and its data "
      "connection comes from the published address.", PUBLISH)
def port_kept(s):
    line = s.line("PORT")
    s.unchanged(line)
    s.says(s.server, b"200 ok\r\n")
    s.data(line, (line.address, line.port))
    s.in_step()


@case(FORMS, "EPRT |2| written out in full", "Every form of an address of RFC 4291 is understood: the line "
      "arrives rewritten.", GROW6)
def eprt_long(s):
    line = eprt_line(s.rule.client, s.world.port(), spelled="FD00:0001:0001:0000:0000:0000:0000:0007")
    seen = s.opens(line)
    s.in_step()
    return seen


@case(FORMS, "EPRT |2| as the server has to compare it", "The address that is written in is in the form "
      "of RFC 5952.", GROW6)
def eprt_canonical(s):
    line = s.line("EPRT")
    s.client.send(line.text)
    got, = s.reads_lines(s.server, 1)
    s.arrives(line, got)
    if s.rule.seen.encode() not in got:
        s.fail(f"server reads {shown(got)}")
    s.says(s.server, b"200 ok\r\n")
    s.in_step()


# ---- malformed ----

def _malformed(name, text, rule=GROW, ports=(), must="A line that is not an address line arrives unchanged "
               "and opens nothing."):
    """ports: where a wrapped or half-read line would lead."""
    @case(MALFORMED, name, must, rule)
    def run(s):
        port = s.world.port()
        data = text(s, port) if callable(text) else text
        s.unchanged(data)
        s.says(s.server, b"501 what?\r\n")
        for wrapped in ports:
            if s.world.reach((s.rule.server, 20), (s.rule.seen, wrapped)):
                s.fail(f"a connection to port {wrapped} gets in")
        s.in_step()
        return "unchanged, opens nothing"


def _port(numbers):
    return f"PORT {numbers}\r\n".encode()


_malformed("PORT ...,256,22", _port("10,1,1,7,256,22"), ports=(22,),
           must="256 is not an octet (RFC 959 section 5.3.2) and 65558 not a port: it is not wrapped to port 22; "
           "the line arrives byte for byte.")
_malformed("PORT 266,1,1,7,...", _port("266,1,1,7,117,150"), ports=(117 * 256 + 150,))
_malformed("PORT 10,257,1,7,...", _port("10,257,1,7,117,153"), ports=(117 * 256 + 153,))
_malformed("PORT with five numbers", _port("10,1,1,7,117"))
_malformed("PORT with dots", _port("10.1.1.7.117.152"), ports=(117 * 256 + 152,))
_malformed("PORT without an argument", b"PORT\r\n")
_malformed("PORT and a word", _port("of Hamburg"))
_malformed("PORT to port 0", _port("10,1,1,7,0,0"), must="Port 0 is not a port: the line arrives byte for "
           "byte, the connection stays in step.")
_malformed("EPRT to port 65558", lambda s, port: b"EPRT |1|10.1.1.7|65558|\r\n", ports=(22,),
           must="Port 65558 is not a port and not wrapped to port 22; the line arrives byte for byte.")
_malformed("EPRT |1|10.1.1.263|", lambda s, port: f"EPRT |1|10.1.1.263|{port}|\r\n".encode())
_malformed("EPRT |3|", lambda s, port: f"EPRT |3|10.1.1.7|{port}|\r\n".encode())
_malformed("EPRT |2| with too many groups",
           lambda s, port: f"EPRT |2|fd00:1:1:0:0:0:0:0:7|{port}|\r\n".encode(), rule=GROW6)
_malformed("PORTX", lambda s, port: b"PORTX 10,1,1,7,117,155\r\n", ports=(117 * 256 + 155,))
_malformed("line of 600 bytes", b"SITE " + b"x" * 600 + b"\r\n")
_malformed("line of NUL and high bytes", b"CWD \0\x80\xfe caf\xc3\xa9\r\n")


@case(MALFORMED, "cut line of 600 bytes that begins like PORT", "Nothing is held forever: the bytes arrive even "
      "if the end of the line is late.", GROW)
def endless(s):
    data = b"PORT " + b"1" * 600
    s.write(s.client, [data[:3], data[3:200], data[200:]], nagle=True)
    s.reads(s.server, data)
    s.says(s.client, b"\r\n")
    s.says(s.server, b"501 what?\r\n")
    s.in_step()


_REFUSED = b"425 The server names no clear address.\r\n"


def _malformed_reply(name, rule, command, text, ports=()):
    """Some clients connect wherever a half-read line leads them: refusing it is as good as passing it."""
    @case(MALFORMED, name, "A line that is not an address line arrives unchanged, or is refused in whole, and opens "
          "nothing.", rule)
    def run(s):
        s.says(s.client, command)
        s.write(s.server, [text])
        got, = s.reads_lines(s.client, 1)
        if got not in (text, _REFUSED):
            s.fail(f"client reads {shown(got)}")
        for port in ports:
            if s.world.reach((s.rule.client, s.world.port()), (s.rule.dial, port)):
                s.fail(f"a connection to port {port} gets in")
        s.in_step()
        return f"{'unchanged' if got == text else 'refused'}, opens nothing"


_malformed_reply("227 ...,256,22", PUBLISH, b"PASV\r\n", b"227 Entering Passive Mode (10,2,1,8,256,22)\r\n",
                 (22,))
_malformed_reply("227 with an octet of 300", PUBLISH, b"PASV\r\n",
                 b"227 Entering Passive Mode (10,2,300,8,117,155)\r\n", (117 * 256 + 155,))
_malformed_reply("227 without numbers", PUBLISH, b"PASV\r\n", b"227 Entering Passive Mode\r\n")
_malformed_reply("229 with port 65558", PUBLISH6, b"EPSV\r\n",
                 b"229 Entering Extended Passive Mode (|||65558|)\r\n", (22,))
_malformed_reply("229 without a port", PUBLISH6, b"EPSV\r\n", b"229 Entering Extended Passive Mode (||||)\r\n")
