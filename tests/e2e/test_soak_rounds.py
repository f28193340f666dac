# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Rounds of `make soak`, always the same ones: each disturbance and each kind of session is among them."""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "soak"))

from scenes import need  # noqa: E402
from servers import Proftpd, Pureftpd, Vsftpd  # noqa: E402
from soak import play  # noqa: E402
from soak_books import Books  # noqa: E402
from soak_faults import Faults  # noqa: E402
from soak_lab import LAB, Site  # noqa: E402
from soak_rounds import Round  # noqa: E402
from soak_sessions import KINDS  # noqa: E402

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow]

SEED = 395
ROUNDS = (0, 1)


@pytest.fixture
def site(make_lab):
    for cls in (Vsftpd, Proftpd, Pureftpd):
        need(cls)
    site = Site(make_lab(**LAB))
    yield site
    assert site.close() == []


def test_rounds(site):
    rounds = [Round(site, SEED, number) for number in ROUNDS]
    assert {name for played in rounds for name, _ in played.plan} == {*Faults.harmless, *Faults.harmful}
    assert {type(talk) for played in rounds for talk in played.talks} == set(KINDS)
    books = Books(site)
    for number in ROUNDS:
        story = play(site, books, SEED, number)
        assert not story, story
    if not site.memory.path:
        pytest.skip(f"right, but memory was not looked at: {site.memory.why}")
