# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""run: the endpoint, the event log, reloads, signals, and what keeps working without it."""

import collections
import contextlib
import json
import os
import re
import signal
import socket

import pytest

from follower import Follower, reads
from json_schema import check as check_json
from lab import wait_until
from loader_host import CONFIG, host, refused  # noqa: F401
from prometheus import promtool, sample, samples
from scenes import login, publish
from servers import Vsftpd
from service import METRICS, Service

pytestmark = pytest.mark.ftpnat


@pytest.fixture
def scene(make_lab):
    """A lab whose gateway is not up yet, its server, addresses and configuration."""
    lab = make_lab()
    server, vips = Vsftpd(lab.server).start(), lab.vips()
    config = {"publish": [publish("files", vips, [server])], **METRICS}
    lab.gateway.write(config)
    return lab, server, vips, config


def session_works(lab, server, vips):
    with lab.client.inside():
        session = login(lab.client, vips[0], server, "PASV")
        assert session.read("server-name").decode() == server.name
        session.quit()


# ---- endpoint ----

def test_endpoint_says_what_metrics_says_and_more(scene):
    lab, server, vips, _ = scene
    service = Service(lab)
    session_works(lab, server, vips)
    code, text = service.get()
    assert code == 200
    assert sample(text, "ftpnat_sessions_total", rule="files") == 1
    assert sample(text, "ftpnat_config_last_reload_successful") == 1
    once = {name for name, _ in samples(lab.gateway.load("metrics").stdout)}
    assert {name for name, _ in samples(text)} - once == {
        "ftpnat_config_last_reload_successful", "ftpnat_config_last_reload_success_timestamp_seconds"}
    checked = promtool("check", "metrics", input=text)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.parametrize("method, path, code", [
    ("GET", "/", 200),
    ("HEAD", "/metrics", 200),
    ("GET", "/metrics/", 404),
    ("GET", "/../etc/passwd", 404),
    ("POST", "/metrics", 405),
])
def test_other_requests(scene, method, path, code):
    lab, *_ = scene
    service = Service(lab)
    got, text = service.get(path, method=method)
    assert got == code
    assert "ftpnat_sessions_total" not in text


def test_connection_stays_open_for_the_next_request(scene):
    lab, *_ = scene
    Service(lab)
    with lab.gw.inside(), socket.create_connection(("127.0.0.1", 9821), 10) as sock:
        for _ in range(2):
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            got = b""
            while b"/metrics\n" not in got:
                more = sock.recv(4096)
                assert more, got
                got += more
            assert got.startswith(b"HTTP/1.1 200")


def test_slow_clients_keep_nobody_out(scene):
    """A hundred connections whose requests never end; those that are waited for longest go."""
    lab, *_ = scene
    service = Service(lab)
    with contextlib.ExitStack() as stack:
        with lab.gw.inside():
            slow = [stack.enter_context(socket.create_connection(("127.0.0.1", 9821), 10)) for _ in range(100)]
        for _ in range(3):
            for sock in slow:
                with contextlib.suppress(OSError):
                    sock.sendall(b"G")
            assert service.get()[0] == 200
        shut = 0
        for sock in slow:
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                with contextlib.suppress(ConnectionError):
                    sock.recv(100)
                shut += 1
        assert shut >= len(slow) - 48


def test_without_metrics_nobody_listens(scene):
    lab, server, vips, config = scene
    lab.gateway.write({"publish": config["publish"]})
    service = Service(lab)
    session_works(lab, server, vips)
    with pytest.raises(OSError):
        service.get()


def test_endpoint_over_ipv6(scene):
    lab, _, _, config = scene
    lab.gateway.write({**config, "metrics": {"listen": "[::1]:9821"}})
    assert Service(lab).get(listen="[::1]:9821")[0] == 200


# ---- drains ----

def test_drains_are_logged(scene):
    """Whoever drains or resumes, and those that are drained at the start."""
    lab, *_ = scene
    service = Service(lab)
    lab.gateway.load("servers", "drain", "files", "10.2.1.2:21")
    drained = "server 10.2.1.2:21 of rule files is drained: it gets no new sessions until `servers resume`"
    service.wait_log(drained)
    service.reload()
    lab.gateway.load("servers", "resume", "files", "10.2.1.2:21")
    service.wait_log("server 10.2.1.2:21 of rule files is resumed")
    assert service.log().count("server 10.2.1.2:21") == 2
    lab.gateway.load("servers", "drain", "files", "10.2.1.2:21")
    wait_until(lambda: service.log().count(drained) == 2, "the second drain")
    service.stop()
    Service(lab).wait_log(drained)


# ---- service manager, signals ----

def test_service_manager_is_notified(scene):
    lab, *_ = scene
    service = Service(lab)
    service.reload()
    assert service.stop() == 0
    told = [line for line in service.notified() if not line.startswith("STATUS=")]
    assert told == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)])
def test_dataplane_keeps_working_however_it_ends(scene, number, code):
    lab, server, vips, _ = scene
    service = Service(lab)
    with lab.client.inside():
        session = login(lab.client, vips[0], server, "PASV")
        service.signal(number)
        assert service.ended() == code
        assert session.read("server-name").decode() == server.name
        session.quit()
    session_works(lab, server, vips)
    if code == 0:
        assert "the dataplane keeps working" in service.log()
    again = Service(lab)
    assert sample(again.get()[1], "ftpnat_sessions_total", rule="files") == 2, "counters survive too"
    assert Follower(lab, "--json").process.alive()


def test_down_ends_it(scene):
    lab, *_ = scene
    service = Service(lab)
    lab.gateway.load("down")
    assert service.ended() == 0
    assert "was taken down" in service.log()


def test_it_takes_over_what_is_up(scene):
    lab, server, vips, config = scene
    lab.gateway.up(config)
    with lab.client.inside():
        session = login(lab.client, vips[0], server, "PASV")
        service = Service(lab)
        assert session.read("server-name").decode() == server.name
        session.quit()
    assert sample(service.get()[1], "ftpnat_sessions_total", rule="files") == 1


# ---- reload ----

def test_reload_puts_a_new_configuration_in_force(scene):
    lab, server, vips, config = scene
    service = Service(lab)
    with lab.client.inside():
        session = login(lab.client, vips[0], server, "PASV")
        service.reload({**config, "publish": [publish("renamed", vips, [server])]})
        assert session.read("server-name").decode() == server.name
        session.quit()
    session_works(lab, server, vips)
    text = service.get()[1]
    assert sample(text, "ftpnat_sessions_total", rule="renamed") == 1
    assert sample(text, "ftpnat_config_last_reload_successful") == 1


@pytest.mark.parametrize("change, words", [
    ({"no_such_key": 1}, "unknown key 'no_such_key'"),
    ({"interfaces": ["nosuch0"]}, "no interface nosuch0"),
    ({"metrics": {"listen": "192.0.2.99:1"}}, "can't listen at 192.0.2.99:1"),
])
def test_failed_reload_leaves_all_as_it_was_and_says_why(scene, change, words):
    lab, server, vips, config = scene
    service = Service(lab)
    service.reload({**config, "publish": [publish("files", vips, [server], modes=["active"])], **change})
    assert words in service.log()
    assert "the previous configuration stays in force" in service.log()
    assert any(line.startswith("STATUS=The last reload failed") for line in service.notified())
    session_works(lab, server, vips)
    assert sample(service.get()[1], "ftpnat_config_last_reload_successful") == 0
    service.reload(config)
    assert sample(service.get()[1], "ftpnat_config_last_reload_successful") == 1


@pytest.mark.parametrize("xdp", ["off", "generic", "native"])
def test_reloads_use_up_no_descriptors(scene, xdp):
    lab, _, _, config = scene
    config = {**config, "xdp": xdp}
    lab.gateway.write(config)
    service = Service(lab)
    service.reload(config)

    def descriptors():
        folder = f"/proc/{service.process.popen.pid}/fd"
        found = collections.Counter()
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                found[os.readlink(os.path.join(folder, name))] += 1
        return found

    first = descriptors()
    for _ in range(3):
        service.reload(config)
    # each second `run` opens some maps for a moment: what is drained?
    wait_until(lambda: descriptors() <= first, "no more descriptors than after the first reload")


def test_reload_moves_the_endpoint_and_a_failed_one_does_not(scene):
    lab, _, _, config = scene
    service = Service(lab)
    moved = "127.0.0.1:9822"
    service.reload({**config, "metrics": {"listen": moved}, "interfaces": ["nosuch0"]})
    assert service.get()[0] == 200
    with pytest.raises(OSError):
        service.get(listen=moved)
    service.reload({**config, "metrics": {"listen": moved}})
    assert service.get(listen=moved)[0] == 200
    with pytest.raises(OSError):
        service.get()
    service.reload({"publish": config["publish"]})
    with pytest.raises(OSError):
        service.get(listen=moved)


# ---- events ----

def test_log_and_events_at_the_same_time(scene):
    lab, server, vips, _ = scene
    service = Service(lab)
    followers = [Follower(lab, "--json") for _ in range(2)]
    session_works(lab, server, vips)
    seen = [follower.wait("line_rewritten") for follower in followers]
    assert seen[0] == seen[1]
    entry, = seen[0]
    service.wait_log("line_rewritten")
    line, = [line for line in service.log().splitlines() if "line_rewritten" in line]
    assert re.match(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d  files  line_rewritten ', line)
    assert entry["client"] in line
    service.signal(signal.SIGKILL)
    session_works(lab, server, vips)
    seen = [follower.wait("line_rewritten", count=2) for follower in followers]
    assert seen[0] == seen[1]


def test_log_is_in_columns(make_lab):
    """Whatever the lengths of names, also of a rule that a reload adds."""
    lab = make_lab()
    server = Vsftpd(lab.server).start()
    rules = [publish(name, lab.vips(number), [server])
             for number, name in enumerate(("a", "longer-name", "longest-name-of-all"))]
    lab.gateway.write({"publish": rules[:2]})
    service = Service(lab)

    def columns(number):
        """Where the reason and the client begin, by rule, in the lines of one login."""
        service.process.forget()
        with lab.client.inside():
            login(lab.client, lab.vips(number)[0], server).quit()
        service.wait_log("control_opened", "control_closed")
        lines = [line for line in service.log().splitlines() if " control_" in line]
        return {(line.index(" control_"), line.index(" 10.1.1.2:")) for line in lines}

    both = columns(0) | columns(1)
    assert len(both) == 1
    lab.gateway.write({"publish": rules})
    service.signal(signal.SIGHUP)
    service.wait_log("reloaded ")
    new = columns(2)
    assert new != both and len(new | columns(0)) == 1


def test_log_as_json(scene):
    lab, server, vips, _ = scene
    service = Service(lab, "--json")
    session_works(lab, server, vips)
    service.wait_log("control_opened", "line_rewritten", "data_opened")
    entries = [json.loads(line) for line in service.process.lines()]
    assert {entry["rule"] for entry in entries} == {"files"}
    lab.gateway.load("servers", "drain", "files", f"{server.addresses[0]}:21")
    service.wait_log("is drained")
    assert service.stop() == 0
    notices = [entry for entry in map(json.loads, service.process.lines()) if "priority" in entry]
    for notice in notices:
        check_json("notice", notice)
    assert [notice["message"].split()[0] for notice in notices] == ["server", "exiting;"]


def test_flood_of_refusals_is_summed_up_in_the_log(scene):
    """Ten a second of one reason, then how many more; `events` has each of them."""
    lab, server, vips, _ = scene
    service = Service(lab)
    follower = Follower(lab, "--json")
    number = 300
    with lab.client.inside():
        session = login(lab.client, vips[0], server, "PASV")
        service.signal(signal.SIGSTOP)  # so that it sees them together
        session.sock.sendall(b"PORT 1\r\n" * number)
        for _ in range(number):
            session.getline()
        service.signal(signal.SIGCONT)

        def logged():
            return [line for line in service.log().splitlines() if "line_malformed" in line]

        def accounted():
            more = [re.search(r"line_malformed: (\d+) more", line) for line in logged()]
            return sum(int(match[1]) if match else 1 for match in more) == number
        wait_until(accounted, "every line in the log or in a sum")
        assert 10 < len(logged()) < number / 2
        assert '"PORT 1\\r\\n"' in logged()[0]
        follower.wait("line_malformed", count=number)
        assert session.read("server-name").decode() == server.name
        service.wait_log("line_rewritten")
        session.quit()


def test_slow_reader_learns_what_it_missed(scene):
    """And costs the others nothing."""
    lab, server, vips, _ = scene
    Service(lab)
    slow, quick = Follower(lab, "--json"), Follower(lab, "--json")
    slow.process.popen.send_signal(signal.SIGSTOP)
    number = 4000  # more than the ring buffer holds
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        for _ in range(number // 100):
            session.sock.sendall(b"PORT 1\r\n" * 100)
            for _ in range(100):
                session.getline()
        quick.wait("line_malformed", count=number)
        slow.process.popen.send_signal(signal.SIGCONT)
        lost, = slow.wait("events_lost")
        assert lost["count"] + len(slow.entries("line_malformed")) == number
        session.voidcmd("PORT 10,1,1,2,200,1")
        for follower in (slow, quick):
            follower.wait("line_unchanged")
        session.quit()
    assert len(slow.entries("events_lost")) == 1
    assert not quick.entries("events_lost")


def test_log_begins_when_a_reader_ends(scene):
    lab, server, vips, config = scene
    lab.gateway.up(config)
    followers = [Follower(lab, "--json") for _ in range(16)]
    service = Service(lab)
    service.wait_log("16 commands read the events", "the event log begins when one of them ends")
    assert service.get()[0] == 200
    followers[3].process.popen.send_signal(signal.SIGINT)
    assert followers[3].ended() == 0
    wait_until(lambda: reads(lab.gateway.pin, service.process.popen.pid), "run has the events")
    session_works(lab, server, vips)
    service.wait_log("line_rewritten")


def test_journal_gets_fields(scene, tmp_path):
    lab, server, vips, _ = scene
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.bind(str(tmp_path / "socket"))
    journal.settimeout(10)
    service = Service(lab, wrap=["unshare", "--mount", "sh", "-c",
                                 'mkdir -p /run/systemd/journal && mount --bind "$0" /run/systemd/journal && '
                                 'exec "$@"', str(tmp_path)], JOURNAL_STREAM="LOG")
    session_works(lab, server, vips)
    entries = {}
    while "data_opened" not in entries or "line_rewritten" not in entries:
        entry = fields_of(journal.recv(65536))
        entries[entry["FTPNAT_REASON"]] = entry
    entry = entries["line_rewritten"]
    assert entry["PRIORITY"] == "6"
    assert entry["SYSLOG_IDENTIFIER"] == "ftpnat"
    assert entry["MESSAGE"].startswith("files  line_rewritten")
    assert entry["FTPNAT_RULE"] == "files"
    assert entry["FTPNAT_PUBLIC"] == f"{vips[0]}:21"
    assert re.fullmatch(r"227 .*\(10,2,1,2,.*\r\n", entry["FTPNAT_BEFORE"])
    assert re.fullmatch(r"227 .*\(192,0,2,10,.*\r\n", entry["FTPNAT_AFTER"])
    assert entry["FTPNAT_SESSION"] == entries["data_opened"]["FTPNAT_SESSION"]
    assert "line_rewritten" not in service.log()


def test_messages_carry_their_priority_where_the_journal_reads(scene):
    lab, *_ = scene
    service = Service(lab, JOURNAL_STREAM="LOG")
    service.reload()
    assert f"<6>ftpnat-load: reloaded {lab.gateway.path}" in service.log().splitlines()
    with open(lab.gateway.path) as file:
        good = file.read()
    with open(lab.gateway.path, "w") as file:
        file.write("nonsense")
    service.reload()
    with open(lab.gateway.path, "w") as file:
        file.write(good)
    assert "<3>ftpnat-load: reload failed: the previous configuration stays in force" in service.log().splitlines()


def test_messages_carry_no_priority_elsewhere(scene):
    lab, *_ = scene
    service = Service(lab, JOURNAL_STREAM="1:1")
    service.reload()
    assert f"ftpnat-load: reloaded {lab.gateway.path}" in service.log().splitlines()


def fields_of(datagram):
    """An entry in the journal's native protocol."""
    fields = {}
    while datagram:
        head, datagram = datagram.split(b"\n", 1)
        if b"=" in head:
            key, value = head.split(b"=", 1)
        else:
            size = int.from_bytes(datagram[:8], "little")
            key, value, datagram = head, datagram[8:8 + size], datagram[8 + size + 1:]
        fields[key.decode()] = value.decode()
    return fields


# ---- what it refuses ----

def test_wrong_configuration(host):  # noqa: F811
    before = host.everything()
    refused(host.load("run", config=CONFIG + "no_such_key: 1\n"), 2, "unknown key 'no_such_key'")
    assert host.everything() == before


def test_endpoint_taken(host):  # noqa: F811
    before = host.everything()
    done = host.load("run", config=CONFIG + 'metrics: {listen: "192.0.2.99:9821"}\n')
    refused(done, 1, "can't listen at 192.0.2.99:9821", "metrics.listen")
    assert host.everything() == before
