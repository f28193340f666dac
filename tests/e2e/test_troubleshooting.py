# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What docs/troubleshooting.md says that `flows`, `stats` and `events` show, symptom by symptom.

Refusals, full tables and what `status` calls degraded have tests of their own.
"""

import ftplib

import pytest

from clients import Account, Session
from lab import wait_until
from scenes import login, masquerade, publish, single
from servers import Pyftpdlib

pytestmark = pytest.mark.ftpnat

FAILED = (OSError, EOFError, ftplib.Error)


def fails_to_connect(host, port=21):
    """The client waits a moment, and gives up."""
    session = Session()
    session.timeout = 2
    with pytest.raises(FAILED):
        session.connect(host, port)
    session.close()


def test_interface_not_listed_shows_no_flow(make_lab):
    lab = make_lab()
    server, vips = Pyftpdlib(lab.server).start(), lab.vips()
    rule = publish("files", vips, [server])
    lab.gateway.up({"interfaces": ["s1"], "publish": [rule]})
    with lab.client.inside():
        fails_to_connect(vips[0])
        assert lab.gateway.flows() == []
        lab.gateway.reload({"publish": [rule]})
        assert login(lab.client, vips[0], server).read("server-name").decode() == server.name


def test_control_port_not_listed_shows_no_flow(make_lab):
    lab = make_lab(route_back=False)
    server = Pyftpdlib(lab.server).start()
    lab.gateway.up({"masquerade": masquerade("lan", control_ports=[2121])})
    with lab.client.inside():
        fails_to_connect(server.addresses[0])
        assert lab.gateway.flows() == []
        lab.gateway.reload({"masquerade": masquerade("lan")})
        assert login(lab.client, server.addresses[0], server).getwelcome()


def test_no_way_back_shows_packets_out_and_none_in(make_lab):
    lab = make_lab(route_back=False)
    server, vips = Pyftpdlib(lab.server).start(), lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server])]})
    with lab.client.inside():
        fails_to_connect(vips[0])
        flow, = lab.gateway.flows()
        assert (flow["state"], flow["packets"]["in"]) == ("new", 0)
        assert flow["packets"]["out"] > 0
        wait_until(lambda: lab.gateway.listing("status")["degraded"], "status misses an answer")
        lost, = lab.gateway.listing("status")["degraded"]
        assert "without an answer" in lost and "`source: gateway`" in lost
        lab.gateway.reload({"publish": [publish("files", vips, [server], source="gateway")]})
        assert login(lab.client, vips[0], server).getwelcome()
        assert lab.gateway.listing("status")["degraded"] == []


def test_nothing_listening_shows_a_closed_flow(make_lab):
    lab = make_lab()
    server, vips = Pyftpdlib(lab.server), lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server])]})
    with lab.client.inside():
        with pytest.raises(ConnectionRefusedError):
            login(lab.client, vips[0], server)
    flow, = lab.gateway.flows()
    assert (flow["state"], flow["packets"]) == ("closed", {"out": 1, "in": 1})
    refused, = lab.gateway.listing("status")["degraded"]
    assert f"Server {server.addresses[0]}:21 of rule files has refused 1 new session:" in refused
    server.start()
    with lab.client.inside():
        wait_until(lambda: login(lab.client, vips[0], server).getwelcome() and
                   lab.gateway.listing("status")["degraded"] == [], "an answered session takes it back")


def test_missing_address_is_reported_and_found_by_reload(make_lab):
    lab = make_lab(route_back=False)
    server = Pyftpdlib(lab.server).start()
    lab.gw.ip("addr del 10.2.1.1/24 dev s1", "route add 10.2.1.0/24 dev s1")
    config = {"masquerade": masquerade("lan")}
    lab.gateway.up(config)
    with lab.client.inside():
        fails_to_connect(server.addresses[0])
        assert lab.gateway.reason("no_address") > 0
        lab.gw.ip("addr add 10.2.1.1/24 dev s1")
        lab.gateway.reload(config)
        assert login(lab.client, server.addresses[0], server).getwelcome()


def test_another_nat_before_the_gateway_needs_data_address(make_lab):
    """The other NAT is in the client's own namespace, and hides what is behind it."""
    lab = make_lab(vip="routed")
    server, vips = Pyftpdlib(lab.server).start(), lab.vips()
    outside = "203.0.113.80"
    lab.client.run(["nft", "-f", "-"], input=f"""
table ip other {{
	chain translate {{
		type nat hook output priority -100
		ip daddr {outside} dnat to {vips[0]}
	}}
	chain hide {{
		type filter hook output priority -200
		ip daddr {vips[0]} drop
	}}
}}
""")
    lab.gateway.up({"publish": [publish("files", vips, [server])]})
    with lab.client.inside():
        session = Session("PASV").open(Account(outside, server))
        session.timeout = 2
        assert vips[0].replace(".", ",") in session.sendcmd("PASV")
        with pytest.raises(FAILED):
            session.read("server-name")
        session.close()
        lab.gateway.reload({"publish": [publish("files", vips, [server], data_address=outside)]})
        session = Session("PASV").open(Account(outside, server))
        assert session.read("server-name").decode() == server.name


def test_a_blocked_data_connection_is_expected_until_its_time_is_over(make_lab):
    lab = make_lab()
    server, vips = Pyftpdlib(lab.server).start(), lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server])], "timeouts": {"expected": "3s"}})
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        session.sendcmd("EPSV")  # and no client connects
        entry, = lab.gateway.expected()
        assert entry["mode"] == "passive"
        wait_until(lambda: lab.gateway.reason("expected_expired") == 1, "it has expired")
        assert lab.gateway.expected() == []
        session.close()


def test_silence_closes_the_session_and_the_client_finds_it_reset(make_lab):
    lab, server, vips = single(make_lab, Pyftpdlib)
    lab.gateway.reload({"publish": [publish("files", vips, [server])],
                        "timeouts": {"control": "2s", "closing": "1s"}})
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        wait_until(lambda: lab.gateway.reason("control_closed") == 1, "the session is closed")
        session.sock.settimeout(10)
        with pytest.raises(FAILED):
            session.voidcmd("NOOP")


def test_the_firewall_does_not_see_what_is_published(make_lab):
    lab, server, vips = single(make_lab, Pyftpdlib)
    lab.gw.run(["nft", "-f", "-"], input="""
table inet filter {
	chain forward {
		type filter hook forward priority 0
		policy drop
	}
}
""")
    with lab.client.inside():
        assert login(lab.client, vips[0], server).read("server-name").decode() == server.name
