# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""stats --watch: the totals once, then rates since the time before."""

import json
import os
import re
import struct

import pytest

import json_schema
from lab import Process, wait_until
from loader_host import COMMAND, host  # noqa: F401
from map_entries import put


def put_stats(host, *numbers):  # noqa: F811
    """The counters of rule 0: sessions, data connections, four kinds of line, packets and bytes both ways."""
    put(host, "ftpnat_stats", struct.pack("=I", 0), struct.pack("=10Q", *numbers))  # on every CPU


@pytest.fixture
def watch(host):  # noqa: F811
    """watch(*more arguments) -> the process"""
    started = []

    def start(*argv):
        log = os.path.join(host.dir, "watch.log")
        started.append(Process([COMMAND, "-n", host.netns, "-p", host.pin, "stats", "--watch", "1", *argv], log))
        return started[-1]

    host.up()
    yield start
    for process in started:
        process.stop()


def documents(process):
    found = [json.loads(line) for line in process.lines()]
    for doc in found:
        json_schema.check("stats", doc)
    return found


def test_json_is_a_document_per_line_with_rates(host, watch):  # noqa: F811
    put_stats(host, 100, 0, 0, 0, 0, 0, 0, 0, 0, 5000)
    process = watch("--json")
    wait_until(lambda: len(documents(process)) >= 2, "two documents")
    first, second = documents(process)[:2]
    cpus = first["rules"][0]["sessions"] // 100
    assert first["rates"] is None
    assert second["rates"]["rules"][0]["sessions"] == 0, "the counters before it don't matter"
    put_stats(host, 107, 3, 1, 0, 0, 0, 0, 0, 0, 6000)
    wait_until(lambda: documents(process)[-1]["rules"][0]["sessions"] == 107 * cpus, "the new counters")
    rates = next(doc["rates"] for doc in documents(process) if doc["rules"][0]["sessions"] == 107 * cpus)
    files = rates["rules"][0]
    added = {key: round(files[key] * rates["seconds"]) for key in ("sessions", "data_connections")}
    assert added == {"sessions": 7 * cpus, "data_connections": 3 * cpus}
    assert round(files["lines"]["PORT"] * rates["seconds"]) == cpus
    assert round(files["bytes"]["in"] * rates["seconds"]) == 1000 * cpus
    assert rates["seconds"] >= 1


def test_counters_that_begin_again_count_from_zero(host, watch):  # noqa: F811
    put_stats(host, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    process = watch("--json")
    wait_until(lambda: len(documents(process)) >= 1, "a document")
    put_stats(host, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    cpus = documents(process)[0]["rules"][0]["sessions"] // 100
    wait_until(lambda: documents(process)[-1]["rules"][0]["sessions"] == 2 * cpus, "the new counters")
    rates = next(doc["rates"] for doc in documents(process) if doc["rules"][0]["sessions"] == 2 * cpus)
    assert round(rates["rules"][0]["sessions"] * rates["seconds"]) == 2 * cpus


def test_text_has_totals_and_then_rates(host, watch):  # noqa: F811
    put_stats(host, 100, 0, 0, 0, 0, 0, 0, 0, 0, 5_000_000_000)
    process = watch()
    wait_until(lambda: len(re.findall("per second:", process.output())) >= 2, "two intervals")
    totals, *intervals = re.split(r"\n\S+, per second:\n", process.output())
    assert "TABLE" in totals
    assert re.search(r"^files +\d+00 ", totals, re.MULTILINE)
    for interval in intervals[:-1]:
        assert "TABLE" not in interval
        assert re.search(r"^files +0 ", interval, re.MULTILINE), "nothing was added"
    assert max(map(len, process.lines())) <= 80


def test_down_ends_it(host, watch):  # noqa: F811
    process = watch("--json")
    wait_until(lambda: documents(process), "a document")
    host.load("down")
    assert process.popen.wait(10) == 1
    assert "not up at" in process.output()
