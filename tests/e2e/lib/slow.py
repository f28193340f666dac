# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Transfers that last as long as a test wants."""

import itertools
import os

from scenes import login, pick

SIZE = 1_000_000
BLOCK = 2000
_number = itertools.count(1)


class Transfer:
    """One file on its way, a block at a time, in a session of its own."""

    def __init__(self, lab, server, dial, family, method, up, size=SIZE):
        self.content = os.urandom(size)
        self.name = f"{family}-{method}-{'up' if up else 'down'}-{next(_number)}"
        self.path, self.up, self.done = server.path(self.name), up, 0
        self.got = []
        if not up:
            server.put(self.name, self.content)
        self.session = login(lab.client, pick(dial, family), server, method)
        self.session.voidcmd("TYPE I")
        self.data = self.session.transfercmd(f"{'STOR' if up else 'RETR'} {self.name}")

    def step(self, size=BLOCK):
        """False when all was moved."""
        if self.up:
            block = self.content[self.done:self.done + size]
            self.data.sendall(block)
        else:
            block = self.data.recv(size)
            self.got.append(block)
        self.done += len(block)
        return bool(block)

    def finish(self):
        while self.step(1 << 16):
            pass
        self.data.close()
        assert self.session.voidresp().startswith("226")
        if self.up:
            with open(self.path, "rb") as file:
                self.got = [file.read()]
        assert b"".join(self.got) == self.content, self.name
