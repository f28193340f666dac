# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The measurements: each part makes its labs, then measures every variant in every round.

A part is used as `with Part(...)`; `steps()` are what one round does, in any order,
each as (what is measured, scene, how). Steps of the same `compared()` follow each other.
"""

import contextlib
import time
from functools import partial

import frames
from results import flows_measure
from bench_scene import Scene
from tools import CPUS, LabError, tool
from variants import CONTROL_PORT, Absent, Flowtable, Ftpnat, Nftables, attached_programs, is_basic

FLOWS_PER_CPU = 8  # data connections that the generator uses where their number isn't the point
REPEATED = ("packets.64.one", "sessions.rate")
ACTIVE = 64        # of many flows, where only some have traffic
CORES = {"one": 1, "all": len(CPUS)} if len(CPUS) > 1 else {"one": 1}
FLOOD = 10_000_000  # SYNs, more than are sent meanwhile
SETTLING = 4       # seconds at most, for the kernel to free what it frees late
VERDICTS = {"tc": 7, "xdp": 4}  # TC_ACT_REDIRECT, XDP_REDIRECT


class Part:
    rounds = None  # enough are so many

    def __init__(self, plan, results, variants, absent):
        self.plan, self.results, self.absent = plan, results, absent
        self.scenes = {}
        self.stack = contextlib.ExitStack()
        try:
            for variant in variants:
                self.try_setup(variant)
        except BaseException:
            self.stack.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stack.close()

    def scene(self, variant, name, generated):
        scene = Scene(variant, name, generated)
        self.stack.callback(scene.close)
        return scene

    def add(self, measure, scene, value):
        self.results.add(measure, scene.variant.key, value)

    def try_setup(self, variant):
        """What can't be had here is named in `absent`, once and for all parts."""
        if variant.key in self.absent:
            return
        try:
            self.setup(variant)
        except Absent as why:
            self.absent[variant.key] = str(why)
        except LabError as why:
            self.results.missing[type(self).__name__.lower(), variant.key] = str(why)

    def play(self, step):
        """A step that fails is named; the rest is measured all the same."""
        what, scene, function = step
        try:
            function()
        except LabError as why:
            self.results.missing[what, scene.variant.key] = str(why)

    def setup(self, variant):
        """Makes the variant's labs, if it has a place in this part."""
        raise NotImplementedError

    def steps(self):
        raise NotImplementedError

    def compared(self, step):
        return step[0]

    def repeats(self, step):
        """How often in a round."""
        return self.plan.repeats if step[0] in REPEATED else 1


class Packets(Part):
    """Packets per second that arrive, and nanoseconds per packet by test run."""

    def setup(self, variant):
        scene = self.scene(variant, "packets", True)
        scene.templates = scene.open_templates(FLOWS_PER_CPU * len(CPUS))
        scene.probes = list(self._probes(scene))
        self.scenes[variant.key] = scene

    def steps(self):
        for scene in self.scenes.values():
            for size in frames.SIZES:
                for name, cpus in CORES.items():
                    measure = f"packets.{size}.{name}"
                    yield measure, scene, partial(self._rate, scene, measure, size, cpus)
            for measure, probe in scene.probes:
                yield measure, scene, partial(self._probe, scene, measure, probe)

    def _rate(self, scene, measure, size, cpus):
        said = scene.send(scene.templates, size=size, cpus=cpus, seconds=self.plan.seconds)
        self.add(measure, scene, said["received"] / said["seconds"])
        self.add("packets.lost", scene, 1 - said["total"] / said["sent"])

    def _probe(self, scene, measure, probe):
        self.add(measure, scene, probe())

    def _probes(self, scene):
        """(measure, what measures it) of the variants that are BPF programs."""
        lab = scene.lab
        programs = attached_programs(lab, lab.client.gw_interface)
        ours = isinstance(scene.variant, Ftpnat)
        if scene.variant.across or scene.variant.family == "v6":
            return  # a packet that has got longer can't be put back; testrun writes IPv4
        if ours:
            hook = "xdp" if scene.variant.xdp == "native" else "tc"
        else:
            hook = {"bare-tc": "tc", "bare-xdp": "xdp"}.get(scene.variant.key)
        if hook not in programs:
            return
        data = scene.templates[0].split()[1]
        verdict = VERDICTS[hook]
        program = programs[hook]
        if ours and hook == "xdp":
            program = f"{program},{programs['tc']}"
        yield "ns.data", partial(self._replay, scene, "data", program, data, verdict)
        if not ours or hook != "tc":
            return
        client, _ = scene.control_headers()
        yield "ns.control", partial(self._replay, scene, "control", programs["tc"], client.hex(), verdict,
                                    frames.HEADER)
        for measure, address in (("ns.line", "10,1,1,2"), ("ns.line-resized", "010,001,001,002")):
            yield measure, partial(self._lines, scene, programs["tc"], address)

    def _replay(self, scene, packet, program, header, verdict, length=frames.SIZES[64]):
        """Nanoseconds; adds the instructions where the machine counts them."""
        for _ in range(3):  # the last packet may be one of the few that go another way
            said = tool("testrun", scene.lab.gw.path, "replay", scene.lab.client.gw_interface,
                        program, length, self.plan.replays, header)
            if said["verdict"] == verdict:
                if said["instructions"] is not None:
                    self.add(f"instructions.{packet}", scene, said["instructions"])
                return said["ns"]
        raise LabError(f"in a test run the packet was not forwarded: verdict {said['verdict']}")

    def _lines(self, scene, program, address):
        """A new session each time: its own sockets know nothing of these lines."""
        client, server = scene.control_headers()
        said = tool("testrun", scene.lab.gw.path, "lines", scene.lab.client.gw_interface,
                    scene.lab.server.gw_interface, program, self.plan.lines, client.hex(),
                    server.hex(), address)
        return said["p50"]


class Flows(Part):
    """Rates with many live data connections, and the memory they take."""

    def setup(self, variant):
        if is_basic(variant):
            counts = self.plan.flows
        elif variant.key == "forward":  # knows no connections: shows what other addresses cost
            counts = (min(self.plan.flows), max(self.plan.flows))
        else:
            return
        for count in counts:
            scene = self.scene(variant, f"flows{count}", True)
            scene.count = count
            if count == 1:
                scene.templates = scene.open_templates(1)
            else:
                self.play(("memory.flow", scene, partial(self._fill, scene)))
            if hasattr(scene, "templates"):
                self.scenes[variant.key, count] = scene

    def _fill(self, scene):
        ours = isinstance(scene.variant, Ftpnat)
        if scene.count < max(self.plan.flows) or not isinstance(scene.variant, (Ftpnat, Nftables)):
            scene.templates = [scene.fill(scene.count)]
            return
        before = settled_slab()
        map_before = scene.map_memory("ftpnat_flows") if ours else 0
        scene.templates = [scene.fill(scene.count)]
        self.add("memory.flow", scene, grown(before) / scene.count)
        if ours:
            used = scene.map_memory("ftpnat_flows") - map_before
            self.add("memory.flow-map", scene, used / scene.count)

    def steps(self):
        for scene in self.scenes.values():
            for which, active in (("all", scene.count), ("some", min(ACTIVE, scene.count))):
                measure = flows_measure(scene.count, which)
                yield measure, scene, partial(self._rate, scene, measure, active)

    def compared(self, step):
        measure, scene, _ = step
        return scene.variant.key, measure.rpartition(".")[2]

    def _rate(self, scene, measure, active):
        said = scene.send(scene.templates, flows=active, seconds=self.plan.seconds)
        self.add(measure, scene, said["received"] / said["seconds"])


class Sessions(Part):
    """Memory of control connections."""

    rounds = 1

    def setup(self, variant):
        if is_basic(variant):
            self.scenes[variant.key] = self.scene(variant, "sessions", True)

    def steps(self):
        for scene in self.scenes.values():
            yield "memory.session", scene, partial(self._fill, scene)

    def _fill(self, scene):
        before = settled_slab()
        scene.fill_sessions(self.plan.sessions)
        self.add("memory.session", scene, grown(before) / self.plan.sessions)


class Sockets(Part):
    """What real sockets get: bulk transfers, whole sessions, round trips of lines."""

    def setup(self, variant):
        if variant.key != "harness":
            self.scenes[variant.key] = self.scene(variant, "sockets", False)

    def steps(self):
        for scene in self.scenes.values():
            yield "bulk.throughput", scene, partial(self._bulk, scene)
            yield "sessions.rate", scene, partial(self._sessions, scene)
            for mode in ("passive", "active"):
                yield f"line.{mode}.p50", scene, partial(self._line, scene, mode)
            yield "echo.p50", scene, partial(self._echo, scene)

    def _bulk(self, scene):
        said = scene.client_tool("bulk", CONTROL_PORT, self.plan.bulk)
        if said["bytes"] != self.plan.bulk:
            raise LabError(f"{scene.lab.name}: {said['bytes']} bytes came, not {self.plan.bulk}")
        self.add("bulk.throughput", scene, said["bytes"] * 8 / said["seconds"])
        self.add("bulk.cpu", scene, said["cpu"] / (said["bytes"] / (1 << 30)))

    def _sessions(self, scene):
        said = run_sessions(self.plan, scene)
        self.add("sessions.rate", scene, said["sessions"] / said["seconds"])
        self.add("sessions.p50", scene, said["p50"])
        self.add("sessions.p99", scene, said["p99"])
        self.add("sessions.failed", scene, said["failed"])
        return said

    def _echo(self, scene):
        said = scene.echo_tool(self.plan.echoes)
        for name in ("p50", "p99", "p999"):
            self.add(f"echo.{name}", scene, said[name])

    def _line(self, scene, mode):
        said = scene.line_tool(mode, self.plan.round_trips)
        self.add(f"line.{mode}.p50", scene, said["p50"])
        self.add(f"line.{mode}.p99", scene, said["p99"])


class Crowd(Part):
    """Sessions while many others stand silent, and while SYNs come from hosts that do not exist."""

    def setup(self, variant):
        if not is_basic(variant) or isinstance(variant, Flowtable):
            return
        if getattr(variant, "xdp", "off") == "off":  # XDP has no part in sessions
            scene = self.scenes[variant.key] = self.scene(variant, "crowd", False)
            scene.keep_idle(self.plan.idle)

    def steps(self):
        for scene in self.scenes.values():
            yield "sessions.idle", scene, partial(self._idle, scene)
            yield "sessions.flood", scene, partial(self._flood, scene)

    def _idle(self, scene):
        said = run_sessions(self.plan, scene)
        self.add("sessions.idle", scene, said["sessions"] / said["seconds"])

    def _flood(self, scene):
        with scene.flooded(FLOOD):
            said = run_sessions(self.plan, scene)
        self.add("sessions.flood", scene, said["sessions"] / said["seconds"])
        self.add("sessions.flood-failed", scene, said["failed"])


# Memory first, and many connections last: what they leave is freed late and would be counted.
PARTS = (Sessions, Packets, Sockets, Crowd, Flows)


def run_sessions(plan, scene):
    return scene.client_tool("sessions", CONTROL_PORT, plan.clients, plan.session_seconds)


def _slab():
    with open("/proc/meminfo") as file:
        for line in file:
            if line.startswith("SUnreclaim:"):
                return int(line.split()[1]) * 1024
    raise LabError("/proc/meminfo has no SUnreclaim")


def settled_slab(patience=SETTLING):
    """Kernel memory in slabs, when what is freed late has been freed: it stops to move."""
    last, still, end = _slab(), 0, time.monotonic() + patience
    while still < 5 and time.monotonic() < end:
        time.sleep(0.1)
        now = _slab()
        still = still + 1 if abs(now - last) < 1 << 20 else 0
        last = now
    return last


def grown(before):
    """Bytes that the slabs have grown by."""
    growth = settled_slab() - before
    if growth <= 0:
        raise LabError("the kernel's memory shrank meanwhile: something else is at work here")
    return growth
