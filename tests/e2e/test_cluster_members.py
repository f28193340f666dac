# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The members of a cluster, with real corosync: who is there, who is synced, who differs."""

import json
import signal
import time

import pytest

from cluster import VIP4, ClusterLab
from lab import wait_until
from prometheus import sample

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow, pytest.mark.xdist_group("test_cluster_members")]

FOUND = 10  # seconds that a member which has just joined waits for others

RULE = {"name": "files", "listen": f"{VIP4}:21", "servers": ["10.2.1.2:21"]}


def other(member, slot):
    return next((entry for entry in json.loads(member.status().stdout)["members"] if entry["slot"] == slot), None)


@pytest.fixture
def lab(request):
    with ClusterLab("members", members=3, config={"publish": [RULE]}) as lab:
        yield lab
        if getattr(request.node, "failed", False):
            print(lab.report())


def test_members_come_and_go(lab):
    first, second, third = lab.members
    first.start_corosync()
    begun = time.monotonic()
    first.run(metrics={"listen": "127.0.0.1:9821"})
    wait_until(lambda: first.synced_with(1), lambda: first.status().stdout)
    assert time.monotonic() - begun > FOUND  # the others may only not have been found yet
    for member in (second, third):
        member.start()
    lab.wait_synced()
    document = json.loads(second.status().stdout)
    assert [entry["name"] for entry in sorted(document["members"], key=lambda entry: entry["slot"])] == [
        "gw1", "gw2", "gw3"]
    assert len({entry["configuration"] for entry in document["members"]}) == 1
    assert (document["commit"], document["on_loss"], document["degraded"]) == ("all", "wait", [])
    assert 0 <= document["lag"] < 10
    code, text = first.service.get()
    assert code == 200
    assert sample(text, "ftpnat_cluster_members") == 3
    assert sample(text, "ftpnat_cluster_synced") == 1
    assert sample(text, "ftpnat_cluster_view_changes_total") >= 3
    assert sample(text, "ftpnat_cluster_messages_total", direction="received") > 0
    assert sample(text, "ftpnat_cluster_commit_seconds_count") > 0

    third.power_off()
    wait_until(lambda: first.synced_with(2), lambda: first.status().stdout)
    assert not other(first, 3)
    second.service.stop()  # it leaves the group at once
    wait_until(lambda: first.synced_with(1), lambda: first.status().stdout)
    assert second.status().returncode == 3
    assert "is not in touch with its cluster" in second.status().stdout


def test_rules_that_differ_and_a_slot_taken_twice(lab):
    first, second, _ = lab.members
    first.start()
    second.start(publish=[dict(RULE, servers=["10.2.1.3:21"])])
    wait_until(lambda: other(first, 2), "the second joins")
    wait_until(lambda: "Slot 2 (gw2) has other rules" in first.status().stdout, lambda: first.status().stdout)
    assert other(first, 1)["configuration"] != other(first, 2)["configuration"]
    for member in (first, second):  # else keepalived would take the addresses from both
        wait_until(lambda: member.document()["synced"], lambda: member.status().stdout)
        assert member.status().returncode == 0 and member.document()["ready"]
    done = first.gateway.load("-j", "status", check=False)
    assert done.returncode == 3
    assert any("Slot 2 (gw2) has other rules" in sentence for sentence in json.loads(done.stdout)["degraded"])

    second.gateway.write(second.config(cluster={"slot": 1}))
    second.service.signal(signal.SIGHUP)
    wait_until(lambda: "Two members say that they are slot 1 (gw1 and gw2)" in first.status().stdout,
               lambda: first.status().stdout)
    wait_until(lambda: second.status().returncode == 3, lambda: second.status().stdout)
    assert first.status().returncode == 0 and first.document()["synced"]
    assert not second.document()["synced"]
    second.gateway.write(second.config())
    second.service.signal(signal.SIGHUP)
    wait_until(lambda: first.synced_with(2), lambda: first.status().stdout)
    assert first.status().returncode == 0


def test_corosync_dies_and_comes_back(lab):
    first, second, _ = lab.members
    first.start()
    second.start()
    lab.wait_synced([first, second])
    first.corosync.popen.kill()
    wait_until(lambda: "corosync can't be reached" in first.status().stdout, lambda: first.status().stdout)
    assert first.status().returncode == 3
    wait_until(lambda: second.synced_with(1), lambda: second.status().stdout)
    first.corosync.popen.wait()
    first.start_corosync()
    lab.wait_synced([first, second])


def test_corosync_comes_later(lab):
    first = lab.members[0]
    first.run()
    first.service.wait_log("corosync can't be reached", "`systemctl start corosync`")
    assert first.status().returncode == 3
    first.start_corosync()
    wait_until(lambda: other(first, 1), lambda: first.status().stdout)
    assert first.service.log().count("can't be reached") == 1


def test_no_cluster(lab):
    first = lab.members[0]
    first.gateway.up(lab.config)
    done = first.gateway.load("cluster", check=False)
    assert done.returncode == 1
    assert "belongs to no cluster: add `cluster:`" in done.stdout + (done.stderr or "")
    assert "ftpnat_cluster_" not in first.gateway.load("metrics").stdout
    assert first.gateway.load("cluster", "statsu", check=False).returncode == 2
