# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""share/ftpnat-load.schema.json: describes the JSON of all listings, and finds what is wrong.

All tests check the documents that they read against it: loader_host.py, gateways.py, follower.py.
"""

import copy
import json

import jsonschema
import pytest

from json_schema import check, check_output, schema, verbs
from loader_host import CONFIG, host  # noqa: F401
from man_pages import help_text
from map_entries import DATA, put_connection, put_expected

WITHOUT_JSON = {"up", "reload", "down", "top", "run"}
ENDS = ("198.51.100.7:40000", "192.0.2.10:2121", "198.51.100.7:40000", "10.9.0.11:21")


@pytest.mark.no_root
def test_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.no_root
def test_all_verbs_that_print_are_described():
    assert verbs() == set(help_text()[0]) - WITHOUT_JSON


@pytest.fixture
def full(host):  # noqa: F811
    """With something to show in every listing."""
    host.up(config=CONFIG + "guard: [{interface: v0, ports: [20, 1024-65535]}]\n")
    put_connection(host, *ENDS)
    put_connection(host, "[2001:db8::7]:40000", "[2001:db8::10]:50000", "[2001:db8::7]:40000", "[fd00::9]:30000",
                   kind=DATA)
    assert host.load("ban", "198.51.100.99", "--for", "1h").returncode == 0
    put_expected(host, "198.51.100.7", "192.0.2.10:50000", "198.51.100.7:0", "10.9.0.11:4369")
    return host


def document(host, *argv):  # noqa: F811
    """Host.load() checks it."""
    done = host.load("--json", *argv)
    assert done.returncode in (0, 3), done.stderr
    return json.loads(done.stdout)


def lists(found):
    """[(list of the document, key)], nested ones too."""
    if isinstance(found, dict):
        for key, value in found.items():
            if isinstance(value, list):
                yield value, key
            yield from lists(value)
    elif isinstance(found, list):
        for value in found:
            yield from lists(value)


@pytest.mark.parametrize("argv", [["check"], ["status"], ["stats"], ["flows"], ["expected"], ["servers"], ["metrics"],
                                  ["servers", "drain", "files", "10.9.0.10"], ["ban", "203.0.113.0/24"], ["bans"],
                                  ["unban", "198.51.100.99"]], ids=" ".join)
def test_documents_have_entries_and_a_foreign_key_in_any_is_found(full, argv):
    shown = document(full, *argv)
    verb = argv[0]
    if verb != "check":
        assert all(value for value, key in lists(shown) if key not in ("degraded", "hints", "drained_by"))
    for change in (lambda doc: doc.update(more=1), lambda doc: doc.pop("schema"), lambda doc: doc.update(schema=2),
                   lambda doc: doc.update(schema="1")):
        wrong = copy.deepcopy(shown)
        change(wrong)
        with pytest.raises(AssertionError, match=f"^{verb}: "):
            check(verb, wrong)
    for number, (entries, key) in enumerate(lists(shown)):
        if (verb == "check" and key != "policy") or not entries or not isinstance(entries[0], dict):
            continue
        wrong = copy.deepcopy(shown)
        list(lists(wrong))[number][0][0]["more"] = 1
        with pytest.raises(AssertionError, match=f"^{verb}: "):
            check(verb, wrong)


@pytest.mark.parametrize("key, value", [
    ("rule", None), ("rule", 1), ("kind", "Control"), ("session", -1), ("session", "1"), ("client", "198.51.100.7"),
    ("client", "2001:db8::7:21"), ("state", "old"), ("age", 1.5), ("bytes", 1), ("bytes", {"out": 1}),
    ("packets", {"out": 1, "in": 1, "both": 2}),
])
def test_wrong_value_is_found(full, key, value):
    shown = document(full, "flows")
    for wrong in ({**shown["flows"][0], key: value},
                  {name: its for name, its in shown["flows"][0].items() if name != key}):
        with pytest.raises(AssertionError, match="^flows: flows/0"):
            check("flows", {"schema": 1, "flows": [wrong]})


@pytest.mark.parametrize("argv, code", [(["flows", "--rule", "none"], 1), (["flows", "--port", "0"], 2),
                                        (["bans", "--bans"], 2), (["up", "now"], 2)])
def test_errors_are_documents(full, argv, code):
    done = full.load("--json", *argv)
    assert done.returncode == code
    check("error", json.loads(done.stdout))


class Done:
    """A command that has ended."""

    def __init__(self, stdout, returncode=0):
        self.stdout, self.returncode = stdout, returncode


@pytest.mark.no_root
def test_output_of_commands_is_checked():
    wrong = '{"schema": 1, "flows": [{}]}'
    for argv in (["-j", "flows"], ["flows", "--json", "--client", "10.0.0.0/8"]):
        with pytest.raises(AssertionError):
            check_output(argv, Done(wrong))
        check_output(argv, Done("", 1))
        with pytest.raises(AssertionError, match="^error: "):
            check_output(argv, Done('{"schema": 1, "error": "no"}', 1))
        with pytest.raises(AssertionError, match="^error: "):
            check_output(argv, Done(wrong, 1))
        check_output(argv, Done('{"schema": 1, "flows": []}'))
    check_output(["flows"], Done("RULE"))
    with pytest.raises(AssertionError):
        check_output(["events", "-j"], Done('{"schema": 1, "reason": "pass"}\n'))
