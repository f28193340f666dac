# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ftpnat-load killed before every single step of up, reload and down.

What it leaves is the old or the new, and the next command makes it good. The programs are ones
that load at once, since it is the loader that is killed hundreds of times; that packets see no
difference is looked at in the steps around the switch, with the real ones.
"""

import json
import os
import signal
import socket
import subprocess

import pytest

import tcx
from killed import KILLER, kill_before, steps_of
from lab import inside_namespace
from loader_host import BPFFS, BRIEF, PUBLISH, host, sh  # noqa: F401
from scenes import login, publish, single
from servers import Vsftpd
from service import Service

LIMITS = "limits: {control: 16, data: 16, expected: 16}\n"
RULE = {"old": PUBLISH, "new": PUBLISH.replace("files", "others").replace("2121", "2122")}
PLACES = {"old": ["v0", "v1"], "new": ["v1", "w0"]}
HOOKS = ("ingress", "egress")

pytestmark = pytest.mark.slow


def config(which, xdp, more=""):
    return f"interfaces: {json.dumps(PLACES[which])}\nxdp: {xdp}\n{more}{LIMITS}{RULE[which]}"


class Killed:
    """The loader on this host, and what it has made."""

    more = ""  # of its configuration

    def __init__(self, host, xdp):
        self.host, self.xdp = host, xdp
        host.ip("link", "add", "w0", "type", "veth", "peer", "name", "w1")
        self.nothing = self.everything()

    def argv(self, verb, which):
        path = os.path.join(self.host.dir, which)
        with open(path, "w") as file:
            file.write(config(which, self.xdp, self.more))
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
        """"old" or "new" if all of it is, else ""."""
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


class KilledAtTcx(Killed):
    """The same, with what acts there in place of filters."""

    more = "tcx: first\n"

    def everything(self):
        return {**super().everything(), "tcx": self.attached()}

    def attached(self):
        """Places of (interface, hook) with a program."""
        with inside_namespace(self.host.netns):
            return [(name, hook) for name in ("v0", "v1", "w0") for kind, hook in zip((tcx.INGRESS, tcx.EGRESS), HOOKS)
                    if tcx.programs(socket.if_nametoindex(name), kind)]

    def dump(self, name):
        path = f"{self.host.pin}/{name}"
        shown = sh("bpftool", "-j", "map", "dump", "pinned", path).stdout if os.path.exists(path) else "[]"
        return {entry["formatted"]["key"]: entry["formatted"]["value"] for entry in json.loads(shown)}

    def filters(self):
        half = self.dump("ftpnat_config").get(0, {"programs": 0})["programs"]
        calls = self.dump("ftpnat_programs")
        return {(name, hook): calls[4 * (half - 1) + HOOKS.index(hook)] for name, hook in self.attached()} if half else {}


def before_every_step(killed, verb, chosen):
    which = "new" if verb == "reload" else "old"

    def begin():
        if verb != "up":
            killed.load("up")

    begin()
    steps = steps_of(killed.argv(verb, which), killed.host.dir + "/steps")
    killed.load("down")
    assert killed.everything() == killed.nothing
    assert len(steps) > 20
    seen = []
    for number in chosen(steps):
        step = steps[number]
        begin()
        kill_before(killed.argv(verb, which), number)
        seen.append(killed.in_force())
        if number % 4 == 0:  # the next may be an `up` as well
            killed.load("up", "new")
            assert killed.in_force() == "new"
            assert set(interface for interface, _ in killed.filters()) == set(PLACES["new"])
            assert set(killed.fast()) == (set(PLACES["new"]) if killed.xdp == "native" else set()), step
        killed.load("down")
        assert killed.everything() == killed.nothing, step
    before, after = {"up": ("", "old"), "reload": ("old", "new"), "down": ("old", "")}[verb]
    switch = seen.index(after)
    assert seen == [before] * switch + [after] * (len(seen) - switch), "one step is the switch"


@pytest.mark.parametrize("xdp", ["off", "native"])
@pytest.mark.parametrize("verb", ["up", "reload", "down"])
def test_before_every_step(host, verb, xdp):  # noqa: F811
    before_every_step(Killed(host, xdp), verb, lambda steps: range(len(steps)))


# Those that set up the hooks and the programs which they call: the others are the same as above.
CALLS = ("bpf map", "bpf program")


@pytest.mark.parametrize("verb", ["up", "reload", "down"])
def test_before_the_steps_of_tcx(host, verb):  # noqa: F811
    tcx.need()
    before_every_step(KilledAtTcx(host, "off"), verb, lambda steps: [
        number for number, step in enumerate(steps) if step in CALLS][-33:])


# ---- by `run` ----

def count(log):
    with open(log) as file:
        return len(file.readlines())


def test_run_before_every_step_of_a_reload(make_lab):
    lab = make_lab()
    gateway, log = lab.gateway, lab.file("steps")
    gateway.command = BRIEF
    configs = {which: {"limits": {"control": 16, "data": 16, "expected": 16},
                       "publish": [{"name": which, "listen": "192.0.2.10:21", "servers": ["10.2.1.2:21"]}]}
               for which in ("old", "new")}

    def start(**killer):
        gateway.write(configs["old"])
        service = Service(lab, LD_PRELOAD=KILLER, **killer)
        gateway.write(configs["new"])
        return service

    service = start(KILLER_LOG=log)
    first = count(log)
    service.reload()
    last = count(log)
    assert service.stop() == 0
    gateway.load("down")
    seen = []
    for number in range(first, last):
        service = start(KILLER_STEP=str(number + 1))
        service.signal(signal.SIGHUP)
        assert service.ended() == -signal.SIGKILL
        status = gateway.listing("status")
        assert all(entry["hooks"] == list(HOOKS) for entry in status["interfaces"])
        seen += [rule["name"] for rule in status["rules"] if not rule["note"]]
        if number % 4 == 0:
            gateway.load("up")
            assert not gateway.listing("status")["degraded"]
        gateway.load("down")
        assert not gateway.leftovers()
    assert len(seen) == last - first > 20
    switch = seen.index("new")
    assert seen == ["old"] * switch + ["new"] * (len(seen) - switch)


# ---- what packets see ----

def works(lab, server, dial, port):
    for method in ("PASV", "PORT"):
        with lab.client.inside():
            session = login(lab.client, dial[0], server, method, port)
            assert session.read("server-name").decode() == server.name
            session.quit()


def refused(lab, dial, port):
    with lab.client.inside(), pytest.raises(ConnectionRefusedError):
        socket.create_connection((dial[0], port), timeout=10)


def test_transfers_around_the_switch(make_lab):
    """The real programs, killed before the filters, before the rules, and after."""
    lab, server, vips = single(make_lab, Vsftpd)
    gateway = lab.gateway
    old, new = ({"publish": [publish("files", vips, [server], port=port)]} for port in (21, 2121))
    argv = [gateway.command, "-n", lab.gw.name, "-p", gateway.pin, "-c", gateway.path, "reload"]
    gateway.reload(old)
    gateway.write(new)
    steps = steps_of(argv, lab.file("steps"))
    filters = steps.index("netlink filters put")
    behind = next(i for i in range(filters + 1, len(steps)) if steps[i] != "bpf map")
    for number, port in ((filters, 21), (filters + 1, 21), (behind - 1, 21), (behind, 2121)):
        gateway.reload(old)
        gateway.write(new)
        kill_before(argv, number)
        works(lab, server, vips, port)
        refused(lab, vips, 2121 if port == 21 else 21)
    gateway.load("down")
