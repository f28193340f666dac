# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Links that lose packets, without netem, which not every kernel has."""

import contextlib


def lose(node, percent):
    """The node's link loses packets both ways: half of `percent`, for each packet passes two such.

    `hole` swallows what is sent: a plain drop there is not a loss, because its sender learns of it at once.
    """
    node.ip("link add hole type veth peer name hole-end", "link set hole up")
    lost = f"meta l4proto tcp numgen random mod 1000 < {percent * 5} counter"
    node.run(["nft", "-f", "-"], input=f"""
table netdev loss {{
	chain came {{
		type filter hook ingress device "eth0" priority 0
		{lost} drop
	}}
	chain leaves {{
		type filter hook egress device "eth0" priority 0
		{lost} fwd to "hole"
	}}
}}
""")


def lost(node):
    """How many packets each way has lost."""
    words = node.run(["nft", "list", "table", "netdev", "loss"]).stdout.split()
    return [int(words[i + 1]) for i, word in enumerate(words) if word == "packets"]


def mend(node):
    """The node's link loses nothing any more."""
    node.run(["nft", "delete", "table", "netdev", "loss"])
    node.ip("link del hole")


def hurry(node):
    """A round trip is microseconds here: TCP need not wait as in the Internet."""
    for key, value in (("tcp_rto_min_us", 20_000), ("tcp_rto_max_ms", 1000),
                       ("tcp_syn_linear_timeouts", 20)):
        with contextlib.suppress(OSError):  # since Linux 6.11, 6.15, 6.5
            node.sysctl(f"net/ipv4/{key}", value)
    # A closed socket whose timeout has reached tcp_rto_max_ms would be given up at once, data unsent.
    node.sysctl("net/ipv4/tcp_orphan_retries", 30)
    node.sysctl("net/ipv4/tcp_syn_retries", 30)
    node.sysctl("net/ipv4/tcp_synack_retries", 30)
    # Packets are lost one by one, not 64 KiB at once.
    node.run(["ethtool", "-K", "eth0", "tso", "off", "gso", "off", "gro", "off"])
