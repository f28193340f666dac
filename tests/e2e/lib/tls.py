# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""FTPS: servers with a certificate of their own, and clients that insist on TLS."""

import ftplib
import functools
import os
import ssl
import tempfile

from clients import Account, Curl, Lftp, Session
from lab import run
from servers import Proftpd, Vsftpd

PORTS = "60000-60099"  # passive range of the servers

# Clients speak TLS 1.2: of 1.3, curl and lftp close the data connection of an upload without
# having read the server's session tickets; the kernel then resets it, and what vsftpd hasn't read
# by then is lost, without any NAT too.


@functools.lru_cache(maxsize=None)
def certificate():
    """(certificate, key), self-signed, one for all tests of a run."""
    folder = tempfile.mkdtemp(prefix="ftpnat-tls.")
    os.chmod(folder, 0o755)
    names = tuple(os.path.join(folder, name) for name in ("cert.pem", "key.pem"))
    run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj",
         "/CN=ftpnat.example", "-out", names[0], "-keyout", names[1]])
    return names


def extra(cls, implicit=False, named=None, reuse=True):
    """Lines that make a server speak TLS; named: what it names in 227 replies."""
    cert, key = certificate()
    low, high = PORTS.split("-")
    if cls is Vsftpd:
        lines = ["ssl_enable=YES", "allow_anon_ssl=YES", "force_anon_data_ssl=YES",
                 f"rsa_cert_file={cert}", f"rsa_private_key_file={key}", "ssl_ciphers=HIGH",
                 f"require_ssl_reuse={'YES' if reuse else 'NO'}", f"pasv_min_port={low}",
                 f"pasv_max_port={high}", "debug_ssl=YES"]
        lines += ["implicit_ssl=YES"] * implicit + [f"pasv_address={named}"] * bool(named)
    else:
        options = ["NoSessionReuseRequired"] * (not reuse) + ["UseImplicitSSL"] * implicit
        lines = ["LoadModule mod_tls.c", "TLSEngine on", f"TLSRSACertificateFile {cert}",
                 f"TLSRSACertificateKeyFile {key}", "TLSLog /dev/stderr",
                 "TLSRequired ctrl", f"PassivePorts {low} {high}", "TLSVerifyClient off",
                 # of TLS 1.3 curl 7.88 doesn't use a session again for a second transfer
                 "TLSProtocol TLSv1.2"]
        lines += [f"TLSOptions {' '.join(options)}"] * bool(options)
        lines += [f"MasqueradeAddress {named}"] * bool(named)
    return "\n".join(lines) + "\n"


class CurlTls(Curl):
    """More options go to every transfer."""

    name = "curl"
    scheme = "ftp"

    def __init__(self, *more, **limits):
        super().__init__(**limits)
        self.more = more

    def transfer(self, node, account, method, upload, remote, download, source=None):
        common = ["-sSv", "-k", "--ssl-reqd", "--tls-max", "1.2", "--no-ftp-skip-pasv-ip",
                  "--connect-timeout", str(self.patience), *self.options[method], *self.more]
        url = f"{account.url.replace('ftp://', f'{self.scheme}://', 1)}/{remote}"
        return self.call(node, ["curl", *common, "-T", upload, url,
                                "--next", *common, "-o", download, url])


class CurlImplicit(CurlTls):
    scheme = "ftps"


class LftpTls(Lftp):
    name = "lftp"
    scheme = "ftp"

    def script(self, account, method, *commands, source=None):
        script = super().script(account, method, *commands, source=source)
        # lftp 4.9.2 closes an upload without waiting for room to say its end under TLS: without
        # any NAT, too, vsftpd says 426 now and then, unless the file fits in the socket's buffer
        settings = ("set ssl:verify-certificate no\nset ssl:priority NORMAL:-VERS-TLS1.3\n"
                    "set ftp:ssl-force yes\nset net:socket-buffer 1048576\n"
                    "set ftp:ssl-protect-data yes\nset ftp:ssl-protect-list yes\n")
        host = f"[{account.host}]" if ":" in account.host else account.host
        return settings + script.replace(f"-p {account.port} {host}",
                                         f"{self.scheme}://{host}:{account.port}")


class LftpImplicit(LftpTls):
    scheme = "ftps"


def context():
    """A client's, that checks no certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    return made


class TlsSession(Session, ftplib.FTP_TLS):
    """ftplib under TLS, which uses the control connection's TLS session for data."""

    def __init__(self, method="EPSV", **options):
        super().__init__(method, **options)
        self.context = context()

    def open(self, account):
        super().open(account)
        self.prot_p()
        return self

    def wrap(self, sock):
        """A data connection's socket under TLS."""
        return self.context.wrap_socket(sock, session=self.sock.session)

    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        return (self.wrap(conn) if self._prot_p else conn), size


def login(node, host, server, method="EPSV", port=21):
    """An open session; to be called inside the node."""
    return TlsSession(method).open(Account(host, server, port))


CLIENTS = {"curl": CurlTls, "lftp": LftpTls}
IMPLICIT = {"curl": CurlImplicit, "lftp": LftpImplicit}
SERVERS = {"vsftpd": Vsftpd, "proftpd": Proftpd}
