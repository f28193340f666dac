# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A fresh Debian 12 without systemd, as `debootstrap --variant=minbase` makes it, and README's commands.

The pristine root and the packages that were downloaded stay in build/fresh.
"""

import contextlib
import os
import re
import shutil
import subprocess

from lab import LabError, run
from servers import TOP

CACHE = os.path.join(TOP, "build", "fresh")
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
DEBOOTSTRAP_SECONDS = 900
COMMAND_SECONDS = 1200  # apt-get and the compiler, beside other tests
SOURCES = "/srv/ftpnat"

# As pid 1 of a machine without bpffs: it has a capability that what it starts lacks, which therefore
# can't read /proc/1/ns.
MACHINE = """\
root=$1; shift
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount --bind "$0" "$root/var/cache/apt/archives"
env -u LC_ALL LANG=C.UTF-8 chroot "$root" setpriv --bounding-set -sys_ptrace "$@"
"""


class Unavailable(Exception):
    """Why there can be no fresh Debian here."""


def pristine():
    """Folder of the pristine root."""
    root = os.path.join(CACHE, "root")
    if os.path.isdir(root):
        return root
    if not shutil.which("debootstrap"):
        raise Unavailable("debootstrap is not installed")
    os.makedirs(CACHE, exist_ok=True)
    made = root + ".new"
    shutil.rmtree(made, ignore_errors=True)
    try:
        run(["debootstrap", "--variant=minbase", "bookworm", made, MIRROR], timeout=DEBOOTSTRAP_SECONDS)
    except (LabError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"debootstrap: {str(error).strip().splitlines()[-1]}") from error
    os.rename(made, root)
    return root


class FreshMachine:
    """A copy of the root with the project's sources in /srv/ftpnat."""

    def __init__(self, folder):
        self.root = os.path.join(folder, "root")
        self.archives = os.path.join(CACHE, "archives")
        os.makedirs(os.path.join(self.archives, "partial"), exist_ok=True)
        run(["cp", "-a", pristine(), self.root])
        with contextlib.suppress(OSError):
            shutil.copy("/etc/resolv.conf", self.root + "/etc/resolv.conf")
        with open(self.root + "/etc/apt/apt.conf.d/keep", "w") as file:
            file.write('APT::Keep-Downloaded-Packages "true";\n')
        self.copy_sources(self.root + SOURCES)

    @staticmethod
    def copy_sources(folder):
        """Without what was built."""
        skip = {"build", ".git", "ftpnat-load", "__pycache__"}
        shutil.copytree(TOP, folder, symlinks=True,
                        ignore=lambda path, names: [n for n in names if n in skip])

    def sh(self, script, check=True):
        """A command as the machine's root gives it, among the sources."""
        return run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                    "sh", "-ec", MACHINE, self.archives, self.root,
                    "sh", "-ec", f"unset MAKEFLAGS MFLAGS MAKELEVEL; cd {SOURCES}; {script}"], check=check, timeout=COMMAND_SECONDS)


def section(title):
    """A section of README.md."""
    with open(os.path.join(TOP, "README.md")) as file:
        return re.search(rf"^## {title}\n(.*?)(?=^## )", file.read(), re.M | re.S)[1]


def commands(title):
    """The commands of a section of README.md: indented lines, without what follows a #."""
    text = re.sub(r"^```.*?^```$", "", section(title), flags=re.M | re.S)
    lines = re.findall(r"^    (\S.*)$", text, re.M)
    return [re.sub(r"\s+#.*", "", line) for line in lines]


def configuration(title):
    return re.search(r"^```yaml\n(.*?)^```$", section(title), re.M | re.S)[1]
