# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""XDP chained by libxdp, under Debian's 6.12 in qemu where this kernel refuses freplace.

The dispatcher is what users' kernels have. `make check-kernels` runs much more there, and under 6.1.
"""

import os

import pytest

from gateways import TOP
from lab import run

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow]


def need(*argv):
    done = run([os.path.join(TOP, argv[0]), *argv[1:]], check=False, timeout=600)
    if done.returncode:
        pytest.skip(f"{' '.join(argv)}: {done.stdout.strip().splitlines()[-1]}")
    return done.stdout.splitlines()


def test_dispatcher():
    need("scripts/deps", "kernels")
    kernel = need("scripts/get-kernels", "6.12")[-1]
    need("scripts/get-servers")
    done = run([os.path.join(TOP, "tests/kernels/run"), "--no-readme", "-k", "libxdp", kernel],
               check=False, timeout=1800)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count(" PASSED tests/e2e/test_xdp_attach.py::") == 2, done.stdout
