# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which command real FTP servers take a line for, told by what it does: the table tests/readings/verbs."""

import os
import re

from readings import Asker, HungUp, unescape
from servers import FOLDER, SERVERS, TOP, Inetutils

TABLE = os.path.join(TOP, "tests", "readings", "verbs")
ASKED = {**SERVERS, Inetutils.kind: Inetutils}
NONE, REFUSED = "-", "?"
# replies that nothing else in the table's lines gets (RFC 959 section 5.4)
BY_REPLY = {"211": "STAT", "212": "STAT", "213": "STAT", "225": "ABOR", "226": "ABOR", "221": "QUIT"}
LAST, LAST_CODE = b"SYST\r\n", "215"


class Row:
    """A line of the table. In each cell: commands, NONE, or of the grammar REFUSED."""

    def __init__(self, text):
        self.text, *cells = text.rstrip("\n").split("\t")
        self.line = unescape(self.text)
        self.grammar, *servers = [set(cell.split()) - {NONE} for cell in cells]
        self.servers = dict(zip(ASKED, servers))


def table():
    with open(TABLE, encoding="ascii") as file:
        return [Row(line) for line in file if line.strip() and not line.startswith("#")]


class VerbAsker(Asker):
    """A session in a directory with the file `victim` and without `made`."""

    def __init__(self, server, family, node=None, dialled=None):
        """node: the client, if it isn't beside the server, and what it dials."""
        super().__init__(server, family)
        self.node, self.dialled = node or server.node, dialled or self.dialled
        if node:
            self.client = node.address(family)

    def commands(self, line):
        """What the server takes the line for."""
        server = self.server
        server.put("victim", b"here")
        try:
            replies = self._replies(line)
        except HungUp:
            replies = []
            self.hang_up()
        found = {BY_REPLY[reply[:3]] for reply in replies if reply[:3] in BY_REPLY}
        if "QUIT" in found:
            self.hang_up()
        if not os.path.exists(server.path("victim")):
            found.add("DELE")
        if os.path.exists(server.path("made")):
            os.rmdir(server.path("made"))
            found.add("MKD")
        return found

    def _replies(self, line):
        if not self.sock:
            self.connect()
            self.ask(f"CWD {FOLDER}\r\n".encode(), "250")
        if not line.endswith(b"\r\n"):
            line += b"\r\n"
        replies = []
        self.sock.sendall(line + LAST)
        while not replies or not re.match(f"{LAST_CODE}|221 ", replies[-1]):
            replies.append(self.ask(b"", r"\d\d\d"))
        return replies
