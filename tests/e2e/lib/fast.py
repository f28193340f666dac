# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Prepares a lab of veth pairs for native XDP, and reports which path packets took."""

from lab import wait_until

STEPS = 30  # blocks between two looks at the counters
SLACK = 20  # packets that may go either way: the first of a connection, of a second, ...


def prepare(lab):
    """veth sends what XDP gives it only where the other end has NAPI (GRO), and a sender
    on veth leaves its checksums to the card, which XDP leaves to TC."""
    for node in lab.clients + lab.servers:
        prepare_end(node, "eth0")


def prepare_end(node, interface):
    node.run(["ethtool", "-K", interface, "tx", "off", "gro", "on"])


def switch(lab, mode, **more):
    """Reloads with another `xdp`."""
    lab.gateway.reload({**lab.gateway.config, "xdp": mode, **more})


def modes(lab):
    return {entry["name"]: entry["xdp"] for entry in lab.gateway.listing("status")["interfaces"]}


class Counted:
    """How many packets have been forwarded by which path since."""

    def __init__(self, lab):
        self.lab = lab
        self.start = self._read()

    def _read(self):
        reasons = self.lab.gateway.stats()["reasons"]
        return {name: reasons.get(name, 0) for name in ("forwarded", "xdp_forwarded")}

    def __getitem__(self, name):
        return self._read()[name] - self.start[name]


def moves_until(transfer, condition, what, deadline=30.0):
    """Moves the file, some blocks at a time, until the condition is true."""
    def moved():
        for _ in range(STEPS):
            assert transfer.step(), f"the transfer was over before: {what}"
        return condition()

    wait_until(moved, what, deadline)


def moves_by(lab, transfer, path):
    """Moves until packets went by this path, and by no other any more."""
    other = "forwarded" if path == "xdp_forwarded" else "xdp_forwarded"

    def alone():
        counted = Counted(lab)
        moves_until(transfer, lambda: counted[path] >= 100, f"packets go by {path}")
        return counted[other] <= SLACK

    wait_until(alone, f"packets go by {path}, and only so", 30.0)
