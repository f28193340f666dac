# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The real FTP clients behind one interface: log in, upload a file, download a file."""

import ftplib
import os
import re
import socket
import subprocess

from lab import SLOWER, run
from servers import FOLDER

TIMEOUT = 10 * SLOWER  # seconds that a client may wait for its peer
PASSIVE, ACTIVE = ("EPSV", "PASV"), ("EPRT", "PORT")


class ClientError(Exception):
    """The client failed; its output is the message."""


class Account:
    """Whom to call: address, port and login."""

    def __init__(self, host, server, port=21):
        self.host, self.port = host, port
        self.user, self.password = server.user, server.password

    @property
    def url(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = self.user.replace("@", "%40")
        return f"ftp://{user}:{self.password.replace('@', '%40')}@{host}:{self.port}/{FOLDER}"


class Client:
    name = None
    program = None
    # methods of opening a data connection that it can be told to use
    methods = {"v4": ("EPSV", "PASV", "EPRT", "PORT"), "v6": ("EPSV", "EPRT")}

    @classmethod
    def missing(cls):
        if cls.program and not os.path.exists(cls.program):
            return f"{cls.program} is absent"
        return None

    @classmethod
    def can(cls, family, method):
        return method in cls.methods[family]

    def __init__(self, timeout=30, patience=TIMEOUT):
        self.timeout = timeout  # seconds that the whole conversation may take
        self.patience = patience

    def transfer(self, node, account, method, upload, remote, download, source=None):
        """Puts file `upload` to `remote`, then gets it as `download`; returns what was said."""
        raise NotImplementedError

    def call(self, node, argv, **options):
        environment = dict(os.environ, HOME=node.lab.dir, LC_ALL="C", LFTP_HOME=node.lab.dir)
        try:
            done = run(node.command(argv), check=False, timeout=self.timeout, env=environment, **options)
        except subprocess.TimeoutExpired as late:
            raise ClientError(f"{argv[0]} hung; so far: "
                              f"{(late.stdout or b'').decode(errors='replace')}") from late
        if done.returncode:
            raise ClientError(f"{argv[0]}: exit {done.returncode}\n{done.stdout}")
        return done.stdout


class Curl(Client):
    name = "curl"
    program = "/usr/bin/curl"
    options = {"EPSV": (), "PASV": ("--disable-epsv",), "EPRT": ("--ftp-port", "-"),
               "PORT": ("--ftp-port", "-", "--disable-eprt")}

    def transfer(self, node, account, method, upload, remote, download, source=None):
        # Without no-ftp-skip-pasv-ip curl takes no notice of the address in a 227.
        common = ["-sSv", "--no-ftp-skip-pasv-ip", "--connect-timeout", str(self.patience),
                  *self.options[method], *(["--interface", source] if source else [])]
        url = f"{account.url}/{remote}"
        return self.call(node, ["curl", *common, "-T", upload, url,
                                "--next", *common, "-o", download, url])


class Lftp(Client):
    name = "lftp"
    program = "/usr/bin/lftp"
    methods = {"v4": ("EPSV", "PASV", "PORT"), "v6": ("EPSV", "EPRT")}
    verify_port = False  # active: insist that data comes from port 20
    complaints = ("incorrect", "has been fixed", "fixing", "does not match", "mismatch")

    def script(self, account, method, *commands, source=None):
        passive = method in PASSIVE
        settings = {
            "cmd:fail-exit": "yes", "net:max-retries": 1, "net:timeout": self.patience,
            "ftp:passive-mode": "yes" if passive else "no",
            "ftp:auto-passive-mode": "no",
            "ftp:prefer-epsv": "yes" if method == "EPSV" else "no",
            "ftp:verify-address": "yes", "ftp:verify-port": "yes" if self.verify_port else "no",
            "xfer:clobber": "yes",
        }
        if source:
            settings["net:socket-bind-ipv6" if ":" in source else "net:socket-bind-ipv4"] = source
        lines = ["debug 9", *(f"set {key} {value}" for key, value in settings.items()),
                 f"open -u {account.user},{account.password} -p {account.port} "
                 f"{f'[{account.host}]' if ':' in account.host else account.host}", *commands, "bye"]
        return "\n".join(lines) + "\n"

    def transfer(self, node, account, method, upload, remote, download, source=None):
        script = self.script(account, method, f"put {upload} -o {FOLDER}/{remote}",
                             f"get {FOLDER}/{remote} -o {download}", source=source)
        output = self.call(node, ["lftp", "-c", script])
        said = [line for line in output.splitlines()
                if any(word in line.lower() for word in self.complaints)]
        if said:
            raise ClientError(f"lftp did not like what it got: {said}\n{output}")
        return output


class Tnftp(Client):
    name = "tnftp"
    program = "/usr/bin/tnftp"

    def transfer(self, node, account, method, upload, remote, download, source=None):
        extended = method in ("EPSV", "EPRT")
        options = ["-s", source] if source else []
        script = [f"user {account.user} {account.password}", "binary",
                  f"passive {'on' if method in PASSIVE else 'off'}",
                  *([] if extended else ["epsv4 off"]),
                  f"put {upload} {FOLDER}/{remote}", f"get {FOLDER}/{remote} {download}", "quit"]
        return self.call(node, ["tnftp", "-n", "-v", "-i", "-d", *options, account.host,
                                str(account.port)], input="\n".join(script) + "\n")


class Session(ftplib.FTP):
    """ftplib with a memory, and with EPSV and EPRT over IPv4 too."""

    trust_server_pasv_ipv4_address = True  # else it takes no notice of the address in a 227

    def __init__(self, method="EPSV", source=None, patience=TIMEOUT):
        self.said = []
        super().__init__(timeout=patience, source_address=(source, 0) if source else None)
        self.use(method)

    def use(self, method):
        """The next data connections are opened so."""
        self.method = method
        self.set_pasv(method in PASSIVE)

    def open(self, account):
        self.connect(account.host, account.port)
        self.login(account.user, account.password)
        self.cwd(FOLDER)
        return self

    def server_name(self):
        """Who greeted us: the name is in every server's banner."""
        return re.match(r"220[ -](\S+) ready", self.welcome)[1]

    def putline(self, line):
        self.said.append(f"> {line}")
        super().putline(line)

    def getline(self):
        line = super().getline()
        self.said.append(f"< {line}")
        return line

    def makepasv(self):
        if self.method == "EPSV" and self.af == socket.AF_INET:
            return ftplib.parse229(self.sendcmd("EPSV"), self.sock.getpeername())
        return super().makepasv()

    def sendport(self, host, port):
        if self.method == "EPRT":
            return self.sendeprt(host, port)
        return super().sendport(host, port)

    def read(self, name):
        parts = []
        self.retrbinary(f"RETR {name}", parts.append)
        return b"".join(parts)


class Ftplib(Client):
    name = "ftplib"

    def transfer(self, node, account, method, upload, remote, download, source=None):
        session = Session(method, source, self.patience)
        try:
            with node.inside(), open(upload, "rb") as up, open(download, "wb") as down:
                session.open(account)
                session.storbinary(f"STOR {remote}", up, 65536)
                session.retrbinary(f"RETR {remote}", down.write, 65536)
                session.quit()
        except (OSError, EOFError, ftplib.Error) as error:
            said = "\n".join(session.said)
            raise ClientError(f"ftplib: {error!r}\n{said}") from error
        finally:
            session.close()
        return "\n".join(session.said)


CLIENTS = {client.name: client for client in (Curl, Lftp, Tnftp, Ftplib)}
