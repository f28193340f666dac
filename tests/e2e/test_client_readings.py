# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""tests/readings/passive: what real clients read in 227 and 229, asked without NAT, and what follows for the grammar."""

import pytest

import client_readings as readings

ROWS = readings.table()


def beyond(row):
    """What clients read in the reply that the grammar does not."""
    return {client: reading for client, reading in row.clients.items()
            if reading not in (row.grammar, readings.NONE) and row.grammar != readings.UNCLEAR}


@pytest.mark.no_root
def test_no_client_reads_what_the_grammar_does_not():
    assert not {row.text: beyond(row) for row in ROWS if beyond(row)}


@pytest.mark.no_root
def test_table_asks_each_reply_once():
    assert len({row.text for row in ROWS}) == len(ROWS) > 200


@pytest.mark.no_root
@pytest.mark.parametrize("client", readings.READERS)
def test_table_has_replies_that_the_client_takes_and_replies_that_it_does_not(client):
    taken = sum(row.clients[client] != readings.NONE for row in ROWS)
    assert 50 < taken < len(ROWS) - 50


@pytest.mark.parametrize("client", readings.READERS)
def test_client_reads_what_the_table_says(make_lab, client):
    reader = readings.READERS[client]
    if reader.missing():
        pytest.skip(reader.missing())
    node = make_lab(clients=0).server
    readings.all_addresses_are_here(node)
    wrong = []
    with readings.Asker(node, client) as asker:
        for row in ROWS:
            reading = asker.reading(row.reply, row.extended)
            if reading != row.clients[client]:
                wrong.append(f"{row.text[:80]} is read as {reading}, the table says {row.clients[client]}")
    assert not wrong, "\n".join(wrong)
