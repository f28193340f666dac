# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`make demo`: what plain NAT does to FTP, then files through ftpnat, line by line."""

import os
import shutil
import signal
import sys

from clients import ACTIVE, Account, ClientError, Curl
from gateways import FtpnatGateway
from lab import Lab, LabError, wait_until
from scenes import exchange, login, pick
from servers import Pyftpdlib
from wire import Tap, address_of

CONFIG = """\
interfaces: [c1, s1, s2]        # c1: clients, s1: our server, s2: the world

publish:
  - name: files
    listen: ["{vip4}:21", "[{vip6}]:21"]
    servers: ["{server4}:21", "[{server6}]:21"]
    data_ports: {ports[0]}-{ports[1]}

masquerade:
  - {{name: lan4, clients: 10.1.0.0/16, to: interface}}
  - {{name: lan6, clients: "fd00:1::/32", to: interface}}

timeouts: {{closing: 1s}}         # only so that the list below stays short
"""
PLAIN_NAT = """\
table inet plain_nat {{
	chain prerouting {{
		type nat hook prerouting priority dstnat
		ip daddr {vip4} tcp dport 21 dnat ip to {server4}
	}}
	chain postrouting {{
		type nat hook postrouting priority srcnat
		ip saddr 10.1.0.0/16 oifname != lo masquerade
	}}
}}
"""
PLAIN_WAIT = 2  # seconds that a client waits for a connection that plain NAT doesn't make
PORTS = (30000, 30999)
ROUNDS = [("v4", "PASV"), ("v4", "EPSV"), ("v4", "PORT"), ("v4", "EPRT"),
          ("v6", "EPSV"), ("v6", "EPRT")]
SIZE = 1 << 20
COLUMN = 46
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def colour(code, text):
    return f"\033[{code}m{text}\033[0m" if _colours else text


def title(text):
    print("\n" + colour("1;36", f"== {text}"))


def command(lab, *verb):
    print(colour("2", f"$ ftpnat-load --netns {lab.gw.name} -c ftpnat.yaml {' '.join(verb)}"))


def indented(text):
    for line in text.rstrip().splitlines():
        print(f"  {line}")


def why_unchanged(kind, method):
    """Why the other end can use an address line as it was sent."""
    if kind == "plain NAT":
        return "nothing translates it"
    if kind == "masquerade":
        return "the client reaches this server under its own address"
    if method in ACTIVE:
        return "the server sees this client under its own address"
    return "a 229 names no address, and the port is free on the gateway"


def show(sender, sent, receiver, got, reason):
    """One address line on both sides of the gateway; the reason if it is the same."""
    mark = colour("33", got) if got != sent else got
    if _colours and shutil.get_terminal_size().columns < 2 * COLUMN + 28:
        print(f"    {sender} sent  {sent}\n    {receiver} got   {mark}")
    else:
        print(f"    {sender} sent  {sent:{COLUMN}} {receiver} got  {mark}")
    if got == sent:
        print(colour("2", f"           unchanged: {reason}"))


def as_it_should(kind, method, before, after):
    """Whether the gateway replaced in this line what it has to, and nothing else."""
    if kind == "published" and method not in ACTIVE:
        return (PORTS[0] <= after.port <= PORTS[1]
                and (after.host != before.host or method == "EPSV"))
    if kind == "masquerade" and method in ACTIVE:
        return after.host != before.host
    return after == before


def one_round(lab, kind, server, dial, family, method):
    """Moves a file up and down by one method; returns the problems met."""
    host = pick(dial, family)
    way = "active" if method in ACTIVE else "passive"
    print(f"  {colour('1', f'IP{family}, {way} by {method}')}")
    with Tap(lab.client) as near, Tap(server.node) as far:
        try:
            exchange(Curl(), lab.client, server, Account(host, server), method, SIZE)
            problems = []
        except (ClientError, AssertionError) as error:
            problems = [f"{kind}, IP{family}, {method}: {error}"]
    ends = [("client", near.sent(), "server", far.received())]
    if method not in ACTIVE:
        ends = [("server", far.sent(), "client", near.received())]
    for sender, sent, receiver, got in ends:
        lines = list(zip(filter(address_of, sent), filter(address_of, got)))
        for before, after in lines:
            show(sender, before, receiver, after, why_unchanged(kind, method))
            if not as_it_should(kind, method, address_of(before), address_of(after)):
                problems.append(f"{kind}, IP{family}: wrong address line: {after}")
        if not lines:
            problems.append(f"{kind}, IP{family}, {method}: no address line seen")
    print(f"    {SIZE >> 20} MiB up, {SIZE >> 20} MiB down, compared by SHA-256: "
          + (colour("31", "FAILED") if problems else colour("32", "equal")))
    return problems


def what_failed(said):
    """The server's refusal, or what curl makes of the failure."""
    if "curl: (7)" in said:  # it names the control connection's end, which it did reach
        return "the client can't connect to the address in this line"
    for start in ("< 5", "< 4", "curl: ("):
        lines = [line for line in said.splitlines() if line.startswith(start)]
        if lines:
            return lines[-1].removeprefix("< ")
    return "curl failed"


def plain_nat(lab, inner, outer, vips):
    """The same two conversations through the kernel's NAT without an FTP helper."""
    rules = PLAIN_NAT.format(vip4=vips[0], server4=inner.addresses[0])
    title("First without ftpnat: plain NAT by nftables")
    indented(rules)
    done = lab.gw.run(["nft", "-f", "-"], input=rules, check=False)
    if done.returncode:
        print("  This kernel has no NAT for nftables, so this part is left out.")
        return
    for server, host, method in ((inner, vips[0], "PASV"), (outer, outer.addresses[0], "PORT")):
        with Tap(lab.client) as near, Tap(server.node) as far:
            try:
                exchange(Curl(patience=PLAIN_WAIT), lab.client, server, Account(host, server),
                         method, SIZE)
                result = colour("32", "it worked here")
            except (ClientError, AssertionError) as error:
                result = colour("31", f"no transfer: {what_failed(str(error))}")
        ends = [("client", near.sent(), "server", far.received())]
        if method not in ACTIVE:
            ends = [("server", far.sent(), "client", near.received())]
        for sender, sent, receiver, got in ends:
            for before, after in zip(filter(address_of, sent), filter(address_of, got)):
                show(sender, before, receiver, after, why_unchanged("plain NAT", method))
        print(f"    {result}")
    lab.gw.run(["nft", "delete", "table", "inet", "plain_nat"])


def listings(lab, server, vips):
    """flows and stats while one transfer is under way."""
    server.put("big", bytes(16 << 20))
    wait_until(lambda: not lab.gateway.flows(), "the flows of the finished transfers are gone")
    with lab.client.inside():
        session = login(lab.client, vips[0], server, "PORT")
        data = session.transfercmd("RETR big")
        title("Flows, with a download by PORT under way")
        command(lab, "flows")
        indented(lab.gateway.load("flows").stdout)
        kinds = sorted(flow["kind"] for flow in lab.gateway.flows())
        peer = data.getpeername()
        print(f"  The client sees its data come from {peer[0]} port {peer[1]}.")
        data.close()
        session.close()
    title("Counters")
    command(lab, "stats")
    indented(lab.gateway.load("stats").stdout)
    problems = [] if kinds == ["control", "data"] else [f"flows shows {kinds}"]
    if peer[:2] != (vips[0], 20):
        problems.append(f"active data came from {peer[0]}:{peer[1]}")
    return problems


def demo(lab):
    # as on the Internet: an inside address is nowhere to be reached
    lab.servers[1].ip("route del default", "route del ::/0")
    lab.client.ip(f"route add unreachable {lab.servers[0].ip4}",
                  f"route add unreachable {lab.servers[0].ip6}")
    inner, outer = Pyftpdlib(lab.servers[0], "inner").start(), Pyftpdlib(lab.servers[1], "outer").start()
    vips = lab.vips()
    title("The lab")
    print(f"""\
  client {lab.client.ip4}     gateway {lab.client.gw4} | {lab.servers[0].gw4} | {lab.servers[1].gw4}
         {lab.client.ip6}          {lab.client.gw6} | {lab.servers[0].gw6} | {lab.servers[1].gw6}
  our server {inner.addresses[0]}, {inner.addresses[1]}: published as {vips[0]}, {vips[1]};
         the client has no route to its own addresses
  a server of the world {outer.addresses[0]}, {outer.addresses[1]}: has no route to the client""")
    plain_nat(lab, inner, outer, vips)
    config = CONFIG.format(vip4=vips[0], vip6=vips[1], server4=inner.addresses[0],
                           server6=inner.addresses[1], ports=PORTS)
    with open(lab.gateway.path, "w") as file:
        file.write(config)
    title("ftpnat.yaml")
    indented(config)
    title("Start")
    command(lab, "up")
    indented(lab.gateway.load("up").stdout)

    problems = []
    for kind, server, dial, text in (
            ("published", inner, vips, "the client calls the published address (DNAT)"),
            ("masquerade", outer, outer.addresses, "the client calls out (masquerade)")):
        title(f"Address lines when {text}")
        for family, method in ROUNDS:
            problems += one_round(lab, kind, server, dial, family, method)
    problems += listings(lab, inner, vips)

    title("Stop")
    command(lab, "down")
    indented(lab.gateway.load("down").stdout)
    problems += [f"down left {left}" for left in lab.gateway.leftovers()]
    return problems


def interrupted(number, _):
    raise KeyboardInterrupt(signal.Signals(number).name)


def main():
    for number in SIGNALS:
        signal.signal(number, interrupted)
    lab = None
    try:
        lab = Lab("demo", servers=2)
        FtpnatGateway(lab)
        problems = demo(lab)
    except KeyboardInterrupt:
        problems = ["interrupted"]
    except (LabError, OSError, EOFError) as error:
        problems = [str(error)]
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if lab:
            lab.close()
    for problem in problems:
        print(colour("31", f"problem: {problem}"))
    total = 2 * len(ROUNDS)
    print()
    if problems:
        print(colour("1;31", "VERDICT: FAILED"))
    else:
        print(colour("1;32", f"VERDICT: all {total} conversations went through the gateway, "
                             f"{2 * total} files arrived unchanged"))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
