# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""tests/readings/active: what the real servers read, asked without NAT, and what follows for the grammar."""

import pytest

import readings
from servers import SERVERS

ROWS = readings.table()


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
