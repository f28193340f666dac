# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A million control connections, each saying a line in turn: how fast, and the memory of it all."""

import copy
from functools import partial

import frames
from bench_scene import CONTROL_SPORT, FILL_CLIENT, LOW_BITS, STREAMS
from parts import Part, grown, settled_slab
from tools import LabError, Tools
from variants import CONTROL_PORT, Ftpnat

COMPARED = ("ftpnat-tc", "nftables")  # XDP leaves control connections to TC
NOOP = b"NOOP\r\n"
PATIENCE = 60  # seconds that the kernel may take to free what another part has left
# What ftpnat may count here of packets; of the lab's own ones `pass` and `other_host`.
EXPECTED = {"forwarded", "already_translated", "control_opened", "pass", "other_host"}


class ControlFlows(Part):
    """The server's sink sends each NOOP back as its ACK, and the client's sink counts these."""

    rounds = 3

    def setup(self, variant):
        if variant.key not in COMPARED:
            return
        count = self.plan.controls
        variant = copy.copy(variant)
        variant.ports = {f"files-{i}": CONTROL_PORT + i for i in range(((count - 1) >> LOW_BITS) + 1)}
        # above three quarters of `control` a client gets no more than a share
        variant.limits = {"control": count * 3 // 2, "data": 1000, "expected": 1000}
        variant.own_ports = "60000 65535"
        scene = self.scene(variant, "controls", True)
        scene.turns = 0
        self.play(("controls.memory", scene, partial(self._open, scene)))
        if scene.turns:
            self.scenes[variant.key] = scene

    def steps(self):
        for scene in self.scenes.values():
            yield "controls.rate", scene, partial(self._rate, scene)

    def _open(self, scene):
        """Memory when each has said something for the first time."""
        before = settled_slab(PATIENCE)
        tables = scene.table_memory()
        scene.fill_sessions(self.plan.controls)
        Tools.attach_xdp(scene.lab.server, "eth0", "bench_answer")
        self._say(scene)
        self.add("controls.memory", scene, tables + grown(before))

    def _rate(self, scene):
        said = self._say(scene)
        self.add("controls.rate", scene, said["received"] / said["seconds"])

    def _say(self, scene):
        """The next NOOP of each connection. All come back, or the streams would have gaps from now on."""
        seq, ack = STREAMS[0] + scene.turns * len(NOOP), STREAMS[1]
        scene.turns += 1
        client, server = (FILL_CLIENT, CONTROL_SPORT), (scene.host, CONTROL_PORT)
        header = frames.headers(scene.macs(scene.lab.client), client, server, seq, ack,
                                frames.PSH | frames.ACK)
        template = frames.template(header, frames.SADDR_HIGH | frames.SPORT_LOW | frames.DPORT_HIGH, NOOP)
        Tools.arm_capture()
        said = scene.send([template], packets=self.plan.controls, flows=self.plan.controls, order="order")
        if said["total"] != said["sent"]:
            raise LabError(f"{scene.lab.name}: {said['total']} ACKs came back of {said['sent']} NOOPs")
        came = Tools.captured()
        if (frames.ends(came) != (server, client) or frames.acknowledged(came) != seq + len(NOOP)
                or not frames.sane(came)):
            raise LabError(f"{scene.lab.name}: no ACK of a NOOP has come back but {came.hex()}")
        self._check(scene)
        return said

    def _check(self, scene):
        """Has the gateway read them all, as FTP?"""
        if not isinstance(scene.variant, Ftpnat):
            known = scene.lab.gw.run(["conntrack", "-G", "-p", "tcp", "-s", FILL_CLIENT, "-d", scene.host,
                                      "--sport", str(CONTROL_SPORT), "--dport", str(CONTROL_PORT)]).stdout
            if scene.data_flows() < self.plan.controls or "helper=ftp" not in known:
                raise LabError(f"{scene.lab.name}: {scene.data_flows()} connections, the first one: {known}")
            return
        reasons = scene.lab.gateway.stats()["reasons"]
        odd = {name: number for name, number in reasons.items() if number and name not in EXPECTED}
        # SYN, SYN and ACK, ACK, and each turn's NOOP and its ACK
        if odd or reasons["forwarded"] < (3 + 2 * scene.turns) * self.plan.controls:
            raise LabError(f"{scene.lab.name}: forwarded {reasons['forwarded']}, and {odd}")
