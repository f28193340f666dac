# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Refusals leave no state: no table grows, and existing connections continue."""

import contextlib
import ftplib
import socket

import pytest

from clients import Session
from old_setups import reaches
from scenes import login, need, publish
from servers import Vsftpd
from wire import address_of

pytestmark = pytest.mark.ftpnat

REFUSED = (OSError, EOFError, ftplib.Error)


@pytest.fixture(scope="module")
def scene(make_shared_lab):
    """A lab, its server and addresses, and a configuration to change."""
    lab = make_shared_lab(clients=2)
    server = need(Vsftpd)(lab.server).start()
    vips = lab.vips()
    return lab, server, vips


def command(text):
    def act(lab, session, vips):
        with pytest.raises((ftplib.error_temp, ftplib.error_perm), match="^[45]"):
            session.sendcmd(text)
    return act


def dial(port, node=0):
    def act(lab, session, vips):
        assert not reaches(lab.clients[node], vips[0], port)
    return act


def another_session(lab, session, vips):
    with pytest.raises(REFUSED):
        Session().connect(vips[0], 21, timeout=1)


def drained(lab, session, vips):
    lab.gateway.load("servers", "drain", "files", "10.2.1.2")
    another_session(lab, session, vips)


def guarded(lab, session, vips):
    assert not reaches(lab.client, lab.server.ip4, 8080)


# what is refused, keys of the rule, of the configuration, how it is tried, and the reason
ROWS = {
    "passive mode": ({"modes": ["active"]}, {}, command("PASV"), "line_mode"),
    "extended passive mode": ({"modes": ["active"]}, {}, command("EPSV"), "line_mode"),
    "active mode": ({"modes": ["passive"]}, {}, command("PORT 10,1,1,2,200,1"), "line_mode"),
    "another host": ({}, {}, command("PORT 10,1,1,3,200,1"), "line_foreign"),
    "another host, extended": ({}, {}, command("EPRT |1|10.1.1.3|51201|"), "line_foreign"),
    "a privileged port": ({}, {}, command("PORT 10,1,1,2,0,22"), "line_privileged"),
    "no port": ({}, {}, command("PORT 10,1,1,2,256,1"), "line_malformed"),
    "a command": ({"commands": {"profile": "read_only"}}, {}, command("DELE server-name"), "line_command"),
    "EPRT by commands": ({"commands": {"deny": ["EPRT"]}}, {}, command("EPRT |1|10.1.1.2|51201|"), "line_command"),
    "TLS": ({"tls": "deny"}, {}, command("AUTH TLS"), "line_tls"),
    "a port under TLS, without TLS": ({"tls_data_ports": "60000-60099"}, {}, dial(60000), None),
    "a port that nobody announced": ({}, {}, dial(50000), None),
    "a session, all servers drained": ({}, {}, drained, "no_server"),
    "a session too many": ({}, {"limits": {"control": 1}}, another_session, "control_full"),
    "a connection that guard refuses": ({}, {"guard": [{"interface": "c1", "ports": "1024-65535"}]},
                                        guarded, "guarded"),
}


def state(lab):
    """The contents of the tables."""
    return ({table["name"]: table["used"] for table in lab.gateway.stats()["tables"]},
            {flow["client"] for flow in lab.gateway.flows()},
            [entry["public"] for entry in lab.gateway.expected()])


@pytest.mark.parametrize("what", ROWS)
def test_refused(scene, what):
    rule, config, act, reason = ROWS[what]
    lab, server, vips = scene
    lab.gateway.down()
    lab.gateway.up({"publish": [publish("files", vips, [server], **rule)], **config})
    with lab.client.inside(), contextlib.closing(
            login(lab.client, vips[0], server, "PORT" if "passive" in what else "EPSV")) as session:
        before = state(lab)
        act(lab, session, vips)
        assert not reason or lab.gateway.reason(reason) >= 1
        assert state(lab) == before
        assert session.read("server-name").decode() == server.name


def test_used_up_range_and_a_foreign_peer(scene):
    """The existing expectation stays and is the only one."""
    lab, server, vips = scene
    lab.gateway.down()
    lab.gateway.up({"publish": [publish("files", vips, [server], data_ports="50000-50000")]})
    with lab.client.inside(), contextlib.closing(login(lab.client, vips[0], server, "PASV")) as first, \
            contextlib.closing(login(lab.client, vips[0], server, "PASV")) as second:
        expectation = address_of(first.sendcmd("PASV"))
        before = state(lab)
        command("PASV")(lab, second, vips)
        assert lab.gateway.reason("line_no_port") == 1
        assert not reaches(lab.clients[1], expectation.host, expectation.port)
        assert state(lab) == before
        with socket.create_connection((expectation.host, expectation.port), timeout=10):
            first.putcmd("RETR server-name")
            assert first.getresp().startswith("150")


def test_a_data_connection_too_many(scene):
    lab, server, vips = scene
    server.put("much", bytes(8 << 20))
    lab.gateway.down()
    lab.gateway.up({"publish": [publish("files", vips, [server])], "limits": {"data": 1}})
    with lab.client.inside(), contextlib.closing(login(lab.client, vips[0], server)) as first, \
            contextlib.closing(login(lab.client, vips[0], server)) as second:
        with contextlib.closing(first.transfercmd("RETR much")):
            expectation = address_of(second.sendcmd("EPSV"))
            before = state(lab)
            assert not reaches(lab.client, vips[0], expectation.port)
            assert lab.gateway.reason("data_full") >= 1
            after = state(lab)
            assert after[1] == before[1], "no flow"
            assert after[0]["expected"] <= before[0]["expected"]
