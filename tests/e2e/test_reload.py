# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Reloads with other configurations and other programs, under a hundred transfers: nothing is lost."""

import os
import socket
import subprocess
import threading

import pytest

import fast
from lab import wait_until
from scanner import Scanner
from scenes import login, masquerade, pick, publish
from servers import TOP, Pyftpdlib, Vsftpd
from slow import Transfer

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow]

OTHER = os.path.join(TOP, "build", "other", "ftpnat-load")  # its programs are of another compiler
WAYS = [(family, method, up)
        for family, methods in (("v4", ("PASV", "PORT", "EPSV", "EPRT")), ("v6", ("EPSV", "EPRT")))
        for method in methods for up in (False, True)]
PER_WAY = 3  # transfers, of each kind of rule
RELOADS = 6
BLOCK = 1000


class Prober:
    """A peer that keeps dialling a port on an interface where it must never be accepted."""

    def __init__(self, node, address, port):
        self.scanner = Scanner(node, address)
        self.port = port
        self.tried, self.opened = 0, []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        while not self.over.wait(0.001):
            self.scanner.port = 20000 + self.tried % 10000  # a connection of its own each time
            self.scanner.raw.sendto(self.scanner.syn(self.port), (self.scanner.address, 0))
            self.tried += 1
            answers = self.scanner.answers(0.05)
            self.opened += [port for port, is_open in answers.items() if is_open]

    def end(self):
        self.over.set()
        self.thread.join()
        self.scanner.raw.close()
        assert self.tried and not self.opened


class Scene:
    """Three kinds of rules, and what a reload makes of them."""

    def __init__(self, make_lab, native):
        self.lab = lab = make_lab(clients=3, servers=2)
        if native:
            fast.prepare(lab)
        self.files = Vsftpd(lab.servers[0]).start()
        self.public = Pyftpdlib(lab.servers[1]).start()
        self.vips = [lab.vips(0), lab.vips(1)]
        self.modes = ["native", "off", "native", "generic"] if native else ["off"]
        # no server sees the gateway's address by two rules: ports of one would be the other's again
        self.dial = {"keep": (self.files, self.vips[0]), "full": (self.public, self.vips[1]),
                     "masquerade": (self.files, self.files.addresses)}

    def config(self, number):
        """The one of reload `number`. Odd: other rules, another interface, other limits."""
        lab, odd = self.lab, number % 2
        keep = publish("keep", self.vips[0], [self.files])
        full = publish("full", self.vips[1], [self.public], source="gateway")
        back = publish("back", self.vips[0], [self.public], port=2121)
        rules = [publish("more", self.vips[1], [self.files], port=2100), keep] if odd else [keep, full, back]
        return {"interfaces": [name for name in lab.interfaces if odd or name != "c3"],
                "xdp": self.modes[number % len(self.modes)],
                "limits": {"control": 400 if odd else 500, "data": 500 if odd else 400},
                "timeouts": {"closing": "3s" if odd else "4s"},
                "publish": rules, "masquerade": masquerade("lan", clients=("10.1.1.0/24", "fd00:1:1::/64"))}

    def reload(self, number):
        """Begins one, by the loader's other build every other time."""
        gateway = self.lab.gateway
        gateway.write(self.config(number))
        command = OTHER if number % 2 else gateway.command
        return subprocess.Popen([command, "-n", self.lab.gw.name, "-p", gateway.pin, "-c", gateway.path,
                                 "reload"], stderr=subprocess.PIPE, text=True)


class Moved:
    """The transfers on their way; one that is through is followed by another."""

    def __init__(self, scene):
        self.scene = scene
        self.done = 0
        self.living = [(kind, way, self.begin(kind, way)) for kind in scene.dial for way in WAYS * PER_WAY]

    def begin(self, kind, way):
        server, dial = self.scene.dial[kind]
        return Transfer(self.scene.lab, server, dial, *way)

    def finish(self, transfer):
        transfer.finish()
        transfer.session.voidcmd("NOOP")
        transfer.session.quit()
        self.done += 1

    def round(self):
        """A block of each."""
        for number, (kind, way, transfer) in enumerate(self.living):
            if not transfer.step(BLOCK):
                self.finish(transfer)
                kind = "keep" if kind == "full" else kind  # which is not always there
                self.living[number] = kind, way, self.begin(kind, way)

    def end(self):
        for _, _, transfer in self.living:
            self.finish(transfer)


def refuses(node, host, port=21):
    with node.inside():
        try:
            socket.create_connection((host, port), timeout=10).close()
        except ConnectionRefusedError:
            return True
    return False


@pytest.mark.parametrize("native", [False, True], ids=["tc", "xdp"])
def test_reloads_under_transfers(make_lab, native):
    scene = Scene(make_lab, native)
    lab = scene.lab
    lab.gateway.up(scene.config(0))
    # port 2121 is only in the configurations in which its interface is not
    prober = Prober(lab.clients[2], scene.vips[0][0], 2121)
    lab.closers.append(prober.over.set)
    other = lab.clients[1]
    with lab.client.inside():
        idle = login(lab.client, scene.vips[1][0], scene.public)
        moved = Moved(scene)
        assert len(moved.living) > 100
        for number in range(1, RELOADS + 1):
            reload = scene.reload(number)
            while reload.poll() is None:
                moved.round()
            assert reload.returncode == 0, reload.stderr.read()
            moved.round()
            assert idle.read("server-name").decode() == scene.public.name
            for family in ("v4", "v6"):
                # the rule was removed, or is back
                assert refuses(other, pick(scene.vips[1], family)) == bool(number % 2)
                assert refuses(other, pick(scene.vips[0], family), 2121) == bool(number % 2)
        moved.end()
        idle.quit()
    prober.end()
    assert moved.done > 100
    assert not lab.gateway.listing("status")["degraded"]
    wait_until(lambda: not lab.gateway.flows(), "all connections are closed")
