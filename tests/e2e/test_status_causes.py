# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Each thing that status finds wrong, on a host where it is wrong: the sentence, the metric, the alert.

The table in docs/service.md has all of them; the sources are read to see that it does.
"""

import glob
import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest

import tcx
from host_service import run  # noqa: F401
from killed import KILLER, kill_before, steps_of
from lab import inside_namespace, wait_until
from loader_host import COMMAND, CONFIG, INTERFACES, MASQUERADE, PUBLISH, host, sh  # noqa: F401
from map_entries import RST, SYN, TOLD, put_connection, put_usage
from prometheus import promtool, samples
from servers import TOP
from test_missing_kernel_features import GET_BUFF_LEN, LACKING

pytestmark = pytest.mark.ftpnat

ALERTS = os.path.join(TOP, "docs", "prometheus", "alerts.yaml")
METRICS = 'metrics: {listen: "127.0.0.1:9821"}\n'
HEALTH = PUBLISH + "    health: {interval: 1s, timeout: 1s, fall: 1}\n"
PLACES = ("NAME", "HOOK", "ERROR", "MODE", "WHY", "RULE", "ADDRESS", "INTERFACE", "FAMILY", "KEY", "SERVER", "NUMBER",
          "RELEASE", "SENTENCE")


def table():
    """[(cause, sentence, further alert)] of docs/service.md"""
    with open(os.path.join(TOP, "docs", "service.md")) as file:
        lines = file.read().partition("| cause | sentence")[2].partition("\n\n")[0].splitlines()[2:]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]


def sources():
    """[(cause, format)] of all that is said"""
    found = []
    for path in glob.glob(os.path.join(TOP, "user", "*", "*.c")):
        with open(path) as file:
            text = file.read().replace("KERNEL_LOWEST", '"6.1"')
        calls = re.findall(r"\bfault\(\s*[\w>-]+,\s*FAULT_", text)
        told = re.findall(r'\bfault\(\s*[\w>-]+,\s*FAULT_(\w+),\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', text)
        assert len(calls) == len(told), f"{path}: a fault whose sentence is not a literal"
        found += [(cause.lower(), "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', strings))) for cause, strings in told]
    return found


def with_places(pattern, place, anything):
    return re.compile(anything.join(map(re.escape, re.split(place, pattern))) + "$")


def test_the_table_has_all_sentences_and_no_other():
    rows = table()
    assert len(sources()) == len(rows)
    for cause, text in sources():
        said = with_places(text, r"%[a-z]+", ".*")
        matching = [row for row in rows if row[0] == cause and said.match(row[1])]
        assert len(matching) == 1, f"{cause}: {text}: {matching}"


def test_every_cause_of_the_metric_is_in_the_table(host):  # noqa: F811
    host.up()
    causes = {dict(labels)["cause"] for name, labels in samples(host.load("metrics").stdout)
              if name == "ftpnat_degraded_by_cause"}
    assert causes == {row[0] for row in table()}


# ---- what makes each of them true; a scene returns the metrics, if it is not `metrics` that has them ----

def xdp(host, mode="native", **options):  # noqa: F811
    for interface in ("v0", "v1"):
        sh("ip", "netns", "exec", host.netns, "ethtool", "-K", interface, "gro", options.get("gro", "on"))
    host.up(config=f"xdp: {mode}\n{CONFIG}")


def gro(host, interface, state):  # noqa: F811
    sh("ip", "netns", "exec", host.netns, "ethtool", "-K", interface, "gro", state)


def gone(host, run):  # noqa: F811
    host.up()
    host.ip("link", "del", "v0")


def recreated(host, run):  # noqa: F811
    host.up()
    host.ip("link", "del", "v0")
    host.add_veth()


def down(host, run):  # noqa: F811
    host.up()
    host.ip("link", "set", "v0", "down")


def big_tcp(host, run):  # noqa: F811
    host.up()
    host.ip("link", "set", "v0", "gso_max_size", "185000")


def filter_removed(host, run):  # noqa: F811
    host.up()
    host.tc("filter", "del", "dev", "v0", "ingress")


def tcx_removed(host, run):  # noqa: F811
    tcx.need()
    host.up(config="tcx: first\n" + CONFIG)
    with inside_namespace(host.netns):
        ifindex = socket.if_nametoindex("v0")
        tcx.detach(ifindex, tcx.INGRESS, tcx.programs(ifindex, tcx.INGRESS)[0][0])


def xdp_lacking(host, run):  # noqa: F811
    done = subprocess.run([COMMAND, "-n", host.netns, "-p", host.pin, "-c", host.write("xdp: native\n" + CONFIG), "up"],
                          env={**os.environ, "LD_PRELOAD": LACKING, "LACKS": f"helper:{GET_BUFF_LEN}"}, check=False)
    assert done.returncode == 0


def xdp_removed(host, run):  # noqa: F811
    xdp(host)
    host.ip("link", "set", "v0", "xdp", "off")


def xdp_stops_transmitting(host, run):  # noqa: F811
    xdp(host)
    gro(host, "v1", "off")
    host.ip("link", "set", "v1", "xdp", "off")  # its program would keep NAPI at the peer


def xdp_begins_transmitting(host, run):  # noqa: F811
    no_transmit(host, run)
    for interface in ("v0", "v1"):
        gro(host, interface, "on")


def no_transmit(host, run):  # noqa: F811
    host.ip("link", "add", "w0", "type", "veth", "peer", "name", "w1")
    for interface in ("w0", "w1"):
        host.ip("link", "set", interface, "up")
    host.up(config="xdp: native\n" + CONFIG.replace("v0, v1", "v0, w0"))


def mac_changed(host, run):  # noqa: F811
    xdp(host)
    host.ip("link", "set", "v0", "address", "02:00:00:00:00:77")


def wrong_to(host, run):  # noqa: F811
    host.up(config=INTERFACES + MASQUERADE.replace("interface\n", "203.0.113.7\n"))


def address_lost(host, run):  # noqa: F811
    host.up(config=INTERFACES + MASQUERADE)
    host.ip("addr", "add", "10.9.1.1/24", "dev", "v0")
    host.ip("addr", "del", "10.9.0.1/24", "dev", "v0")


def not_forwarding(host, run):  # noqa: F811
    host.up()
    sh("ip", "netns", "exec", host.netns, "sysctl", "-qw", "net.ipv4.ip_forward=0")


def no_route(host, run):  # noqa: F811
    host.up(config=CONFIG.replace("10.9.0.11", "10.8.0.11"))


def server_down(host, run):  # noqa: F811
    run(INTERFACES + HEALTH + METRICS)
    wait_until(lambda: len(host.status()["degraded"]) == 3, "both servers are down")
    return scraped(host)


def sessions(host, flags, back):  # noqa: F811
    host.up()
    for port in range(40000, 40003):
        put_connection(host, f"198.51.100.7:{port}", "192.0.2.10:2121", f"198.51.100.7:{port}", "10.9.0.10:21",
                       tcp=flags, out=(1, 60), back=back, created=int(time.monotonic()) - 10)


def no_answer(host, run):  # noqa: F811
    sessions(host, (SYN, 0), (0, 0))


def refusing(host, run):  # noqa: F811
    sessions(host, (SYN | TOLD, RST), (1, 40))


def all_drained(host, run):  # noqa: F811
    host.up()
    for server in ("10.9.0.10", "10.9.0.11"):
        host.load("servers", "drain", "files", server)


def without_fq(host, run):  # noqa: F811
    host.up(config=INTERFACES + PUBLISH + "    rate: {rule: 1Mbit}\n")


def full(host, run):  # noqa: F811
    host.up()
    put_usage(host, expected=65536)


def reload_failed(host, run):  # noqa: F811
    service = run(CONFIG + METRICS)
    service.write("interfaces: [nowhere]\n" + METRICS)
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: host.status()["degraded"], "the reload fails")
    return scraped(host)


def no_run_for_health(host, run):  # noqa: F811
    host.up(config=INTERFACES + HEALTH)


def no_run_for_metrics(host, run):  # noqa: F811
    host.up(config=CONFIG + METRICS)


def no_run_for_cluster(host, run):  # noqa: F811
    host.up(config=CONFIG + "cluster: {slot: 1}\n")
    return None


def without_corosync(host, run):  # noqa: F811
    run(CONFIG + METRICS + "cluster: {slot: 1}\n")
    wait_until(lambda: host.status()["degraded"], "it says so")
    return scraped(host)


def no_run_for_records(host, run):  # noqa: F811
    host.up(config=f"{CONFIG}records: {{transfers: {host.dir}/transfers.json}}\n")


def interrupted(host, run):  # noqa: F811
    argv = [COMMAND, "-n", host.netns, "-p", host.pin, "-c", host.write(CONFIG), "up"]
    steps = steps_of(argv, os.path.join(host.dir, "steps"))
    host.load("down")
    kill_before(argv, next(number for number, step in enumerate(steps) if step.endswith("ftpnat_ingress_new")))


def unpinned(host, run):  # noqa: F811
    host.up()
    os.unlink(os.path.join(host.pin, "ftpnat_egress"))


def elsewhere(host, run):  # noqa: F811
    host.up()
    host.where = ()  # no --netns


def old_kernel(host, run):  # noqa: F811
    host.up()
    host.environment = {"LD_PRELOAD": LACKING, "RELEASE": "5.15.0"}


SCENES = {
    "Interface NAME is gone": gone,
    "Interface NAME was recreated": recreated,
    "Interface NAME is down": down,
    "Interface NAME has no carrier": down,
    "Interface NAME may make packets": big_tcp,
    "The HOOK filter of NAME was removed": filter_removed,
    "The HOOK program of NAME at tcx was removed": tcx_removed,
    "XDP is not MODE on NAME": xdp_lacking,
    "The XDP program of NAME was removed": xdp_removed,
    "NAME no longer transmits": xdp_stops_transmitting,
    "NAME now transmits": xdp_begins_transmitting,
    "NAME does not transmit": no_transmit,
    "The MAC address of NAME": mac_changed,
    "Rule RULE translates to": wrong_to,
    "NAME has lost its address": address_lost,
    "FAMILY forwarding is off": not_forwarding,
    "No route to server": no_route,
    "Server SERVER of rule RULE fails": server_down,
    "NUMBER new sessions": no_answer,
    "Server SERVER of rule RULE has refused": refusing,
    "Rule RULE has no FAMILY server": all_drained,
    "NAME doesn't have the qdisc fq": without_fq,
    "Table NAME is full": full,
    "The last reload": reload_failed,
    "Nobody checks the servers": no_run_for_health,
    "Nobody serves `metrics`": no_run_for_metrics,
    "This gateway is not in touch": no_run_for_cluster,
    "In the cluster": without_corosync,
    "Nobody writes `records`": no_run_for_records,
    "A command was interrupted": interrupted,
    "Program NAME is not pinned": unpinned,
    "The interfaces are in another": elsewhere,
    "Linux RELEASE is older": old_kernel,
}
ELSEWHERE = {  # why a sentence has no scene
    "The filters of NAME can't be listed": "netlink fails",
    "The XDP programs of NAME can't be listed": "netlink fails",
    "Before Linux 6.3": "only there",
    "Program NAME is interpreted": "a sysctl of the whole machine",
}


def test_each_sentence_has_its_scene():
    for _, sentence, _ in table():
        assert sum(sentence.startswith(begin) for begin in [*SCENES, *ELSEWHERE]) == 1, sentence
    assert len(SCENES) + len(ELSEWHERE) == len(table())


def scraped(host):  # noqa: F811
    """What `run` serves."""
    return sh("ip", "netns", "exec", host.netns, "curl", "-sS", "http://127.0.0.1:9821/metrics").stdout


def said(host, *verb):  # noqa: F811
    where = getattr(host, "where", ("-n", host.netns))
    return subprocess.run([COMMAND, *where, "-p", host.pin, *verb], capture_output=True, text=True, check=False, timeout=60,
                          env={**os.environ, **getattr(host, "environment", {})}).stdout


def firing(metrics, up=1):
    """{(alert, cause or None)} after a quarter of an hour of these metrics."""
    series = [{"series": 'up{job="ftpnat",instance="gw"}', "values": f"{up}x20"}]
    for (name, labels), value in samples(metrics).items():
        text = ",".join(f'{key}="{label}"' for key, label in sorted(labels))
        series.append({"series": f'{name}{{job="ftpnat",instance="gw"{"," if text else ""}{text}}}', "values": f"{value}x20"})
    query = "count by (alertname, cause) (ALERTS{alertstate='firing'})"
    test = {"rule_files": [ALERTS], "evaluation_interval": "1m", "tests": [
        {"interval": "1m", "input_series": series,
         "promql_expr_test": [{"expr": query, "eval_time": "15m", "exp_samples": []}]}]}
    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"ftpnat-alerts-{os.getpid()}.yaml")
    with open(path, "w") as file:
        json.dump(test, file)
    try:
        done = promtool("test", "rules", path)
    finally:
        os.unlink(path)
    told = done.stdout + done.stderr
    assert "err" not in told.replace("stderr", "") or "got:" in told, told
    got = told.partition("got:")[2]
    return {(dict(re.findall(r'(\w+)="([^"]*)"', labels))["alertname"],
             dict(re.findall(r'(\w+)="([^"]*)"', labels)).get("cause")) for labels in re.findall(r"\{([^}]*)\}", got)}


def test_no_alert_when_all_is_well(host):  # noqa: F811
    sh("ip", "netns", "exec", host.netns, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    host.up()
    assert firing(said(host, "metrics")) == set()


@pytest.mark.parametrize("begin", SCENES)
def test_sentence_metric_and_alert(host, run, begin):  # noqa: F811
    if SCENES[begin] is interrupted and not os.path.exists(KILLER):
        pytest.fail(f"{KILLER} is not built")
    host.ip("link", "set", "lo", "up")
    sh("ip", "netns", "exec", host.netns, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    cause, sentence, further = next(row for row in table() if row[1].startswith(begin))
    metrics = SCENES[begin](host, run) or said(host, "metrics")
    degraded = json.loads(said(host, "-j", "status"))["degraded"]
    pattern = with_places(sentence, rf"\b(?:{'|'.join(PLACES)})\b", ".+")
    assert [text for text in degraded if pattern.match(text)], degraded
    assert samples(metrics)["ftpnat_degraded_by_cause", frozenset({("cause", cause)})] >= 1
    alerts = firing(metrics)
    assert ("FtpnatDegraded", cause) in alerts
    if further == "`FtpnatAbsent`":  # nobody is there to be scraped
        assert ("FtpnatAbsent", None) in firing("", up=0)
    elif further:  # of a cluster, each of its sentences has one
        assert alerts & {(name, None) for name in re.findall(r"`(\w+)`", further)}
