# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""tests/readings/active and verbs: what the real servers read, asked without NAT, and what follows for the grammar."""

import pytest

import readings
import verb_readings
from scenes import single
from servers import SERVERS

ROWS = readings.table()
VERB_ROWS = verb_readings.table()


def beyond(row):
    """What servers read in the line that the grammar does not."""
    return {kind: reading for kind, reading in row.servers.items()
            if reading not in (row.grammar, readings.NONE) and row.grammar != readings.UNCLEAR}


@pytest.mark.no_root
def test_no_server_reads_what_the_grammar_does_not():
    assert not {row.text: beyond(row) for row in ROWS if beyond(row)}


@pytest.mark.no_root
def test_table_asks_each_line_once():
    assert len({row.text for row in ROWS}) == len(ROWS) > 800


@pytest.mark.no_root
@pytest.mark.parametrize("kind", SERVERS)
def test_table_has_lines_that_the_server_takes_and_lines_that_it_refuses(kind):
    taken = sum(row.servers[kind] != readings.NONE for row in ROWS)
    assert 50 < taken < len(ROWS) - 50


@pytest.mark.parametrize("kind", SERVERS)
def test_server_reads_what_the_table_says(make_lab, real_servers, kind):
    server_class = SERVERS[kind]
    if server_class.missing():
        pytest.skip(server_class.missing())
    node = make_lab().server
    readings.all_addresses_are_here(node)
    server = server_class(node, extra=readings.ANY_ADDRESS.get(kind, "")).start()
    wrong = []
    for family in readings.CLIENT:
        with readings.Asker(server, family) as asker:
            for row in (row for row in ROWS if row.family == family):
                reading = asker.reading(row.line)
                if reading != row.servers[kind]:
                    wrong.append(f"{row.text[:80]} is read as {reading}, the table says {row.servers[kind]}")
    assert not wrong, "\n".join(wrong)


# ---- verbs ----

@pytest.mark.no_root
def test_no_server_takes_a_line_for_a_command_that_the_grammar_does_not_see():
    seen = {row.text: row.grammar | {"MKD"} if "XMKD" in row.grammar else row.grammar for row in VERB_ROWS}
    assert not {row.text: row.servers for row in VERB_ROWS
                if verb_readings.REFUSED not in seen[row.text] and set().union(*row.servers.values()) - seen[row.text]}
    assert len(seen) == len(VERB_ROWS) > 200


@pytest.mark.no_root
@pytest.mark.parametrize("kind", verb_readings.ASKED)
def test_lines_that_the_server_takes_for_a_command_and_lines_that_it_does_not(kind):
    taken = sum(bool(row.servers[kind]) for row in VERB_ROWS)
    assert 10 < taken < len(VERB_ROWS) - 10


@pytest.mark.parametrize("kind", verb_readings.ASKED)
def test_server_takes_lines_for_what_the_table_says(make_lab, real_servers, kind):
    server_class = verb_readings.ASKED[kind]
    if server_class.missing():
        pytest.skip(server_class.missing())
    node = make_lab().server
    readings.all_addresses_are_here(node)
    server = server_class(node, extra=readings.ANY_ADDRESS.get(kind, "")).start()
    wrong = []
    with verb_readings.VerbAsker(server, "v4") as asker:
        for row in VERB_ROWS:
            found = asker.commands(row.line)
            if found != row.servers[kind]:
                wrong.append(f"{row.text} is taken for {found or 'none'}, the table says {row.servers[kind] or 'none'}")
    assert not wrong, "\n".join(wrong)


# between them they take every form for something
@pytest.mark.ftpnat
@pytest.mark.parametrize("kind", ["proftpd", "pyftpdlib", "inetutils-ftpd"])
def test_no_form_of_a_denied_command_reaches_a_server(make_lab, kind):
    lab, server, vips = single(make_lab, verb_readings.ASKED[kind],
                               rule={"commands": {"deny": ["DELE", "MKD", "STAT", "ABOR", "QUIT"]}})
    done = {}
    with verb_readings.VerbAsker(server, "v4", lab.client, vips[0]) as asker:
        for row in VERB_ROWS:
            found = asker.commands(row.line)
            if found:
                done[row.text] = found
    assert not done
    assert lab.gateway.reason("line_command") > 100
