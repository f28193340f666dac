# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A foreign program at tcx (Linux 6.6), where Debian 12's tools can't attach one."""

import ctypes
import errno
import os
import socket
import struct

import pytest

BPF = 321  # the system call on x86-64
PROG_LOAD, PROG_ATTACH, PROG_DETACH = 5, 8, 9
SCHED_CLS = 3
INGRESS = 46
NEXT, PASS = -1, 0

_libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attr):
    """The system call; OSError."""
    attr = ctypes.create_string_buffer(attr, 128)
    result = _libc.syscall(BPF, command, attr, len(attr))
    if result < 0:
        raise OSError(ctypes.get_errno(), "bpf()")
    return result


class Tcx:
    """At the ingress of an interface, ends with this verdict and does nothing else."""

    def __init__(self, node, interface, verdict, name):
        self.node = node
        insns = ctypes.create_string_buffer(struct.pack("<BBhiBBhi", 0xb7, 0, 0, verdict, 0x95, 0, 0, 0))
        licence = ctypes.create_string_buffer(b"GPL")
        self.fd = bpf(PROG_LOAD, struct.pack("<IIQQIIQII16s", SCHED_CLS, 2, ctypes.addressof(insns),
                                              ctypes.addressof(licence), 0, 0, 0, 0, 0, name.encode()))
        with node.inside():
            self.ifindex = socket.if_nametoindex(interface)
        try:
            self._do(PROG_ATTACH)
        except OSError as error:
            os.close(self.fd)
            if error.errno == errno.EINVAL:
                pytest.skip("this kernel has no tcx")
            raise

    def _do(self, command):
        with self.node.inside():
            bpf(command, struct.pack("<III", self.ifindex, self.fd, INGRESS))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._do(PROG_DETACH)
        os.close(self.fd)
