# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""metrics: agrees with `stats`, and Prometheus' own tool accepts it."""

import json

import pytest

from lab import wait_until
from loader_host import host, refused  # noqa: F401
from prometheus import promtool, sample, samples
from scenes import login, single
from servers import Vsftpd

pytestmark = pytest.mark.ftpnat


def test_promtool_finds_no_fault(host):  # noqa: F811
    host.up()
    done = host.load("metrics")
    assert (done.returncode, done.stderr) == (0, "")
    checked = promtool("check", "metrics", input=done.stdout)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_promtool_would_find_a_fault():
    checked = promtool("check", "metrics", input="# TYPE ftpnat_x counter\nftpnat_x 1\n")
    assert checked.returncode == 3
    assert "no help text" in checked.stderr


def test_same_as_stats_after_a_session(make_lab):
    lab, server, vips = single(make_lab, Vsftpd)
    with lab.client.inside():
        session = login(lab.client, vips[0], server, "PASV")
        assert session.read("server-name").decode() == server.name
        text = lab.gateway.load("metrics").stdout
        stats = lab.gateway.stats()
        session.quit()
        wait_until(lambda: sample(lab.gateway.load("metrics").stdout, "ftpnat_sessions", rule="files") == 0,
                   "the session has ended")
    rule, = stats["rules"]
    assert sample(text, "ftpnat_sessions", rule="files") == 1
    assert sample(text, "ftpnat_server_sessions", rule="files", server=f"{server.addresses[0]}:21") == 1
    assert sample(text, "ftpnat_sessions_total", rule="files") == rule["sessions"] == 1
    assert sample(text, "ftpnat_data_connections_total", rule="files") == rule["data_connections"] == 1
    assert sample(text, "ftpnat_lines_total", rule="files", kind="227") == rule["lines"]["227"] == 1
    assert sample(text, "ftpnat_lines_total", rule="files", kind="PORT") == 0
    for way in ("out", "in"):
        assert sample(text, "ftpnat_packets_total", rule="files", direction=way) > 0
        assert sample(text, "ftpnat_bytes_total", rule="files", direction=way) > 0
    assert sample(text, "ftpnat_table_used_entries", table="control") == 1
    assert sample(text, "ftpnat_table_size_entries", table="control") == 65536
    assert sample(text, "ftpnat_reasons_total", reason="line_rewritten") == 1
    assert sample(text, "ftpnat_events_lost_total") == 0
    assert sample(text, "ftpnat_degraded") == 0
    reasons = {dict(labels)["reason"] for name, labels in samples(text) if name == "ftpnat_reasons_total"}
    assert reasons == set(stats["reasons"])


def test_degraded_is_counted(host):  # noqa: F811
    host.up()
    sentences = len(host.status()["degraded"])
    host.ip("link", "del", "v0")
    assert len(host.status()["degraded"]) > sentences
    text = host.load("metrics").stdout
    assert sample(text, "ftpnat_degraded") == len(host.status()["degraded"])


def test_json_has_the_same_numbers(host):  # noqa: F811
    host.up()
    # The kernel's own IPv6 packets on the new links are counted too: read between two equal texts.
    before, text = None, samples(host.load("metrics").stdout)
    while before != text:
        before = text
        document = json.loads(host.load("metrics", "--json").stdout)
        text = samples(host.load("metrics").stdout)
    assert document["schema"] == 1
    said = {(family["name"], frozenset(entry["labels"].items())): entry["value"]
            for family in document["metrics"] for entry in family["samples"]}
    assert said == text
    assert {family["type"] for family in document["metrics"]} == {"counter", "gauge"}


def test_not_up(host):  # noqa: F811
    refused(host.load("metrics"), 1, "not up at")
