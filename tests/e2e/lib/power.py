# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Power-off of a cluster's gateway at a certain packet or step, and its return."""

import json
import os
import struct
import threading

from lab import run
from servers import TOP

PROGRAM = os.path.join(TOP, "build", "e2e", "lib", "power_cut.bpf.o")
STEPPER = os.path.join(TOP, "build", "e2e", "lib", "power_steps.so")
STEPS = ("published", "multicast", "multicasted", "apply", "applied", "seen", "said-seen", "inject",
         "injected")  # enum power_step
CUT = struct.Struct(f"=QQIIII{len(STEPS)}Q")  # struct power_cut


class Power:
    """Of one gateway, which does not run yet: its ports at the switch are cut when the time has come."""

    def __init__(self, member):
        self.member = member
        self.pins = f"/sys/fs/bpf/{member.name}-power"
        self.map = f"{self.pins}/power_cut"
        run(["bpftool", "prog", "loadall", PROGRAM, self.pins, "pinmaps", self.pins])
        member.lab.closers.append(lambda: run(["rm", "-r", self.pins], check=False))
        member.environment = {"LD_PRELOAD": STEPPER, "POWER_CUT": self.map}
        for interface, program in (("c1", "power_counted"), ("s1", "power_counted"), ("p0", "power_peers")):
            port = f"{interface}-{member.number}"
            # not tc -n, which would hide the pins
            tc = ["nsenter", f"--net=/run/netns/{member.lab.switch.name}", "tc"]
            run([*tc, "qdisc", "add", "dev", port, "clsact"])
            for direction in ("ingress", "egress"):
                run([*tc, "filter", "add", "dev", port, direction, "bpf", "da", "pinned", f"{self.pins}/{program}"])

    def set(self, packet=0, after=False, step=None, number=0):
        """At a packet, or at the step's time of this number; both count from 1. 0: never."""
        value = CUT.pack(packet, 0, after, 0, STEPS.index(step) if step else 0, number, *[0] * len(STEPS))
        run(["bpftool", "map", "update", "pinned", self.map, "key", "hex", "00", "00", "00", "00",
             "value", "hex", *value.hex(" ").split()])

    def _get(self):
        value = json.loads(run(["bpftool", "-j", "map", "lookup", "pinned", self.map,
                                "key", "hex", "00", "00", "00", "00"]).stdout)["value"]
        return CUT.unpack(bytes(int(byte, 16) for byte in value))

    def packets(self):
        """TCP packets seen."""
        return self._get()[1]

    def steps(self):
        """{step: times that it came}"""
        return dict(zip(STEPS, self._get()[6:]))

    def is_off(self):
        """Are its links cut, or has its `run` ended at a step?"""
        return bool(self._get()[3]) or not self.member.service.process.alive()


class Watch(threading.Thread):
    """As soon as the links are cut, the processes are killed and the other gateway gets the addresses."""

    def __init__(self, power, other):
        super().__init__(daemon=True)
        self.power, self.other = power, other
        self.ended = threading.Event()
        self.failed = None
        self.happened = False

    def run(self):
        try:
            while not self.ended.wait(0.01):
                if self.power.is_off():
                    self.power.member.power_off()
                    self.other.take_addresses()
                    self.happened = True
                    return
        except Exception as error:  # noqa: BLE001: told by whoever waits for it
            self.failed = error

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.ended.set()
        self.join()
        if self.failed and not exc[0]:
            raise self.failed


def power_on(power):
    """It starts as after a boot: without any state; returns when it is synced."""
    power.set()
    power.member.power_on()
