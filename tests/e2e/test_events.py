# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""events: lines and connections, and when it ends."""

import datetime
import ftplib
import json
import re
import signal
import subprocess
import time

import pytest

from follower import Follower, reads, rings
from lab import DEADLINE, wait_until
from loader_host import host, refused  # noqa: F401
from scenes import login, publish, say, single
from servers import Vsftpd
from wire import address_of

pytestmark = pytest.mark.ftpnat

KEYS = {"schema", "time", "reason", "rule", "kind", "session", "client", "public", "real", "source"}
LINE_KEYS = KEYS | {"direction", "before", "after", "cut", "note"}


def end_of(sock):
    return "{}:{}".format(*sock[:2])


@pytest.mark.parametrize("command, before, after", [
    ("PASV", ("227", "10.2.1.2"), ("227", "192.0.2.10")),
    ("EPSV", ("229", None), ("229", None)),
])
def test_rewritten_reply_before_and_after(make_lab, command, before, after):
    lab, server, vips = single(make_lab, Vsftpd, rule={"data_ports": "1024-1039"})
    follower = Follower(lab, "--json")
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        reply = session.sendcmd(command)
        entry, = follower.wait("line_rewritten")
        assert set(entry) == LINE_KEYS
        assert (entry["kind"], entry["direction"], entry["rule"]) == ("control", "from_server", "files")
        assert entry["client"] == end_of(session.sock.getsockname())
        assert (entry["public"], entry["real"]) == ("192.0.2.10:21", "10.2.1.2:21")
        assert address_of(entry["before"])[:2] == before
        assert address_of(entry["after"])[:2] == after
        assert entry["after"] == reply + "\r\n" != entry["before"]
        assert (entry["cut"], entry["note"]) == (False, None)
        session.quit()


@pytest.mark.parametrize("command, after", [
    ("PORT 10,1,1,2,200,1", r"PORT 10,2,1,1,\d+,\d+\r\n"),
    ("eprt |1|10.1.1.2|51201|", r"eprt \|1\|10\.2\.1\.1\|\d+\|\r\n"),
])
def test_rewritten_command_before_and_after(make_lab, command, after):
    lab, server, vips = single(make_lab, Vsftpd, "full")
    follower = Follower(lab, "--json")
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        session.voidcmd(command)
        entry, = follower.wait("line_rewritten")
        assert entry["direction"] == "from_client"
        assert entry["before"] == command + "\r\n"
        assert re.fullmatch(after, entry["after"])
        session.quit()


def test_lines_that_are_unchanged_or_refused(make_lab):
    lab, server, vips = single(make_lab, Vsftpd)
    follower = Follower(lab, "--json")
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        for command, reason, after in (
                ("PORT 10,1,1,2,200,1", "line_unchanged", None),
                ("PORT 10,1,1,2,256,1", "line_malformed", None),
                ("PORT 10,1,1,3,200,1", "line_foreign", "PORT 0,0,0,0,0,0\r\n"),
                ("PORT 10,1,1,2,0,22", "line_privileged", "PORT 0,0,0,0,0,0\r\n")):
            say(session, command)
            entry, = follower.wait(reason)
            assert (entry["before"], entry["after"]) == (command + "\r\n", after)
            assert (entry["note"] or "").startswith("made invalid: the server refuses it" if after else "")
            assert bool(entry["note"]) == bool(after)
        session.quit()


def test_refused_reply_shows_what_the_client_reads(make_lab):
    lab, server, vips = single(make_lab, Vsftpd, rule={"modes": ["active"]})
    follower = Follower(lab, "--json")
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        with pytest.raises(ftplib.error_perm) as said:
            session.sendcmd("PASV")
        entry, = follower.wait("line_mode")
        assert entry["before"].startswith("227 ")
        assert entry["after"] == f"{said.value}\r\n"
        assert entry["note"] == "refused: the client gets this in place of the server's reply"
        session.quit()


@pytest.mark.parametrize("family", ["v4", "v6"])
def test_connections_opened_and_closed(make_lab, family):
    lab = make_lab()
    server, vips = Vsftpd(lab.server).start(), lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server], data_ports="1024-1039")]})
    follower = Follower(lab, "--json")
    with lab.client.inside():
        host = vips[family == "v6"]
        session = login(lab.client, host, server)
        control = session.sock.getsockname()
        assert session.read("server-name").decode() == server.name
        session.quit()
    kinds = {kind: follower.wait(f"{kind}_opened", f"{kind}_closed", count=2)
             for kind in ("control", "data")}
    for kind, (opened, closed) in kinds.items():
        assert (opened.pop("reason"), closed.pop("reason")) == (f"{kind}_opened", f"{kind}_closed")
        assert set(opened) == KEYS - {"reason"}
        assert opened.pop("time") <= closed["time"] == closed.pop("end")
        closed.pop("time")
        assert 0 <= closed.pop("duration") < 60
        packets, size = closed.pop("packets"), closed.pop("bytes")
        assert set(packets) == set(size) == {"out", "in"}
        assert packets["out"] >= 3 and packets["in"] >= 2
        least = 60 if family == "v6" else 40
        assert all(size[way] > least * packets[way] for way in ("out", "in"))
        assert opened == closed
        assert (opened["rule"], opened["kind"]) == ("files", kind)
    ends = f"[{host}]" if family == "v6" else host
    real = "[fd00:2:1::2]" if family == "v6" else "10.2.1.2"
    assert kinds["control"][0]["client"].endswith(f":{control[1]}")
    assert (kinds["control"][0]["public"], kinds["control"][0]["real"]) == (f"{ends}:21", f"{real}:21")
    assert kinds["data"][0]["public"].startswith(f"{ends}:10")
    assert kinds["data"][0]["real"].startswith(f"{real}:")
    assert kinds["data"][0]["session"] == kinds["control"][0]["session"]


@pytest.mark.parametrize("kind", ["masquerade", "full", "keep"])
def test_source_is_what_the_server_sees(make_lab, kind):
    """Of both connections, in events, flows and expected (RFC 6888 section 4)."""
    lab, server, vips = single(make_lab, Vsftpd, kind)
    follower = Follower(lab, "--json")
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        peers = {line.split()[3] for line in
                 lab.server.run(["ss", "-Htn", "state", "established", "sport", "=", ":21"]).stdout.splitlines()}
        entry, = follower.wait("control_opened")
        flow, = lab.gateway.listing("flows")["flows"]
        assert {entry["source"]} == {flow["source"]} == peers
        assert entry["session"] == flow["session"] > 0
        session.sendcmd("EPSV")
        expected, = lab.gateway.listing("expected")["expected"]
        address = entry["source"].rsplit(":", 1)[0]
        assert (expected["source"], expected["session"]) == (f"{address}:0", entry["session"])
        session.voidcmd("PORT 10,1,1,2,200,1")
        expected, = lab.gateway.listing("expected")["expected"]
        assert expected["source"].startswith(f"{address}:")
        assert expected["session"] == entry["session"]
        session.quit()


@pytest.mark.parametrize("kind", ["keep", "masquerade"])
def test_end_is_told_at_once_with_its_figures(make_lab, kind):
    """Long before `timeouts.closing`; the figures are those of the listing."""
    lab, server, vips = single(make_lab, Vsftpd, kind, config={"timeouts": {"closing": "10m"}})
    follower = Follower(lab, "--json")
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        session.read("server-name")
        began = time.monotonic()
        session.quit()
        entries = follower.wait("control_closed", "data_closed", count=2)
        assert time.monotonic() - began < 60
    listed = {flow["kind"]: flow for flow in lab.gateway.flows()}
    for entry in entries:
        flow = listed[entry["kind"]]
        assert flow["state"] == "closed"
        for key in ("session", "client", "public", "real", "source", "packets", "bytes"):
            assert entry[key] == flow[key], key
    if kind == "keep":
        assert sum(server["connections"] for server in lab.gateway.listing("servers")["servers"]) == 0
    assert lab.gateway.reason("control_opened") == lab.gateway.reason("control_closed") == 1


def test_idle_connection_is_closed_at_its_timeout(make_lab):
    lab, server, vips = single(make_lab, Vsftpd, config={"timeouts": {"control": "2s", "data": "2s"}})
    follower = Follower(lab, "--json")
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        entry, = follower.wait("control_closed")
        assert entry["duration"] >= 2
        assert entry["client"] == end_of(session.sock.getsockname())
        session.close()


@pytest.mark.parametrize("answer", ["refused", "silent"])
def test_attempt_that_nobody_answers(make_lab, answer):
    """No connection was opened: one event says so, when it is reset or its time is over."""
    lab, server, vips = single(make_lab, Vsftpd, config={"timeouts": {"closing": "1s"}})
    server.stop()
    if answer == "silent":
        lab.server.run(["ip", "route", "add", "blackhole", f"{lab.client.ip4}/32"])
    follower = Follower(lab, "--json")
    with lab.client.inside():
        with pytest.raises(OSError):
            ftplib.FTP().connect(vips[0], 21, timeout=2)
        entry, = follower.wait("control_unanswered")
    assert (entry["public"], entry["real"]) == (f"{vips[0]}:21", "10.2.1.2:21")
    assert entry["packets"]["in"] == (1 if answer == "refused" else 0)
    assert lab.gateway.rule("files")["sessions"] == 0
    assert not follower.entries("control_opened", "control_closed")


def test_refused_connection_has_no_real_end(make_lab):
    lab = make_lab()
    server, vips = Vsftpd(lab.server).start(), lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server])], "limits": {"control": 1}})
    follower = Follower(lab, "--json")
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        with pytest.raises((OSError, EOFError)):
            ftplib.FTP().connect(vips[0], 21, timeout=2)
        entry, = follower.wait("control_full")
        assert (entry["kind"], entry["public"]) == ("control", "192.0.2.10:21")
        assert (entry["real"], entry["source"], entry["session"]) == (None, None, None)
        session.quit()


def test_text(make_lab):
    lab, server, vips = single(make_lab, Vsftpd)
    follower = Follower(lab, "--wide", "--count", "3")
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        client = re.escape(end_of(session.sock.getsockname()))
        say(session, 'PORT 10,1,"\\\x01\t')
        session.sendcmd("PASV")
        session.quit()
    assert follower.ended() == 0
    text = follower.lines()
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d  files  "
    for line, rest in zip(text, (
            rf"control_opened +control +{client} -> 192\.0\.2\.10:21 => {client} -> 10\.2\.1\.2:21",
            rf'line_malformed +from client +{client} "PORT 10,1,\\"\\\\\\x01\\t\\r\\n"',
            rf'line_rewritten +from server +{client} "227 [^"]*\(10,2,1,2[^"]*\\r\\n" => '
            rf'"227 [^"]*\(192,0,2,10[^"]*\\r\\n"'), strict=True):
        assert re.fullmatch(stamp + rest, line), line
    assert len({line.index(client.replace("\\", "")) for line in text}) == 1, "columns are aligned"
    said = datetime.datetime.fromisoformat(text[0].split()[0]).timestamp()
    assert abs(said - time.time()) < 30


def test_text_fits_80_columns(make_lab):
    lab, server, vips = single(make_lab, Vsftpd)
    follower = Follower(lab, "--count", "2")
    with lab.client.inside():
        session = login(lab.client, vips[1], server)
        say(session, f"PORT {'1' * 150}")
        session.quit()
    assert follower.ended() == 0
    lines = follower.lines()
    assert max(map(len, lines)) <= 80
    assert sum(line[:1] != " " for line in lines) == 2, "what continues is indented"
    whole = "".join(line.strip() for line in lines)
    assert "1" * 150 in whole
    assert "[2001:db8::10]:21" in whole


def test_json_time_is_utc(make_lab):
    lab, server, vips = single(make_lab, Vsftpd)
    follower = Follower(lab, "--json")
    with lab.client.inside():
        login(lab.client, vips[0], server).quit()
    entry, = follower.wait("control_opened")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["time"])
    assert abs(datetime.datetime.fromisoformat(entry["time"][:-1] + "+00:00").timestamp() - time.time()) < 30


def test_long_line_is_cut_and_other_bytes_are_kept(make_lab):
    lab, server, vips = single(make_lab, Vsftpd)
    follower = Follower(lab, "--json")
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        session.sock.sendall(b"PORT \xe9\xff" + b"1" * 213 + b"\r\n")
        entry, = follower.wait("line_ambiguous")  # Telnet's FF inside of it
        assert entry["before"].encode("latin-1") == b"PORT \xe9\xff" + b"1" * 185 + b"..."
        assert entry["cut"]
        session.close()


def test_every_reader_gets_every_event(make_lab):
    """Whatever the others filter; from the moment when it starts."""
    lab, server, vips = single(make_lab, Vsftpd)
    early = Follower(lab, "--json")
    filtered = Follower(lab, "--json", "--reason", "line_malformed")
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        session.voidcmd("PORT 10,1,1,2,200,0")
        early.wait("line_unchanged")
        late = Follower(lab, "--json")
        for port in range(1, 20):
            session.voidcmd(f"PORT 10,1,1,2,200,{port}")
            say(session, f"PORT {port}")
        session.sendcmd("EPSV")
        session.quit()
    early.wait("line_unchanged", count=21)
    late.wait("line_unchanged", count=20)
    assert late.entries() == early.entries()[-len(late.entries()):]
    assert len(late.entries()) == len(early.entries()) - 2, "the connection and the first line were before"
    assert filtered.wait("line_malformed", count=19) == early.entries("line_malformed")
    assert filtered.entries() == filtered.entries("line_malformed")


def test_more_readers_than_slots(make_lab):
    """A message; killed readers leave their slot to the next."""
    lab, server, vips = single(make_lab, Vsftpd)
    followers = [Follower(lab, "--json") for _ in range(16)]
    done = lab.gateway.load("events", check=False)
    assert done.returncode == 1
    assert "16 commands read the events" in done.stdout and "end one first" in done.stdout
    for killed in followers[2:9]:
        killed.process.popen.kill()
        killed.process.popen.wait()
    followers[2:9] = [Follower(lab, "--json") for _ in range(7)]
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        session.sendcmd("EPSV")
        session.quit()
    seen = [follower.wait("line_unchanged") for follower in followers]
    assert seen == seen[:1] * 16
    assert not any(follower.entries("events_lost") for follower in followers)


def test_without_readers_there_are_no_events(make_lab):
    """Nothing is kept for later, nothing is lost, and a reader that ended is none."""
    lab, server, vips = single(make_lab, Vsftpd)
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        session.voidcmd("PORT 10,1,1,2,200,1")
        follower = Follower(lab, "--json")
        assert len(rings(lab.gateway.pin)) == 1
        session.voidcmd("PORT 10,1,1,2,200,2")
        entry, = follower.wait("line_unchanged")
        assert entry["before"] == "PORT 10,1,1,2,200,2\r\n"
        follower.process.popen.send_signal(signal.SIGTERM)
        assert follower.ended() == 0
        assert not rings(lab.gateway.pin)
        session.quit()
    assert lab.gateway.reason("events_lost") == 0


def test_rule(make_lab):
    lab = make_lab()
    server = Vsftpd(lab.server).start()
    first, second = lab.vips(), lab.vips(1)
    lab.gateway.up({"publish": [publish("files", first, [server]), publish("more", second, [server])]})
    follower = Follower(lab, "--json", "--rule", "more", "--count", "1")
    with lab.client.inside():
        for vips in (first, second):
            login(lab.client, vips[0], server).quit()
    assert follower.ended() == 0
    entry, = follower.entries()
    assert (entry["rule"], entry["public"]) == ("more", f"{second[0]}:21")


def test_rule_that_a_reload_brings_has_its_name(make_lab):
    lab, server, vips = single(make_lab, Vsftpd)
    follower = Follower(lab, "--json")
    lab.gateway.reload({"publish": [publish("renamed", vips, [server])]})
    with lab.client.inside():
        login(lab.client, vips[0], server).quit()
    assert follower.wait("control_opened")[0]["rule"] == "renamed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it(make_lab, number):
    lab, server, vips = single(make_lab, Vsftpd)
    follower = Follower(lab, "--wide", "--reason", "control_opened")
    with lab.client.inside():
        login(lab.client, vips[0], server).quit()
    wait_until(follower.lines, "the event")
    follower.process.popen.send_signal(number)
    assert follower.ended() == 0
    assert len(follower.lines()) == 1


def test_reader_that_goes_away_ends_it(make_lab):
    lab, server, vips = single(make_lab, Vsftpd)
    gateway = lab.gateway
    events = subprocess.Popen([gateway.command, "-n", lab.gw.name, "-p", gateway.pin, "events"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: reads(gateway.pin, events.pid), "it reads events")
    with lab.client.inside():
        login(lab.client, vips[0], server).quit()
    assert b"control_opened" in events.stdout.readline()
    events.stdout.close()  # and nothing happens any more
    assert events.wait(DEADLINE) == 0
    assert events.stderr.read() == b""


def test_reload_keeps_the_readers(make_lab):
    lab, server, vips = single(make_lab, Vsftpd)
    follower = Follower(lab, "--json")
    lab.gateway.load("reload")
    with lab.client.inside():
        login(lab.client, vips[0], server).quit()
    follower.wait("control_opened")


def test_down_ends_it(make_lab):
    lab, *_ = single(make_lab, Vsftpd)
    follower = Follower(lab)
    lab.gateway.down()
    assert follower.ended() == 1
    assert "was taken down" in follower.lines()[-1]


@pytest.mark.parametrize("argv, expected", [
    (["--reason", "control_opened"], ["control_opened"] * 2),
    (["--client", "10.1.1.0/24", "--reason", "control_closed", "--kind", "control"], ["control_closed"] * 2),
    (["--server", "10.2.0.0/16", "--reason", "control_opened"], ["control_opened"] * 2),
    (["--rule", "files", "--port", "21", "--reason", "control_opened"], ["control_opened"] * 2),
], ids=["reason", "client-and-kind", "server", "rule-and-port"])
def test_filters(make_lab, argv, expected):
    lab = make_lab()
    server = Vsftpd(lab.server).start()
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server])], "timeouts": {"closing": "1s"}})
    follower = Follower(lab, "--json", *argv, "--count", "2")
    with lab.client.inside():
        for _ in range(2):
            login(lab.client, vips[0], server).quit()
    assert follower.ended() == 0
    assert [entry["reason"] for entry in follower.entries()] == expected


def test_not_up(host):  # noqa: F811
    refused(host.load("events"), 1, "not up at")


@pytest.mark.parametrize("argv, words", [
    (["events", "--count", "0"], "--count 0: a number"),
    (["events", "--count", "many"], "--count many: a number"),
    (["events", "--state", "new"], "belongs to flows"),
    (["flows", "--count", "1"], "--count belongs to events"),
])
def test_wrong_usage(host, argv, words):  # noqa: F811
    refused(host.load(*argv), 2, words)
