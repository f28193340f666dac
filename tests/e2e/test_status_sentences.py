# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""status says in words whatever is wrong, and exits with 3 then."""

import json
import os
import re
import signal
import time

import pytest

from host_service import RUN_DIR, Run, run  # noqa: F401
from lab import wait_until
from loader_host import COMMAND, CONFIG, INTERFACES, MASQUERADE, PUBLISH, host, refused, sh
from map_entries import ACK, RST, SYN, TOLD, put_connection

pytestmark = pytest.mark.ftpnat

METRICS = 'metrics: {listen: "127.0.0.1:9821"}\n'
HEALTH = PUBLISH + "    health: {}\n"
SERVERS = ("10.9.0.10", "10.9.0.11")


@pytest.fixture(autouse=True)
def forwarding(host):
    host.ip("link", "set", "lo", "up")
    sh("ip", "netns", "exec", host.netns, "sysctl", "-qw", "net.ipv4.ip_forward=1")


def degraded(host):
    """The sentences of status, which text and JSON agree on."""
    sentences = host.status()["degraded"]
    text = host.load("status")
    assert text.returncode == (3 if sentences else 0)
    assert [line.removeprefix("degraded: ") for line in text.stdout.splitlines()
            if line.startswith("degraded: ")] == sentences
    assert text.stdout.endswith("all is well\n") == (not sentences)
    samples = host.load("metrics").stdout.splitlines()
    assert f"ftpnat_degraded {len(sentences)}" in samples
    by_cause = [line for line in samples if line.startswith("ftpnat_degraded_by_cause{")]
    assert sum(int(line.split()[-1]) for line in by_cause) == len(sentences)
    return sentences


def only(host, *words):
    """There is one sentence, with these words."""
    sentences = degraded(host)
    assert len(sentences) == 1, sentences
    for word in words:
        assert word in sentences[0]


def unanswered(host, server="10.9.0.10:21", number=1, age=10):
    for port in range(40000, 40000 + number):
        put_connection(host, f"198.51.100.7:{port}", "192.0.2.10:2121", f"198.51.100.7:{port}", server,
                       tcp=(SYN, 0), out=(2, 120), back=(0, 0), created=int(time.monotonic()) - age)


def test_all_is_well(host):
    host.up()
    assert degraded(host) == []


def test_interface_is_down(host):
    host.up(config=INTERFACES + MASQUERADE)
    host.ip("link", "set", "v1", "down")
    sentences = degraded(host)
    assert "Interface v1 is down: `ip link set v1 up`." in sentences
    assert any("v0 has no carrier" in said for said in sentences)


@pytest.mark.parametrize("limit", ["gso_max_size", "gro_max_size"])
def test_big_tcp_after_up(host, limit):
    host.up()
    host.ip("link", "set", "v0", limit, "131072")
    only(host, "v0 may make packets of 131072 bytes (BIG TCP)", "to at most 65536", "ip -d link show v0")
    host.ip("link", "set", "v0", limit, "65536")
    assert degraded(host) == []


def test_server_without_a_route(host):
    host.up(config=CONFIG.replace("10.9.0.11", "10.8.0.11"))
    only(host, "No route to server 10.8.0.11:21 of rule files", "ip route")


@pytest.mark.parametrize("drained", [1, 2])
def test_servers_drained(host, drained):
    host.up()
    for server in SERVERS[:drained]:
        assert host.load("servers", "drain", "files", server).returncode == 0
    if drained == 1:
        assert degraded(host) == []
        return
    only(host, "Rule files has no IPv4 server left", "0 down and 2 drained", "servers resume files")
    host.load("servers", "resume", "files", SERVERS[0])
    assert degraded(host) == []


def test_servers_of_one_family_drained(host):
    """Where clients then get a server of the other family, nothing is wrong."""
    host.ip("addr", "add", "fd00:9::1/64", "dev", "v0", "nodad")
    sh("ip", "netns", "exec", host.netns, "sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
    host.up(config=INTERFACES + PUBLISH.replace('"10.9.0.11:21"', '"[fd00:9::11]:21"') + "    source: gateway\n")
    for server, sentences in (("10.9.0.10", 0), ("fd00:9::11", 2)):
        host.load("servers", "drain", "files", server)
        assert len(degraded(host)) == sentences


def test_forwarding_of_both_families(host):
    """Clients and servers of different families need both."""
    host.up(config=INTERFACES + PUBLISH.replace("192.0.2.10:2121", '"[2001:db8::10]:21"') + "    source: gateway\n")
    only(host, "IPv6 forwarding is off: `sysctl -w net.ipv6.conf.all.forwarding=1`.")
    sh("ip", "netns", "exec", host.netns, "sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
    assert degraded(host) == []
    host.load("down")
    sh("ip", "netns", "exec", host.netns, "sysctl", "-qw", "net.ipv4.ip_forward=0")
    host.up(config=INTERFACES + MASQUERADE.replace("192.168.5.0/24", '"fd00:5::/64"') + '    prefix64: "64:ff9b::/96"\n')
    only(host, "IPv4 forwarding is off")


@pytest.mark.parametrize("rule, server, words", [
    ("flies", SERVERS[0], "no publish rule flies"),
    ("lan", SERVERS[0], "no publish rule lan"),
    ("files", "10.9.0.99", "no server 10.9.0.99 in rule files"),
])
def test_drain_of_what_is_not_there(host, rule, server, words):
    host.up()
    refused(host.load("servers", "drain", rule, server), 1, words, "`ftpnat-load servers` lists them")


def test_new_sessions_without_an_answer(host):
    host.up()
    unanswered(host, number=12)
    only(host, "12 new sessions to server 10.9.0.10:21 of rule files without an answer", "source: gateway")


def test_new_sessions_that_are_still_fresh_are_not_missed(host):
    host.up()
    unanswered(host, age=0)
    assert degraded(host) == []


def refused_sessions(host, number=3, server="10.9.0.10:21"):
    for port in range(41000, 41000 + number):
        put_connection(host, f"198.51.100.7:{port}", "192.0.2.10:2121", f"198.51.100.7:{port}", server,
                       tcp=(SYN | TOLD, RST), out=(1, 60), back=(1, 40), created=int(time.monotonic()) - 1)


def test_new_sessions_that_a_server_refuses(host):
    """Those answered before are not proof; one answered since is."""
    host.up()
    put_connection(host, "198.51.100.8:40000", "192.0.2.10:2121", "198.51.100.8:40000", "10.9.0.10:21",
                   tcp=(SYN | ACK, SYN | ACK), created=int(time.monotonic()) - 9)
    refused_sessions(host)
    only(host, "Server 10.9.0.10:21 of rule files has refused 3 new sessions", "listen there")
    assert causes(host) == {"refused": 1}
    put_connection(host, "198.51.100.8:40001", "192.0.2.10:2121", "198.51.100.8:40001", "10.9.0.10:21",
                   tcp=(SYN | ACK, SYN | ACK), created=int(time.monotonic()))
    assert degraded(host) == []


def test_a_session_that_the_server_ends_by_a_reset_was_not_refused(host):
    host.up()
    put_connection(host, "198.51.100.8:40000", "192.0.2.10:2121", "198.51.100.8:40000", "10.9.0.10:21",
                   tcp=(SYN, SYN | ACK | RST | TOLD), out=(1, 60), back=(2, 100), created=int(time.monotonic()) - 9)
    assert degraded(host) == []


def test_a_server_that_answered_since_is_well(host):
    host.up()
    unanswered(host)
    put_connection(host, "198.51.100.8:40000", "192.0.2.10:2121", "198.51.100.8:40000", "10.9.0.10:21",
                   tcp=(SYN | ACK, SYN | ACK), created=int(time.monotonic()) - 2)
    assert degraded(host) == []


def test_unanswered_sessions_of_masqueraded_clients_are_no_fault_of_ours(host):
    host.up()
    put_connection(host, "192.168.5.7:40000", "198.51.100.9:21", "10.9.0.1:40000", "198.51.100.9:21", rule=1,
                   tcp=(SYN, 0), back=(0, 0), created=int(time.monotonic()) - 10)
    assert degraded(host) == []


def test_to_that_is_no_address_of_the_host(host):
    host.up(config=INTERFACES + MASQUERADE.replace("interface\n", "203.0.113.7\n"))
    only(host, "Rule lan translates to 203.0.113.7", "not an address of this host", "ip address add")
    host.ip("address", "add", "203.0.113.7/32", "dev", "v0")
    assert degraded(host) == []


def test_listen_that_is_no_address_of_the_host_is_a_hint(host):
    host.up()
    (hint,) = host.status()["hints"]
    assert "192.0.2.10:2121" in hint and "routed here" in hint
    text = host.load("status")
    assert (text.returncode, f"hint: {hint}\n" in text.stdout) == (0, True)
    host.ip("address", "add", "192.0.2.10/32", "dev", "v0")
    assert host.status()["hints"] == []


def test_guards_are_shown(host):
    host.up(config=CONFIG + "guard:\n  - {interface: v1, ports: [20, 1024-65535]}\n")
    assert host.status()["guards"] == [{"interface": "v1", "ports": ["20", "1024-65535"]}]
    assert "v1     20,1024-65535" in host.load("status").stdout


# ---- what only run does ----

def test_servers_that_fail_their_health_checks(host, run):  # noqa: F811
    run(INTERFACES + HEALTH.replace("{}", "{interval: 1s, timeout: 1s, fall: 1}"))
    wait_until(lambda: len(host.status()["degraded"]) == 3, "both servers are down")
    left, *failing = sorted(degraded(host))
    assert "Rule files has no IPv4 server left" in left and "2 down and 0 drained" in left
    for server, said in zip(SERVERS, failing):
        assert f"Server {server}:21 of rule files fails its health checks" in said


@pytest.mark.parametrize("config, words", [
    (CONFIG + METRICS, "Nobody serves `metrics`"),
    (INTERFACES + HEALTH, "Nobody checks the servers, as `health` asks"),
], ids=["metrics", "health"])
def test_health_and_metrics_need_run(host, run, config, words):
    host.up(config=config)
    only(host, words, "systemctl start ftpnat")
    service = run(config)
    assert not any("Nobody" in said for said in degraded(host))
    service.end(signal.SIGKILL)
    wait_until(lambda: words in " ".join(host.status()["degraded"]), "run is missed")


def test_last_reload_of_run_failed(host, run):  # noqa: F811
    service = run(CONFIG)
    assert degraded(host) == []
    service.write("interfaces: [nowhere]\n")
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "reload failed" in service.said(), "the reload fails")
    only(host, "The last reload of `ftpnat-load run` failed", "ftpnat-load check")
    service.write(CONFIG)
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "reloaded" in service.said().replace("reload failed", ""), "the reload works")
    assert degraded(host) == []


def test_run_says_what_it_serves(host, run):  # noqa: F811
    service = run(CONFIG)
    wait_until(lambda: "masquerade lan" in service.said(), "the rules are named")
    lines = [line.partition("ftpnat-load: ")[2] for line in service.said().splitlines()]
    assert [line for line in lines if line.startswith(("publish", "masquerade", "track"))] == [
        "publish files: 192.0.2.10:2121 to 10.9.0.10:21 and others", "masquerade lan: clients of 192.168.5.0/24"]


def test_second_run_says_so(host, run):  # noqa: F811
    service = run(CONFIG)
    done = host.load("run")
    refused(done, 1, "already serves", f"process {service.process.pid}", "--pin")
    service.end()
    run(CONFIG)


@pytest.mark.parametrize("number, left", [(signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGKILL, True)])
def test_no_file_of_run_stays(host, run, number, left):
    service = run(CONFIG)
    assert Run.files(host)
    service.end(number)
    assert bool(Run.files(host)) == left
    host.load("down")
    assert not Run.files(host)


def test_no_file_of_run_stays_after_down_under_it(host, run):  # noqa: F811
    service = run(CONFIG)
    host.load("down")
    assert service.process.wait(timeout=30) == 0
    assert not Run.files(host)


def test_no_file_of_run_stays_when_it_could_not_start(host):
    refused(host.load("run", config="interfaces: [nowhere]\n"), 2, "no rule")
    assert not os.path.exists(RUN_DIR) or not Run.files(host)


def test_down_removes_the_file_of_a_run_that_was_never_up(host):
    os.makedirs(RUN_DIR, mode=0o700, exist_ok=True)
    path = os.path.join(RUN_DIR, "run" + host.pin.replace("/", "-"))
    with open(path, "w") as file:
        file.write("1\n")
    host.load("down")
    assert not os.path.exists(path)


@pytest.mark.parametrize("config, running, state", [
    (CONFIG, False, "unchecked"),
    (CONFIG, True, "unchecked"),
    (INTERFACES + HEALTH, False, "unchecked"),
    (INTERFACES + HEALTH.replace("health: {}", "health: {fall: 10}"), True, "up"),
], ids=["no-health", "no-health-run", "health-without-run", "health-and-run"])
def test_servers_that_nobody_checks(host, run, config, running, state):
    if running:
        run(config)
    else:
        host.up(config=config)
    said = json.loads(host.load("-j", "servers").stdout)["servers"]
    assert {server["state"] for server in said} == {state}


# ---- a second owner ----

@pytest.mark.parametrize("other", ["192.168.5.0/24", "192.168.5.128/25", "192.168.0.0/16"])
@pytest.mark.parametrize("verb", ["up", "run"])
def test_masquerade_clients_of_another_instance_are_refused(host, verb, other):
    host.up()
    second = INTERFACES + MASQUERADE.replace("192.168.5.0/24", other)
    refused(host.load(verb, config=second, pin=host.pin + "-2"), 1,
            "ftpnat.yaml:", f"clients {other} (control port 21) on v0 are already owned by another instance at {host.pin}")


@pytest.mark.parametrize("before, after", [
    ("192.168.5.0/24", "192.168.6.0/24"),
    ("to: interface", "to: interface\n    control_ports: [2121]"),
    ("[v0, v1]", "[v2]"),
], ids=["other-clients", "other-port", "other-interface"])
def test_masquerade_beside_another_instance(host, before, after):
    host.ip("link", "add", "v2", "type", "veth", "peer", "name", "v3")
    host.up()
    done = host.load("up", config=(INTERFACES + MASQUERADE).replace(before, after), pin=host.pin + "-2")
    assert (done.returncode, done.stderr) == (0, "")


def causes(host):
    """{cause: how many}, without those that are 0."""
    rows = re.findall(r'^ftpnat_degraded_by_cause\{cause="(\w+)"\} ([1-9]\d*)$', host.load("metrics").stdout, re.M)
    return {cause: int(number) for cause, number in rows}


def test_causes(host):
    host.up(config=CONFIG.replace("10.9.0.11", "10.8.0.11") + METRICS)
    unanswered(host)
    for server in ("10.9.0.10", "10.8.0.11"):
        host.load("servers", "drain", "files", server)
    sh("ip", "netns", "exec", host.netns, "sysctl", "-qw", "net.ipv4.ip_forward=0")
    assert causes(host) == {"route": 1, "unanswered": 1, "no_server": 1, "no_run": 1, "forwarding": 1}
    sh("ip", "netns", "exec", host.netns, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    host.ip("link", "set", "v1", "down")
    assert causes(host)["interface"] == 2 and "forwarding" not in causes(host)
