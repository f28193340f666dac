# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Who may come in, and how many: with real clients and servers."""

import ftplib
import http.server
import ipaddress
import os
import re
import socket
import subprocess
import threading
import time

import pytest

from follower import Follower
from lab import wait_until
from scenes import login, masquerade, need, pick, publish
from servers import TOP, Vsftpd

pytestmark = pytest.mark.ftpnat

PATIENCE = 1.5  # seconds in which a dropped SYN must not be answered


@pytest.fixture
def scene(make_lab):
    """scene(**keys of the rule) -> lab, server, addresses to dial; clients[0] is .2, [1] is .3"""
    def make(kind="publish", **keys):
        lab = make_lab(clients=2)
        server = need(Vsftpd)(lab.server).start()
        if kind == "masquerade":
            lab.gateway.up({"masquerade": masquerade("lan", **keys)})
            return lab, server, server.addresses
        vips = lab.vips()
        lab.gateway.up({"publish": [publish("files", vips, [server], **keys)]})
        return lab, server, vips
    return make


def comes_in(node, address, server):
    with node.inside():
        session = login(node, address, server)
        assert session.read("server-name").decode() == server.name
        session.quit()


def is_dropped(node, address, port=21):
    with node.inside():
        started = time.monotonic()
        with pytest.raises(socket.timeout):
            socket.create_connection((address, port), timeout=PATIENCE)
        assert time.monotonic() - started >= PATIENCE


def is_reset(node, address, port=21):
    with node.inside(), pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, port), timeout=10)


@pytest.mark.parametrize("family", ["v4", "v6"])
@pytest.mark.parametrize("key", ["clients", "deny"])
@pytest.mark.parametrize("refuse", ["drop", "reset"])
def test_only_whom_the_lists_let_in(scene, family, key, refuse):
    lab, server, vips = scene()
    first, second = lab.clients
    listed, other = (first, second) if key == "clients" else (second, first)
    path = lab.file("list")
    with open(path, "w") as file:
        file.write(f"# {key}\n{listed.ip6}  # of the lab\n")
    lab.gateway.reload({"publish": [publish("files", vips, [server], refuse=refuse,
                                            **{key: [listed.ip4, {"file": path}]})]})
    allowed, refused = (listed, other) if key == "clients" else (other, listed)
    comes_in(allowed, pick(vips, family), server)
    assert lab.gateway.reason("client_denied") == 0
    (is_reset if refuse == "reset" else is_dropped)(refused, pick(vips, family))
    denied = lab.gateway.reason("client_denied")
    assert denied >= 1
    assert lab.gateway.reason("reset") == (denied if refuse == "reset" else 0)
    assert all(not flow["client"].startswith(refused.ip4 + ":") for flow in lab.gateway.flows())
    comes_in(allowed, pick(vips, family), server)


@pytest.mark.parametrize("family", ["v4", "v6"])
def test_denied_masqueraded_client_is_reset(scene, family):
    lab, server, addresses = scene("masquerade", refuse="reset")
    first, second = lab.clients
    lab.gateway.reload({"masquerade": masquerade("lan", refuse="reset", deny=[first.ip4, first.ip6])})
    is_reset(first, pick(addresses, family))
    comes_in(second, pick(addresses, family), server)


def test_reload_of_a_file_and_living_sessions(scene):
    """A reload with a bad list changes nothing; with a good one, sessions continue."""
    lab, server, vips = scene(refuse="reset")
    client = lab.clients[0]
    path = lab.file("deny")
    config = {"publish": [publish("files", vips, [server], deny={"file": path}, refuse="reset")]}

    def write(text):
        with open(path, "w") as file:
            file.write(text)

    write("")
    lab.gateway.reload(config)
    with client.inside():
        session = login(client, vips[0], server)
        write(f"{client.ip4}\nnobody\n")
        done = lab.gateway.load("reload", check=False)
        assert (done.returncode, f"{path}:2:1: 'nobody' is not a prefix" in done.stdout) == (2, True)
        login(client, vips[0], server).quit()
        write(f"{client.ip4}\n")
        lab.gateway.reload(config)
        assert session.read("server-name").decode() == server.name
        session.quit()
    is_reset(client, vips[0])
    write("# nobody any more\n")
    lab.gateway.reload(config)
    comes_in(client, vips[0], server)


def test_a_hundred_thousand_prefixes(scene):
    """Half of them IPv6: the first and the last one match, and no other address does."""
    lab, server, vips = scene(refuse="reset")
    first, second = lab.clients
    path = lab.file("deny")
    with open(path, "w") as file:
        file.write(f"{first.ip4}\n")
        file.writelines(f"{ipaddress.ip_address(0x0B000000 + 2 * number)}\n" for number in range(49_999))
        file.writelines(f"2001:db8:{number:x}::/48\n" for number in range(49_999))
        file.write(f"{second.ip6}\n")
    config = {"publish": [publish("files", vips, [server], deny={"file": path}, refuse="reset")]}
    started = time.monotonic()
    lab.gateway.reload(config)
    print(f"reload with 100,000 prefixes: {time.monotonic() - started:.2f} s")
    is_reset(first, vips[0])
    is_reset(second, vips[1])
    comes_in(second, vips[0], server)
    comes_in(first, vips[1], server)
    said = lab.gateway.load("check").stdout
    assert f"the 100000 prefixes of {path} may not connect." in said


BLOCKLIST = "http://127.0.0.1:41412/security/blocklist"  # of docs/service.md


class Blocklist(http.server.BaseHTTPRequestHandler):
    """A value a line, as CrowdSec's blocklist mirror answers in its format plain_text."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.text.encode())

    def log_message(self, *_):
        pass


def script_of_the_docs(lab, url, path):
    """The one that fetches a blocklist, for this lab."""
    with open(os.path.join(TOP, "docs", "service.md")) as file:
        text, = re.findall(r"```sh\n(#!/bin/sh\n.*?)```", file.read(), re.S)
    command = " ".join([lab.gateway.command, "-n", lab.gw.name, "-p", lab.gateway.pin, "-c", lab.gateway.path])
    for old, new in ((BLOCKLIST, url), ("/etc/ftpnat/blocklist.txt", path), ("ftpnat-load", command),
                     ("systemctl reload ftpnat", f"{command} reload")):
        assert old in text
        text = text.replace(old, new)
    return ["sh", "-c", text]


def test_a_blocklist_that_changes(scene):
    """The script of docs/service.md: what is no address is left out, and what can't be fetched or read changes nothing."""
    lab, server, vips = scene(refuse="reset")
    first, second = lab.clients
    path = lab.file("blocklist")
    with open(path, "w"):
        pass
    lab.gateway.write({"publish": [publish("files", vips, [server], deny={"file": path}, refuse="reset")]})
    with http.server.HTTPServer(("127.0.0.1", 0), Blocklist) as mirror:
        threading.Thread(target=mirror.serve_forever, daemon=True).start()
        script = script_of_the_docs(lab, f"http://127.0.0.1:{mirror.server_port}/", path)
        mirror.text = f"{first.ip4}\n{first.ip4}\nFR\n{second.ip6}/128\n"
        subprocess.run(script, check=True, timeout=60)
        is_reset(first, vips[0])
        is_reset(second, vips[1])
        comes_in(second, vips[0], server)
        mirror.text = "10.1.0.1/16\n"
        assert subprocess.run(script, timeout=60).returncode == 1
        is_reset(first, vips[0])
        comes_in(second, vips[0], server)
        mirror.text = ""
        subprocess.run(script, check=True, timeout=60)
        comes_in(first, vips[0], server)
        mirror.shutdown()
    assert subprocess.run(script, timeout=60).returncode != 0


def test_events_of_refusals_are_rationed(scene):
    lab, server, vips = scene(refuse="reset")
    client = lab.clients[0]
    lab.gateway.reload({"publish": [publish("files", vips, [server], deny=client.ip4, refuse="reset")]})
    follower, number = Follower(lab, "--json"), 200
    started = time.monotonic()
    for _ in range(number):
        is_reset(client, vips[0])
    seconds = int(time.monotonic() - started) + 2  # that the refusals touch
    assert lab.gateway.reason("client_denied") == number
    event, = follower.wait("client_denied")
    assert (event["rule"], event["kind"]) == ("files", "control")
    assert len(follower.entries("client_denied")) <= 10 * seconds * os.cpu_count()
    assert not lab.gateway.flows()


# ---- how many ----

@pytest.mark.parametrize("kind, family", [("publish", "v4"), ("publish", "v6"), ("masquerade", "v4")])
@pytest.mark.parametrize("keys, reason", [({"per_client": {"sessions": 2}}, "client_sessions"),
                                          ({"max_sessions": 2}, "rule_sessions")],
                         ids=["per_client", "max_sessions"])
def test_sessions_at_once(scene, kind, family, keys, reason):
    lab, server, addresses = scene(kind, refuse="reset", **keys)
    first, second = lab.clients
    address = pick(addresses, family)
    with first.inside():
        sessions = [login(first, address, server) for _ in range(2)]
    is_reset(first, address)
    assert lab.gateway.reason(reason) == 1
    if reason == "client_sessions":
        comes_in(second, address, server)
    else:
        is_reset(second, address)
    with first.inside():
        for session in sessions:
            assert session.read("server-name").decode() == server.name
            session.quit()
    wait_until(lambda: lab.gateway.reason("control_closed") >= 1, "one of them has ended at both ends")
    comes_in(first, address, server)  # in its place


def test_new_sessions_in_a_time(scene):
    lab, server, vips = scene(refuse="reset", per_client={"new_sessions": "3/h"})
    first, second = lab.clients
    for _ in range(3):
        comes_in(first, vips[0], server)
    is_reset(first, vips[0])
    assert lab.gateway.reason("client_new_sessions") == 1
    comes_in(second, vips[0], server)
    comes_in(first, vips[1], server)  # IPv6: another client


def test_half_open(scene):
    """A SYN that is never answered counts until it is."""
    lab, server, vips = scene(refuse="reset", per_client={"half_open": 1})
    client = lab.client
    server.stop()
    lab.server.run(["nft", "add table inet quiet; add chain inet quiet in "
                           "{ type filter hook input priority 0; policy accept; }; "
                           "add rule inet quiet in tcp dport 21 drop"])
    is_dropped(client, vips[0])
    is_reset(client, vips[0])
    assert lab.gateway.reason("client_half_open") == 1
    assert lab.gateway.reason("reset") == 1


@pytest.mark.parametrize("method", ["EPSV", "PASV"])
def test_announced_data_connections(scene, method):
    lab, server, vips = scene(per_client={"expected": 1})
    first, second = lab.clients
    with first.inside():
        one, two = [login(first, vips[0], server) for _ in range(2)]
        one.sendcmd(method)
        with pytest.raises(ftplib.error_temp, match="^425"):
            two.sendcmd(method)
        assert lab.gateway.reason("client_expected") == 1
        two.voidcmd("NOOP")
        one.sendcmd(method)  # replaces its own
        with second.inside():
            other = login(second, vips[0], server)
            other.sendcmd(method)
            other.quit()
        assert one.read("server-name").decode() == server.name
        assert two.read("server-name").decode() == server.name
        one.quit()
        two.quit()
