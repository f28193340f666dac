# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""flows --delete: what matches is ended as a whole, everything else continues."""

import ftplib
import json
import os
import re
import struct

import pytest

from gateways import FtpnatGateway
from killed import kill_before, steps_of
from lab import run, wait_until
from loader_host import host, refused, sh  # noqa: F401
from map_entries import CLIENT, TOLD, tuple_bytes
from scenes import login, pick, single
from servers import Vsftpd
from slow import Transfer

pytestmark = pytest.mark.ftpnat

KIND = pytest.mark.parametrize("kind", ["keep", "full", "masquerade"])
FAMILY = pytest.mark.parametrize("family", ["v4", "v6"])


def delete(lab, *argv):
    """The entries of the connections that it ended."""
    done = lab.gateway.load("flows", "--delete", "--json", *argv)
    doc = json.loads(done.stdout)
    assert doc.pop("schema") == 1
    assert set(doc) == {"flows"}
    return doc["flows"]


def loader(lab, *argv):
    """With standard error apart."""
    return sh(FtpnatGateway.command, "-n", lab.gw.name, "-p", lab.gateway.pin, *argv)


def address_of(endpoint):
    return endpoint.rpartition(":")[0].strip("[]")


def living(lab):
    """{kind: sorted client endpoints}"""
    flows = [flow for flow in lab.gateway.flows() if flow["state"] == "established"]
    return {kind: sorted(flow["client"] for flow in flows if flow["kind"] == kind)
            for kind in ("control", "data")}


def server_peers(lab):
    """The other ends of the server's connections, as its kernel has them."""
    lines = lab.server.run(["ss", "-Hnt"]).stdout.splitlines()
    return {re.sub(r"^\[::ffff:([0-9.]+)\]", r"\1", line.split()[4]) for line in lines}


def books_are_right(lab):
    """The exact counts are those of the tables, and each session belongs to a control connection."""
    flows = lab.gateway.flows()
    going_on = [entry["value"] for entry in lab.gateway.map("ftpnat_flows")
                if entry["value"]["flags"] & CLIENT and not entry["value"]["tcp"] & TOLD]
    used = {table["name"]: table["used"] for table in lab.gateway.stats()["tables"]}
    for kind in ("control", "data"):
        assert used[kind] == sum(flow["kind"] == kind for flow in flows), kind
        opened, closed = (lab.gateway.reason(f"{kind}_{what}") for what in ("opened", "closed"))
        assert opened - closed == sum(entry["kind"] == ("control", "data").index(kind) for entry in going_on), kind
    assert used["expected"] == len(lab.gateway.expected())
    assert sum(lab.gateway.map("ftpnat_usage")[0]["value"]["sessions"]) == used["control"], "of all rules"
    assert len(lab.gateway.map("ftpnat_flows")) == 2 * len(flows)
    sessions = {entry["key"]: entry["value"] for entry in lab.gateway.map("ftpnat_sessions")}
    assert set(sessions) == {flow["session"] for flow in flows if flow["kind"] == "control"}
    for key, session in sessions.items():
        assert session["data_flows"] == sum(
            flow["session"] == key for flow in flows if flow["kind"] == "data")


@KIND
@FAMILY
def test_control_connection_takes_its_data_connection(make_lab, kind, family):
    lab, server, dial = single(make_lab, Vsftpd, kind)
    other = "v6" if family == "v4" else "v4"
    with lab.client.inside():
        ended, lives = (Transfer(lab, server, dial, its, method, False)
                        for its, method in ((family, "EPSV"), (other, "EPRT")))
        for transfer in (ended, lives):
            transfer.step()
        books_are_right(lab)
        gone = delete(lab, "--client", lab.client.address(family), "--kind", "control")
        assert [flow["kind"] for flow in gone] == ["control", "data"]
        assert {address_of(flow["client"]) for flow in gone} == {lab.client.address(family)}
        assert len({flow["session"] for flow in gone}) == 1
        left = living(lab)
        assert [address_of(end) for end in left["control"] + left["data"]] == [lab.client.address(other)] * 2
        books_are_right(lab)
        lives.finish()
        assert lives.session.read("server-name").decode() == server.name
        with pytest.raises(ConnectionResetError):
            ended.session.sock.recv(1)
        with pytest.raises(ConnectionResetError):
            while ended.step():
                pass
        assert not {flow["source"] for flow in gone} & server_peers(lab)
        books_are_right(lab)


@FAMILY
def test_control_connection_takes_its_expectation(make_lab, family):
    lab, server, dial = single(make_lab, Vsftpd)
    with lab.client.inside():
        session = login(lab.client, pick(dial, family), server)
        session.sendcmd("EPSV")
        assert len(lab.gateway.expected()) == 1
        (gone,) = delete(lab, "--rule", "files")
        assert gone["kind"] == "control"
        assert lab.gateway.expected() == []
        assert lab.gateway.reason("expected_closed") == 1
        books_are_right(lab)


def test_data_connection_alone(make_lab):
    """Its session continues: the server says so, and the next transfer works."""
    lab, server, dial = single(make_lab, Vsftpd, "full")
    with lab.client.inside():
        transfer = Transfer(lab, server, dial, "v4", "PASV", True)
        transfer.step()
        (gone,) = delete(lab, "--kind", "data")
        assert gone["kind"] == "data"
        books_are_right(lab)
        with pytest.raises(ConnectionResetError):
            transfer.data.recv(1)
        transfer.data.close()
        with pytest.raises(ftplib.error_temp, match="^426 "):
            transfer.session.getresp()
        assert transfer.session.read("server-name").decode() == server.name
        books_are_right(lab)


def test_client_can_dial_again(make_lab):
    lab, server, dial = single(make_lab, Vsftpd)
    with lab.client.inside():
        for host_dialled in dial:
            session = login(lab.client, host_dialled, server)
            assert delete(lab, "--port", "21", "--state", "established")
            with pytest.raises(ConnectionResetError):
                session.sock.recv(1)
            again = login(lab.client, host_dialled, server)
            assert again.read("server-name").decode() == server.name
            again.quit()


def test_nothing_matches(make_lab):
    lab, server, dial = single(make_lab, Vsftpd)
    with lab.client.inside():
        session = login(lab.client, dial[0], server)
        assert delete(lab, "--client", "198.51.100.0/24") == []
        done = loader(lab, "flows", "--delete", "--client", "198.51.100.0/24")
        assert (done.returncode, done.stdout) == (0, "")
        assert "no connection matches" in done.stderr
        session.voidcmd("NOOP")
        assert len(lab.gateway.flows()) == 1


def test_text_is_that_of_the_listing(make_lab):
    lab, server, dial = single(make_lab, Vsftpd)
    with lab.client.inside():
        sessions = [login(lab.client, host_dialled, server) for host_dialled in dial * 3]
        done = loader(lab, "flows", "--delete", "--rule", "files")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("RULE ")
    assert len(lines) == 1 + len(sessions)
    assert f"ended {len(sessions)} connections" in done.stderr
    assert lab.gateway.flows() == []
    books_are_right(lab)


def test_another_connection_with_the_tuple_stays(make_lab):
    """What was asked to end is gone, and its client has dialled again from the same port."""
    lab, server, dial = single(make_lab, Vsftpd)
    with lab.client.inside():
        session = login(lab.client, dial[0], server)
        (flow,) = lab.gateway.flows()
        key = tuple_bytes(flow["client"], flow["public"])
        queue = os.path.join(lab.gateway.pin, "ftpnat_ending")
        for created, its in ((1, flow["session"]), (1, 0)):
            value = key + struct.pack("=III", created, its, 0)
            run(["bpftool", "map", "push", "pinned", queue, "value", "hex", *value.hex(" ").split()])
        wait_until(lambda: "value" not in run(["bpftool", "map", "peek", "pinned", queue], check=False).stdout,
                   "the timer has taken them")
        session.voidcmd("NOOP")
        assert lab.gateway.flows()[0]["session"] == flow["session"]


@pytest.mark.slow
def test_killed_before_each_step(make_lab):
    """Each connection is whole or gone, and the next command ends the rest."""
    lab, server, dial = single(make_lab, Vsftpd)
    argv = [FtpnatGateway.command, "-n", lab.gw.name, "-p", lab.gateway.pin,
            "flows", "--delete", "--rule", "files"]

    def begin():
        transfers = [Transfer(lab, server, dial, "v4", "PASV", False) for _ in range(2)]
        for transfer in transfers:
            transfer.step()

    with lab.client.inside():
        begin()
        steps = steps_of(argv, lab.file("steps"))
        assert steps[:4] == ["bpf map"] * 4 and set(steps[4:]) == {"reset"}
        for number in range(5):  # before the first reset, too: all are gone, no end was told
            assert lab.gateway.flows() == []
            begin()
            kill_before(argv, number)
            wait_until(lambda: len(lab.gateway.flows()) == 4 - number, "the timer has ended what it was given")
            books_are_right(lab)
            assert len(delete(lab, "--rule", "files")) == 4 - number
            books_are_right(lab)


@pytest.mark.parametrize("argv, words", [
    (["flows", "--delete"], "which connections? A filter is needed"),
    (["expected", "--delete", "--rule", "files"], "--delete belongs to flows"),
])
def test_wrong_usage(host, argv, words):  # noqa: F811
    host.up()
    refused(host.load(*argv), 2, words)


def test_rule_that_is_none(host):  # noqa: F811
    host.up()
    refused(host.load("flows", "--delete", "--rule", "fiels"), 1, "no rule is named fiels")
