# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ftpnat-load run` on a host of loader_host.py, without FTP."""

import os
import signal
import subprocess

import pytest

from lab import BUSY, DEADLINE, wait_until
from loader_host import COMMAND, host  # noqa: F401

RUN_DIR = "/run/ftpnat"


class Run:
    """`ftpnat-load run` in the background."""

    def __init__(self, host, config, *options):
        self.log = open(os.path.join(host.dir, "run.log"), "w+")
        self.path = os.path.join(host.dir, "run.yaml")
        self.write(config)
        self.process = subprocess.Popen([COMMAND, "-n", host.netns, "-p", host.pin, "-c", self.path, *options,
                                         "run"], stderr=self.log)
        try:
            wait_until(lambda: host.load("status").returncode != 1 and self.files(host), "run is up")
        except BaseException:
            self.end(signal.SIGKILL)
            raise

    def write(self, config):
        with open(self.path, "w") as file:
            file.write(config)

    @staticmethod
    def files(host):
        return [name for name in os.listdir(RUN_DIR) if name == "run" + host.pin.replace("/", "-")]

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.wait(timeout=DEADLINE * BUSY)
        self.log.close()


@pytest.fixture
def run(host):  # noqa: F811
    started = []

    def start(config, *options):
        started.append(Run(host, config, *options))
        return started[-1]

    yield start
    for service in started:
        if service.process.poll() is None:
            service.end()
