# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""IPv6-only clients of IPv4-only servers, and the reverse: with every server, client and way to
open a data connection."""

import itertools

import pytest

from clients import ACTIVE, CLIENTS, Account, Curl
from scenes import ends, exchange, login, need, say
from servers import SERVERS, Pyftpdlib, Vsftpd
from wire import Tap

pytestmark = pytest.mark.ftpnat

MIB = 1 << 20

# the family of the clients -> that of the servers, how the line of each side reads
OTHER = {"v4": "v6", "v6": "v4"}
TO_V4 = {"EPSV": ("229", "227"), "EPRT": ("EPRT", "PORT")}
TO_V6 = {"PASV": ("227", "229"), "EPSV": ("229", "229"), "PORT": ("PORT", "EPRT"),
         "EPRT": ("EPRT", "EPRT")}
LINES = {"v6": TO_V4, "v4": TO_V6}


def only(node, family):
    """The host has addresses of this family only."""
    node.run(["ip", "-6" if family == "v4" else "-4", "addr", "flush", "dev", "eth0"])


def rows():
    for family, server, client in itertools.product(OTHER, SERVERS, CLIENTS):
        for method in CLIENTS[client].methods[family]:
            yield pytest.param(family, server, client, method, id=f"{family}-{method}-{server}-{client}",
                               marks=pytest.mark.xdist_group(f"across-{family}"))


def start(cls, node, family, **more):
    """A server with an address of this family only."""
    only(node, family)
    return cls(node, addresses=(node.address(family),), **more).start()


def rule(name, listen, server, **more):
    return {"name": name, "listen": ends([listen]), "servers": ends(server.addresses, server.port),
            "source": "gateway", **more}


@pytest.fixture(scope="module")
def scene(request, make_shared_lab):
    """A lab with clients of one family, and each server in a namespace of its own, of the other."""
    family = request.param
    lab = make_shared_lab(f"-{family}", servers=len(SERVERS), route_back=False)
    lab.family, lab.running, lab.dial = family, {}, {}
    only(lab.client, family)
    for index, (node, server) in enumerate(zip(lab.servers, SERVERS.values())):
        if not server.missing():
            lab.running[server.kind] = start(server, node, OTHER[family])
            lab.dial[server.kind] = lab.vips(index)[family == "v6"]
    lab.gateway.up({"publish": [rule(name, lab.dial[name], server) for name, server in lab.running.items()]})
    return lab


@pytest.mark.parametrize("scene, server, client, method", rows(), indirect=["scene"])
def test_transfer(scene, server, client, method):
    need(SERVERS[server])
    tool = need(CLIENTS[client])()
    running, host = scene.running[server], scene.dial[server]
    tool.verify_port = True
    before = scene.gateway.rule(server)

    with Tap(scene.client) as near, Tap(running.node) as far:
        exchange(tool, scene.client, running, Account(host, running), method)

    family = scene.family
    here, there = LINES[family][method]
    active = method in ACTIVE
    mine = near.addresses_sent() if active else near.addresses_received()
    theirs = far.addresses_received() if active else far.addresses_sent()
    assert {line.verb for line in mine} == {here}
    assert {line.verb for line in theirs} == {there}
    assert len(mine) == len(theirs) >= 2
    if active:
        gateway = running.node.gw6 if family == "v4" else running.node.gw4
        assert {line.host for line in theirs} == {gateway}
    elif here == "227":
        assert {line.host for line in mine} == {host}
    after = scene.gateway.rule(server)
    assert after["sessions"] == before["sessions"] + 1
    assert after["data_connections"] - before["data_connections"] == len(mine)


def one(make_lab, family, cls=Vsftpd, **more):
    """A lab with a client of this family and one server of the other; and what to dial."""
    lab = make_lab(route_back=False)
    only(lab.client, family)
    server = start(need(cls), lab.server, OTHER[family])
    dial = lab.vips()[family == "v6"]
    lab.gateway.up({"publish": [rule("files", dial, server, **more)]})
    return lab, server, dial


@pytest.mark.parametrize("family, method", [("v6", "EPSV"), ("v6", "EPRT"), ("v4", "PASV"), ("v4", "PORT")])
def test_a_large_file(make_lab, family, method):
    """Headers differ by 20 bytes: nothing gets too long, whatever is segmented where."""
    lab, server, dial = one(make_lab, family)
    exchange(need(Curl)(timeout=120), lab.client, server, Account(dial, server), method, 100 * MIB)


@pytest.mark.parametrize("family", OTHER)
@pytest.mark.parametrize("side", ["client", "server"])
def test_a_narrow_link(make_lab, family, side):
    """A link with a smaller MTU behind the next router: its error reaches the sender, translated."""
    lab, server, dial = one(make_lab, family)
    node = lab.client if side == "client" else lab.server
    # only the route on the way back is narrow: the MSS of the SYNs doesn't know it
    lab.gw.ip(f"route replace {node.ip4}/32 dev {node.gw_interface} mtu 1300",
              f"route replace {node.ip6}/128 dev {node.gw_interface} mtu 1300")
    method = "EPSV" if family == "v6" else "PASV"
    exchange(need(Curl)(), lab.client, server, Account(dial, server), method, 2 * MIB)


def test_refusals_leave_the_session_in_step(make_lab):
    lab, server, dial = one(make_lab, "v6", Pyftpdlib)
    with lab.client.inside():
        session = login(lab.client, dial, server)
        assert say(session, "EPSV 1") is None
        assert session.said[-1] == "< 522 Network protocol not supported, use (2)."
        assert say(session, "EPSV ALL") is None
        assert session.said[-1] == "< 504 Command not implemented for that parameter."
        assert say(session, "EPRT |1|10.2.1.2|2000|") is None
        assert session.said[-1].startswith("< 500 ")
        assert session.read("server-name").decode() == server.name
        session.quit()
    assert lab.gateway.stats()["reasons"]["line_family"] == 2


def test_pool_of_both_families(make_lab):
    """A client gets a server of its own family, and of the other one when that is drained."""
    lab = make_lab(servers=2, route_back=False)
    four = start(need(Pyftpdlib), lab.servers[0], "v4")
    six = start(need(Pyftpdlib), lab.servers[1], "v6")
    vips = lab.vips()
    lab.gateway.up({"publish": [{"name": "files", "listen": ends(vips), "source": "gateway",
                                 "servers": ends(four.addresses) + ends(six.addresses)}]})

    def names():
        with lab.client.inside():
            found = []
            for vip, server in zip(vips, (four, six)):
                session = login(lab.client, vip, server)
                found.append(session.read("server-name").decode())
                session.quit()
            return found

    assert names() == [four.name, six.name]
    lab.gateway.load("servers", "drain", "files", ends(six.addresses)[0])
    assert names() == [four.name, four.name]
    lab.gateway.load("servers", "resume", "files", ends(six.addresses)[0])
    lab.gateway.load("servers", "drain", "files", ends(four.addresses)[0])
    assert names() == [six.name, six.name]


def test_listings(make_lab):
    lab, server, dial = one(make_lab, "v6", Pyftpdlib)
    with lab.client.inside():
        session = login(lab.client, dial, server)
        session.sendcmd("EPSV")
        flow, = lab.gateway.flows()
        expected, = lab.gateway.expected()
        session.quit()
    assert flow["client"].startswith(f"[{lab.client.ip6}]:")
    assert flow["public"] == f"[{dial}]:21"
    assert flow["real"] == f"{lab.server.ip4}:21"
    assert flow["source"].startswith(f"{lab.server.gw4}:")
    assert expected["client"] == lab.client.ip6
    assert expected["public"].startswith(f"[{dial}]:")
    assert expected["real"].startswith(f"{lab.server.ip4}:")
