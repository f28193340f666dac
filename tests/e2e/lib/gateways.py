# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What translates in the gateway's namespace: ftpnat, or the kernel's own helper.

Both take the configuration of ftpnat as a dictionary. The kernel's helper is
there to check the lab and to compare with; it knows neither limits nor refusals.
"""

import ipaddress
import json
import os

import json_schema
from lab import BPFFS, run

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))


# Of the default sizes this one costs: 64 MiB that each `up` makes and each `down` takes apart.
LIMITS = {"data": 65536}


def split(endpoint):
    """"ADDRESS:PORT" -> (address, port)"""
    host, port = endpoint.rsplit(":", 1)
    return host.strip("[]"), int(port)


def aslist(value):
    return value if isinstance(value, list) else [value]


class Gateway:
    def __init__(self, lab):
        self.lab = lab
        lab.gateway = self
        lab.closers.append(self.down)

    def up(self, config):
        """Puts config in force."""
        raise NotImplementedError

    def down(self):
        """Takes it out of force."""
        raise NotImplementedError

    def leftovers(self):
        """What `down` should have removed and has not."""
        return []

    def report(self):
        """For the story of a failed test."""
        return ""


class FtpnatGateway(Gateway):
    kind = "ftpnat"
    command = os.environ.get("FTPNAT_LOAD", os.path.join(TOP, "ftpnat-load"))

    def __init__(self, lab):
        super().__init__(lab)
        self.pin = f"{BPFFS}/{lab.name}"
        self.path = lab.file("ftpnat.yaml")
        self.config = None
        self.wrap = ()  # words in front of the command
        run([self.command, "-n", lab.gw.name, "-p", self.pin, "down"], check=False)

    def load(self, *verb, check=True):
        done = run([*self.wrap, self.command, "--netns", self.lab.gw.name, "--pin", self.pin,
                    "-c", self.path, *verb], check=check)
        json_schema.check_output(verb, done)
        return done

    def write(self, config):
        self.config = {"interfaces": self.lab.interfaces, "limits": LIMITS, **config}
        with open(self.path, "w") as file:
            json.dump(self.config, file, indent=2)  # JSON is YAML too

    def up(self, config):
        self.write(config)
        self.load("up")

    def reload(self, config):
        self.write(config)
        self.load("reload")

    def down(self):
        self.load("down", check=False)

    def leftovers(self):
        left = [self.pin] if os.path.exists(self.pin) else []
        qdiscs = self.lab.gw.run(["tc", "qdisc", "show"]).stdout
        return left + [line for line in qdiscs.splitlines() if "clsact" in line]

    def listing(self, verb):
        done = self.load("-j", verb, check=verb != "status")
        assert done.returncode in (0, 3), done.stdout
        said = json.loads(done.stdout)
        assert verb != "status" or done.returncode == (3 if said["degraded"] else 0)
        return said

    def stats(self):
        return self.listing("stats")

    def reason(self, name):
        return self.stats()["reasons"].get(name, 0)

    def rule(self, name):
        return next(rule for rule in self.stats()["rules"] if rule["name"] == name)

    def flows(self):
        return self.listing("flows")["flows"]

    def expected(self):
        return self.listing("expected")["expected"]

    def map(self, name):
        """Entries of one of its maps, as BTF describes them."""
        dump = run(["bpftool", "-j", "map", "dump", "pinned", os.path.join(self.pin, name)]).stdout
        # an entry that is removed meanwhile has an error instead
        return [entry["formatted"] for entry in json.loads(dump) if "formatted" in entry]

    def report(self):
        parts = [f"configuration: {json.dumps(self.config)}"]
        for verb in ("status", "stats", "flows", "expected"):
            parts.append(f"--- ftpnat-load {verb}\n{self.load(verb, check=False).stdout}")
        return "\n".join(parts)


class KernelGateway(Gateway):
    kind = "kernel"

    def up(self, config):
        ports, nat, post = set(), [], []
        for rule in config.get("publish", []):
            servers = [split(server if isinstance(server, str) else server["server"])
                       for server in rule["servers"]]
            for address, port in map(split, aslist(rule["listen"])):
                ports.add(port)
                nat.append(self._dnat(address, port, servers))
            if rule.get("source", "keep") != "keep":
                post += [f"{self._family(a)} daddr {a} ct status dnat masquerade"
                         for a in sorted({address for address, _ in servers})]
        for rule in config.get("masquerade", []):
            ports |= set(rule.get("control_ports", [21]))
            for clients, to in zip(aslist(rule["clients"]), aslist(rule["to"])):
                family = self._family(clients)
                target = "masquerade" if to == "interface" else f"snat {family} to {to}"
                post.append(f"{family} saddr {clients} oifname != lo meta l4proto tcp {target}")
        self._load(ports, nat, post)

    @staticmethod
    def _family(address):
        return "ip6" if ipaddress.ip_interface(address).version == 6 else "ip"

    def _dnat(self, address, port, servers):
        family = self._family(address)
        same = [(a, p) for a, p in servers if self._family(a) == family]
        ends = [f"[{a}]:{p}" if family == "ip6" else f"{a}:{p}" for a, p in same]
        if len(ends) == 1:
            return f"{family} daddr {address} tcp dport {port} dnat {family} to {ends[0]}"
        choice = ", ".join(f"{i} : {a} . {p}" for i, (a, p) in enumerate(same))
        return (f"{family} daddr {address} tcp dport {port} dnat {family} to "
                f"numgen random mod {len(same)} map {{ {choice} }}")

    def _load(self, ports, nat, post):
        dports = ", ".join(map(str, sorted(ports)))
        rules = f"""
table inet ftpnat_reference
delete table inet ftpnat_reference
table inet ftpnat_reference {{
	ct helper ftp {{
		type "ftp" protocol tcp
		l3proto inet
	}}
	chain helper_in {{
		type filter hook prerouting priority filter
		meta l4proto tcp ct original proto-dst {{ {dports} }} ct helper set "ftp"
	}}
	chain helper_out {{
		type filter hook output priority filter
		meta l4proto tcp ct original proto-dst {{ {dports} }} ct helper set "ftp"
	}}
	chain pre {{
		type nat hook prerouting priority dstnat
		{"; ".join(nat)}
	}}
	chain out {{
		type nat hook output priority -100
		{"; ".join(nat)}
	}}
	chain post {{
		type nat hook postrouting priority srcnat
		{"; ".join(post)}
	}}
}}
"""
        self.lab.gw.run(["nft", "-f", "-"], input=rules)

    def down(self):
        self.lab.gw.run(["nft", "delete", "table", "inet", "ftpnat_reference"], check=False)

    def report(self):
        return self.lab.gw.run(["nft", "list", "ruleset"], check=False).stdout


GATEWAYS = {gateway.kind: gateway for gateway in (FtpnatGateway, KernelGateway)}
