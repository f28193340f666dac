# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The list of cases, and how one is run."""

import importlib
from dataclasses import dataclass, field

from scene import Scene
from world import Failed

MODULES = ("cases_lines", "cases_stream", "cases_numbers", "cases_replies", "cases_grammar",
           "cases_expectations", "cases_icmp")

_cases = []


@dataclass
class Case:
    group: str
    name: str
    must: str  # what a correct gateway does
    rule: object
    function: object
    connect: bool = True
    options: dict = field(default_factory=dict)  # of Scene.connect


def case(group, name, must, rule, connect=True, **options):
    """Enters a function of a Scene: it returns what was seen, or raises Failed."""
    def enter(function):
        _cases.append(Case(group, name, must, rule, function, connect, options))
        return function
    return enter


def cases():
    for module in MODULES:
        importlib.import_module(module)
    return _cases


def play(world, entry):
    """(passed, what was seen) of a case."""
    scene = Scene(world, entry.rule)
    try:
        if entry.connect:
            scene.connect(**entry.options)
        return True, entry.function(scene) or "as it must be"
    except Failed as failure:
        return False, str(failure)
    finally:
        scene.close()
