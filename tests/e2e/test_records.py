# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""records: transfers as events and in the file that `run` writes."""

import fcntl
import ftplib
import io
import json
import os
import socket
import struct
import termios

import pytest

from clients import ACTIVE, Account
from follower import Follower
from json_schema import check as check_json
from lab import run, wait_until
from prometheus import sample
from scenes import login, publish, say, single
from service import METRICS, Service
from servers import Proftpd, Pureftpd, Vsftpd

pytestmark = pytest.mark.ftpnat

SIZE = 300_000


def recorded(make_lab, cls=Vsftpd, kind="keep", **options):
    """A lab whose transfers are events: it, server, addresses to dial, what reads the events."""
    lab, server, vips = single(make_lab, cls, kind, config={"records": {"transfers": "/nonexistent/t.json"}},
                               **options)
    return lab, server, vips, Follower(lab, "--json", "--kind", "transfer_done")


def transfers(follower, count):
    return follower.wait("transfer_done", count=count)


@pytest.mark.parametrize("method", ["EPSV", "PASV", "EPRT", "PORT"])
@pytest.mark.parametrize("cls", [Vsftpd, Proftpd, Pureftpd])
def test_a_transfer_is_an_event_with_all_that_is_known(make_lab, cls, method):
    lab, server, vips, follower = recorded(make_lab, cls)
    data = os.urandom(SIZE)
    with lab.client.inside():
        session = login(lab.client, vips[0], server, method)
        session.storbinary("STOR new", io.BytesIO(data))
        got = io.BytesIO()
        session.retrbinary("RETR new", got.write)
        assert got.getvalue() == data
        ours = "{}:{}".format(*session.sock.getsockname())
        session.quit()
    up, down = transfers(follower, 2)
    for entry, command in (up, "STOR"), (down, "RETR"):
        assert (entry["rule"], entry["kind"]) == ("files", "transfer_done")
        assert (entry["client"], entry["public"]) == (ours, "192.0.2.10:21")
        assert entry["server"] == entry["real"] == f"{lab.server.ip4}:21"
        assert (entry["user"], entry["command"]) == (server.user, command)
        assert (entry["path"], entry["cut"]) == ("new", False)
        assert entry["mode"] == ("active" if method in ACTIVE else "passive")
        assert (entry["bytes"], entry["code"], entry["tls"]) == (SIZE, 226, False)
        assert 0 <= entry["duration"] < 30
    assert up["session"] == down["session"]
    assert server.password not in "\n".join(follower.lines())


def test_what_fails_is_told_with_its_reply(make_lab):
    lab, server, vips, follower = recorded(make_lab)
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        session.makepasv()
        with pytest.raises(ftplib.error_perm):
            session.sendcmd("RETR no-such-file")
        session.sendcmd("NOOP")
        assert session.nlst()
        assert session.read("server-name").decode() == server.name
        session.quit()
    refused, done = transfers(follower, 2)
    assert (refused["command"], refused["path"], refused["code"]) == ("RETR", "no-such-file", 550)
    assert refused["bytes"] in (0, None)
    assert (done["path"], done["code"], done["bytes"]) == ("server-name", 226, len(server.name))
    assert len(transfers(follower, 2)) == len(follower.entries("transfer_done"))  # a listing is none


def test_a_transfer_that_the_client_ends(make_lab):
    lab, server, vips, follower = recorded(make_lab)
    with open(server.path("long"), "wb") as file:
        file.truncate(64 << 20)
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        sock = session.transfercmd("RETR long")
        got = 0
        while got < 1 << 20:
            got += len(sock.recv(1 << 16))
        sock.close()
        with pytest.raises(ftplib.error_temp):
            session.voidresp()
        session.quit()
    entry, = transfers(follower, 1)
    assert (entry["path"], entry["code"]) == ("long", 426)
    assert got <= entry["bytes"] < 64 << 20


def test_a_session_that_ends_in_a_transfer(make_lab):
    """Neither a reply nor all of the file: the record says what went through, and no code."""
    lab, server, vips, follower = recorded(make_lab)
    with open(server.path("long"), "wb") as file:
        file.truncate(64 << 20)
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        sock = session.transfercmd("RETR long")
        assert sock.recv(1 << 16)
        session.sock.close()
        session.file.close()
        sock.close()
    entry, = transfers(follower, 1)
    assert (entry["path"], entry["command"]) == ("long", "RETR")
    assert 0 < entry["bytes"] < 64 << 20
    assert entry["code"] in (None, 426)


NAMES = ["two words", "a\"quote\\", "gr\u00fcn", "tab\there", "x" * 254, "y" * 260]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_paths_are_as_the_client_wrote_them(make_lab, name):
    lab, server, vips, follower = recorded(make_lab)
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        say(session, f"RETR {name}")
        session.quit()
    entry, = transfers(follower, 1)
    assert entry["path"] == name[:256]
    assert entry["cut"] == (len(name) > 256)


def test_a_line_in_pieces_and_bytes_that_are_no_utf8(make_lab):
    lab, server, vips, follower = recorded(make_lab)
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        session.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in b"re", b"tr d", b"ir/", b"na\xffme", b"\r", b"\n":
            session.sock.sendall(piece)
            wait_until(lambda: not unsent(session.sock), "it went, and was acknowledged")
        with pytest.raises(ftplib.error_temp):
            session.getresp()
        session.quit()
    entry, = transfers(follower, 1)
    assert (entry["command"], entry["path"]) == ("RETR", "dir/na\u00ffme")


def unsent(sock):
    """Bytes that the other end hasn't acknowledged."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"    "))[0]


def test_the_password_is_nowhere(make_lab, tmp_path):
    lab, server, vips = single(make_lab, Proftpd)
    path = str(tmp_path / "transfers.json")
    config = {"publish": [publish("files", vips, [server], per_client={"failed_logins": "5/10min"})],
              "records": {"transfers": path, "nat": str(tmp_path / "nat.json")}, **METRICS}
    lab.gateway.write(config)
    service = Service(lab)
    everything = Follower(lab, "--json")
    secret = "s3cret-never-to-be-seen"
    with lab.client.inside():
        session = ftplib.FTP(vips[0])
        for command in f"USER {server.user}", f"PASS {secret}", f"USER {server.user}", f"pass  {secret}", "STOR f":
            say(session, command)
        session.close()
    everything.wait("control_closed")
    assert everything.entries("login_failed")
    seen = "\n".join(everything.lines()) + service.log() + service.get()[1]
    for verb in "flows", "stats", "status", "bans", "expected":
        seen += lab.gateway.load("-j", verb, check=False).stdout
    for name in os.listdir(tmp_path):
        seen += (tmp_path / name).read_text()
    assert secret not in seen
    masked = everything.entries("login_failed")[0]
    assert masked["direction"] == "from_server"


# ---- the file of run ----

def written(lab, path, server, vips, **records):
    """A `run` that writes records."""
    config = {"publish": [publish("files", vips, [server])], "records": {"transfers": path, **records}, **METRICS}
    lab.gateway.write(config)
    return Service(lab)


def fetch(lab, server, vips, path="server-name", times=1):
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        for _ in range(times):
            session.read(path)
        session.quit()


def lines(path, count):
    def enough():
        if not os.path.exists(path):
            return None
        with open(path, encoding="utf-8") as file:
            found = file.read().splitlines()
        return found if len(found) >= count else None
    found = wait_until(enough, f"{count} lines in {path}")
    assert len(found) == count
    return found


def test_each_transfer_is_a_line_of_json(make_lab, tmp_path):
    lab, server, vips = single(make_lab, Vsftpd)
    path = str(tmp_path / "new" / "transfers.json")
    service = written(lab, path, server, vips)
    fetch(lab, server, vips, times=3)
    for line in lines(path, 3):
        entry = json.loads(line)
        check_json("events", entry)
        assert (entry["user"], entry["path"], entry["code"]) == ("anonymous", "server-name", 226)
        assert entry["bytes"] == len(server.name)
    assert os.stat(path).st_mode & 0o777 == 0o640
    metrics = service.get()[1]
    assert sample(metrics, "ftpnat_records_written_total", to="transfers") == 3
    assert sample(metrics, "ftpnat_records_lost_total", to="transfers") == 0


@pytest.mark.parametrize("how", ["SIGHUP", "by itself"])
def test_a_file_that_is_moved_away_is_opened_again(make_lab, tmp_path, how):
    lab, server, vips = single(make_lab, Vsftpd)
    path = str(tmp_path / "transfers.json")
    service = written(lab, path, server, vips)
    fetch(lab, server, vips)
    lines(path, 1)
    os.rename(path, path + ".1")
    if how == "SIGHUP":
        service.reload()
    else:
        wait_until(lambda: os.path.exists(path), "a new file")
    fetch(lab, server, vips, times=2)
    lines(path, 2)
    lines(path + ".1", 1)


def fill(path, size):
    """Appends so many bytes until the disk is full."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with pytest.raises(OSError):
        while True:
            os.write(fd, b"\n" * size)
    os.close(fd)


def test_a_full_disk_is_said_once_and_counted(make_lab, tmp_path):
    lab, server, vips = single(make_lab, Vsftpd)
    disk = tmp_path / "disk"
    disk.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=64k", "full", str(disk)])
    path = str(disk / "transfers.json")
    try:
        service = written(lab, path, server, vips)
        fetch(lab, server, vips)
        lines(path, 1)
        before = os.path.getsize(path)
        fill(disk / "big", 4096)
        fill(path, 1)  # up to the page's end
        fetch(lab, server, vips, times=3)
        wait_until(lambda: sample(service.get()[1], "ftpnat_records_lost_total", to="transfers") == 3, "3 lost")
        assert service.log().count("No space left on device") == 1
        os.unlink(disk / "big")
        fetch(lab, server, vips)
        service.wait_log("can be written again; 3 records were lost")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        assert json.loads(text[:before]) and json.loads(text[before:].strip())
    finally:
        run(["umount", "-l", str(disk)])


def test_a_file_that_cannot_be_opened_stops_nothing(make_lab, tmp_path):
    lab, server, vips = single(make_lab, Vsftpd)
    (tmp_path / "file").write_text("")
    path = str(tmp_path / "file" / "transfers.json")
    service = written(lab, path, server, vips)
    fetch(lab, server, vips)
    wait_until(lambda: sample(service.get()[1], "ftpnat_records_lost_total", to="transfers") == 1, "1 lost")
    assert service.log().count(f"can't write to {path}") == 1
    (tmp_path / "file").unlink()
    (tmp_path / "file").mkdir()
    wait_until(lambda: os.path.exists(path), "a file")
    fetch(lab, server, vips)
    lines(path, 1)


AWSTATS = "/usr/lib/cgi-bin/awstats.pl"


@pytest.mark.skipif(not os.path.exists(AWSTATS), reason="awstats is absent")
def test_awstats_reads_the_xferlog(make_lab, tmp_path):
    lab, server, vips = single(make_lab, Vsftpd)
    path = str(tmp_path / "xferlog")
    written(lab, path, server, vips, format="xferlog")
    data = os.urandom(5000)
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        session.storbinary("STOR a new file", io.BytesIO(data))
        session.retrbinary("RETR a new file", lambda _: None)
        session.read("server-name")
        say(session, "RETR no-such-file")
        session.quit()
    up, down, name = lines(path, 3)
    assert up.split()[5:9] == ["1", lab.client.ip4, "5000", "a_new_file"]
    assert up.split()[9:] == ["b", "_", "i", "a", "anonymous", "ftp", "0", "*", "c"]
    assert down.split()[11] == "o" and name.split()[7] == str(len(server.name))
    (tmp_path / "awstats.test.conf").write_text(f"""\
LogFile="{path}"
LogType=F
LogFormat="%time3 %other %host %bytesd %url %other %other %method %other %logname %other %code %other %other"
LogSeparator="\\s"
SiteDomain="test"
HostAliases="localhost"
DirData="{tmp_path}"
DNSLookup=0
NotPageList=""
LevelForBrowsersDetection=0
LevelForOSDetection=0
LevelForRefererAnalyze=0
LevelForRobotsDetection=0
LevelForWormsDetection=0
LevelForSearchEnginesDetection=0
""")
    said = run([AWSTATS, "-config=test", f"-configdir={tmp_path}", "-update"]).stdout
    assert "Found 3 new qualified records" in said and "Found 0 corrupted records" in said, said
    stored = next(tmp_path.glob("awstats*.test.txt")).read_text()
    assert "/a_new_file " in stored or "a_new_file " in stored
    assert "anonymous " in stored
