# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The systemd unit: run by a systemd of its own, and systemd's rating of its hardening.

The box is a set of new namespaces in which systemd is process 1 and knows one unit.
"""

import json
import os
import shutil
import subprocess
import tempfile

import pytest

from lab import wait_until
from loader_host import COMMAND, INTERFACES, PUBLISH, host  # noqa: F401
from servers import TOP

UNIT = os.path.join(TOP, "packaging", "ftpnat.service")
SYSTEMD = "/lib/systemd/systemd"
CONFIG = INTERFACES + """\
publish:
  - name: files
    listen: 10.9.0.1:21
    servers: ["10.9.0.10:21"]
metrics: {listen: "127.0.0.1:9821"}
"""
# /run/box has the command under the name of the unit's, and its configuration.
SETUP = r"""
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/box /run/lock /run/systemd/system
umount -R /sys/fs/cgroup || true
mount -t cgroup2 none /sys/fs/cgroup
umount /sys/fs/bpf || true
mount -t bpf -o mode=700 bpf /sys/fs/bpf
mount -t proc proc /proc
ip link add v0 type veth peer name v1
ip addr add 10.9.0.1/24 dev v0
ip link set v0 up; ip link set v1 up; ip link set lo up
cp "$2" /run/box/command
printf '#!/bin/sh\nexec /run/box/command -c /run/box/ftpnat.yaml "$@"\n' >/run/box/ftpnat-load
chmod 755 /run/box/ftpnat-load
printf '%s' "$4" >/run/box/ftpnat.yaml
sed 's|@sbindir@|/run/box|; /network-online/d; s|^\[Unit\]|&\nDefaultDependencies=no|
     s|^StandardError=.*|StandardError=append:/run/box/log|' "$3" >/run/systemd/system/ftpnat.service
: >"$1/console"
mount --bind "$1/console" /dev/console
exec env -i container=ftpnat-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
	/lib/systemd/systemd --system --unit=ftpnat.service --log-target=console --show-status=no
"""


class Box:
    def __init__(self, folder):
        self.outer = subprocess.Popen(
            ["unshare", "--kill-child", "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "--fork",
             "sh", "-c", SETUP, "box", folder, COMMAND, UNIT, CONFIG],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.console = os.path.join(folder, "console")
        wait_until(lambda: self.first() or self.outer.poll() is not None, "the box")
        if self.outer.poll() is not None:
            pytest.skip(f"no box for systemd here: {self.outer.stderr.read().strip()}")

    def first(self):
        """Process 1 of the box, as we see it."""
        with open(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children") as file:
            children = file.read().split()
        return children[0] if children else None

    def run(self, *argv):
        return subprocess.run(["nsenter", "-t", self.first(), "-m", "-p", "-n", "-i", *argv],
                              capture_output=True, text=True, timeout=60, check=False)

    def show(self):
        done = self.run("systemctl", "show", "ftpnat", "-p", "ActiveState,StatusText,MainPID,Result")
        return dict(line.split("=", 1) for line in done.stdout.splitlines())

    def log(self):
        return self.run("cat", "/run/box/log").stdout

    def load(self, *argv):
        return self.run("/run/box/ftpnat-load", *argv)

    def write(self, text):
        self.run("sh", "-c", 'printf "%s" "$1" >/run/box/ftpnat.yaml', "sh", text)

    def wait(self, state):
        wait_until(lambda: self.show().get("ActiveState") == state, f"{state}; log: {self.log()}", 30)

    def close(self):
        if self.outer.poll() is None:
            self.run("systemctl", "stop", "ftpnat")  # its directories in /tmp are removed with it
            self.load("down")
        self.outer.kill()
        self.outer.wait()


@pytest.fixture
def box():
    if os.geteuid():
        pytest.skip("needs root")
    if not os.path.exists(SYSTEMD):
        pytest.skip("systemd is absent")
    folder = tempfile.mkdtemp(prefix="ftpnat-unit-")
    box = Box(folder)
    yield box
    box.close()
    shutil.rmtree(folder)


def test_start_reload_restart_stop(box):
    box.wait("active")
    assert box.show()["StatusText"] == "Working."
    status = box.run("cat", f"/proc/{box.show()['MainPID']}/status").stdout
    assert "NoNewPrivs:\t1\n" in status
    assert "Seccomp:\t2\n" in status
    assert "CapEff:\t0000000000201000\n" in status, "CAP_NET_ADMIN and CAP_SYS_ADMIN"
    assert "ftpnat_build_info{" in box.run("curl", "-s", "http://127.0.0.1:9821/metrics").stdout
    programs = json.loads(box.load("-j", "status").stdout)["programs"]

    assert box.run("systemctl", "reload", "ftpnat").returncode == 0
    wait_until(lambda: "reloaded" in box.log(), "the reload")
    assert json.loads(box.load("-j", "status").stdout)["programs"] != programs

    assert box.run("systemctl", "restart", "ftpnat").returncode == 0
    box.wait("active")
    assert box.run("systemctl", "stop", "ftpnat").returncode == 0
    assert box.show()["Result"] == "success"
    assert "ftpnat_ingress" in box.run("tc", "filter", "show", "dev", "v0", "ingress").stdout
    assert box.load("down").returncode == 0
    assert "ftpnat" not in box.run("tc", "filter", "show", "dev", "v0", "ingress").stdout


def test_reload_with_a_wrong_file_fails_and_changes_nothing(box):
    box.wait("active")
    programs = box.load("-j", "status").stdout
    box.write(CONFIG + "no_such_key: 1\n")
    assert box.run("systemctl", "reload", "ftpnat").returncode != 0
    assert "unknown key 'no_such_key'" in box.log()
    assert box.show()["ActiveState"] == "active"
    assert box.load("-j", "status").stdout == programs


def test_wrong_file_at_start_is_not_tried_again(box):
    box.wait("active")
    box.write(CONFIG + "no_such_key: 1\n")
    assert box.run("systemctl", "restart", "ftpnat").returncode != 0
    box.wait("failed")
    assert "ftpnat_ingress" in box.run("tc", "filter", "show", "dev", "v0", "ingress").stdout, "as before"


def test_killed_is_started_again(box):
    box.wait("active")
    first = box.show()["MainPID"]
    box.run("systemctl", "kill", "--signal=KILL", "ftpnat")
    wait_until(lambda: box.show()["MainPID"] not in (first, "0"), "another process", 30)
    box.wait("active")


def test_fewer_powers_do_not_suffice(host):  # noqa: F811
    """Both capabilities of the unit are needed, and a message names the missing one."""
    before = host.everything()
    for left, words in (("+net_admin,+bpf,+perfmon", "CAP_SYS_ADMIN"), ("+sys_admin", "clsact")):
        # as in the service: in the namespace, not on the way to it
        done = subprocess.run(["nsenter", f"--net=/run/netns/{host.netns}", "setpriv", "--bounding-set",
                               f"-all,{left}", COMMAND, "-p", host.pin, "-c", host.write(INTERFACES + PUBLISH),
                               "up"], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        assert words in done.stderr
        assert host.everything() == before


@pytest.mark.no_root
def test_hardening_as_systemd_sees_it(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is absent")
    unit = tmp_path / "ftpnat.service"
    with open(UNIT) as file:
        unit.write_text(file.read().replace("@sbindir@", "/usr/sbin"))
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", str(unit)], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout
    assert not [line for line in done.stderr.splitlines() if "Unknown" in line or "parse" in line]
    score = done.stdout.split("exposure level for ftpnat.service: ")[1].split()[0]
    with open(os.path.join(TOP, "docs", "service.md")) as file:
        assert f"exposure level {score} " in file.read(), "what the page says"


@pytest.fixture
def installed(tmp_path):
    """A root directory with what `make install` installs."""
    subprocess.run(["make", "-s", "-C", TOP, "install", f"DESTDIR={tmp_path}", "PREFIX=/usr"], check=True,
                   capture_output=True, timeout=300)
    return tmp_path


@pytest.mark.no_root
@pytest.mark.xdist_group("make")
def test_install_puts_the_command_in(installed):
    text = (installed / "usr/lib/systemd/system/ftpnat.service").read_text()
    assert "ExecStart=/usr/sbin/ftpnat-load run\n" in text
    assert "@sbindir@" not in text
    assert os.access(installed / "usr/sbin/ftpnat-load", os.X_OK)


@pytest.mark.no_root
@pytest.mark.xdist_group("make")
def test_enabled_it_is_wanted_at_boot(installed):
    """Boots are in tests/package/reboot, which takes minutes."""
    if not shutil.which("systemctl"):
        pytest.skip("systemctl is absent")

    def systemctl(verb):
        return subprocess.run(["systemctl", f"--root={installed}", verb, "ftpnat.service"],
                              capture_output=True, text=True, check=False, timeout=30)

    wanted = installed / "etc/systemd/system/multi-user.target.wants/ftpnat.service"
    assert systemctl("is-enabled").stdout == "disabled\n" and not os.path.lexists(wanted)
    assert systemctl("enable").returncode == 0
    assert os.readlink(wanted) == "/usr/lib/systemd/system/ftpnat.service"
    assert systemctl("is-enabled").stdout == "enabled\n"
    assert systemctl("disable").returncode == 0
    assert not os.path.lexists(wanted)


@pytest.mark.no_root
@pytest.mark.xdist_group("make")
def test_systemd_accepts_the_unit(installed):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is absent")
    unit = installed / "ftpnat.service"
    with open(UNIT) as file:
        unit.write_text(file.read().replace("@sbindir@", f"{installed}/usr/sbin"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True,
                          text=True, check=False, timeout=30)
    # of the units that it finds here, too
    said = [line for line in done.stderr.splitlines() if "ftpnat" in line]
    assert (done.returncode, said) == (0, [])
