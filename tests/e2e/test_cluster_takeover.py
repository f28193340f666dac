# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A gateway dies in the middle of sessions and transfers, and another one goes on with them."""

import hashlib
import json
import os
import socket

import pytest

from cluster import VIP4, VIP6, ClusterLab
from cluster_talk import Talk, read_all
from lab import wait_until
from servers import FOLDER, Pyftpdlib

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow, pytest.mark.xdist_group("test_cluster_takeover")]

SIZE = 24 << 20


@pytest.fixture(params=["all", "none"])
def lab(request):
    rule = {"name": "files", "listen": [f"{VIP4}:21", f"[{VIP6}]:21"],
            "servers": ["10.2.1.2:21", "[fd00:2:1::2]:21"]}
    with ClusterLab(f"takeover-{request.param}", config={"publish": [rule]}, commit=request.param) as lab:
        lab.start()
        lab.members[0].take_addresses()
        yield lab


@pytest.fixture
def server(lab):
    server = Pyftpdlib(lab.server).start()
    server.big = os.urandom(SIZE)
    server.put("big", server.big)
    return server


def sessions(member):
    return json.loads(member.status().stdout)["sessions"]


def replicated(lab):
    """Have both gateways the same number of sessions?"""
    first, second = map(sessions, lab.members)
    return first["own"] == second["replica"] and first["own"] > 0


@pytest.mark.parametrize("address", [VIP4, VIP6])
def test_session_and_transfer_go_on(lab, server, address):
    first, second = lab.members
    talk = Talk(lab, address).login()
    wait_until(lambda: replicated(lab), lambda: f"replicated: {sessions(first)} {sessions(second)}")
    assert sessions(first)["unprotected"] == 0
    port = talk.passive()
    data = talk.dial(port)
    talk.say("RETR big", "1")
    got = read_all(data, SIZE // 8)
    wait_until(lambda: len(second.gateway.flows()) == 2, lambda: f"both connections: {second.gateway.flows()}")
    first.power_off()
    second.take_addresses()
    got += read_all(data)
    talk.reply("226")
    assert hashlib.sha256(got).digest() == hashlib.sha256(server.big).digest()
    for _ in range(2):
        assert hashlib.sha256(talk.transfer("big")).digest() == hashlib.sha256(server.big).digest()
    wait_until(lambda: second.synced_with(1), lambda: second.status().stdout)
    assert sessions(second) == {"own": 1, "replica": 0, "unprotected": 1}
    assert second.gateway.reason("taken_over") >= 2
    talk.say("QUIT", "221")
    wait_until(lambda: not second.gateway.expected(), "nothing stays open")


def test_announced_port_is_open_on_the_other(lab, server):
    first, second = lab.members
    talk = Talk(lab).login()
    port = talk.passive()
    wait_until(lambda: [entry["public"] for entry in second.gateway.expected()] == [f"{VIP4}:{port}"],
               lambda: f"announced there, too: {second.gateway.expected()}")
    first.power_off()
    second.take_addresses()
    data = talk.dial(port)
    talk.say("RETR server-name", "1")
    assert read_all(data).decode() == server.name
    talk.reply("226")
    assert not second.gateway.expected()


def test_ends_are_told(lab, server):
    first, second = lab.members
    talk = Talk(lab).login()
    assert talk.transfer("server-name").decode() == server.name
    wait_until(lambda: sessions(second)["replica"] == 1, "replicated")
    assert not second.gateway.expected()
    assert first.gateway.load("flows", "--delete", "--client", "10.1.1.2").returncode == 0
    wait_until(lambda: sessions(second)["replica"] == 0, "gone there, too")


def test_who_comes_late_gets_all(lab, server):
    first, second = lab.members
    second.service.stop()
    second.gateway.down()
    wait_until(lambda: first.synced_with(1), lambda: first.status().stdout)
    talk = Talk(lab).login()
    port = talk.passive()
    assert sessions(first) == {"own": 1, "replica": 0, "unprotected": 1}
    second.run()
    lab.wait_synced()
    assert sessions(second)["replica"] == 1
    assert sessions(first)["unprotected"] == 0
    first.power_off()
    second.take_addresses()
    data = talk.dial(port)
    talk.say("RETR big", "1")
    assert hashlib.sha256(read_all(data)).digest() == hashlib.sha256(server.big).digest()
    talk.reply("226")
    talk.say("QUIT", "221")


@pytest.mark.parametrize("lab", ["all"], indirect=True)  # else a line may be on its way to the other
def test_each_step_on_another_gateway(lab, server):
    """
    The addresses move between two living gateways in front of each line, and within lines:
    both go on with the session, which stays with its owner.
    """
    talk = Talk.__new__(Talk)
    talk.lab, talk.address = lab, VIP4
    members = [*lab.members]

    def move():
        members.reverse()
        members[0].take_addresses()

    with lab.client.inside():
        talk.socket = socket.create_connection((VIP4, 21), timeout=60)
    talk.file = talk.socket.makefile("rb")
    move()
    talk.reply("220")
    for line, code in (("USER ftpnat", "331"), ("PASS secret", "230"), ("TYPE I", "200"), (f"CWD {FOLDER}", "250"),
                       ("NOOP", "200")):
        move()
        talk.say(line, code)
    for _ in range(2):
        move()
        port = talk.passive()
        move()
        data = talk.dial(port)
        move()
        talk.socket.sendall(b"RETR ")
        move()
        talk.say("server-name", "1")
        move()
        assert read_all(data).decode() == server.name
        talk.reply("226")
    # active mode: the line grows or shrinks, and is cut in two
    with lab.client.inside(), socket.socket() as listener:
        listener.bind((lab.client.ip4, 0))
        listener.listen()
        port = listener.getsockname()[1]
        text = f"PORT {lab.client.ip4.replace('.', ',')},{port // 256},{port % 256}"
        move()
        talk.socket.sendall(text[:12].encode())
        move()
        talk.say(text[12:], "200")
        move()
        talk.say("RETR server-name", "1")
        listener.settimeout(60)
        data, _ = listener.accept()
    assert read_all(data).decode() == server.name
    talk.reply("226")
    move()
    talk.say("QUIT", "221")
    assert sum(member.gateway.reason("parked") for member in members) >= 20
    assert sum(member.gateway.reason("sent_on") for member in members) >= 10
    for member in members:
        assert member.gateway.reason("uncommitted") == 0


def test_what_waits_is_counted(lab, server):
    first = lab.members[0]
    talk = Talk(lab).login()
    assert talk.transfer("server-name").decode() == server.name
    parked = first.gateway.reason("parked")
    assert parked > 10 if lab.cluster["commit"] == "all" else parked == 0
    assert first.gateway.reason("uncommitted") == 0
