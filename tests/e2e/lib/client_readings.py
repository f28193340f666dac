# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
r"""What real FTP clients make of a server's 227 or 229: the table tests/readings/passive, and how to ask them.

Client and server are in one namespace, to which every address belongs and where nobody
listens on a data port: a client's connection is refused at once, and its SYN shows which
address it has read. The server is a script that says what the table has.
"""

import contextlib
import ftplib
import os
import socket
import subprocess
import threading

from clients import Curl, Lftp, Session, Tnftp
from lab import DEADLINE, SLOWER, stop_listening
from readings import NONE, UNCLEAR, Sniffer, unescape
from servers import TOP

TABLE = os.path.join(TOP, "tests", "readings", "passive")
PORT = 21
HOST = "10.1.1.7"  # the server, as the table's lines name it: tnftp takes no other address
PATIENCE = 10 * SLOWER  # seconds that one client may take


class Reader:
    """A client that is told to fetch a file; how it is called."""

    program = None

    @classmethod
    def missing(cls):
        return None if not cls.program or os.path.exists(cls.program) else f"{cls.program} is absent"

    @staticmethod
    def argv(host, extended):
        """The command, and what it reads from its standard input."""
        raise NotImplementedError


def url(host):
    return f"ftp://any:any@{f'[{host}]' if ':' in host else host}:{PORT}/file"


class CurlReader(Reader):
    program = Curl.program

    @staticmethod
    def argv(host, extended):
        return ["curl", "-sS", "--no-ftp-skip-pasv-ip", "--connect-timeout", "5",
                *([] if extended else ["--disable-epsv"]), "-o", "/dev/null", url(host)], ""


class LftpReader(Reader):
    program = Lftp.program

    @staticmethod
    def argv(host, extended):
        script = ["set net:max-retries 1", "set net:timeout 5", "set net:reconnect-interval-base 1",
                  "set ftp:passive-mode yes", "set ftp:auto-passive-mode no",
                  "set ftp:fix-pasv-address no", "set ftp:ssl-allow no", "set xfer:clobber yes",
                  f"set ftp:prefer-epsv {'yes' if extended else 'no'}",
                  f"open -u any,any -p {PORT} {f'[{host}]' if ':' in host else host}",
                  "get file -o /dev/null"]
        return ["lftp", "-c", "; ".join(script)], ""


class TnftpReader(Reader):
    program = Tnftp.program

    @staticmethod
    def argv(host, extended):
        script = ["user any any", "binary", "passive on", *([] if extended else ["epsv4 off"]),
                  "get file /dev/null", "quit"]
        return ["tnftp", "-n", "-i", host, str(PORT)], "\n".join(script) + "\n"


class WgetReader(Reader):
    """It asks for EPSV in IPv6 only."""

    program = "/usr/bin/wget"

    @staticmethod
    def argv(host, extended):
        return ["wget", "-q", "--no-config", "--tries=1", "--timeout=5", "-O", "/dev/null", url(host)], ""


class FtplibReader(Reader):
    """Python's, in a thread."""

    @staticmethod
    def fetch(host, extended):
        session = Session("EPSV" if extended else "PASV", patience=5)
        # parsed as the standard library does, not as it is by a method of our class
        with contextlib.suppress(OSError, EOFError, ftplib.Error, ValueError, OverflowError), session:
            session.connect(host, PORT)
            session.login("any", "any")
            session.transfercmd("RETR file")


READERS = {"curl": CurlReader, "lftp": LftpReader, "tnftp": TnftpReader, "wget": WgetReader, "ftplib": FtplibReader}


class Row:
    """A reply of the table: what the grammar and each client read. `-`: it isn't taken, `?`: refused."""

    def __init__(self, text):
        fields = text.rstrip("\n").split("\t")
        self.text, self.grammar = fields[0], fields[1]
        self.clients = dict(zip(READERS, fields[2:-1]))
        self.reply = unescape(self.text)
        self.extended = fields[-1] == "EPSV"  # that is asked for, else PASV


def table():
    with open(TABLE, encoding="ascii") as file:
        return [Row(line) for line in file if line.strip() and not line.startswith("#")]


class Script:
    """An FTP server that gives one reply to PASV or EPSV, and then waits for what the client does."""

    def __init__(self, node):
        self.node = node
        self.reply, self.extended, self.moved = b"", False, threading.Event()
        self.asked = False
        with node.inside():
            self.listeners = [socket.create_server((address, PORT), family=family)
                              for address, family in ((HOST, socket.AF_INET), (node.ip6, socket.AF_INET6))]
        for listener in self.listeners:
            threading.Thread(target=self.serve, args=[listener], daemon=True).start()

    def close(self):
        stop_listening(self.listeners)

    def serve(self, listener):
        with contextlib.suppress(OSError):
            while True:
                conn, _ = listener.accept()
                with conn, contextlib.suppress(OSError):
                    self.converse(conn)

    def converse(self, conn):
        conn.sendall(b"220 ready\r\n")
        with conn.makefile("rb") as lines:
            for line in lines:
                verb = line.split()[0].upper().decode("latin-1") if line.split() else ""
                if self.asked:
                    break  # what it does after the reply: it has read it
                if verb == ("EPSV" if self.extended else "PASV"):
                    self.asked = True
                    conn.sendall(self.reply)
                    conn.shutdown(socket.SHUT_WR)  # or it might wait for the end of the reply
                    continue
                if verb == "FEAT":  # lftp asks for EPSV only where it is a feature
                    conn.sendall(b"211-Features:\r\n EPSV\r\n211 End\r\n")
                    continue
                code = {"USER": 331, "PASS": 230, "CWD": 250, "PWD": 257, "SYST": 215, "SIZE": 550, "MDTM": 550,
                        "AUTH": 500, "OPTS": 500, "EPSV": 500, "PASV": 500, "EPRT": 500, "PORT": 500,
                        "LPSV": 500, "QUIT": 221}.get(verb, 200)
                text = {"PWD": '"/" is here', "SYST": "UNIX Type: L8"}.get(verb, "ok")
                conn.sendall(f"{code} {text}\r\n".encode())
        if self.asked:
            self.moved.set()


class Asker:
    """One client after the other, and a look at whom each connects to."""

    def __init__(self, node, name):
        self.node, self.reader = node, READERS[name]
        self.script, self.sniffer = Script(node), Sniffer(node)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.script.close()
        self.sniffer.close()

    def reading(self, reply, extended):
        """"address:port" that the client reads in the reply, NONE if it doesn't take it."""
        host = self.node.ip6 if extended and self.reader is WgetReader else HOST
        self.script.reply, self.script.extended = reply, extended
        self.script.asked = False
        self.script.moved.clear()
        self.sniffer.destinations()
        with self.running(host, extended):
            found = self.found()
        if not self.script.asked:
            raise AssertionError(f"{self.reader.__name__} has not asked for {'EPSV' if extended else 'PASV'}")
        if not found:
            return NONE
        (address, port), = found
        return f":{port}" if extended and address == host else f"{address}:{port}"

    def found(self):
        """The first connection to another port than the server's, [] if the client goes on without."""
        for _ in range(int(PATIENCE / 0.005)):
            moved = self.script.moved.wait(0.005)
            found = [end for end in self.sniffer.destinations() if end[1] != PORT]
            if found or moved:
                return found[:1]
        return []

    @contextlib.contextmanager
    def running(self, host, extended):
        if self.reader is FtplibReader:
            with self.node.inside():
                thread = threading.Thread(target=self.reader.fetch, args=[host, extended], daemon=True)
                thread.start()
            yield
            thread.join(DEADLINE)
            return
        argv, words = self.reader.argv(host, extended)
        environment = dict(os.environ, HOME=self.node.lab.dir, LFTP_HOME=self.node.lab.dir, LC_ALL="C")
        with subprocess.Popen(self.node.command(argv), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, env=environment) as process:
            process.stdin.write(words.encode())
            process.stdin.close()
            try:
                yield
            finally:
                process.kill()


def all_addresses_are_here(node):
    node.ip("route add local 0.0.0.0/0 dev lo", "route add local ::/0 dev lo")
