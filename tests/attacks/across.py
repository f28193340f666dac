# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The attacks on a published server once more, client and server being of different families, and one of each
group of those on an IPv6 client of a masquerade rule, which dials IPv4 servers behind prefix64."""

from dataclasses import replace

from attacks import entered
from ground import MASQ64, NAT46, NAT64
from world import GROW6, PUBLISH, PUBLISH6

# Those that write PASV and its 227 themselves, which here each side has in another form, or EPSV ALL, which IPv4
# servers don't get (RFC 6384 section 6)
SAME_FAMILY = ("227 in the server's name", "227 to what the client dialled", "227 with a foreign address", "hidden 227",
               "SACK of a line", "line damaged on its way", "default data port after EPSV ALL")

# By the family of the server, not of the client: they have rows of their own
ICMP = "ICMP error"

# An IPv6 server has no IPv4 options
SERVER_OF_IPV4 = "segment with a source route"

entered().extend([replace(entry, rule=NAT64 if entry.rule is PUBLISH6 else NAT46, ours=True) for entry in entered()
                  if entry.rule in (PUBLISH, PUBLISH6) and not entry.group.startswith((*SAME_FAMILY, ICMP))
                  and not (entry.group.startswith(SERVER_OF_IPV4) and "server's name" in entry.variant)])


def one_of_each_group(entries):
    return {entry.group: entry for entry in entries}.values()


entered().extend([replace(entry, rule=MASQ64, ours=True) for entry in one_of_each_group(
    entry for entry in entered() if entry.rule is (NAT64 if entry.group.startswith(ICMP) else GROW6)
    and not entry.group.startswith(SAME_FAMILY))])
