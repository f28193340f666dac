# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The lab of the attacks: that of tests/compare, with strict reverse path filtering, a third
link, rules of each kind, a guard on the client's link, and hosts that discard what a host discards.

A host that writes a frame on a link can't be told from the others there: an attacker on the
client's link writes on `near`, one on the server's link on `far`, one anywhere else
on `aside`.
"""

import ipaddress

from world import CONTROL, FULL, GROW, GROW6, PUBLISH, PUBLISH6, Rule, World, end

from ends import Link, StrictTcp
from fast import prepare_end
from gateways import GATEWAYS, LIMITS, KernelGateway

TRACK = Rule("track", "10.1.1.40", "10.2.1.8", "10.2.1.8", "10.1.1.40")
TRACK6 = Rule("track IPv6", "fd00:1:1::40", "fd00:2:1::8", "fd00:2:1::8", "fd00:1:1::40")
# 10.2.1.101 behind 192.0.2.11: passive mode only, no TLS and no DELE
LIMITED = Rule("publish, passive, no TLS", "10.1.1.31", "192.0.2.11", "10.2.1.101", "10.1.1.31")
# passive mode only, and TLS with data ports
CAUTIOUS = Rule("publish, passive, TLS", "10.1.1.32", "192.0.2.14", "10.2.1.10", "10.1.1.32")
# the same policy; its server is drained, and 10.2.1.102 the fallback
FALLBACK = Rule("publish, fallback, passive", "10.1.1.33", "192.0.2.15", "10.2.1.102", "10.1.1.33")
DRAINED = "10.2.1.98"
# client and server of different families
NAT64 = Rule("publish IPv6 to IPv4", "fd00:1:1::61", "2001:db8::11", "10.2.1.21", "10.2.1.1")
NAT46 = Rule("publish IPv4 to IPv6", "10.1.1.61", "192.0.2.13", "fd00:2:1::21", "fd00:2:1::1")
CLIENT64, PREFIX64 = "fd00:1:1::64", "fd00:64::/96"  # dials IPv4 servers behind the prefix


def behind(address):
    """The IPv4 address as IPv6 clients dial it."""
    return str(ipaddress.ip_network(PREFIX64)[int(ipaddress.ip_address(address))])


class Masquerade64(Rule):
    publishes = False


MASQ64 = Masquerade64("masquerade IPv6 to IPv4", CLIENT64, behind("10.2.1.21"), "10.2.1.21", GROW.seen)
RULES = (GROW, GROW6, PUBLISH, PUBLISH6, FULL, TRACK, TRACK6, LIMITED, FALLBACK, CAUTIOUS, NAT64, NAT46, MASQ64)

ASIDE = {"v4": "10.1.2.7", "v6": "fd00:1:2::7"}  # a host on the third link
POLICY = {"modes": ["passive"], "tls": "deny", "commands": {"deny": ["DELE"]}}
GUARDED = [20, "1024-65535"]


def addresses_of(rules, *names):
    return {getattr(rule, name) for rule in rules for name in names}


def configuration(lab):
    publish = [{"name": "keep4", "listen": end(PUBLISH.dial, CONTROL), "servers": [end(PUBLISH.server, CONTROL)]},
               {"name": "keep6", "listen": end(PUBLISH6.dial, CONTROL),
                "servers": [end(PUBLISH6.server, CONTROL)]},
               {"name": "full", "listen": end(FULL.dial, CONTROL), "servers": [end(FULL.server, CONTROL)],
                "source": "gateway"},
               {"name": "limited", "listen": end(LIMITED.dial, CONTROL), "servers": [end(LIMITED.server, CONTROL)],
                **POLICY},
               {"name": "fallback", "listen": end(FALLBACK.dial, CONTROL), "servers": [end(DRAINED, CONTROL)],
                "fallback": end(FALLBACK.server, CONTROL), **POLICY},
               {"name": "cautious", "listen": end(CAUTIOUS.dial, CONTROL),
                "servers": [end(CAUTIOUS.server, CONTROL)], "modes": ["passive"], "tls_data_ports": "60000-60099"}]
    publish += [{"name": name, "listen": end(rule.dial, CONTROL), "servers": [end(rule.server, CONTROL)],
                 "source": "gateway"} for name, rule in (("nat64", NAT64), ("nat46", NAT46))]
    masquerade = [{"name": name, "clients": f"{rule.client}/{128 if ':' in rule.client else 32}",
                   "to": rule.seen} for name, rule in (("lan4", GROW), ("lan6", GROW6))]
    masquerade.append({"name": "lan64", "clients": f"{CLIENT64}/128", "to": MASQ64.seen, "prefix64": PREFIX64})
    track = [{"name": "routed", "clients": [f"{TRACK.client}/32", f"{TRACK6.client}/128"]}]
    guard = [{"interface": lab.client.gw_interface, "ports": GUARDED}]
    return {"xdp": "off", "publish": publish, "masquerade": masquerade, "track": track, "guard": guard}


def across(rule):
    """Whether the server of a published address is of the other family."""
    return rule["listen"].startswith("[") != rule["servers"][0].startswith("[")


class KernelFirewall(KernelGateway):
    """nftables as one configures it around nf_conntrack_ftp: stateful, strict, nothing else new."""

    FILTER = """
table inet ftpnat_firewall
delete table inet ftpnat_firewall
table inet ftpnat_firewall {
	chain source {
		type filter hook prerouting priority raw
		meta nfproto ipv6 meta l4proto tcp fib saddr . iif oif missing drop
	}
	chain forward {
		type filter hook forward priority filter; policy drop
		ct state invalid drop
		ct state established,related accept
		meta l4proto != tcp accept
		ct status dnat tcp flags syn accept
		tcp dport 21 tcp flags syn accept
	}
	chain input {
		type filter hook input priority filter
		ct state invalid drop
	}
}
"""

    def up(self, config):
        """Without the rules across families, which it has nothing for."""
        config = {**config, "publish": [rule for rule in config["publish"] if not across(rule)],
                  "masquerade": [rule for rule in config["masquerade"] if "prefix64" not in rule]}
        for key in ("nf_conntrack_tcp_be_liberal", "nf_conntrack_tcp_loose"):
            self.lab.gw.sysctl(f"net/netfilter/{key}", 0)
        super().up(config)
        self.lab.gw.run(["nft", "-f", "-"], input=self.FILTER)

    def down(self):
        super().down()
        self.lab.gw.run(["nft", "delete", "table", "inet", "ftpnat_firewall"], check=False)


GATEWAYS_ATTACKED = {**GATEWAYS, "kernel": KernelFirewall}


class Ground(World):
    wire_class, tcp_class = Link, StrictTcp

    def __init__(self, lab):
        for name in ("all", "default", *lab.interfaces):
            lab.gw.sysctl(f"net/ipv4/conf/{name}/rp_filter", 1)
        super().__init__(lab)
        self.aside = self._wire(lab.clients[1], set(ASIDE.values()))
        self._add(self.near, lab.client, addresses_of(RULES, "client"))
        self._add(self.far, lab.server, addresses_of(RULES, "server") | {DRAINED})
        for node in (lab.client, lab.server):
            prepare_end(node, "eth0")  # for native XDP
        self._up(configuration(lab))

    def _up(self, config):
        self.gateway.up(config)
        if self.is_ours:
            self.gateway.load("servers", "drain", "fallback", DRAINED)

    def _add(self, wire, node, addresses):
        """More hosts on the wire."""
        new = sorted(addresses - wire.addresses)
        wire.addresses |= set(new)
        if new:
            self.lab.gw.ip(*(f"neigh replace {address} lladdr {wire.mac} dev {node.gw_interface} "
                             "nud permanent" for address in new))

    def switch(self, xdp, limits=None):
        """The path that data connections take, off (TC), generic or native, and the size of the tables."""
        if not self.is_ours:
            return
        limits = limits or LIMITS
        if limits != self.gateway.config["limits"]:
            self.gateway.down()  # only then can they get another size
        elif xdp == self.gateway.config.get("xdp"):
            return
        self._up({**configuration(self.lab), "xdp": xdp, "limits": limits})

    def close(self):
        self.aside.close()
        super().close()

    def links(self):
        return (self.near, self.far, self.aside)

    def forget(self):
        """What has come so far is of no interest any more."""
        for link in self.links():
            link.seen.clear()
            link.arrivals.clear()
            link.errors.clear()

    @property
    def is_ours(self):
        return self.gateway.kind == "ftpnat"

    def listed(self, verb, rule):
        """ftpnat's listing of the rule's client; None where another gateway stands."""
        if not self.is_ours:
            return None
        client = f"[{rule.client}]:" if ":" in rule.client else f"{rule.client}:"
        entries = self.gateway.listing(verb)[verb]
        return [entry for entry in entries if entry["client"] in (rule.client, client)
                or entry["client"].startswith(client)]
