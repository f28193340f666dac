# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A round of the soak: sessions and disturbances, all drawn from its number and the seed.

Disturbances come when so many files were moved, not at a time; a session may rest until one is
over. Nothing hangs on how fast the machine is.
"""

import concurrent.futures
import glob
import os
import random
import threading
import traceback

from soak_faults import Faults
from soak_sessions import KINDS, WEIGHTS, Inside, Own, clock

WORKERS = 5
SESSIONS = 14


class Round:
    def __init__(self, site, seed, number):
        self.site, self.number = site, number
        self.rng = random.Random(f"{seed}/{number}")
        self.faults = Faults(site, self.rng)
        self.plan = self.faults.draw()
        self.talks = []
        for kind in self.rng.choices(KINDS, WEIGHTS, k=SESSIONS):
            more = {"pauses": len(self.plan)} if kind in (Own, Inside) else {}
            self.talks.append(kind(site, self.rng, **more))
        self.after = sorted(self.rng.randrange(2 * SESSIONS) for _ in self.plan)
        self.lock = threading.Condition()
        self.files = self.over = self.waiting = self.disturbed = 0
        self.wrong = []
        self.times = []

    # ---- what sessions call ----

    def transferred(self):
        with self.lock:
            self.files += 1
            self.lock.notify_all()

    def pause(self, disturbance):
        """Returns when that one is over."""
        with self.lock:
            self.waiting += 1
            self.lock.notify_all()
            self.lock.wait_for(lambda: self.disturbed > disturbance)
            self.waiting -= 1

    # ---- the round ----

    def _talk(self, talk):
        talk.play(self)
        with self.lock:
            self.over += 1
            self.lock.notify_all()

    def _ripe(self, after):
        """Is the next disturbance due? Also if all sessions are paused until it comes."""
        left = len(self.talks) - self.over
        return self.files >= after or self.waiting == min(WORKERS, left)

    def _disturb(self):
        for after, (name, seed) in zip(self.after, self.plan):
            with self.lock:
                self.lock.wait_for(lambda a=after: self._ripe(a))
            begun = clock()
            try:
                self.faults.cause(name, seed)
            except Exception as error:  # noqa: BLE001 - the sessions must not wait for ever
                self.wrong.append(f"{name}: {error!r}\n{traceback.format_exc()}")
            self.times.append(f"{name} {begun} to {clock()}, after {after} files")
            with self.lock:
                self.disturbed += 1
                self.lock.notify_all()

    def _release(self):
        """Nobody rests any more, also when the soak was interrupted."""
        with self.lock:
            self.disturbed = len(self.plan)
            self.lock.notify_all()

    def play(self):
        """What went wrong, a list of sentences."""
        self.site.begin(self.rng)
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            running = [pool.submit(self._talk, talk) for talk in self.talks]
            try:
                self._disturb()
            finally:
                self._release()
            for job in running:
                job.result()
        self.faults.end()
        for talk in self.talks:
            if talk.error and not self.excuses(talk):
                self.wrong.append(f"{talk} failed and nothing was done to it: {talk.error!r}\n"
                                  f"{talk.said}\n{self._events(talk)}")
        return self.wrong

    def excuses(self, talk):
        return [fault.text for fault in self.faults.happened if fault.hit(talk)]

    def _events(self, talk):
        """Events of the service about this client and rule."""
        lines = []
        for log in sorted(glob.glob(self.site.lab.file("run-*.log")), key=os.path.getmtime):
            with open(log, errors="replace") as file:
                lines += [line for line in file if f'"rule": "{talk.offer.rule}' in line
                          and f'"client": "{talk.address}' in line]
        return "".join(lines[-200:])

    def story(self):
        """Every session and what became of it."""
        lines = [f"disturbances: {'; '.join(self.times)}"]
        for number, talk in enumerate(self.talks):
            state = "done"
            if talk.error:
                why = self.excuses(talk)
                state = f"hit ({'; '.join(why)})" if why else "FAILED"
            lines.append(f"  {number:2} {talk}: {state}, {talk.times}")
        return "\n".join(lines)

    def summary(self):
        hit = sum(bool(talk.error) for talk in self.talks)
        names = " ".join(name for name, _ in self.plan)
        return (f"{len(self.talks)} sessions, {sum(talk.files for talk in self.talks)} files, "
                f"{sum(talk.bytes for talk in self.talks) / 1e6:.1f} MB, {hit} hit; {names}"
                + (f"; {self.faults.lost} packets lost" if self.faults.lost else ""))
