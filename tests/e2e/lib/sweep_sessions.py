# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The kinds of sessions in which a gateway is powered off, see test_cluster_sweep.py."""

import itertools
import os
from typing import NamedTuple

import tls
from cluster import NEXT4, NEXT6, VIP4, VIP6
from cluster_talk import Client
from scenes import need
from servers import Proftpd, Pureftpd, Pyftpdlib, Vsftpd

SIZE = 20000
FULL_PORT = 2100
SERVERS = {server.kind: server for server in (Pyftpdlib, Vsftpd, Proftpd, Pureftpd)}
ENDS = ["10.2.1.2:21", "[fd00:2:1::2]:21"]


def listen(port):
    return [f"{VIP4}:{port}", f"[{VIP6}]:{port}"]


# For a full NAT the address that servers see has to move with the others, as their next hop does.
CONFIG = {"publish": [{"name": "files", "listen": listen(21), "servers": ENDS, "tls_data_ports": tls.PORTS},
                      {"name": "full", "listen": listen(FULL_PORT), "servers": ENDS, "source": [NEXT4, NEXT6]}],
          "masquerade": [{"name": "lan4", "clients": "10.1.1.0/24", "to": NEXT4, "control_ports": [21]},
                         {"name": "lan6", "clients": "fd00:1:1::/64", "to": NEXT6, "control_ports": [21]}]}

_number = itertools.count(1)


class Case(NamedTuple):
    """A kind of session."""

    rule: str
    mode: str
    family: int
    lines: str = Client.WHOLE
    server: str = "pyftpdlib"
    tls: str = ""  # "tls", or "ccc": in clear text again before the transfer

    def __str__(self):
        return "-".join(part for part in map(str, self) if part)

    def start_server(self, lab):
        cls = need(SERVERS[self.server])
        extra = tls.extra(cls, named=None if self.tls == "ccc" or self.family == 6 else VIP4) if self.tls else ""
        server = cls(lab.server, name=f"{self}-{next(_number)}",
                     extra=extra.replace("TLSRequired ctrl", "TLSRequired off")).start()
        server.bytes = os.urandom(SIZE)
        server.put("file", server.bytes)
        return server

    def run(self, lab, server):
        """The session; a transfer, byte for byte."""
        address = (lab.server.ip4 if self.family == 4 else lab.server.ip6) if self.rule == "masquerade" else \
            self.public()
        client = Client(lab, address, self.lines, FULL_PORT if self.rule == "full" else 21)
        if self.tls:
            client.secure()
        client.login(server.user, server.password)
        if self.tls == "tls":
            client.secure_data()
        elif self.tls == "ccc":
            client.clear()
        assert client.retrieve(self.mode, "file") == server.bytes
        client.say("NOOP", "200")
        client.say("QUIT", "221")
        client.socket.close()

    def public(self):
        return VIP4 if self.family == 4 else VIP6


def modes(*chosen):
    return [(mode, family) for mode in chosen for family in (4, 6) if family == 4 or mode in ("EPSV", "EPRT")]


PASSIVE, ACTIVE = ("EPSV", "PASV"), ("PORT", "EPRT")
CASES = [
    *(Case(rule, *how, lines) for rule in ("publish", "masquerade", "full") for how in modes(*PASSIVE, *ACTIVE)
      for lines in (Client.WHOLE, Client.CUT, Client.HELD)),
    *(Case("publish", *how, server=server) for server in ("vsftpd", "proftpd", "pure-ftpd")
      for how in modes(*PASSIVE, *ACTIVE)),
    *(Case("publish", *how, server=server, tls="tls") for server in ("vsftpd", "proftpd") for how in modes(*PASSIVE)),
    *(Case("publish", *how, server="proftpd", tls="ccc") for how in modes(*PASSIVE, *ACTIVE)),
]
