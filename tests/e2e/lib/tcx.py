# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Programs at tcx (Linux 6.6), where Debian 12's tools can neither attach nor list one."""

import ctypes
import errno
import os
import socket
import struct

import pytest

BPF = 321  # the system call on x86-64
PROG_LOAD, PROG_ATTACH, PROG_DETACH, PROG_QUERY = 5, 8, 9, 16
PROG_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD = 13, 15
SCHED_CLS = 3
INGRESS, EGRESS = 46, 47
BEFORE = 1 << 3
NEXT, PASS = -1, 0

_libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attr):
    """The system call; OSError."""
    return _bpf(command, ctypes.create_string_buffer(attr, 128))


def _bpf(command, attr):
    result = _libc.syscall(BPF, command, attr, len(attr))
    if result < 0:
        raise OSError(ctypes.get_errno(), "bpf()")
    return result


def _name(program):
    info = ctypes.create_string_buffer(80)
    fd = bpf(PROG_GET_FD_BY_ID, struct.pack("<I", program))
    try:
        bpf(OBJ_GET_INFO_BY_FD, struct.pack("<IIQ", fd, len(info), ctypes.addressof(info)))
    finally:
        os.close(fd)
    return info.raw[64:80].split(b"\0")[0].decode()


def programs(ifindex, hook):
    """[(id, name)] of an interface of this network namespace, in their order."""
    ids = (ctypes.c_uint32 * 64)()
    attr = ctypes.create_string_buffer(struct.pack("<IIIIQI", ifindex, hook, 0, 0, ctypes.addressof(ids), len(ids)), 128)
    _bpf(PROG_QUERY, attr)
    return [(ids[i], _name(ids[i])) for i in range(struct.unpack_from("<I", attr.raw, 24)[0])]


def need():
    """Skips the test where the kernel has no tcx."""
    try:
        programs(socket.if_nametoindex("lo"), INGRESS)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        pytest.skip("this kernel has no tcx (Linux 6.6)")


def detach(ifindex, hook, program):
    fd = bpf(PROG_GET_FD_BY_ID, struct.pack("<I", program))
    try:
        bpf(PROG_DETACH, struct.pack("<III", ifindex, fd, hook))
    finally:
        os.close(fd)


class Tcx:
    """At the ingress of an interface, ends with this verdict and does nothing else."""

    def __init__(self, node, interface, verdict, name, flags=0):
        need()
        self.node, self.flags = node, flags
        insns = ctypes.create_string_buffer(struct.pack("<BBhiBBhi", 0xb7, 0, 0, verdict, 0x95, 0, 0, 0))
        licence = ctypes.create_string_buffer(b"GPL")
        self.fd = bpf(PROG_LOAD, struct.pack("<IIQQIIQII16s", SCHED_CLS, 2, ctypes.addressof(insns),
                                              ctypes.addressof(licence), 0, 0, 0, 0, 0, name.encode()))
        with node.inside():
            self.ifindex = socket.if_nametoindex(interface)
        self._do(PROG_ATTACH)

    def _do(self, command):
        with self.node.inside():
            flags = self.flags if command == PROG_ATTACH else 0
            bpf(command, struct.pack("<IIII", self.ifindex, self.fd, INGRESS, flags))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._do(PROG_DETACH)
        os.close(self.fd)
