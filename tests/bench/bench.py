#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Measures ftpnat, nftables and bare forwarding side by side.

    bench.py [--quick] [--only PART]... [--seed N]

Writes docs/bench; with --quick or --only, build/bench/result. docs/bench/README.md
says how it is measured.
"""

import argparse
import datetime
import os
import platform
import random
import sys
import time
from dataclasses import dataclass

import report
from control_flows import ControlFlows
from parts import PARTS
from plots import draw
from results import Results
from tools import CPUS, TOP, LabError, Tools
from variants import VARIANTS, Absent, room_for_conntrack

ALL_PARTS = (*PARTS, ControlFlows)


@dataclass
class Plan:
    rounds: int = 5
    repeats: int = 6               # in each round, of what narrow goals rest on
    seconds: float = 0.4           # of the generator, each time
    flows: tuple = (1, 1000, 100_000, 1_000_000)
    sessions: int = 16384          # for their memory
    replays: int = 1_000_000
    lines: int = 5000              # by test run
    bulk: int = 2 << 30
    clients: int = 32              # FTP sessions at once
    session_seconds: float = 0.6
    round_trips: int = 5000
    echoes: int = 20000
    idle: int = 10_000             # sessions that stand by
    controls: int = 1_000_000      # control connections that all say something


QUICK = Plan(rounds=3, repeats=2, seconds=0.15, flows=(1, 1000, 10_000), sessions=2048, replays=100_000,
             lines=500, bulk=256 << 20, session_seconds=0.3, round_trips=300, echoes=2000, idle=1000,
             controls=10_000)


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")),
                     platform.machine())
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) >> 20
    return f"{model}, {len(CPUS)} CPUs, {memory} GiB"


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def usable():
    """The variants to measure, and {key: why not} of the others."""
    good, absent = [], {}
    for variant in VARIANTS:
        try:
            variant.check()
            good.append(variant)
        except Absent as why:
            absent[variant.key] = str(why)
    return good, absent


def play_round(part, number, order):
    """What is compared is measured in turn, as often as it needs; all else in any order."""
    together = {}
    for step in part.steps():
        together.setdefault(part.compared(step), []).append(step)
    for steps in order.sample(list(together.values()), len(together)):
        for repeat in range(part.repeats(steps[0])):
            part.results.turn = number, repeat
            for step in order.sample(steps, len(steps)):
                part.play(step)


def measure(plan, parts, seed, results, variants, absent):
    """All parts; adds to what is absent."""
    order = random.Random(seed)
    for part_class in parts:
        started = time.monotonic()
        with part_class(plan, results, variants, absent) as part:
            made = time.monotonic()
            for number in range(min(plan.rounds, part.rounds or plan.rounds)):
                play_round(part, number, order)
            say(f"{part_class.__name__.lower()}: labs {made - started:.0f} s, "
                f"measured {time.monotonic() - made:.0f} s")


def describe_run(plan, options):
    """Where and how; says so when the figures will not be worth much."""
    about = {"date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
             "commit": report.commit(), "machine": machine(),
             "kernel": f"{platform.release()} {platform.version()}", "seed": options.seed,
             "quick": options.quick, "rounds": plan.rounds, "repeats": plan.repeats,
             "load before": round(os.getloadavg()[0], 2)}
    if about["load before"] > 0.5:
        say(f"this machine is not idle (load {about['load before']}): the figures will show it")
    return about


def print_verdicts(results, form=report.RESULT):
    for goal, value, verdict in report.verdicts(results, form):
        shown = "" if value is None else f"{value:.2f} "
        print(f"{verdict:12} {goal.title}: {shown}({goal.wanted()})")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less of everything, in two minutes")
    parser.add_argument("--seed", type=int, default=1, help="for the order of each round")
    parser.add_argument("--only", action="append", choices=[part.__name__.lower() for part in ALL_PARTS],
                        help="this part, may be repeated")
    parser.add_argument("--redraw", action="store_true", help="measure nothing; the plots of docs/bench again")
    options = parser.parse_args()
    if options.redraw:
        folder = os.path.join(TOP, "docs", "bench")
        draw(folder, report.read(folder))
        return 0
    if os.geteuid():
        parser.error("must be root: it makes network namespaces and loads BPF programs")
    plan = QUICK if options.quick else Plan()
    folder = os.path.join(TOP, *(("build", "bench", "result") if options.quick or options.only
                                 else ("docs", "bench")))
    parts = [part for part in ALL_PARTS if not options.only or part.__name__.lower() in options.only]
    results, started = Results(), time.monotonic()
    about = describe_run(plan, options)
    try:
        with Tools(), room_for_conntrack(max(1 << 18, 1 << (max(plan.flows) - 1).bit_length())):
            variants, absent = usable()
            measure(plan, parts, options.seed, results, variants, absent)
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    about["seconds"] = round(time.monotonic() - started)
    report.write(folder, about, absent, results)
    draw(folder, results)
    print_verdicts(results)
    for line in report.gaps(absent, results):
        print(line)
    worse = report.regressions(results)
    if worse:
        print("\n!!! WORSE than the committed result by more than a tenth:")
        print("\n".join(f"!!!   {line}" for line in worse))
    print(f"written: {os.path.relpath(folder, TOP)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
