# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`make demo-cluster` shows what it says, and leaves nothing behind."""

import os
import subprocess

import pytest

from lab import run
from servers import TOP

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow, pytest.mark.xdist_group("test_demo_cluster")]


def test_the_demo_of_a_cluster():
    done = subprocess.run(["/usr/bin/python3", os.path.join(TOP, "tests", "e2e", "lib", "demo_cluster.py")],
                          capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gateway 1 is dead" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("VERDICT: the gateway died in the middle of the transfer")
    assert done.stdout.splitlines()[-1].endswith("32 MiB arrived unchanged")
    assert "demo-cluster" not in run(["ip", "netns", "list"]).stdout
    assert not [name for name in os.listdir("/sys/fs/bpf") if "demo-cluster" in name]
