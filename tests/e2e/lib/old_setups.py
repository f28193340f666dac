# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The setups that ftpnat replaces, as found in practice, and what clients get from them."""

import contextlib
import re
import socket

from clients import CLIENTS, ClientError
from gateways import KernelGateway
from lab import wait_until
from scenes import exchange, need

WORKS, COMPLAINS, FAILS = "works", "complains", "fails"

HELPER = """
	ct helper ftp { type "ftp" protocol tcp; l3proto inet; }
	chain helper_in { type filter hook prerouting priority filter; tcp dport { 21, 49 } ct helper set "ftp"; }
	chain helper_out { type filter hook output priority filter; tcp dport { 21, 49 } ct helper set "ftp"; }"""


@contextlib.contextmanager
def nftables(lab, chains):
    """Chains of one table."""
    lab.gw.run(["nft", "-f", "-"], input=f"table inet old {{\n{chains}\n}}\n")
    try:
        yield
    finally:
        lab.gw.run(["nft", "delete", "table", "inet", "old"])


@contextlib.contextmanager
def iptables(lab, rules):
    """Rules as iptables-save writes them."""
    lab.gw.run(["iptables-nft-restore"], input=rules)
    try:
        yield
    finally:
        tables = re.findall(r"^\*(\w+)$", rules, flags=re.M)
        for table in tables:
            lab.gw.run(["nft", "delete", "table", "ip", table])


def helper(*ports):
    """CT --helper of the control ports, for what comes in."""
    return "*raw\n" + "".join(f"-A PREROUTING -p tcp --dport {port} -j CT --helper ftp\n"
                              for port in ports) + "COMMIT\n"


def nat(*rules):
    return f"*nat\n{''.join(rules)}COMMIT\n"


@contextlib.contextmanager
def kernel_nat(lab, config):
    """DNAT and masquerade with the kernel's helper, from a configuration of ftpnat."""
    ours = lab.gateway
    kernel = KernelGateway(lab)
    lab.gateway = ours
    kernel.up(config)
    try:
        yield
    finally:
        kernel.down()


def quick(name, **more):
    return need(CLIENTS[name])(timeout=12, **more)


def outcome(client, node, server, account, method):
    """Does the client get its file through both ways? It may hang where nothing answers."""
    try:
        exchange(client, node, server, account, method)
    except (ClientError, AssertionError) as error:  # tnftp ends well also without the file
        return COMPLAINS if "did not like" in str(error) else FAILS
    return WORKS


def works(*what):
    return outcome(*what) == WORKS


def reaches(node, address, port, source_port=0):
    with node.inside(), socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.settimeout(0.3)
        try:
            sock.bind(("", source_port))
            sock.connect((address, port))
        except OSError:
            return False
        return True


def listen(node, port):
    node.start(["/usr/bin/python3", "-m", "http.server", str(port)], f"http-{node.short}-{port}")
    wait_until(lambda: node.listening("0.0.0.0", port), f"a server on port {port}")
