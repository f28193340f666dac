# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ftpnat-load run` in the background, as a service manager would have it."""

import itertools
import os
import signal
import socket
import urllib.error
import urllib.request

from lab import Process, wait_until

LISTEN = "127.0.0.1:9821"
METRICS = {"metrics": {"listen": LISTEN}}


_number = itertools.count(1)


class Service:
    """The command, and what it says: in its log, and to the service manager."""

    def __init__(self, lab, *argv, ready=True, wrap=(), **environment):
        self.lab = lab
        gateway = lab.gateway
        number = next(_number)
        path = lab.file(f"notify-{number}")
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(path)
        self.manager.setblocking(False)
        self.said = []
        log = lab.file(f"run-{number}.log")
        with open(log, "wb"):
            stream = "{0.st_dev}:{0.st_ino}".format(os.stat(log))
        environment = {key: value.replace("LOG", stream) for key, value in environment.items()}
        self.process = Process([*wrap, gateway.command, "-n", lab.gw.name, "-p", gateway.pin,
                                "-c", gateway.path, *argv, "run"], log,
                               env=dict(os.environ, NOTIFY_SOCKET=path, **environment))
        lab.processes.append(self.process)
        if ready:
            self.wait("READY=1")

    def notified(self):
        """All that the service manager was told, line by line."""
        while True:
            try:
                self.said += self.manager.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.said

    def wait(self, line, times=1):
        wait_until(lambda: self.notified().count(line) >= times or not self.process.alive(), line)
        assert self.said.count(line) >= times, self.log()

    def log(self):
        return self.process.output()

    def wait_log(self, *texts):
        wait_until(lambda: all(text in self.log() for text in texts), f"{texts} in: {self.log()}")

    def signal(self, number):
        self.process.popen.send_signal(number)

    def ended(self):
        return self.process.popen.wait(10)

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.ended()

    def reload(self, config=None):
        """Asks for it and waits for the end of it."""
        if config:
            self.lab.gateway.write(config)
        before = self.notified().count("READY=1")
        self.signal(signal.SIGHUP)
        self.wait("READY=1", before + 1)

    def get(self, path="/metrics", listen=LISTEN, method="GET"):
        """(code, text); OSError if nothing listens."""
        request = urllib.request.Request(f"http://{listen}{path}", method=method)
        with self.lab.gw.inside():
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()
