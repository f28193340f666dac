# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The cases of `make compare`, through ftpnat alone."""

import os
import re
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "compare"))

import nat64  # noqa: E402
import nat64_cases  # noqa: E402
import page  # noqa: E402
from registry import cases, play  # noqa: E402
from world import World  # noqa: E402

pytestmark = pytest.mark.ftpnat
CASES = cases()

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


def test_a_run_writes_its_parts_of_the_page_and_leaves_the_others(tmp_path):
    path = tmp_path / "compare.md"
    sections = {}
    for name, passed in (("tayga", True), ("jool", True), ("tayga", False)):
        entry, seen = nat64_cases.cases()[0], f"seen | by {name}"
        translator = nat64_cases.Translator(name, None, None, lambda: "About it.")
        sections[name] = page.nat64_section(translator, [entry], {f"{name} alone": [(passed, seen)]})
        page.write(path, "# Title\n\nfirst\n", sections[name])
    assert path.read_text() == f"# Title\n\nfirst\n\n{sections['tayga']}\n{sections['jool']}"
    page.write(path, "# Title\n\nsecond\n")
    assert path.read_text() == f"# Title\n\nsecond\n\n{sections['tayga']}\n{sections['jool']}"
    assert "| **fail**: seen \\| by tayga |" in sections["tayga"]


@pytest.fixture(scope="module")
def beside_tayga(make_shared_lab):
    if nat64.missing():
        pytest.skip(nat64.missing())
    return nat64_cases.World(make_shared_lab("-nat64", route_back=False), nat64_cases.TRANSLATORS["tayga"], True)


@pytest.mark.parametrize("case", nat64_cases.cases(), ids=lambda case: re.sub(r"[^A-Za-z0-9]+", "-", case.name))
def test_nat64_case(beside_tayga, case):
    passed, seen = nat64_cases.play(beside_tayga, case)
    assert passed, f"{seen}\n{case.must}"


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_case(world, case):
    passed, seen = play(world, case)
    assert passed, f"{seen}\n{case.must}"
