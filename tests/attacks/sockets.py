# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The gateway's own sockets: no client's connection takes the tuple of one, and no data port hides one."""

import contextlib
import socket

from attacks import SOCKETS, attack
from sources import FULL, GROW, GROW6, PUBLISH, PUBLISH6
from world import CONTROL, Failed

BLIND = "client's link, its own address"


@contextlib.contextmanager
def own_connection(s, port):
    """A connection of the gateway to the server's control port, from `port` of the address that clients get."""
    kind = socket.AF_INET6 if ":" in s.rule.server else socket.AF_INET
    with s.world.lab.gw.inside():
        sock = socket.socket(kind, socket.SOCK_STREAM)
    with sock:
        sock.setblocking(False)
        sock.bind((s.rule.seen, port))
        s.far.arrivals.clear()
        sock.connect_ex((s.rule.server, CONTROL))
        s.demand(lambda: s.far.arrivals, "the gateway's own SYN does not come")
        syn = s.far.arrivals[0]
        end = s.world.tcp_class(s.far, syn.destination, syn.source, 55)
        end.timestamps = False
        end.accept(syn)
        s.demand(lambda: end.is_open, "the gateway's own connection does not open")
        try:
            yield sock, end
        finally:
            end.close()


@attack(SOCKETS, "client dials from the port of the gateway's own connection", BLIND,
        "The client gets another port; the gateway's connection keeps working.", (FULL, GROW, GROW6), {"": ()}, connect=False)
def taken_port(s):
    port = s.world.port()
    with own_connection(s, port) as (sock, end):
        s.connect_as(port)
        if s.server.remote[1] == port:
            raise Failed(f"the client's connection has the gateway's own tuple, port {port}")
        end.send(b"220 hello\r\n")
        s.world.settle()
        with contextlib.suppress(BlockingIOError):
            if sock.recv(100) == b"220 hello\r\n":
                return
        raise Failed("the gateway's own connection is dead")


@attack(SOCKETS, "server names a port on which the gateway listens", "malicious server",
        "The gateway's own service stays where it is.", (PUBLISH, PUBLISH6), {"": ()})
def listening_port(s):
    kind = socket.AF_INET6 if ":" in s.rule.dial else socket.AF_INET
    line = s.line(s.main_verb())
    with s.world.lab.gw.inside():
        sock = socket.socket(kind, socket.SOCK_STREAM)
    with sock:
        sock.bind((s.rule.dial, line.port))
        sock.listen()
        end = s.announce(line)
        if end[1] == line.port:
            raise Failed(f"port {line.port}, on which the gateway listens, now leads to the server")
        s.data(line, end)
