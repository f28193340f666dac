# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""rate: where nothing delays data, and how fast it is where fq does."""

import io
import os
import time

import pytest

from lab import run
from scenes import login, needs_another_kernel, single
from servers import Vsftpd

pytestmark = pytest.mark.ftpnat

# Mbit/s and bytes; an emulated CPU can't do much
RATE, SIZE = (8, 8 << 20) if os.environ.get("FTPNAT_SLOWER") else (40, 20 << 20)
HEADERS = 1514 / 1448  # of full segments


def has_fq(lab):
    """Does this kernel have the qdisc? Then both interfaces get it."""
    return all(not run(lab.gw.command(["tc", "qdisc", "replace", "dev", name, "root", "fq"]),
                       check=False).returncode for name in lab.interfaces)


def sentences(lab):
    return [text for text in lab.gateway.listing("status")["degraded"] if "fq" in text]


def test_status_names_interfaces_without_fq(make_lab):
    lab, *_ = single(make_lab, Vsftpd, rule={"rate": {"rule": f"{RATE}Mbit"}})
    for name in lab.interfaces:
        run(lab.gw.command(["tc", "qdisc", "replace", "dev", name, "root", "pfifo"]), check=False)
    assert sentences(lab) == [
        f"{name} doesn't have the qdisc fq, so data that leaves there is not held to the rate of rule files: "
        f"`tc qdisc replace dev {name} root fq`." for name in lab.interfaces]
    lab.gateway.reload(dict(lab.gateway.config, publish=[
        {key: value for key, value in rule.items() if key != "rate"} for rule in lab.gateway.config["publish"]]))
    assert not sentences(lab)


def test_transfers_work_without_fq(make_lab):
    lab, server, vips = single(make_lab, Vsftpd, rule={"rate": {"rule": "1Gbit", "client": "1Gbit"}})
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        assert session.read("server-name").decode() == server.name
        session.quit()


@pytest.mark.parametrize("rates", [{"rule": f"{RATE}Mbit"}, {"client": f"{RATE}Mbit", "rule": "1Gbit"}],
                         ids=["rule", "client"])
def test_data_has_the_rate_within_a_tenth(make_lab, rates):
    lab, server, vips = single(make_lab, Vsftpd, rule={"rate": rates})
    if not has_fq(lab):
        pytest.skip(needs_another_kernel("this kernel has no sch_fq"))
    assert not sentences(lab)
    sizes = (SIZE // 4, SIZE + SIZE // 4)
    for size in sizes:
        with open(server.path(f"large-{size}"), "wb") as file:
            file.truncate(size)
    with lab.client.inside():
        session = login(lab.client, vips[0], server)

        def seconds(up, size):
            began = time.monotonic()
            if up:
                session.storbinary("STOR new", io.BytesIO(bytes(size)), 1 << 18)
            else:
                session.retrbinary(f"RETR large-{size}", lambda _: None, 1 << 18)
            return time.monotonic() - began

        for up in (False, True):
            less, more = (seconds(up, size) for size in sizes)  # what opening and closing takes is in both
            rate = SIZE * HEADERS * 8 / (more - less) / 1e6
            assert 0.9 * RATE <= rate <= 1.1 * RATE, ("up" if up else "down", rate, less, more)
            print(f"{'up' if up else 'down'}: {rate:.2f} Mbit/s of {RATE}")
        session.quit()
