# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ftpnat-load events` in the background, and what it printed."""

import contextlib
import glob
import json
import os

from json_schema import check
from lab import DEADLINE, Process, run, wait_until


def number(octets):
    return int.from_bytes(bytes(int(octet, 16) for octet in octets), "little")


def dump(pin, name):
    return json.loads(run(["bpftool", "-j", "map", "dump", "pinned", os.path.join(pin, name)]).stdout)


def rings(pin):
    """Ids of the ring buffers that events go to."""
    slots = dump(pin, "ftpnat_readers")[0]["formatted"]["value"]["slots"]
    return {number(entry["value"]) for entry in dump(pin, "ftpnat_events")
            if "value" in entry and slots >> number(entry["key"]) & 1}


def reads(pin, pid):
    """Does the process get the events of this instance?"""
    maps = set()
    for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
        with contextlib.suppress(OSError), open(path) as info:
            maps |= {int(line.split()[1]) for line in info if line.startswith("map_id:")}
    return bool(maps & rings(pin))


class Follower:
    """`ftpnat-load events` in the background; it reads when this returns, unless it has ended."""

    def __init__(self, lab, *argv):
        gateway = lab.gateway
        self.process = Process([gateway.command, "-n", lab.gw.name, "-p", gateway.pin, "events", *argv],
                               lab.file(f"events-{len(lab.processes)}.log"))
        self.checked = 0  # lines
        lab.processes.append(self.process)
        wait_until(lambda: not self.process.alive() or reads(gateway.pin, self.process.popen.pid), "it reads events")

    def lines(self):
        return self.process.lines()

    def entries(self, *reasons):
        found = [json.loads(line) for line in self.lines()]
        for entry in found[self.checked:]:
            check("events", entry)
        self.checked = len(found)
        return [entry for entry in found if not reasons or entry["reason"] in reasons]

    def wait(self, *reasons, count=1):
        """The first so many events of these reasons."""
        wait_until(lambda: len(self.entries(*reasons)) >= count, f"{count} events {reasons}")
        return self.entries(*reasons)[:count]

    def ended(self):
        return self.process.popen.wait(DEADLINE)
