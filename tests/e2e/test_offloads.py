# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The same transfers with every offload of every link on, and with all of them off."""

import pytest

from clients import CLIENTS, Account
from scenes import exchange, need, pick, single
from servers import Pureftpd

FEATURES = ("tx", "rx", "sg", "tso", "gso", "gro")


def offloads(lab, state, features=FEATURES):
    ends = [(node, "eth0") for node in lab.clients + lab.servers]
    ends += [(lab.gw, interface) for interface in lab.interfaces]
    for node, interface in ends:
        for feature in features:
            node.run(["ethtool", "-K", interface, feature, state])


@pytest.mark.parametrize("kind", ["keep", "full", "masquerade"])
@pytest.mark.parametrize("state", ["on", "off", "checksums off"])
def test_offloads(make_lab, kind, state):
    lab, server, dial = single(make_lab, Pureftpd, kind, neighbours="permanent")
    if state == "checksums off":
        offloads(lab, "off", ("tx", "rx"))
    else:
        offloads(lab, state)
    for node in lab.clients + lab.servers:
        node.patient()
    before = lab.client.counters(), lab.server.counters()
    for client in ("curl", "lftp"):
        for family, method in (("v4", "PASV"), ("v4", "EPSV"), ("v4", "PORT"), ("v4", "EPRT"),
                               ("v6", "EPSV"), ("v6", "EPRT")):
            tool = need(CLIENTS[client])()
            if tool.can(family, method):
                exchange(tool, lab.client, server, Account(pick(dial, family), server), method,
                         size=3_000_000)
    after = lab.client.counters(), lab.server.counters()
    for old, new in zip(before, after):
        assert new["InCsumErrors"] == old["InCsumErrors"]
        assert new["TCPTimeouts"] == old["TCPTimeouts"]
