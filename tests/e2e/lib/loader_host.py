# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A namespace with two interfaces on which ftpnat-load is tried, without FTP."""

import json
import os
import shutil
import subprocess
import tempfile

import pytest

import json_schema
from conftest import short_name
from lab import BPFFS, SLOWER
from servers import TOP

COMMAND = os.path.join(TOP, "ftpnat-load")
BRIEF = os.path.join(TOP, "build", "brief", "ftpnat-load")
REFUSED = os.path.join(TOP, "build", "refused", "ftpnat-load")

INTERFACES = "interfaces: [v0, v1]\n"
PUBLISH = """\
publish:
  - name: files
    listen: 192.0.2.10:2121
    servers: ["10.9.0.10:21", "10.9.0.11:21"]
"""
MASQUERADE = """\
masquerade:
  - name: lan
    clients: 192.168.5.0/24
    to: interface
"""
CONFIG = INTERFACES + PUBLISH + MASQUERADE


def sh(*argv, check=True):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60 * SLOWER)
    assert not check or done.returncode == 0, f"{argv}: {done.stderr}"
    return done


class Host:
    """A namespace with the ends v0 and v1 of a veth, and a directory for files."""

    def __init__(self, name):
        self.netns = f"ftpnat-{name}"
        self.pin = f"{BPFFS}/ftpnat-{name}"
        self.dir = tempfile.mkdtemp(prefix="ftpnat-loader-")
        os.chmod(self.dir, 0o755)
        self.clean()
        sh("ip", "netns", "add", self.netns)
        self.add_veth()

    def add_veth(self):
        self.ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
        self.ip("addr", "add", "10.9.0.1/24", "dev", "v0")
        self.ip("link", "set", "v0", "up")
        self.ip("link", "set", "v1", "up")

    def clean(self):
        for pin in (self.pin, self.pin + "-2"):
            if os.path.exists(pin):
                self.load("down", pin=pin)
        sh("ip", "netns", "del", self.netns, check=False)

    def close(self):
        self.clean()
        shutil.rmtree(self.dir)

    def ip(self, *argv):
        return sh("ip", "-n", self.netns, *argv).stdout

    def tc(self, *argv):
        return sh("tc", "-n", self.netns, *argv).stdout

    def write(self, text):
        path = os.path.join(self.dir, "ftpnat.yaml")
        with open(path, "w") as file:
            file.write(text)
        return path

    def load(self, *argv, config=CONFIG, pin=None, command=COMMAND):
        done = sh(command, "-n", self.netns, "-p", pin or self.pin, "-c", self.write(config),
                  *argv, check=False)
        json_schema.check_output(argv, done)
        return done

    def up(self, **options):
        done = self.load("up", **options)
        assert (done.returncode, done.stderr) == (0, ""), f"exit {done.returncode}: {done.stderr}"

    def status(self, **options):
        done = self.load("status", "--json", **options)
        assert done.returncode in (0, 3), done.stderr
        said = json.loads(done.stdout)
        assert done.returncode == (3 if said["degraded"] else 0)
        return said

    def programs(self, interface, hook):
        """Names of the programs in the filters of one hook."""
        filters = json.loads(self.tc("-j", "filter", "show", "dev", interface, hook))
        return [f["options"]["prog"]["name"] for f in filters if "prog" in f.get("options", {})]

    def program_id(self, interface, hook):
        filters = json.loads(self.tc("-j", "filter", "show", "dev", interface, hook))
        return [f["options"]["prog"]["id"] for f in filters if "prog" in f.get("options", {})]

    def everything(self):
        """What a command could leave behind."""
        return {
            "qdiscs": self.tc("qdisc", "show"),
            "filters": [self.programs(i, h) for i in self.interfaces() for h in ("ingress", "egress")],
            "pins": sorted(p for p in os.listdir(BPFFS) if p.startswith(os.path.basename(self.pin))),
        }

    def interfaces(self):
        return [i["ifname"] for i in json.loads(self.ip("-j", "link")) if i["ifname"] != "lo"]


@pytest.fixture
def host(request):
    if not os.path.exists(COMMAND):
        pytest.fail(f"{COMMAND} is not built")
    if not os.path.ismount(BPFFS):
        sh("mount", "-t", "bpf", "bpf", BPFFS)
    host = Host("load-" + short_name(request.node.name))
    yield host
    host.close()


def refused(done, code, *words):
    """The command failed with this code and said these words in lines of its own."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("ftpnat-load: ")
    for word in words:
        assert word in done.stderr
