# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A command on a pseudo terminal, and the screen that an operator would see."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios

import pyte

from lab import wait_until


class Terminal:
    """TERM is linux, all of which pyte knows; xterm has sequences that it doesn't."""

    def __init__(self, argv, rows=30, columns=160, **environment):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.own, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self._size(rows, columns)
        env = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        self.popen = subprocess.Popen(argv, stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                      start_new_session=True, preexec_fn=self._control,
                                      env={**env, "TERM": "linux", **environment})

    def _control(self):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def _size(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def resize(self, rows, columns):
        self.screen.resize(rows, columns)
        self._size(rows, columns)  # the kernel sends SIGWINCH

    def press(self, keys):
        os.write(self.own, keys if isinstance(keys, bytes) else keys.encode())

    def lines(self):
        """The screen now."""
        while select.select([self.own], [], [], 0)[0]:
            try:
                got = os.read(self.own, 65536)
            except OSError:  # all ends of the terminal are closed
                break
            if not got:
                break
            self.raw += got
            self.stream.feed(got)
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines())

    def wait(self, condition, what):
        """Until condition(lines) is true; its value."""
        try:
            return wait_until(lambda: condition(self.lines()), what)
        except Exception as error:
            raise AssertionError(f"{error}; the screen:\n{self.text()}") from None

    def wait_text(self, text):
        return self.wait(lambda lines: text in "\n".join(lines), text)

    def ended(self):
        code = self.popen.wait(10)
        self.lines()
        return code

    def restored(self):
        """Are the terminal's modes as they were?"""
        return termios.tcgetattr(self.slave) == self.before

    def close(self):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        os.close(self.own)
        os.close(self.slave)
