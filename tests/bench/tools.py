# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The benchmark's own programs, built by `make bench-tools`, and their place in bpffs."""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [path for path in (os.path.join(TOP, "tests", "e2e", "lib"),) if path not in sys.path]

import frames  # noqa: E402
from lab import LabError, run  # noqa: E402

BUILT = os.path.join(TOP, "build", "bench")
PIN = "/sys/fs/bpf/ftpnat-bench"
CPUS = sorted(os.sched_getaffinity(0))


def built(name):
    return os.path.join(BUILT, name)


def pinned(name):
    return os.path.join(PIN, name)


class Tools:
    """The sinks and the bare programs, loaded once for all labs. Close it."""

    def __init__(self):
        if not os.path.ismount("/sys/fs/bpf"):
            raise LabError("no bpffs on /sys/fs/bpf: mount -t bpf bpf /sys/fs/bpf")
        self.close()  # what an earlier run left when it was killed
        os.mkdir(PIN)
        run(["bpftool", "prog", "loadall", built("bare.bpf.o"), PIN])
        run(["bpftool", "prog", "loadall", built("sink.bpf.o"), PIN, "pinmaps", PIN])

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    @staticmethod
    def close():
        if os.path.isdir(PIN):
            for name in os.listdir(PIN):
                os.unlink(pinned(name))
            os.rmdir(PIN)

    @staticmethod
    def attach_xdp(node, interface, program):
        node.run(["bpftool", "net", "attach", "xdpdrv", "pinned", pinned(program), "dev", interface,
                  "overwrite"])

    @staticmethod
    def attach_tc(node, interface, program):
        node.run(["tc", "qdisc", "add", "dev", interface, "clsact"])
        node.run(["tc", "filter", "add", "dev", interface, "ingress", "bpf", "da",
                  "object-pinned", pinned(program)])

    @staticmethod
    def arm_capture():
        """The next frame at a sink is kept."""
        run(["bpftool", "map", "update", "pinned", pinned("bench_captured"), "key", "0", "0", "0",
             "0", "value", "1", *["0"] * 87])

    @staticmethod
    def captured():
        """The headers that the sink has kept, or None."""
        entry, = json.loads(run(["bpftool", "-j", "map", "dump", "pinned",
                                 pinned("bench_captured")]).stdout)
        value = bytes(int(byte, 16) for byte in entry["value"])
        armed, length = (int.from_bytes(value[at:at + 4], sys.byteorder) for at in (0, 4))
        return value[8:8 + frames.HEADER_V6] if length and not armed else None


def tool(name, *arguments, node=None, timeout=120, **options):
    """Runs one of our programs and returns what its JSON says."""
    argv = [built(name), *map(str, arguments)]
    if node:
        argv = node.command(argv)
    return json.loads(run(argv, timeout=timeout, **options).stdout)
