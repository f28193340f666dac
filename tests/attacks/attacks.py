# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The list of attacks, and how one is run.

An attack is a function of a Siege: a session that works before. It raises Failed
when the attack has an effect. Afterwards the session (`lasts`) or, where the
attacker's own session may die of it, a new one must carry a transfer.
"""

import fnmatch
import importlib
import os
import re
from dataclasses import dataclass

from siege import Siege
from world import Failed

MODULES = ("sources", "acceptance", "hidden_lines", "handshakes", "options", "data_connections", "icmp_errors", "guards",
           "policy", "default_port", "readings_of_replies", "browsers", "sockets", "answers", "floods", "fallback", "across",
           "families")
FUZZER = "fuzz-packets"  # its name in `unmet`
UNMET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "unmet")

# The classes of attacks: what they are about
SOURCE = "source"
ACCEPTANCE = "acceptance"
GUARD = "guard"
POLICY = "policy"
BROWSER = "browser"
SOCKETS = "host sockets"
ANSWERS = "answers"
FLOODS = "floods"
TITLES = {
    SOURCE: "From where its sender is",
    ACCEPTANCE: "What its receiver would accept",
    GUARD: "What passes the guard",
    POLICY: "Around the policy",
    BROWSER: "Browsers as unwitting clients",
    SOCKETS: "The gateway's own sockets",
    ANSWERS: "Answers",
    FLOODS: "Floods",
}

_attacks = []


@dataclass(frozen=True)
class Attack:
    kind: str  # one of TITLES
    group: str  # the attack, of which this is a variant
    variant: str
    attacker: str  # where, and what it knows
    promise: str
    rule: object
    function: object
    lasts: bool = True  # the session that was attacked, too
    connect: bool = True  # the function begins with a session
    ours: bool = False  # asks for what the kernel's helper does not have
    xdp: str = "off"
    limits: dict = None  # of ftpnat's tables, where they have to be small

    @property
    def name(self):
        return f"{self.group}: {self.variant}" if self.variant else self.group

    @property
    def id(self):
        return re.sub(r"[^a-z0-9]+", "-", f"{self.kind} {self.name} {self.rule.name}".lower()).strip("-")


def attack(kind, group, attacker, promise, rules, variants=None, **more):
    """Enters a function, once for each rule and variant {name: arguments}."""
    def enter(function):
        for name, arguments in (variants or {"": ()}).items():
            for rule in rules:
                def run(siege, arguments=arguments):
                    return function(siege, *(arguments if isinstance(arguments, tuple) else (arguments,)))
                _attacks.append(Attack(kind, group, name, attacker, promise, rule, run, **more))
        return function
    return enter


def entered():
    """Those of the modules so far; more may be added to it."""
    return _attacks


def attacks():
    if not _attacks:
        for module in MODULES:
            importlib.import_module(module)
    return _attacks


def unmet():
    """The attacks that ftpnat does not withstand yet: {id: class}."""
    with open(UNMET) as file:
        rows = [line.split() for line in file if line.strip() and not line.startswith("#")]
    return {row[-1]: " ".join(row[:-1]) for row in rows}


def chosen(text):
    """Those whose id or class matches."""
    pattern = f"*{text or ''}*"
    return [entry for entry in attacks() if fnmatch.fnmatch(entry.id, pattern)]


def play(ground, entry):
    """(withstood, what was seen) of an attack."""
    ground.switch(entry.xdp, entry.limits)
    ground.forget()
    siege = Siege(ground, entry.rule)
    try:
        if entry.connect:
            siege.connect()
        seen = entry.function(siege)
        if entry.lasts:
            siege.works()
        elif ground.is_ours:
            siege.another_works()
        return True, seen or "no effect"
    except Failed as failure:
        return False, str(failure)
    finally:
        siege.close()
