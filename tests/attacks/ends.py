# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Hosts that discard what RFC 9293 and RFC 5961 have them discard, and say so."""

import struct

from rawtcp import ACK, FIN, RST, SYN, WINDOW, Tcp, Wire, difference, ip_header

from forge import MD5, TCP_AO, URG

LARGEST_WINDOW = 65535
CHALLENGES = 3  # that a connection sends: RFC 5961 section 7 has them limited, else two ends could go on for ever


class Link(Wire):
    """A wire on which anybody may write, and on which nothing that comes is too odd to be seen."""

    def __init__(self, node, gateway_mac, addresses):
        super().__init__(node, gateway_mac, addresses)
        self.tags = ()  # of all frames that hosts send
        self.seen = []  # packets for our addresses, as they came

    def send(self, packet):
        self.send_frame(packet, self.tags)

    def send_frame(self, packet, tags=(), mac=None):
        header = self._ethernet[packet[0] >> 4]
        if mac:
            header = bytes.fromhex(mac.replace(":", "")) + header[6:]
        for kind, control in reversed(tags):
            header = header[:12] + struct.pack("!HH", kind, control) + header[12:]
        self.socket.send(header + packet)

    def _tcp(self, packet, summed):
        try:
            super()._tcp(packet, summed)
        except (struct.error, IndexError):
            pass  # no host reads such a packet

    def frames(self):
        for packet, summed in super().frames():
            self.seen.append(packet)
            yield packet, summed

    def raw_from(self, address):
        """How many packets of this source have arrived, of any kind."""
        return sum(ip_header(packet)[0] == address for packet in self.seen)


class StrictTcp(Tcp):
    """A host's TCP: a segment that it need not accept changes nothing."""

    def __init__(self, *args):
        super().__init__(*args)
        self.refused = []  # why, one for each segment that was discarded
        self.accepted = 0
        self.challenges = 0
        self.hops = 0  # routers between the gateway and this host
        self.urgent = set()  # offsets of bytes that came as urgent data
        self.window = WINDOW  # that the peer has been told

    @property
    def clock(self):
        return self._clock

    def tick(self):
        """The next timestamp, for a segment that is built by hand."""
        self._clock += 1
        return self._clock

    @property
    def echo(self):
        return self._echo

    def damaged(self, segment):
        self.refused.append("checksum")

    def input(self, segment):
        packet = segment.packet
        ttl = packet[7] if packet[0] >> 4 == 6 else packet[8]
        if self.deaf or ttl <= self.hops:
            return
        why = self.refuses(segment)
        if not why:
            self.accepted += 1
            self._note_urgent(segment)
            super().input(segment)
            return
        self.refused.append(why)
        if self.irs is not None and why not in ("option", "no ACK") and self.challenges < CHALLENGES:
            self.challenges += 1
            self.acknowledge()

    def _note_urgent(self, segment):
        """RFC 6093 section 3.1: the pointer is to the byte behind the urgent one."""
        start = ip_header(segment.packet)[3]
        pointer = int.from_bytes(segment.packet[start + 18:start + 20], "big")
        if segment.flags & URG and pointer and self.irs is not None:
            self.urgent.add(difference(segment.seq, self.irs + 1) + pointer - 1)

    def without_urgent(self):
        """What an application reads that takes no urgent data (no SO_OOBINLINE)."""
        return bytes(byte for at, byte in enumerate(self.got) if at not in self.urgent and at >= self.taken)

    def refuses(self, segment):
        """Why RFC 9293 section 3.10.7 discards it; None when it doesn't."""
        if {MD5, TCP_AO} & set(segment.options):
            return "option"  # no key is known, so it is somebody else's
        if self.irs is None:
            acked = difference(segment.ack, self.iss + 1)  # data in the SYN, too (RFC 7413)
            wrong_ack = segment.flags & ACK and not 0 <= acked <= len(self.sent)
            bare_reset = segment.flags & RST and not segment.flags & ACK
            return "ACK" if wrong_ack or bare_reset else None
        return self._refusal_synchronized(segment)

    def _refusal_synchronized(self, segment):
        expected = self.irs + 1 + len(self.got) + self.finished
        start = difference(segment.seq, expected)
        if segment.flags & RST:
            return "reset" if start else None
        length = len(segment.payload) + bool(segment.flags & FIN)
        if self.timestamps and 8 in segment.options:
            if difference(struct.unpack("!I", segment.options[8][:4])[0], self._echo) < 0:
                return "timestamp"
        if segment.flags & SYN:
            return "SYN"
        if start + length < 0 or start > self.window:
            return "sequence number"
        if length and not self.window:
            return "window closed"
        if not segment.flags & ACK:
            return "no ACK"
        beyond = difference(segment.ack, self.iss + 1 + len(self.sent) + self.ended)
        if beyond > 0 or beyond < -len(self.sent) - LARGEST_WINDOW:
            return "ACK"
        return None
