# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What forwards in the gateway's namespace, one variant after the other."""

import contextlib
import json
import re
import shutil

from tools import Tools
from gateways import FtpnatGateway, KernelGateway
from lab import Lab, LabError, run
from servers import endpoint

CONTROL_PORT = 21
SPIN_PORT = 2121  # of a server that never sleeps
MTU_ACROSS = 1520
PORTS = {"files": CONTROL_PORT, "spin": SPIN_PORT}
LIMITS = {"control": 262144, "data": 1200000, "expected": 1200000}


class Absent(Exception):
    """This variant can't be measured here; says why."""


class Variant:
    key = None
    title = None
    translates = True
    family = "v4"      # of the clients
    across = False     # the server has an address of the other family
    masquerade = False
    ports = PORTS      # control ports of its rules, by their names
    limits = LIMITS
    own_ports = "32768 60999"  # of the gateway's sockets: ftpnat keeps its connections out of them

    def check(self):
        """Raises Absent when the kernel lacks what it needs."""

    def server_address(self, lab):
        return lab.server.ip6 if self.across or self.family == "v6" else lab.server.ip4

    def dialled(self, lab):
        """The address that clients dial."""
        if not self.translates or self.masquerade:
            return self.server_address(lab)
        return lab.vips()[self.family == "v6"]

    def up(self, lab):
        """Puts it in force in the gateway of the lab."""

    def verify(self, lab):
        """Raises Absent when the frames that have just gone through took another way."""

    def give_queues(self, lab):
        """Receive queues for the gateway's interfaces, as a card has, where its programs give none."""
        for interface in lab.interfaces:
            Tools.attach_xdp(lab.gw, interface, "bench_pass")


def rules(variant, lab):
    """What every translating variant has: DNAT and SNAT to the gateway, or SNAT alone."""
    if variant.masquerade:
        return {"masquerade": [{"name": "out", "clients": f"{lab.client.ip4}/32", "to": lab.server.gw4,
                                "control_ports": list(variant.ports.values())}]}
    return {"publish": [{"name": name, "listen": endpoint(variant.dialled(lab), port),
                         "servers": [endpoint(variant.server_address(lab), port)], "source": "gateway"}
                        for name, port in variant.ports.items()]}


class Ftpnat(Variant):
    def __init__(self, key, title, xdp, across=False, more=None, family="v4", masquerade=False):
        """more: keys of the configuration"""
        self.key, self.title, self.xdp, self.across, self.more = key, title, xdp, across, more or {}
        self.family, self.masquerade = family, masquerade

    def gateway(self, lab):
        return FtpnatGateway(lab)

    def up(self, lab):
        gateway = self.gateway(lab)
        if self.across:  # so that a packet that fills the clients' link is not too long behind us
            for node, interface in ((lab.server, "eth0"), (lab.gw, lab.server.gw_interface)):
                node.ip(f"link set {interface} mtu {MTU_ACROSS}")
        gateway.write({"xdp": self.xdp, "limits": self.limits, **rules(self, lab), **self.more})
        done = gateway.load("up", check=False)
        if done.returncode:
            raise Absent(" ".join(done.stdout.replace(gateway.path, "ftpnat.yaml").split()))

    def verify(self, lab):
        if self.xdp != "off" and not lab.gateway.reason("xdp_forwarded"):
            why = " ".join(lab.gateway.listing("status")["degraded"])
            raise Absent(f"XDP forwards nothing: {why or 'and status knows no reason'}")

    def give_queues(self, lab):
        if self.xdp == "off":
            super().give_queues(lab)


class Nftables(Variant):
    def __init__(self, key="nftables", title="nftables + nf_nat_ftp", family="v4", masquerade=False):
        self.key, self.title, self.family, self.masquerade = key, title, family, masquerade

    def up(self, lab):
        KernelGateway(lab).up(rules(self, lab))
        # a card checks TCP checksums; on veth the CPU would have to, which no gateway does
        lab.gw.sysctl("net/netfilter/nf_conntrack_checksum", 0)


FLOWTABLE = """
table inet bench_flowtable {{
	flowtable fast {{
		hook ingress priority 0
		devices = {{ {devices} }}
	}}
	chain forward {{
		type filter hook forward priority 0
		meta l4proto tcp ct state established flow add @fast
	}}
}}
"""


class Flowtable(Nftables):
    def __init__(self):
        super().__init__("flowtable", "nftables with flowtable")

    def check(self):
        with Lab("bench-probe", clients=1, servers=1) as lab:
            done = lab.gw.run(["nft", "-f", "-"], check=False,
                              input=FLOWTABLE.format(devices=", ".join(lab.interfaces)))
        if done.returncode:
            said = re.search(r"Error: (.*)", done.stdout)
            raise Absent("this kernel refuses a flowtable"
                         + (f": {said.group(1)}" if said else ""))

    def up(self, lab):
        super().up(lab)
        lab.gw.run(["nft", "-f", "-"], input=FLOWTABLE.format(devices=", ".join(lab.interfaces)))


class Forward(Variant):
    key = "forward"
    title = "plain forwarding"
    translates = False


class BareTc(Forward):
    key = "bare-tc"
    title = "bare TC: route lookup, redirect"

    def up(self, lab):
        for interface in lab.interfaces:
            Tools.attach_tc(lab.gw, interface, "bench_bare_tc")


class BareXdp(Forward):
    key = "bare-xdp"
    title = "bare XDP: route lookup, redirect"

    def up(self, lab):
        for interface in lab.interfaces:
            Tools.attach_xdp(lab.gw, interface, "bench_bare_xdp")
        # a frame that is redirected here can't leave its checksum to the next interface
        for node in (lab.client, lab.server):
            node.run(["ethtool", "-K", "eth0", "tx", "off"])

    def give_queues(self, lab):
        pass


class Harness(Forward):
    """The frames end where they enter the gateway."""

    key = "harness"
    title = "generator and sink alone"

    def up(self, lab):
        for interface in lab.interfaces:
            Tools.attach_xdp(lab.gw, interface, "bench_sink")

    def give_queues(self, lab):
        pass


def is_basic(variant):
    """ftpnat or nftables, publishing within IPv4: of what is measured for these only."""
    return (isinstance(variant, (Ftpnat, Nftables))
            and not (variant.across or variant.masquerade or variant.family == "v6"))


VARIANTS = [Ftpnat("ftpnat-xdp", "ftpnat XDP", "native"), Ftpnat("ftpnat-tc", "ftpnat TC", "off"),
            Ftpnat("ftpnat-xdp-46", "ftpnat XDP, IPv4 to IPv6", "native", across=True),
            Ftpnat("ftpnat-tcx", "ftpnat TC at tcx", "off", more={"tcx": "first"}),
            Ftpnat("ftpnat-tc-46", "ftpnat TC, IPv4 to IPv6", "off", across=True),
            Ftpnat("ftpnat-xdp-6", "ftpnat XDP, IPv6", "native", family="v6"),
            Ftpnat("ftpnat-tc-6", "ftpnat TC, IPv6", "off", family="v6"),
            Ftpnat("ftpnat-tc-masq", "ftpnat TC, masquerade", "off", masquerade=True),
            Nftables(), Nftables("nftables-6", "nftables + nf_nat_ftp, IPv6", family="v6"),
            Nftables("nftables-masq", "nftables + nf_nat_ftp, masquerade", masquerade=True), Flowtable(), Forward(), BareTc(), BareXdp(), Harness()]
TITLES = {variant.key: variant.title for variant in VARIANTS}


def attached_programs(lab, interface):
    """{"tc": id, "xdp": id} of what is attached to an interface of the gateway, where there is."""
    found = {}
    filters = json.loads(lab.gw.run(["tc", "-j", "filter", "show", "dev", interface,
                                     "ingress"]).stdout or "[]")
    for entry in filters:
        program = entry.get("options", {}).get("prog")
        if program:
            found["tc"] = program["id"]
    link, = json.loads(lab.gw.run(["ip", "-j", "link", "show", "dev", interface]).stdout)
    with contextlib.suppress(KeyError):
        found["xdp"] = link["xdp"]["prog"]["id"]
    return found


@contextlib.contextmanager
def room_for_conntrack(entries):
    """conntrack's table, which is the whole machine's, large enough; as before afterwards."""
    base = "/proc/sys/net/netfilter/nf_conntrack_"
    wanted = {"buckets": entries, "max": 4 * entries}

    def write(values):
        for name, value in values.items():
            with open(base + name, "w") as file:
                file.write(str(value))

    if shutil.which("modprobe"):
        run(["modprobe", "-q", "nf_conntrack"], check=False)
    before = {}
    try:
        for name in wanted:
            with open(base + name) as file:
                before[name] = int(file.read())
        write({name: max(value, before[name]) for name, value in wanted.items()})
    except OSError as error:
        raise LabError(f"can't enlarge conntrack's table: {error}; is this the machine's own "
                       "network namespace, and does its kernel have conntrack?") from error
    try:
        yield
    finally:
        write(before)
