# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The real FTP servers: each runs as root in a namespace, from own files only.

What clients may read and write is in the directory `pub`: vsftpd refuses a root
directory that its anonymous user may write to.
"""

import glob
import os
import subprocess

from lab import wait_until

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
UNPACKED = os.path.join(TOP, "build", "servers", "root")
OWNER = 1  # uid and gid of daemon: exists everywhere and, unlike nobody, has a home that exists

FOLDER = "pub"


def endpoint(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def hashed(password):
    done = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password,
                          capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _unpacked(path):
    return os.path.join(UNPACKED, path)


def _environment():
    libraries = glob.glob(_unpacked("usr/lib/*-linux-gnu")) + glob.glob(_unpacked("lib/*-linux-gnu"))
    return dict(os.environ, LD_LIBRARY_PATH=":".join(libraries))


class Server:
    """One FTP server with its own directory; the file `server-name` in it names the server."""

    kind = None
    binary = None  # path in UNPACKED
    user, password = "ftpnat", "secret"

    def __init__(self, node, name=None, port=21, addresses=None, extra=""):
        """extra: more lines of the configuration file, of those servers that have one."""
        self.extra = extra
        self.node = node
        self.name = name or f"{self.kind}-{node.short}-{port}"
        self.port = port
        self.addresses = addresses or (node.ip4, node.ip6)
        self.dir = node.lab.file(self.name)
        self.root = os.path.join(self.dir, "root")
        self.processes = []
        os.makedirs(self.path(""))
        os.chown(self.path(""), OWNER, OWNER)
        self.put("server-name", self.name.encode())

    @classmethod
    def missing(cls):
        """Why this server can't run here; None when it can."""
        if cls.binary and not os.path.exists(_unpacked(cls.binary)):
            return f"{cls.kind} is absent: scripts/get-servers has not run"
        return None

    def path(self, name):
        return os.path.join(self.root, FOLDER, name)

    def put(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content)
        os.chown(self.path(name), OWNER, OWNER)

    def write(self, name, content):
        """Writes a configuration file."""
        path = os.path.join(self.dir, name)
        with open(path, "w") as file:
            file.write(content)
        return path

    def start(self):
        self.prepare()
        for address in self.addresses:
            self.processes.append(self.launch(address))
        for address in self.addresses:
            wait_until(lambda a=address: self.node.listening(a, self.port),
                       f"{self.name} listens on {address}; it says: {self.log()}")
        return self

    def stop(self):
        """Whoever ended its processes; start() may be called again."""
        for process in self.processes:
            process.stop()
            self.node.lab.processes.remove(process)
        self.processes = []

    def run(self, argv, address):
        family = "6" if ":" in address else "4"
        return self.node.start(argv, f"{self.name}-v{family}", env=_environment())

    def log(self):
        return "\n".join(process.output() for process in self.processes)

    def prepare(self):
        pass

    def launch(self, address):
        raise NotImplementedError


class Pyftpdlib(Server):
    kind = "pyftpdlib"

    def launch(self, address):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ftpd.py")
        return self.run(["/usr/bin/python3", script, self.name, self.root,
                         endpoint(address, self.port)], address)


class Vsftpd(Server):
    """Anonymous only: needs neither PAM nor an account."""

    kind = "vsftpd"
    binary = "usr/sbin/vsftpd"
    user, password = "anonymous", "lab@example.com"

    def launch(self, address):
        family = "6" if ":" in address else "4"
        empty = os.path.join(self.dir, "empty")
        os.makedirs(empty, exist_ok=True)
        config = self.write(f"vsftpd-v{family}.conf", f"""\
{'listen_ipv6' if family == '6' else 'listen'}=YES
{'listen_address6' if family == '6' else 'listen_address'}={address}
listen_port={self.port}
background=NO
anonymous_enable=YES
local_enable=NO
ftp_username=daemon
nopriv_user=nobody
secure_chroot_dir={empty}
anon_root={self.root}
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
anon_umask=022
connect_from_port_20=YES
ftpd_banner={self.name} ready.
log_ftp_protocol=YES
xferlog_std_format=NO
vsftpd_log_file=/dev/stdout
{self.extra}""")
        return self.run([_unpacked(self.binary), config], address)


class Proftpd(Server):
    kind = "proftpd"
    binary = "usr/sbin/proftpd"

    def prepare(self):
        self.passwd = self.write("passwd", f"{self.user}:{hashed(self.password)}:{OWNER}:{OWNER}::"
                                           f"{self.root}:/bin/sh\n")
        os.chmod(self.passwd, 0o600)

    def launch(self, address):
        family = "6" if ":" in address else "4"
        config = self.write(f"proftpd-v{family}.conf", f"""\
ServerName {self.name}
ServerIdent on "{self.name} ready."
ServerType standalone
ModulePath {_unpacked('usr/lib/proftpd')}
DefaultAddress {address}
SocketBindTight on
Port {self.port}
UseIPv6 {'on' if family == '6' else 'off'}
UseReverseDNS off
User nobody
Group nogroup
PidFile {self.dir}/pid-v{family}
ScoreboardFile {self.dir}/scoreboard-v{family}
DelayEngine off
WtmpLog off
TransferLog NONE
SystemLog {self.dir}/system-v{family}.log
AuthOrder mod_auth_file.c
AuthUserFile {self.passwd}
RequireValidShell off
DefaultRoot ~
AllowOverwrite on
TimesGMT on
MaxInstances 100
{self.extra}""")
        return self.run([_unpacked(self.binary), "-n", "-q", "-c", config], address)


class Pureftpd(Server):
    kind = "pure-ftpd"
    binary = "usr/sbin/pure-ftpd"

    def prepare(self):
        self.puredb = os.path.join(self.dir, "puredb")
        passwd = self.write("passwd", f"{self.user}:{hashed(self.password)}:{OWNER}:{OWNER}::"
                                      f"{self.root}/./::::::::::::\n")
        subprocess.run([_unpacked("usr/bin/pure-pw"), "mkdb", self.puredb, "-f", passwd],
                       check=True, capture_output=True, env=_environment())

    def launch(self, address):
        family = "6" if ":" in address else "4"
        banner = self.write("banner", f"{self.name} ready.\n")
        # It keeps its scoreboard in /run: give it one of its own.
        return self.run(["unshare", "--mount", "sh", "-c",
                         'mount -n -t tmpfs tmpfs /run && exec "$@"', "sh",
                         _unpacked(self.binary), f"-{family}", "-S", f"{address},{self.port}",
                         "-l", f"puredb:{self.puredb}", "-A", "-E", "-H", "-u", "1", "-d",
                         "-F", banner, "-g", f"{self.dir}/pid-v{family}", "-c", "100",
                         "-C", "100"], address)


class Inetutils(Server):
    """BSD's server, the only one that knows the default data port. Its greeting doesn't name it."""

    kind = "inetutils-ftpd"
    binary = "usr/sbin/ftpd"

    def prepare(self):
        self.files = []
        for name, entry in (("passwd", f"{OWNER}:{OWNER}::{self.root}:/bin/sh"),
                            ("shadow", "19000:0:99999:7:::")):
            with open(f"/etc/{name}") as file:
                known = file.read()
            self.files.append(self.write(name, f"{known}{self.user}:{hashed(self.password)}:{entry}\n"))

    def launch(self, address):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inetd.py")
        return self.run(["unshare", "--mount", "/usr/bin/python3", script, address, self.port,
                         *self.files, _unpacked(self.binary), "-a", "default"], address)


SERVERS = {server.kind: server for server in (Vsftpd, Proftpd, Pureftpd, Pyftpdlib)}
