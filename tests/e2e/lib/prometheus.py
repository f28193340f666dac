# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Prometheus and its promtool, unpacked on first use."""

import functools
import os
import re
import subprocess

import pytest

from servers import TOP

UNPACKED = os.path.join(TOP, "build", "prometheus")
SAMPLE = re.compile(r'([a-z_]+)(?:\{(.*)\})? ([0-9.e+-]+)')


@functools.cache
def _lacking():
    done = subprocess.run([os.path.join(TOP, "scripts", "get-prometheus")], capture_output=True,
                          text=True, check=False)
    return done.stderr.strip().splitlines()[-1] if done.returncode else None


def binary(name):
    """Path of `prometheus` or `promtool`; skips the test where there is none."""
    if _lacking():
        pytest.skip(f"{name} is absent: {_lacking()}")
    return os.path.join(UNPACKED, name)


def promtool(*argv, **options):
    return subprocess.run([binary("promtool"), *argv], capture_output=True, text=True, timeout=60,
                          check=False, **options)


def samples(text):
    """{(name, {label: value} as a frozenset): number} of the text format."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        key = name, frozenset(re.findall(r'([a-z]+)="([^"]*)"', labels or ""))
        assert key not in found, f"twice: {line}"
        found[key] = float(value) if set(value) & set(".e") else int(value)
    return found


def sample(text, name, **labels):
    return samples(text).get((name, frozenset(labels.items())))
