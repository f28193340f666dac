# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A lab with a cluster of gateways, our FTP server behind it, and sessions through it."""

import json
import re
import subprocess
from dataclasses import dataclass
from typing import Optional

from bench_scene import Scene
from cluster import VIP4, ClusterLab
from lab import LabError, run
from variants import CONTROL_PORT, SPIN_PORT, attached_programs
from tools import CPUS, built

CLUSTER_MAPS = ("ftpnat_cluster", "ftpnat_records", "ftpnat_inbox")


@dataclass
class Setup:
    """What a Variant is for one gateway. commit None: a gateway without `cluster:`."""

    key: str
    title: str
    members: int = 2
    commit: Optional[str] = "all"


class Crowd:
    """Sessions that stand while a gateway dies; see ftp_crowd.c. Close it."""

    def __init__(self, scene, sessions, talkers, transfers, size, rate):
        self.sessions, self.transfers = sessions, transfers
        self.process = subprocess.Popen(
            scene.lab.client.command([built("ftp_crowd"), scene.host, CONTROL_PORT, CPUS[0], sessions, talkers,
                                      transfers, size, rate]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        scene.sessions.append(self)
        said = self._said()
        if said["standing"] != sessions:
            raise LabError(f"only {said['standing']} of {sessions} sessions stand: {said['why']}")

    def _said(self):
        line = self.process.stdout.readline()
        if not line:
            raise LabError(f"ftp_crowd: exit {self.process.wait()}")
        return json.loads(line)

    def gateway_died(self):
        """What became of the sessions."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._said()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class ClusterScene(Scene):
    """start: `run` and corosync on all; else whoever made it does so."""

    def __init__(self, setup, name, start=True):
        self.variant, self.sessions = setup, []
        rules = [{"name": rule, "listen": f"{VIP4}:{port}", "servers": [f"10.2.1.2:{port}"]}
                 for rule, port in (("files", CONTROL_PORT), ("spin", SPIN_PORT))]
        cluster = {"commit": setup.commit} if setup.commit else {}
        self.lab = ClusterLab(f"bench-{name}-{setup.key}", members=setup.members, config={"publish": rules}, **cluster)
        try:
            self.lab.client.sysctl("net/ipv4/ip_local_port_range", "1024 65535")
            if not setup.commit:
                self.lab.members[0].gateway.up(self.lab.config)
            elif start:
                self.lab.start()
            self.active = self.lab.members[0]
            self.host, self.real = VIP4, self.lab.server.ip4
            self.serve(CONTROL_PORT)
        except BaseException:
            self.close()
            raise

    def other(self):
        """The one that is to take over."""
        return next(member for member in self.lab.members if member is not self.active)

    def wire_bytes(self):
        """Sent between the gateways so far."""
        shown = (run(["ip", "-n", member.gw.name, "-j", "-s", "link", "show", "p0"]) for member in self.lab.members)
        return sum(json.loads(done.stdout)[0]["stats64"]["tx"]["bytes"] for done in shown)

    def program(self):
        """(instructions of ftpnat_ingress after the verifier, how many name a map of the cluster)"""
        number = attached_programs(self.active, "c1")["tc"]
        shown = json.loads(run(["bpftool", "-j", "prog", "show", "id", str(number)]).stdout)
        names = {n: json.loads(run(["bpftool", "-j", "map", "show", "id", str(n)]).stdout).get("name")
                 for n in shown["map_ids"]}
        text = run(["bpftool", "prog", "dump", "xlated", "id", str(number)]).stdout
        named = re.findall(r"map\[id:(\d+)\]", text)
        return (len(re.findall(r"^ *\d+: \(", text, re.M)), sum(names.get(int(n)) in CLUSTER_MAPS for n in named))
