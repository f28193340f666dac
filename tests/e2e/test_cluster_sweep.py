# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Power-off of a gateway at each instant of a session: just before and just after each TCP packet,
and between the steps of its `run`. The session and its transfers complete, byte for byte, and
nothing stays open.

With FTPNAT_SWEEP=N (`make cluster-sweep EVERY=N`) every N-th instant of each case, else a few of some.
"""

import os

import pytest

from cluster import ClusterLab
from cluster_talk import Client
from lab import wait_until
from power import STEPS, Power, Watch, power_on
from scanner import Scanner
from sweep_sessions import CASES, CONFIG, FULL_PORT, Case

pytestmark = [pytest.mark.ftpnat, pytest.mark.slow, pytest.mark.xdist_group("test_cluster_sweep")]

EVERY = int(os.environ.get("FTPNAT_SWEEP", 0))
FEW = {  # packets of these cases, when not all
    Case("publish", "PASV", 4): 2,
    Case("masquerade", "EPRT", 6, Client.CUT): 2,
    Case("full", "PORT", 4, Client.HELD): 1,
    Case("publish", "EPSV", 6, server="vsftpd", tls="tls"): 1,
    Case("publish", "PASV", 4, server="proftpd", tls="ccc"): 1,
}
FEW_STEPS = {"published", "multicasted", "inject", "apply", "seen"}  # once each, of one case


@pytest.fixture(scope="module")
def lab():
    with ClusterLab("sweep", config=CONFIG, commit="all") as lab:
        lab.powers = [Power(member) for member in lab.members]
        lab.start()
        lab.active = 0
        lab.members[0].take_addresses()
        yield lab


@pytest.fixture
def server(lab, case):
    server = case.start_server(lab)
    yield server
    server.stop()


def undisturbed(lab, server, case):
    """A session in which nothing happens; packets of the active gateway, and steps of each."""
    for power in lab.powers:
        power.set()
    case.run(lab, server)
    wait_until(lambda: not lab.members[lab.active].gateway.expected(), "nothing stays open")
    return lab.powers[lab.active].packets(), [power.steps() for power in lab.powers]


def power_off_at(lab, server, case, gateway, **when):
    """False: it did not come to that this time."""
    power, other = lab.powers[gateway], lab.members[1 - gateway]
    for each in lab.powers:
        each.set(**when if each is power else {})
    try:
        with Watch(power, other) as watch:
            case.run(lab, server)
            if not power.is_off():
                power.set()  # else it may come to that after the session
            if not power.is_off():
                return False
            wait_until(lambda: watch.happened or watch.failed, "the other gateway has the addresses")
        wait_until(lambda: not other.gateway.expected(), lambda: f"nothing stays open: {other.gateway.expected()}")
    except BaseException:
        print(f"power-off of gateway {gateway + 1}, {lab.active + 1} is the active one, at {when}")
        print(lab.report())
        raise
    lab.active = 1 - gateway
    power_on(power)
    return True


def nothing_is_open(lab, case):
    """But for what the rules listen on."""
    scanner = Scanner(lab.client, case.public())
    with scanner.raw:
        assert scanner.scan(range(1, 65536)) <= {21, FULL_PORT}


def every(case, instants):
    """Of each case others, so that the cases together have them all."""
    return instants[CASES.index(case) % EVERY::EVERY]


def packets_of(case, number):
    """(packet, after)"""
    if EVERY:
        return every(case, [(packet, after) for packet in range(1, number + 1) for after in (False, True)])
    few = FEW[case]
    return [(number * (2 * i + 1) // (2 * few), bool(i % 2)) for i in range(few)]


def steps_of(case, steps):
    """(gateway, step, number)"""
    came = [(gateway, step, counts[step]) for gateway, counts in enumerate(steps) for step in STEPS if counts[step]]
    if EVERY:
        return every(case, [(gateway, step, number) for gateway, step, times in came for number in range(1, times + 1)])
    return [(gateway, step, (times + 1) // 2) for gateway, step, times in came if step in FEW_STEPS]


@pytest.mark.parametrize("case", CASES if EVERY else FEW, ids=str)
def test_power_off_at_each_packet(lab, server, case):
    number, _ = undisturbed(lab, server, case)
    assert number > 40
    chosen = packets_of(case, number)
    happened = sum(power_off_at(lab, server, case, lab.active, packet=packet, after=after)
                   for packet, after in chosen)
    assert happened >= len(chosen) * 3 // 4
    nothing_is_open(lab, case)


@pytest.mark.parametrize("case", CASES if EVERY else list(FEW)[:1], ids=str)
def test_power_off_between_steps(lab, server, case):
    """`run` of the gateway that has the session, and of the other one, ends at a step."""
    _, steps = undisturbed(lab, server, case)
    assert {step for counts in steps for step in STEPS if counts[step]} == set(STEPS)
    first, happened = lab.active, 0
    chosen = steps_of(case, steps)
    for gateway, step, number in chosen:
        victim = gateway if lab.active == first else 1 - gateway  # the roles are those of the undisturbed session
        happened += power_off_at(lab, server, case, victim, step=step, number=number)
    assert happened >= len(chosen) * 3 // 4
    nothing_is_open(lab, case)
