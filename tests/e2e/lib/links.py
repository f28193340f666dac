# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Links of a lab other than veth. The ends have the names that those of a veth would have.

Tunnels (PPPoE, WireGuard, GRE, IPIP, SIT) lie over a veth pair: u0 in the host and uNAME in the gateway,
with 172.16.NET.1 (gateway) and .2. virtio: two cards that are connected outside, by scripts/kernel-run.
"""

import os
import shutil

PPP_OPTIONS = ("noauth", "nodetach", "+ipv6", "mtu 1492", "mru 1492", "ipcp-accept-remote", "ipcp-accept-local",
               "lcp-echo-interval 0", "noccp", "novj")
TOOLS = {"pppoe": ("pppd", "pppoe-server", "pppoe"), "wireguard": ("wg",)}
FAMILIES = {"pppoe": ("v4", "v6"), "wireguard": ("v4", "v6"), "gre": ("v4", "v6"), "ipip": ("v4",), "sit": ("v6",)}
OVERHEAD = {"pppoe": 8, "wireguard": 80, "gre": 24, "ipip": 20, "sit": 20}  # bytes, of the MTU


def card(pair, end):
    """MAC address of a virtio card, as scripts/kernel-run gives it."""
    return f"52:54:00:ff:0{pair}:0{end}"


def _name_of(mac, run):
    """The interface in this namespace that has this MAC address, or None."""
    for line in run(["ip", "-br", "link"]).stdout.splitlines():
        if mac in line.split():
            return line.split()[0]
    return None


def lacking(kind, run):
    """What this machine lacks for a kind of link, or None; run: as that of lab."""
    if kind == "virtio":
        return None if _name_of(card(1, 1), run) else "no virtio cards that belong to the tests"
    for tool in TOOLS.get(kind, ()):
        if not shutil.which(tool):
            return f"no {tool}"
    if kind == "pppoe":
        return None if os.path.exists("/dev/ppp") else "no PPP in this kernel"
    ends = [] if kind == "wireguard" else ["local", "127.0.0.1", "remote", "127.0.0.2"]
    done = run(["unshare", "-n", "ip", "link", "add", "t0", "type", kind, *ends], check=False)
    return f"no {kind}: {done.stdout.strip()}" if done.returncode else None


class Link:
    """Between a host of the lab and its gateway; up when this returns."""

    def __init__(self, kind, lab, node, net, run, wait_until):
        self.kind, self.lab, self.node, self.run, self.wait_until = kind, lab, node, run, wait_until
        self.ends = ((lab.gw, node.gw_interface, f"172.16.{net}.1"), (node, "eth0", f"172.16.{net}.2"))
        if kind == "virtio":
            self._virtio(net)
            return
        self.below = (f"u{node.gw_interface}", "u0")
        run(["ip", "link", "add", self.below[0], "netns", lab.gw.name, "type", "veth",
             "peer", "name", self.below[1], "netns", node.name])
        for (end, _, address), name in zip(self.ends, self.below):
            end.ip(f"addr add {address}/24 dev {name}", f"link set {name} up")
        {"pppoe": self._serve_ppp, "wireguard": self._wireguard}.get(kind, self._plain)()

    def _virtio(self, pair):
        for number, (end, name, _) in enumerate(self.ends, 1):
            mac = card(pair, number)
            # the kernel takes a namespace of the test before apart, and gives the card back, when it has time
            self.wait_until(lambda: _name_of(mac, self.run), f"the card {mac} is here: {self.run(['ip', 'link']).stdout}")
            self.run(["ip", "link", "set", _name_of(mac, self.run), "netns", end.name, "name", name])

    def _plain(self):
        (_, _, local), (_, _, remote) = self.ends
        for (end, name, _), addresses in zip(self.ends, ((local, remote), (remote, local))):
            end.ip("link add {} type {} local {} remote {}".format(name, self.kind, *addresses))

    def _wireguard(self):
        keys = [self.run(["wg", "genkey"]).stdout for _ in self.ends]
        public = [self.run(["wg", "pubkey"], input=key).stdout.strip() for key in keys]
        for i, (end, name, _) in enumerate(self.ends):
            end.ip(f"link add {name} type wireguard")
            end.run(["wg", "set", name, "private-key", "/dev/stdin", "listen-port", "51820", "peer", public[1 - i],
                     "allowed-ips", "0.0.0.0/0,::/0", "endpoint", f"{self.ends[1 - i][2]}:51820"], input=keys[i])

    # ---- the host is the access concentrator, the gateway dials ----

    def _serve_ppp(self):
        options = self.lab.file(f"ppp-{self.node.short}")
        with open(options, "w") as file:
            file.write("\n".join([*PPP_OPTIONS, "ifname eth0"]) + "\n")
        self.node.start(["pppoe-server", "-F", "-I", "u0", "-L", self.node.ip4, "-R", self.node.gw4, "-N", "4",
                         "-O", options], f"pppoe-server-{self.node.short}")
        self.dial(self.node.gw4)

    def dial(self, address):
        """The gateway calls, and asks for this address."""
        below, name = self.below[0], self.node.gw_interface
        options = " ".join(PPP_OPTIONS).split()
        self.call = self.lab.gw.start(["pppd", "plugin", "pppoe.so", f"nic-{below}", "ifname", name, f"{address}:",
                                       "nodefaultroute", *options], f"pppd-{name}")
        for end, interface, own in ((self.lab.gw, name, address), (self.node, "eth0", self.node.ip4)):
            self.wait_until(lambda: f"inet {own} " in end.run(["ip", "addr", "show", "dev", interface],
                                                              check=False).stdout,
                            f"{interface} of {end.name} has {own}: {self.lab.report()}")

    def hang_up(self):
        self.call.stop()
        for end, interface, _ in self.ends:
            self.wait_until(lambda: interface not in end.run(["ip", "-br", "link"]).stdout.split(),
                            f"{interface} of {end.name} is gone")
