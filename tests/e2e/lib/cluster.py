# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Several gateways between the same clients and servers, with a real corosync on each.

The client (10.1.1.2) and the server (10.2.1.2) each hang on a bridge in a namespace of its
own, and so do all gateways: c1 and s1, with addresses that are theirs alone (.11, .12, ...).
What moves from one gateway to another is the published address, 192.0.2.10, and the
server's next hop, 10.2.1.1. The gateways talk to each other on p0 (10.99.0.N).
"""

import glob
import json
import os

from gateways import FtpnatGateway
from lab import Namespaces, Node, Process, run, wait_until
from service import Service

VIP4, VIP6 = "192.0.2.10", "2001:db8::10"
NEXT4, NEXT6 = "10.2.1.1", "fd00:2:1::1"  # the server's next hop
CLIENT_NEXT4, CLIENT_NEXT6 = "10.1.1.1", "fd00:1:1::1"

OTHER = os.environ.get("OTHER")  # another build's ftpnat-load, for the second gateway

COROSYNC = """\
totem {{
	version: 2
	cluster_name: ftpnat
	transport: knet
	crypto_cipher: none
	crypto_hash: none
	token: {token}
}}
system {{
	sched_rr: no
	allow_knet_handle_fallback: yes
}}
logging {{
	to_stderr: yes
	to_syslog: no
	timestamp: on
}}
nodelist {{
{nodes}}}
"""
NODE = """\
	node {{
		name: gw{number}
		nodeid: {number}
		ring0_addr: 10.99.0.{number}
	}}
"""
# /run and /var/lib/corosync of its own; the abstract sockets belong to the network namespace
OWN_FILES = ("mount --make-rprivate / && mount -t tmpfs -o size=1m tmpfs /run && mkdir -p /var/lib/corosync && "
             "mount -t tmpfs -o size=1m tmpfs /var/lib/corosync && exec corosync -f -c \"$1\"")


class Member:
    """One gateway of the cluster; what a Lab is for the helpers of a single gateway."""

    def __init__(self, lab, number):
        self.lab = lab
        self.number = number
        self.name = f"{lab.name}-{number}"
        self.processes, self.closers = lab.processes, lab.closers
        self.interfaces = ["c1", "s1"]
        self.dir = lab.file(f"gw{number}")
        os.mkdir(self.dir)
        self.gw = self.node = Node(lab, f"gw{number}")
        for key in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
            self.gw.sysctl(key, 1)
        self.links = (("c1", "bc", f"10.1.1.1{number}", f"fd00:1:1::1{number}"),
                      ("s1", "bs", f"10.2.1.1{number}", f"fd00:2:1::1{number}"),
                      ("p0", "bp", f"10.99.0.{number}", f"fd00:99::{number}"))
        for interface, bridge, ip4, ip6 in self.links:
            lab.plug(self.gw, interface, bridge, f"{interface}-{number}", ip4, ip6)
        FtpnatGateway(self)
        if number == 2 and OTHER:
            self.gateway.command = OTHER
        self.corosync = self.service = self.keepalived = None
        self.environment = {}  # of its service

    def file(self, name):
        return os.path.join(self.dir, name)

    def start_corosync(self):
        self.corosync = Process(["ip", "netns", "exec", self.gw.name, "unshare", "-m", "sh", "-c", OWN_FILES,
                                 "corosync", self.lab.file("corosync.conf")], self.file("corosync.log"))
        self.lab.processes.append(self.corosync)
        self.lab.corosyncs.append(self.corosync.popen.pid)
        return self.corosync

    def config(self, **more):
        cluster = {"slot": self.number, "peer_address": f"10.99.0.{self.number}", **self.lab.cluster,
                   **more.pop("cluster", {})}
        return {**self.lab.config, "cluster": cluster, **more}

    def run(self, ready=True, **more):
        """Starts `ftpnat-load run`; ready: returns when it is."""
        self.gateway.write(self.config(**more))
        self.service = Service(self, ready=ready, wrap=(*self.gateway.wrap, "unshare", "--uts", "sh", "-c",
                                                        'hostname "$0" && exec "$@"', f"gw{self.number}"),
                               **self.environment)
        return self.service

    def own_run(self):
        """Gives its commands a /run/ftpnat of their own: a small file system in a folder."""
        folder = self.file("run")
        os.mkdir(folder)
        run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder])
        self.closers.append(lambda: run(["umount", "-l", folder]))
        self.gateway.wrap = ("unshare", "-m", "sh", "-c", 'mount --make-rprivate / && mkdir -p -m 700 /run/ftpnat && '
                             'mount --bind "$0" /run/ftpnat && exec "$@"', folder)
        return folder

    def start(self, **more):
        self.start_corosync()
        self.run(**more)

    def status(self):
        return self.gateway.load("-j", "cluster", "status", check=False)

    def document(self):
        return json.loads(self.status().stdout)

    def synced_with(self, number):
        """Is it synced, with that many members, and nothing wrong?"""
        done = self.status()
        if done.returncode:
            return False
        document = json.loads(done.stdout)
        return document["synced"] and not document["degraded"] and len(document["members"]) == number

    def take_addresses(self):
        """It is the active one from now on, as VRRP would have it."""
        for member in self.lab.members:
            if member is not self and member.gw.alive:
                member.drop_addresses()
        self.add_addresses()
        self.answer_for_addresses()

    def add_addresses(self):
        """As each has them where all are active."""
        self.gw.ip(f"addr replace {VIP4}/32 dev c1", f"addr replace {VIP6}/128 dev c1 nodad",
                   f"addr replace {CLIENT_NEXT4}/24 dev c1", f"addr replace {CLIENT_NEXT6}/64 dev c1 nodad",
                   f"addr replace {NEXT4}/24 dev s1", f"addr replace {NEXT6}/64 dev s1 nodad")

    def answer_for_addresses(self):
        """The ends send to it."""
        for node, addresses in ((self.lab.client, (CLIENT_NEXT4, CLIENT_NEXT6)), (self.lab.server, (NEXT4, NEXT6))):
            interface = "c1" if node is self.lab.client else "s1"
            mac = self.gw.run(["ip", "-br", "link", "show", interface]).stdout.split()[2]
            node.ip(*(f"neigh replace {address} lladdr {mac} dev eth0 nud permanent" for address in addresses))

    def drop_addresses(self):
        for interface, addresses in (("c1", (f"{VIP4}/32", f"{VIP6}/128", f"{CLIENT_NEXT4}/24", f"{CLIENT_NEXT6}/64")),
                                     ("s1", (f"{NEXT4}/24", f"{NEXT6}/64"))):
            for address in addresses:
                run(["ip", "-n", self.gw.name, "addr", "del", address, "dev", interface], check=False)

    def power_off(self):
        """All its links are cut, then its processes are killed."""
        self.gw.ip(*(f"link set {interface} down" for interface, *_ in self.links))
        for process in (self.service and self.service.process, self.corosync, self.keepalived):
            if process:
                process.popen.kill()
                process.popen.wait()
        self.gw.alive = False

    def power_on(self):
        """It starts as after a boot: without any state. Returns when all are synced."""
        self.gateway.down()
        for interface, _, ip4, ip6 in self.links:
            self.gw.ip(f"addr flush dev {interface}", f"link set {interface} up",
                       *self.lab.addresses(interface, ip4, ip6))
        self.gw.alive = True
        self.start()
        self.lab.wait_synced()


class ClusterLab(Namespaces):
    """Client -- bridge -- gateways -- bridge -- server. Close it."""

    def __init__(self, name, members=2, token=1000, config=None, **cluster):
        super().__init__(name)
        self.cluster, self.config = cluster, config or {}
        self.corosyncs = []  # the processes that were started
        try:
            self.switch = Node(self, "sw")
            for bridge in ("bc", "bs", "bp"):
                self.switch.ip(f"link add {bridge} type bridge", f"link set {bridge} up")
            self.client, self.server = Node(self, "cl"), Node(self, "sv")
            for node, bridge, net, next4, next6 in ((self.client, "bc", 1, CLIENT_NEXT4, CLIENT_NEXT6),
                                                    (self.server, "bs", 2, NEXT4, NEXT6)):
                node.ip4, node.ip6 = f"10.{net}.1.2", f"fd00:{net}:1::2"
                self.plug(node, "eth0", bridge, node.short, node.ip4, node.ip6)
                node.ip(f"route add default via {next4}", f"route add ::/0 via {next6}")
            with open(self.file("corosync.conf"), "w") as file:
                file.write(COROSYNC.format(token=token, nodes="".join(
                    NODE.format(number=number + 1) for number in range(members))))
            self.members = []
            for number in range(members):
                self.members.append(Member(self, number + 1))
                self.members[-1].gw.alive = True
        except BaseException:
            self.close()
            raise

    def close(self):
        super().close()
        for pid in self.corosyncs:  # killed ones leave shared memory
            run(["rm", "-rf", *glob.glob(f"/dev/shm/qb-{pid}-*"), *glob.glob(f"/dev/shm/qb-corosync-{pid}-*")])

    def plug(self, node, interface, bridge, port, ip4, ip6):
        """Connects a node to a bridge."""
        run(["ip", "link", "add", interface, "netns", node.name, "type", "veth",
             "peer", "name", port, "netns", self.switch.name])
        self.switch.ip(f"link set {port} master {bridge} up")
        node.ip(*self.addresses(interface, ip4, ip6), f"link set {interface} up")

    @staticmethod
    def addresses(interface, ip4, ip6):
        """What gives them to it."""
        return f"addr add {ip4}/24 dev {interface}", f"addr add {ip6}/64 dev {interface} nodad"

    def start(self, **more):
        """Starts all members, and waits until they are synced."""
        for member in self.members:
            member.start_corosync()
        for member in self.members:
            member.run(**more)
        self.wait_synced()

    def wait_synced(self, members=None):
        members = members or self.members
        wait_until(lambda: all(member.synced_with(len(members)) for member in members),
                   lambda: "synced: " + "\n".join(member.status().stdout for member in members))
