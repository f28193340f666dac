# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A lab of network namespaces: clients -- gateway -- servers.

Client i hangs on 10.1.i.0/24 and fd00:1:i::/64, server j on 10.2.j.0/24 and
fd00:2:j::/64; the gateway is .1, the host .2. Interfaces are called eth0 in the
hosts, c1, c2, ... and s1, s2, ... in the gateway. Published addresses (VIPs)
are 192.0.2.10, 192.0.2.11, ... and 2001:db8::10, 2001:db8::11, ...
"""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from links import Link
from tun_pair import ARPHRD_NONE, tun_open

TUN_PAIR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tun_pair.py")
NETNS_DIR = "/run/netns"
BPFFS = "/sys/fs/bpf"
DEADLINE = 30.0  # seconds that a condition may take to come true, on a busy machine too
SLOWER = int(os.environ.get("FTPNAT_SLOWER", 1))  # times that all may take longer, as in an emulation
BUSY = 4  # times that a condition may take longer beside much other work: at a load of 20, `up` takes 40 s
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """A part of the lab did not do what it is there for."""


def wait_until(condition, what, deadline=None):
    """Polls until condition() is true and returns its value."""
    deadline = deadline * SLOWER if deadline else DEADLINE * max(SLOWER, BUSY)
    end = time.monotonic() + deadline
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError(f"after {deadline:g} s still not: {what() if callable(what) else what}")
        time.sleep(pause)
        pause = min(pause * 2, 0.1)


def run(argv, check=True, timeout=60, **options):
    """Runs a command to its end; its output is in the error when it fails."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", timeout=timeout * SLOWER, **options)
    if check and done.returncode:
        raise LabError(f"{' '.join(map(str, argv))}: exit {done.returncode}\n{done.stdout}")
    return done


def _setns(path):
    with open(path, "rb") as ns:
        if _libc.setns(ns.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {path}")


@contextlib.contextmanager
def inside_namespace(name):
    """This thread's new sockets and commands belong to the namespace."""
    with open("/proc/thread-self/ns/net", "rb") as home:
        _setns(f"{NETNS_DIR}/{name}")
        try:
            yield
        finally:
            if _libc.setns(home.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns back")


def own_mounts():
    """Gives this thread its own namespace names and pins, which collide with no others."""
    if _libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    os.makedirs(NETNS_DIR, exist_ok=True)
    run(["mount", "--make-rprivate", "/"])
    run(["mount", "-t", "tmpfs", "tmpfs", NETNS_DIR])
    while os.path.ismount(BPFFS):  # not over it: a test takes the bpffs away and wants none below
        run(["umount", "-l", BPFFS])
    run(["mount", "-t", "bpf", "bpf", BPFFS])


def _scratch():
    """Where files are quick: memory, if there is enough for the big ones."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage("/dev/shm").free > 6 << 30:
            return "/dev/shm"
    return None


class Process:
    """A long-running command with its output in a file."""

    def __init__(self, argv, log, **options):
        self.name = os.path.basename(log)
        self.log = log
        with open(log, "wb"):
            pass
        with open(log, "ab") as out:  # so that forget() makes room
            self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=subprocess.STDOUT, start_new_session=True, **options)

    def output(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def lines(self):
        """The whole ones: the last may be half written."""
        return self.output().split("\n")[:-1]

    def forget(self):
        """What it said so far is of no interest any more."""
        os.truncate(self.log, 0)

    def alive(self):
        return self.popen.poll() is None

    def stop(self):
        if self.alive():
            self.popen.terminate()
            try:
                self.popen.wait(3)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        self.popen.wait()


class Node:
    """One namespace of the lab."""

    def __init__(self, lab, short):
        self.lab = lab
        self.short = short
        self.name = f"{lab.name}-{short}"
        self.path = f"{NETNS_DIR}/{self.name}"
        self.ip4 = self.ip6 = None  # address of a host with one interface
        run(["ip", "netns", "add", self.name])
        self.sysctl("net/ipv6/conf/all/accept_dad", 0)
        self.sysctl("net/ipv6/conf/default/accept_dad", 0)
        self.ip("link set lo up")

    def address(self, family):
        return self.ip4 if family == "v4" else self.ip6

    def ip(self, *commands):
        """Runs `ip` commands in this namespace."""
        run(["ip", "-n", self.name, "-batch", "-"], input="\n".join(commands) + "\n")

    def sysctl(self, key, value):
        with self.inside(), open(f"/proc/sys/{key}", "w") as file:
            file.write(str(value))

    def patient(self):
        """TCP sends nothing again only because the machine is busy: what sticks waits for seconds."""
        self.sysctl("net/ipv4/tcp_early_retrans", 0)
        with contextlib.suppress(FileNotFoundError):  # since Linux 6.11
            self.sysctl("net/ipv4/tcp_rto_min_us", 5_000_000)

    def counters(self):
        """What TCP of this namespace has counted: {"RetransSegs": n, "TCPTimeouts": n, ...}."""
        values = {}
        with self.inside():
            for name in ("snmp", "netstat"):
                with open(f"/proc/thread-self/net/{name}") as file:
                    rows = [line.split() for line in file]
                for keys, numbers in zip(rows[::2], rows[1::2]):
                    if keys[0] in ("Tcp:", "TcpExt:"):
                        values.update(zip(keys[1:], map(int, numbers[1:])))
        return values

    @contextlib.contextmanager
    def inside(self):
        """This thread's new sockets and commands belong to the namespace."""
        with inside_namespace(self.name):
            yield self

    def command(self, argv):
        return ["nsenter", f"--net={self.path}", "--", *map(str, argv)]

    def run(self, argv, **options):
        return run(self.command(argv), **options)

    def start(self, argv, name, **options):
        """Starts a command that lives until the lab is closed."""
        log = os.path.join(self.lab.dir, f"{name}.log")
        process = Process(self.command(argv), log, **options)
        self.lab.processes.append(process)
        return process

    def listening(self, address, port):
        """True when a TCP socket listens on the address."""
        host = f"[{address}]" if ":" in address else address
        output = self.run(["ss", "-Hltn"]).stdout
        return any(line.split()[3] == f"{host}:{port}" for line in output.splitlines())


def stop_listening(listeners):
    """accept() in another thread ends, too."""
    for listener in listeners:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


class Namespaces:
    """Namespaces, a directory, and all that was started in them. Close it."""

    def __init__(self, name):
        self.name = f"ftpnat-{name}"
        self.processes = []
        self.closers = []  # called first of all when it closes
        remove_namespaces(self.name)
        self.dir = tempfile.mkdtemp(prefix=f"{self.name}.", dir=_scratch())
        os.chmod(self.dir, 0o755)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def file(self, name):
        return os.path.join(self.dir, name)

    def report(self):
        """What the processes said: the part of a failure's story that only they know."""
        parts = []
        for process in self.processes:
            state = "" if process.alive() else f" (ended, exit {process.popen.returncode})"
            try:
                said = process.output()[-6000:]
            except FileNotFoundError as error:  # an error here would end the whole run
                said = str(error)
            parts.append(f"--- {process.log}{state}\n{said}")
        return "\n".join(parts)

    def close(self):
        for closer in reversed(self.closers):
            with contextlib.suppress(Exception):
                closer()
        for process in reversed(self.processes):
            process.stop()
        remove_namespaces(self.name)
        shutil.rmtree(self.dir, ignore_errors=True)


class Lab(Namespaces):
    """Clients -- gateway -- servers. Close it."""

    def __init__(self, name, clients=1, servers=1, vip="own", route_back=True,
                 neighbours="dynamic", tun=(), tun_kind=ARPHRD_NONE, links=None):
        super().__init__(name)
        self.vip = vip
        self.neighbours = neighbours
        self.tun = tun  # of "clients", "servers": their links have no Ethernet header
        self.tun_kind = tun_kind
        self.links = links or {}  # {"clients" or "servers": kind of link, see links.py}
        try:
            self.gw = Node(self, "gw")
            self.gw.sysctl("net/ipv4/ip_forward", 1)
            self.gw.sysctl("net/ipv6/conf/all/forwarding", 1)
            self.clients = [self._host("cl", "c", 1, i) for i in range(1, clients + 1)]
            self.servers = [self._host("sv", "s", 2, i) for i in range(1, servers + 1)]
            for node in self.clients + (self.servers if route_back else []):
                node.ip(f"route add default via {node.gw4}", f"route add ::/0 via {node.gw6}")
        except BaseException:
            self.close()
            raise

    @property
    def client(self):
        return self.clients[0]

    @property
    def server(self):
        return self.servers[0]

    @property
    def interfaces(self):
        """The gateway's interfaces."""
        return [node.gw_interface for node in self.clients + self.servers]

    def _host(self, kind, letter, net, index):
        node = Node(self, f"{kind}{index}")
        node.gw_interface = f"{letter}{index}"
        node.gw4, node.ip4 = f"10.{net}.{index}.1", f"10.{net}.{index}.2"
        node.gw6, node.ip6 = f"fd00:{net}:{index}::1", f"fd00:{net}:{index}::2"
        side = {"c": "clients", "s": "servers"}[letter]
        if side in self.links:
            node.link = Link(self.links[side], self, node, net, run, wait_until)
        elif side in self.tun:
            self._tun_pair((node, "eth0"), (self.gw, node.gw_interface))
        else:
            run(["ip", "link", "add", "eth0", "netns", node.name, "type", "veth",
                 "peer", "name", node.gw_interface, "netns", self.gw.name])
        for end, name, ip4, ip6 in ((node, "eth0", node.ip4, node.ip6),
                                    (self.gw, node.gw_interface, node.gw4, node.gw6)):
            end.ip(f"addr add {ip4}/24 dev {name}", f"addr add {ip6}/64 dev {name} nodad",
                   f"link set {name} up")
        if self.neighbours == "permanent":
            self._neighbour(node, "eth0", self.gw, node.gw_interface, node.gw4, node.gw6)
            self._neighbour(self.gw, node.gw_interface, node, "eth0", node.ip4, node.ip6)
        return node

    def _tun_pair(self, *ends):
        """Two tun devices, connected by a process."""
        fds = []
        try:
            for node, name in ends:
                with node.inside():
                    fds.append(tun_open(name, self.tun_kind))
            self.processes.append(Process([sys.executable, TUN_PAIR, *map(str, fds)],
                                          self.file(f"tun-{ends[1][1]}.log"), pass_fds=fds))
        finally:
            for fd in fds:
                os.close(fd)

    @staticmethod
    def _neighbour(node, interface, peer, peer_interface, *addresses):
        mac = peer.run(["ip", "-br", "link", "show", peer_interface]).stdout.split()[2]
        node.ip(*(f"neigh replace {address} lladdr {mac} dev {interface} nud permanent"
                  for address in addresses))

    def vips(self, index=0):
        """The index-th published addresses, (IPv4, IPv6)."""
        vip4, vip6 = f"192.0.2.{10 + index}", f"2001:db8::{10 + index}"
        if self.vip == "own":
            interface = self.clients[0].gw_interface if self.clients else "lo"
            self.gw.ip(f"addr replace {vip4}/32 dev {interface}",
                       f"addr replace {vip6}/128 dev {interface} nodad")
        return vip4, vip6


def pids_of(namespace):
    """The processes in a namespace, but for ourselves."""
    return [int(pid) for pid in run(["ip", "netns", "pids", namespace], check=False).stdout.split()
            if pid.isdigit() and int(pid) != os.getpid()]


def remove_namespaces(lab_name):
    """Removes the namespaces of one lab, with the processes left in them."""
    if not os.path.isdir(NETNS_DIR):
        return
    for namespace in sorted(os.listdir(NETNS_DIR)):
        if namespace.rpartition("-")[0] != lab_name:  # another's name may begin with this one
            continue
        for pid in pids_of(namespace):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        run(["ip", "netns", "del", namespace], check=False)
