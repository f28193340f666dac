# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""top: its screen, keys and signals."""

import json
import os
import signal
import subprocess

import pytest

pytest.importorskip("pyte", reason="python3-pyte is absent")

from follower import reads, rings  # noqa: E402
from lab import wait_until  # noqa: E402
from loader_host import COMMAND, CONFIG, host, refused  # noqa: E402, F401
from map_entries import ACTIVE, DATA, put_connection, put_usage  # noqa: E402
from scenes import login, single  # noqa: E402
from servers import Vsftpd  # noqa: E402
from service import Service  # noqa: E402
from terminal import Terminal  # noqa: E402

pytestmark = pytest.mark.ftpnat

ENTER_SCREEN, LEAVE_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"


def argv(host, *more):  # noqa: F811
    return [COMMAND, "-n", host.netns, "-p", host.pin, *more, "top"]


@pytest.fixture
def terminals():
    opened = []

    def make(*args, **options):
        opened.append(Terminal(*args, **options))
        return opened[-1]

    yield make
    for terminal in opened:
        terminal.close()


@pytest.fixture
def up(host):  # noqa: F811
    """Three sessions, made by hand: at .7 and .8, and at .9 with data that the server opened."""
    host.up()
    for number, (client, server, size) in enumerate((("7", "10", 0), ("8", "11", 5_000_000), ("9", "10", 70_000)), 1):
        put_connection(host, f"198.51.100.{client}:4000{client}", "192.0.2.10:2121",
                       f"198.51.100.{client}:4000{client}", f"10.9.0.{server}:21", session=number)
        if size:
            put_connection(host, f"198.51.100.{client}:5000{client}", "192.0.2.10:50000",
                           f"198.51.100.{client}:5000{client}", f"10.9.0.{server}:30000", kind=DATA,
                           back=(9, size), session=number, flags=ACTIVE if client == "9" else 0)
    return host


def clients(lines):
    """Last parts of the clients' addresses, from the top down."""
    return [line.split("198.51.100.")[1].split(":")[0] for line in lines if "198.51.100." in line]


def selected(terminal):
    """Those of the sessions that are in reverse video."""
    lines = terminal.lines()
    return clients([line for y, line in enumerate(lines) if terminal.screen.buffer[y][0].reverse])


def column(lines, title):
    """The cells of the sessions under a title."""
    head = next(line for line in lines if "CLIENT" in line)
    names, cells = head.split(), [line.split() for line in lines if "198.51.100." in line]
    at = [name.strip("*^") for name in names].index(title)
    return [row[at] for row in cells]


def test_sessions_and_rules(up, terminals):
    terminal = terminals(argv(up))
    lines = terminal.wait(lambda lines: len(clients(lines)) == 3 and lines, "three sessions")
    assert f"ftpnat {up.pin}" in lines[0]
    shown = dict(zip(clients(lines), zip(column(lines, "SERVER"), column(lines, "MODE"), column(lines, "BYTES"),
                                         column(lines, "RULE"))))
    assert shown == {"7": ("10.9.0.10:21", "-", "0", "files"),
                     "8": ("10.9.0.11:21", "passive", "5.0M", "files"),
                     "9": ("10.9.0.10:21", "active", "70K", "files")}
    rules = [line.split()[:3] for line in lines if line.startswith(("files ", "lan "))
             and "198.51.100" not in line]
    assert rules == [["files", "3", "2"], ["lan", "0", "0"]]
    assert "3 of 3 sessions" in lines[-1]
    assert all(line.endswith("-") for line in lines if "198.51.100." in line), "no line is known"


def test_sorting(up, terminals):
    terminal = terminals(argv(up))
    terminal.wait_text("DOWN/s*")
    terminal.press(">>")  # UP/s, BYTES
    terminal.wait(lambda lines: "BYTES*" in "\n".join(lines) and clients(lines) == ["8", "9", "7"], "most first")
    terminal.press("r")
    terminal.wait(lambda lines: "BYTES^" in "\n".join(lines) and clients(lines) == ["7", "9", "8"], "least first")
    for _ in range(5):
        terminal.press("<")
    terminal.wait(lambda lines: "CLIENT*" in "\n".join(lines) and clients(lines) == ["7", "8", "9"], "by client")


def test_filter(up, terminals):
    terminal = terminals(argv(up))
    terminal.wait(lambda lines: len(clients(lines)) == 3, "three sessions")
    terminal.press("/10.9.0.10\r")
    terminal.wait(lambda lines: clients(lines) == ["7", "9"], "two of them")
    terminal.wait_text("2 of 3 sessions with 10.9.0.10")
    terminal.press("/ACTIVE\x7f\x7f")  # any case; two letters taken back
    terminal.wait_text("filter: ACTI_")
    terminal.press("\r")
    terminal.wait(lambda lines: clients(lines) == ["9"], "the active one")
    terminal.press("/nobody\r")
    terminal.wait_text("0 of 3 sessions with nobody")
    terminal.press("/q\x1b")  # a letter of the filter is not a command
    terminal.wait(lambda lines: len(clients(lines)) == 3, "all again")


def test_help_and_pause(up, terminals):
    terminal = terminals(argv(up))
    terminal.wait(lambda lines: len(clients(lines)) == 3, "three sessions")
    terminal.press("h")
    terminal.wait(lambda lines: "q, Ctrl-C" in "\n".join(lines) and not clients(lines), "the help")
    terminal.press("x")
    terminal.wait(lambda lines: len(clients(lines)) == 3, "the sessions again")
    terminal.press("p")
    terminal.wait_text("PAUSED")
    terminal.press("p")
    terminal.wait(lambda lines: "PAUSED" not in "\n".join(lines), "going on")


def test_new_and_ended_sessions(up, terminals):
    terminal = terminals(argv(up))
    terminal.wait(lambda lines: len(clients(lines)) == 3, "three sessions")
    put_connection(up, "198.51.100.6:40006", "192.0.2.10:2121", "198.51.100.6:40006", "10.9.0.11:21", session=9)
    terminal.wait(lambda lines: sorted(clients(lines)) == ["6", "7", "8", "9"], "the new one")
    put_connection(up, "198.51.100.6:40006", "192.0.2.10:2121", "198.51.100.6:40006", "10.9.0.11:21", session=9,
                   tcp=(0x07, 0x07))
    terminal.wait(lambda lines: sorted(clients(lines)) == ["7", "8", "9"], "the ended one is gone")


@pytest.mark.parametrize("rows, columns", [(10, 80), (50, 200), (24, 20), (3, 10)])
def test_resize(up, terminals, rows, columns):
    terminal = terminals(argv(up))
    terminal.wait(lambda lines: len(clients(lines)) == 3, "three sessions")
    terminal.resize(rows, columns)
    foot = "3 of 3 sessions"[:columns]
    terminal.wait(lambda lines: lines[-1].startswith(foot), "the last line is the last")
    terminal.resize(30, 160)
    terminal.wait(lambda lines: len(clients(lines)) == 3 and lines[-1].startswith("3 of 3"), "all again")
    terminal.press("q")
    assert terminal.ended() == 0


def test_columns_of_a_narrow_terminal(up, terminals):
    terminal = terminals(argv(up))
    terminal.wait(lambda lines: len(clients(lines)) == 3, "three sessions")
    terminal.resize(24, 80)
    terminal.wait(lambda lines: len(clients(lines)) == 3 and "LAST LINE" not in "\n".join(lines), "what fits")
    terminal.press("\x1b[C" * 20)
    terminal.wait_text("LAST LINE REWRITTEN")
    terminal.press("\x1b[D")
    terminal.wait_text("AGE")
    terminal.press("\x1b[D" * 20)
    terminal.wait(lambda lines: len(clients(lines)) == 3, "the first columns again")


def test_scrolling(host, terminals):  # noqa: F811
    host.up()
    for number in range(40):
        put_connection(host, f"198.51.100.{100 + number}:40000", "192.0.2.10:2121",
                       f"198.51.100.{100 + number}:40000", "10.9.0.10:21", session=number + 1)
    terminal = terminals(argv(host))
    shown = terminal.wait(lambda lines: clients(lines)[:1] == ["100"] and clients(lines), "the first")
    assert len(shown) < 40
    assert selected(terminal) == ["100"]
    terminal.press("\x1b[B")
    terminal.wait(lambda lines: selected(terminal) == ["101"], "one down")
    assert clients(terminal.lines())[0] == "100"
    terminal.press("\x1b[B" * (len(shown) - 1))
    terminal.wait(lambda lines: clients(lines)[0] == "101", "the screen scrolls when it must")
    terminal.press("\x1b[4~")
    terminal.wait(lambda lines: clients(lines)[-1] == "139" and selected(terminal) == ["139"], "the end")
    terminal.press("\x1b[B" * 3)
    terminal.press("\x1b[5~")
    terminal.wait(lambda lines: selected(terminal) == [str(139 - 15)], "half a screen back")
    terminal.press("\x1b[1~")
    terminal.wait(lambda lines: clients(lines)[0] == "100" and selected(terminal) == ["100"], "the start")


def test_selected_session_stays_so_when_the_order_changes(up, terminals):
    terminal = terminals(argv(up))
    terminal.wait(lambda lines: len(clients(lines)) == 3, "three sessions")
    terminal.press(">>")  # BYTES: 8, 9, 7
    terminal.wait(lambda lines: clients(lines) == ["8", "9", "7"], "most first")
    terminal.press("\x1b[B")
    terminal.wait(lambda lines: selected(terminal) == ["9"], "one down")
    terminal.press("<<<<<<")  # CLIENT
    terminal.wait(lambda lines: clients(lines) == ["7", "8", "9"] and selected(terminal) == ["9"], "it follows")


def test_details(up, terminals):
    terminal = terminals(argv(up), rows=24, columns=80)
    terminal.wait(lambda lines: len(clients(lines)) == 3, "three sessions")
    terminal.press("/198.51.100.9\r\r")
    lines = terminal.wait(lambda lines: "Session 3 of rule files" in lines[0] and lines, "the details")
    text = "\n".join(lines)
    for shown in ("dialled  192.0.2.10:2121", "server   10.9.0.10:21", "Active data connection, 0 up, 70K down",
                  "dialled  192.0.2.10:50000", "server   10.9.0.10:30000", "/s over 40s"):
        assert shown in text
    put_connection(up, "198.51.100.9:40009", "192.0.2.10:2121", "198.51.100.9:40009", "10.9.0.10:21", session=3,
                   tcp=(0x0f, 0x0f))
    put_connection(up, "198.51.100.9:50009", "192.0.2.10:50000", "198.51.100.9:50009", "10.9.0.10:30000", kind=DATA,
                   session=3, tcp=(0x0f, 0x0f))
    terminal.wait_text("Session 3 has ended")
    terminal.press("x")
    terminal.wait_text("0 of 2 sessions with 198.51.100.9")


def test_servers(up, terminals):
    up.load("servers", "drain", "files", "10.9.0.11")
    terminal = terminals(argv(up), rows=24, columns=80)
    terminal.wait(lambda lines: len(clients(lines)) == 3, "three sessions")
    rows = [line.split() for line in terminal.lines() if line.startswith("10.9.0.")]
    assert [(row[0], row[1], row[2], row[3], row[6]) for row in rows] == [
        ("10.9.0.10:21", "files", "2", "1", "unchecked"), ("10.9.0.11:21", "files", "1", "1", "drained")]
    terminal.press("v")
    terminal.wait(lambda lines: not any(line.startswith(("SERVER", "10.9.0.")) for line in lines), "no servers")


LONG_CLIENT = "[2001:db8:1111:2222:3333:4444:5555:6666]:40000"


def test_80_columns_show_all_but_the_last_column(host, terminals):  # noqa: F811
    host.up(config=CONFIG.replace("name: files", f"name: {'r' * 31}"))
    put_connection(host, LONG_CLIENT, "[2001:db8::10]:21", LONG_CLIENT, LONG_CLIENT.replace("1111", "9999"), session=7)
    terminal = terminals(argv(host), rows=24, columns=80)
    head, line = terminal.wait(lambda lines: ":40000" in "\n".join(lines) and [
        line for line in lines if line.startswith("rrr..rrr ") or "CLIENT" in line][-2:], "the session")
    assert [title.strip("*") for title in head.split()] == ["RULE", "CLIENT", "SERVER", "MODE", "DOWN/s", "UP/s",
                                                            "BYTES", "AGE"]
    assert len(line.split()) == 8 and len(line) <= 80
    assert line.split()[1].startswith("[2001:") and line.split()[1].endswith(":40000")
    terminal.press("\r")
    terminal.wait_text(f"client   {LONG_CLIENT}")


def test_delay_and_averages(up, terminals):
    terminal = terminals(argv(up, "-d", "3600"))
    terminal.wait_text("rates over 2s")
    for seconds in (10, 40, 2):
        terminal.press("a")
        terminal.wait_text(f"rates over {seconds}s")
    put_connection(up, "198.51.100.6:40006", "192.0.2.10:2121", "198.51.100.6:40006", "10.9.0.11:21", session=9)
    terminal.press("hx")
    terminal.wait(lambda lines: len(clients(lines)) == 3, "it has not read again")
    quick = terminals(argv(up, "--delay", "0.1"))
    quick.wait(lambda lines: len(clients(lines)) == 4, "the new one")


@pytest.mark.parametrize("delay", ["0", "-1", "x", "1s", "nan", "3601"])
def test_wrong_delay(up, delay):
    refused(up.load("top", "-d", delay), 2, f"--delay {delay}: a number of seconds from 0.1 to 3600")
    refused(up.load("stats", "-d", "1"), 2, "--delay belongs to top")


@pytest.mark.parametrize("used, colour", [(0, "default"), (52427, "default"), (52429, "brown"), (65536, "red")])
def test_tables_are_coloured_by_how_full_they_are(up, terminals, used, colour):
    put_usage(up, control=used)
    terminal = terminals(argv(up))
    terminal.wait_text("sessions 3/65536")  # those that live
    y = next(number for number, line in enumerate(terminal.lines()) if "sessions 3/" in line)
    assert terminal.screen.buffer[y][0].fg == colour


@pytest.mark.parametrize("end", ["q", "\x03", signal.SIGTERM])
def test_quitting_restores_the_terminal(up, terminals, end):
    terminal = terminals(argv(up), TERM="xterm-256color")
    terminal.wait(lambda lines: len(clients(lines)) == 3, "three sessions")
    assert ENTER_SCREEN in terminal.raw
    assert not terminal.restored()
    if isinstance(end, str):
        terminal.press(end)
    else:
        terminal.popen.send_signal(end)
    assert terminal.ended() == 0
    assert LEAVE_SCREEN in terminal.raw
    assert terminal.restored()


def test_lost_terminal_ends_it(up):
    terminal = Terminal(argv(up))
    terminal.wait(lambda lines: len(clients(lines)) == 3, "three sessions")
    os.close(terminal.slave)
    os.close(terminal.own)
    assert terminal.popen.wait(10) is not None


@pytest.mark.parametrize("environment, colour", [
    ({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "vt100"}, False), ({"TERM": "screen"}, True),
    ({"TERM": "xterm-256color"}, True),
])
def test_colour_only_where_it_is_wanted(host, terminals, environment, colour):  # noqa: F811
    host.up()
    assert host.status()["degraded"], "else nothing is red"
    terminal = terminals(argv(host), **environment)
    terminal.wait_text("0 of 0 sessions")
    assert "degraded" in terminal.text()
    assert (b"\x1b[31m" in terminal.raw or b";31m" in terminal.raw) == colour
    terminal.press("q")
    assert terminal.ended() == 0


def test_down_ends_it_and_says_so(up, terminals):
    terminal = terminals(argv(up), TERM="xterm-256color")
    terminal.wait(lambda lines: len(clients(lines)) == 3, "three sessions")
    assert up.load("down").returncode == 0
    assert terminal.ended() == 1
    said = terminal.raw.split(LEAVE_SCREEN)[-1].decode()
    assert "can no longer be read" in said
    assert terminal.restored()


@pytest.mark.parametrize("by", ["run", "itself"])
def test_real_transfer_has_a_rate_and_a_line(make_lab, terminals, by):
    lab, server, vips = single(make_lab, Vsftpd)
    if by == "run":
        Service(lab)
    gateway = lab.gateway
    terminal = terminals([gateway.command, "-n", lab.gw.name, "-p", gateway.pin, "top"])
    server.put("big", b"x" * 50_000_000)
    with lab.client.inside():
        session = login(lab.client, vips[0], server, "PASV")
        terminal.wait(lambda lines: any("10.1.1.2:" in line for line in lines), "the session")
        conn = session.transfercmd("RETR big")

        def row(lines):
            """It reads on, so that bytes flow, until they show."""
            conn.recv(2_000_000)
            found = [line for line in lines if "10.1.1.2:" in line and " passive " in line and "227 " in line]
            return found and found[0].split()[4] not in ("0",) and found[0]

        line = terminal.wait(row, "rate and line")
        assert "10.2.1.2:21" in line
        assert "227 Entering Passive Mode (192,0,2,10," in line
        conn.close()
        session.close()


def test_events_may_be_followed_beside_it(up, terminals):
    """Each has a slot of its own."""
    terminal = terminals(argv(up))
    terminal.wait(lambda lines: len(clients(lines)) == 3, "three sessions")
    before = rings(up.pin)
    assert len(before) == 1
    for _ in range(3):
        follower = subprocess.Popen([COMMAND, "-n", up.netns, "-p", up.pin, "events"], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, text=True)
        try:
            wait_until(lambda: reads(up.pin, follower.pid) or follower.poll() is not None, "it follows them")
            assert len(rings(up.pin)) == 2
        finally:
            follower.terminate()
        assert follower.communicate(timeout=10)[1] == ""
        assert follower.returncode == 0
        assert rings(up.pin) == before


# ---- what it refuses ----

def test_not_a_terminal(up):
    refused(up.load("top"), 1, "top needs a terminal")


def test_no_json(up):
    done = up.load("top", "--json")
    assert done.returncode == 2
    assert "flows --json" in json.loads(done.stdout)["error"]["message"]


@pytest.mark.parametrize("name", ["no-such-terminal", "dumb"])
def test_terminal_that_has_no_screen(up, terminals, name):
    terminal = terminals(argv(up), TERM=name)
    assert terminal.ended() == 1
    assert f"TERM={name}" in terminal.text()
    assert terminal.restored()


def test_not_up(host, terminals):  # noqa: F811
    terminal = terminals(argv(host))
    assert terminal.ended() == 1
    assert "not up at" in terminal.text()
    assert ENTER_SCREEN not in terminal.raw


def test_in_tmux(up, tmp_path):
    """As an operator has it; skips where tmux is absent."""
    socket = str(tmp_path / "tmux")
    tmux = ["tmux", "-S", socket, "-f", "/dev/null"]
    try:
        subprocess.run([*tmux, "new-session", "-d", "-x", "140", "-y", "30", *argv(up)], check=True, timeout=10)
    except FileNotFoundError:
        pytest.skip("tmux is absent")
    try:
        def screen():
            return subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True, check=True,
                                  timeout=10).stdout.splitlines()
        wait_until(lambda: len(clients(screen())) == 3, "three sessions")
        subprocess.run([*tmux, "send-keys", "q"], check=True, timeout=10)
        wait_until(lambda: subprocess.run([*tmux, "has-session"], capture_output=True, check=False,
                                          timeout=10).returncode, "tmux ended with it")
    finally:
        subprocess.run([*tmux, "kill-server"], capture_output=True, check=False, timeout=10)
