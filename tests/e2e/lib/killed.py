# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ftpnat-load with SIGKILL before a certain step: a system call that changes something."""

import os
import subprocess

from lab import LabError
from servers import TOP

KILLER = os.path.join(TOP, "build", "tests", "killer.so")


def _run(argv, **killer):
    environment = dict(os.environ, LD_PRELOAD=KILLER, **killer)
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, env=environment)


def steps_of(argv, log):
    """Runs the command to its end; names of its steps."""
    done = _run(argv, KILLER_LOG=log)
    if done.returncode:
        raise LabError(f"{argv}: {done.stderr}")
    with open(log) as file:
        steps = [line.split(" ", 1)[1].strip() for line in file]
    os.unlink(log)
    return steps


def kill_before(argv, number):
    """The step of this number, from 0, isn't taken any more."""
    done = _run(argv, KILLER_STEP=str(number + 1))
    assert done.returncode == -9, f"not killed before step {number}: {done.stderr}"
