# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Errors: all of a file at once, each with its place; with --json as one document."""

import json
import os
import signal

import pytest

from host_service import run  # noqa: F401
from lab import wait_until
from loader_host import CONFIG, INTERFACES, host, refused  # noqa: F401

pytestmark = pytest.mark.ftpnat

WRONG = CONFIG.replace("v0", "v/0", 1) + "xdp: on\nmetrics: {listen: 1}\n"
PLACES = [(1, 14), (10, 6), (11, 19)]


@pytest.mark.parametrize("verb", ["check", "up", "reload", "run"])
def test_all_errors_of_a_file(host, verb):  # noqa: F811
    done = host.load(verb, config=WRONG)
    refused(done, 2)
    path = os.path.join(host.dir, "ftpnat.yaml")
    lines = done.stderr.splitlines()
    assert [line.split(": ")[1] for line in lines] == [f"{path}:{line}:{column}" for line, column in PLACES]
    assert all("; accepted: " in line for line in lines)
    assert not os.path.exists(host.pin)


def test_more_errors_than_are_shown(host):  # noqa: F811
    lines = "".join(f"key{number}: 1\n" for number in range(25))
    done = host.load("check", config=CONFIG + lines)
    said = done.stderr.splitlines()
    assert len(said) == 21 and said[-1].endswith("ftpnat.yaml: and 5 more errors")
    done = host.load("-j", "check", config=CONFIG + lines)
    assert json.loads(done.stdout)["errors"][-1]["message"].endswith("and 5 more errors")


@pytest.mark.parametrize("verb", ["check", "up", "reload"])
def test_errors_of_a_file_as_json(host, verb):  # noqa: F811
    done = host.load(verb, "--json", config=WRONG)
    assert (done.returncode, done.stderr) == (2, "")
    document = json.loads(done.stdout)
    assert document["error"] == document["errors"][0]
    assert [(error["line"], error["column"]) for error in document["errors"]] == PLACES
    for error in document["errors"]:
        assert error["file"] == os.path.join(host.dir, "ftpnat.yaml")
        assert error["remedy"].startswith("accepted: ") and "; " not in error["message"]


@pytest.mark.parametrize("argv, code, message", [
    (["-j", "status"], 1, "not up"),
    (["--json", "flows"], 1, "not up"),
    (["-j", "servers", "drain", "files", "10.9.0.10"], 1, "not up"),
    (["--bogus", "--json", "status"], 2, "unknown option --bogus"),
    (["status", "--port", "0", "-j"], 2, "--port 0"),
    (["-j", "chekc"], 2, "did you mean check?"),
    (["-j"], 2, "no verb"),
], ids=["no-instance", "no-instance-flows", "no-instance-drain", "option", "port", "verb", "no-verb"])
def test_other_errors_as_json(host, argv, code, message):  # noqa: F811
    done = host.load(*argv)
    assert (done.returncode, done.stderr) == (code, "")
    (error,) = json.loads(done.stdout)["errors"]
    assert message in error["message"]
    assert (error["file"], error["line"], error["column"]) == (None, None, None)


def test_missing_interfaces_are_all_named_with_their_places(host):  # noqa: F811
    config = CONFIG.replace("v0", "nowhere", 1).replace("v1", "nothing", 1)
    document = json.loads(host.load("-j", "up", config=config).stdout)
    assert [(error["line"], error["column"], error["remedy"]) for error in document["errors"]] == [
        (1, config.index(name) + 1, "see `ip link`") for name in ("nowhere", "nothing")]


def test_success_leaves_the_document_alone(host):  # noqa: F811
    host.up()
    done = host.load("-j", "status")
    assert "error" not in json.loads(done.stdout) and done.stderr == ""


def test_run_logs_its_errors_as_json(run):  # noqa: F811
    service = run(CONFIG, "-j")
    service.write(INTERFACES)

    def errors():
        documents = [json.loads(line) for line in service.said().split("\n")[:-1] if line.startswith("{")]
        return [document["error"] for document in documents if "error" in document]

    wait_until(lambda: service.process.send_signal(signal.SIGHUP) or errors(), "the error is logged")
    assert "no rule" in errors()[0]["message"]
