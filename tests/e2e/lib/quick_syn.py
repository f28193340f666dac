# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Lost SYNs are sent again soon, by this process and all that it starts: for lossy links.

A cgroup with a BPF program does it. Cgroups are the whole machine's, so their names end in
our process id: the same test may run beside us.
"""

import contextlib
import os

from lab import LabError, run, wait_until
from servers import TOP

PROGRAM = os.path.join(TOP, "build", "e2e", "lib", "quick_syn.bpf.o")

# The lock: another run must not take a cgroup that nobody has entered yet for a dead one's.
ENTER = """
exec 9</mnt
flock 9
for dead in "${2%.*}".*; do
	rmdir "$dead" 2>&- || :
done
mkdir "$2"
trap '[ $? -eq 0 ] || rmdir "$2"' EXIT
bpftool prog load "$4" /sys/fs/bpf/quick_syn
bpftool cgroup attach "$2" sock_ops pinned /sys/fs/bpf/quick_syn
echo "$3" >"$2/cgroup.procs"
"""

# Processes that are still in it go where we came from.
LEAVE = """
for process in $(cat "$2/cgroup.procs"); do
	echo "$process" >"$1/cgroup.procs" || :
done
rmdir "$2"
"""


def _among_cgroups(script, *arguments):
    """Runs a shell script that alone sees the cgroups in /mnt, and a bpffs of its own."""
    mounts = "mount -t cgroup2 cgroup2 /mnt\nmount -t bpf bpf /sys/fs/bpf\n"
    return run(["unshare", "--mount", "sh", "-ec", mounts + script, "sh", *arguments], check=False)


def _home():
    """The cgroup that this process is in; None when the kernel has no cgroup v2."""
    with open("/proc/self/cgroup") as file:
        for line in file:
            if line.startswith("0::"):
                return "/mnt" + line[3:].strip().rstrip("/")
    return None


@contextlib.contextmanager
def quick_syn(name):
    """Yields why it can't be had, None when it works."""
    if not os.path.exists(PROGRAM):
        raise LabError(f"{PROGRAM} is not built: run `make unit`")
    home = _home()
    if not home:
        yield "the kernel has no cgroup v2"
        return
    cgroup = f"{home}/ftpnat-{name}.{os.getpid()}"
    entered = _among_cgroups(ENTER, home, cgroup, str(os.getpid()), PROGRAM)
    if entered.returncode:
        yield " ".join(entered.stdout.split())
        return
    try:
        yield None
    finally:
        wait_until(lambda: not _among_cgroups(LEAVE, home, cgroup).returncode,
                   f"{cgroup} is left and removed")
