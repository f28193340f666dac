# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Path MTU discovery, through the gateway's ICMP errors and through those of routers beside it.

Hosts and gateway have jumbo frames, one link on the way has not:

  behind   client ===== gateway ===== router --- router ===== server
  before   client ===== router --- router ===== gateway ===== server
  near     client ===== router --- gateway ===== server
  far      client ===== gateway --- router ===== server
"""

import contextlib
import io
import os
import re
import socket

import pytest

from clients import Account, Session
from lab import Node, run
from scenes import masquerade, need, pick, publish
from servers import Vsftpd

WIDE, NARROW = 9000, 1500
MIB = 1 << 20


def link(lab, left, right, net, mtu, names):
    """A link between two nodes, 10.NET.1.0/24 and fd00:NET:1::/64: left is .1, right .2."""
    run(["ip", "link", "add", names[0], "netns", left.name, "type", "veth",
         "peer", "name", names[1], "netns", right.name])
    for host, (node, name) in enumerate(zip((left, right), names), 1):
        node.ip(f"addr add 10.{net}.1.{host}/24 dev {name}",
                f"addr add fd00:{net}:1::{host}/64 dev {name} nodad",
                f"link set {name} mtu {mtu} up")


def default(node, net, host):
    node.ip(f"route replace default via 10.{net}.1.{host}",
            f"route replace ::/0 via fd00:{net}:1::{host}")


def forwarding(node):
    node.sysctl("net/ipv4/ip_forward", 1)
    node.sysctl("net/ipv6/conf/all/forwarding", 1)


def chain(lab, where):
    """Puts the routers in; returns the client's and the server's node."""
    near, far = lab.client, lab.server
    mtu = {"near": (NARROW, WIDE), "far": (WIDE, NARROW)}.get(where, (WIDE, WIDE))
    for node, gw_interface, size in zip((near, far), ("c1", "s1"), mtu):
        node.ip(f"link set eth0 mtu {size}")
        lab.gw.ip(f"link set {gw_interface} mtu {size}")
    if where in ("before", "near"):
        edge, left = near, 1
    else:
        edge, left = far, 2
    forwarding(edge)
    last, net = edge, 3
    if where in ("before", "behind"):
        last = Node(lab, "r2")
        forwarding(last)
        link(lab, edge, last, net, NARROW, ("eth1", "eth0"))
        default(last, net, 1)
        net += 1
    host = Node(lab, "end")
    link(lab, last, host, net, WIDE, ("wide", "eth0"))
    default(host, net, 1)
    host.ip4, host.ip6 = f"10.{net}.1.2", f"fd00:{net}:1::2"
    # where the gateway finds the end, and the router in the middle too
    lab.gw.ip(f"route add 10.{net}.1.0/24 via 10.{left}.1.2",
              f"route add fd00:{net}:1::/64 via fd00:{left}:1::2")
    lab.gw.ip(*(f"route add {prefix} via {hop}" for prefix, hop in
                (("10.3.1.0/24", f"10.{left}.1.2"), ("fd00:3:1::/64", f"fd00:{left}:1::2"))
                if net > 3))
    if net > 3:
        edge.ip(f"route add 10.{net}.1.0/24 via 10.3.1.2", f"route add fd00:{net}:1::/64 via fd00:3:1::2")
    return (host, far) if edge is near else (near, host)


def learned(node, address):
    """The path MTU that the node keeps for the address."""
    said = node.run(["ip", "route", "get", address]).stdout
    found = re.search(r"\bmtu (\d+)", said)
    return int(found[1]) if found else None


def forget(lab):
    """At both ends, for what one has learned shows in its mss."""
    for node in lab.ends:
        for family in ("-4", "-6"):
            node.run(["ip", family, "route", "flush", "cache"])


@pytest.fixture
def scene(make_lab):
    def make(where, kind, family, **options):
        lab = make_lab(**options)
        client, end = chain(lab, where)
        there = {"v4": "v6", "v6": "v4"}[family] if kind == "across" else family
        addresses = (pick((end.ip4, end.ip6), there),) if kind == "across" else (end.ip4, end.ip6)
        server = need(Vsftpd)(end, addresses=addresses).start()
        vips = lab.vips()
        if kind == "across":
            vips = [pick(vips, family)]
        if kind == "masquerade":
            lab.gateway.up({"masquerade": masquerade("lan", clients=("10.0.0.0/8", "fd00::/16"))})
            dial = pick(server.addresses, family)
        else:
            source = "keep" if kind == "keep" else "gateway"
            lab.gateway.up({"publish": [publish("files", vips, [server], source=source)]})
            dial = pick(vips, family) if len(vips) > 1 else vips[0]
        seen = pick((client.ip4, client.ip6) if kind == "keep" else ("10.2.1.1", "fd00:2:1::1"), there)
        lab.ends = (client, end)
        return lab, client, server, dial, seen
    return make


@contextlib.contextmanager
def discovery(lab, sender, destination, reason, mtu=NARROW):
    """What is done inside makes the sender learn the path's MTU, by an error that we counted.

    FITS: nothing is to be learned, for what it was told keeps its segments below the narrow link's MTU.
    """
    forget(lab)
    assert learned(sender, destination) is None
    counted = reason not in (None, FITS)
    before = counted and lab.gateway.reason(reason)
    yield
    assert learned(sender, destination) == (None if reason == FITS else mtu)
    if counted:
        assert lab.gateway.reason(reason) > before


FITS = "fits"
# Whose error tells the sender: (client to server, server to client). None: one of a router on
# the sender's own side, whose errors don't come past the gateway.
TELLS = {"behind": ("icmp", None), "before": (None, "icmp"),
         "near": (FITS, "too_big"), "far": ("too_big", FITS)}
ACROSS = {**TELLS, "near": (FITS, FITS), "far": (FITS, FITS)}
NARROWS = NARROW, NARROW  # of the client, of the server


@pytest.mark.ftpnat
@pytest.mark.parametrize("kind", ["keep", "full", "masquerade"])
@pytest.mark.parametrize("family", ["v4", "v6"])
@pytest.mark.parametrize("where", ["behind", "before", "near", "far"])
def test_path_mtu(scene, where, family, kind):
    check_path_mtu(where, *scene(where, kind, family))


@pytest.mark.ftpnat
@pytest.mark.parametrize("family", ["v4", "v6"])
@pytest.mark.parametrize("where", ["behind", "before", "near", "far"])
def test_path_mtu_without_ethernet(scene, where, family):
    """The links of the gateway are tun devices."""
    check_path_mtu(where, *scene(where, "full", family, tun=("clients", "servers")))


@pytest.mark.ftpnat
@pytest.mark.parametrize("family", ["v4", "v6"])
@pytest.mark.parametrize("where", ["behind", "before", "near", "far"])
def test_path_mtu_across_families(scene, where, family):
    """What an error names is what fits its reader's family. Links of the gateway are in both ends' MSS."""
    more = 20 if family == "v6" else -20  # than the narrow link carries, for a client whose server is beyond it
    check_path_mtu(where, *scene(where, "across", family, route_back=False), tells=ACROSS[where],
                   mtu={"behind": (NARROW + more, NARROW), "before": (NARROW, NARROW - more)}.get(where, NARROWS))


@pytest.mark.ftpnat
@pytest.mark.parametrize("where", ["before", "near", "far"])
def test_a_server_that_never_sets_df(scene, where):
    """RFC 7915 section 4 would cut its packets; here it sends none that are too long."""
    lab, client, server, dial, seen = scene(where, "across", "v6", route_back=False)
    server.node.sysctl("net/ipv4/ip_no_pmtu_disc", 1)
    content = os.urandom(MIB)
    server.put("big", content)
    with client.inside():
        for method in ("EPSV", "EPRT"):
            session = Session(method).open(Account(dial, server))
            assert session.read("big") == content
            session.quit()
    assert lab.gateway.reason("too_big") == lab.gateway.reason("fragment") == 0


@pytest.mark.ftpnat
@pytest.mark.parametrize("where, kind, family", [
    ("behind", "full", "v4"), ("behind", "masquerade", "v4"), ("behind", "across", "v6"),
    ("before", "full", "v4"), ("before", "across", "v4")])
def test_a_router_that_fragments(scene, where, kind, family):
    """What its sender allows to be cut comes in fragments at first; told so, it sends shorter packets."""
    lab, client, server, dial, seen = scene(where, kind, family, route_back=kind != "across")
    sender = server.node if where == "behind" else client
    sender.sysctl("net/ipv4/ip_no_pmtu_disc", 1)
    content = os.urandom(MIB)
    server.put("big", content)
    with client.inside():
        for method in ("EPSV", "PORT" if family == "v4" else "EPRT"):
            forget(lab)
            before = lab.gateway.reason("fragment"), lab.gateway.reason("too_big")
            session = Session(method).open(Account(dial, server))
            if where == "behind":
                assert session.read("big") == content
            else:
                session.storbinary("STOR up", io.BytesIO(content))
                with open(server.path("up"), "rb") as file:
                    assert file.read() == content
            session.quit()
            assert lab.gateway.reason("fragment") > before[0]
            assert lab.gateway.reason("too_big") > before[1]


def check_path_mtu(where, lab, client, server, dial, seen, tells=None, mtu=NARROWS):
    up, down = tells or TELLS[where]
    for number in range(200):
        server.put(f"a file with a rather long name, number {number}", b"x")
    content = os.urandom(3 * MIB)
    with client.inside():
        for method in ("EPSV", "EPRT"):
            forget(lab)
            session = Session(method).open(Account(dial, server))
            session.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # on a control connection the window that ftpnat tells is narrower than any link
            with discovery(lab, server.node, seen, FITS):
                listing = session.sendcmd("STAT .")
                assert listing.count("rather long name") == 200
            with discovery(lab, client, dial, FITS):
                session.sock.sendall(b"NOOP\r\n" * 1200)
                for _ in range(1200):
                    assert session.getresp().startswith("200")
            with discovery(lab, client, dial, up, mtu[0]):
                with session.transfercmd("STOR big") as conn:
                    conn.sendall(content)
                assert session.voidresp().startswith("226")
            with open(server.path("big"), "rb") as file:
                assert file.read() == content
            with discovery(lab, server.node, seen, down, mtu[1]):
                assert session.read("big") == content
            session.quit()
