# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A small inetd: ADDRESS PORT PASSWD SHADOW COMMAND...; the files stand for those of /etc, so
run it in a mount namespace of its own."""

import os
import signal
import socket
import subprocess
import sys

address, port, passwd, shadow, *command = sys.argv[1:]
for file, name in ((passwd, "/etc/passwd"), (shadow, "/etc/shadow")):
    subprocess.run(["mount", "-n", "--bind", file, name], check=True)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((address, int(port)))
listener.listen()
while True:
    connection, _ = listener.accept()
    if not os.fork():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for fd in range(3):
            os.dup2(connection.fileno(), fd)
        os.execv(command[0], command)
    connection.close()
