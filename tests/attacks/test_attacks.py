# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The attacks of this folder against ftpnat.

    python3 -m pytest tests/attacks -k "source and land"       as root; --gateway kernel: the kernel's helper

An attack that ftpnat does not withstand yet is in the file `unmet`; what mends it
takes it out there.
"""

import pytest

import fuzz
from attacks import FUZZER, attacks, play, unmet
from ground import GATEWAYS_ATTACKED, Ground

ATTACKS = attacks()
UNMET = unmet()
FUZZED = 8000  # packets


def parameters():
    return [pytest.param(entry, id=entry.id, marks=known(entry.id)) for entry in ATTACKS]


def known(name):
    return [pytest.mark.xfail(strict=True, reason=f"unmet: {UNMET[name]}")] if name in UNMET else []


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
    assert not set(UNMET) - {entry.id for entry in ATTACKS} - {FUZZER}


@pytest.mark.parametrize("entry", parameters())
def test_attack(ground, entry):
    withstood, seen = play(ground, entry)
    assert withstood, f"{seen}\n{entry.attacker}: {entry.promise}"


@pytest.mark.ftpnat
@pytest.mark.parametrize("seed", [pytest.param(14, marks=known(FUZZER))])
def test_sessions_outlive_mutated_packets(ground, seed):
    assert fuzz.run(ground, seed, FUZZED) > FUZZED / 2
