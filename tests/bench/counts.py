#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Instructions that the grammar and the edit log take on the host, counted by valgrind.

The same compiler gives the same figures, however busy the machine is. BPF code of them has
other instructions, but grows where these do.
"""

import re
import sys

from tools import LabError, built, run

FEW, MORE = 1000, 2000  # what both have in common is the program's start


def instructions(what, times):
    said = run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", built("host_counts"), what,
                str(times)], timeout=120).stdout
    found = re.search(r"Collected : (\d+)", said)
    if not found:
        raise LabError(f"valgrind counts nothing: {said}")
    return int(found[1])


def counts():
    """{what: instructions each time}"""
    names = run([built("host_counts")]).stdout.splitlines()
    return {name: (instructions(name, MORE) - instructions(name, FEW)) / (MORE - FEW) for name in names}


def main():
    try:
        for name, count in counts().items():
            print(f"{count:8.1f}  {name}")
    except LabError as error:
        print(f"counts: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
