# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Address lines: written in any form, and read as what they became on the other side."""

import ipaddress
import re
from dataclasses import dataclass

_COMMAS = re.compile(rb"(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)\Z")


def commas(address, port):
    return f"{address.replace('.', ',')},{port >> 8},{port & 255}".encode()


@dataclass
class AddressLine:
    verb: str  # PORT, EPRT, 227, 229
    address: str  # what it names; None in 229
    port: int
    before: bytes  # bytes that must not change
    written: bytes
    after: bytes
    delimiter: bytes = b"|"

    @property
    def text(self):
        return self.before + self.written + self.after

    @property
    def active(self):
        return self.verb in ("PORT", "EPRT")

    @property
    def command(self):
        return {"227": b"PASV\r\n", "229": b"EPSV\r\n"}.get(self.verb)

    def cut(self, *places):
        """The text in pieces, cut before these bytes; negative ones count from the end."""
        at = [0, *(place % len(self.text) for place in places), len(self.text)]
        return [self.text[a:b] for a, b in zip(at, at[1:])]

    def bytes(self):
        return [bytes([byte]) for byte in self.text]

    def read(self, got):
        """(address, port) that the line names as it arrived; None when more than that changed."""
        end = len(got) - len(self.after)
        if not got.startswith(self.before) or got[end:] != self.after:
            return None
        return self._address(got[len(self.before):end])

    def _address(self, written):
        try:
            if self.verb in ("PORT", "227"):
                numbers = [int(number) for number in _COMMAS.match(written).groups()]
                if max(numbers) > 255:
                    return None
                return ".".join(map(str, numbers[:4])), numbers[4] << 8 | numbers[5]
            if self.verb == "EPRT":
                _, protocol, address, port, last = written.split(self.delimiter)
                address = ipaddress.ip_address(address.decode())
                if last or {4: b"1", 6: b"2"}[address.version] != protocol:
                    return None
                return str(address), int(port)
            return None, int(written)
        except (AttributeError, ValueError):
            return None


def port_line(address, port, before=b"PORT ", after=b"\r\n"):
    return AddressLine("PORT", address, port, before, commas(address, port), after)


def eprt_line(address, port, before=b"EPRT ", after=b"\r\n", delimiter="|", spelled=None):
    kind = 2 if ":" in address else 1
    written = delimiter.join(["", str(kind), spelled or address, str(port), ""])
    return AddressLine("EPRT", address, port, before, written.encode(), after, delimiter.encode())


def pasv_line(address, port, before=b"227 Entering Passive Mode (", after=b")\r\n"):
    return AddressLine("227", address, port, before, commas(address, port), after)


def epsv_line(port, before=b"229 Entering Extended Passive Mode (|||", after=b"|)\r\n"):
    return AddressLine("229", None, port, before, str(port).encode(), after)
