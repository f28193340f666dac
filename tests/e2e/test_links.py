# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Links that not every kernel has: PPPoE, WireGuard, GRE, IPIP, SIT, virtio. `make check-kernels` has them all.

What PPP and WireGuard have in common with tun devices is in test_without_ethernet.py.
"""

import os
import socket

import pytest

import links
from clients import CLIENTS, Account, Session
from lab import run, wait_until
from scenes import exchange, login, masquerade, need, needs_another_kernel, pick, single
from servers import Vsftpd
from service import Service

METHODS = [("v4", "PASV"), ("v4", "EPSV"), ("v4", "PORT"), ("v4", "EPRT"), ("v6", "EPSV"), ("v6", "EPRT")]


# In qemu all kinds are expected, so none is asked for: a test that isn't there would end the whole run.
LACKING = {kind: None if os.environ.get("FTPNAT_ALL_LINKS") else links.lacking(kind, run) for kind in links.FAMILIES}
VIRTIO = None if os.environ.get("FTPNAT_ALL_LINKS") else links.lacking("virtio", run)
KINDS = [kind for kind in LACKING if not LACKING[kind]] or [
    pytest.param("none", marks=pytest.mark.skip(reason=needs_another_kernel("; ".join(LACKING.values()))))]
BOTH_FAMILIES = [kind for kind in KINDS if kind not in ("ipip", "sit")]
pytestmark = pytest.mark.ftpnat


def reasons(lab, *names):
    return [lab.gateway.reason(name) for name in names]


def segments_fit(lab, server, dial, kind):
    """A client outside learns from the SYN-ACK what the tunnel carries, whatever its own link does."""
    lab.client.ip("link set eth0 mtu 1500")  # its end is wider than the gateway's
    for family in links.FAMILIES[kind]:
        with lab.client.inside():
            session = Session("EPSV").open(Account(pick(dial, family), server))
            with session.transfercmd("STOR big") as conn:
                largest = 1500 - links.OVERHEAD[kind] - (40 if family == "v4" else 60)
                assert conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) <= largest
            session.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", ["publish", "masquerade"])
def test_outside_is_a_tunnel(make_lab, kind, rule):
    outside = "clients" if rule == "publish" else "servers"
    lab, server, dial = single(make_lab, Vsftpd, "keep" if rule == "publish" else rule, links={outside: kind})
    families = links.FAMILIES[kind]
    before = reasons(lab, "truncated_header", "write_failed", "too_big")
    forwarded = lab.gateway.reason("forwarded")
    for family, method in METHODS:
        if family in families:
            exchange(need(CLIENTS["ftplib"])(), lab.client, server, Account(pick(dial, family), server), method)
    assert lab.gateway.reason("forwarded") > forwarded
    assert reasons(lab, "truncated_header", "write_failed") == before[:2]
    told = lab.gateway.listing("stats")["rules"]
    lines = {line: sum(one["lines"][line] for one in told) for line in ("PORT", "EPRT", "227", "229")}
    assert {line for line, count in lines.items() if count} >= {"EPRT", "229"} | (
        {"PORT", "227"} if "v4" in families else set()), lines
    for shown in lab.gateway.listing("status")["interfaces"]:
        assert shown["xdp"] == "off" and shown["hooks"], shown
    if rule == "publish":
        segments_fit(lab, server, dial, kind)


@pytest.mark.parametrize("kind", BOTH_FAMILIES)
def test_address_changes(make_lab, kind):
    """`to: interface` follows it, under `run`: a PPP line is dialled again, others get another address."""
    lab = make_lab(route_back=False, links={"servers": kind})
    server = Vsftpd(lab.server).start()
    lab.gateway.write({"masquerade": masquerade("lan")})
    service = Service(lab)

    def works():
        with lab.client.inside():
            for family, method in (("v4", "PORT"), ("v6", "EPRT"), ("v4", "PASV")):
                session = login(lab.client, pick(server.addresses, family), server, method)
                assert session.read("server-name").decode() == server.name
                session.quit()
        return {flow["source"].rsplit(":", 1)[0] for flow in lab.gateway.flows() if flow["kind"] == "control"}

    assert works() == {"10.2.1.1", "[fd00:2:1::1]"}
    if kind == "pppoe":
        lab.server.link.hang_up()
        lab.server.link.dial("10.2.1.77")
        lab.server.ip("addr add fd00:2:1::2/64 dev eth0 nodad")
    else:
        lab.gw.ip("addr flush dev s1 scope global", "addr add 10.2.1.77/24 dev s1")
    lab.gw.ip("addr add fd00:2:1::77/64 dev s1 nodad")
    wait_until(lambda: service.log().count("reloaded") and lab.gateway.listing("status")["degraded"] == [],
               f"reloaded: {service.log()}")
    assert works() >= {"10.2.1.77", "[fd00:2:1::77]"}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind in ("gre", "ipip", "sit")] or KINDS[:1])
def test_tunnel_without_a_remote_address_is_refused(make_lab, kind):
    lab = make_lab(servers=0)
    lab.gw.ip(f"link add t0 type {kind} local {lab.client.gw4}")
    lab.gateway.write({"interfaces": ["t0"], "masquerade": masquerade("lan")})
    done = lab.gateway.load("up", check=False)
    assert done.returncode == 1 and "of the kind of t0, a tunnel without a remote address" in done.stdout, done.stdout


@pytest.mark.skipif(bool(VIRTIO), reason=needs_another_kernel(VIRTIO))
@pytest.mark.parametrize("rule", ["keep", "masquerade"])
@pytest.mark.xdist_group("virtio")  # there is one set of cards
def test_native_xdp_on_virtio(make_lab, rule):
    lab, server, dial = single(make_lab, Vsftpd, rule, config={"xdp": "native"},
                               links={"clients": "virtio", "servers": "virtio"})
    shown = {one["name"]: one for one in lab.gateway.listing("status")["interfaces"]}
    assert {one["xdp"] for one in shown.values()} == {"native"}, shown
    before = lab.gateway.reason("xdp_forwarded")
    for family, method in METHODS:
        exchange(need(CLIENTS["ftplib"])(), lab.client, server, Account(pick(dial, family), server), method)
    assert lab.gateway.reason("xdp_forwarded") > before
