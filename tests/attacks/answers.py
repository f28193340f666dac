# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the gateway answers by itself is rationed (RFC 1812 section 4.3.2.8, RFC 4443 section 2.4)."""

from attacks import ANSWERS, attack
from forge import send
from rawtcp import ACK
from sources import GROW, GROW6, PUBLISH, PUBLISH6
from world import Failed

MANY, RATION = 1000, 250


def _answered(s, packet):
    s.world.forget()
    for _ in range(MANY):
        send(s.near, packet)
    s.world.settle()
    if len(s.near.errors) > RATION:
        raise Failed(f"{len(s.near.errors)} ICMP errors answer {MANY} packets")
    return f"{len(s.near.errors)} ICMP errors answer {MANY} packets"


@attack(ANSWERS, "packets whose hop limit ends here", "anywhere, blind: a reflector is looked for",
        "ICMP errors are rationed.", (PUBLISH, PUBLISH6, GROW, GROW6))
def expired(s):
    return _answered(s, s.next(s.client, flags=ACK, ttl=1))
