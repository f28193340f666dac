# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every kind of rule with every server, client, family and way to open a data connection."""

import itertools

import pytest

from clients import ACTIVE, CLIENTS, Account
from scenes import exchange, masquerade, need, pick, publish
from servers import SERVERS
from wire import Tap

KINDS = ("keep", "full", "masquerade")


def rows():
    for server, client, family in itertools.product(SERVERS, CLIENTS, ("v4", "v6")):
        for method in CLIENTS[client].methods[family]:
            yield pytest.param(server, client, family, method,
                               id=f"{family}-{method}-{server}-{client}")


@pytest.fixture(scope="module", params=[pytest.param(kind, marks=pytest.mark.xdist_group(kind))
                                        for kind in KINDS])
def scene(request, make_shared_lab):
    """A lab with each server in a namespace of its own; servers only know a way back when they
    are to see the real clients."""
    kind = request.param
    lab = make_shared_lab(f"-{kind}", servers=len(SERVERS), route_back=kind == "keep")
    lab.kind = kind
    lab.running, lab.dial = {}, {}
    for index, (node, server) in enumerate(zip(lab.servers, SERVERS.values())):
        if not server.missing():
            lab.running[server.kind] = running = server(node).start()
            lab.dial[server.kind] = (running.addresses if kind == "masquerade"
                                     else lab.vips(index))
    if kind == "masquerade":
        lab.gateway.up({"masquerade": masquerade("lan")})
    else:
        source = "gateway" if kind == "full" else "keep"
        lab.gateway.up({"publish": [publish(name, lab.dial[name], [server], source=source)
                                    for name, server in lab.running.items()]})
    return lab


def rule_of(scene, server, family):
    name = f"lan{family[1]}" if scene.kind == "masquerade" else server
    return scene.gateway.rule(name) if scene.gateway.kind == "ftpnat" else None


@pytest.mark.parametrize("server, client, family, method", rows())
def test_transfer(scene, server, client, family, method):
    need(SERVERS[server])
    tool = need(CLIENTS[client])()
    if scene.gateway.kind == "kernel" and (server, family, method) == ("pyftpdlib", "v6", "EPRT"):
        pytest.skip("the kernel's helper writes long IPv6 addresses, pyftpdlib refuses them")
    running, host = scene.running[server], pick(scene.dial[server], family)
    tool.verify_port = scene.kind != "masquerade" and scene.gateway.kind == "ftpnat"
    before = rule_of(scene, server, family)

    with Tap(scene.client) as near, Tap(running.node) as far:
        exchange(tool, scene.client, running, Account(host, running), method)

    verb = {"PASV": "227", "EPSV": "229"}.get(method, method)
    if method in ACTIVE:
        sent, got = near.addresses_sent(), far.addresses_received()
        node = scene.client if scene.kind == "keep" else running.node
        want = pick((node.ip4, node.ip6) if scene.kind == "keep" else (node.gw4, node.gw6), family)
    else:
        sent, got = far.addresses_sent(), near.addresses_received()
        want = host if method == "PASV" else None
    assert {line.verb for line in sent} == {verb}, "the client did not use the method asked for"
    assert len(got) == len(sent) >= 2
    if scene.gateway.kind == "ftpnat" or (family, method) != ("v6", "EPRT"):
        assert [line.host for line in got] == [want] * len(sent)

    if before:
        after = rule_of(scene, server, family)
        assert after["lines"][verb] - before["lines"][verb] == len(sent)
        assert after["sessions"] == before["sessions"] + 1
        assert after["data_connections"] - before["data_connections"] == len(sent)
