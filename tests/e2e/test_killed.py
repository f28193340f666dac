# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ftpnat-load killed before every single step of up, reload and down.

What it leaves is the old or the new, and the next command makes it good. The programs are ones
that load at once, since it is the loader that is killed hundreds of times; that packets see no
difference is looked at in the steps around the switch, with the real ones.
"""

import json
import os
import subprocess

import pytest

from killed import kill_before, steps_of
from loader_host import BPFFS, BRIEF, PUBLISH, host, sh

LIMITS = "limits: {control: 16, data: 16, expected: 16}\n"
RULE = {"old": PUBLISH, "new": PUBLISH.replace("files", "others").replace("2121", "2122")}
PLACES = {"old": ["v0", "v1"], "new": ["v1", "w0"]}
HOOKS = ("ingress", "egress")

pytestmark = pytest.mark.slow


def config(which, xdp):
    return f"interfaces: {json.dumps(PLACES[which])}\nxdp: {xdp}\n{LIMITS}{RULE[which]}"


class Killed:
    """The loader on this host, and what it has made."""

    def __init__(self, host, xdp):
        self.host, self.xdp = host, xdp
        host.ip("link", "add", "w0", "type", "veth", "peer", "name", "w1")
        self.nothing = self.everything()

    def argv(self, verb, which):
        path = os.path.join(self.host.dir, which)
        with open(path, "w") as file:
            file.write(config(which, self.xdp))
        return [BRIEF, "-n", self.host.netns, "-p", self.host.pin, "-c", path, verb]

    def load(self, verb, which="old"):
        done = sh(*self.argv(verb, which), check=False)
        assert done.returncode == 0, done.stderr

    def everything(self):
        return {**self.host.everything(), "bpffs": sorted(os.listdir(BPFFS)), "xdp": self.fast()}

    def fast(self):
        links = json.loads(self.host.ip("-j", "-d", "link", "show"))
        return {link["ifname"]: link["xdp"]["prog"]["id"] for link in links if "xdp" in link}

    def filters(self):
        """{(interface, hook): program}"""
        places = [(interface, hook) for interface in ("v0", "v1", "w0") for hook in HOOKS]
        lines = "".join(f"filter show dev {interface} {hook}\n" for interface, hook in places)
        text = subprocess.run(["tc", "-n", self.host.netns, "-j", "-force", "-batch", "-"], check=False,
                              input=lines, capture_output=True, text=True).stdout
        found, at = {}, 0
        for place in places:
            at += len(text[at:]) - len(text[at:].lstrip())
            shown, at = json.JSONDecoder().raw_decode(text, at)
            ours = [entry["options"]["prog"] for entry in shown if "options" in entry]
            assert len(ours) <= 1, "one filter of ours per hook"
            found.update({place: program["id"] for program in ours})
        return found

    def in_force(self):
        """"old", "new" or "", after a look at whether it is that wholly."""
        filters = self.filters()
        for hook in HOOKS:
            generation = {program for (_, its), program in filters.items() if its == hook}
            assert len(generation) <= 1, "programs of one load only"
        if not filters:
            return ""
        rules = [rule["name"] for rule in self.host.status()["rules"] if "removed" not in rule["note"]]
        assert rules in (["files"], ["others"])
        which = "old" if rules == ["files"] else "new"
        wanted = {(interface, hook) for interface in PLACES[which] for hook in HOOKS}
        assert wanted <= set(filters), "its interfaces have both programs"
        return which


@pytest.mark.parametrize("xdp", ["off", "native"])
@pytest.mark.parametrize("verb", ["up", "reload", "down"])
def test_before_every_step(host, verb, xdp):  # noqa: F811
    killed = Killed(host, xdp)
    which = "new" if verb == "reload" else "old"

    def begin():
        if verb != "up":
            killed.load("up")

    begin()
    steps = steps_of(killed.argv(verb, which), host.dir + "/steps")
    killed.load("down")
    assert killed.everything() == killed.nothing
    assert len(steps) > 20
    seen = []
    for number, step in enumerate(steps):
        begin()
        kill_before(killed.argv(verb, which), number)
        seen.append(killed.in_force())
        if number % 3 == 0:  # the next may be an `up` as well
            killed.load("up", "new")
            assert killed.in_force() == "new"
            assert set(interface for interface, _ in killed.filters()) == set(PLACES["new"])
            assert set(killed.fast()) == (set(PLACES["new"]) if xdp == "native" else set()), step
        killed.load("down")
        assert killed.everything() == killed.nothing, step
    before, after = {"up": ("", "old"), "reload": ("old", "new"), "down": ("old", "")}[verb]
    switch = seen.index(after)
    assert seen == [before] * switch + [after] * (len(seen) - switch), "one step is the switch"
