# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The other gateway, or the engine, doesn't answer: what `on_loss` says."""

import os
import signal

import pytest

from cluster import VIP4, ClusterLab
from cluster_talk import Talk, read_all
from lab import run, wait_until
from prometheus import sample
from servers import Pyftpdlib

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow, pytest.mark.xdist_group("test_cluster_loss")]

PATIENT = "5s"  # commit_timeout: a peer on a busy machine isn't late


@pytest.fixture
def make(request):
    labs = []

    # a token long enough that the engine does not give a stopped member up during the test
    def start(token=20000, own_run=False, **cluster):
        rule = {"name": "files", "listen": f"{VIP4}:21", "servers": ["10.2.1.2:21"]}
        lab = ClusterLab(f"loss-{cluster['on_loss']}", token=token, config={"publish": [rule]}, **cluster)
        labs.append(lab)
        for member in lab.members:
            member.start_corosync()
        for number, member in enumerate(lab.members):
            if own_run:
                member.own_run()
            member.run(**({"metrics": {"listen": "127.0.0.1:9821"}} if not number else {}))
        lab.wait_synced()
        lab.members[0].take_addresses()
        return lab, Pyftpdlib(lab.server).start()

    yield start
    for lab in labs:
        lab.close()


def stop(member):
    os.kill(member.service.process.popen.pid, signal.SIGSTOP)


def go(member):
    os.kill(member.service.process.popen.pid, signal.SIGCONT)


def test_wait(make):
    lab, server = make(on_loss="wait", commit="all")
    first, second = lab.members
    talk = Talk(lab).login()
    stop(second)
    talk.socket.sendall(b"NOOP\r\n")
    talk.socket.settimeout(1)
    with pytest.raises(TimeoutError):
        talk.socket.recv(100)
    assert sample(first.service.get()[1], "ftpnat_cluster_parked") >= 1
    go(second)
    talk.socket.settimeout(60)
    assert talk.socket.recv(100).startswith(b"200")
    wait_until(lambda: sample(first.service.get()[1], "ftpnat_cluster_parked") == 0, "nothing waits")
    assert sample(first.service.get()[1], "ftpnat_cluster_unprotected_total") == 0


def test_go_on(make):
    lab, server = make(on_loss="go_on", commit="all", commit_timeout="30ms")
    first, second = lab.members
    talk = Talk(lab).login()
    stop(second)
    before = sample(first.service.get()[1], "ftpnat_cluster_unprotected_total")
    assert talk.transfer("server-name").decode() == server.name
    assert sample(first.service.get()[1], "ftpnat_cluster_unprotected_total") > before
    go(second)


def test_stays_late(make):
    """However many messages an engine that takes none leaves behind, the peers don't know the oldest."""
    lab, _ = make(on_loss="go_on", commit="all", commit_timeout="2s")
    first, _ = lab.members
    talk = Talk(lab).login()
    before = sample(first.service.get()[1], "ftpnat_cluster_late_total")
    os.kill(first.corosync.popen.pid, signal.SIGSTOP)
    for _ in range(700):  # each line is a message, and so is its reply
        talk.say("NOOP", "200")
    assert sample(first.service.get()[1], "ftpnat_cluster_late") == 1
    assert sample(first.service.get()[1], "ftpnat_cluster_late_total") == before + 1
    os.kill(first.corosync.popen.pid, signal.SIGCONT)
    wait_until(lambda: sample(first.service.get()[1], "ftpnat_cluster_late") == 0, "they are on time again")


def test_refuse(make):
    lab, server = make(on_loss="refuse", commit="all", commit_timeout=PATIENT)
    first, second = lab.members
    talk = Talk(lab).login()
    announced = talk.passive()
    stop(second)
    wait_until(lambda: "answer late: new data connections are refused" in first.status().stdout,
               lambda: first.status().stdout)
    assert first.status().returncode == 0  # it is the one that is well
    assert sample(first.service.get()[1], "ftpnat_cluster_late") == 1
    # what was announced before, and all other lines, go on
    data = talk.dial(announced)
    talk.say("RETR server-name", "1")
    assert read_all(data).decode() == server.name
    talk.reply("226")
    before = first.gateway.reason("line_unprotected")
    assert talk.say("PASV", "425").startswith("425 A part of this service is away")
    assert talk.say("EPSV", "425").startswith("425 A part of this service is away")
    assert talk.say("PORT 10,1,1,2,200,10", "425").startswith("425 A part of this service is away")
    assert first.gateway.reason("line_unprotected") == before + 3
    assert not first.gateway.expected()
    talk.say("NOOP", "200")
    assert first.document()["sessions"] == {"own": 1, "replica": 0, "unprotected": 1}
    assert [flow["cluster"] for flow in first.gateway.flows() if flow["kind"] == "control"] == ["unprotected"]
    go(second)
    lab.wait_synced()
    wait_until(lambda: first.document()["sessions"]["unprotected"] == 0, lambda: str(first.document()))
    assert talk.transfer("server-name").decode() == server.name
    assert sample(first.service.get()[1], "ftpnat_cluster_late") == 0
    wait_until(lambda: [flow["cluster"] for flow in second.gateway.flows() if flow["kind"] == "control"] ==
               ["replica"], lambda: f"{second.gateway.flows()}")
    assert [flow["cluster"] for flow in first.gateway.flows() if flow["kind"] == "control"] == ["own"]


def test_refuse_while_corosync_is_away(make):
    # the other engine may notice the death only when its token is lost, then agrees for 1.2 tokens
    lab, server = make(token=1000, on_loss="refuse", commit="all", commit_timeout=PATIENT)
    first, _ = lab.members
    talk = Talk(lab).login()
    assert talk.transfer("server-name").decode() == server.name
    first.corosync.popen.kill()
    first.corosync.popen.wait()
    wait_until(lambda: "corosync can't be reached" in first.status().stdout, lambda: first.status().stdout)
    talk.say("EPSV", "425")
    talk.say("NOOP", "200")
    first.start_corosync()
    lab.wait_synced()
    # another session: of the refused EPSV the server may have grown tired by now
    assert Talk(lab).login().transfer("server-name").decode() == server.name


def fill(member):
    """The disks of its `run` and of its corosync."""
    own = ("nsenter", "-m", "-t", str(member.corosync.popen.pid))
    for where, folder in (((), member.file("run")), (own, "/run"), (own, "/var/lib/corosync")):
        done = run([*where, "sh", "-c", 'cat /dev/zero >"$0/full"', folder], check=False)
        assert "No space left on device" in done.stdout, done.stdout


def test_disks_are_full(make):
    """/run and /var/lib/corosync, on both gateways, while one dies."""
    lab, server = make(token=1000, own_run=True, on_loss="wait", commit="all")
    first, second = lab.members
    talk = Talk(lab).login()
    for member in lab.members:
        fill(member)
    assert talk.transfer("server-name").decode() == server.name
    first.power_off()
    second.take_addresses()
    for _ in range(2):
        assert talk.transfer("server-name").decode() == server.name
    wait_until(lambda: second.synced_with(1), lambda: second.status().stdout)
    assert second.document()["sessions"] == {"own": 1, "replica": 0, "unprotected": 1}
    assert second.corosync.alive()


def test_refuse_when_own_run_is_dead(make):
    lab, _ = make(on_loss="refuse", commit="all")
    first, _ = lab.members
    talk = Talk(lab).login()
    first.service.process.popen.kill()
    first.service.process.popen.wait()
    wait_until(lambda: talk.say("EPSV", "").startswith("425 A part"), "the programs notice")
    talk.say("NOOP", "200")


def test_own_run_is_dead(make):
    """The programs notice by themselves."""
    lab, server = make(on_loss="go_on", commit="all")
    first, _ = lab.members
    talk = Talk(lab).login()
    first.service.process.popen.kill()
    first.service.process.popen.wait()
    assert talk.transfer("server-name").decode() == server.name
    assert first.gateway.reason("uncommitted") == 0
