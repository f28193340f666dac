# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""fail2ban with our action: failed logins in a server's log, or in ours, lead to a ban for a time."""

import contextlib
import ftplib
import os
import shutil
import subprocess

import pytest

from follower import Follower
from lab import wait_until
from scenes import need, pick, publish
from servers import TOP
from test_bans import StrictVsftpd, bans, comes_in, fails, is_refused

pytestmark = pytest.mark.ftpnat

SERVER = "/usr/bin/fail2ban-server"
OURS = os.path.join(TOP, "packaging", "fail2ban")
BANTIME = 25
PATIENCE = 60


class Fail2ban:
    """A server of its own, with Debian's configuration, our files, and one jail."""

    def __init__(self, lab, name, jail_filter, log):
        self.dir = lab.file("fail2ban")
        shutil.copytree("/etc/fail2ban", self.dir)
        for kind in ("action.d", "filter.d"):
            shutil.copy(os.path.join(OURS, kind, "ftpnat.conf"), os.path.join(self.dir, kind))
        shutil.rmtree(os.path.join(self.dir, "jail.d"))
        with open(os.path.join(self.dir, "fail2ban.local"), "w") as file:
            file.write("[Definition]\ndbfile = None\nallowipv6 = yes\n")
        gateway = lab.gateway
        with open(os.path.join(self.dir, "jail.local"), "w") as file:
            file.write(f"""\
[DEFAULT]
backend = polling
bantime = {BANTIME}
[{name}]
enabled = true
filter = {jail_filter}
logpath = {log}
maxretry = 3
findtime = 600
usedns = no
action = ftpnat[ftpnat="{gateway.command}", options="--netns {lab.gw.name} --pin {gateway.pin}"]
""")
        self.socket = os.path.join(self.dir, "socket")
        self.log = os.path.join(self.dir, "log")
        self.process = subprocess.Popen(
            [SERVER, "-f", "-c", self.dir, "-s", self.socket, "-p", os.path.join(self.dir, "pid"),
             "--logtarget", self.log, "--syslogsocket", "auto", "--loglevel", "INFO", "start"],
            stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        lab.closers.append(self.close)
        wait_until(lambda: f"Jail '{name}' started" in self.said(), "the jail has started", 20)

    def said(self):
        try:
            with open(self.log) as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)


@pytest.mark.parametrize("family", ["v4", "v6"])
@pytest.mark.parametrize("whose", ["vsftpd", "ours"])
def test_failed_logins_in_the_log(make_lab, whose, family):
    if not os.path.exists(SERVER):
        pytest.skip("fail2ban is absent: scripts/deps test")
    lab = make_lab(clients=2)
    server = need(StrictVsftpd)(lab.server).start()
    vips = lab.vips()
    keys = {"per_client": {"failed_logins": "50/min"}} if whose == "ours" else {}
    lab.gateway.up({"publish": [publish("files", vips, [server], refuse="reset", **keys)]})
    first, second = lab.clients
    address, own = pick(vips, family), pick((first.ip4, first.ip6), family)
    if whose == "ours":
        log = Follower(lab, "--wide").process.log
        fail2ban = Fail2ban(lab, "gateway", "ftpnat", log)
    else:
        fail2ban = Fail2ban(lab, "server", "vsftpd", server.log_file)
    with first.inside():
        for number in range(3):
            assert not bans(lab), number
            session = ftplib.FTP(timeout=20)
            session.connect(address)
            # vsftpd answers a second after its line in the log: the ban may have cut the third
            with contextlib.suppress(*[OSError, EOFError] if number == 2 else []):
                assert fails(session, server.user).startswith("530")
            session.close()
    wait_until(lambda: bans(lab), f"a ban; fail2ban says: {fail2ban.said()}", PATIENCE)
    ban, = bans(lab)
    assert (ban["address"], ban["rule"]) == (own, None)
    assert ban["why"] == f"fail2ban {'gateway' if whose == 'ours' else 'server'}"
    is_refused(first, address)
    comes_in(second, address, server)
    wait_until(lambda: not bans(lab), "it is over", PATIENCE)
    wait_until(lambda: f"Unban {own}" in fail2ban.said(), "fail2ban knows", PATIENCE)
    comes_in(first, address, server)
    assert "ERROR" not in fail2ban.said()
