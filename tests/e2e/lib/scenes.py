# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Shared by many tests: common configurations and transfers with comparison."""

import contextlib
import ftplib
import hashlib
import itertools
import os

from clients import Account, Session
from lab import run
from servers import endpoint

_number = itertools.count(1)


def need(cls):
    """Skips the test when a server or client is absent."""
    reason = cls.missing()
    if reason:
        import pytest  # here, since the demo does without
        pytest.skip(reason)
    return cls


def needs_another_kernel(lack):
    """The reason of a skip for what other kernels have; test_kernels.py sees that they run the test."""
    return f"{lack}: `make check-kernels` runs this under kernels that have it"


def ends(addresses, port=21):
    return [endpoint(address, port) for address in addresses]


def publish(name, vips, servers, port=21, **more):
    """A publish rule; servers: Server objects, or (Server, weight)."""
    listed = []
    for entry in servers:
        server, weight = entry if isinstance(entry, tuple) else (entry, None)
        for end in ends(server.addresses, server.port):
            listed.append({"server": end, "weight": weight} if weight else end)
    return {"name": name, "listen": ends(vips, port), "servers": listed, **more}


def masquerade(name, to=("interface", "interface"), clients=("10.1.0.0/16", "fd00:1::/32"), **more):
    """Two rules, NAME4 and NAME6."""
    return [{"name": f"{name}{version}", "clients": prefix, "to": address, **more}
            for version, prefix, address in zip("46", clients, to)]


def pick(pair, family):
    return pair[0] if family == "v4" else pair[1]


def single(make_lab, cls, kind="keep", rule=None, config=None, **options):
    """A lab with one server behind one rule; returns it, the server and the addresses to dial.

    rule: more keys of the rule; config: of the configuration; options: of the lab.
    """
    lab = make_lab(route_back=kind == "keep", **options)
    server = need(cls)(lab.server).start()
    if kind == "masquerade":
        lab.gateway.up(dict(config or {}, masquerade=masquerade("lan", **rule or {})))
        return lab, server, server.addresses
    source = "gateway" if kind == "full" else "keep"
    vips = lab.vips()
    rules = [publish("files", vips, [server], source=source, **rule or {})]
    lab.gateway.up(dict(config or {}, publish=rules))
    return lab, server, vips


def digest(path):
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def random_file(path, size):
    """A file of `size` bytes that repeat nowhere."""
    command = (f"openssl enc -aes-128-ctr -nosalt -K {os.urandom(16).hex()} -iv {'0' * 32} "
               f"-in /dev/zero 2>/dev/null | head -c {size} >{path}")
    run(["sh", "-c", command])
    return path


def exchange(client, node, server, account, method, size=200_000, source=None):
    """Uploads and downloads a new file and compares both; returns what the client said."""
    number = next(_number)
    upload = random_file(node.lab.file(f"up{number}"), size)
    download = node.lab.file(f"down{number}")
    said = client.transfer(node, account, method, upload, f"file{number}", download, source)
    stored, want = server.path(f"file{number}"), digest(upload)
    for path in (stored, download):
        assert os.path.exists(path), f"{path} was not transferred\n{said}"
        assert digest(path) == want, f"{path} differs\n{said}"
    for path in (stored, download, upload):
        os.unlink(path)
    return said


def login(node, host, server, method="EPSV", port=21, source=None):
    """An open ftplib session; to be called inside the node."""
    return Session(method, source).open(Account(host, server, port))


def say(session, command):
    """The reply, of whatever kind."""
    with contextlib.suppress(ftplib.error_temp, ftplib.error_perm):
        return session.sendcmd(command)
