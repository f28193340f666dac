# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""docs/deployments/11-cluster-bird.md: the configurations of bird and the service's loop, as they are there."""

import os
import re

import pytest

from cluster import VIP4, ClusterLab
from cluster_talk import Client
from lab import wait_until
from servers import TOP, Pyftpdlib

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow, pytest.mark.xdist_group("test_deployment_11_cluster")]

PAGE = os.path.join(TOP, "docs", "deployments", "11-cluster-bird.md")
ADDRESSES = (("10.1.0.", "10.1.1."), ("10.9.0.", "10.2.1."))  # of the page, and of the lab, whose ends are the routers
SIZE = 4 << 20


def blocks():
    with open(PAGE) as file:
        return re.findall(r"```\n(.*?)```", file.read(), flags=re.S)


def replaced(text, *pairs):
    # nobody dies here, and a machine under load may be late
    for old, new in (*pairs, *ADDRESSES, ("hold time 3;", "hold time 90;")):
        text = text.replace(old, new)
    return text


def start_bird(node, path, text):
    with open(path, "w") as file:
        file.write(text)
    return node.start(["bird", "-f", "-c", path, "-s", f"{path}.socket", "-P", f"{path}.pid"], os.path.basename(path))


def announce(member):
    """The loop of the service."""
    loop = re.search(r"ExecStart=/bin/sh -c '(.*)'", blocks()[1])[1]
    loop = loop.replace("/usr/sbin/ftpnat-load", f"{member.gateway.command} -n {member.gw.name} -p {member.gateway.pin}")
    loop = loop.replace("birdc", f"birdc -s {member.file('bird.conf')}.socket")
    return member.gw.start(["sh", "-c", loop], f"announce-{member.number}")


@pytest.fixture
def lab():
    rule = {"name": "files", "listen": f"{VIP4}:21", "servers": ["10.2.1.2:21"], "data_ports": "50000-59999"}
    with ClusterLab("bird", config={"publish": [rule]}, commit="all", on_loss="wait") as lab:
        gateway, _, router = blocks()
        for member in lab.members:
            member.gw.ip(f"addr add {VIP4}/32 dev lo")
            text = replaced(gateway, ("10.1.0.11", f"10.1.1.1{member.number}"), ("10.9.0.11", f"10.2.1.1{member.number}"),
                            ("neighbor 10.1.0.1 ", "neighbor 10.1.1.2 "), ("neighbor 10.9.0.1 ", "neighbor 10.2.1.2 "))
            start_bird(member.gw, member.file("bird.conf"), text)
        for node, own, number in ((lab.client, "10.1.1.", "65001"), (lab.server, "10.2.1.", "65009")):
            node.ip("route del default")
            node.sysctl("net/ipv4/fib_multipath_hash_policy", 1)
            text = router.replace("65001", number).replace("10.1.0.1 ", f"{own}2 ").replace("10.1.0.1;", f"{own}2;")
            start_bird(node, lab.file(f"bird-{number}.conf"), replaced(text.replace("10.1.0.", own)))
        lab.start()
        yield lab


def hops(node, to):
    """Next hops of its route."""
    return set(re.findall(r"via (\S+)", node.run(["ip", "route", "show", to]).stdout))


def wait_announced(lab, *members):
    for node, to, net in ((lab.client, VIP4, 1), (lab.server, "default", 2)):
        expected = {f"10.{net}.1.1{member.number}" for member in members}
        wait_until(lambda: hops(node, to) == expected, lambda: f"{to} by {expected}: {hops(node, to)}", 60)


def test_announced_while_synced(lab):
    first, second = lab.members
    server = Pyftpdlib(lab.server).start()
    content = os.urandom(SIZE)
    server.put("file", content)
    assert not hops(lab.client, VIP4)  # nobody has said that it is synced
    for member in lab.members:
        announce(member)
    wait_announced(lab, first, second)
    clients = [Client(lab, VIP4).login() for _ in range(4)]
    for client in clients:
        assert client.retrieve("PASV", "file") == content

    first.corosync.popen.kill()  # not synced any more
    first.corosync.popen.wait()
    wait_announced(lab, second)
    for client in clients:
        assert client.retrieve("PORT", "file") == content
    first.start_corosync()
    wait_announced(lab, first, second)
    for client in clients:
        assert client.retrieve("EPSV", "file") == content
        client.say("QUIT", "221")
