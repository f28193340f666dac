# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The rule's fallback is one of its servers: its policy holds there, and while it isn't needed nobody reaches it."""

import contextlib
from dataclasses import replace

from attacks import POLICY, SOURCE, attack, entered
from ground import DRAINED, FALLBACK, LIMITED
from hidden_lines import CLIENT, SERVER
from lines import commas
from world import CONTROL, Failed


@contextlib.contextmanager
def in_use(s):
    """The server of the rule takes connections again, and nobody answers there."""
    s.world.gateway.load("servers", "resume", "fallback", DRAINED)
    try:
        yield
    finally:
        s.world.gateway.load("servers", "drain", "fallback", DRAINED)


@attack(SOURCE, "fallback while a server is left:", CLIENT, "It gets nobody, whatever becomes of the handshake there.",
        (FALLBACK,), {"a SYN": (1,), "many SYNs": (20,)}, connect=False, lasts=False, ours=True)
def not_needed(s, count):
    with in_use(s):
        for _ in range(count):
            arrived = s.syn(s.near, (s.rule.client, s.world.port()), (s.rule.dial, CONTROL))
            if not arrived or arrived.destination[0] != DRAINED:
                raise Failed(f"a SYN arrives at {arrived.destination[0] if arrived else 'no server'}")


@attack(POLICY, "fallback's 227 with the address of", SERVER, "It opens ports of its own host only.", (FALLBACK,),
        {"the drained server": (DRAINED,), "another rule's server": (LIMITED.server,)}, lasts=False, ours=True)
def names_another(s, address):
    s.says(s.client, b"PASV\r\n")
    s.server.send(b"227 Entering Passive Mode (" + commas(address, 2001) + b")\r\n")
    s.world.settle()
    got = s.client.take()
    if got.startswith(b"227"):
        raise Failed(f"the client reads {got!r}")
    s.expects(0, "a 227 of another host")


entered().extend(replace(entry, rule=FALLBACK) for entry in {
    entry.group: entry for entry in entered() if entry.rule is LIMITED}.values())
