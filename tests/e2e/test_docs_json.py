# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The JSON of the listings has the keys that ftpnat-load(8) lists under JSON, and no others."""

import re

import pytest

from follower import Follower
from man_pages import entries, plain, sections, source
from scenes import login, single
from servers import Pyftpdlib

pytestmark = pytest.mark.ftpnat

WORDS = {"reasons", "degraded", "hints"}  # described as text, not key by key


def described():
    """{verb: {key of the document: {keys of its entries}}}"""
    found = {}
    for head, text in entries(sections(source("ftpnat-load.8"))["JSON"]):
        lists = re.findall(r"\*(\w+)\*:\s(.*?)(?=\.\s)", re.sub(r"\s+", " ", text) + " ")
        found[head.strip("*")] = {
            name: set(re.sub(r" \(.*?\)", "", plain(fields)).split(", ")) for name, fields in lists}
    return found


@pytest.fixture(scope="module")
def live(make_shared_lab):
    """A gateway with a session, and a data connection announced in it."""
    guard = {"guard": [{"interface": "c1", "ports": [9]}]}
    lab, server, vips = single(make_shared_lab, Pyftpdlib, config=guard)
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        session.sendcmd("EPSV")
    lab.gateway.dialled = vips[0], server
    yield lab.gateway
    session.close()


@pytest.mark.parametrize("verb", ["status", "stats", "flows", "expected", "servers"])
def test_keys_of_a_listing(live, verb):
    document = live.listing(verb)
    assert document.pop("schema") == 1
    keys = described()[verb]
    assert set(document) == set(keys)
    for name in set(keys) - WORDS:
        value = document[name]
        assert value, f"{name} is empty"
        for entry in value if isinstance(value, list) else [value]:
            assert set(entry) == keys[name], name


def test_keys_of_events(live):
    text = dict(entries(sections(source("ftpnat-load.8"))["JSON"]))["*events*"]
    sentences = [set(re.findall(r"[a-z]+", re.sub(r"\(.*?\)", "", sentence)))
                 for sentence in re.sub(r"\s+", " ", text).split(". ")]
    follower = Follower(live.lab, "--json")
    with live.lab.client.inside():
        session = login(live.lab.client, *live.dialled)
        session.sendcmd("EPSV")
        session.close()
    (opened,), (line,), (closed,) = (follower.wait(reason) for reason in
                                     ("control_opened", "line_unchanged", "control_closed"))
    assert set(opened) <= sentences[0]
    assert set(line) - set(opened) <= sentences[1]
    assert set(closed) - set(opened) <= sentences[2]
