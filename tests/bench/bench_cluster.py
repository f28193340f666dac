#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kills gateways of a cluster under many sessions, and measures what the cluster costs.

    bench_cluster.py [--quick] [--only PART]... [--seed N]

Writes docs/bench/cluster.md and .json; with --quick or --only, build/bench/result.
docs/bench/README.md says how it is measured.
"""

import argparse
import os
import signal
import sys
import time
from dataclasses import dataclass

import report
from bench import describe_run, measure, print_verdicts
from cluster_parts import PARTS, SETUPS, TITLES
from results import Goal, Results
from tools import TOP, LabError


@dataclass
class Plan:
    rounds: int = 3
    repeats: int = 4             # in each round, of what is compared
    kills: int = 3               # of a gateway with many sessions
    sessions: int = 10_000       # then, of which:
    talkers: int = 1000          # say PASV each second
    transfers: int = 1000        # get a file
    gap_kills: int = 3           # for each interval of adverts
    joined_flows: int = 2000     # data connections to copy
    clients: int = 32            # FTP sessions at once
    session_seconds: float = 1.0
    round_trips: int = 500
    setups: tuple = tuple(SETUPS)


QUICK = Plan(rounds=1, repeats=2, kills=1, sessions=1000, talkers=100, transfers=100, gap_kills=1, joined_flows=200,
             session_seconds=0.5, round_trips=200, setups=tuple(SETUPS[:3]))


def goals(results):
    rate, gap = "sessions.rate", "gap.bytes"
    sessions = sum(results.samples.get("kill.sessions", {}).get("pair-all", []))
    return [
        Goal("sessions-lost", f"sessions lost of {sessions:,} at power-offs", ("kill.sessions-lost", "pair-all"), None,
             at_most=0, of=sum),
        Goal("transfers-lost", "transfers of them that were lost", ("kill.transfers-lost", "pair-all"), None,
             at_most=0, of=sum),
        Goal("gap", "longest time without a byte of a transfer, adverts each 0.1 s, the worst kill, s",
             (gap, "advert-0.1"), None, at_most=1.0, of=max),
        Goal("sessions-all/none", "sessions per second, `commit: all` against `none`, two gateways",
             (rate, "pair-all"), (rate, "pair-none"), at_least=0.7),
        Goal("sessions-all/without", "the same against a gateway without `cluster:`", (rate, "pair-all"),
             (rate, "without"), at_least=0.7),
        *(Goal(f"{percentile}/{setup.key}", f"PASV to 227, {percentile}, {setup.title}, against without `cluster:`",
               (f"line.passive.{percentile}", setup.key), (f"line.passive.{percentile}", "without"))
          for percentile in ("p50", "p99") for setup in SETUPS[1:]
          if results.has(f"line.passive.{percentile}", setup.key)),
        Goal("absent", "instructions that name a map of the cluster, without `cluster:`",
             ("program.references", "without"), None, at_most=0, of=sum),
    ]


def tables(_):
    return [
        ("Power-off while many sessions stand", ("kill.sessions", "kill.sessions-lost", "kill.transfers",
                                                 "kill.transfers-lost", "kill.gap")),
        ("Power-off with keepalived, one transfer", ("gap.address", "gap.bytes")),
        ("FTP sessions", ("sessions.rate", "sessions.p50", "sessions.p99", "sessions.failed")),
        ("Round trip of an address line", ("line.passive.p50", "line.passive.p99")),
        ("Between the gateways", ("wire.session", "wire.idle")),
        ("A gateway joins", ("join.time", "join.maps", "join.session", "join.rss")),
        ("Without `cluster:`", ("program.size", "program.references")),
    ]


FORM = report.Form("cluster", "Benchmark of a cluster", "make bench-cluster", TITLES, goals, tables)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less of everything, in two minutes")
    parser.add_argument("--seed", type=int, default=1, help="for the order of each round")
    parser.add_argument("--only", action="append", choices=[part.__name__.lower() for part in PARTS],
                        help="this part, may be repeated")
    options = parser.parse_args()
    if os.geteuid():
        parser.error("must be root: it makes network namespaces and loads BPF programs")
    plan = QUICK if options.quick else Plan()
    folder = os.path.join(TOP, *(("build", "bench", "result") if options.quick or options.only
                                 else ("docs", "bench")))
    parts = [part for part in PARTS if not options.only or part.__name__.lower() in options.only]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the labs are closed
    results, started, absent = Results(), time.monotonic(), {}
    about = describe_run(plan, options)
    try:
        measure(plan, parts, options.seed, results, plan.setups, absent)
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    about["load after"] = round(os.getloadavg()[0], 2)
    about["seconds"] = round(time.monotonic() - started)
    report.write(folder, about, absent, results, FORM)
    print_verdicts(results, FORM)
    for line in report.gaps(absent, results, TITLES):
        print(line)
    print(f"written: {os.path.relpath(folder, TOP)}/{FORM.name}.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
