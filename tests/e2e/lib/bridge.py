# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A lab with a bridge behind the gateway, as containers have it."""


def bridged(make_lab):
    """A lab whose second server host is a client on the first one's bridge."""
    lab = make_lab(servers=2)
    near, far = lab.servers
    lab.gw.ip("link add br0 type bridge", *(
        command for node in lab.servers
        for command in (f"addr flush dev {node.gw_interface}",
                        f"link set {node.gw_interface} master br0")),
        f"addr add {near.gw4}/24 dev br0", f"addr add {near.gw6}/64 dev br0 nodad",
        "link set br0 up")
    far.ip("addr flush dev eth0 scope global", "addr add 10.2.1.3/24 dev eth0",
           "addr add fd00:2:1::3/64 dev eth0 nodad", f"route replace default via {near.gw4}",
           f"route replace ::/0 via {near.gw6}")
    far.ip4, far.ip6 = "10.2.1.3", "fd00:2:1::3"
    return lab, near, far
