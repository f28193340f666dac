#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Real FTP sessions through one gateway that is never left in peace, for as long as wanted.

    soak.py [--minutes M | --rounds N] [--seed S] [--round R]

After each round nothing may be left in the tables, the counters have to add up and memory must
be where it was after the first; no transfer may have failed but those of sessions that were hit
on purpose. --round plays that one alone. Exit 1 when something was wrong.
"""

import argparse
import itertools
import os
import random
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "e2e", "lib")]

from gateways import FtpnatGateway  # noqa: E402
from lab import Lab, LabError  # noqa: E402
from soak_books import Books  # noqa: E402
from soak_lab import LAB, Site  # noqa: E402
from soak_rounds import Round  # noqa: E402

ENOUGH = 5  # rounds that went wrong


def arguments():
    parser = argparse.ArgumentParser(description="mixed FTP sessions, disturbed, without end")
    parser.add_argument("--minutes", type=float, default=240)
    parser.add_argument("--rounds", type=int, help="so many, however long they take")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--round", type=int, help="this one alone")
    return parser.parse_args()


def numbers(options):
    """The rounds to play."""
    if options.round is not None:
        return [options.round]
    if options.rounds is not None:
        return range(options.rounds)
    end = time.monotonic() + options.minutes * 60
    return itertools.takewhile(lambda _: time.monotonic() < end, itertools.count())


def play(site, books, seed, number):
    """One round; the story of what went wrong, empty when nothing did."""
    turn = Round(site, seed, number)
    begun = time.monotonic()
    wrong = turn.play() + books.check()
    print(f"round {number}: {turn.summary()}; {books.told()}; {time.monotonic() - begun:.0f} s"
          + (": WRONG" if wrong else ""))
    for talk in turn.talks:
        if talk.error:
            print(f"  {talk}: {'; '.join(turn.excuses(talk)) or 'FAILED'}: {talk.error!r:.90}")
    if not wrong:
        return ""
    return "\n".join([*wrong, turn.story(), site.gateway.report(), site.lab.report(),
                      f"again: make soak SEED={seed} ROUND={number}"])


def soak(options):
    played = failed = 0
    with Lab("soak", **LAB) as lab:
        FtpnatGateway(lab)
        site = Site(lab)
        books = Books(site)
        try:
            for number in numbers(options):
                story = play(site, books, options.seed, number)
                played += 1
                failed += bool(story)
                if story:
                    print(story)
                if failed == ENOUGH:
                    break
        finally:
            left = site.close()
            for sentence in left:
                print(sentence)
    print(f"{played} rounds, {failed} wrong")
    return 1 if failed or left else 0


def interrupted(number, _):
    raise KeyboardInterrupt(signal.Signals(number).name)


def main():
    options = arguments()
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGTERM, interrupted)
    subprocess.run([os.path.join(TOP, "scripts", "get-servers")], check=False)
    print(f"seed {options.seed}")
    try:
        return soak(options)
    except (LabError, KeyboardInterrupt) as error:
        print(f"ended: {error!r}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
