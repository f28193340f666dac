# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The gateways of a cluster lose each other and find each other again, with real corosync."""

import os
import signal

import pytest

from cluster import VIP4, ClusterLab
from cluster_talk import Client
from lab import wait_until
from power import Power, power_on
from servers import Pyftpdlib

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow, pytest.mark.xdist_group("test_cluster_partition")]

SIZE = 1 << 20


@pytest.fixture(scope="module")
def lab():
    rule = {"name": "files", "listen": f"{VIP4}:21", "servers": ["10.2.1.2:21"]}
    with ClusterLab("partition", config={"publish": [rule]}, commit="all") as lab:
        lab.start()
        lab.members[0].take_addresses()
        lab.ftpd = Pyftpdlib(lab.server).start()
        lab.ftpd.bytes = os.urandom(SIZE)
        lab.ftpd.put("file", lab.ftpd.bytes)
        yield lab


def link(lab, up):
    """Between the gateways."""
    lab.switch.ip(f"link set p0-1 {'up' if up else 'down'}")


def wait_alone(lab):
    for member in lab.members:
        wait_until(lambda: member.synced_with(1), lambda: member.status().stdout)


def session(lab):
    return Client(lab, VIP4).login()


def transfer(lab, client, mode="PASV"):
    assert client.retrieve(mode, "file") == lab.ftpd.bytes


def end(lab, client):
    client.say("QUIT", "221")
    client.socket.close()
    wait_until(lambda: not any(member.gateway.expected() for member in lab.members), "nothing stays open")


def test_flapping(lab):
    client = session(lab)
    for up in (False, True) * 2:
        link(lab, up)
        client.say("NOOP", "200")
        transfer(lab, client, "PORT" if up else "PASV")
    lab.wait_synced()
    transfer(lab, client)
    end(lab, client)


def test_corosync_of_the_other_is_stopped(lab):
    first, second = lab.members
    client = session(lab)
    os.kill(second.corosync.popen.pid, signal.SIGSTOP)
    try:
        transfer(lab, client)  # lines wait until it is found to be gone
        wait_until(lambda: first.synced_with(1), lambda: first.status().stdout)
    finally:
        os.kill(second.corosync.popen.pid, signal.SIGCONT)
    lab.wait_synced()
    transfer(lab, client)
    end(lab, client)


def test_what_one_part_did_is_known_after_the_heal(lab):
    """A session that began, and one that went on, while the gateways were apart; then theirs is powered off."""
    first, second = lab.members
    old = session(lab)
    link(lab, False)
    wait_alone(lab)
    new = session(lab)
    for client in (old, new):
        transfer(lab, client)
    port = new.passive_port("PASV")
    link(lab, True)
    lab.wait_synced()
    wait_until(lambda: [entry["public"] for entry in second.gateway.expected()] == [f"{VIP4}:{port}"],
               lambda: f"known there, too: {second.gateway.expected()}")
    power = Power(first)
    first.power_off()
    second.take_addresses()
    data = new.dial(port)
    new.say("RETR file", "1")
    with data, data.makefile("rb") as file:
        assert file.read() == lab.ftpd.bytes
    new.reply("226")
    transfer(lab, old, "PORT")

    # it comes back while transfers are under way
    data = old.dial(old.passive_port("PASV"))
    old.say("RETR file", "1")
    power_on(power)
    with data, data.makefile("rb") as file:
        assert file.read() == lab.ftpd.bytes
    old.reply("226")
    for client in (old, new):
        end(lab, client)
