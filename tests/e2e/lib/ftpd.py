#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""pyftpdlib as a small FTP server: ftpd.py NAME ROOT ADDRESS:PORT

One process per session: with sessions that share a loop, pyftpdlib 1.5.7 forgets
a data connection now and then, without any NAT too.
"""

import logging
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, PassiveDTP
from pyftpdlib.servers import MultiprocessFTPServer


class Patient(PassiveDTP):
    timeout = 300  # else 30 s: on a busy machine a client may come later


def main(name, root, listen):
    logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, format="%(message)s")
    users = DummyAuthorizer()
    users.add_user("ftpnat", "secret", root, perm="elradfmwMT")

    class Handler(FTPHandler):
        authorizer = users
        banner = f"{name} ready."
        passive_dtp = Patient

    host, port = listen.rsplit(":", 1)
    server = MultiprocessFTPServer((host.strip("[]"), int(port)), Handler)
    server.max_cons = 0
    server.max_cons_per_ip = 0
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
