# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The attacks of this folder against ftpnat.

    python3 -m pytest tests/attacks -k "source and land"       as root; --gateway kernel: the kernel's helper

An attack that ftpnat does not withstand yet is in the file `unmet`; what mends it
takes it out there.
"""

import pytest

from attacks import attacks, play, unmet
from ground import GATEWAYS_ATTACKED, Ground

ATTACKS = attacks()
UNMET = unmet()


def parameters():
    return [pytest.param(entry, id=entry.id, marks=[pytest.mark.xfail(strict=True, reason=f"unmet: {UNMET[entry.id]}")]
                         if entry.id in UNMET else [])
            for entry in ATTACKS]


@pytest.fixture(scope="module")
def ground(make_shared_lab, request):
    lab = make_shared_lab(clients=2)
    lab.gateway.down()
    GATEWAYS_ATTACKED[request.config.getoption("--gateway")](lab)
    ground = Ground(lab)
    yield ground
    ground.close()


def test_each_attack_has_a_name_of_its_own():
    assert len({entry.id for entry in ATTACKS}) == len(ATTACKS)


def test_unmet_names_attacks():
    assert not set(UNMET) - {entry.id for entry in ATTACKS}


@pytest.mark.parametrize("entry", parameters())
def test_attack(ground, entry):
    withstood, seen = play(ground, entry)
    assert withstood, f"{seen}\n{entry.attacker}: {entry.promise}"
