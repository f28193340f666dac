# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ftpnat-load up, reload, down and status: what they create, what they leave, how they refuse.

The namespace and the pin directory are named after the test and removed before and after it.
"""

import json
import os
import shutil

import pytest

from loader_host import (COMMAND, CONFIG, INTERFACES, MASQUERADE, REFUSED, host,
                         refused, sh)
from lab import inside_namespace, wait_until
from tun_pair import ARPHRD_TUNNEL, tun_open

# ---- up, up again, down ----

def test_up_attaches_and_pins_and_down_leaves_nothing(host):
    before = host.everything()
    host.up()
    for interface in ("v0", "v1"):
        assert host.programs(interface, "ingress") == ["ftpnat_ingress"]
        assert host.programs(interface, "egress") == ["ftpnat_egress"]
    assert {"ftpnat_flows", "ftpnat_config", "ftpnat_state", "ftpnat_ingress"} <= set(os.listdir(host.pin))
    done = host.load("down")
    assert (done.returncode, done.stderr) == (0, "")
    assert host.everything() == before


def test_up_twice_is_harmless(host):
    host.up()
    maps = sh("bpftool", "-j", "map", "show", "pinned", f"{host.pin}/ftpnat_flows").stdout
    host.up()
    assert host.programs("v0", "ingress") == ["ftpnat_ingress"]
    assert host.programs("v0", "egress") == ["ftpnat_egress"]
    again = sh("bpftool", "-j", "map", "show", "pinned", f"{host.pin}/ftpnat_flows").stdout
    assert json.loads(again)["id"] == json.loads(maps)["id"], "connections live in this map"


def test_verbose_reports_each_step(host):
    done = host.load("--verbose", "up")
    assert done.returncode == 0
    for words in ("loaded the programs", "added a clsact qdisc to v0", "attached to v0 ingress",
                  "attached to v1 egress", "ftpnat.yaml is in force"):
        assert words in done.stderr
    done = host.load("-v", "reload")
    assert done.returncode == 0 and f"with the maps at {host.pin}" in done.stderr
    done = host.load("down", "-v")
    assert done.returncode == 0
    assert "detached from v0 ingress" in done.stderr and f"removed the instance at {host.pin}" in done.stderr


def test_down_when_not_up_is_harmless(host):
    done = host.load("down")
    assert done.returncode == 0
    assert "not up" in done.stderr


def test_listings_need_an_instance(host):
    for verb in ("status", "stats", "flows", "expected", "servers", "reload"):
        refused(host.load(verb), 1, "not up at", "ftpnat-load up")


def test_maps_are_readable_by_bpftool(host):
    host.up()
    rules = json.loads(sh("bpftool", "-j", "map", "dump", "pinned", f"{host.pin}/ftpnat_rules").stdout)
    assert rules[0]["formatted"]["value"]["name"] == "files"


def test_missing_parents_of_the_pin_directory_are_created_and_removed(host):
    deep = host.pin + "/deep/er"
    host.up(pin=deep)
    assert os.path.exists(deep + "/ftpnat_flows")
    assert host.load("down", pin=deep).returncode == 0
    assert not os.path.exists(host.pin)


# ---- what is not ours stays ----

def test_clsact_that_was_there_stays(host):
    host.tc("qdisc", "add", "dev", "v0", "clsact")
    before = host.everything()
    host.up()
    assert host.load("down").returncode == 0
    assert host.everything() == before


def test_clsact_of_ours_stays_while_others_use_it(host):
    host.up()
    host.tc("filter", "add", "dev", "v0", "ingress", "bpf", "bytecode", "1,6 0 0 0", "flowid", "1:1")
    assert host.load("down").returncode == 0
    assert "flowid 1:1" in host.tc("filter", "show", "dev", "v0", "ingress")
    assert "dev v1 parent ffff:fff1" not in host.tc("qdisc", "show")


OTHER = CONFIG.replace("2121", "2122").replace("192.168.5.0", "192.168.6.0")


def test_two_instances_side_by_side(host):
    before = host.everything()
    host.up()
    host.up(config=OTHER, pin=host.pin + "-2")
    assert host.programs("v0", "ingress") == ["ftpnat_ingress"] * 2
    first = host.status()["programs"][0]["id"]
    assert host.load("down", pin=host.pin + "-2").returncode == 0
    assert host.program_id("v0", "ingress") == [first]
    assert host.load("down").returncode == 0
    assert host.everything() == before


def test_clsact_goes_with_the_last_of_two_instances(host):
    before = host.everything()
    host.up()
    host.up(config=OTHER, pin=host.pin + "-2")
    assert host.load("down").returncode == 0
    assert host.programs("v0", "ingress") == ["ftpnat_ingress"]
    assert host.load("down", pin=host.pin + "-2").returncode == 0
    assert host.everything() == before


def test_second_instance_with_the_same_listen_is_refused(host):
    host.up()
    before = host.everything()
    done = host.load("up", pin=host.pin + "-2")
    refused(done, 1, "192.0.2.10:2121", f"already owned by another instance at {host.pin}",
            "ftpnat.yaml:4:")
    assert host.everything() == before
    assert host.load("down").returncode == 0
    host.up(pin=host.pin + "-2")


# ---- interfaces ----

def test_missing_interface_is_named_and_nothing_is_left(host):
    before = host.everything()
    done = host.load("up", config=CONFIG.replace("v1", "v9"))
    refused(done, 1, "ftpnat.yaml:1:", "no interface v9")
    assert host.everything() == before


@pytest.mark.parametrize("verb", ["up", "reload"])
def test_interface_of_another_kind_is_refused(host, verb):
    host.up()
    if verb == "up":
        host.load("down")
    with inside_namespace(host.netns):
        tunnel = tun_open("t0", ARPHRD_TUNNEL)
    try:
        before = host.everything()
        refused(host.load(verb, config=CONFIG.replace("v1", "t0")), 1, "ftpnat.yaml:1:",
                "does not work on interfaces of the kind of t0, a tunnel without a remote address",
                "remove it from interfaces")
        assert host.everything() == before
    finally:
        os.close(tunnel)


@pytest.mark.parametrize("verb", ["up", "reload"])
def test_loopback_without_a_publish_rule_is_refused(host, verb):
    host.up()
    if verb == "up":
        host.load("down")
    before = host.everything()
    refused(host.load(verb, config="interfaces: [v0, lo]\n" + MASQUERADE), 1, "ftpnat.yaml:1:18",
            "lo has only what this host sends to itself", "remove it from interfaces")
    assert host.everything() == before
    assert host.load(verb, config=CONFIG.replace("v1", "lo")).returncode == 0


def test_interfaces_without_ethernet_header_have_their_own_programs(host):
    host.ip("tuntap", "add", "t0", "mode", "tun")
    with_tun = CONFIG.replace("v1", "t0")
    pins = {"ftpnat_ip_in", "ftpnat_ip_out"}
    host.up()
    assert not pins & set(os.listdir(host.pin))
    for verb in ("reload", "up"):
        assert host.load(verb, config=with_tun).returncode == 0
        assert host.programs("v0", "ingress") == ["ftpnat_ingress"]
        assert host.programs("t0", "ingress") == ["ftpnat_ip_in"]
        assert host.programs("t0", "egress") == ["ftpnat_ip_out"]
        assert not host.programs("v1", "ingress")
        assert pins <= set(os.listdir(host.pin))
        assert pins <= {program["name"] for program in host.status()["programs"]}
    assert host.load("reload", config=CONFIG).returncode == 0
    assert not host.programs("t0", "ingress") + host.programs("t0", "egress")
    assert not pins & set(os.listdir(host.pin))


@pytest.mark.parametrize("xdp", ["auto", "native", "generic"])
def test_xdp_is_off_without_ethernet_header(host, xdp):
    host.ip("tuntap", "add", "t0", "mode", "tun")
    assert host.load("up", config=CONFIG.replace("v1", "t0") + f"xdp: {xdp}\n").returncode == 0
    tun = next(i for i in host.status()["interfaces"] if i["name"] == "t0")
    assert (tun["xdp"], tun["note"]) == ("off", "its packets have no Ethernet header")


def test_interface_listed_twice_is_a_configuration_error(host):
    before = host.everything()
    refused(host.load("up", config=CONFIG.replace("v1", "v0")), 2, "ftpnat.yaml:1:", "v0")
    assert host.everything() == before


def test_interface_with_an_ingress_qdisc_is_refused_and_undone(host):
    host.tc("qdisc", "add", "dev", "v1", "ingress")
    before = host.everything()
    refused(host.load("up"), 1, "v1 has an ingress qdisc")
    assert host.everything() == before


def test_interface_vanishing_while_up(host):
    host.up()
    host.ip("link", "del", "v0")  # and with it v1
    degraded = host.status()["degraded"]
    assert any("v0 is gone" in sentence for sentence in degraded)
    done = host.load("down")
    assert (done.returncode, done.stderr) == (0, "")
    assert host.everything()["pins"] == []


def test_recreated_interface_is_attached_by_up(host):
    host.up()
    host.ip("link", "del", "v0")
    host.add_veth()
    assert any("v0 was recreated" in sentence for sentence in host.status()["degraded"])
    host.up()
    assert host.programs("v0", "ingress") == ["ftpnat_ingress"]
    assert host.status()["interfaces"][0]["hooks"] == ["ingress", "egress"]


def test_filter_removed_by_hand_is_reported_and_restored(host):
    host.up()
    host.tc("filter", "del", "dev", "v0", "ingress")
    assert any("ingress filter of v0" in sentence for sentence in host.status()["degraded"])
    host.up()
    assert host.programs("v0", "ingress") == ["ftpnat_ingress"]


# ---- reload ----

def test_reload_attaches_new_interfaces_and_lets_go_of_old_ones(host):
    host.up(config=CONFIG.replace("[v0, v1]", "[v0]"))
    assert host.load("reload", config=CONFIG.replace("[v0, v1]", "[v1]")).returncode == 0
    assert host.programs("v1", "egress") == ["ftpnat_egress"]
    assert "clsact ffff: dev v0" not in host.tc("qdisc", "show")
    assert [i["name"] for i in host.status()["interfaces"]] == ["v1"]


def test_failed_reload_leaves_the_old_in_force(host):
    host.up()
    before = host.everything(), host.status()
    refused(host.load("reload", config=CONFIG.replace("v1", "v9")), 1, "no interface v9")
    refused(host.load("reload", config=CONFIG + "limits: {data: 2000000}\n"), 1, "a map can't grow",
            "`down`, then `up`")
    host.ip("link", "add", "d0", "type", "veth", "peer", "name", "d1")
    host.tc("qdisc", "add", "dev", "d0", "ingress")
    refused(host.load("reload", config=CONFIG.replace("[v0, v1]", "[v0, v1, d0]")), 1, "d0 has an ingress")
    host.ip("link", "del", "d0")
    assert (host.everything(), host.status()) == before


def test_limits_may_be_lowered_by_reload(host):
    host.up()
    assert host.load("reload", config=CONFIG + "limits: {data: 1000}\n").returncode == 0
    sizes = {table["name"]: table["size"] for table in host.status()["tables"]}
    assert sizes["data"] == 1000


def test_rules_keep_their_ids_and_removed_ones_retire(host):
    def names():
        dump = sh("bpftool", "-j", "map", "dump", "pinned", f"{host.pin}/ftpnat_rules").stdout
        slot = json.loads(sh("bpftool", "-j", "map", "dump", "pinned", f"{host.pin}/ftpnat_config")
                          .stdout)[0]["formatted"]["value"]["slot"]
        rules = [e["formatted"]["value"] for e in json.loads(dump)][slot * 256:slot * 256 + 256]
        return [(r["name"], r["flags"] & 1) for r in rules if r["name"]]

    host.up()
    assert names() == [("files", 0), ("lan", 0)]
    only_lan = INTERFACES + MASQUERADE
    assert host.load("reload", config=only_lan).returncode == 0
    assert names() == [("files", 1), ("lan", 0)]
    assert host.load("reload", config=only_lan.replace("lan", "lan2")).returncode == 0
    assert ("files", 1) not in names(), "nothing used it"
    assert ("lan", 1) in names()
    assert host.load("reload").returncode == 0
    assert ("lan", 0) in names(), "a rule that comes back has its id again"


# ---- programs of another version ----

def set_layout(host, number):
    """As if another version had made the instance."""
    place = ["pinned", f"{host.pin}/ftpnat_state"]
    value = json.loads(sh("bpftool", "-j", "map", "dump", *place).stdout)[0]["value"]
    value[:4] = [f"{byte:#04x}" for byte in number.to_bytes(4, "little")]
    sh("bpftool", "map", "update", *place, "key", "0", "0", "0", "0", "value", *value)


def test_other_layout_is_refused_until_down_and_up(host):
    nothing = host.everything()
    host.up()
    set_layout(host, 999)
    before = host.everything(), host.program_id("v0", "ingress"), host.program_id("v1", "egress")
    for verb in ("up", "reload"):
        refused(host.load(verb), 1, "layout 999", "`down`, then `up`", "connections are lost")
    refused(host.load("status"), 1, "layout 999")
    assert (host.everything(), host.program_id("v0", "ingress"), host.program_id("v1", "egress")) == before
    done = host.load("down")
    assert (done.returncode, done.stderr) == (0, "")
    assert host.everything() == nothing
    host.up()


def test_map_of_another_layout_is_refused(host):
    host.up()
    path = f"{host.pin}/ftpnat_hops"
    os.unlink(path)
    sh("bpftool", "map", "create", path, "type", "array", "key", "4", "value", "8", "entries", "1", "name",
       "ftpnat_hops")
    before = host.everything(), host.program_id("v0", "ingress")
    refused(host.load("reload"), 1, "ftpnat_hops has another layout", "`down`, then `up`")
    assert (host.everything(), host.program_id("v0", "ingress")) == before


@pytest.mark.parametrize("other, code, words", [
    ({"command": REFUSED}, 1, "refuses program ftpnat_ingress"),
    ({"config": CONFIG + "publish: 1\n"}, 2, "publish"),
    ({"config": CONFIG.replace("192.0.2.10:2121", "192.0.2.10:2121\n    data_address: no.such.invalid")}, 1,
     "no.such.invalid"),
    ({"config": CONFIG.replace("    servers:", "    source: gateway\n    servers:")
      .replace("10.9.0.10", "10.8.0.10")}, 1, "no source address towards server 10.8.0.10"),
])
def test_reload_that_fails_changes_nothing(host, other, code, words):
    host.up()

    def all_there():
        return (host.everything(), host.status(), host.program_id("v0", "ingress"),
                host.program_id("v1", "egress"))

    before = all_there()
    refused(host.load("reload", **other), code, words)
    assert all_there() == before


# ---- where it can't work ----

@pytest.mark.parametrize("verb", ["up", "reload", "down", "status", "stats", "flows", "expected", "servers",
                                  "events", "top", "metrics", "run"])
def test_not_root(host, verb):
    before = host.everything()
    program = shutil.copy(COMMAND, host.dir)
    done = sh("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program,
              "-c", host.write(CONFIG), "-p", host.pin, verb, check=False)
    refused(done, 1, f"must be root: try `sudo ftpnat-load {verb}`")
    assert host.everything() == before


# A machine of its own: a pid 1, and no bpffs. Afterwards it says whether one is mounted.
MACHINE = """\
mount -t tmpfs tmpfs /run/netns
ip netns add here
while umount -l /sys/fs/bpf; do :; done 2>/dev/null
status=0
"$@" || status=$?
[ "$(stat -f -c %T /sys/fs/bpf)" != bpf_fs ] || echo mounted
exit $status
"""
SHARED = "mount --make-rshared /\n"
NO_MOUNTINFO = ["strace", "-qq", "-f", "-o", "/dev/null", "-P", "/proc/self/mountinfo",
                "-e", "inject=openat:error=EACCES"]
NO_SYS = "mount -t tmpfs tmpfs /sys\n"
OUT_OF_REACH = ["setpriv", "--bounding-set", "-sys_ptrace"]  # /proc/1/ns, since pid 1 has what we lack
UNREADABLE = ["strace", "-qq", "-f", "-o", "/dev/null", "-P", "/proc/1/ns/mnt", "-P", "/proc/1/mountinfo",
              "-e", "inject=openat,readlinkat,newfstatat:error=EACCES"]
EXEC = ["ip", "netns", "exec", "here"]
SHELL = ["sh", "-c", '"$@" || exit', "sh"]  # it stays, and is the command's parent


def up_in_a_machine_without_bpffs(host, before, wrap):
    netns = [] if EXEC[0] in wrap else ["-n", "here"]
    return sh("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
              before + MACHINE, "sh", *wrap, COMMAND, *netns, "-c", host.write(CONFIG.replace("[v0, v1]", "[lo]")),
              "up", check=False)


@pytest.mark.parametrize("before, wrap", [
    ("", []),
    ("", OUT_OF_REACH),
    ("", UNREADABLE),
    (SHARED, ["unshare", "--mount", "--propagation", "unchanged"]),
], ids=["plain", "pid-1-out-of-reach", "pid-1-unreadable", "shared-with-pid-1"])
def test_bpffs_is_mounted_where_it_lasts(host, before, wrap):
    done = up_in_a_machine_without_bpffs(host, before, wrap)
    assert (done.returncode, done.stdout, done.stderr) == (0, "mounted\n", "")


def test_bpffs_lasts_as_long_as_the_shell_of_a_private_namespace(host):
    done = up_in_a_machine_without_bpffs(host, "", ["unshare", "--mount", "sh", "-c",
                                         '"$@" && [ "$(stat -f -c %T /sys/fs/bpf)" = bpf_fs ] && echo inside', "sh"])
    assert (done.returncode, done.stdout) == (0, "inside\n"), done.stderr
    assert "in this mount namespace only: ftpnat ends when the last process in it does" in done.stderr


def test_bpffs_where_nothing_can_be_known(host):
    done = up_in_a_machine_without_bpffs(host, "", NO_MOUNTINFO)
    assert (done.returncode, done.stdout) == (0, "mounted\n"), done.stderr
    assert "without /proc/self/mountinfo it is unknown whether it outlives" in done.stderr


@pytest.mark.parametrize("before, wrap, words", [
    ("", EXEC, ["no bpffs", "ip netns exec", "--netns"]),
    ("", UNREADABLE + EXEC, ["no bpffs", "ip netns exec", "--netns"]),
    ("", EXEC + SHELL, ["no bpffs", "ip netns exec", "--netns"]),
    ("", UNREADABLE + EXEC + SHELL, ["no bpffs", "ip netns exec", "--netns"]),
    ("", ["unshare", "--mount"], ["no bpffs", "--netns"]),
    (SHARED, ["unshare", "--mount", "--propagation", "slave"], ["no bpffs", "--netns"]),
    (SHARED, EXEC, ["no bpffs", "--netns"]),
    (NO_SYS, [], ["mount -t sysfs sysfs /sys"]),
], ids=["netns-exec", "netns-exec-pid-1-unreadable", "netns-exec-shell", "netns-exec-shell-pid-1-unreadable",
        "private", "slave", "netns-exec-shared", "no-sysfs"])
def test_bpffs_is_not_mounted_where_it_ends_with_the_command(host, before, wrap, words):
    done = up_in_a_machine_without_bpffs(host, before, wrap)
    refused(done, 1, *words)


def test_pin_directory_outside_bpffs_is_refused(host):
    refused(host.load("up", pin=host.dir + "/pins"), 1, "not in a bpffs", "--pin")
    assert not os.path.exists(host.dir + "/pins")


def test_missing_network_namespace(host):
    done = sh(COMMAND, "-n", "ftpnat-none", "-c", host.write(CONFIG), "up", check=False)
    refused(done, 1, "no network namespace", "ftpnat-none")


def test_instance_of_another_network_namespace_is_left_alone(host):
    host.up()
    for verb in ("up", "down"):
        done = sh(COMMAND, "-p", host.pin, "-c", host.write(CONFIG.replace("[v0, v1]", "[lo]")), verb,
                  check=False)
        refused(done, 1, f"--netns {host.netns}")
    assert host.programs("v0", "ingress") == ["ftpnat_ingress"]


def test_instance_of_a_gone_network_namespace_can_be_taken_down(host):
    host.up()
    sh("ip", "netns", "del", host.netns)
    done = sh(COMMAND, "-p", host.pin, "down", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert not os.path.exists(host.pin)


def test_namespace_with_the_inode_of_a_gone_one(host):
    """The kernel gives the numbers of namespaces that are gone to new ones."""
    path = f"/run/netns/{host.netns}"

    def made_anew():
        host.clean()
        sh("ip", "netns", "add", host.netns)
        host.add_veth()
        host.up()
        before = os.stat(path).st_ino
        for _ in range(20):
            sh("ip", "netns", "del", host.netns)
            sh("ip", "netns", "add", host.netns)
            if os.stat(path).st_ino == before:
                return True
        return False

    wait_until(made_anew, "a namespace has the inode of the one before")
    host.add_veth()
    host.up(pin=host.pin + "-2")
    done = host.load("down")
    assert (done.returncode, done.stderr) == (0, "")
    assert host.programs("v0", "ingress") == ["ftpnat_ingress"], "the other instance's"


def test_pins_removed_by_hand(host):
    before = host.everything()
    host.up()
    shutil.rmtree(host.pin)
    host.up()
    assert host.programs("v0", "ingress") == ["ftpnat_ingress"], "not beside the orphaned one"
    shutil.rmtree(host.pin)
    assert host.load("down").returncode == 0
    assert host.everything() == before


def test_map_creation_refused_names_map_and_limit(host):
    before = host.everything()
    done = host.load("up", config=CONFIG + "limits: {control: 67108864, data: 67108864}\n")
    if done.returncode == 0:
        pytest.skip("this machine has memory for tables of the highest limits")
    refused(done, 1, "can't create map ftpnat_", "lower limits.")
    assert len(done.stderr.splitlines()) == 1
    assert host.everything() == before


def test_program_that_the_verifier_refuses(host):
    if not os.path.exists(REFUSED):
        pytest.fail(f"{REFUSED} is not built (`make unit`)")
    before = host.everything()
    done = host.load("up", command=REFUSED)
    refused(done, 1, "refuses program ftpnat_ingress", "invalid access to packet")
    assert len(done.stderr.splitlines()) <= 12, "last lines, not pages"
    assert host.everything() == before


# ---- usage ----

@pytest.mark.parametrize("argv, words", [
    ([], "no verb"),
    (["upp"], "unknown verb upp, did you mean up?"),
    (["chekc"], "unknown verb chekc, did you mean check?"),
    (["statu"], "unknown verb statu, did you mean status?"),
    (["servers", "drian", "files", "10.9.0.10"], "servers drian, did you mean drain?"),
    (["servers", "resum", "files", "10.9.0.10"], "servers resum, did you mean resume?"),
    (["flaws"], "unknown verb flaws, did you mean flows?"),
    (["nonsense"], "unknown verb nonsense: see"),
    (["up", "now"], "no argument now"),
    (["up", "--quick"], "unknown option --quick"),
    (["up", "-c"], "needs a value"),
    (["up", "--wide=yes"], "option --wide=yes takes no value"),
    (["status", "--rule", "files"], "--rule belongs to flows, expected, events, ban and unban"),
    (["flows", "--client", "10.0.0"], "address"),
    (["stats", "--watch", "soon"], "seconds"),
    (["-p", "relative", "status"], "absolute path"),
])
@pytest.mark.no_root
def test_wrong_usage(argv, words):
    done = sh(COMMAND, *argv, check=False)
    refused(done, 2, words)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.no_root
def test_help_and_version_go_to_standard_output():
    for option in ("-h", "--help", "-V", "--version"):
        done = sh(COMMAND, "up", option)
        assert done.stdout and not done.stderr
