# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ftpnat-load events` in the background, and what it printed."""

import json

from lab import DEADLINE, Process, wait_until


class Follower:
    """`ftpnat-load events` in the background."""

    def __init__(self, lab, *argv):
        gateway = lab.gateway
        self.process = Process([gateway.command, "-n", lab.gw.name, "-p", gateway.pin, "events", *argv],
                               lab.file(f"events-{len(lab.processes)}.log"))
        lab.processes.append(self.process)

    def lines(self):
        return self.process.lines()

    def entries(self, *reasons):
        found = [json.loads(line) for line in self.lines()]
        return [entry for entry in found if not reasons or entry["reason"] in reasons]

    def wait(self, *reasons, count=1):
        """The first so many events of these reasons."""
        wait_until(lambda: len(self.entries(*reasons)) >= count, f"{count} events {reasons}")
        return self.entries(*reasons)[:count]

    def ended(self):
        return self.process.popen.wait(DEADLINE)
