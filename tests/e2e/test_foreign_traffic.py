# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Traffic that no rule is for passes the gateway unchanged."""

import contextlib
import os
import socket
import struct
import threading

import pytest

from scenes import digest, exchange, masquerade, need, pick, publish, random_file
from clients import Account, Curl
from fast import prepare
from servers import Vsftpd

FAMILY = {"v4": socket.AF_INET, "v6": socket.AF_INET6}


@contextlib.contextmanager
def tcp_sink(node, address, port, path):
    """Accepts one connection, writes what comes to path and sends it back."""
    def serve():
        conn, _ = listener.accept()
        with conn, open(path, "wb") as file:
            while block := conn.recv(1 << 16):
                file.write(block)
                conn.sendall(block)
    with node.inside():
        listener = socket.create_server((address, port), backlog=5,
                                        family=FAMILY["v6" if ":" in address else "v4"])
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield
    thread.join(10)
    listener.close()


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def ping(node, address, size):
    """One echo request; True when the same bytes come back."""
    payload = os.urandom(size)
    six = ":" in address
    kind = 128 if six else 8
    body = struct.pack("!HH", 7, 1) + payload
    header = struct.pack("!BBH", kind, 0, 0)
    if not six:
        header = struct.pack("!BBH", kind, 0, checksum(header + body))
    with node.inside():
        sock = socket.socket(FAMILY["v6" if six else "v4"], socket.SOCK_RAW,
                             socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP)
    with sock:
        sock.settimeout(5)
        sock.sendto(header + body, (address, 0))
        while True:
            answer = sock.recv(65535)
            if not six:
                answer = answer[(answer[0] & 15) * 4:]
            if answer[0] == (129 if six else 0):
                return answer[4:] == body


@pytest.fixture(scope="module", params=["off", "native", "generic"])
def scene(make_shared_lab, request):
    """Both kinds of rule, neither of which is about the traffic of these tests."""
    lab = make_shared_lab(request.param)
    server = need(Vsftpd)(lab.server).start()
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server])],
                    "masquerade": masquerade("lan", control_ports=[2121]), "xdp": request.param})
    if request.param != "off":
        prepare(lab)
    return lab, server, vips


@pytest.mark.parametrize("family", ["v4", "v6"])
@pytest.mark.parametrize("port", [80, 20, 990, 30000])
def test_tcp_to_other_ports(scene, family, port):
    lab, _, _ = scene
    address = pick((lab.server.ip4, lab.server.ip6), family)
    sent, got = random_file(lab.file("sent"), 3 << 20), lab.file("got")
    with tcp_sink(lab.server, address, port, got):
        with lab.client.inside():
            conn = socket.create_connection((address, port), timeout=10)
        with conn, open(sent, "rb") as file:
            echoed = []
            reader = threading.Thread(target=lambda: _collect(conn, echoed), daemon=True)
            reader.start()
            conn.sendfile(file)
            conn.shutdown(socket.SHUT_WR)
            reader.join(10)
    assert digest(got) == digest(sent)
    with open(sent, "rb") as file:
        assert b"".join(echoed) == file.read()


def _collect(conn, parts):
    while block := conn.recv(1 << 16):
        parts.append(block)


@pytest.mark.parametrize("family", ["v4", "v6"])
def test_udp_also_in_fragments(scene, family):
    lab, _, _ = scene
    address = pick((lab.server.ip4, lab.server.ip6), family)
    with lab.server.inside():
        far = socket.socket(FAMILY[family], socket.SOCK_DGRAM)
        far.bind((address, 21))
        far.settimeout(5)
    with lab.client.inside():
        near = socket.socket(FAMILY[family], socket.SOCK_DGRAM)
        near.settimeout(5)
    with near, far:
        for size in (0, 1, 1400, 9000, 60000):
            payload = os.urandom(size)
            near.sendto(payload, (address, 21))
            got, peer = far.recvfrom(65535)
            assert got == payload
            assert peer[0] == pick((lab.client.ip4, lab.client.ip6), family), "left untranslated"
            far.sendto(payload, peer)
            assert near.recv(65535) == payload


@pytest.mark.parametrize("family", ["v4", "v6"])
def test_ping(scene, family):
    lab, _, vips = scene
    for address in ((lab.server.ip4, lab.server.ip6), vips, (lab.client.gw4, lab.client.gw6)):
        for size in (0, 56, 1400, 8000):
            assert ping(lab.client, pick(address, family), size)


def test_ftp_that_no_rule_names_is_left_alone(scene):
    """Straight to the server, on a control port that only a rule with another address knows."""
    lab, server, _ = scene
    for family, method in (("v4", "PASV"), ("v4", "EPSV"), ("v6", "EPSV")):
        address = pick(server.addresses, family)
        exchange(need(Curl)(), lab.client, server, Account(address, server), method)
    if lab.gateway.kind == "ftpnat":
        assert lab.gateway.rule("files")["sessions"] == 0
        assert lab.gateway.rule("lan4")["sessions"] == 0
