# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""README's commands on a fresh Debian: no systemd, no bpffs, /proc/1 out of reach, minimal packages."""

import shutil
import tempfile

import pytest

from fresh import FreshMachine, Unavailable, commands, configuration

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow, pytest.mark.xdist_group("fresh_machine")]

# What the demo must not need.
HEAVY = ("clang-19", "zsh", "python3-pytest", "lftp", "libcmocka-dev")
# A gateway with README's interfaces and addresses.
GATEWAY = """\
ip netns add gateway
ip -n gateway link set lo up
ip -n gateway link add eth0 type veth peer name outer
ip -n gateway link add eth1 type veth peer name inner
for link in eth0 outer eth1 inner; do ip -n gateway link set $link up; done
ip -n gateway address add 192.0.2.10/24 dev eth0
ip -n gateway address add 10.9.0.1/24 dev eth1
nsenter --net=/run/netns/gateway sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
"""


@pytest.fixture(scope="module")
def machine():
    folder = tempfile.mkdtemp(prefix="ftpnat-fresh.", dir="/var/tmp")
    try:
        machine = FreshMachine(folder)
        done = machine.sh("apt-get update", check=False)
        if done.returncode or "Failed to fetch" in done.stdout:
            pytest.skip(f"no Debian mirror: {done.stdout.strip().splitlines()[-1]}")
        machine.sh("apt-get install -y -qq git make")
        yield machine
    except Unavailable as error:
        pytest.skip(str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_make_demo(machine):
    assert commands("Try it") == ["make demo", "make check"]
    said = machine.sh("make demo").stdout.splitlines()
    first, last = said[0], said[-1]
    assert first.startswith("scripts/deps: installs with apt-get: ")
    assert {"clang", "python3-pyftpdlib"} <= set(first.split())
    assert not set(HEAVY) & set(first.split())
    assert last == "VERDICT: all 12 conversations went through the gateway, 24 files arrived unchanged"


def test_install_and_use(machine):
    *installing, check, up, status, flows, down = [c for c in commands("Use it") if "sysctl" not in c]
    assert [verb.split()[:2] for verb in (check, up, status, flows, down)] == [
        ["ftpnat-load", verb] for verb in ("check", "up", "status", "flows", "down")]
    machine.sh("\n".join(installing))
    machine.sh("scripts/deps demo")  # iproute2, for the interfaces
    with open(f"{machine.root}/srv/readme.yaml", "w") as file:
        file.write(configuration("Use it"))
    using = "\n".join(verb.replace("ftpnat-load", "ftpnat-load --netns gateway") for verb in
                      (up, "mountpoint -q /sys/fs/bpf", status, flows, down))
    said = machine.sh(f"{GATEWAY}mkdir -p /etc/ftpnat\ncp /srv/readme.yaml /etc/ftpnat/ftpnat.yaml\n"
                      f"{check}\n{using}\ntest ! -e /sys/fs/bpf/ftpnat").stdout
    assert "all is well" in said, said
