# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""cluster take, drain and resync, with real corosync."""

import json

import pytest

from cluster import VIP4, ClusterLab
from cluster_talk import Talk, read_all
from lab import run, wait_until
from servers import Pyftpdlib

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow, pytest.mark.xdist_group("test_cluster_orders")]


@pytest.fixture
def lab():
    rule = {"name": "files", "listen": f"{VIP4}:21", "servers": ["10.2.1.2:21"]}
    with ClusterLab("orders", config={"publish": [rule]}, commit="all") as lab:
        lab.start()
        lab.members[0].take_addresses()
        yield lab


@pytest.fixture
def server(lab):
    return Pyftpdlib(lab.server).start()


def order(member, what, code=0):
    done = member.gateway.load("-j", "cluster", what, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def sessions(member):
    document = member.document()["sessions"]
    return document["own"], document["replica"]


def has(member, own, replica):
    wait_until(lambda: sessions(member) == (own, replica), lambda: f"{own} own, {replica} replicas: {sessions(member)}")


def test_take_and_drain(lab, server):
    first, second = lab.members
    talks = [Talk(lab).login() for _ in range(3)]
    ports = [talk.passive() for talk in talks]
    has(second, 0, 3)
    assert len(second.gateway.expected()) == 3
    # a late ACK would bring its session back to the first
    wait_until(lambda: "unacked" not in run(server.node.command(["ss", "-Htin"])).stdout, "the clients acknowledge")

    # before a packet comes there
    assert order(second, "take") == {"schema": 1, "done": "take", "sessions": 3}
    has(second, 3, 0)
    has(first, 0, 3)
    assert order(second, "take")["sessions"] == 0
    assert second.gateway.reason("taken_over") == 3
    second.take_addresses()
    data = talks[0].dial(ports[0])
    talks[0].say("RETR server-name", "1")
    assert read_all(data).decode() == server.name
    talks[0].reply("226")
    assert second.gateway.reason("taken_over") == 3

    # given away; keepalived's script sees that, here the addresses move by hand
    document = order(second, "drain")
    assert document == {"schema": 1, "done": "drain", "sessions": 3, "to": 1, "name": "gw1", "left": 0}
    has(first, 3, 0)
    status = second.status()
    assert status.returncode == 3
    assert "This gateway is drained: its sessions are given to slot 1." in status.stdout
    wait_until(lambda: [entry["drained"] for entry in sorted(first.document()["members"], key=lambda e: e["slot"])] ==
               [False, True], lambda: first.status().stdout)
    assert first.status().returncode == 0
    assert "no other member is synced and takes sessions" in order(first, "drain", 1)["error"]["message"]

    # packets that still come to it are sent on
    talks[1].say("NOOP", "200")
    assert sessions(second) == (0, 3)
    assert second.gateway.reason("sent_on") > 0
    first.take_addresses()
    has(first, 3, 0)
    for talk, port in zip(talks[1:], ports[1:]):
        data = talk.dial(port)
        talk.say("RETR server-name", "1")
        assert read_all(data).decode() == server.name
        talk.reply("226")
    assert order(second, "take")["sessions"] == 3
    assert second.status().returncode == 0
    second.take_addresses()
    for talk in talks:
        assert talk.transfer("server-name").decode() == server.name
        talk.say("QUIT", "221")


def test_resync(lab, server):
    first, second = lab.members
    talk = Talk(lab).login()
    has(second, 0, 1)
    # what the second has lost somehow is told again
    flows = f"{second.gateway.pin}/ftpnat_flows"
    for entry in json.loads(run(["bpftool", "-j", "map", "dump", "pinned", flows]).stdout):
        run(["bpftool", "map", "delete", "pinned", flows, "key", "hex", *(byte[2:] for byte in entry["key"])])
    assert sessions(second) == (0, 0)
    document = order(second, "resync")
    assert document["done"] == "resync" and document["connections"] >= 1
    has(second, 0, 1)
    assert second.status().returncode == 0
    second.take_addresses()
    assert talk.transfer("server-name").decode() == server.name


def test_nobody_to_ask(lab):
    first, second = lab.members
    second.power_off()
    wait_until(lambda: first.synced_with(1), lambda: first.status().stdout)
    assert "there is nobody to ask" in order(first, "resync", 1)["error"]["message"]
    assert "takes sessions" in order(first, "drain", 1)["error"]["message"]
    assert first.status().returncode == 0
    assert order(first, "take")["sessions"] == 0
    first.service.stop()
    message = order(first, "take", 1)["error"]["message"]
    assert "no `ftpnat-load run` of" in message and "start it" in message
    assert first.gateway.load("cluster", "tkae", check=False).returncode == 2
    first.gateway.write(lab.config)
    first.gateway.load("reload")
    assert "belongs to no cluster" in order(first, "drain", 1)["error"]["message"]
