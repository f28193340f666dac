# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Health checks of `run`: a server found down gets no new connections, and comes back by itself."""

import os
import signal

import pytest

from follower import Follower
from lab import wait_until
from prometheus import sample
from scenes import login, publish
from servers import TOP, Pyftpdlib
from service import METRICS, Service

pytestmark = pytest.mark.ftpnat

CHECKS = {"interval": 1, "timeout": 1, "rise": 2, "fall": 2}
TALKER = """
import socket, sys, time
listener = socket.create_server(("10.2.2.2", 21))
while True:
    connection, _ = listener.accept()
    connection.sendall(sys.argv[1].encode().decode("unicode_escape").encode())
    time.sleep(float(sys.argv[2]))
    connection.close()
"""


class Scene:
    """Two servers behind one rule, over IPv4; the second is the one that fails."""

    def __init__(self, make_lab, health=CHECKS, talk=None, environment=None, config=None):
        self.lab = make_lab(servers=2)
        self.vips = self.lab.vips()
        self.good = Pyftpdlib(self.lab.servers[0], addresses=(self.lab.servers[0].ip4,)).start()
        self.other = Pyftpdlib(self.lab.servers[1], addresses=(self.lab.servers[1].ip4,))
        if talk:
            self.talk(*talk)
        else:
            self.other.start()
        self.config = {"publish": [publish("files", self.vips[:1], [(self.good, 1), (self.other, 3)],
                                           **({"health": health} if health else {}))], **METRICS, **(config or {})}
        self.lab.gateway.write(self.config)
        self.service = Service(self.lab, **(environment or {}))

    def stop(self):
        for process in self.other.processes:
            process.stop()
        self.other.processes.clear()

    def talk(self, text, seconds):
        """Another kind of server instead of the second."""
        process = self.lab.servers[1].start(["/usr/bin/python3", "-c", TALKER, text, str(seconds)], "talker")
        wait_until(lambda: self.lab.servers[1].listening("10.2.2.2", 21), "it listens")
        return process

    def up(self, server):
        return sample(self.service.get()[1], "ftpnat_server_up", rule="files", server=f"{server.node.ip4}:21")

    def wait(self, up):
        wait_until(lambda: self.up(self.other) == up, f"{self.other.name} is {'up' if up else 'down'}; "
                   f"log: {self.service.log()}", 30)

    def by_hand(self, verb):
        """What `servers drain` or `servers resume` of the second server says."""
        return self.lab.gateway.load("servers", verb, "files", f"{self.other.node.ip4}:21").stdout

    def state(self):
        """(state, by whom it is drained) of the second server in `servers`; the table says the same."""
        listed = next(server for server in self.lab.gateway.listing("servers")["servers"]
                      if server["address"] == f"{self.other.node.ip4}:21")
        row = next(line for line in self.lab.gateway.load("servers").stdout.splitlines() if listed["address"] in line)
        assert row.split("  ")[-1].strip() == listed["state"], row
        return listed["state"], listed["drained_by"]

    def greeted_by(self, times=12):
        """Names of the servers that new sessions reach."""
        names = set()
        with self.lab.client.inside():
            for _ in range(times):
                session = login(self.lab.client, self.vips[0], self.good)
                names.add(session.server_name())
                session.quit()
        return names


def test_dead_server_is_left_out_until_it_is_back(make_lab):
    scene = Scene(make_lab)
    scene.wait(1)
    assert scene.greeted_by(40) == {scene.good.name, scene.other.name}
    scene.stop()
    scene.wait(0)
    assert scene.up(scene.good) == 1
    assert scene.greeted_by() == {scene.good.name}
    assert "server 10.2.2.2:21 of rule files is down: Connection refused" in scene.service.log()
    scene.other.start()
    scene.wait(1)
    assert "server 10.2.2.2:21 of rule files is up" in scene.service.log()
    assert scene.greeted_by(40) == {scene.good.name, scene.other.name}


@pytest.mark.parametrize("text, seconds, why", [
    (r"421 too busy\r\n", 0, "its greeting is not a 220"),
    ("22", 0, "it closed the connection without a greeting"),
    ("22", 30, "no greeting within the timeout"),
])
def test_wrong_greeting(make_lab, text, seconds, why):
    scene = Scene(make_lab, talk=(text, seconds))
    scene.wait(0)
    assert f"server 10.2.2.2:21 of rule files is down: {why}\n" in scene.service.log()


def test_long_greeting_is_one(make_lab):
    scene = Scene(make_lab)
    scene.stop()
    scene.wait(0)
    scene.talk(r"220-hello\r\n220 there\r\n", 0)
    scene.wait(1)


def test_existing_sessions_continue(make_lab):
    scene = Scene(make_lab)
    scene.wait(1)
    with scene.lab.client.inside():
        sessions = [login(scene.lab.client, scene.vips[0], scene.good, "PASV") for _ in range(12)]
        kept = next(session for session in sessions if session.server_name() == scene.other.name)
        # the listener is gone, the session continues in the same process: it is stopped for a while
        scene.other.processes[0].popen.send_signal(signal.SIGSTOP)
        scene.wait(0)
        scene.other.processes[0].popen.send_signal(signal.SIGCONT)
        assert kept.read("server-name").decode() == scene.other.name
        for session in sessions:
            session.close()
    scene.wait(1)


def test_next_run_keeps_servers_down(make_lab):
    scene = Scene(make_lab)
    scene.stop()
    scene.wait(0)
    scene.service.signal(signal.SIGKILL)
    scene.service.ended()
    scene.service = Service(scene.lab)
    assert scene.up(scene.other) == 0
    assert scene.greeted_by() == {scene.good.name}
    scene.other.start()
    scene.wait(1)
    assert scene.greeted_by(40) == {scene.good.name, scene.other.name}


def test_reload_leaves_it_down_and_one_without_checks_takes_it_back(make_lab):
    scene = Scene(make_lab)
    scene.stop()
    scene.wait(0)
    scene.service.reload()
    assert scene.up(scene.other) == 0
    assert scene.greeted_by() == {scene.good.name}
    scene.other.start()
    plain = [{key: value for key, value in rule.items() if key != "health"} for rule in scene.config["publish"]]
    scene.service.reload({**scene.config, "publish": plain})
    assert scene.up(scene.other) is None
    assert scene.greeted_by(40) == {scene.good.name, scene.other.name}


def test_drained_by_hand_stays_so_when_it_is_well_again(make_lab):
    scene = Scene(make_lab)
    both = {scene.good.name, scene.other.name}
    scene.wait(1)
    assert scene.state() == ("up", [])
    scene.by_hand("drain")
    assert scene.state() == ("drained", ["hand"])
    scene.stop()
    scene.wait(0)
    assert scene.state() == ("drained, down (health)", ["hand", "health"])
    scene.service.reload()
    assert scene.state() == ("drained, down (health)", ["hand", "health"])
    assert scene.greeted_by() == {scene.good.name}
    scene.other.start()
    scene.wait(1)
    assert scene.state() == ("drained", ["hand"])
    assert scene.greeted_by(40) == {scene.good.name}
    assert scene.by_hand("resume") == "files 10.2.2.2:21: up\n"
    assert scene.state() == ("up", [])
    assert scene.greeted_by(40) == both


def test_down_is_not_resumed_by_hand(make_lab):
    scene = Scene(make_lab)
    scene.stop()
    scene.wait(0)
    assert scene.state() == ("down (health)", ["health"])
    said = scene.by_hand("resume")
    assert "files 10.2.2.2:21: down (health) already\n" in said and "failed its health checks" in said
    scene.by_hand("drain")
    said = scene.by_hand("resume")
    assert "files 10.2.2.2:21: down (health)\n" in said and "failed its health checks" in said
    assert scene.state() == ("down (health)", ["health"])
    assert scene.greeted_by() == {scene.good.name}
    scene.other.start()
    scene.wait(1)
    assert scene.state() == ("up", [])
    assert scene.greeted_by(40) == {scene.good.name, scene.other.name}


def test_without_checks_in_the_rule_only_the_hand_counts(make_lab):
    """Without `run`: a reload undoes what the checks did, and only that."""
    scene = Scene(make_lab)
    scene.by_hand("drain")
    scene.stop()
    scene.wait(0)
    assert scene.service.stop() == 0
    scene.lab.gateway.reload(scene.config)
    assert scene.state() == ("drained, down (health)", ["hand", "health"])
    plain = [{key: value for key, value in rule.items() if key != "health"} for rule in scene.config["publish"]]
    scene.lab.gateway.reload({**scene.config, "publish": plain})
    assert scene.state() == ("drained", ["hand"])
    scene.other.start()
    assert scene.greeted_by() == {scene.good.name}
    scene.by_hand("resume")
    assert scene.greeted_by(40) == {scene.good.name, scene.other.name}


def test_checks_are_no_sessions(make_lab):
    """Not of a rule that would have them, and nothing that a guard drops; no event names them."""
    scene = Scene(make_lab, config={"track": [{"name": "all", "servers": ["10.2.0.0/16"]}],
                                    "guard": [{"interface": name, "ports": [21]} for name in ("s1", "s2")]})
    follower = Follower(scene.lab, "--json")
    scene.wait(1)
    scene.stop()
    scene.wait(0)
    scene.other.start()
    scene.wait(1)
    gateway = scene.lab.gateway
    assert gateway.flows() == []
    assert gateway.rule("all")["sessions"] == gateway.reason("control_unanswered") == gateway.reason("guarded") == 0
    assert scene.greeted_by(2)
    follower.wait("control_closed", count=2)
    assert {entry["rule"] for entry in follower.entries()} == {"files"}
    assert gateway.rule("files")["sessions"] == 2


def test_no_checks_unless_asked_for(make_lab):
    scene = Scene(make_lab, health=None)
    assert scene.up(scene.good) is None
    assert scene.greeted_by(40) == {scene.good.name, scene.other.name}


def test_reload_whose_checks_cannot_start_says_what_is_in_force(make_lab, tmp_path):
    no_timers = tmp_path / "no-timers"
    scene = Scene(make_lab, environment={
        "LD_PRELOAD": os.path.join(TOP, "build", "e2e", "lib", "no_timers.so"), "NO_TIMERS": str(no_timers)})
    scene.config["publish"][0]["name"] = "renamed"
    no_timers.touch()
    scene.service.reload(scene.config)
    no_timers.unlink()
    assert [rule["name"] for rule in scene.lab.gateway.listing("status")["rules"] if not rule["note"]] == ["renamed"]
    assert "but not all of its health checks could be started" in scene.service.log()
    assert "the previous configuration stays in force" not in scene.service.log()
    assert not [line for line in scene.service.said if "previous configuration" in line]
    assert sample(scene.service.get()[1], "ftpnat_config_last_reload_successful") == 1
    scene.service.reload(scene.config)
    assert "STATUS=Working." == [line for line in scene.service.said if line.startswith("STATUS")][-1]
