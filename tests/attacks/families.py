# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""IPv6 clients dial IPv4 servers behind prefix64 (RFC 6052): what no IPv4 host would send is made of nothing."""

from attacks import SOURCE, attack
from ground import CLIENT64, GROW6, PUBLISH, behind
from hidden_lines import CLIENT
from world import CONTROL, Failed


HOSTS = {"this network": "0.0.0.0", "0/8": "0.1.2.3", "the host itself": "127.0.0.1", "127/8": "127.9.9.9", "multicast": "224.0.0.1",
         "240/4": "240.0.0.1", "broadcast": "255.255.255.255", "the link's broadcast": "10.2.255.255",
         "the gateway": "10.2.0.1", "a published address": PUBLISH.dial}


@attack(SOURCE, "SYN behind prefix64 to", CLIENT, "It reaches hosts that an IPv4 client would reach, and no service of the gateway.",
        (GROW6,), {name: (address,) for name, address in HOSTS.items()}, connect=False, lasts=False, ours=True)
def embedded(s, address):
    if not s.syn(s.near, (CLIENT64, s.world.port()), (behind(PUBLISH.server), CONTROL)):
        raise Failed("a server behind the prefix can't be reached at all")
    s.no_syn(s.near, (CLIENT64, s.world.port()), (behind(address), CONTROL))


@attack(SOURCE, "SYN with a source behind prefix64, from", CLIENT, "No host has such an address here.", (GROW6,),
        {"the client's link": ("near",), "the server's link": ("far",), "a third link": ("aside",)},
        connect=False, lasts=False, ours=True)
def embedded_source(s, link):
    source = (behind("10.1.1.7"), s.world.port())
    s.no_syn(getattr(s.world, link), source, (behind(PUBLISH.server), CONTROL))
