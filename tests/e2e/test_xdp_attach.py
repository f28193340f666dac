# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""XDP programs as ftpnat-load attaches, replaces and removes them, and beside those of others."""

import json
import os

import pytest

from loader_host import BPFFS, CONFIG, host, sh
from scenes import needs_another_kernel

PASS = "/usr/lib/x86_64-linux-gnu/bpf/xdp-dispatcher.o"  # of libxdp; it has a program xdp_pass
REFUSED = "no room for another"


def config(mode, text=CONFIG):
    return f"xdp: {mode}\n{text}"


def attached(host, interface):
    """(mode, name) of what is attached, or (None, None)."""
    link = json.loads(host.ip("-j", "-d", "link", "show", interface))[0]
    xdp = link.get("xdp")
    if not xdp:
        return None, None
    program = json.loads(sh("bpftool", "-j", "prog", "show", "id", str(xdp["prog"]["id"])).stdout)
    return {1: "native", 2: "generic"}[xdp["mode"]], program["name"]


def prog_id(host, interface):
    return json.loads(host.ip("-j", "-d", "link", "show", interface))[0]["xdp"]["prog"]["id"]


def shown(host):
    return {entry["name"]: (entry["xdp"], entry["note"]) for entry in host.status()["interfaces"]}


def sees_chaining(host):
    """Did libxdp use its dispatcher?"""
    return "chained" in shown(host)["v0"][1]


def foreign(host, interface, mode="xdpdrv"):
    if not os.path.exists(PASS):
        pytest.skip(f"{PASS} is absent")
    host.ip("link", "set", "dev", interface, mode, "obj", PASS, "program", "xdp_pass")


def everything(host):
    return {**host.everything(), "xdp": [attached(host, i) for i in ("v0", "v1")],
            "bpffs": sorted(os.listdir(BPFFS))}


# ---- up, reload, down ----

@pytest.mark.parametrize("mode", ["native", "generic"])
def test_up_again_and_down(host, mode):
    before = everything(host)
    host.up(config=config(mode))
    assert shown(host)["v0"][0] == shown(host)["v1"][0] == mode
    assert attached(host, "v0")[0] == attached(host, "v1")[0] == mode
    first = prog_id(host, "v0")
    host.up(config=config(mode))
    assert attached(host, "v0")[0] == mode
    assert prog_id(host, "v0") != first
    assert host.load("down").returncode == 0
    assert everything(host) == before


def test_auto_leaves_veth_to_tc_and_says_so(host):
    host.up(config=config("auto"))
    for mode, note in shown(host).values():
        assert mode == "off" and "veth" in note and "TSO" in note
    assert attached(host, "v0") == (None, None)
    assert not [line for line in host.status()["degraded"] if "XDP" in line]


def test_auto_is_native_where_the_driver_has_it(host):
    host.ip("tuntap", "add", "tap0", "mode", "tap")
    host.up(config=config("auto", CONFIG.replace("[v0, v1]", "[v0, tap0]")))
    assert shown(host)["tap0"][0] == "native"
    assert shown(host)["v0"][0] == "off"
    assert attached(host, "tap0")[0] == "native"


def test_driver_without_native_xdp(host):
    host.ip("link", "add", "ifb0", "type", "ifb")
    text = CONFIG.replace("[v0, v1]", "[v0, ifb0]")
    host.up(config=config("auto", text))
    mode, note = shown(host)["ifb0"]
    assert mode == "off" and "no native XDP" in note
    done = host.load("reload", config=config("native", text))
    assert done.returncode == 0
    assert "not in force on ifb0" in done.stderr and "xdp: auto" in done.stderr
    assert shown(host)["v0"][0] == "native"
    assert shown(host)["ifb0"][0] == "off"
    assert [line for line in host.status()["degraded"] if "not native on ifb0" in line]
    host.up(config=config("generic", text))
    assert {mode for mode, _ in shown(host).values()} == {"generic"}


def test_every_mode_after_every_other(host):
    host.up(config=config("off"))
    for mode in ("native", "off", "generic", "native", "generic", "off", "native", "auto"):
        done = host.load("reload", config=config(mode))
        assert (done.returncode, done.stderr) == (0, "")
        expected = mode if mode in ("native", "generic") else None
        assert attached(host, "v0")[0] == attached(host, "v1")[0] == expected


def test_interface_that_leaves_the_configuration(host):
    host.up(config=config("native"))
    host.load("reload", config=config("native", CONFIG.replace("[v0, v1]", "[v0]")))
    assert attached(host, "v0")[0] == "native"
    assert attached(host, "v1") == (None, None)


def test_interface_recreated(host):
    host.up(config=config("native"))
    host.ip("link", "del", "v0")
    host.add_veth()
    assert shown(host)["v0"][0] == "off"
    host.up(config=config("native"))
    assert attached(host, "v0")[0] == attached(host, "v1")[0] == "native"
    assert host.load("down").returncode == 0
    assert attached(host, "v0") == (None, None)


def test_native_with_jumbo_frames(host):
    for interface in ("v0", "v1"):
        host.ip("link", "set", interface, "mtu", "9000")
    host.up(config=config("native"))
    assert attached(host, "v0")[0] == "native"


def test_failed_reload_leaves_the_programs(host):
    host.up(config=config("native"))
    ids = [prog_id(host, "v0"), prog_id(host, "v1")]
    assert host.load("reload", config=config("off", CONFIG.replace("v1", "v7"))).returncode == 1
    assert [prog_id(host, "v0"), prog_id(host, "v1")] == ids


# ---- removed by somebody ----

def test_program_removed_by_somebody(host):
    host.up(config=config("native"))
    host.ip("link", "set", "v0", "xdp", "off")
    assert [line for line in host.status()["degraded"] if "XDP program of v0 was removed" in line]
    host.up(config=config("native"))
    assert attached(host, "v0")[0] == "native"


def test_down_after_the_pins_were_removed(host):
    before = everything(host)
    host.up(config=config("native"))
    for interface in ("v0", "v1"):
        host.tc("qdisc", "del", "dev", interface, "clsact")
    sh("rm", "-r", host.pin)
    assert host.load("down").returncode == 0
    assert [attached(host, i) for i in ("v0", "v1")] == before["xdp"]


@pytest.mark.parametrize("verb", ["up", "down"])
def test_dispatcher_that_a_killed_libxdp_left(host, verb):
    """Pinned, with our program in it, and not attached. That of others stays."""
    before = everything(host)
    host.up(config=config("native"))
    ifindex = json.loads(host.ip("-j", "link", "show", "v0"))[0]["ifindex"]
    ours, theirs = (f"{BPFFS}/xdp/dispatch-{ifindex}-{number}" for number in (4000000001, 4000000002))
    for path in (ours, theirs):
        os.makedirs(path)
    sh("bpftool", "prog", "pin", "id", str(prog_id(host, "v0")), f"{ours}/prog0-prog")
    sh("bpftool", "prog", "pin", "id", str(host.program_id("v0", "ingress")[0]), f"{theirs}/prog0-other")
    assert host.load(verb, config=config("native")).returncode == 0
    assert os.path.exists(theirs) and not os.path.exists(ours)
    os.unlink(f"{theirs}/prog0-other")
    os.rmdir(theirs)
    host.load("down")
    if "xdp" not in before["bpffs"] and os.path.exists(f"{BPFFS}/xdp"):  # ip(8) leaves a link there
        os.rmdir(f"{BPFFS}/xdp")
    assert everything(host) == before


# ---- programs of others ----

@pytest.mark.parametrize("mode,foreign_mode", [("native", "xdpdrv"), ("native", "xdpgeneric"),
                                               ("generic", "xdpgeneric")])
def test_foreign_program_stays(host, mode, foreign_mode):
    """It has no dispatcher, so there is no room for ours: TC does the work."""
    foreign(host, "v0", foreign_mode)
    its = prog_id(host, "v0")
    done = host.load("up", config=config(mode))
    assert done.returncode == 0
    assert REFUSED in done.stderr and "v0" in done.stderr
    assert prog_id(host, "v0") == its
    assert shown(host)["v0"][0] == "off" and REFUSED in shown(host)["v0"][1]
    assert shown(host)["v1"][0] == mode
    assert [line for line in host.status()["degraded"] if REFUSED in line]
    assert host.programs("v0", "ingress") == ["ftpnat_ingress"]
    assert host.load("down").returncode == 0
    assert prog_id(host, "v0") == its
    assert attached(host, "v1") == (None, None)


def test_foreign_program_in_place_of_ours_stays(host):
    host.up(config=config("native"))
    host.ip("link", "set", "v0", "xdp", "off")
    foreign(host, "v0")
    its = prog_id(host, "v0")
    assert host.load("reload", config=config("native")).returncode == 0
    assert prog_id(host, "v0") == its
    assert host.load("down").returncode == 0
    assert prog_id(host, "v0") == its


def test_foreign_program_gone(host):
    foreign(host, "v0")
    host.load("up", config=config("native"))
    host.ip("link", "set", "v0", "xdp", "off")
    host.up(config=config("native"))
    assert shown(host)["v0"][0] == "native"


def test_two_instances(host):
    """Chained if the kernel allows it; else the second leaves its work to TC."""
    host.up(config=config("native"))
    chained = sees_chaining(host)
    first = prog_id(host, "v0")
    done = host.load("up", config=config("native", CONFIG.replace("2121", "2122").replace("192.168.5.0", "192.168.6.0")), pin=host.pin + "-2")
    assert done.returncode == 0
    if not chained:
        assert REFUSED in done.stderr
        assert prog_id(host, "v0") == first
    assert host.load("down", pin=host.pin + "-2").returncode == 0
    assert shown(host)["v0"][0] == "native"


def test_chained_beside_another(host):
    host.up(config=config("native"))
    if not sees_chaining(host):
        pytest.skip(needs_another_kernel("this kernel refuses freplace, so libxdp can't chain programs"))
    assert sh("nsenter", f"--net=/run/netns/{host.netns}", "xdp-loader", "load", "v0", PASS,
              "-n", "xdp_pass").returncode == 0
    assert "1 other" in shown(host)["v0"][1]
    host.up(config=config("native"))
    assert "1 other" in shown(host)["v0"][1]
    assert host.load("down").returncode == 0
    assert attached(host, "v0")[1] == "xdp_dispatcher"
