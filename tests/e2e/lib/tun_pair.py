# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Connects two tun devices: what one sends, the other receives.

   tun_pair.py FD FD      descriptors from tun_open()
"""

import contextlib
import errno
import fcntl
import os
import select
import struct
import sys

TUNSETIFF, TUNSETLINK = 0x400454ca, 0x400454cd
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
ARPHRD_PPP, ARPHRD_TUNNEL, ARPHRD_NONE = 512, 768, 0xfffe
LONGEST = 65536


def tun_open(name, kind=ARPHRD_NONE):
    """Creates a tun device in the present network namespace; it lives as long as the descriptor.

    kind: as what kind of device it poses to the kernel and to ftpnat.
    """
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        fcntl.ioctl(fd, TUNSETLINK, kind)
    except OSError:
        os.close(fd)
        raise
    return fd


def carry(source, target):
    """What the source has at the moment; a packet that the target refuses is lost."""
    with contextlib.suppress(BlockingIOError):
        while True:
            packet = os.read(source, LONGEST)
            try:
                os.write(target, packet)
            except OSError as error:
                if error.errno not in (errno.EIO, errno.EAGAIN, errno.EINVAL):  # EIO: the device is down
                    raise


def main():
    ends = [int(fd) for fd in sys.argv[1:3]]
    poll = select.poll()
    for fd in ends:
        poll.register(fd, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            carry(fd, ends[fd == ends[0]])


if __name__ == "__main__":
    main()
