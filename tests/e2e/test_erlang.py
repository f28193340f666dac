# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Erlang's FTP client in active mode. It loses a race of its own now and then, without any NAT too.

tests/soak/erlang_sessions.py counts how often; design.md has the figures.
"""

import pytest

from erlang import missing, outcomes
from scenes import single
from servers import Vsftpd

pytestmark = pytest.mark.ftpnat

SESSIONS = 20
OWN_RACE = "{delete,{data,"  # it takes the data of the download for the answer to the next command


@pytest.mark.parametrize("kind", ["masquerade", "keep", "full"])
def test_sessions(make_lab, kind):
    if missing():
        pytest.skip(missing())
    lab, server, dial = single(make_lab, Vsftpd, kind)
    found = outcomes(lab.client, dial[0], server, SESSIONS)
    assert [outcome for outcome in found if outcome != "ok" and not outcome.startswith(OWN_RACE)] == []
    assert found.count("ok") > 0
    rule = max(lab.gateway.stats()["rules"], key=lambda rule: rule["sessions"])
    assert rule["sessions"] == SESSIONS
    assert rule["lines"]["PORT"] + rule["lines"]["EPRT"] >= 2 * SESSIONS  # an upload and a download each
