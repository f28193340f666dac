# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sessions under random and mutated packets that their receivers discard.

    fuzz.py [--seed N] [--packets N] [--forever]        as root

Each round opens a session with a data connection and an announced one for every kind
of rule. Packets of these connections are then mutated and sent on all links, each with
at least one flaw for which its receiver discards it, and foreign traffic in between.
Afterwards the foreign traffic must have arrived unchanged, every session and every data
connection must work, the tables must become empty, and the kernel must have said
nothing. All follows from the seed, which a failure prints.
"""

import argparse
import os
import random
import re
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(TESTS, "compare"), os.path.join(TESTS, "e2e", "lib")]

from forge import ETH_P_8021AD, ETH_P_8021Q, MD5, Packet, extension, option, send, timestamps  # noqa: E402
from ground import CAUTIOUS, FULL, GROW, GROW6, LIMITED, PUBLISH, PUBLISH6, TRACK, TRACK6, Ground, configuration  # noqa: E402
from ground import GATEWAYS_ATTACKED  # noqa: E402
from lab import Lab, wait_until  # noqa: E402
from rawtcp import ACK, FIN, PSH, RST, SYN, fold, ip_header, ip_packet, parse_tcp, pseudo, total  # noqa: E402
from siege import Siege  # noqa: E402
from world import Failed  # noqa: E402

RULES = (PUBLISH, PUBLISH6, FULL, GROW, GROW6, TRACK, TRACK6, LIMITED, CAUTIOUS)
BURST = 64  # packets between two looks
ROUND = 4000  # packets
FAR = (2**20, 2**32 - 2**20)  # sequence numbers that are in no window
TEXTS = (b"", b"x", b"PORT 10,1,1,7,31,144\r\n", b"PORT 10,1", b"\r\n", b"227 Entering Passive Mode (10,2,1,8,12,234)\r\n",
         b"229 (|||3306|)\r\n", b"QUIT\r\n", b"REIN\r\n", b"ABOR\r\n", b"AUTH TLS\r\n", b"234 go\r\n", b"500 no\r\n", b"421 bye\r\n",
         b"\xff\xf4\xff\xf2", b"\x16\3\1\0\7\1\0\0\3\3\3\0", b"EPRT |2|::1|22|\r\n", b"x" * 1400)
ALARMS = re.compile(r"BUG|WARNING|Oops|general protection|soft lockup|rcu.*stall|bad page|refcount|verifier", re.I)
TIMEOUTS = {"closing": "1s", "expected": "20s"}  # so that the tables become empty soon
FOREIGN = (("10.1.1.150", "10.2.1.99"), ("fd00:1:1::150", "fd00:2:1::99"))


class Raw:
    """An IP packet's bytes, to be sent as they are."""

    tags, mac = (), None

    def __init__(self, packet):
        self.packet = packet

    def build(self):
        return self.packet


def discards(receiver, tcp, packet):
    """Would the receiver discard it, translated and whole?"""
    arriving = packet.but(source=receiver.remote, destination=receiver.local, headers=(), ip_options=b"", offset=None, cut=None,
                          seq=packet.seq - tcp.iss - len(tcp.sent) + receiver.irs + len(receiver.got),
                          ack=packet.ack - tcp.irs - len(tcp.got) + receiver.iss + len(receiver.sent))
    return receiver.refuses(parse_tcp(arriving.build())[0])


class Fuzzer:
    def __init__(self, ground, seed):
        self.ground, self.random = ground, random.Random(seed)
        self.sent = 0

    # ---- one packet ----

    def flaw(self, siege, tcp, packet):
        """(packet, link) such that its receiver discards it, whatever else is done to it."""
        choose = self.random
        link = tcp.wire
        # who sees a data connection's numbers, on its own link, needs no flaw; RST the same
        kind = choose.choice(("seq", "link") if tcp in siege.pair else
                             ("seq", "seq", "seq", "checksum", "ack", "no ack", "clock", "md5", "link"))
        flags = choose.choice((packet.flags, ACK | PSH, ACK, RST, RST | ACK, FIN | ACK, SYN, SYN | ACK, choose.randrange(256)))
        if kind == "seq":
            packet = packet.but(seq=packet.seq + choose.randrange(*FAR), flags=flags)
        elif kind == "checksum":
            packet = packet.but(tcp_error=choose.randrange(1, 0xFFFF), flags=flags & ~RST)
        elif kind == "ack":
            packet = packet.but(ack=packet.ack + choose.randrange(*FAR), flags=(flags | ACK) & ~(RST | SYN))
        elif kind == "no ack":
            packet = packet.but(flags=flags & ~(ACK | RST | SYN))
        elif kind == "clock" and tcp.timestamps:
            old = timestamps(tcp.clock - choose.randrange(2**16, 2**30), choose.randrange(2**32))
            packet = packet.but(options=old, flags=(flags | ACK) & ~(RST | SYN))
        elif kind == "md5":
            packet = packet.but(options=option(MD5, choose.randbytes(16)), flags=flags & ~RST)
        else:
            packet = packet.but(flags=flags)
            link = choose.choice([other for other in self.ground.links() if other is not tcp.wire])
        return packet, link

    def mutate(self, packet, six):
        """Anything about it that makes it no better."""
        choose = self.random
        changes = {
            "window": lambda: choose.choice((0, 1, 65535, choose.randrange(65536))), "urgent": lambda: choose.randrange(65536),
            "reserved": lambda: choose.randrange(16), "ttl": lambda: choose.choice((1, 2, 3, 255)),
            "tags": lambda: ((choose.choice((ETH_P_8021Q, ETH_P_8021AD)), choose.choice((0, 0xE000, 5))),),
            "payload": lambda: choose.choice(TEXTS) + choose.randbytes(choose.randrange(4)),
            "fragment": lambda: choose.choice((0, 0x2000, 1, 0x2001, 185)), "cut": lambda: choose.randrange(60),
            "ip_options": lambda: choose.choice((b"\1" * 4, choose.randbytes(8), bytes([131, 7, 4, 10, 2, 1, 150]))),
            "headers": lambda: (extension(choose.choice((0, 43, 60, 44, 51, 135))),) * choose.randrange(1, 10),
            "mac": lambda: choose.choice(("ff:ff:ff:ff:ff:ff", "02:00:00:00:00:99")),
        }
        unfit = ("fragment", "ip_options") if six else ("headers",)
        for name in choose.sample([name for name in changes if name not in unfit], choose.choice((0, 0, 1, 1, 2))):
            packet = packet.but(**{name: changes[name]()})
        return packet

    def one(self, siege):
        index = self.random.randrange(len(siege.ends))
        tcp, receiver = siege.ends[index], siege.ends[index ^ 1]
        packet = siege.next(tcp, self.random.choice(TEXTS))
        packet, link = self.flaw(siege, tcp, packet)
        packet = self.mutate(packet, siege.six)
        if packet.headers or packet.fragment != Packet.fragment:
            # left to the gateway's own stack, which resets by the number that it acknowledges
            packet = packet.but(ack=packet.ack + self.random.randrange(*FAR))
        if link is not tcp.wire or packet.tcp_error or discards(receiver, tcp, packet):
            self.put(link, packet)

    def put(self, link, packet):
        try:
            send(link, packet)
        except OSError:
            return  # longer than the link takes
        self.sent += 1

    # ---- what is nobody's ----

    def foreign(self, number):
        """A datagram or segment of no rule: (its packet, what must arrive behind the IP header)."""
        source, destination = FOREIGN[number & 1]
        body = self.random.randbytes(self.random.randrange(20, 600))
        if number & 2 and self.ground.is_ours:  # a firewall has its own mind about segments without a SYN
            packet = Packet((source, 5000), (destination, 5001), seq=number, ack=7, flags=ACK | PSH, payload=body)
            return Raw(packet.build())
        udp = struct.pack("!HHHH", 5000, 5001, 8 + len(body), 0) + body
        check = fold(total(udp) + pseudo(source, destination, 17, len(udp))) or 0xFFFF
        return Raw(ip_packet(source, destination, 17, udp[:6] + check.to_bytes(2, "big") + body))

    @staticmethod
    def behind_header(packet):
        source, destination, _, start, end = ip_header(packet)
        return source, destination, packet[start:end]

    # ---- a round ----

    def open(self):
        sieges = []
        for rule in RULES:
            siege = Siege(self.ground, rule)
            siege.connect()
            line = siege.line(siege.main_verb())
            siege.pair = siege.data(line, siege.announce(line))
            siege.expectation = siege.pending()
            siege.ends = [siege.client, siege.server, *siege.pair]
            sieges.append(siege)
        return sieges

    def round(self, packets):
        self.ground.forget()
        sieges = self.open()
        try:
            foreign = []
            for number in range(packets):
                self.one(self.random.choice(sieges))
                if number % 16 == 0:
                    foreign.append(self.foreign(number // 16))
                    send(self.ground.near, foreign[-1])
                if number % BURST == 0:
                    self.ground.settle()
            self.ground.settle()
            self.check_foreign(foreign)
            for siege in sieges:
                self.check(siege)
        finally:
            for siege in sieges:
                siege.close()

    def check_foreign(self, foreign):
        arrived = {}
        for packet in self.ground.far.seen:
            key = self.behind_header(packet)
            arrived[key] = arrived.get(key, 0) + 1
        for raw in foreign:
            if arrived.get(self.behind_header(raw.packet)) != 1:
                raise Failed(f"foreign traffic arrives {arrived.get(self.behind_header(raw.packet), 0)} times")

    @staticmethod
    def check(siege):
        try:
            for one, other in (siege.pair, siege.pair[::-1]):
                one.send(b"more data")
                siege.demand(lambda other=other: other.unread == b"more data", "data does not get through")
                other.take()
            siege.stands("all that", siege.pair)
            siege.stands("all that")
            siege.data(*siege.expectation)
            siege.works()
        except Failed as failure:
            raise Failed(f"{siege.rule.name}: {failure}") from failure

    def check_empty(self):
        """All was closed: nothing is remembered."""
        gateway = self.ground.gateway
        if not self.ground.is_ours:
            return
        wait_until(lambda: not gateway.flows() and not gateway.expected(), "the tables are empty")


class KernelLog:
    """What the kernel says from now on."""

    def __init__(self):
        try:
            self.file = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
            os.lseek(self.file, 0, os.SEEK_END)
        except OSError:
            self.file = None

    def alarms(self):
        found = []
        while self.file is not None:
            try:
                record = os.read(self.file, 8192).decode(errors="replace")
            except BlockingIOError:
                break
            except OSError:
                continue  # overwritten meanwhile
            if ALARMS.search(record):
                found.append(record)
        return found


def run(ground, seed, packets, switch=("off", "generic")):
    """Rounds of this many packets in all, on each path; raises Failed."""
    log = KernelLog()
    fuzzer = Fuzzer(ground, seed)
    for mode in switch:
        ground.gateway.up({**configuration(ground.lab), "xdp": mode, "timeouts": TIMEOUTS})
        left = packets // len(switch)
        while left > 0:
            fuzzer.round(min(left, ROUND))
            left -= ROUND
    fuzzer.check_empty()
    alarms = log.alarms()
    if alarms:
        raise Failed(f"the kernel says: {alarms[0]}")
    return fuzzer.sent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="to repeat a run; default: a new one")
    parser.add_argument("--packets", type=int, default=40000)
    parser.add_argument("--gateway", choices=sorted(GATEWAYS_ATTACKED), default="ftpnat")
    parser.add_argument("--forever", action="store_true", help="seed after seed, until interrupted or failed")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    with Lab("fuzz-packets", clients=2) as lab:
        GATEWAYS_ATTACKED[options.gateway](lab)
        ground = Ground(lab)
        try:
            while True:
                print(f"seed {seed}", flush=True)
                print(f"{run(ground, seed, options.packets)} packets", flush=True)
                if not options.forever:
                    return 0
                seed += 1
        except Failed as failure:
            print(f"seed {seed}: {failure}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 0
        finally:
            ground.close()


if __name__ == "__main__":
    sys.exit(main())
