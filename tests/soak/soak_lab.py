# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the soak runs through: server hosts, a rule of each kind, and `ftpnat-load run` above them.

c1 and c2 transfer, c3 is a stranger. s4 stands for the world: it has no route to the clients.
"""

import collections
import contextlib
import itertools
import os
import signal

import tls
from clients import Curl, Ftplib, Lftp, Session, Tnftp
from lab import LabError, pids_of, wait_until
from loss import hurry
from scenes import masquerade, publish, random_file
from servers import Proftpd, Pureftpd, Pyftpdlib, Vsftpd
from service import Service

LAB = {"clients": 3, "servers": 4}
SOURCE = ("10.2.1.77", "fd00:2:1::77")  # what the server of rule `other` sees
MODES = ("off", "generic", "native", "auto")
# Those that vanished are forgotten soon; sessions that rest send keepalives. `closing` has to
# outlast packets of a handshake that are lost, and sent again once a second.
TIMEOUTS = {"control": "30s", "data": "30s", "closing": "10s", "expected": "20s"}
HEALTH = {"interval": "1s", "timeout": "5s", "fall": 2, "rise": 1}
LONGEST = 3_000_000
SPARE = ("x1", "x2")  # one more interface of the gateway, which leads nowhere

BOTH = {"v4": ("EPSV", "PASV", "EPRT", "PORT"), "v6": ("EPSV", "EPRT")}
PASSIVE = {"v4": ("EPSV", "PASV"), "v6": ("EPSV",)}

# dial: (IPv4, IPv6) addresses; session: what this project's own client is made of
Offer = collections.namedtuple("Offer", "rule servers dial port tools session methods")


class Memory:
    """A cgroup: what the kernel keeps for the processes started in it, and for their maps."""

    def __init__(self):
        self.path = self.why = None
        for parent, counter in self._places():
            path = os.path.join(parent, f"ftpnat-soak.{os.getpid()}")
            with contextlib.suppress(OSError):
                os.mkdir(path)
                self.path, self.counter = path, os.path.join(path, counter)
                return
        self.why = "no memory cgroup can be made here"

    @staticmethod
    def _places():
        with open("/proc/self/cgroup") as file:
            for line in file:
                _, controllers, own = line.strip().split(":", 2)
                if "memory" in controllers.split(","):
                    for parent in (own, ""):
                        yield f"/sys/fs/cgroup/memory{parent}", "memory.kmem.usage_in_bytes"
        with contextlib.suppress(OSError), open("/sys/fs/cgroup/cgroup.subtree_control") as file:
            if "memory" in file.read().split():
                yield "/sys/fs/cgroup", "memory.stat"

    def wrap(self):
        """Words in front of a command that has to run in it."""
        if not self.path:
            return []
        return ["sh", "-c", 'echo $$ >"$0" && exec "$@"', os.path.join(self.path, "cgroup.procs")]

    def used(self):
        with open(self.counter) as file:
            text = file.read()
        if text.strip().isdigit():
            return int(text)
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("kernel "))

    def processes(self):
        with open(os.path.join(self.path, "cgroup.procs")) as file:
            return [int(line) for line in file]

    def close(self):
        if self.path:
            wait_until(lambda: not self.processes(), "all processes of the soak's cgroup have ended")
            os.rmdir(self.path)


class Site:
    """The lab with its servers, the configuration in force and the service."""

    def __init__(self, lab):
        self.lab = lab
        self.gateway = lab.gateway
        self.memory = Memory()
        self.gateway.wrap = self.memory.wrap()
        self.stranger = lab.clients[2]
        self.service = None
        self._names = itertools.count(1)
        self._prepare()
        s1, s2, s3, s4 = lab.servers
        self.vips = [lab.vips(index) for index in range(6)]
        named = tls.extra
        self.plain = Vsftpd(s1)
        self.farm = [Proftpd(s2), Pureftpd(s3), Pyftpdlib(s4)]
        self.secret = Proftpd(s2, port=2100, extra=named(Proftpd, named=self.vips[3][0]))
        self.implicit = Vsftpd(s3, port=990, extra=named(Vsftpd, implicit=True, named=self.vips[4][0]))
        self.tracked = Vsftpd(s2, port=49)
        self.outer = Vsftpd(s4, port=2121)
        self.servers = [self.plain, *self.farm, self.secret, self.implicit, self.tracked, self.outer]
        for server in self.servers:
            server.start()
        self.much = os.urandom(LONGEST)
        for server in (self.plain, self.outer):
            server.put("much", self.much)
        own, real = (Curl, Lftp, Tnftp, Ftplib), (Curl, Tnftp, Ftplib)
        self.services = [
            Offer("keep", [self.plain], self.vips[0], 21, own, Session, BOTH),
            Offer("farm", self.farm, self.vips[1], 21, real, Session, BOTH),
            Offer("other", [self.plain], self.vips[2], 49, own, Session, BOTH),
            Offer("tls", [self.secret], self.vips[3], 21, tuple(tls.CLIENTS.values()),
                     tls.TlsSession, PASSIVE),
            Offer("tls990", [self.implicit], self.vips[4], 990, tuple(tls.IMPLICIT.values()),
                     None, PASSIVE),
            Offer("lan", [self.outer], self.outer.addresses, 2121, own, Session, BOTH),
            Offer("dmz", [self.tracked], self.tracked.addresses, 49, own, Session, BOTH),
        ]
        # only the fault that removes it dials it
        self.spare = Offer("spare", [self.plain], self.vips[5], 621, (), Session, BOTH)

    def _prepare(self):
        lab = self.lab
        lab.servers[3].ip("route del default", "route del ::/0")
        lab.gw.ip(*(f"addr add {address} dev s1" for address in (f"{SOURCE[0]}/32", f"{SOURCE[1]}/128 nodad")))
        lab.gw.sysctl("net/ipv6/conf/all/keep_addr_on_down", 1)
        self.add_interface()
        for node in lab.clients + lab.servers:
            hurry(node)
        for node in (lab.clients[0], lab.servers[0]):  # and some frames are long
            node.run(["ethtool", "-K", "eth0", "tso", "on", "gso", "on", "gro", "on"])

    def add_interface(self):
        name, peer = SPARE
        self.lab.gw.ip(f"link add {name} type veth peer name {peer}", f"link set {name} up")

    def serving(self, rule):
        return next(service for service in self.services if service.rule == rule)

    def configuration(self, rng, without=()):
        """Changes from one to the next must disturb no session."""
        weights = [rng.randint(1, 3) for _ in self.farm]
        low = rng.choice((1024, 20000, 40000))
        vips, range_ = self.vips, f"{low}-{rng.choice((low + 5000, 65535))}"
        rules = [
            publish("keep", vips[0], [self.plain], data_ports=range_),
            publish("farm", vips[1], list(zip(self.farm, weights)), source="gateway", data_ports=range_,
                    health=HEALTH),
            publish("other", vips[2], [self.plain], port=49, source=list(SOURCE),
                    foreign_data=rng.choice(("allow", "deny"))),
            publish("spare", vips[5], [self.plain], port=621),
            publish("tls", vips[3], [self.secret], tls_data_ports=tls.PORTS,
                    source=rng.choice(("keep", "gateway"))),
            publish("tls990", vips[4], [self.implicit], port=990, tls_data_ports=tls.PORTS),
        ]
        rng.shuffle(rules)
        guarded = rng.sample(self.lab.interfaces, rng.randint(0, len(self.lab.interfaces)))
        return {
            "interfaces": [*self.lab.interfaces, SPARE[0]],
            "publish": [rule for rule in rules if rule["name"] not in without],
            "masquerade": masquerade("lan", control_ports=[21, 2121], data_ports=range_),
            "track": [{"name": "dmz", "servers": list(self.tracked.addresses), "control_ports": [49]}],
            "guard": [{"interface": name, "ports": [20, "1024-65535"]} for name in guarded],
            "timeouts": TIMEOUTS,
            "xdp": rng.choice(MODES),
        }

    def begin(self, rng):
        """Puts a configuration in force, by the service."""
        config = self.configuration(rng)
        if self.service:
            self.service.reload(config)
        else:
            self.gateway.write(config)
            self.run()
        for process in self.lab.processes:
            process.forget()

    def run(self):
        """Starts the service, in place of one that was killed."""
        if self.service:
            self.service.process.stop()
            self.lab.processes.remove(self.service.process)
        self.service = Service(self.lab, "--json", wrap=self.memory.wrap())

    def on(self, node):
        return [server for server in self.servers if server.node is node]

    def crash(self, node):
        """All servers of the host are killed, with every session that they have."""
        for pid in pids_of(node.name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not pids_of(node.name), f"all processes of {node.short} are dead")
        for server in self.on(node):
            server.stop()

    def await_health(self, servers, up):
        """Until the checks of `run` have found the servers to be so."""
        addresses = {address for server in servers for address in server.addresses}

        def found():
            return all(("health" in server["drained_by"]) is not up
                       for server in self.gateway.listing("servers")["servers"]
                       if server["rule"] == "farm" and server["address"].rsplit(":", 1)[0].strip("[]") in addresses)
        wait_until(found, f"{servers} are {'up' if up else 'down'}")

    def file(self, size):
        """(path, name) of a new file."""
        name = f"soak{next(self._names)}"
        return random_file(self.lab.file(name), size), name

    def close(self):
        """Takes all down; what is left behind then: a list of sentences."""
        left = []
        if self.service:
            self.service.stop()
        self.gateway.down()
        if self.memory.path:
            wait_until(lambda: not self.memory.processes(), "no process of ours is left")
            try:
                wait_until(lambda: self.memory.used() < 1 << 20, "the maps' memory is given back")
            except LabError as error:
                left.append(f"{error}: {self.memory.used()} bytes")
        self.memory.close()
        return left + [f"down left {entry}" for entry in self.gateway.leftovers()]
