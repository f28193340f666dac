# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two gateways, one of which is switched off: with the kernel's helper and conntrackd, and with ftpnat.

conntrackd is set up as its manual has it: FTFW mode with the external cache, expectations of
the helper are synchronised, and the standby does what primary-backup.sh does when it takes over.
"""

import re
import shutil
import socket

from cluster import VIP4, VIP6, ClusterLab
from gateways import KernelGateway
from lab import SLOWER, LabError, Process, run, wait_until

MASQUERADED4, MASQUERADED6 = "203.0.113.117", "2001:db8:77::1234"  # longer than the client's
LAN4, LAN6 = "10.1.1.7", "fd00:1:1::7"  # the client whose address is masqueraded
FTP, ECHO = 21, 7
SOON = 5 * SLOWER  # seconds within which what is on its way arrives

CONFIGURATION = {
    "publish": [{"name": "files", "listen": [f"{VIP4}:{FTP}", f"[{VIP6}]:{FTP}"],
                 "servers": [f"10.2.1.2:{FTP}", f"[fd00:2:1::2]:{FTP}"]}],
    "masquerade": [{"name": "lan4", "clients": f"{LAN4}/32", "to": MASQUERADED4},
                   {"name": "lan6", "clients": f"{LAN6}/128", "to": MASQUERADED6}],
}

# "Sync example 1" of conntrackd.conf(5), and the helper's expectations.
CONNTRACKD = """\
Sync {{
	Mode FTFW {{
		ResendQueueSize 131072
		PurgeTimeout 60
		ACKWindowSize 300
		DisableExternalCache no
	}}
	Multicast {{
		IPv4_address 225.0.0.50
		Group 3780
		IPv4_interface {own}
		Interface p0
		SndSocketBuffer 1249280
		RcvSocketBuffer 1249280
		Checksum yes
	}}
	Options {{
		TCPWindowTracking no
		ExpectationSync {{
			ftp
		}}
	}}
}}
General {{
	Systemd no
	HashSize 32768
	HashLimit 131072
	LogFile {dir}/conntrackd-said.log
	Syslog no
	LockFile {dir}/conntrackd.lock
	UNIX {{
		Path {dir}/conntrackd.ctl
	}}
	NetlinkBufferSize 2097152
	NetlinkBufferSizeMaxGrowth 8388608
	NetlinkOverrunResync yes
	NetlinkEventsReliable no
	EventIterationLimit 100
	Filter From Userspace {{
		Protocol Accept {{
			TCP
		}}
		Address Ignore {{
			IPv4_address 127.0.0.1
			IPv4_address {own}
			IPv6_address ::1
		}}
	}}
}}
"""
# What the manual's rule-sets are: stateful, and nothing invalid goes out untranslated.
FIREWALL = f"""
table inet firewall {{
	chain forward {{
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
		ct state new iifname "c1" ip saddr {LAN4} accept
		ct state new iifname "c1" ip6 saddr {LAN6} accept
		ct state new iifname "c1" tcp dport {FTP} ct status dnat accept
	}}
}}
"""


def absent():
    """Why the pairs can't run here, or None."""
    missing = [tool for tool in ("conntrackd", "nft", "corosync") if not shutil.which(tool)]
    return f"no {', '.join(missing)}: run `scripts/deps test compare`" if missing else None


def version():
    return re.search(r"v(\d+(\.\d+)*)", run(["conntrackd", "-v"]).stdout)[1]


class Conntrackd:
    """The daemon of one member."""

    def __init__(self, member):
        self.member = member
        KernelGateway(member).up(CONFIGURATION)
        member.gw.run(["nft", "-f", "-"], input=FIREWALL)
        self.conf = member.file("conntrackd.conf")
        with open(self.conf, "w") as file:
            file.write(CONNTRACKD.format(own=f"10.99.0.{member.number}", dir=member.dir))
        self.process = Process(member.gw.command(["conntrackd", "-C", self.conf]), member.file("conntrackd.log"))
        member.lab.processes.append(self.process)
        wait_until(lambda: not self.order("-s", check=False).returncode, lambda: f"conntrackd: {self.process.output()}")

    def order(self, *what, check=True):
        return self.member.gw.run(["conntrackd", "-C", self.conf, *what], check=check)

    def known(self, cache):
        """Connections and expectations in its "internal" or "external" cache."""
        return [int(re.search(rf"cache {cache}:\n\s*current active connections:\s+(\d+)",
                              self.order("-s", kind).stdout)[1]) for kind in ("ct", "expect")]

    def primary(self):
        """As primary-backup.sh."""
        for what in ("-c", "-f", "-R", "-B"):
            self.order(what)


class Pair:
    """The lab: `first` has the addresses."""

    def __init__(self, name, **cluster):
        self.lab = ClusterLab(name, config=CONFIGURATION, **cluster)
        self.first, self.second = self.lab.members
        self.lab.client.ip(f"addr add {LAN4}/24 dev eth0", f"addr add {LAN6}/64 dev eth0 nodad")
        for member in self.lab.members:
            member.gw.ip(f"addr add {MASQUERADED4}/32 dev s1", f"addr add {MASQUERADED6}/128 dev s1 nodad")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.lab.close()

    def power_off(self):
        """Of the first; the second has the addresses then."""
        self.first.power_off()
        self.second.take_addresses()


class ConntrackdPair(Pair):
    heading = "kernel helper and conntrackd"

    def __init__(self):
        super().__init__("kills-conntrackd")
        for member in self.lab.members:
            member.service = Conntrackd(member)
        self.first.take_addresses()

    def power_off(self):
        """
        conntrackd tells of events afterwards. Here it is never caught in between: the standby knows all,
        and has it in the kernel before the addresses move. A plain connection shows that this works.
        """
        first, second = self.first.service, self.second.service
        with self.lab.server.inside():
            listener = socket.create_server(("10.2.1.2", ECHO))
        with self.lab.client.inside():
            client = socket.create_connection(("10.2.1.2", ECHO), timeout=SOON, source_address=(LAN4, 0))
        with listener, client, listener.accept()[0] as server:
            if server.getpeername()[0] != MASQUERADED4:
                raise LabError(f"the server sees {server.getpeername()[0]}, not {MASQUERADED4}")
            wait_until(lambda: first.known("internal") == second.known("external"),
                       lambda: f"the standby knows all: {first.known('internal')}, {second.known('external')}")
            self.first.power_off()
            second.primary()
            self.second.take_addresses()
            for one, other in ((client, server), (server, client)):
                other.settimeout(SOON)
                one.sendall(b"goes on")
                if other.recv(7) != b"goes on":
                    raise LabError("a plain connection does not go on through conntrackd's standby")


class FtpnatPair(Pair):
    heading = "two ftpnat"

    def __init__(self):
        super().__init__("kills-ftpnat", commit="all")
        self.lab.start()
        self.first.take_addresses()
