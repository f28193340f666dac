# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""TCP in user space on a packet socket: every segment is the case's own decision.

A Wire is one host's interface with addresses that the host itself does not have,
so that its stack answers nothing. A Tcp on it acknowledges what comes, as a host
does, but sends and resends only what it is told to. What a correct peer can't
cause it notes in `wrong`: an acknowledgement of bytes that were never sent, other
bytes in a retransmission of what it has not acknowledged, bad checksums, a
window that is larger than it was told or shrinks, timestamps that run backwards.
"""

import ipaddress
import socket
import struct
from dataclasses import dataclass, field

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MTU, MSS = 1500, 1440
WINDOW = 64000
TIMESTAMP_LEN = 12  # of the options in every segment

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 263, 8, 23
TP_STATUS_CSUMNOTREADY = 8
SO_RCVBUFFORCE = 33


def difference(a, b):
    """a - b of two sequence numbers."""
    return (a - b + 2**31) % 2**32 - 2**31


def total(data):
    return sum(struct.unpack(f"!{len(data) // 2}H", data[:len(data) & ~1])) + (
        data[-1] << 8 if len(data) & 1 else 0)


def fold(number):
    while number >> 16:
        number = (number >> 16) + (number & 0xFFFF)
    return ~number & 0xFFFF


def packed(address):
    return ipaddress.ip_address(address).packed


def pseudo(source, destination, protocol, length):
    return total(packed(source) + packed(destination)) + protocol + length


def ip_packet(source, destination, protocol, body):
    if ":" in source:
        return struct.pack("!IHBB", 6 << 28, len(body), protocol, 64) + packed(source) + packed(
            destination) + body
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0x4000, 64, protocol, 0)
    header += packed(source) + packed(destination)
    return header[:10] + struct.pack("!H", fold(total(header))) + header[12:] + body


@dataclass
class Segment:
    source: tuple  # (address, port)
    destination: tuple
    seq: int
    ack: int = 0
    flags: int = 0
    window: int = WINDOW
    options: dict = field(default_factory=dict)  # kind -> value
    payload: bytes = b""
    packet: bytes = b""  # IP header and all

    def build(self):
        options = b"".join(struct.pack("BB", kind, len(value) + 2) + value
                           for kind, value in self.options.items())
        options += b"\1" * (-len(options) % 4)
        tcp = struct.pack("!HHIIBBHHH", self.source[1], self.destination[1], self.seq % 2**32,
                          self.ack % 2**32, (20 + len(options)) << 2, self.flags, self.window, 0, 0)
        tcp += options + self.payload
        check = fold(total(tcp) + pseudo(self.source[0], self.destination[0], 6, len(tcp)))
        tcp = tcp[:16] + struct.pack("!H", check) + tcp[18:]
        self.packet = ip_packet(self.source[0], self.destination[0], 6, tcp)
        return self.packet


@dataclass
class Quote:
    """What an ICMP error quotes, as far as it names a TCP segment."""
    source: tuple
    destination: tuple
    seq: int


@dataclass
class IcmpError:
    source: str
    destination: str
    kind: tuple  # type and code
    mtu: int
    quote: Quote
    sound: bool  # checksum


def ip_header(packet):
    """(source, destination, protocol, length of the header, of the packet)"""
    if packet[0] >> 4 == 6:
        return (str(ipaddress.ip_address(packet[8:24])), str(ipaddress.ip_address(packet[24:40])),
                packet[6], 40, 40 + struct.unpack_from("!H", packet, 4)[0])
    return (socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20]), packet[9],
            (packet[0] & 15) * 4, struct.unpack_from("!H", packet, 2)[0])


def parse_options(data):
    options, at = {}, 0
    while at < len(data) and data[at]:
        if data[at] == 1:
            at += 1
            continue
        options[data[at]] = data[at + 2:at + data[at + 1]]
        at += max(data[at + 1], 2)
    return options


def parse_tcp(packet):
    source, destination, _, start, end = ip_header(packet)
    tcp = packet[start:end]
    sport, dport, seq, ack, offset, flags, window = struct.unpack_from("!HHIIBBH", tcp)
    length = (offset >> 4) * 4
    sound = fold(total(tcp) + pseudo(source, destination, 6, len(tcp))) == 0
    return Segment((source, sport), (destination, dport), seq, ack, flags, window,
                   parse_options(tcp[20:length]), tcp[length:], packet[:end]), sound


def parse_icmp(packet):
    source, destination, protocol, start, end = ip_header(packet)
    icmp = packet[start:end]
    seed = pseudo(source, destination, 58, len(icmp)) if protocol == 58 else 0
    quoted = icmp[8:]
    if len(quoted) < 20 or ip_header(quoted)[2] != 6 or len(quoted) < ip_header(quoted)[3] + 8:
        return None
    qsource, qdestination, _, header, _ = ip_header(quoted)
    sport, dport, seq = struct.unpack_from("!HHI", quoted, header)
    return IcmpError(source, destination, (icmp[0], icmp[1]), struct.unpack_from("!I", icmp, 4)[0],
                     Quote((qsource, sport), (qdestination, dport), seq), fold(total(icmp) + seed) == 0)


def icmp_error(router, segment, kind, mtu):
    """The error that a router owes for a segment that it saw; `kind` as in IcmpError."""
    to = ip_header(segment.packet)[0]
    icmp = struct.pack("!BBHI", *kind, 0, mtu) + segment.packet[:ip_header(segment.packet)[3] + 20]
    six = ":" in to
    check = fold(total(icmp) + (pseudo(router, to, 58, len(icmp)) if six else 0))
    return ip_packet(router, to, 58 if six else 1, icmp[:2] + struct.pack("!H", check) + icmp[4:])


class Wire:
    """A host's interface, with addresses of our own on it."""

    def __init__(self, node, gateway_mac, addresses):
        self.addresses = set(addresses)
        self.endpoints = {}  # (local, remote) -> Tcp
        self.arrivals = []  # SYNs that nobody has answered yet
        self.errors = []  # ICMP errors
        self.markers = set()
        with node.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.socket.bind(("eth0", ETH_P_ALL))
        self.socket.setblocking(False)
        mac = self.socket.getsockname()[4]
        self.mac = mac.hex(":")
        self._ethernet = {version: bytes.fromhex(gateway_mac.replace(":", "")) + mac
                          + struct.pack("!H", kind)
                          for version, kind in ((4, ETH_P_IP), (6, ETH_P_IPV6))}

    def send(self, packet):
        self.socket.send(self._ethernet[packet[0] >> 4] + packet)

    def mark(self, source, destination, token):
        """A datagram behind all that was sent before it."""
        udp = struct.pack("!HHHHQ", 9, 9, 16, 0, token)
        self.send(ip_packet(source, destination, socket.IPPROTO_UDP, udp))

    def frames(self):
        """(packet, checksum is there) of what has come."""
        while True:
            try:
                frame, notes, _, _ = self.socket.recvmsg(2 * MTU, 128)
            except BlockingIOError:
                return
            if frame[12:14] not in (b"\x08\x00", b"\x86\xdd"):
                continue
            status = next((struct.unpack_from("I", data)[0] for level, kind, data in notes
                           if (level, kind) == (SOL_PACKET, PACKET_AUXDATA)), 0)
            yield frame[14:], not status & TP_STATUS_CSUMNOTREADY

    def drain(self):
        """Throws away what has come."""
        for _ in self.frames():
            pass

    def pump(self):
        """Takes in what has come; how much of it was for us, markers aside."""
        count = 0
        for packet, summed in self.frames():
            _, destination, protocol, start, _ = ip_header(packet)
            if destination not in self.addresses:
                continue
            if protocol == socket.IPPROTO_UDP:
                self.markers.add(struct.unpack_from("!Q", packet, start + 8)[0])
                continue
            count += 1
            if protocol == socket.IPPROTO_TCP:
                self._tcp(packet, summed)
            elif protocol in (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6):
                error = parse_icmp(packet)
                if error:
                    self.errors.append(error)
        return count

    def _tcp(self, packet, summed):
        segment, sound = parse_tcp(packet)
        endpoint = self.endpoints.get((segment.destination, segment.source))
        if endpoint:
            if summed and not sound:
                endpoint.damaged(segment)
            else:
                endpoint.input(segment)
        elif segment.flags & (SYN | ACK | RST) == SYN:
            self.arrivals.append(segment)

    def close(self):
        self.socket.close()


class Tcp:
    """One end of a connection. Offsets count the bytes of a direction's stream from 0."""

    def __init__(self, wire, local, remote, iss):
        self.wire, self.local, self.remote, self.iss = wire, local, remote, iss
        self.sent = bytearray()  # all that was ever to be sent
        self.acked = 0  # of it, by the peer
        self.sacks = []  # the blocks of each ACK that had some, as offsets
        self.irs = None
        self.got = bytearray()  # in order
        self.taken = 0  # of it, by take()
        self.early = {}  # offset -> byte behind a hole
        self.fin = None  # offset of the peer's
        self.is_open = self.is_reset = False
        self.mss = MSS  # that the peer takes
        self.timestamps = True
        self.told = 0  # of `got`, acknowledged to the peer
        self.told_end = 0  # the same with its FIN
        self.ended = False  # our FIN was sent
        self.mute = False  # acknowledge nothing
        self.deaf = False  # nothing arrives
        self.lose = 0  # this many segments with data never arrive
        self.segments = 0  # with data that arrived
        self.keepalives = 0
        self.wrong = []
        self.edge = 0  # of the peer's window, from our first byte
        self.last = None  # segment that we sent
        self.last_in = None
        self._clock, self._echo = 1000, 0
        wire.endpoints[local, remote] = self

    def close(self):
        """Resets the connection and forgets it."""
        if self.is_open and not self.is_reset:
            self._out(len(self.sent), RST | ACK)
        self.wire.endpoints.pop((self.local, self.remote), None)

    # ---- out ----

    def _out(self, offset, flags, payload=b"", more=None):
        self._clock += 1
        options = dict(more or {})
        if self.timestamps:
            options[8] = struct.pack("!II", self._clock, self._echo)
        ack = 0
        if self.irs is not None:
            finished = self.fin is not None and len(self.got) == self.fin
            ack = self.irs + 1 + len(self.got) + finished
            self.told = max(self.told, len(self.got))
            self.told_end = max(self.told_end, len(self.got) + finished)
        self.last = Segment(self.local, self.remote, (self.iss + 1 + offset) % 2**32, ack, flags,
                            WINDOW, options, payload)
        self.wire.send(self.last.build())

    def syn(self):
        self._out(-1, SYN, more={2: struct.pack("!H", MSS), 4: b""})

    def accept(self, syn):
        self._syn_seen(syn)
        self._out(-1, SYN | ACK, more={2: struct.pack("!H", MSS), 4: b""})

    def queue(self, data):
        """To be sent, but lost on its way to the gateway."""
        self.sent += data

    def send(self, data, fin=False):
        """One segment with this data behind all that was sent."""
        self.queue(data)
        self.transmit(len(self.sent) - len(data), len(self.sent), fin)

    def transmit(self, start, end, fin=False):
        """The bytes [start, end) once more, as one segment."""
        self.ended |= fin
        self._out(start, ACK | (PSH if end > start else 0) | (FIN if fin else 0),
                  bytes(self.sent[start:end]))

    def resend(self, fin=False):
        """All that is not acknowledged, in segments as large as may be."""
        at, room = self.acked, self.mss - TIMESTAMP_LEN
        while at < len(self.sent) or fin:
            end = min(at + room, len(self.sent))
            self.transmit(at, end, fin and end == len(self.sent))
            fin = fin and end < len(self.sent)
            at = end

    def keepalive(self):
        """RFC 1122 section 4.2.3.6"""
        self._out(len(self.sent) - 1, ACK)

    def acknowledge(self, upto=None):
        """All that came in order, or `upto` bytes of the stream, with SACK for the rest."""
        more = {}
        if self.early and upto is None:
            edges = [edge for block in self._blocks()[-3:] for edge in block]
            more[5] = struct.pack(f"!{len(edges)}I", *((self.irs + 1 + e) % 2**32 for e in edges))
        if upto is not None:
            whole, self.got, fin, self.fin = self.got, self.got[:upto], self.fin, None
            self._out(len(self.sent) + self.ended, ACK)
            self.got, self.fin = whole, fin
        else:
            self._out(len(self.sent) + self.ended, ACK, more=more)

    def _blocks(self):
        blocks = []
        for offset in sorted(self.early):
            if blocks and blocks[-1][1] == offset:
                blocks[-1][1] += 1
            else:
                blocks.append([offset, offset + 1])
        return blocks

    # ---- in ----

    def _syn_seen(self, segment):
        self.irs = segment.seq
        self.mss = struct.unpack("!H", segment.options.get(2, b"\2\x18"))[0]
        self._timestamp(segment)

    def _timestamp(self, segment):
        value = segment.options.get(8)
        if value is None or not self.timestamps:
            if segment.flags & SYN:
                self.timestamps = False
            elif self.timestamps or value:
                self.wrong.append("a timestamp too few or too many")
            return
        theirs, ours = struct.unpack("!II", value)
        if theirs < self._echo:
            self.wrong.append("timestamp older than the one before: PAWS drops it")
        if segment.flags & ACK and ours > self._clock:
            self.wrong.append("echoes a timestamp that was never sent")
        self._echo = max(self._echo, theirs)

    def damaged(self, segment):
        """One with a wrong checksum, which nobody has sent so."""
        self.wrong.append("bad checksum")
        self.input(segment)

    def input(self, segment):
        if self.deaf:
            return
        if segment.flags & RST:
            self.is_reset = True
            return
        if segment.flags & SYN:
            if segment.flags & ACK and self.irs is None:
                self._syn_seen(segment)
                self.is_open = True
                self.acknowledge()
            return
        if segment.payload and self.lose:
            self.lose -= 1
            return
        if self.irs is None:
            return
        self.is_open = True
        self.last_in = segment
        self._timestamp(segment)
        if len(segment.packet) > MTU:
            self.wrong.append(f"packet of {len(segment.packet)} bytes")
        self._window(segment)
        if segment.flags & ACK and not self._stale(segment):
            self._acked(segment)
        self._data(segment)

    def _window(self, segment):
        """A gateway may tell a smaller one, but takes nothing of it back (RFC 9293 section 3.8.6)."""
        edge = difference(segment.ack, self.iss + 1) + segment.window
        if segment.window > WINDOW or (segment.window < WINDOW and edge < self.edge):
            self.wrong.append(f"the peer's window became {segment.window}")
        self.edge = max(self.edge, edge)

    def _stale(self, segment):
        """All before what we acknowledged: its own ACK is not news (RFC 9293 section 3.10.7.4)."""
        end = difference(segment.seq, self.irs + 1) + len(segment.payload) + bool(segment.flags & FIN)
        return end < self.told_end

    def _acked(self, segment):
        offset = difference(segment.ack, self.iss + 1)
        if offset > len(self.sent) + 1:
            self.wrong.append(f"{offset - len(self.sent)} bytes acknowledged that were never sent")
            return
        self.acked = max(self.acked, min(offset, len(self.sent)))
        blocks = segment.options.get(5)
        if blocks:
            edges = [difference(edge, self.iss + 1)
                     for edge in struct.unpack(f"!{len(blocks) // 4}I", blocks)]
            self.sacks.append(list(zip(edges[::2], edges[1::2])))

    def _data(self, segment):
        offset = difference(segment.seq, self.irs + 1)
        if not segment.payload and not segment.flags & FIN:
            if offset == len(self.got) - 1:
                self.keepalives += 1
                self.acknowledge()
            return
        self.segments += bool(segment.payload)
        for at, byte in enumerate(segment.payload, offset):
            if at < self.told:
                continue
            known = self.got[at] if at < len(self.got) else self.early.setdefault(at, byte)
            if known != byte:
                self.wrong.append(f"other bytes in a retransmission: byte {at} was "
                                  f"{bytes([known])!r}, is {bytes([byte])!r}")
                break
        while len(self.got) in self.early:
            self.got.append(self.early.pop(len(self.got)))
        if segment.flags & FIN:
            self.fin = offset + len(segment.payload)
        if not self.mute:
            self.acknowledge()

    @property
    def unread(self):
        return bytes(self.got[self.taken:])

    def take(self, length=None):
        data = self.unread[:length]
        self.taken += len(data)
        return data

    @property
    def finished(self):
        """The peer's FIN came, and all before it."""
        return self.fin is not None and len(self.got) >= self.fin
