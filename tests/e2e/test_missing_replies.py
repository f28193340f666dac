# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Servers that answer fewer commands than they were sent leave the session usable."""

import ftplib
import os
import time

import pytest

from lab import wait_until
from scenes import login, pick, single
from servers import Pureftpd

pytestmark = pytest.mark.ftpnat

NOOPS = 3


def replies_within(session, seconds):
    replies = []
    session.sock.settimeout(seconds)
    try:
        while True:
            replies.append(session.getmultiline())
    except TimeoutError:
        session.sock.settimeout(session.timeout)
        session.file = session.sock.makefile("r", encoding="latin-1")
    return replies


def noops_during_a_transfer(session, server):
    """Keepalives as clients send them. pure-ftpd answers them late, all with one reply or none."""
    server.put("large", os.urandom(4 << 20))
    data = session.transfercmd("RETR large")
    session.sock.sendall(b"NOOP\r\n" * NOOPS)
    while data.recv(1 << 16):
        pass
    data.close()
    return [reply for reply in replies_within(session, 1) if reply.startswith("200")]


@pytest.mark.parametrize("kind", ["keep", "full", "masquerade"])
def test_unanswered_noops(make_lab, kind):
    lab, server, dial = single(make_lab, Pureftpd, kind)
    with lab.client.inside():
        for family in ("v4", "v6"):
            for method in ("EPSV", "EPRT") + (("PASV", "PORT") if family == "v4" else ()):
                session = login(lab.client, pick(dial, family), server, method)
                answered = noops_during_a_transfer(session, server)
                assert len(answered) < NOOPS, "this server left nothing unanswered"
                for missing in ("none", "neither"):
                    with pytest.raises(ftplib.error_perm):
                        session.size(missing)
                for _ in range(2):
                    assert session.read("server-name").decode() == server.name
                session.quit()


def test_a_refusal_after_missing_replies(make_lab):
    """Once nothing more can come, a refused PORT has its own reply again."""
    lab, server, vips = single(make_lab, Pureftpd, rule={"modes": ["passive"]})
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        assert len(noops_during_a_transfer(session, server)) < NOOPS
        silent = time.monotonic() + 4  # seconds, one more than the gateway waits
        wait_until(lambda: time.monotonic() > silent, "no reply is awaited any more")
        before = lab.gateway.reason("line_mode")
        with pytest.raises(ftplib.error_perm, match="This kind of data connection is refused"):
            session.sendcmd("PORT 10,1,1,2,200,1")
        assert lab.gateway.reason("line_mode") == before + 1
        assert session.read("server-name").decode() == server.name
        session.quit()
