# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Floods of all but SYNs (those: test_full_tables.py): transfers go on, and a new client gets in at once."""

import pytest

from other_floods import ACK, FIN, PSH, RST, SYN, URG, BlindFlood, ErrorFlood, FragmentFlood, StrayFlood
from scenes import login, need, pick, publish
from servers import Vsftpd
from test_full_tables import drain

pytestmark = pytest.mark.ftpnat

FIRST = 20_000  # of each kind, before the new client comes
MUCH = 4 << 20


@pytest.fixture(params=["v4", "v6"])
def scene(request, make_lab):
    lab = make_lab(clients=2)
    server = need(Vsftpd)(lab.server).start()
    server.put("much", bytes(MUCH))
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server])], "limits": {"control": 1000}})
    return lab, server, pick(vips, request.param)


def floods(lab, vip, port):
    """[(name, flood, reason that counts it)]; the blind ones as if from the client, by itself: no source check helps."""
    client, attacker = lab.clients
    for name, flags in (("ack", ACK | PSH), ("rst", RST), ("fin", FIN | ACK), ("syn-ack", SYN | ACK),
                        ("all-flags", FIN | SYN | RST | PSH | ACK | URG)):
        yield f"stray {name}", StrayFlood(attacker, vip, flags), "pass"
    for name, flags, reason in (("rst", RST, "tcp_ignored"), ("rst-ack", RST | ACK, "tcp_ignored"),
                                ("fin", FIN | ACK, "tcp_timestamp"), ("data", PSH | ACK, "tcp_timestamp"),
                                ("syn", SYN, "tcp_ignored")):
        yield f"blind {name}", BlindFlood(client, vip, flags, port), reason
    yield "first fragments", FragmentFlood(attacker, vip), "fragment"
    yield "ICMP errors", ErrorFlood(attacker, vip), "pass"


def test_new_client_during_a_flood(scene):
    lab, server, vip = scene
    client = lab.clients[0]
    with client.inside():
        old = login(client, vip, server)
        for name, flood, reason in floods(lab, vip, old.sock.getsockname()[1]):
            lab.closers.append(flood.close)
            running = old.transfercmd("RETR much")
            begun = len(running.recv(1000))
            counted = lab.gateway.reason(reason)
            flood.send(FIRST)
            assert lab.gateway.reason(reason) >= counted + FIRST, name
            with flood.goes_on(1_000_000):
                new = login(client, vip, server)
                assert new.read("server-name").decode() == server.name, name
                assert begun + drain(running) == MUCH, name
                old.voidresp()
                assert old.read("server-name").decode() == server.name, name
            new.quit()
            assert [flow["state"] for flow in lab.gateway.flows() if flow["kind"] == "control"
                    and flow["client"].endswith(f":{old.sock.getsockname()[1]}")] == ["established"], name
        old.quit()
    assert lab.gateway.reason("control_full") == 0
