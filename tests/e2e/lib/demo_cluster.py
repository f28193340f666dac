# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`make demo-cluster`: the gateway that carries a download is powered off, and the download goes on."""

import ftplib
import hashlib
import os
import signal
import sys
import time

from cluster import VIP4, ClusterLab
from demo import SIGNALS, colour, indented, interrupted, title
from lab import LabError, wait_until
from servers import FOLDER, Pyftpdlib

SIZE = 32 << 20
PIECE = 1 << 18
PAUSE = 0.02  # seconds between pieces: so that there is something to see
PATIENCE = 60


def command(member, *verb):
    print(colour("2", f"gateway {member.number}$ ftpnat-load {' '.join(verb)}"))
    indented(member.gateway.load(*verb).stdout)


class Download:
    """Counts bytes, and the longest time without any."""

    def __init__(self, data):
        self.data = data
        self.sum = hashlib.sha256()
        self.bytes, self.gap, self.last = 0, 0.0, time.monotonic()

    def until(self, size):
        """True: there was no end before."""
        while self.bytes < size:
            piece = self.data.recv(PIECE)
            now = time.monotonic()
            self.gap, self.last = max(self.gap, now - self.last), now
            if not piece:
                return False
            self.sum.update(piece)
            self.bytes += len(piece)
            if self.bytes >> 22 != (self.bytes - len(piece)) >> 22:
                print(f"  {self.bytes >> 20:3} of {SIZE >> 20} MiB")
            time.sleep(PAUSE)
        return True


def demo(lab):
    first, second = lab.members
    server = Pyftpdlib(lab.server, "inner").start()
    content = os.urandom(SIZE)
    server.put("big", content)
    title("The lab")
    print(f"""\
  client {lab.client.ip4} -- gateway 1, gateway 2 -- server {lab.server.ip4}, published as {VIP4}
  gateway 1 has the addresses; corosync between both; `commit: all`""")
    title("Both know what the other one does")
    command(first, "cluster", "status")

    with lab.client.inside():
        ftp = ftplib.FTP(timeout=PATIENCE)
        ftp.connect(VIP4)
        ftp.login("ftpnat", "secret")
        ftp.cwd(FOLDER)
        ftp.voidcmd("TYPE I")
        title("A download through gateway 1")
        download = Download(ftp.transfercmd("RETR big"))
        download.data.settimeout(PATIENCE)
        went_on = download.until(SIZE // 2)
        command(first, "flows")
        title("Power off gateway 1: its links are cut, its processes are killed")
        download.gap = 0.0
        first.power_off()
        second.take_addresses()
        print(colour("1;31", "  gateway 1 is dead") + ", gateway 2 has its addresses")
        went_on = went_on and download.until(SIZE) and not download.data.recv(1)
        download.data.close()
        ftp.voidresp()
        command(second, "flows")
        problems = [] if went_on and download.sum.digest() == hashlib.sha256(content).digest() else [
            f"{download.bytes} of {SIZE} bytes came, or others"]
        title("The same session goes on")
        again = bytearray()
        ftp.retrbinary("RETR server-name", again.extend)
        print(f"  RETR server-name: {again.decode()}")
        problems += [] if again.decode() == server.name else [f"the next file is {again!r}"]
        ftp.quit()
    wait_until(lambda: not second.gateway.expected(), "nothing stays open")
    return problems, download.gap


def main():
    for number in SIGNALS:
        signal.signal(number, interrupted)
    lab, gap = None, 0
    rule = {"name": "files", "listen": f"{VIP4}:21", "servers": ["10.2.1.2:21"]}
    try:
        lab = ClusterLab("demo-cluster", config={"publish": [rule]}, commit="all")
        lab.start()
        lab.members[0].take_addresses()
        problems, gap = demo(lab)
    except KeyboardInterrupt:
        problems = ["interrupted"]
    except (LabError, OSError, EOFError, ftplib.Error) as error:
        problems = [str(error)]
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if lab:
            lab.close()
    for problem in problems:
        print(colour("31", f"problem: {problem}"))
    print()
    if problems:
        print(colour("1;31", "VERDICT: FAILED"))
    else:
        print(colour("1;32", f"VERDICT: the gateway died in the middle of the transfer, which paused for {gap:.1f} s "
                             f"and went on: {SIZE >> 20} MiB arrived unchanged"))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
