# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""docs/deployments/10-cluster-keepalived.md: the example and the configuration of keepalived, as they are there."""

import hashlib
import json
import os

import pytest

from cluster import NEXT4, VIP4, ClusterLab
from cluster_talk import Talk, read_all
from keepalived import start_keepalived
from lab import wait_until
from servers import Pyftpdlib
from test_cluster_takeover import SIZE

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow, pytest.mark.xdist_group("test_deployment_10_cluster")]


def holds(member):
    """How many of the two addresses."""
    return sum(f" {address}/" in member.gw.run(["ip", "addr", "show", "dev", interface]).stdout
               for interface, address in (("c1", VIP4), ("s1", NEXT4)))


def active_and_other(lab):
    """Both addresses are on one of them."""
    wait_until(lambda: sorted(map(holds, lab.members)) == [0, 2],
               lambda: f"one has the addresses: {[*map(holds, lab.members)]}")
    return sorted(lab.members, key=holds, reverse=True)


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


def test_not_synced_then_power_off(lab):
    server = Pyftpdlib(lab.server).start()
    big = os.urandom(SIZE)
    server.put("big", big)
    active, other = active_and_other(lab)
    idle = Talk(lab).login()

    # track_script, notify_master: one that is not synced has no addresses, and no sessions either
    active.service.stop()
    wait_until(lambda: holds(other) == 2 and not holds(active), "the addresses move")
    wait_until(lambda: other.document()["sessions"]["own"] == 1, lambda: f"taken: {other.status().stdout}")
    assert idle.transfer("server-name").decode() == server.name
    active.keepalived.forget()
    active.run()
    lab.wait_synced()
    wait_until(lambda: "Script `ftpnat` now returning 0" in active.keepalived.output(), active.keepalived.output)

    active, other = active_and_other(lab)
    talk = Talk(lab).login()
    data = talk.dial(talk.passive())
    talk.say("RETR big", "1")
    got = read_all(data, SIZE // 8)
    active.keepalived.popen.kill()
    active.power_off()
    got += read_all(data)
    talk.reply("226")
    assert hashlib.sha256(got).digest() == hashlib.sha256(big).digest()
    assert idle.transfer("server-name").decode() == server.name
    assert holds(other) == 2
    assert json.loads(other.status().stdout)["sessions"]["own"] == 2
    assert other.gateway.reason("taken_over") >= 3
