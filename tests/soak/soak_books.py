# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The books of the dataplane: nothing may be left, and all that was counted has to add up."""

import contextlib
import json
import os

from lab import LabError, run, wait_until
from scenes import pick
from soak_sessions import PATIENCE

OVER = 90  # seconds; what is silent is forgotten after 30
SPARE_LOGS = 128  # FTPNAT_LOGS_SPARE
GROWTH = 1 << 20  # bytes that the kernel's allocators may keep at hand
RESIDENT = 8 << 20  # bytes that `run` may have grown by
TABLES = ("control", "data", "expected")
MAPS = ("ftpnat_flows", "ftpnat_sessions", "ftpnat_expected", "ftpnat_tls")


class Books:
    def __init__(self, site):
        self.site, self.gateway = site, site.gateway
        self.first = {}  # memory after the first round
        self.service = None  # process id of `run`, and its memory then

    def check(self):
        """All sessions are over: what is wrong, a list of sentences."""
        wrong = []
        for question in (self._living, self._empty, self._sums, self._memory, self._processes):
            try:
                wrong += question()
            except LabError as error:
                wrong.append(str(error))
        return wrong

    # ---- opened = closed + live; expected = used + expired + replaced + closed + live ----

    def _sums(self, control=0, data=0, expected=0):
        n = self.gateway.stats()["reasons"]
        sums = (
            ("control_opened", n["control_opened"], n["control_closed"] + control),
            ("data_opened", n["data_opened"], n["data_closed"] + data),
            ("expected", n["expected"], n["expected_used"] + n["expected_expired"] +
             n["expected_replaced"] + n["expected_closed"] + expected),
            ("data_opened", n["data_opened"] + n["data_unanswered"], n["expected_used"] + n["tls_data"]),
            ("write_failed", n["write_failed"], 0), ("no_memory", n["no_memory"], 0),
        )
        return [f"{name} is {have}, {want} expected of {n}" for name, have, want in sums if have != want]

    def _living(self):
        """The sums are right with connections open, too: one session rests, one transfers."""
        self._emptied()
        offer = self.site.serving("keep")
        node = self.site.lab.clients[0]
        with node.inside():
            sessions = [offer.session("EPSV", patience=PATIENCE) for _ in range(2)]
            for session, family in zip(sessions, ("v4", "v6")):
                session.connect(pick(offer.dial, family), offer.port)
                session.login(offer.servers[0].user, offer.servers[0].password)
                session.cwd("pub")
            resting, busy = sessions
            resting.sendcmd("EPSV")
            data = busy.transfercmd("RETR much")
            data.recv(1000)
            try:
                wait_until(lambda: len(self.gateway.flows()) == 3, "two sessions and a transfer live")
                if len(self.gateway.expected()) != 1:
                    return ["one expectation should be open"]
                return self._sums(control=2, data=1, expected=1)
            finally:
                data.close()
                for session in sessions:
                    session.close()

    # ---- tables are empty ----

    def _emptied(self):
        try:
            wait_until(lambda: not self.gateway.flows() and not self.gateway.expected(), "", OVER)
        except LabError:
            raise LabError(f"after {OVER} s there still are: {json.dumps(self.gateway.flows())} "
                           f"{json.dumps(self.gateway.expected())}") from None

    def _empty(self):
        self._emptied()
        tables = {table["name"]: table["used"] for table in self.gateway.stats()["tables"]}
        left = [f"table {name} has {tables[name]} entries" for name in TABLES if tables[name]]
        left += [f"{name} holds {entries}" for name in MAPS if (entries := self.gateway.map(name))]
        if len(self.gateway.map("ftpnat_logs")) > 1 + SPARE_LOGS:
            left.append("ftpnat_logs holds more than the empty ones and those for the next sessions")
        wait_until(self._all_looked_at, "the queue of connections to look at is empty")
        if len(self.gateway.map("ftpnat_queue")) > 1:
            left.append("an empty queue has more than the block that it fills next")
        return left

    def _all_looked_at(self):
        queue = self.gateway.map("ftpnat_expiry")[0]["value"]
        return queue["head"] == queue["tail"]

    # ---- memory is where it began ----

    def _memory(self):
        """With XDP, every interface has a program more: such rounds are compared with their like."""
        maps = {name: self._memlock(name) for name in os.listdir(self.gateway.pin)
                if not name.endswith("gress") and name != "ftpnat_queue"}
        used = self._used()
        first = self.first.setdefault(self.gateway.config["xdp"] in ("generic", "native"), (maps, used))
        grown = [f"{name} takes {size} bytes, {first[0].get(name)} at first"
                 for name, size in maps.items() if size != first[0].get(name)]
        with contextlib.suppress(LabError):
            wait_until(lambda: self._used() <= first[1] + GROWTH, "what was freed is given back")
        if self._used() > first[1] + GROWTH:
            grown.append(f"the kernel keeps {self._used()} bytes for us, {first[1]} at first")
        return grown + self._resident()

    def _used(self):
        return self.site.memory.used() if self.site.memory.path else 0

    def _memlock(self, name):
        shown = run(["bpftool", "-j", "map", "show", "pinned", os.path.join(self.gateway.pin, name)])
        return json.loads(shown.stdout)["bytes_memlock"]

    def _resident(self):
        """`run`, from its first round on."""
        pid = self.site.service.process.popen.pid
        with open(f"/proc/{pid}/status") as file:
            size = next(int(line.split()[1]) << 10 for line in file if line.startswith("VmRSS:"))
        if not self.service or self.service[0] != pid:
            self.service = pid, size
        if size > self.service[1] + RESIDENT:
            return [f"`run` takes {size} bytes, {self.service[1]} at first"]
        return []

    def _processes(self):
        """The loader's commands have all ended; only `run` is there."""
        if not self.site.memory.path:
            return []
        others = set(self.site.memory.processes()) - {self.site.service.process.popen.pid}
        return [f"processes {others} are left"] if others else []

    def told(self):
        if not self.site.memory.path:
            return f"memory not looked at: {self.site.memory.why}"
        return f"{self.site.memory.used() / 1e6:.2f} MB"
