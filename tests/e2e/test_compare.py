"""The cases of `make compare`, through ftpnat alone."""

import os
import re
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "compare"))

from registry import cases, play  # noqa: E402
from world import World  # noqa: E402

pytestmark = pytest.mark.ftpnat
CASES = cases()

# What ftpnat can't do yet, and why; each is counted as a skip until it passes.
KNOWN = {
    "PORT at the end of a 30 KB write": "of a GSO frame whose length changes one segment goes on, "
    "the rest is left to retransmission (docs/design.md, When it doesn't fit)",
}


def case_id(case):
    return re.sub(r"[^A-Za-z0-9]+", "-", f"{case.group} {case.name} {case.rule.name}").strip("-")


@pytest.fixture(scope="module")
def world(make_shared_lab):
    world = World(make_shared_lab())
    yield world
    world.close()


def test_there_are_as_many_cases_as_promised():
    assert len(CASES) >= 61
    assert len(set(map(case_id, CASES))) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_case(world, case):
    passed, seen = play(world, case)
    if case.name in KNOWN:
        assert not passed, "it passes: take it out of KNOWN"
        pytest.skip(f"{case.name}: {KNOWN[case.name]}")
    assert passed, f"{seen}\n{case.must}"
