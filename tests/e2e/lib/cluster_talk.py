# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Clients that are told each line, for sessions whose gateway changes between their lines."""

import fcntl
import socket
import struct
import termios

import tls
from cluster import VIP4
from lab import wait_until
from servers import FOLDER

PATIENCE = 120  # seconds until the other gateway has taken over, on a busy machine too


class Talk:
    """A client's control connection, line by line."""

    def __init__(self, lab, address=VIP4, port=21):
        self.lab, self.address = lab, address
        with lab.client.inside():
            self.socket = socket.create_connection((address, port), timeout=PATIENCE)
        self.file = self.socket.makefile("rb")
        self.reply("220")

    def reply(self, code):
        line = self.file.readline().decode()
        while line[3:4] == "-":
            line = self.file.readline().decode()
        assert line.startswith(code), line
        return line

    def say(self, line, code):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.reply(code)

    def login(self, user="ftpnat", password="secret"):
        self.say(f"USER {user}", "331")
        self.say(f"PASS {password}", "230")
        self.say("TYPE I", "200")
        self.say(f"CWD {FOLDER}", "250")
        return self

    def passive(self):
        if ":" in self.address:
            port = int(self.say("EPSV", "229").split("|")[3])
        else:
            numbers = self.say("PASV", "227").partition("(")[2].partition(")")[0].split(",")
            assert ".".join(numbers[:4]) == self.address
            port = int(numbers[4]) * 256 + int(numbers[5])
        return port

    def dial(self, port):
        with self.lab.client.inside():
            return socket.create_connection((self.address, port), timeout=PATIENCE)

    def transfer(self, name):
        data = self.dial(self.passive())
        self.say(f"RETR {name}", "1")
        got = read_all(data)
        self.reply("226")
        return got


def read_all(data, most=None):
    got = bytearray()  # bytes would be copied for each piece
    while most is None or len(got) < most:
        piece = data.recv(65536)
        if not piece:
            break
        got += piece
    return bytes(got)


class Client(Talk):
    """Also in active mode and under TLS. Its lines are whole, or in two segments each."""

    WHOLE, CUT, HELD = "whole", "cut", "held"  # held: the second segment goes when the first is acknowledged

    def __init__(self, lab, address, lines=WHOLE, port=21):
        self.lines = lines
        self.tls = None  # context, when data is under TLS
        super().__init__(lab, address, port)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def say(self, line, code):
        if self.lines == self.WHOLE:
            return super().say(line, code)
        text = line.encode() + b"\r\n"
        self.socket.sendall(text[:len(text) // 2])
        if self.lines == self.HELD:
            wait_until(self.is_acknowledged, f"{text} is acknowledged in part")
        self.socket.sendall(text[len(text) // 2:])
        return self.reply(code)

    def is_acknowledged(self):
        return not struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)))[0]

    def listen(self, mode):
        """PORT or EPRT; the listening socket."""
        own = self.socket.getsockname()[0]
        with self.lab.client.inside():
            listener = socket.create_server((own, 0), family=socket.AF_INET6 if ":" in own else socket.AF_INET)
        listener.settimeout(PATIENCE)
        port = listener.getsockname()[1]
        if mode == "PORT":
            self.say(f"PORT {own.replace('.', ',')},{port // 256},{port % 256}", "200")
        else:
            self.say(f"EPRT |{2 if ':' in own else 1}|{own}|{port}|", "200")
        return listener

    def passive_port(self, mode):
        if mode == "EPSV":
            return int(self.say("EPSV", "229").split("|")[3])
        numbers = self.say("PASV", "227").partition("(")[2].partition(")")[0].split(",")
        return int(numbers[4]) * 256 + int(numbers[5])

    def retrieve(self, mode, name):
        if mode in ("PORT", "EPRT"):
            with self.listen(mode) as listener:
                self.say(f"RETR {name}", "1")
                data, _ = listener.accept()
        else:
            data = self.dial(self.passive_port(mode))
            self.say(f"RETR {name}", "1")
        data.settimeout(PATIENCE)
        if self.tls:
            data = self.tls.wrap_socket(data, session=self.socket.session)
        with data:
            got = read_all(data)
        self.reply("226")
        return got

    def secure(self):
        """AUTH TLS."""
        context = tls.context()
        self.say("AUTH TLS", "234")
        self._use(context.wrap_socket(self.socket))
        return self

    def secure_data(self):
        self.say("PBSZ 0", "200")
        self.say("PROT P", "200")
        self.tls = self.socket.context

    def clear(self):
        """CCC: the control connection is in clear text again."""
        self.say("CCC", "200")
        self._use(self.socket.unwrap())

    def _use(self, connection):
        self.file.close()
        self.socket = connection
        self.file = connection.makefile("rb")
