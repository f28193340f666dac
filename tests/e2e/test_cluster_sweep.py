# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Power-off of the active gateway just before and just after each TCP packet of a session: the
session and its transfers complete, byte for byte, and nothing stays open.

FTPNAT_SWEEP=all (`make cluster-sweep`) takes every packet of each case, else a few of one.
"""

import os
import socket

import pytest

from cluster import NEXT4, NEXT6, VIP4, VIP6, ClusterLab
from lab import wait_until
from power import Power, Watch, power_on
from servers import Pyftpdlib
from test_cluster_takeover import Talk, read_all

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow, pytest.mark.xdist_group("test_cluster_sweep")]

ALL = os.environ.get("FTPNAT_SWEEP") == "all"
CHOSEN = 4  # packets of a case, when not all
PUBLISH = {"publish": [{"name": "files", "listen": [f"{VIP4}:21", f"[{VIP6}]:21"],
                        "servers": ["10.2.1.2:21", "[fd00:2:1::2]:21"]}]}
MASQUERADE = {"masquerade": [{"name": "lan4", "clients": "10.1.1.0/24", "to": NEXT4, "control_ports": [21]},
                             {"name": "lan6", "clients": "fd00:1:1::/64", "to": NEXT6, "control_ports": [21]}]}
CASES = [(rule, mode, family, cut)
         for rule in ("publish", "masquerade") for mode in ("EPSV", "PASV", "PORT", "EPRT")
         for family in (4, 6) for cut in (False, True) if family == 4 or mode in ("EPSV", "EPRT")]
FEW = [("publish", "PASV", 4, False), ("masquerade", "EPRT", 6, True)]
SIZE = 20000


class Client(Talk):
    """Says its lines whole, or each in two segments."""

    def __init__(self, lab, address, cut):
        self.cut = cut
        super().__init__(lab, address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def say(self, line, code):
        if not self.cut:
            return super().say(line, code)
        text = line.encode() + b"\r\n"
        self.socket.sendall(text[:len(text) // 2])
        self.socket.sendall(text[len(text) // 2:])
        return self.reply(code)

    def listen(self, mode):
        """PORT or EPRT; the listening socket."""
        own = self.socket.getsockname()[0]
        with self.lab.client.inside():
            listener = socket.create_server((own, 0), family=socket.AF_INET6 if ":" in own else socket.AF_INET)
        listener.settimeout(60)
        port = listener.getsockname()[1]
        if mode == "PORT":
            self.say(f"PORT {own.replace('.', ',')},{port // 256},{port % 256}", "200")
        else:
            self.say(f"EPRT |{2 if ':' in own else 1}|{own}|{port}|", "200")
        return listener

    def passive_port(self, mode):
        if mode == "EPSV":
            return int(self.say("EPSV", "229").split("|")[3])
        numbers = self.say("PASV", "227").partition("(")[2].partition(")")[0].split(",")
        return int(numbers[4]) * 256 + int(numbers[5])

    def retrieve(self, mode, name):
        if mode in ("PORT", "EPRT"):
            with self.listen(mode) as listener:
                self.say(f"RETR {name}", "1")
                data, _ = listener.accept()
        else:
            data = self.dial(self.passive_port(mode))
            self.say(f"RETR {name}", "1")
        data.settimeout(60)
        with data:
            got = read_all(data)
        self.reply("226")
        return got


def session(lab, server, case):
    rule, mode, family, cut = case
    address = {"publish": {4: VIP4, 6: VIP6}, "masquerade": {4: lab.server.ip4, 6: lab.server.ip6}}[rule][family]
    client = Client(lab, address, cut).login()
    assert client.retrieve(mode, "file") == server.bytes
    client.say("NOOP", "200")
    client.say("QUIT", "221")
    client.socket.close()


@pytest.fixture(scope="module")
def lab():
    with ClusterLab("sweep", config={**PUBLISH, **MASQUERADE}, commit="all") as lab:
        lab.start()
        lab.powers = [Power(member) for member in lab.members]
        lab.active = 0
        lab.members[0].take_addresses()
        lab.ftpd = Pyftpdlib(lab.server).start()
        lab.ftpd.bytes = os.urandom(SIZE)
        lab.ftpd.put("file", lab.ftpd.bytes)
        yield lab


def packets(lab, case):
    """Of a session in which nothing happens."""
    power = lab.powers[lab.active]
    power.set()
    session(lab, lab.ftpd, case)
    wait_until(lambda: not lab.members[lab.active].gateway.expected(), "nothing stays open")
    return power.get()[0]


def power_off_at(lab, case, packet, after):
    power, other = lab.powers[lab.active], lab.members[1 - lab.active]
    power.set(packet, after)
    with Watch(power, other) as watch:
        session(lab, lab.ftpd, case)
        if not watch.happened and not power.get()[1]:
            return False  # it needed fewer packets this time
        wait_until(lambda: watch.happened or watch.failed, "the other gateway has the addresses")
    wait_until(lambda: not other.gateway.expected(),
               lambda: f"nothing stays open: {other.gateway.expected()}")
    lab.active = 1 - lab.active
    power_on(power)
    return True


@pytest.mark.parametrize("case", CASES if ALL else FEW,
                         ids=lambda case: "-".join((*map(str, case[:3]), "cut" if case[3] else "whole")))
def test_power_off_at_each_packet(lab, case):
    number = packets(lab, case)
    assert number > 40
    chosen = range(1, number + 1) if ALL else [number * (2 * i + 1) // (2 * CHOSEN) for i in range(CHOSEN)]
    happened = 0
    for i, packet in enumerate(chosen):
        for after in ((False, True) if ALL else (bool(i % 2),)):
            try:
                happened += power_off_at(lab, case, packet, after)
            except BaseException:
                print(f"power off {'after' if after else 'before'} packet {packet} of {number}")
                print(lab.report())
                raise
    assert happened >= len(chosen) * (2 if ALL else 1) * 3 // 4
