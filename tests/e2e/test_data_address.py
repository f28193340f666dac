# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a 227 names: data_address, by client, and by host names that come and go."""

import os
import re

import pytest

from host_names import NAME, load
from scenes import login, need, publish
from servers import Vsftpd

pytestmark = pytest.mark.ftpnat


def named(node, dialled, server):
    """The address in the 227 that a client gets."""
    with node.inside():
        session = login(node, dialled, server, "PASV")
        reply = session.sendcmd("PASV")
        session.close()
    return ".".join(reply.split("(")[1].split(",")[:4])


def test_classes_of_clients(make_lab):
    lab = make_lab(clients=3)
    server = need(Vsftpd)(lab.server).start()
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server], data_address="203.0.113.200",
                                        data_address_for=[
                                            {"clients": "10.1.1.0/24", "address": vips[0]},
                                            {"clients": "10.1.4.0/22", "address": "203.0.113.1"},
                                            {"clients": "10.1.3.9", "address": "203.0.113.2"},
                                        ])]})
    assert [named(node, vips[0], server) for node in lab.clients] == [
        vips[0], "203.0.113.200", "203.0.113.200"]
    lab.gateway.reload({"publish": [publish("files", vips, [server], data_address_for=[
        {"clients": "10.1.2.0/24", "address": "203.0.113.2"},
        {"clients": "10.1.0.0/16", "address": "203.0.113.1"}])]})
    assert [named(node, vips[0], server) for node in lab.clients] == [
        "203.0.113.1", "203.0.113.2", "203.0.113.1"]
    with lab.client.inside():
        # the expectation is at the dialled address, whatever the 227 names
        session = login(lab.client, vips[0], server, "EPSV")
        assert session.read("server-name").decode() == server.name


def test_a_name_that_comes_and_goes(make_lab):
    """Resolved at up and reload; if that fails, the last address stays and a message says so."""
    lab = make_lab()
    server = need(Vsftpd)(lab.server).start()
    vips = lab.vips()
    config = {"publish": [publish("files", vips, [server], data_address=NAME)]}
    lab.gateway.write(config)
    done = load(lab, "", "up")
    assert done.returncode == 1, done.stdout
    assert re.search(rf"{lab.gateway.path}:\d+:\d+: data_address {NAME} can't be resolved", done.stdout), done.stdout
    assert not os.path.exists(lab.gateway.pin)
    done = load(lab, f"203.0.113.1 {NAME}", "up")
    assert done.returncode == 0, done.stdout
    assert named(lab.client, vips[0], server) == "203.0.113.1"
    done = load(lab, f"203.0.113.2 {NAME}", "reload")
    assert (done.returncode, done.stdout) == (0, "")
    assert named(lab.client, vips[0], server) == "203.0.113.2"
    for _ in range(2):
        done = load(lab, "", "reload")
        assert done.returncode == 0, done.stdout
        assert "data_address stays 203.0.113.2" in done.stdout
        assert named(lab.client, vips[0], server) == "203.0.113.2"
    done = load(lab, f"2001:db8::1 {NAME}", "reload")
    assert done.returncode == 0 and "no IPv4 address" in done.stdout, done.stdout
    assert named(lab.client, vips[0], server) == "203.0.113.2"
    # another name has no last known address
    config["publish"][0]["data_address"] = f"other.{NAME}"
    lab.gateway.write(config)
    done = load(lab, "", "reload")
    assert done.returncode == 1 and f"other.{NAME}" in done.stdout, done.stdout
    assert named(lab.client, vips[0], server) == "203.0.113.2", "nothing has changed"
