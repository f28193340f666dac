#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Compares this build with another one, in turns beside each other.

    pair.py [--rounds N] [--quick] [--only MEASURE] PROGRAM|--tcx

PROGRAM is the other build's ftpnat-load. With --tcx, `tcx: first` is this, and clsact the other. Prints, for each measure, the median of the
ratios this / other of one turn, and the half of the turns around it. Above 1 is better
for rates, worse for times. Writes nothing. MEASURE: ns.data, or any other that begins so.
"""

import argparse
import dataclasses
import os
import random
import statistics
import sys

from bench import QUICK, Plan, play_round
from gateways import FtpnatGateway
from lab import run
from parts import Packets, Sockets
from results import Results, describe
from tools import LabError, Tools
from variants import Ftpnat


class OtherGateway(FtpnatGateway):
    """Of another version: its JSON may follow another schema."""

    def load(self, *verb, check=True):
        return run([self.command, "--netns", self.lab.gw.name, "--pin", self.pin, "-c", self.path, *verb],
                   check=check)


class Chosen:
    """A part of which only some measures are taken."""

    prefix = ""

    def steps(self):
        return (step for step in super().steps() if step[0].startswith(self.prefix))


class ChosenPackets(Chosen, Packets):
    pass


class ChosenSockets(Chosen, Sockets):
    pass


class Build(Ftpnat):
    def __init__(self, key, xdp, program, more=None):
        super().__init__(key, key, xdp, more=more)
        self.program = program

    def gateway(self, lab):
        gateway = OtherGateway(lab)
        gateway.command = self.program
        return gateway


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="short turns")
    parser.add_argument("--only", default="", metavar="MEASURE", help="what begins so")
    parser.add_argument("--tcx", action="store_true", help="this build at tcx and at clsact")
    parser.add_argument("program", nargs="?", help="the other build's ftpnat-load")
    options = parser.parse_args()
    if bool(options.program) == options.tcx:
        parser.error("name the other build's ftpnat-load, or give --tcx")
    if os.geteuid():
        parser.error("must be root: it makes network namespaces and loads BPF programs")
    plan = dataclasses.replace(QUICK if options.quick else Plan(), rounds=options.rounds, repeats=1)
    variants = [Build(f"{name}-{hook}", xdp, program)
                for name, program in (("this", FtpnatGateway.command), ("other", options.program))
                for hook, xdp in (("tc", "off"), ("xdp", "native"))]
    if options.tcx:
        variants = [Build("this-tc", "off", FtpnatGateway.command, {"tcx": "first"}),
                    Build("other-tc", "off", FtpnatGateway.command)]
    results, absent, order = Results(), {}, random.Random(1)
    Chosen.prefix = options.only
    try:
        with Tools():
            for part_class in (ChosenPackets, ChosenSockets):
                with part_class(plan, results, variants, absent) as part:
                    for number in range(plan.rounds):
                        play_round(part, number, order)
    except LabError as error:
        print(f"pair: {error}", file=sys.stderr)
        return 1
    for measure in results.samples:
        for hook in ("tc", "xdp"):
            ratios = results.ratios((measure, f"this-{hook}"), (measure, f"other-{hook}"))
            if len(ratios) < 2:
                continue
            low, middle, high = statistics.quantiles(ratios, n=4)
            title, unit, divisor = describe(measure)
            here, there = (results.median(measure, f"{name}-{hook}") / divisor for name in ("this", "other"))
            print(f"{hook:4}{title:55}{middle:6.2f} ({low:.2f} .. {high:.2f}){here:10.2f}{there:10.2f} {unit}")
    for what, why in [*absent.items(), *results.missing.items()]:
        print(f"not measured: {what}: {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
