# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Both ends of a control connection, line by line."""

from world import Failed


def readable(data):
    return f"`{data.decode('latin-1').encode('unicode_escape').decode()}`" if data else "nothing"


class Ends:
    """Has sockets `client` and `server`, and closes what it keeps."""

    def __init__(self):
        self.open = []

    def keep(self, sock):
        self.open.append(sock)
        return sock

    def close(self):
        for sock in self.open:
            sock.close()

    def name(self, tcp):
        return "client" if tcp is self.client else "server"

    def line(self, tcp):
        """The next one that arrives there."""
        got = b""
        try:
            while not got.endswith(b"\n"):
                byte = tcp.recv(1)
                if not byte:
                    break
                got += byte
        except TimeoutError:
            pass
        except OSError as why:
            raise Failed(f"the {self.name(tcp)} reads {readable(got)}, then {why}") from why
        return got

    def reads(self, tcp, line):
        got = self.line(tcp)
        if got != line:
            raise Failed(f"the {self.name(tcp)} reads {readable(got)}, not {readable(line)}")

    def sends(self, tcp, text):
        try:
            tcp.sendall(text)
        except OSError as why:
            raise Failed(f"the {self.name(tcp)} can't send {readable(text)}: {why}") from why

    def says(self, tcp, line):
        self.sends(tcp, line)
        self.reads(self.server if tcp is self.client else self.client, line)

    def asks(self, command, reply):
        self.says(self.client, command)
        self.says(self.server, reply)
