# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Frames with a priority tag (VLAN 0), which the kernel delivers as if they had none."""

import os
import socket
import struct

import pytest

from clients import CLIENTS, Account
from raw_frames import QINQ, SYN, VLAN, frame, mac_of, send, tcp_packet
from lab import wait_until
from scenes import exchange, need, pick, single
from servers import TOP, Vsftpd

pytestmark = pytest.mark.ftpnat

PROGRAM = os.path.join(TOP, "build", "e2e", "lib", "priority_tag.bpf.o")
SOL_PACKET, PACKET_AUXDATA, VLAN_VALID = 263, 8, 0x10


class Seen:
    """The frames that a host gets at eth0: how many had a tag."""

    def __init__(self, node):
        with node.inside():
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.sock.setblocking(False)

    def count(self):
        """(all, with a tag) of the frames that came in since."""
        frames = tagged = 0
        while True:
            try:
                _, data, _, address = self.sock.recvmsg(64, 256)
            except BlockingIOError:
                return frames, tagged
            if address[2] == socket.PACKET_OUTGOING:
                continue
            frames += 1
            tagged += any(struct.unpack_from("=I", value)[0] & VLAN_VALID for level, kind, value in data
                          if (level, kind) == (SOL_PACKET, PACKET_AUXDATA))


@pytest.mark.parametrize("kind, xdp, section", [
    *((kind, xdp, "tc") for kind in ("keep", "full", "masquerade") for xdp in ("off", "native")),
    ("keep", "native", "tc/two"), ("masquerade", "off", "tc/two")])
def test_clients(make_lab, kind, xdp, section):
    lab, server, dial = single(make_lab, Vsftpd, kind, config={"xdp": xdp})
    lab.client.run(["tc", "qdisc", "add", "dev", "eth0", "clsact"])
    lab.client.run(["tc", "filter", "add", "dev", "eth0", "egress", "bpf", "da", "obj", PROGRAM, "sec", section])
    seen = Seen(lab.server)
    for family, method in (("v4", "PASV"), ("v6", "EPSV"), ("v4", "PORT"), ("v6", "EPRT")):
        client = need(CLIENTS["ftplib"])()
        exchange(client, lab.client, server, Account(pick(dial, family), server), method)
        frames, tagged = seen.count()
        assert frames > 10 and tagged == 0, f"{family} {method}: {tagged} of {frames} with a tag"
    assert lab.gateway.reason("vlan") == 0


@pytest.fixture(scope="module")
def guarded(make_shared_lab):
    lab = make_shared_lab()
    rule = {"name": "dmz", "servers": ["10.2.0.0/16", "fd00:2::/32"]}
    lab.gateway.up({"track": [rule], "guard": [{"interface": "c1", "ports": [20, "1024-65535"]}]})
    return lab


@pytest.mark.parametrize("tags, reason", [
    ([(VLAN, 0)], "guarded"), ([(VLAN, 3 << 13)], "guarded"), ([(QINQ, 0)], "guarded"),
    ([(VLAN, 0), (VLAN, 0)], "guarded"), ([(QINQ, 0), (VLAN, 0)], "guarded"),
    ([(VLAN, 5)], "vlan"), ([(VLAN, 5), (VLAN, 0)], "vlan")])
@pytest.mark.parametrize("family", ["v4", "v6"])
def test_guard(guarded, family, tags, reason):
    lab = guarded
    syn = tcp_packet((lab.client.address(family), 40000), (lab.server.address(family), 8080), SYN)
    before = lab.gateway.reason(reason)
    with lab.client.inside():
        send("eth0", frame(mac_of(lab.gw, "c1"), *syn, tags=tags))
    wait_until(lambda: lab.gateway.reason(reason) == before + 1, f"one more {reason}")
