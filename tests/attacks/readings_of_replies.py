# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Replies in all forms that some real client takes for a 227 or 229 (tests/readings/passive), with a foreign address."""

import client_readings
from attacks import POLICY, attack
from hidden_lines import SERVER
from readings import NONE, UNCLEAR
from scene import shown
from sources import PUBLISH
from world import Failed

LONGEST = 1000  # that one segment holds


def _rows(extended):
    """Replies that some client takes; of 229, which names no host, those that clients read differently."""
    rows = [row for row in client_readings.table() if row.extended == extended and len(row.reply) < LONGEST
            and set(row.clients.values()) != {NONE} and (row.grammar == UNCLEAR or not extended)
            # wget and lftp take any 2xx: see docs/security.md
            and (b"229" if extended else b"227") in row.reply]
    return {f"{number}, {row.text[:30]}": (row.reply,) for number, row in enumerate(rows)}


def _kept_from(s, command, reply):
    s.says(s.client, command)
    s.server.send(reply)
    s.world.settle()
    got = s.client.take()
    if reply in got:
        raise Failed(f"the client reads {shown(got)}")


@attack(POLICY, "227 with a foreign address, as in row", SERVER, "What some client takes for an address is refused.", (PUBLISH,),
        _rows(False), lasts=False, ours=True)
def passive(s, reply):
    _kept_from(s, b"PASV\r\n", reply)
    s.expects(0, "the reply")


@attack(POLICY, "229 that clients read differently, as in row", SERVER, "It is refused.", (PUBLISH,), _rows(True), lasts=False,
        ours=True)
def extended_passive(s, reply):
    _kept_from(s, b"EPSV\r\n", reply)
