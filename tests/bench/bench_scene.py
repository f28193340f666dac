# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A lab with one variant in its gateway, an FTP server behind it, and traffic through it."""

import ftplib
import json
import os
import socket
import struct

import frames
from tools import CPUS, Tools, built, pinned, tool
from lab import Lab, LabError, run, wait_until
from syn_flood import SynFlood
from variants import CONTROL_PORT, SPIN_PORT, Nftables, Ftpnat

# Flow n of many data connections comes from FILL_CLIENT + high part, port FILL_SPORT + high part, to
# port FILL_DPORT + low part, as frame.h divides n; of control connections from FILL_CLIENT + high part,
# port CONTROL_SPORT + low part, to port CONTROL_PORT + high part.
LOW_BITS = 15
FILL_CLIENT = "10.1.1.100"
FILL_SPORT = 20000
FILL_DPORT = 10000
FILL_CLIENTS = 100
CONTROL_SPORT = 10000
STREAMS = 1001, 5001  # first sequence number of each side, client and server, behind a handshake
FEW = 16
TRIES = 5

TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
REPAIR_OFF_SILENTLY = -1
RECEIVING, SENDING = 1, 2
POINTER = struct.calcsize("P")


def sequence_numbers(conn):
    """Next sequence number of each side, (own, peer's); asks the kernel."""
    found = []
    conn.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    for queue in (SENDING, RECEIVING):
        conn.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, queue)
        found.append(struct.unpack("I", conn.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ, 4))[0])
    conn.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, REPAIR_OFF_SILENTLY)
    return found


def offset(address, number):
    return socket.inet_ntoa(struct.pack("!I", struct.unpack("!I", socket.inet_aton(address))[0]
                                        + number))


def plain(address):
    """As ss writes it -> as anybody else does."""
    return address.strip("[]").removeprefix("::ffff:")


class Scene:
    """`generated`: for frames of the generator, whose sinks its hosts then have."""

    def __init__(self, variant, name, generated):
        self.variant = variant
        self.sessions = []
        self.lab = Lab(f"bench-{name}-{variant.key}", neighbours="permanent")
        try:
            for node, interface in self._interfaces():
                node.run(["ethtool", "-L", interface, "rx", len(CPUS), "tx", len(CPUS)])
            self.lab.client.sysctl("net/ipv4/ip_local_port_range", "1024 65535")
            self.lab.gw.sysctl("net/ipv4/ip_local_port_range", variant.own_ports)
            # first, for a dataplane that asks at its start whether a neighbour takes XDP frames
            for node in (self.lab.client, self.lab.server):
                if generated:
                    Tools.attach_xdp(node, "eth0", "bench_sink")
                else:
                    node.run(["ethtool", "-K", "eth0", "gro", "on"])
            variant.up(self.lab)
            if generated:
                variant.give_queues(self.lab)
            self.host = variant.dialled(self.lab)
            self.real = variant.server_address(self.lab)
            self.serve(CONTROL_PORT)
        except BaseException:
            self.close()
            raise

    def _interfaces(self):
        lab = self.lab
        return [(lab.client, "eth0"), (lab.server, "eth0")] + [(lab.gw, i) for i in lab.interfaces]

    def close(self):
        for session in self.sessions:
            session.close()
        self.lab.close()

    # ---- FTP ----

    def serve(self, port, *options):
        server = self.lab.server
        process = server.start([built("ftp_server"), self.real, port, CPUS[-1], *options],
                               f"server-{port}")
        shown = self.real if ":" in self.real else f"::ffff:{self.real}"
        wait_until(lambda: server.listening(shown, port), f"the FTP server listens: "
                   f"{process.output()}")
        return process

    def log_in(self):
        with self.lab.client.inside():
            session = ftplib.FTP(timeout=10)
            session.connect(self.host, CONTROL_PORT)
        session.login("bench", "bench")
        self.sessions.append(session)
        return session

    def open_data(self):
        """A data connection that a real PASV has opened; stays open, nothing flows."""
        session = self.log_in()
        with self.lab.client.inside():
            conn = session.transfercmd("STOR hole")
        self.sessions.append(conn)
        return conn

    def client_tool(self, *arguments):
        """ftp_client with its address and CPU put in: (what, port, the rest)"""
        what, port, *rest = arguments
        return tool("ftp_client", what, self.host, port, CPUS[0], *rest, node=self.lab.client)

    def line_tool(self, mode, count):
        """Round trips against a server that never sleeps."""
        return self._spinning("line", mode, count)

    def echo_tool(self, count):
        """The same over a data connection."""
        return self._spinning("echo", count)

    def _spinning(self, what, *arguments):
        spinning = self.serve(SPIN_PORT, "spin")
        try:
            return self.client_tool(what, SPIN_PORT, *arguments)
        finally:
            spinning.stop()

    def keep_idle(self, count):
        """So many sessions log in and stay, silent, until the lab is closed."""
        client = self.lab.client
        process = client.start([built("ftp_client"), "idle", self.host, CONTROL_PORT, CPUS[0], count], "idle")
        wait_until(process.output, f"{count} sessions have logged in", 120)
        if json.loads(process.output())["sessions"] != count:
            raise LabError(f"{self.lab.name}: not {count} sessions: {process.output()}")

    def flooded(self, syns):
        """While this lasts, hosts that do not exist open control connections."""
        flood = SynFlood(self.lab.client, self.host, CONTROL_PORT)
        self.sessions.append(flood)
        return flood.goes_on(syns)

    def connections(self):
        """Established at the server, as it sees them: {(peer, own)}, each (address, port)."""
        lines = self.lab.server.run(["ss", "-Htn", "state", "established"]).stdout.splitlines()
        pairs = [[end.rsplit(":", 1) for end in line.split()[2:4]] for line in lines]
        return {((plain(peer), int(peer_port)), (plain(own), int(own_port)))
                for (own, own_port), (peer, peer_port) in pairs}

    # ---- frames ----

    def macs(self, node):
        """(to, from) of frames that a host sends."""
        return frames.mac(self.lab.gw, node.gw_interface), frames.mac(node, "eth0")

    def header_of(self, conn):
        """Headers of the next segment of the client's socket."""
        seq, ack = sequence_numbers(conn)
        return frames.headers(self.macs(self.lab.client), conn.getsockname()[:2], conn.getpeername()[:2],
                              seq, ack, frames.ACK)

    def send(self, templates, size=64, cpus=1, flows=1, order="spread", seconds=None, packets=None,
             node=None):
        """Runs the generator; what it says."""
        node = node or self.lab.client
        length = max(frames.SIZES.get(size, size), max(map(frames.template_length, templates)))
        said = tool("traffic", node.path, "eth0", pinned("bench_counts"), length,
                    ",".join(map(str, CPUS[:cpus])), flows, order,
                    f"x{packets}" if packets else seconds, input="".join(templates))
        if not said["total"]:
            raise LabError(f"{self.lab.name}: no frame has arrived of {said['sent']}")
        return said

    def send_all(self, templates, packets, **options):
        """Until all of one pass arrive: a busy machine may lose some."""
        for _ in range(TRIES):
            said = self.send(templates, packets=packets, **options)
            if said["total"] >= said["sent"]:
                return
        raise LabError(f"{self.lab.name}: {said['total']} frames arrived of {said['sent']}, and in "
                       f"{TRIES} tries never all")

    def first_arrival(self, template):
        """Headers of the first of a few frames as it arrives."""
        Tools.arm_capture()
        self.send([template], packets=FEW)
        return wait_until(Tools.captured, "a frame arrives")

    def check_translation(self, templates):
        """Does each frame arrive as the server's own sockets know the connection?"""
        if self.variant.key == "harness":
            return
        known = self.connections()
        for template in 2 * templates:  # a connection's first packets may take another way
            header = self.first_arrival(template)
            if frames.ends(header) not in known:
                raise LabError(f"{self.lab.name}: a frame arrived as {frames.ends(header)}, which "
                               f"is not one of the server's connections")
            if frames.ttl(header) != 63 or not frames.sane(header):
                raise LabError(f"{self.lab.name}: wrong TTL or checksum: {header.hex()}")

    def control_headers(self):
        """A new control connection: headers of the next packet of the client, of the server."""
        before = self.connections()
        # their headers have no room for timestamps, which must not be agreed on then
        self.lab.client.run(["sysctl", "-qw", "net.ipv4.tcp_timestamps=0"])
        conn = self.log_in().sock
        self.lab.client.run(["sysctl", "-qw", "net.ipv4.tcp_timestamps=1"])
        (peer, own), = self.connections() - before
        seq, ack = sequence_numbers(conn)
        return self.header_of(conn), frames.headers(self.macs(self.lab.server), own, peer, ack, seq,
                                                    frames.ACK)

    def open_templates(self, count):
        """Frames of so many real data connections, checked."""
        if self.variant.key == "harness":
            end = (self.lab.server.ip4, FILL_DPORT)
            return [frames.template(frames.headers(self.macs(self.lab.client),
                                                   (self.lab.client.ip4, FILL_SPORT), end, 1, 1,
                                                   frames.ACK))] * count
        templates = [frames.template(self.header_of(self.open_data())) for _ in range(count)]
        self.check_translation(templates)
        self.variant.verify(self.lab)
        return templates

    # ---- many flows ----

    def _handshake(self, count, to_server, to_client, vary_server, vary_client):
        """SYN, SYN and ACK, ACK of so many connections, each by the generator."""
        client, server = self.lab.client, self.lab.server
        ours, theirs = STREAMS
        for node, (source, destination), flags, seq, ack, vary in (
                (client, to_server, frames.SYN, ours - 1, 0, vary_server),
                (server, to_client, frames.SYN | frames.ACK, theirs - 1, ours, vary_client),
                (client, to_server, frames.ACK, ours, theirs, vary_server)):
            header = frames.headers(self.macs(node), source, destination, seq, ack, flags)
            # no payload, of which a control connection would keep a copy until it is acknowledged
            self.send_all([frames.template(header, vary)], count, size=frames.HEADER, flows=count,
                          order="order", node=node)
        header = frames.headers(self.macs(client), *to_server, ours, theirs, frames.ACK)
        return frames.template(header, vary_server)

    def _know_clients(self):
        client = self.lab.client
        mac = frames.mac(client, "eth0").hex(":")
        self.lab.gw.ip(*(f"neigh replace {offset(FILL_CLIENT, i)} lladdr {mac} nud permanent "
                         f"dev {client.gw_interface}" for i in range(FILL_CLIENTS)))

    def fill(self, count):
        """So many live data connections; returns the frames of all of them, one template."""
        gw, server = self.lab.gw, self.lab.server
        self._know_clients()
        seen = server.gw4 if self.variant.translates else FILL_CLIENT
        if isinstance(self.variant, Ftpnat):
            self.log_in().sendcmd("PASV")
            run([built("announce"), self.lab.gateway.pin, str(count), FILL_CLIENT,
                 str(FILL_DPORT)])
        elif isinstance(self.variant, Nftables):
            gw.run(["nft", "add", "rule", "inet", "ftpnat_reference", "pre", "ip", "daddr",
                    self.host, "tcp", "dport", f"{FILL_DPORT}-{FILL_DPORT + (1 << LOW_BITS) - 1}",
                    "dnat", "ip", "to", server.ip4])
        template = self._handshake(
            count, ((FILL_CLIENT, FILL_SPORT), (self.host, FILL_DPORT)),
            ((server.ip4, FILL_DPORT), (seen, FILL_SPORT)),
            frames.SADDR_HIGH | frames.SPORT_HIGH | frames.DPORT_LOW,
            frames.SPORT_LOW | frames.DPORT_HIGH)
        self._must_have(count)
        came = frames.ends(self.first_arrival(template))
        if came != ((seen, FILL_SPORT), (server.ip4, FILL_DPORT)):
            raise LabError(f"{self.lab.name}: a frame of the first of many connections arrived as "
                           f"{came}")
        return template

    def _must_have(self, count):
        have = self.data_flows()
        if have is not None and have < count:
            raise LabError(f"{self.lab.name}: only {have} of {count} connections are there")

    def data_flows(self):
        """Live connections as the gateway counts them; None: it has no idea of connections."""
        if isinstance(self.variant, Ftpnat):
            return self.map("ftpnat_usage")[0]["value"]["flows"][1]
        if isinstance(self.variant, Nftables):
            with self.lab.gw.inside(), open("/proc/sys/net/netfilter/nf_conntrack_count") as file:
                return int(file.read())
        return None

    def fill_sessions(self, count):
        """So many control connections; those beyond 1 << LOW_BITS need more control ports."""
        server = self.lab.server
        self._know_clients()
        seen = server.gw4 if self.variant.translates else FILL_CLIENT
        return self._handshake(count, ((FILL_CLIENT, CONTROL_SPORT), (self.host, CONTROL_PORT)),
                               ((server.ip4, CONTROL_PORT), (seen, CONTROL_SPORT)),
                               frames.SADDR_HIGH | frames.SPORT_LOW | frames.DPORT_HIGH,
                               frames.SPORT_HIGH | frames.DPORT_LOW)

    # ---- ftpnat's maps ----

    def map(self, name):
        """A map of ftpnat as bpftool shows it."""
        entries = json.loads(run(["bpftool", "-j", "map", "dump", "pinned",
                                  os.path.join(self.lab.gateway.pin, name)]).stdout)
        return [entry.get("formatted", entry) for entry in entries]

    def table_memory(self):
        """Bytes of the tables that connections are entered into, but for their entries."""
        if isinstance(self.variant, Ftpnat):
            maps = json.loads(run(["bpftool", "-j", "-f", "map", "show"]).stdout)
            pin = self.lab.gateway.pin
            return sum(shown["bytes_memlock"] for shown in maps
                       if any(path.startswith(f"{pin}/") for path in shown.get("pinned", ())))
        with open("/proc/sys/net/netfilter/nf_conntrack_buckets") as file:
            return int(file.read()) * POINTER

    def map_memory(self, name):
        return json.loads(run(["bpftool", "-j", "map", "show", "pinned",
                               os.path.join(self.lab.gateway.pin, name)]).stdout)["bytes_memlock"]
