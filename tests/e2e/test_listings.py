# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""flows, expected, servers and stats: output for entries put into the maps by hand."""

import json
import struct
import time

import pytest

from loader_host import INTERFACES, PUBLISH, host, sh
from map_entries import ACK, DATA, FIN, RST, SYN, put, put_connection, put_expected, put_served, put_usage


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
    (["flows", "--kind", "transfer_done"], "--kind transfer_done belongs to events"),
    (["flows", "--state", "old"], "--state old: one of new, established, closing, closed"),
    (["flows", "--reason", "no_port"], "--reason belongs to events"),
    (["events", "--reason", "none_such"], "not a reason, see REASONS"),
    (["events", "--state", "new"], "--state belongs to flows"),
    (["expected", "--kind", "data"], "--kind belongs to flows and events"),
    (["flows", "--sort", "size"], "--sort size: one of session, age, bytes, client"),
    (["expected", "--sort", "idle"], "--sort idle: one of session, age, client, rule, server is needed"),
    (["events", "--sort", "age"], "--sort belongs to flows and expected"),
    (["stats", "--wide"], "--wide belongs to flows, expected and events"),
    (["stats", "--server", "10.9.0.10"], "belong to flows, expected and events"),
])
def test_filters_that_make_no_sense(host, argv, words):
    done = host.load(*argv)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


@pytest.mark.parametrize("verb", ["flows", "expected"])
def test_rule_that_is_none(up, verb):
    done = up.load(verb, "--rule", "lam")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no rule is named lam: see `ftpnat-load status`" in done.stderr


LONG = "r" * 31  # a rule's name
WIDE_ENDS = [f"[2001:db8:1111:2222:3333:4444:5555:{number}]:4000{number}" for number in (1, 2, 3, 4)]


@pytest.fixture
def wide(host):
    """Names and addresses as long as they can be."""
    host.up(config=INTERFACES + PUBLISH.replace("files", LONG))
    client, public, source, real = WIDE_ENDS
    for kind in (0, DATA):
        put_connection(host, f"{client[:-1]}{kind}", public, f"{source[:-1]}{kind}", f"{real[:-1]}{kind}", kind=kind,
                       out=(123456789, 987654321012), back=(987654321, 123456789012), created=1, seen=1)
    return host


def texts(host, *argv):
    done = host.load(*argv)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_flow_of_ipv4_is_one_line(up):
    put_connection(up, "198.51.100.17:40000", "192.0.2.10:2121", "198.51.100.17:40000", "10.9.0.11:21",
                   out=(70, 12_345), back=(90, 3_456_789), created=int(time.monotonic()) - 300)
    head, line = texts(up, "flows")
    assert head.split() == ["RULE", "KIND", "CLIENT", "REAL", "STATE", "AGE", "OUT/IN"]
    shown = line.split()
    assert shown.pop(-2) in ("5m00s", "5m01s", "5m02s", "5m03s")
    assert shown == ["files", "control", "198.51.100.17:40000", "10.9.0.11:21", "established", "12K/3.5M"]
    assert len(line) <= 80


def test_long_names_and_addresses_fit_80_columns(wide):
    lines = texts(wide, "flows")
    assert max(map(len, lines)) <= 80
    assert len(lines) % 3 == 0, "a row is as many lines as the titles"
    for end in (WIDE_ENDS[0], WIDE_ENDS[3]):
        assert sum(end[:-1] in line for line in lines) == 2, "nothing is cut"
    assert all(not line.startswith(" ") or line.startswith("    ") for line in lines), "what continues is indented"
    wide_lines = texts(wide, "flows", "--wide")
    assert len(wide_lines) == 3
    for line in wide_lines[1:]:
        assert line.startswith(LONG) and all(end[:-1] in line for end in WIDE_ENDS)
        assert "123456789/987654321 " in line
        assert line.endswith("987654321012/123456789012")


def test_expected_fits_80_columns(wide):
    client, public, source, real = WIDE_ENDS
    put_expected(wide, client.rsplit(":", 1)[0].strip("[]"), public, source, real)
    lines = texts(wide, "expected")
    assert max(map(len, lines)) <= 80
    for shown in (LONG, WIDE_ENDS[0][1:-7], *WIDE_ENDS[1::2]):
        assert sum(shown in line for line in lines) == 1
    (line,) = texts(wide, "expected", "--wide")[1:]
    assert all(shown[1:-7] in line for shown in WIDE_ENDS)


def put_sessions(host):
    """Two sessions, the second one with data; entries in no order."""
    now = int(time.monotonic())
    for client, kind, session, age, idle, size, server, state in (
            (7, DATA, 2, 10, 9, 900, "10.9.0.12:5000", ACK), (8, 0, 1, 50, 1, 100, "10.9.0.11:21", SYN),
            (6, 0, 2, 30, 5, 300, "10.9.0.10:21", ACK), (9, DATA, 2, 20, 2, 700, "10.9.0.13:5001", ACK)):
        put_connection(host, f"198.51.100.{client}:4000{client}", "192.0.2.10:2121",
                       f"198.51.100.{client}:4000{client}", server, kind=kind, session=session, created=now - age,
                       seen=now - idle, out=(size, size), tcp=(state, state), rule=session - 1)


@pytest.mark.parametrize("key, clients", [
    (None, [8, 6, 9, 7]), ("session", [8, 6, 9, 7]), ("age", [8, 6, 9, 7]), ("idle", [7, 6, 9, 8]),
    ("bytes", [7, 9, 6, 8]), ("packets", [7, 9, 6, 8]), ("client", [6, 7, 8, 9]), ("server", [6, 8, 7, 9]),
    ("rule", [8, 6, 9, 7]), ("state", [6, 9, 7, 8]),
])
def test_flows_are_sorted(up, key, clients):
    put_sessions(up)
    argv = ["flows"] + (["--sort", key] if key else [])
    assert [int(flow["client"][-1]) for flow in listing(up, *argv)["flows"]] == clients
    assert [int(line.split()[2][-1]) for line in texts(up, *argv)[1:]] == clients


def test_data_is_below_its_session(up):
    put_sessions(up)

    def kinds(*argv):
        """Each kind, and whether it is indented."""
        head, *lines = texts(up, "flows", *argv)
        return [(line.split()[1], line[head.index("KIND")] == " ") for line in lines]

    assert kinds() == [("control", False), ("control", False), ("data", True), ("data", True)]
    assert kinds("--kind", "data") == [("data", False), ("data", False)]
    assert kinds("--sort", "bytes") == [("data", False), ("data", False), ("control", False), ("control", False)]


@pytest.mark.parametrize("key, ports", [
    (None, [2, 1, 3]), ("age", [3, 1, 2]), ("client", [1, 3, 2]), ("server", [3, 2, 1]), ("rule", [2, 3, 1]),
])
def test_expected_are_sorted(up, key, ports):
    for port, session, age, client, server, rule in ((1, 2, 20, 7, 12, 1), (2, 1, 10, 9, 11, 0), (3, 3, 30, 8, 10, 0)):
        put_expected(up, f"198.51.100.{client}", f"192.0.2.10:5000{port}", f"198.51.100.{client}:0",
                     f"10.9.0.{server}:4369", session=session, age=age, rule=rule)
    found = listing(up, "expected", *(["--sort", key] if key else []))["expected"]
    assert [int(entry["public"][-1]) for entry in found] == ports


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
    put_expected(up, peer, public, f"10.9.0.1:{sport}", destination, client=client, session=77, age=3, mode=mode)
    for argv, shown in ((["--client", client], 1), (["--client", "203.0.113.0/24"], 0), (["--rule", "lan"], 0),
                        (["--rule", "files"], 1), (["--port", "1"], 0), (["--port", "50000"], 1),
                        (["--server", "10.9.0.0/24"], 1), (["--server", "10.9.1.0/24"], 0),
                        (["--client", client, "--server", "10.9.1.0/24"], 0)):
        assert len(listing(up, "expected", *argv)["expected"]) == shown, argv
    (entry,) = listing(up, "expected")["expected"]
    assert entry.pop("age") >= 3
    assert entry == {"rule": "files", "client": client, "public": public, "real": destination,
                     "source": source, "session": 77, "mode": ("passive", "active")[mode]}


def test_servers_count_their_control_connections(up):
    put_served(up, "10.9.0.10:21", 3, 0)  # attempts
    put_served(up, "10.9.0.11:21", 4, 2)
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
    put_usage(up, expected=65536)
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
