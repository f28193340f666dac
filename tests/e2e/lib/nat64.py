# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""tayga or Jool as the NAT64 of a lab."""

import ipaddress
import os

PREFIX64 = "2001:db8:64::/96"
POOL = "192.168.255.0/24"
TAYGA = "/usr/sbin/tayga"
JOOL_ADDRESS = "10.2.1.64"  # on the servers' link


def missing():
    """Why tayga can't run here; None when it can."""
    absent = [path for path in (TAYGA, "/dev/net/tun") if not os.path.exists(path)]
    return f"{absent[0]} is absent" if absent else None


def missing_jool():
    """Why Jool can't run here; None when it can."""
    return None if os.path.exists("/sys/module/jool") else "this kernel has no module jool (make compare JOOL=1)"


def behind(address):
    """The IPv4 address as an IPv6 client dials it."""
    net = ipaddress.ip_network(PREFIX64)
    return str(net[int(ipaddress.ip_address(address))])


def start(node, name, config, device, mtu=None):
    """tayga on the node, with its own device; more of its addresses and routes are the caller's."""
    path = node.lab.file(f"{name}.conf")
    with open(path, "w") as file:
        file.write(f"tun-device {device}\n{config}prefix {PREFIX64}\n")
    node.run(["tayga", "-c", path, "--mktun"])
    node.ip(f"link set {device}{f' mtu {mtu}' if mtu else ''} up")
    return node.start(["tayga", "-c", path, "-d"], name)


def start_gateway(lab):
    """tayga on the gateway, for IPv6 clients of the lab's IPv4 server."""
    lab.server.ip(f"route add {POOL} via {lab.server.gw4}")
    process = start(lab.gw, "tayga", f"ipv4-addr 192.168.255.1\nipv6-addr 2001:db8:65::1\ndynamic-pool {POOL}\n",
                    "nat64")
    lab.gw.ip(f"route add {POOL} dev nat64", f"route add {PREFIX64} dev nat64")
    return process


def start_jool(lab):
    """Jool on the gateway, for the same clients, with an address of its own."""
    lab.gw.ip(f"addr add {JOOL_ADDRESS}/24 dev {lab.server.gw_interface}")
    lab.gw.run(["jool", "instance", "add", "--netfilter", "--pool6", PREFIX64])
    lab.gw.run(["jool", "pool4", "add", "--tcp", JOOL_ADDRESS, "1024-65535"])
