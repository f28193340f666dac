# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ftpnat-load with host names that the test chooses."""

from lab import run

NAME = "ftp.ftpnat.example"


def with_hosts(lab, text):
    """A command's front: names stand for what the text says, which another call may change."""
    hosts = lab.file("hosts")
    with open(hosts, "w") as file:
        file.write(f"127.0.0.1 localhost\n{text}\n")
    return ["unshare", "--mount", "sh", "-c", f"mount --bind {hosts} /etc/hosts && "
            'mount --bind /dev/null /etc/resolv.conf && exec "$@"', "sh"]


def load(lab, text, verb):
    """Runs ftpnat-load where the name stands for what the text says."""
    gateway = lab.gateway
    return run([*with_hosts(lab, text), gateway.command, "--netns", lab.gw.name, "--pin", gateway.pin,
                "-c", gateway.path, verb], check=False)
