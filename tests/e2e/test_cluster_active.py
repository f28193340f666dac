# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Several gateways at once: any of them takes any packet."""

import json
import os
import struct

import pytest

from cluster import VIP4, VIP6, ClusterLab
from cluster_talk import Client
from lab import run, wait_until
from servers import TOP, Pyftpdlib

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow, pytest.mark.xdist_group("test_cluster_active")]

PROGRAM = os.path.join(TOP, "build", "e2e", "lib", "spray.bpf.o")
GATEWAYS = 4  # of struct spray
SIZE = 4 << 20


class Spray:
    """What a host sends goes to several gateways."""

    def __init__(self, lab, node, interface):
        self.lab, self.interface = lab, interface
        self.pins = f"/sys/fs/bpf/{node.name}-spray"
        run(["bpftool", "prog", "loadall", PROGRAM, self.pins, "pinmaps", self.pins])
        lab.closers.append(lambda: run(["rm", "-r", self.pins], check=False))
        tc = ["nsenter", f"--net=/run/netns/{node.name}", "tc"]
        run([*tc, "qdisc", "add", "dev", "eth0", "clsact"])
        run([*tc, "filter", "add", "dev", "eth0", "egress", "bpf", "da", "pinned", f"{self.pins}/spray"])

    def set(self, members, random=False):
        macs = b""
        for member in members:
            mac = json.loads(member.gw.run(["ip", "-j", "link", "show", self.interface]).stdout)[0]["address"]
            macs += bytes.fromhex(mac.replace(":", "")) + bytes(2)
        value = struct.pack("=II", len(members), random) + macs.ljust(8 * GATEWAYS, b"\0")
        run(["bpftool", "map", "update", "pinned", f"{self.pins}/spray_to", "key", "hex", "00", "00", "00", "00",
             "value", "hex", *value.hex(" ").split()])


@pytest.fixture(scope="module")
def lab():
    rule = {"name": "files", "listen": [f"{VIP4}:21", f"[{VIP6}]:21"],
            "servers": ["10.2.1.2:21", "[fd00:2:1::2]:21"]}
    with ClusterLab("active", members=3, config={"publish": [rule]}, commit="all") as lab:
        lab.start()
        for member in lab.members:
            member.add_addresses()
        lab.members[0].answer_for_addresses()
        lab.sprays = [Spray(lab, lab.client, "c1"), Spray(lab, lab.server, "s1")]
        lab.ftpd = Pyftpdlib(lab.server).start()
        lab.ftpd.bytes = os.urandom(SIZE)
        lab.ftpd.put("file", lab.ftpd.bytes)
        yield lab


def session(lab, address, modes):
    client = Client(lab, address).login()
    for mode in modes:
        assert client.retrieve(mode, "file") == lab.ftpd.bytes
    client.say("QUIT", "221")
    client.socket.close()


def count(lab, reason):
    return [member.gateway.reason(reason) for member in lab.members]


def nothing_is_left(lab):
    wait_until(lambda: not any(member.gateway.expected() for member in lab.members), "nothing stays open")


def test_each_direction_by_another_gateway(lab):
    first, second, _ = lab.members
    lab.sprays[0].set([first])
    lab.sprays[1].set([second])
    before = count(lab, "sent_on")
    for address, modes in ((VIP4, ("PASV", "PORT")), (VIP6, ("EPSV", "EPRT"))):
        session(lab, address, modes)
    after = count(lab, "sent_on")
    assert after[0] + after[1] > before[0] + before[1] + 20
    nothing_is_left(lab)


@pytest.mark.parametrize("random", [False, True], ids=["rehash", "random"])
def test_sprayed_over_three(lab, random):
    for spray in lab.sprays:
        spray.set(lab.members, random)
    for address, modes in ((VIP4, ("PASV", "PORT")), (VIP6, ("EPSV", "EPRT"))):
        session(lab, address, modes)
    if random:
        assert all(count(lab, "sent_on"))
    nothing_is_left(lab)


def test_one_of_three_dies(lab):
    """The last test: its gateway does not come back. Routers notice it and leave it out."""
    first, second, third = lab.members
    for spray in lab.sprays:
        spray.set(lab.members)
    client = Client(lab, VIP4).login()
    data = client.dial(client.passive_port("PASV"))
    client.say("RETR file", "1")
    got = data.recv(SIZE // 4)
    third.power_off()
    for spray in lab.sprays:
        spray.set([first, second])
    data.settimeout(60)
    while piece := data.recv(65536):
        got += piece
    assert got == lab.ftpd.bytes
    client.reply("226")
    assert client.retrieve("PORT", "file") == lab.ftpd.bytes
    client.say("QUIT", "221")
