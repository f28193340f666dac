# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The measurements of `make bench-cluster`, each a Part as those of parts.py."""

import json
import os
import time
from functools import partial

from cluster_scene import ClusterScene, Crowd, Setup
from keepalived import holds, start_keepalived
from lab import DEADLINE, LabError, run, wait_until
from parts import Part, Sockets
from variants import CONTROL_PORT

CLIENT_ON_LINK = "192.0.2.100/24"  # with keepalived the client is on the published address's link
TRANSFER = 4 << 20                 # bytes of each of many
TRANSFER_RATE = 100e3              # bytes a second, until the gateway dies
BIG, BIG_RATE = 256 << 20, 12.5e6  # of the one whose gap is measured
SLOW = 1e3

WITHOUT, PAIR_NONE, PAIR = (Setup("without", "without `cluster:`", 1, None),
                            Setup("pair-none", "two gateways, `commit: none`", 2, "none"),
                            Setup("pair-all", "two gateways, `commit: all`"))
SETUPS = [WITHOUT, PAIR_NONE, PAIR,
          Setup("three-one", "three gateways, `commit: one`", 3, "one"),
          Setup("three-all", "three gateways, `commit: all`", 3)]
ADVERTS = ("0.1", "0.3", "1")  # seconds
TITLES = {**{setup.key: setup.title for setup in SETUPS},
          **{f"advert-{advert}": f"keepalived, `advert_int {advert}`" for advert in ADVERTS},
          "empty": "a cluster without sessions", "sessions": "with sessions",
          "flows": "with data connections, too"}


class Once(Part):
    """Of one cluster; repeats what it needs itself."""

    rounds = 1

    def setup(self, variant):
        if variant is PAIR:
            self.scenes[variant.key] = self.cluster(variant)

    def cluster(self, setup, **options):
        scene = ClusterScene(setup, type(self).__name__.lower(), **options)
        self.stack.callback(scene.close)
        return scene


class Kills(Once):
    """Power-off of the active gateway while many sessions stand."""

    def steps(self):
        for scene in self.scenes.values():
            scene.active.take_addresses()
            yield "kill.sessions-lost", scene, partial(self._kills, scene)

    def _kills(self, scene):
        for _ in range(self.plan.kills):
            self._kill(scene)
            dead, scene.active = scene.active, scene.other()
            dead.power_on()

    def _kill(self, scene):
        plan = self.plan
        crowd = Crowd(scene, plan.sessions, plan.talkers, plan.transfers, TRANSFER, TRANSFER_RATE)
        scene.active.power_off()
        scene.other().take_addresses()
        said = crowd.gateway_died()
        crowd.close()
        if said["why"]:
            self.results.missing["kill.sessions-lost", scene.variant.key] = f"first lost: {said['why']}"
        for measure, value in (("sessions", crowd.sessions), ("sessions-lost", crowd.sessions - said["sessions"]),
                               ("transfers", crowd.transfers),
                               ("transfers-lost", crowd.transfers - said["transfers"]), ("gap", said["gap"])):
            self.add(f"kill.{measure}", scene, value)


class Gaps(Once):
    """The longest time without a byte of a transfer, when keepalived finds out that a gateway is dead."""

    def steps(self):
        for scene in self.scenes.values():
            scene.lab.client.ip(f"addr add {CLIENT_ON_LINK} dev eth0")
            yield "gap.bytes", scene, partial(self._adverts, scene)

    def _adverts(self, scene):
        for advert in ADVERTS:
            for member in scene.lab.members:
                if member.keepalived:
                    member.keepalived.stop()
                start_keepalived(member, advert)
            for _ in range(self.plan.gap_kills):
                self._kill(scene, advert)

    def _kill(self, scene, advert):
        members = scene.lab.members
        wait_until(lambda: sum(map(holds, members)) == 1 and all(map(self._watches, members)),
                   lambda: f"one has the addresses, and the other one watches: {scene.lab.report()}")
        scene.active = next(filter(holds, members))
        crowd = Crowd(scene, 1, 0, 1, BIG, BIG_RATE)
        dead, other = scene.active, scene.other()
        started = time.monotonic()
        dead.power_off()
        wait_until(lambda: holds(other), "the other one has the addresses")
        moved = time.monotonic() - started
        said = crowd.gateway_died()
        crowd.close()
        self.results.add("gap.address", f"advert-{advert}", moved)
        self.results.add("gap.bytes", f"advert-{advert}", said["gap"])
        self.results.add("kill.sessions-lost", f"advert-{advert}", 1 - said["sessions"])
        self.results.add("kill.transfers-lost", f"advert-{advert}", 1 - said["transfers"])
        if said["why"]:
            self.results.missing["kill.sessions-lost", f"advert-{advert}"] = f"first lost: {said['why']}"
        dead.power_on()
        start_keepalived(dead, advert)

    @staticmethod
    def _watches(member):
        """Its instances run, and its check of the cluster is good."""
        said = member.keepalived.output()
        return "VRRP_Script(ftpnat) succeeded" in said and ("BACKUP STATE" in said or "MASTER STATE" in said)


class Joins(Once):
    """What it takes to copy everything to a gateway that joins, and what it needs there."""

    def cluster(self, setup, **options):
        scene = super().cluster(setup, start=False)
        for member in scene.lab.members:
            member.start_corosync()
        scene.active.run()
        wait_until(lambda: scene.active.synced_with(1), "the first one is synced")
        scene.active.take_addresses()
        return scene

    def steps(self):
        for scene in self.scenes.values():
            yield "join.time", scene, partial(self._joins, scene)

    def _joins(self, scene):
        plan = self.plan
        self._join(scene, "empty")
        scene.keep_idle(plan.sessions)
        self.results.add("join.session", "sessions", self._join(scene, "sessions") / plan.sessions)
        sessions = Crowd(scene, plan.joined_flows, 0, plan.joined_flows, TRANSFER, SLOW)
        self._join(scene, "flows")
        sessions.close()

    def _join(self, scene, key):
        """Bytes that the maps have grown by."""
        joining = scene.other()
        joining.gateway.up(joining.config())  # so that only what is copied counts
        before = self._memory(joining)
        joining.run(ready=False)
        service = joining.service
        started = self._reaches(lambda: "READY=1" in service.notified())
        synced = self._reaches(lambda: ": synced" in service.log())
        wait_until(lambda: joining.synced_with(2), lambda: joining.status().stdout)
        growth = self._memory(joining) - before
        with open(f"/proc/{service.process.popen.pid}/status") as file:
            rss = next(int(line.split()[1]) << 10 for line in file if line.startswith("VmRSS"))
        self.results.add("join.time", key, max(synced - started, 0))
        self.results.add("join.maps", key, growth)
        self.results.add("join.rss", key, rss)
        service.stop()
        joining.gateway.down()
        wait_until(lambda: scene.active.synced_with(1), "the first one is alone")
        return growth

    @staticmethod
    def _memory(member):
        """Bytes of its maps, entries included."""
        pins = [os.path.join(member.gateway.pin, name) for name in os.listdir(member.gateway.pin)]
        return sum(json.loads(done.stdout).get("bytes_memlock", 0) for done in (
            run(["bpftool", "-j", "map", "show", "pinned", pin], check=False) for pin in pins) if not done.returncode)

    @staticmethod
    def _reaches(condition):
        """When; looked at each millisecond."""
        end = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > end:
                raise LabError("the joining gateway is not synced")
            time.sleep(0.001)
        return time.monotonic()


class Turns(Sockets):
    """Sessions per second and the latency of a 227, with and without a cluster in turns."""

    def setup(self, variant):
        scene = self.scenes[variant.key] = ClusterScene(variant, "turns")
        self.stack.callback(scene.close)
        scene.active.take_addresses()
        size, references = scene.program()
        self.add("program.size", scene, size)
        self.add("program.references", scene, references)

    def steps(self):
        for scene in self.scenes.values():
            yield "sessions.rate", scene, partial(self._sessions, scene)
            yield "line.passive.p50", scene, partial(self._latency, scene)
            if scene.variant.commit:
                yield "wire.idle", scene, partial(self._idle, scene)

    def repeats(self, step):
        return self.plan.repeats if step[0] != "wire.idle" else 1

    def _idle(self, scene):
        before, started = scene.wire_bytes(), time.monotonic()
        time.sleep(self.plan.session_seconds)
        self.add("wire.idle", scene, (scene.wire_bytes() - before) / (time.monotonic() - started))

    def _latency(self, scene):
        """Both ends sleep: if they spin, as in _line(), corosync gets no CPU here."""
        said = scene.client_tool("line", CONTROL_PORT, "passive", self.plan.round_trips, "sleep")
        self.add("line.passive.p50", scene, said["p50"])
        self.add("line.passive.p99", scene, said["p99"])

    def _sessions(self, scene):
        before = scene.wire_bytes()
        said = super()._sessions(scene)
        if scene.variant.commit:  # those that end after the time is up are not in its count
            ended = said["sessions"] + said["failed"] + self.plan.clients
            self.add("wire.session", scene, (scene.wire_bytes() - before) / ended)


PARTS = (Kills, Gaps, Joins, Turns)
