# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The BPF programs by themselves: does the kernel take them, do their unit tests pass?"""

import os
import re
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "e2e", "lib"))  # where only these tests run

from lab import run  # noqa: E402

BUILD = os.path.join(TOP, "build")
LONG = 3600  # seconds, of which emulation may need many


@pytest.mark.xdist_group("load")  # one at a time: load.sh has one pair of links, one folder of pins
@pytest.mark.parametrize("compiler", ["clang", "clang-19"])
def test_load_and_attach(compiler):
    folder = BUILD if compiler == "clang" else os.path.join(BUILD, "verifier", compiler)
    objects = [os.path.join(folder, f"ftpnat_{kind}.bpf.o") for kind in ("tc", "xdp")]
    if not os.path.exists(objects[0]):
        pytest.skip(f"not built by {compiler}: `make check-kernels` does it")
    said = run(["sh", os.path.join(TOP, "tests/kernels/load.sh"), os.path.join(BUILD, "tests/kernel-load"),
                *objects]).stdout
    loaded, attached = (re.findall(pattern, said, re.M) for pattern in (r"^insns (\S+)", r"^attach (\S+) \S+ ok$"))
    assert sorted(attached) == sorted(loaded), said


# One of each way that packets take. Emulated, a program of tests takes minutes, and all of them would take hours.
UNIT = ("test_tc_nat", "test_tc_lines", "test_tc_life", "test_tc_forward", "test_tc_xlat", "test_xdp")


@pytest.mark.parametrize("name", UNIT)
def test_unit(name):
    """BPF_PROG_TEST_RUN"""
    said = run([os.path.join(BUILD, "tests", name)], timeout=LONG).stdout
    assert "PASSED" in said and "SKIPPED" not in said, said


def test_conversations():
    run([os.path.join(BUILD, "tests/test_conversations"), "--count", "100"], timeout=LONG)
