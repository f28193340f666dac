# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs every case through the kernel's own helper and through ftpnat, and prints both results.
Sessions between the families go through a NAT64, without and with ftpnat. Of two gateways one is
switched off: with the kernel's helper and conntrackd, and with ftpnat.

    compare.py [--only TEXT] [--gateway kernel|ftpnat] [--nat64 tayga|jool] [--pairs] [--write FILE]

--write keeps the tables as Markdown. Exit 1 when ftpnat failed a case.
"""

import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "e2e", "lib")]

import kill_cases  # noqa: E402
import nat64_cases  # noqa: E402
import page  # noqa: E402
import pairs  # noqa: E402
from gateways import GATEWAYS  # noqa: E402
from lab import Lab, LabError  # noqa: E402
from registry import cases, play  # noqa: E402
from world import World  # noqa: E402

NAMES = {"kernel": "kernel helper", "ftpnat": "ftpnat"}


def run_all(kind, chosen):
    """Results of one gateway, in the order of the cases."""
    with Lab(f"beside-{kind}") as lab:
        GATEWAYS[kind](lab)
        world = World(lab)
        try:
            results = []
            for number, entry in enumerate(chosen, 1):
                results.append(play(world, entry))
                if sys.stderr.isatty():
                    print(f"\r{NAMES[kind]}: {number} of {len(chosen)}", end="", file=sys.stderr)
            if sys.stderr.isatty():
                print("\r\033[K", end="", file=sys.stderr)
            return results
        finally:
            world.close()


def verdict(result):
    return "pass" if result[0] else "FAIL"


def title(entry):
    return f"{entry.name} ({entry.rule.name})"


def print_table(chosen, results):
    width = max(len(title(entry)) for entry in chosen)
    group = None
    for i, entry in enumerate(chosen):
        if entry.group != group:
            group = entry.group
            print(f"\n{group:{width + 2}}  " + "  ".join(f"{name:13}" for name in results))
        print(f"  {title(entry):{width}}  "
              + "  ".join(f"{verdict(result[i]):13}" for result in results.values()).rstrip())
        for name, result in results.items():
            if not result[i][0]:
                print(f"      {name}: {result[i][1]}")
    print()


def print_short(heading, names, results):
    print(heading)
    for i, name in enumerate(names):
        print(f"  {name}: " + "; ".join(f"{gateway}: {verdict(result[i])} ({result[i][1]})"
                                        for gateway, result in results.items()))
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="TEXT", help="cases with this text in group or name")
    parser.add_argument("--gateway", choices=sorted(GATEWAYS), help="one of the two")
    parser.add_argument("--nat64", choices=sorted(nat64_cases.TRANSLATORS), help="only the sessions through this one")
    parser.add_argument("--pairs", action="store_true", help="only the two gateways of which one is switched off")
    parser.add_argument("--write", metavar="FILE", help="keep the tables here, as Markdown")
    options = parser.parse_args()
    chosen = [entry for entry in cases() if not options.nat64 and not options.pairs
              and (not options.only or options.only in f"{entry.group}: {title(entry)}")]
    across = [entry for entry in nat64_cases.cases() if options.gateway in (None, "ftpnat") and not options.pairs
              and (not options.only or options.only in f"NAT64: {entry.name}")]
    kills = [entry for entry in kill_cases.cases() if not options.gateway and not options.nat64
             and (not options.only or options.only in f"switched off: {title(entry)}")]
    if not chosen and not across and not kills:
        parser.error("no such case")
    translator = nat64_cases.TRANSLATORS[options.nat64 or "tayga"]
    absent = across and translator.absent()
    if absent:
        print(f"compare: no sessions through {translator.name}: {absent}", file=sys.stderr)
        across = []
    absent = kills and pairs.absent()
    if absent:
        print(f"compare: no pairs of gateways: {absent}", file=sys.stderr)
        kills = []
    if not chosen and not across and not kills:
        return 2
    results, behind, killed = {}, {}, {}
    try:
        if chosen:
            results = {NAMES[kind]: run_all(kind, chosen) for kind in NAMES if options.gateway in (None, kind)}
        if across:
            behind = nat64_cases.run_all(across, translator)
        if kills:
            killed = kill_cases.run_all(kills)
    except LabError as error:
        print(f"compare: {error}", file=sys.stderr)
        return 2
    parts = []
    if results:
        print_table(chosen, results)
        parts.append(page.cases_part(chosen, results))
    if behind:
        print_short("NAT64", [entry.name for entry in across], behind)
        parts.append(page.nat64_section(translator, across, behind))
    if killed:
        print_short("One of two gateways is switched off", map(title, kills), killed)
        parts.append(page.kills_section(pairs.version(), kills, killed))
    for found in filter(None, (results, behind, killed)):
        print(page.count(found))
    if options.write:
        page.write(options.write, *parts)
    ours = [result for name, found in {**results, **behind, **killed}.items() if "ftpnat" in name for result in found]
    return not all(passed for passed, _ in ours)


if __name__ == "__main__":
    sys.exit(main())
