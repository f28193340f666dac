# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""flows, expected, servers and stats: output for entries put into the maps by hand."""

import json
import struct
import time

import pytest

from loader_host import INTERFACES, PUBLISH, host, sh
from map_entries import ACK, DATA, FIN, RST, SYN, address, end, put, put_connection


def listing(host, *argv):
    done = host.load(*argv, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    doc = json.loads(done.stdout)
    assert doc.pop("schema") == 1
    return doc


@pytest.fixture
def up(host):
    host.up()
    return host


def test_nothing_there_is_an_empty_list(up):
    assert listing(up, "flows") == {"flows": []}
    assert listing(up, "expected") == {"expected": []}


def test_flow_is_one_entry_with_both_directions(up):
    now = int(time.monotonic())
    put_connection(up, "198.51.100.7:40000", "192.0.2.10:2121", "198.51.100.7:40000", "10.9.0.11:21",
                   out=(3, 180), back=(2, 130), created=now - 20, seen=now - 5)
    (flow,) = listing(up, "flows")["flows"]
    assert 20 <= flow.pop("age") <= 25
    assert 5 <= flow.pop("idle") <= 10
    assert flow == {
        "rule": "files", "kind": "control", "state": "established",
        "client": "198.51.100.7:40000", "public": "192.0.2.10:2121", "real": "10.9.0.11:21",
        "source": "198.51.100.7:40000", "session": 1,
        "packets": {"out": 3, "in": 2}, "bytes": {"out": 180, "in": 130},
    }


def test_flow_over_ipv6_has_brackets(up):
    put_connection(up, "[2001:db8:1::2]:40000", "[2001:db8::10]:21", "[2001:db8:1::2]:40000",
                   "[fd00::9]:21", kind=DATA, rule=1)
    (flow,) = listing(up, "flows")["flows"]
    assert (flow["client"], flow["public"], flow["real"]) == (
        "[2001:db8:1::2]:40000", "[2001:db8::10]:21", "[fd00::9]:21")
    assert (flow["rule"], flow["kind"]) == ("lan", "data")


@pytest.mark.parametrize("client, server, state", [
    (SYN, 0, "new"),
    (SYN, SYN | ACK, "new"),
    (SYN | ACK, SYN | ACK, "established"),
    (SYN | ACK | FIN, SYN | ACK, "closing"),
    (SYN | ACK | FIN, SYN | ACK | FIN, "closing"),
    (SYN | ACK, SYN | ACK | RST, "closed"),
])
def test_flow_state(up, client, server, state):
    put_connection(up, "198.51.100.7:40000", "192.0.2.10:2121", "198.51.100.7:40000", "10.9.0.11:21",
                   tcp=(client, server))
    assert [flow["state"] for flow in listing(up, "flows")["flows"]] == [state]


def test_flows_are_filtered_by_rule_and_client(up):
    for port, rule in ((40000, 0), (40001, 1)):
        put_connection(up, f"198.51.100.7:{port}", "192.0.2.10:2121", f"198.51.100.7:{port}",
                       "10.9.0.11:21", rule=rule)
    put_connection(up, "198.51.100.8:40000", "192.0.2.10:2121", "198.51.100.8:40000", "10.9.0.11:21")

    def clients(*argv):
        return sorted(flow["client"] for flow in listing(up, "flows", *argv)["flows"])

    assert clients("--rule", "lan") == ["198.51.100.7:40001"]
    assert clients("--client", "198.51.100.8") == ["198.51.100.8:40000"]
    assert clients("--rule", "lan", "--client", "198.51.100.8") == []
    assert len(clients()) == 3


@pytest.mark.parametrize("argv, ports", [
    (["--client", "198.51.100.0/25"], [1, 2, 3]),
    (["--client", "198.51.100.7/25"], [1, 2, 3]),
    (["--client", "198.51.100.128/25"], []),
    (["--client", "::/0"], []),
    (["--server", "10.9.0.10/31"], [1, 2]),
    (["--server", "10.9.0.12"], [3]),
    (["--port", "40002"], [2]),
    (["--port", "2121"], [1, 2, 3]),
    (["--port", "990"], [3]),
    (["--kind", "data"], [2]),
    (["--state", "new"], [3]),
    (["--state", "established", "--kind", "control"], [1]),
    (["--state", "new", "--kind", "data"], []),
    (["--client", "198.51.100.8", "--server", "10.9.0.0/24", "--port", "21", "--kind", "data"], [2]),
])
def test_flows_are_filtered(up, argv, ports):
    for number, (client, server, tcp, kind) in enumerate([
            ("198.51.100.7", "10.9.0.10:21", SYN | ACK, 0), ("198.51.100.8", "10.9.0.11:21", SYN | ACK, DATA),
            ("198.51.100.9", "10.9.0.12:990", SYN, 0)], start=40001):
        put_connection(up, f"{client}:{number}", "192.0.2.10:2121", f"{client}:{number}", server, kind=kind,
                       tcp=(tcp, tcp))
    found = [int(flow["client"].rsplit(":", 1)[1]) - 40000 for flow in listing(up, "flows", *argv)["flows"]]
    assert sorted(found) == ports


@pytest.mark.parametrize("argv, words", [
    (["flows", "--client", "10.0.0"], "--client 10.0.0: an address or prefix"),
    (["flows", "--port", "0"], "--port 0: a number"),
    (["flows", "--kind", "both"], "--kind both: one of control, data"),
    (["flows", "--state", "old"], "--state old: one of new, established, closing, closed"),
    (["flows", "--reason", "no_port"], "--reason belongs to events"),
    (["events", "--reason", "none_such"], "not a reason, see REASONS"),
    (["events", "--state", "new"], "--state belongs to flows"),
    (["expected", "--kind", "data"], "--kind belongs to flows and events"),
    (["stats", "--server", "10.9.0.10"], "belong to flows, expected and events"),
])
def test_filters_that_make_no_sense(host, argv, words):
    done = host.load(*argv)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_flows_of_a_rule_that_is_none(up):
    done = up.load("flows", "--rule", "lam")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no rule is named lam: see `ftpnat-load status`" in done.stderr


def test_many_flows_are_all_listed_once(up):
    for port in range(20000, 20150):
        put_connection(up, f"198.51.100.7:{port}", "192.0.2.10:2121", f"198.51.100.7:{port}",
                       "10.9.0.11:21")
    ports = [int(flow["client"].split(":")[1]) for flow in listing(up, "flows")["flows"]]
    assert sorted(ports) == list(range(20000, 20150))
    text = up.load("flows").stdout.splitlines()
    assert len(text) == 151
    assert len({line.index("control") for line in text[1:]}) == 1, "columns are aligned"


@pytest.mark.parametrize("mode, peer, destination, client, sport, source", [
    (0, "198.51.100.7", "10.9.0.11:30000", "198.51.100.7", 0, "10.9.0.1:0"),
    (0, "198.51.100.7", "10.9.0.11:30000", "198.51.100.7", 1234, "10.9.0.1:1234"),
    (1, "10.9.0.11", "198.51.100.7:30000", "198.51.100.7", 20, "192.0.2.10:50000"),
])
def test_expected(up, mode, peer, destination, client, sport, source):
    public = "192.0.2.10:50000"
    key = address(peer) + end(public)[0] + end(public)[1] + b"\0\0"
    dst, dport = end(destination)
    value = struct.pack("=16x16s16s2s2sIIHBx", address("10.9.0.1"), dst, sport.to_bytes(2, "big"), dport, 77,
                        int(time.monotonic()) - 3, 0, mode)
    put(up, "ftpnat_expected", key, value)
    for argv, shown in ((["--client", client], 1), (["--client", "203.0.113.0/24"], 0), (["--rule", "lan"], 0),
                        (["--port", "1"], 0)):
        assert len(listing(up, "expected", *argv)["expected"]) == shown, argv
    (entry,) = listing(up, "expected")["expected"]
    assert 3 <= entry.pop("age") <= 8
    assert entry == {"rule": "files", "client": client, "public": public, "real": destination,
                     "source": source, "session": 77, "mode": ("passive", "active")[mode]}


def test_servers_count_their_control_connections(up):
    put_connection(up, "198.51.100.7:40000", "192.0.2.10:2121", "198.51.100.7:40000", "10.9.0.11:21")
    put_connection(up, "198.51.100.7:40001", "192.0.2.10:2121", "198.51.100.7:40001", "10.9.0.11:21")
    put_connection(up, "198.51.100.7:40002", "192.0.2.10:50000", "198.51.100.7:40002",
                   "10.9.0.11:30000", kind=DATA)
    assert listing(up, "servers")["servers"] == [
        {"rule": "files", "address": "10.9.0.10:21", "weight": 1, "connections": 0,
         "state": "unchecked", "drained_by": []},
        {"rule": "files", "address": "10.9.0.11:21", "weight": 1, "connections": 2,
         "state": "unchecked", "drained_by": []},
    ]


def test_stats_sum_up_all_cpus(up):
    shown = json.loads(sh("bpftool", "-j", "map", "lookup", "pinned", f"{up.pin}/ftpnat_stats", "key",
                          "0", "0", "0", "0").stdout)
    cpus = len(shown["values"])
    # sessions, data connections, four kinds of line, packets and bytes both ways
    one = struct.pack("=10Q", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    put(up, "ftpnat_stats", struct.pack("=I", 0), one)  # bpftool writes it to every CPU
    doc = listing(up, "stats")
    assert set(doc) == {"rules", "reasons", "tables"}
    assert doc["rules"][0] == {
        "name": "files", "sessions": cpus, "data_connections": 2 * cpus,
        "lines": {"PORT": 3 * cpus, "EPRT": 4 * cpus, "227": 5 * cpus, "229": 6 * cpus},
        "packets": {"out": 7 * cpus, "in": 8 * cpus}, "bytes": {"out": 9 * cpus, "in": 10 * cpus},
    }
    assert {"pass", "translated", "control_full"} <= set(doc["reasons"])
    assert {"name": "expected", "used": 0, "size": 65536} in doc["tables"]


def test_text_of_stats_has_only_reasons_that_happened(up):
    put(up, "ftpnat_reasons", struct.pack("=I", 0), struct.pack("=Q", 1))
    text = up.load("stats").stdout
    assert "\npass " in text
    assert "control_full" not in text


def test_full_table_is_degraded(up):
    put(up, "ftpnat_usage", struct.pack("=I", 0), struct.pack("=4I", 0, 0, 65536, 0))
    degraded = up.status()["degraded"]
    assert any("Table expected is full" in sentence for sentence in degraded)


def test_forwarding_that_a_rule_needs_and_is_off_is_degraded(host):
    def forwarding(value):
        sh("ip", "netns", "exec", host.netns, "sysctl", "-qw", f"net.ipv4.ip_forward={value}")
        return [s for s in host.status()["degraded"] if "forwarding" in s]

    local = PUBLISH.replace('"10.9.0.10:21", "10.9.0.11:21"', '"10.9.0.1:21"')
    host.up(config=INTERFACES + local)
    assert forwarding(0) == [], "the server is this host"
    assert host.load("reload").returncode == 0
    assert "net.ipv4.ip_forward" in forwarding(0)[0]
    assert forwarding(1) == []
