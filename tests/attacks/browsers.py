# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""NAT slipstreaming (2020, 2021): a browser writes what looks like an address line to a control port."""

from attacks import BROWSER, attack
from hidden_lines import eprt, port
from sources import EVERY, WANTED_INSIDE, named
from scene import shown
from world import CONTROL, FTP_DATA, Failed

HOST = b"Host: files.example.com:21\r\n"
OPENINGS = {
    "POST": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 999\r\nContent-Type: text/plain\r\n\r\n",
    "POST, lower case": b"post /x HTTP/1.1\r\n" + HOST + b"\r\n",
    "GET": b"GET / HTTP/1.1\r\n" + HOST + b"\r\n", "GET, HTTP/1.0": b"GET /x HTTP/1.0\r\n\r\n",
    "PUT": b"PUT /x HTTP/1.1\r\n" + HOST + b"\r\n", "OPTIONS": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "HEAD": b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n", "CONNECT": b"CONNECT a:21 HTTP/1.1\r\n" + HOST + b"\r\n",
    "PATCH": b"PATCH /x HTTP/1.1\r\n" + HOST + b"\r\n", "DELETE": b"DELETE /x HTTP/1.1\r\n" + HOST + b"\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "an unknown method": b"QWERTY /x HTTP/1.1\r\n" + HOST + b"\r\n",
    "a long path": b"GET /" + b"a" * 1200 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "SIP": b"REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/TCP x\r\n\r\n", "RTSP": b"DESCRIBE rtsp://x RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    "a header line": HOST + b"\r\n", "a header line in lower case": b"origin: https://example.com\r\n\r\n",
}
SHAPES = {"in one segment": 0, "the line at a segment's start": 1, "after the greeting": 2}


@attack(BROWSER, "address line in the body of", "web page in the client's browser, and the server that it dials",
        "A client that doesn't speak FTP opens nothing. Its bytes stay as they are; only on their way to a published server, "
        "which might read the line all the same, the address is taken out.", EVERY,
        {f"{name}, {shape}": (text, how) for name, text in OPENINGS.items() for shape, how in SHAPES.items()},
        lasts=False, connect=False)
def slipstream(s, text, how):
    s.client, syn = s.world.dial((s.rule.client, s.world.port()), (s.rule.dial, CONTROL))
    s._opened.append(s.client)
    s.server = s.world.answer(s.client, syn, 31337)
    s._opened.append(s.server)
    if how == 2:
        s.says(s.server, b"220 evil\r\n")
    line = eprt(s.rule.client, WANTED_INSIDE) if s.six else port(s.rule.client, WANTED_INSIDE)
    for piece in (text, line) if how else (text + line,):
        s.client.send(piece)
        s.world.settle()
    for _ in range(3):
        s.server.send(b"200 ok\r\n")
        s.world.settle()
    got = s.server.take()
    end = named(s, got.rsplit(b"\r\n\r\n", 1)[-1])
    for destination in {(s.rule.seen, WANTED_INSIDE)} | ({end} if end else set()):
        if s.led_to((s.rule.server, FTP_DATA), destination, WANTED_INSIDE):
            raise Failed(f"the server reads {shown(got[-60:])}, and port {WANTED_INSIDE} of the client is reached")
    s.expects(0, "a request that is not FTP")
    nobody = b"EPRT |2|::|0|\r\n" if s.six else b"PORT 0,0,0,0,0,0\r\n"
    if got != text + (nobody if s.rule.publishes else line):
        raise Failed(f"the server reads {shown(got[-60:])}")
