# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One client takes all that it gets of a small table; another one still finds room in it."""

from attacks import FLOODS, attack
from siege import Siege
from sources import GROW, GROW6, PUBLISH, PUBLISH6
from world import CONTROL, Failed

TABLE = 256
LIMITS = {"control": TABLE, "data": TABLE, "expected": TABLE // 2}
ATTEMPTS = 2 * TABLE
REASONS = ("client_share", "control_full", "data_full", "line_full")


def _data(s):
    """Data connections, which stay."""
    s.connect()
    for _ in range(ATTEMPTS):
        source, destination, _, _ = s._way(*s.pending())
        tcp, syn = s.world.dial(source, destination)
        s._opened.append(tcp)
        if not syn:
            return
    raise Failed("one client gets as many data connections as it likes")


def _half_open(s):
    """SYNs, which nobody answers."""
    for _ in range(ATTEMPTS):
        tcp, _ = s.world.dial((s.rule.client, s.world.port()), (s.rule.dial, CONTROL))
        s._opened.append(tcp)


def _sessions(s):
    """Sessions that say nothing."""
    for _ in range(ATTEMPTS):
        try:
            s.connect(login=False)
        except Failed:
            return
    raise Failed("one client gets as many sessions as it likes")


def _announced(s):
    """Sessions, each with a data connection that never comes."""
    for _ in range(ATTEMPTS):
        try:
            s.connect(login=False)
            s.pending()
        except Failed:
            return
    raise Failed("one client announces as many data connections as it likes")


def _reasons(s):
    seen = s.world.gateway.stats()["reasons"]
    return {name: seen.get(name, 0) for name in REASONS}


@attack(FLOODS, "one client takes all that it gets:", "any client, its own address",
        "One client gets a share of a table, so that others find room in it.", (PUBLISH, PUBLISH6, GROW, GROW6),
        {"data connections": (_data,), "half-open connections": (_half_open,), "sessions": (_sessions,),
         "announced data connections": (_announced,)},
        connect=False, lasts=False, ours=True, limits=LIMITS)
def takes_all(s, take):
    before = _reasons(s)
    try:
        take(s)
        other = Siege(s.world, PUBLISH if s.rule is GROW else GROW)
        try:
            other.connect()
            other.works()
        finally:
            other.close()
        grown = {name: count - before[name] for name, count in _reasons(s).items()}
    finally:
        s.close()
        for kind in ("control", "data"):
            s.world.gateway.load("flows", "--delete", "--kind", kind, check=False)
    refused = grown.pop("client_share")
    if any(grown.values()):
        raise Failed(f"a table was full: {grown}")
    if not refused and take is not _half_open:
        raise Failed("the table was never under pressure")
