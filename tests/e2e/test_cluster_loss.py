# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The other gateway, or the engine, doesn't answer: what `on_loss` says."""

import os
import signal

import pytest

from cluster import VIP4, ClusterLab
from lab import wait_until
from prometheus import sample
from servers import Pyftpdlib
from test_cluster_takeover import Talk

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow, pytest.mark.xdist_group("test_cluster_loss")]


@pytest.fixture
def make(request):
    labs = []

    def start(**cluster):
        rule = {"name": "files", "listen": f"{VIP4}:21", "servers": ["10.2.1.2:21"]}
        # a token long enough that the engine does not give a stopped member up during the test
        lab = ClusterLab(f"loss-{cluster['on_loss']}", token=20000, config={"publish": [rule]}, **cluster)
        labs.append(lab)
        for member in lab.members:
            member.start_corosync()
        for number, member in enumerate(lab.members):
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
    assert sample(first.service.get()[1], "ftpnat_cluster_unprotected_total") == 0
    stop(second)
    assert talk.transfer("server-name").decode() == server.name
    assert sample(first.service.get()[1], "ftpnat_cluster_unprotected_total") >= 1
    go(second)


def test_own_run_is_dead(make):
    """The programs notice by themselves."""
    lab, server = make(on_loss="go_on", commit="all")
    first, _ = lab.members
    talk = Talk(lab).login()
    first.service.process.popen.kill()
    first.service.process.popen.wait()
    assert talk.transfer("server-name").decode() == server.name
    assert first.gateway.reason("uncommitted") == 0
