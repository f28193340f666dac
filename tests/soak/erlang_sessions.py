#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How often Erlang's FTP client fails in active mode: routed without NAT, by the kernel's helper, by ftpnat.

    tests/soak/erlang_sessions.py [SESSIONS]      of each; in turns of 50

The client takes a transfer for over when the 226 comes, whatever data is still to come, so now and then
it fails anywhere. design.md has the figures.
"""

import collections
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "e2e", "lib"))

from erlang import missing, outcomes  # noqa: E402
from gateways import FtpnatGateway, KernelGateway  # noqa: E402
from lab import Lab  # noqa: E402
from scenes import masquerade, publish  # noqa: E402
from servers import Vsftpd  # noqa: E402

TURN = 50


def turn(world, number):
    """The outcomes of so many sessions in a lab of their own."""
    with Lab("erlang") as lab:
        server = Vsftpd(lab.server).start()
        dialled = server.addresses[0]
        if world.endswith("publish"):
            vips = lab.vips()
            dialled = vips[0]
            config = {"publish": [publish("files", vips, [server])]}
        else:
            config = {"masquerade": masquerade("lan")}
        kind = world.split()[0]
        if kind == "helper,":
            KernelGateway(lab).up(config)
        elif kind == "ftpnat,":
            FtpnatGateway(lab).up(config)
        return outcomes(lab.client, dialled, server, number)


def main():
    if missing():
        sys.exit(missing())
    sessions = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    worlds = ["no NAT", *(f"{kind}, {rule}" for kind in ("helper", "ftpnat") for rule in ("masquerade", "publish"))]
    found = {world: collections.Counter() for world in worlds}
    for start in range(0, sessions, TURN):
        for world, counter in found.items():
            said = turn(world, min(TURN, sessions - start))
            counter.update("ok" if outcome == "ok" else re.match(r"\{(\w+)", outcome)[1] for outcome in said)
            print(f"{world}: {dict(counter)}", flush=True)
    print("| through | sessions | failed |\n|---|---|---|")
    for world, counter in found.items():
        total = sum(counter.values())
        print(f"| {world} | {total} | {total - counter['ok']} |")


if __name__ == "__main__":
    main()
