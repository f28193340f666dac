# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""keepalived on a cluster's gateways, as docs/deployments/10-cluster-keepalived.md has it."""

import contextlib
import os
import re

from cluster import VIP4
from servers import TOP

PAGE = os.path.join(TOP, "docs", "deployments", "10-cluster-keepalived.md")
FILES = ("p", "r", "c")  # its options for files with process ids


def configuration(member, advert):
    """From the page, with the lab's names and addresses; advert: seconds, as text."""
    with open(PAGE) as file:
        block = re.search(r"```\n(global_defs.*?)```", file.read(), flags=re.S)[1]
    for old, new in (("eth0", "c1"), ("eth1", "s1"), ("192.0.2.10/24", f"{VIP4}/24"), ("10.9.0.1/24", "10.2.1.1/24"),
                     ("priority 150", f"priority {150 if member.number == 1 else 100}"),
                     ("advert_int 0.1", f"advert_int {advert}"),
                     ("/usr/sbin/ftpnat-load", f"{member.gateway.command} -n {member.gw.name} -p {member.gateway.pin}")):
        assert old in block, old
        block = block.replace(old, new)
    path = member.file("keepalived.conf")
    with open(path, "w") as file:
        file.write(block)
    return path


def start_keepalived(member, advert="0.1"):
    conf = configuration(member, advert)
    for name in FILES:  # of one that was killed
        with contextlib.suppress(FileNotFoundError):
            os.unlink(member.file(f"keepalived.{name}"))
    member.keepalived = member.gw.start(
        ["keepalived", "-n", "-l", "-f", conf,
         *(word for name in FILES for word in (f"-{name}", member.file(f"keepalived.{name}")))],
        f"keepalived-{member.number}")


def holds(member):
    """The published address."""
    return f" {VIP4}/" in member.gw.run(["ip", "addr", "show", "dev", "c1"]).stdout
