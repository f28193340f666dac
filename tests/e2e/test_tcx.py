# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`tcx`: the programs at tcx instead of clsact, before or behind those of others."""

import json
import os
import socket

import pytest

import tcx
from clients import CLIENTS, Account
from scenes import exchange, login, need, pick, publish, single
from servers import Vsftpd
from slow import Transfer
from tcx import EGRESS, INGRESS, Tcx

HOOKS = {INGRESS: "in", EGRESS: "out"}
METHODS = [("v4", "PASV"), ("v4", "PORT"), ("v6", "EPSV"), ("v6", "EPRT")]

pytestmark = pytest.mark.ftpnat


@pytest.fixture(autouse=True)
def needed():
    tcx.need()


def at_tcx(lab):
    """{(interface, "in" or "out"): names, in their order}"""
    with lab.gw.inside():
        return {(interface, name): [program for _, program in tcx.programs(socket.if_nametoindex(interface), hook)]
                for interface in lab.interfaces for hook, name in HOOKS.items()}


def called(lab):
    """Keys of ftpnat_programs that have a program, and its id."""
    shown = lab.gw.run(["bpftool", "-j", "map", "dump", "pinned", f"{lab.gateway.pin}/ftpnat_programs"]).stdout
    return {entry["formatted"]["key"]: entry["formatted"]["value"] for entry in json.loads(shown)}


def notes(lab):
    return {shown["name"]: shown["note"] for shown in lab.gateway.listing("status")["interfaces"]}


def transfers(lab, server, dial, methods=METHODS):
    for family, method in methods:
        exchange(need(CLIENTS["ftplib"])(), lab.client, server, Account(pick(dial, family), server), method)


@pytest.mark.parametrize("kind", ["keep", "full", "masquerade"])
def test_transfers(make_lab, kind):
    lab, server, dial = single(make_lab, Vsftpd, kind, config={"tcx": "first"})
    assert at_tcx(lab) == {place: [f"ftpnat_tcx_{place[1]}"] for place in at_tcx(lab)}
    assert "clsact" not in lab.gw.run(["tc", "qdisc", "show"]).stdout
    transfers(lab, server, dial)
    status = lab.gateway.listing("status")
    assert not status["degraded"]
    assert all(shown["hooks"] == ["ingress", "egress"] and "at tcx" in shown["note"] for shown in status["interfaces"])
    lab.gateway.down()
    assert not any(at_tcx(lab).values())


@pytest.mark.parametrize("link", ["client", "server"])
def test_without_link_layer_header(make_lab, link):
    lab, server, dial = single(make_lab, Vsftpd, config={"tcx": "last"}, tun=(f"{link}s",))
    bare = ("c1" if link == "client" else "s1")
    assert at_tcx(lab)[bare, "in"] == ["ftpnat_tcx3_in"]
    assert at_tcx(lab)[bare, "out"] == ["ftpnat_tcx3_out"]
    transfers(lab, server, dial)


def test_first_is_before_a_program_that_keeps_all(make_lab):
    lab = make_lab()
    server = need(Vsftpd)(lab.server).start()
    vips = lab.vips()
    with Tcx(lab.gw, "c1", tcx.PASS, "keeps_all"):
        lab.gateway.up({"tcx": "first", "publish": [publish("files", vips, [server])]})
        assert at_tcx(lab)["c1", "in"] == ["ftpnat_tcx_in", "keeps_all"]
        assert "first at" not in notes(lab)["c1"]
        transfers(lab, server, vips)
        with Tcx(lab.gw, "c1", tcx.NEXT, "looks_on", flags=tcx.BEFORE):
            assert notes(lab)["c1"].endswith("; first at ingress: tcx looks_on")
            transfers(lab, server, vips, METHODS[:1])
        lab.gateway.down()
        assert at_tcx(lab)["c1", "in"] == ["keeps_all"]


def test_last_is_behind_the_others(make_lab):
    lab = make_lab()
    server = need(Vsftpd)(lab.server).start()
    vips = lab.vips()
    with Tcx(lab.gw, "c1", tcx.NEXT, "looks_on"):
        lab.gateway.up({"tcx": "last", "publish": [publish("files", vips, [server])]})
        assert at_tcx(lab)["c1", "in"] == ["looks_on", "ftpnat_tcx_in"]
        assert notes(lab)["c1"].endswith("; first at ingress: tcx looks_on")
        transfers(lab, server, vips)
    with Tcx(lab.gw, "c1", tcx.PASS, "keeps_all", flags=tcx.BEFORE):
        with lab.client.inside(), pytest.raises(ConnectionRefusedError):
            login(lab.client, vips[0], server)


def test_reload_switches_all_hooks_by_one_half(make_lab):
    lab, server, dial = single(make_lab, Vsftpd, config={"tcx": "first"})
    with lab.client.inside():
        transfer = Transfer(lab, server, dial, "v4", "PASV", True)
        transfer.step()
        places, before = at_tcx(lab), called(lab)
        for half in (1, 0, 1):
            lab.gateway.reload({"tcx": "first", "publish": [publish("files", dial, [server])]})
            now = called(lab)
            assert set(now) == {4 * half, 4 * half + 1}
            assert not set(now.values()) & set(before.values())
            before = now
            assert transfer.step()
        assert at_tcx(lab) == places
        transfer.finish()
        transfer.session.quit()
    transfers(lab, server, dial, METHODS[:2])


@pytest.mark.parametrize("other", ["off", "last"])
def test_reload_can_not_change_the_place(make_lab, other):
    lab, server, dial = single(make_lab, Vsftpd, config={"tcx": "first"})
    places, before = at_tcx(lab), called(lab)
    lab.gateway.write({"tcx": other, "publish": [publish("others", dial, [server], port=2121)]})
    for verb in ("reload", "up"):
        done = lab.gateway.load(verb, check=False)
        assert done.returncode == 1
        assert f"tcx is first in the instance that is up, and {other} here: a reload can't change it, `down`" in done.stdout
    assert (at_tcx(lab), called(lab)) == (places, before)
    transfers(lab, server, dial, METHODS[:1])


@pytest.mark.parametrize("pin", ["ftpnat_programs", "ftpnat_config", None], ids=str)
def test_removed_pins_are_told_and_come_back(make_lab, pin):
    """The kernel empties a map of programs when its last pin goes. None: all pins."""
    lab, server, dial = single(make_lab, Vsftpd, config={"tcx": "first"})
    for name in [pin] if pin else os.listdir(lab.gateway.pin):
        os.unlink(os.path.join(lab.gateway.pin, name))
    done = lab.gateway.load("status", check=False)
    assert done.returncode in (1, 3) and "ftpnat-load up" in done.stdout
    lab.gateway.load("up")
    assert not lab.gateway.listing("status")["degraded"]
    assert at_tcx(lab) == {place: [f"ftpnat_tcx_{place[1]}"] for place in at_tcx(lab)}
    transfers(lab, server, dial, METHODS[:1])


def test_removed_program_is_told_and_comes_back(make_lab):
    lab, server, dial = single(make_lab, Vsftpd, config={"tcx": "first"})
    with lab.gw.inside():
        ifindex = socket.if_nametoindex("s1")
        tcx.detach(ifindex, EGRESS, tcx.programs(ifindex, EGRESS)[0][0])
    degraded = lab.gateway.listing("status")["degraded"]
    assert degraded == ["The egress program of s1 at tcx was removed: `ftpnat-load up` attaches it again."]
    lab.gateway.load("up")
    assert not lab.gateway.listing("status")["degraded"]
    transfers(lab, server, dial, METHODS[:1])
