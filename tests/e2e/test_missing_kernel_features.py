# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A kernel that lacks something: `up` names it and leaves nothing behind, `status` says what is missing."""

import os
import subprocess

import pytest

from lab import SLOWER
from loader_host import COMMAND, CONFIG, host, refused  # noqa: F401
from servers import TOP

LACKING = os.path.join(TOP, "build", "e2e", "lib", "lacking.so")
TIMER_INIT, LOOP, GET_BUFF_LEN = 169, 181, 188
RINGBUF, QUEUE = 27, 22


def load(host, verb, config=CONFIG, **lacks):  # noqa: F811
    return subprocess.run([COMMAND, "-n", host.netns, "-p", host.pin, "-c", host.write(config), verb],
                          env={**os.environ, "LD_PRELOAD": LACKING, **lacks},
                          capture_output=True, text=True, timeout=60 * SLOWER, check=False)


@pytest.mark.parametrize("lacks, words", [
    ("bpf", "this kernel has no BPF (CONFIG_BPF_SYSCALL)"),
    (f"map:{RINGBUF}", "this kernel lacks BPF maps of type ringbuf: ftpnat needs Linux 6.1 or later"),
    (f"map:{QUEUE}", "this kernel lacks BPF maps of type queue"),
    (f"helper:{TIMER_INIT}", "this kernel lacks the BPF helper bpf_timer_init: ftpnat needs Linux 6.1 or later"),
    (f"helper:{LOOP}", "this kernel lacks the BPF helper bpf_loop"),
    ("clsact", "the kernel lacks CONFIG_NET_SCH_INGRESS"),
    ("cls_bpf", "the kernel lacks CONFIG_NET_CLS_BPF"),
], ids=lambda value: None if " " in value else value)
def test_up_names_what_is_missing(host, lacks, words):  # noqa: F811
    before = host.everything()
    done = load(host, "up", LACKS=lacks)
    refused(done, 1, words)
    assert len(done.stderr.splitlines()) == 1
    assert host.everything() == before


def test_tcx_names_what_is_missing(host):  # noqa: F811
    before = host.everything()
    done = load(host, "up", "tcx: first\n" + CONFIG, LACKS="tcx")
    refused(done, 1, "2:14: this kernel has no tcx for v0, Linux 6.6 and later have: leave `tcx` out",
            "2:18: this kernel has no tcx for v1")
    assert host.everything() == before
    assert load(host, "up", LACKS="tcx").returncode == 0  # the key is what needs it


def test_xdp_names_what_is_missing_and_tc_does_the_work(host):  # noqa: F811
    words = "the kernel lacks the BPF helper bpf_xdp_get_buff_len"
    done = load(host, "up", "xdp: native\n" + CONFIG, LACKS=f"helper:{GET_BUFF_LEN}")
    assert done.returncode == 0
    assert f"xdp: native is not in force on v0: {words}; TC carries" in done.stderr
    degraded = host.status()["degraded"]
    assert [line for line in degraded if words in line]
    assert host.programs("v0", "ingress") == ["ftpnat_ingress"]


@pytest.mark.parametrize("release, old", [("5.15.0-91-generic", True), ("6.0.19", True), ("6.1.0", False),
                                          ("6.12.1-cloud", False), ("7.0.0-rc1", False)])
def test_status_says_that_the_kernel_is_old(host, release, old):  # noqa: F811
    host.up()
    said = load(host, "status", RELEASE=release).stdout
    assert (f"degraded: Linux {release} is older than 6.1" in said) == old


@pytest.mark.parametrize("version, words", [("#1 SMP PREEMPT_RT Debian 6.12.9-1", "this kernel is PREEMPT_RT"),
                                            ("#1 SMP PREEMPT_DYNAMIC Debian 6.12.9-1", None)])
def test_realtime_kernel_is_refused(host, version, words):  # noqa: F811
    before = host.everything()
    done = load(host, "up", VERSION=version)
    if not words:
        assert done.returncode == 0
        return
    refused(done, 1, words, "boot one that is not")
    assert host.everything() == before


def test_packets_longer_than_ip_counts_are_refused(host):  # noqa: F811
    host.ip("link", "set", "v0", "gro_max_size", "131072")
    before = host.everything()
    refused(host.load("up"), 1, "v0 may make packets of 131072 bytes (BIG TCP)", "to at most 65536")
    assert host.everything() == before
    host.ip("link", "set", "v0", "gro_max_size", "65536")
    host.up()
