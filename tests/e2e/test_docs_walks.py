# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The two walks through the code in docs/design.md name functions that exist and call each other in that order."""

import glob
import os
import re

import pytest

from servers import TOP

pytestmark = pytest.mark.no_root

WALKS = {"**From the client's PORT to the server's PORT**": ("bpf/*.h", "control_packet"),
         "**From a YAML key to the map**": ("user/**/*.c", "verb_reload")}


def functions(pattern):
    """{name: text of its body}"""
    found = {}
    for path in glob.glob(os.path.join(TOP, pattern), recursive=True):
        with open(path) as file:
            text = re.sub(r"/\*.*?\*/|//[^\n]*", "", file.read(), flags=re.S)
        for name, body in re.findall(r"^(?![#\s}])[^;{}#]*?\b(\w+)\([^;{}]*\)\s*\{\n(.*?)^\}", text, re.M | re.S):
            found[name] = found.get(name, "") + body
    return found


def reached(bodies, first, mention=r"\w+(?=\()"):
    """What this function calls, however indirectly."""
    found, left = set(), [first]
    while left:
        for name in set(re.findall(mention, bodies[left.pop()])) & bodies.keys() - found:
            found.add(name)
            left.append(name)
    return found


@pytest.mark.parametrize("title", WALKS)
def test_walk(title):
    pattern, root = WALKS[title]
    bodies = functions(pattern)
    with open(os.path.join(TOP, "docs", "design.md")) as file:
        steps = re.findall(r"^\d\. `(\w+)\(\)`", file.read().split(title)[1].split("\n\n")[1], re.M)
    assert 1 < len(steps) <= 8
    assert set(steps) <= bodies.keys()
    # some are called through tables
    assert set(steps) <= reached(bodies, root, r"\w+") | {root}
    for number, step in enumerate(steps):
        assert not reached(bodies, step) & set(steps[:number]), f"{step} comes before one of {steps[:number]}"
