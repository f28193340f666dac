# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""docs/deployments/10-cluster-keepalived.md: the example and the configuration of keepalived, as they are there."""

import hashlib
import json
import os

import pytest

from cluster import VIP4, ClusterLab
from cluster_talk import Talk, read_all
from keepalived import holds, start_keepalived
from lab import wait_until
from servers import Pyftpdlib
from test_cluster_takeover import SIZE

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow, pytest.mark.xdist_group("test_deployment_10_cluster")]


@pytest.fixture
def lab():
    rule = {"name": "files", "listen": f"{VIP4}:21", "servers": ["10.2.1.2:21"], "data_ports": "50000-59999"}
    with ClusterLab("keepalived", config={"publish": [rule]}, commit="all", on_loss="wait") as lab:
        lab.start()
        # the client is on the link of the published address
        lab.client.ip("addr add 192.0.2.100/24 dev eth0")
        for member in lab.members:
            start_keepalived(member)
        yield lab


def test_power_off_of_the_active_one(lab):
    first, second = lab.members
    server = Pyftpdlib(lab.server).start()
    big = os.urandom(SIZE)
    server.put("big", big)
    wait_until(lambda: holds(first) != holds(second), "one has the addresses")
    active, other = (first, second) if holds(first) else (second, first)
    talk = Talk(lab).login()
    idle = Talk(lab).login()
    data = talk.dial(talk.passive())
    talk.say("RETR big", "1")
    got = read_all(data, SIZE // 8)
    active.power_off()
    got += read_all(data)
    talk.reply("226")
    assert hashlib.sha256(got).digest() == hashlib.sha256(big).digest()
    assert idle.transfer("server-name").decode() == server.name
    assert holds(other)
    assert json.loads(other.status().stdout)["sessions"]["own"] == 2
    assert other.gateway.reason("taken_over") >= 3
