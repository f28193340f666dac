# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ban and unban killed before every single step.

What is left is the ban or none, `bans` says which, and the same command again makes it whole.
"""

import json
import os
import socket

import pytest

from killed import kill_before, steps_of
from scenes import login, pick, single
from servers import Vsftpd
from test_bans import STATE, bans, state_file

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow]


class Scene:
    """A client that may be banned, with a session that has announced a data connection."""

    def __init__(self, make_lab, family):
        self.lab, self.server, self.vips = single(make_lab, Vsftpd, rule={"refuse": "reset"})
        self.client, self.address = self.lab.client, pick(self.vips, family)
        self.own = pick((self.client.ip4, self.client.ip6), family)
        self.log = self.lab.file("steps")

    def argv(self, *verb):
        gateway = self.lab.gateway
        return [gateway.command, "-n", self.lab.gw.name, "-p", gateway.pin, *verb]

    def begin(self):
        with self.client.inside():
            session = login(self.client, self.address, self.server)
            session.sendcmd("EPSV")
        return session

    def comes_in(self):
        with self.client.inside():
            try:
                with socket.create_connection((self.address, 21), timeout=20) as sock:
                    assert sock.recv(100).startswith(b"220")
            except ConnectionRefusedError:
                return False
        return True

    def banned(self):
        """Is the client banned? Three witnesses say the same, but the file may not know of it yet."""
        listed = [ban["address"] for ban in bans(self.lab)]
        assert listed in ([], [self.own])
        assert self.comes_in() == (not listed)
        kept = []
        if os.path.exists(state_file(self.lab)):
            with open(state_file(self.lab)) as file:
                kept = [ban["address"] for ban in json.load(file)["bans"]]
        assert kept in ([], listed)
        return bool(listed)

    def has_nothing(self):
        assert not self.lab.gateway.expected()
        assert not self.lab.gateway.flows()

    def unban(self):
        self.lab.gateway.load("unban", self.own)
        assert not self.banned()


def one_switch(seen, before):
    """Once it is the new state, it stays so."""
    switch = seen.index(not before)
    assert seen == [before] * switch + [not before] * (len(seen) - switch)


def test_ban_before_every_step(make_lab):
    scene = Scene(make_lab, "v4")
    argv = scene.argv("ban", scene.own, "--cut")
    session = scene.begin()
    steps = steps_of(argv, scene.log)
    assert {"bpf map", "fsync", "reset"} <= set(steps) and any(step.startswith("rename") for step in steps)
    scene.has_nothing()
    seen = []
    for number, step in enumerate(steps):
        session.close()
        scene.unban()
        session = scene.begin()
        kill_before(argv, number)
        seen.append(scene.banned())
        scene.lab.gateway.load(*argv[5:])
        assert scene.banned(), step
        scene.has_nothing()
    session.close()
    one_switch(seen, False)


def test_unban_before_every_step(make_lab):
    scene = Scene(make_lab, "v6")
    argv = scene.argv("unban", scene.own)
    scene.lab.gateway.load("ban", scene.own)
    steps = steps_of(argv, scene.log)
    assert not scene.banned()
    seen = []
    for number in range(len(steps)):
        scene.lab.gateway.load("ban", scene.own)
        kill_before(argv, number)
        seen.append(scene.banned())
        again = scene.lab.gateway.load("unban", scene.own, check=False)
        assert again.returncode == (0 if seen[-1] else 1)
        assert not scene.banned()
    one_switch(seen, True)
    # the file of a killed command, too
    scene.lab.gateway.load("ban", scene.own)
    kill_before(argv, steps.index("fsync"))
    scene.lab.gateway.down()
    assert not [name for name in os.listdir(STATE) if name.startswith(os.path.basename(state_file(scene.lab)))]
