# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ban, unban, bans: in force at once, for a time, over reloads, restarts of `run` and reboots."""

import contextlib
import ftplib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time

import pytest

import map_entries
from fast import modes, moves_by, prepare
from lab import DEADLINE, wait_until
from scenes import login, need, pick, publish, single
from servers import Proftpd, Pureftpd, Pyftpdlib, Vsftpd
from slow import Transfer

pytestmark = pytest.mark.ftpnat

STATE = "/var/lib/ftpnat"


@pytest.fixture
def scene(make_lab):
    """lab, server, addresses to dial; refused SYNs get a reset"""
    lab = make_lab(clients=2)
    server = need(Vsftpd)(lab.server).start()
    server.put("much", bytes(4 << 20))
    vips = lab.vips()
    lab.gateway.up(config(vips, server))
    yield lab, server, vips
    lab.gateway.down()
    assert not os.path.exists(state_file(lab))


def config(vips, server):
    return {"publish": [publish("files", vips, [server], refuse="reset"),
                        publish("more", vips, [server], port=2121, refuse="reset")]}


def state_file(lab):
    return f"{STATE}/bans{lab.gateway.pin.replace('/', '-')}.json"


def bans(lab):
    return lab.gateway.listing("bans")["bans"]


def is_refused(node, address, port=21):
    with node.inside(), pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, port), timeout=10)


def comes_in(node, address, server, port=21):
    with node.inside():
        session = login(node, address, server, port=port)
        assert session.read("server-name").decode() == server.name
        session.quit()


@pytest.mark.parametrize("family", ["v4", "v6"])
def test_ban_and_unban(scene, family):
    lab, server, vips = scene
    first, second = lab.clients
    address, own = pick(vips, family), pick((first.ip4, first.ip6), family)
    comes_in(first, address, server)
    said = lab.gateway.load("ban", own, "--for", "1h", "--why", "seen in a test").stdout
    assert f"{own}/{32 if family == 'v4' else 128}: banned for 60m00s" in said
    is_refused(first, address)
    is_refused(first, address, 2121)
    assert lab.gateway.reason("banned") == 2
    comes_in(second, address, server)
    ban, = bans(lab)
    assert 3500 < ban.pop("left") <= 3600
    assert ban.pop("since").endswith("Z")
    assert ban == {"address": own, "rule": None, "why": "seen in a test", "refused": 2}
    assert "seen in a test" in lab.gateway.load("bans").stdout
    assert "no longer banned" in lab.gateway.load("unban", own).stdout
    comes_in(first, address, server)
    assert not bans(lab)
    done = lab.gateway.load("unban", own, check=False)
    assert (done.returncode, "is not banned" in done.stdout) == (1, True)


def test_ban_of_a_prefix_from_one_rule(scene):
    lab, server, vips = scene
    first, second = lab.clients
    lab.gateway.load("ban", "10.1.0.0/16", "--rule", "more")
    for node in (first, second):
        is_refused(node, vips[0], 2121)
        comes_in(node, vips[0], server)
        comes_in(node, vips[1], server, port=2121)
    assert [(ban["address"], ban["rule"], ban["left"]) for ban in bans(lab)] == [("10.1.0.0/16", "more", None)]
    lab.gateway.load("ban", first.ip4)  # within it, from all
    lab.gateway.load("unban", "10.1.0.0/16")
    is_refused(first, vips[0])
    comes_in(second, vips[0], server, port=2121)


def test_an_expired_ban_within_a_longer_one(scene):
    """The longest prefix decides nothing when its time is over."""
    lab, server, vips = scene
    first, second = lab.clients
    lab.gateway.load("ban", "10.1.0.0/16")
    lab.gateway.load("ban", first.ip4, "--for", "1s")
    wait_until(lambda: len(bans(lab)) == 1, "the short one is over")
    is_refused(first, vips[0])
    lab.gateway.load("unban", "10.1.0.0/16")
    comes_in(first, vips[0], server)


def test_a_ban_ends_by_itself(scene):
    lab, server, vips = scene
    lab.gateway.load("ban", lab.client.ip4, "--for", "2s")
    is_refused(lab.client, vips[0])
    wait_until(lambda: not bans(lab), "it is over")
    comes_in(lab.client, vips[0], server)


@pytest.mark.parametrize("family", ["v4", "v6"])
def test_what_was_announced_is_closed_and_the_session_stays(scene, family):
    lab, server, vips = scene
    client, address = lab.client, pick(vips, family)
    own = pick((client.ip4, client.ip6), family)
    with client.inside():
        session = login(client, address, server)
        target = ftplib.parse229(session.sendcmd("EPSV"), session.sock.getpeername())
        assert len(lab.gateway.expected()) == 1
        lab.gateway.load("ban", own)
        assert not lab.gateway.expected()
        with pytest.raises(OSError):
            socket.create_connection(target, timeout=2)
        with pytest.raises(ftplib.error_temp, match="^425"):
            session.sendcmd("EPSV")
        session.voidcmd("NOOP")
        lab.gateway.load("unban", own)
        assert session.read("server-name").decode() == server.name
        session.quit()


def test_cut_ends_what_the_client_has(scene):
    lab, server, vips = scene
    first, second = lab.clients
    with second.inside():
        other = login(second, vips[0], server)
    with first.inside():
        session = login(first, vips[0], server)
        data = session.transfercmd("RETR much")
        assert data.recv(1)
        said = lab.gateway.load("ban", first.ip4, "--cut").stdout
        assert "2 connections ended" in said
        with pytest.raises(OSError):
            while data.recv(1 << 16):
                pass
            raise OSError("closed")
        with pytest.raises((OSError, EOFError)):
            session.voidcmd("NOOP")
    is_refused(first, vips[0])
    with second.inside():
        assert other.read("server-name").decode() == server.name
        other.quit()


@pytest.mark.parametrize("family, up", [("v4", True), ("v6", False)], ids=["v4-upload", "v6-download"])
def test_cut_of_a_transfer_by_xdp(make_lab, family, up):
    """XDP sees to the numbers of both ends: each accepts its resets, of a transfer at full speed."""
    lab, server, dial = single(make_lab, Vsftpd, config={"xdp": "generic"})
    prepare(lab)
    assert set(modes(lab).values()) == {"generic"}
    with lab.client.inside():
        transfer = Transfer(lab, server, dial, family, "EPSV", up, size=20_000_000)
        moves_by(lab, transfer, "xdp_forwarded")
        before = [node.counters()["EstabResets"] for node in (lab.client, lab.server)]
        said = lab.gateway.load("ban", lab.client.address(family), "--cut").stdout
        assert "2 connections ended" in said
        for node, resets in zip((lab.client, lab.server), before):
            wait_until(lambda: node.counters()["EstabResets"] == resets + 2, "it took the resets of both connections")
        with pytest.raises(ConnectionResetError):
            while transfer.step():
                pass
        with pytest.raises(ConnectionResetError):
            transfer.session.sock.recv(1)


def test_kept_over_a_reload(scene):
    lab, server, vips = scene
    lab.gateway.load("ban", lab.client.ip4, "--rule", "files")
    lab.gateway.reload(config(vips, server))
    is_refused(lab.client, vips[0])
    comes_in(lab.client, vips[0], server, port=2121)


def service(lab):
    """`run`, ready."""
    process = lab.gw.lab.gateway.command
    running = subprocess.Popen([process, "-n", lab.gw.name, "-p", lab.gateway.pin, "-c", lab.gateway.path, "run"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    lab.closers.append(lambda: end(running))
    return running


def end(running, how=signal.SIGTERM):
    if running.poll() is None:
        running.send_signal(how)
        running.wait(DEADLINE)


def test_kept_over_a_restart_of_run_and_a_reboot(scene):
    lab, server, vips = scene
    client = lab.client
    lab.gateway.load("ban", client.ip4, "--why", "first")
    lab.gateway.load("ban", client.ip6, "--rule", "files", "--for", "1h")
    lab.gateway.load("ban", "10.9.9.9", "--for", "1s")
    running = service(lab)
    end(running, signal.SIGKILL)
    running = service(lab)
    is_refused(client, vips[0])
    end(running)
    # as after a reboot: nothing is left but the file
    with open(state_file(lab)) as file:
        kept = file.read()
    assert {ban["address"] for ban in json.loads(kept)["bans"]} >= {client.ip4, client.ip6}
    wait_until(lambda: len(bans(lab)) == 2, "the short one is over")
    lab.gateway.down()
    with open(state_file(lab), "w") as file:
        file.write(kept)
    service(lab)
    wait_until(lambda: lab.gateway.load("bans", check=False).returncode == 0 and len(bans(lab)) == 2, "restored")
    is_refused(client, vips[0])
    is_refused(client, vips[1])
    comes_in(client, vips[1], server, port=2121)
    assert {(ban["address"], ban["rule"], ban["why"]) for ban in bans(lab)} == {
        (client.ip4, None, "first"), (client.ip6, "files", "")}


def test_a_broken_file_keeps_run_from_nothing(scene):
    lab, server, vips = scene
    os.makedirs(STATE, exist_ok=True)
    with open(state_file(lab), "w") as file:
        file.write('{"bans": [{"address": "10.1.1.2", "rul')
    running = service(lab)
    comes_in(lab.client, vips[0], server)
    end(running)
    assert b"can't be read" in running.stderr.read()


FULL = 65536


def fill(lab, numbers):
    """Bans of 11.1.x.y, straight into the map."""
    where = map_entries.address("11.1.0.0")[:14]
    keys = b"".join(struct.pack("=IHH14s2s", 160, 0xffff, 0, where, number.to_bytes(2, "big")) for number in numbers)
    values = struct.pack("=QIIII", 0, 1, 0, 160, 0).ljust(map_entries.value_size(lab.gateway, "ftpnat_bans"), b"\0") * len(numbers)
    map_entries.put_all(lab.gateway, "ftpnat_bans", keys, values, len(numbers))


def test_many_bans_and_a_full_table(scene):
    """They are written in large pieces; one more is refused in words, nobody else, and the others hold."""
    lab, server, vips = scene
    client, other = lab.clients
    fill(lab, range(300))
    command = [lab.gateway.command, "-n", lab.gw.name, "-p", lab.gateway.pin, "ban", client.ip4]
    # of the shell, which has those of the command when that has ended
    done = subprocess.run(["sh", "-c", '"$@" && cat /proc/$$/io', "sh", *command], capture_output=True, text=True, check=True)
    assert int(re.search(r"syscw: (\d+)", done.stdout)[1]) < 300
    fill(lab, range(300, FULL - 1))
    done = lab.gateway.load("ban", other.ip4, check=False)
    assert (done.returncode, f"no room for more than {FULL} bans" in done.stdout) == (1, True)
    comes_in(other, vips[0], server)
    is_refused(client, vips[0])


# ---- failed logins ----

class StrictVsftpd(Vsftpd):
    """Takes one password only, and has a log."""

    def prepare(self):
        path = self.write("passwords", f"{self.password}\n")
        self.log_file = self.write("vsftpd.log", "")
        self.extra = (f"secure_email_list_enable=YES\nemail_password_file={path}\n"
                      f"xferlog_enable=YES\nvsftpd_log_file={self.log_file}\n")


def fails(session, user):
    """The reply to a login with a wrong password."""
    session.sendcmd(f"USER {user}")
    try:
        return session.sendcmd("PASS wrong")
    except ftplib.Error as refused:
        return str(refused)


@pytest.mark.parametrize("family", ["v4", "v6"])
@pytest.mark.parametrize("kind", [StrictVsftpd, Proftpd, Pureftpd], ids=lambda kind: kind.kind)
def test_failed_logins_lead_to_a_ban(make_lab, kind, family):
    lab = make_lab(clients=2)
    server = need(kind)(lab.server).start()
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server], refuse="reset",
                                        per_client={"failed_logins": "3/10min", "ban": "1h"})]})
    first, second = lab.clients
    address, own = pick(vips, family), pick((first.ip4, first.ip6), family)
    with first.inside():
        other = login(first, address, server)  # a login that succeeds doesn't count
        for number in range(2):
            with ftplib.FTP(timeout=20) as session:
                session.connect(address)
                assert fails(session, server.user).startswith("530")
            assert lab.gateway.reason("login_failed") == number + 1
        assert not bans(lab)
        session = ftplib.FTP(timeout=20)
        session.connect(address)
        assert fails(session, server.user) == "421 Too many failed logins, try again later."
        with pytest.raises((OSError, EOFError, ftplib.error_temp)):  # and the session ends
            for _ in range(100):
                with contextlib.suppress(ftplib.error_perm):  # 530: not logged in
                    session.sendcmd("NOOP")
                time.sleep(0.1)
    assert lab.gateway.reason("login_banned") == 1
    ban, = bans(lab)
    assert ban["address"] == (own if family == "v4" else "fd00:1:1::/64")
    assert (ban["rule"], ban["why"]) == ("files", "failed logins")
    assert 3500 < ban["left"] <= 3600
    is_refused(first, address)
    comes_in(second, address, server)
    lab.gateway.load("unban", ban["address"])
    with first.inside():
        assert other.read("server-name").decode() == server.name
        other.quit()
    comes_in(first, address, server)


IN_FRONT = {"a line in several pieces": b"x" * 5000 + b"\r\n", "lines": 5 * b"NOOP\r\n"}


# vsftpd and pure-ftpd end the session after such a line
@pytest.mark.parametrize("kind, in_front", [
    pytest.param(kind, in_front, id=f"{kind.kind}-{in_front}") for kind in (Pyftpdlib, StrictVsftpd, Proftpd, Pureftpd)
    for in_front in IN_FRONT if in_front == "lines" or kind in (Pyftpdlib, Proftpd)])
def test_failed_logins_behind_other_replies(make_lab, kind, in_front):
    """Servers send more or fewer replies than they got commands; each wrong password counts once."""
    lab = make_lab()
    server = need(kind)(lab.server).start()
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server], per_client={"failed_logins": "3/10min", "ban": "1h"})]})
    with lab.client.inside():
        for number in range(1, 4):
            with socket.create_connection((vips[0], 21), timeout=20) as session, session.makefile("rb") as replies:
                assert replies.readline().startswith(b"220")
                session.sendall(IN_FRONT[in_front] + f"USER {server.user}\r\nPASS wrong\r\n".encode())
                said = []
                while not (said and said[-1].startswith(b"530" if number < 3 else b"421 Too many failed")):
                    said.append(replies.readline())
                    assert said[-1], said
                print(b"".join(said))
            assert lab.gateway.reason("login_failed") == min(number, 2)
    assert lab.gateway.reason("login_banned") == 1
    assert len(bans(lab)) == 1


@pytest.mark.parametrize("argv, says", [
    (["ban"], "takes one ADDRESS"), (["ban", "10.0.0.1/8"], "did you mean 10.0.0.0/8"),
    (["ban", "home"], "neither an address nor a prefix"), (["ban", "10.0.0.1", "--for", "0s"], "--for 0s"),
    (["ban", "10.0.0.1", "--why", "x" * 64], "at most 63"), (["ban", "10.0.0.1", "--why", "\x1b"], "printable"),
    (["bans", "--cut"], "belong to ban"), (["unban", "10.0.0.1", "--for", "1h"], "belong to ban"),
    (["ban", "10.0.0.1", "--client", "10.0.0.2"], "belong to flows"),
    (["ban", "10.0.0.1", "--delete"], "--delete belongs to flows"),
    (["unban", "10.0.0.1", "--watch", "1"], "--watch belongs to stats")])
def test_wrong_usage(scene, argv, says):
    lab = scene[0]
    done = lab.gateway.load(*argv, check=False)
    assert done.returncode == 2 and says in done.stdout
    assert not bans(lab)


def test_a_rule_that_there_is_not(scene):
    lab = scene[0]
    done = lab.gateway.load("ban", "10.0.0.1", "--rule", "nothing", check=False)
    assert done.returncode == 1 and "no rule is named nothing" in done.stdout
    assert not bans(lab)
