# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Interfaces whose packets have no link-layer header, alone and together with Ethernet.

tun devices stand for all of them: PPP and WireGuard look the same to TC programs.
"""

import socket

import pytest

from clients import CLIENTS, Account, Session
from lab import DEADLINE, wait_until
from scenes import exchange, login, masquerade, need, pick, publish, single
from servers import Vsftpd
from tun_pair import ARPHRD_PPP

pytestmark = pytest.mark.ftpnat

METHODS = [("v4", "PASV"), ("v4", "EPSV"), ("v4", "PORT"), ("v4", "EPRT"), ("v6", "EPSV"), ("v6", "EPRT")]
LINKS = {"client": ("clients",), "server": ("servers",), "both": ("clients", "servers")}


def transfers(lab, server, dial, methods=METHODS):
    for family, method in methods:
        exchange(need(CLIENTS["ftplib"])(), lab.client, server, Account(pick(dial, family), server), method)


@pytest.mark.parametrize("kind", ["keep", "full", "masquerade"])
@pytest.mark.parametrize("link", LINKS)
def test_transfers(make_lab, link, kind):
    lab, server, dial = single(make_lab, Vsftpd, kind, tun=LINKS[link])
    before = {reason: lab.gateway.reason(reason) for reason in ("forwarded", "truncated_header", "write_failed")}
    transfers(lab, server, dial)
    assert lab.gateway.reason("forwarded") > before["forwarded"]
    for reason in ("truncated_header", "write_failed"):
        assert lab.gateway.reason(reason) == before[reason], reason


@pytest.mark.parametrize("kind", ["keep", "masquerade"])
@pytest.mark.parametrize("link", ["client", "server"])
def test_transfers_through_what_poses_as_ppp(make_lab, link, kind):
    lab, server, dial = single(make_lab, Vsftpd, kind, tun=LINKS[link], tun_kind=ARPHRD_PPP)
    transfers(lab, server, dial)


@pytest.mark.parametrize("kind", ["keep", "masquerade"])
@pytest.mark.parametrize("link", ["client", "server"])
def test_generic_xdp_on_the_ethernet_side(make_lab, link, kind):
    """It forwards nothing to the other side: its frames have Ethernet headers."""
    lab, server, dial = single(make_lab, Vsftpd, kind, config={"xdp": "generic"}, tun=LINKS[link])
    ethernet = lab.server if link == "client" else lab.client
    ethernet.run(["ethtool", "-K", "eth0", "tx", "off", "gro", "off"])  # XDP sends on what has its checksum
    transfers(lab, server, dial)


@pytest.mark.parametrize("source", ["keep", "gateway"])
def test_server_on_the_gateway(make_lab, source):
    lab = make_lab(servers=0, tun=LINKS["client"])
    server = need(Vsftpd)(lab.gw, addresses=(lab.client.gw4, lab.client.gw6), port=2021).start()
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server], source=source)]})
    transfers(lab, server, vips)


@pytest.mark.parametrize("link", LINKS)
def test_other_traffic_passes(make_lab, link):
    lab, server, _ = single(make_lab, Vsftpd, tun=LINKS[link])
    for address, kind in zip(server.addresses, (socket.AF_INET, socket.AF_INET6)):
        with lab.server.inside():
            receiver = socket.socket(kind, socket.SOCK_DGRAM)
        with lab.client.inside():
            sender = socket.socket(kind, socket.SOCK_DGRAM)
        with receiver, sender:
            receiver.bind((address, 9000))
            receiver.settimeout(DEADLINE)
            sender.sendto(bytes(3000), (address, 9000))
            assert len(receiver.recv(4000)) == 3000  # in fragments
        with lab.client.inside(), login(lab.client, address, server) as session:
            assert session.voidcmd("NOOP").startswith("200")  # of no rule
    assert lab.gateway.reason("fragment") > 0
    assert not lab.gateway.flows()


@pytest.mark.parametrize("kind", ["keep", "masquerade"])
@pytest.mark.parametrize("narrow", ["client", "server"])
@pytest.mark.parametrize("link", LINKS)
def test_too_big_is_answered(make_lab, link, narrow, kind):
    """The gateway's own link is narrower than its neighbours think."""
    lab, server, dial = single(make_lab, Vsftpd, kind, tun=LINKS[link])
    lab.gw.ip(f"link set {'c1' if narrow == 'client' else 's1'} mtu 1400")
    before = lab.gateway.reason("too_big")
    transfers(lab, server, dial, [("v4", "EPSV"), ("v4", "PORT"), ("v6", "EPSV")])
    assert lab.gateway.reason("too_big") > before


@pytest.mark.parametrize("family", ["v4", "v6"])
@pytest.mark.parametrize("link", ["none", *LINKS])
def test_segments_of_who_is_behind_a_narrow_link_fit_it(make_lab, link, family):
    """It learns from the SYN or SYN-ACK what the link carries, and needs no ICMP error."""
    lab, server, dial = single(make_lab, Vsftpd, tun=LINKS.get(link, ()))
    lab.gw.ip("link set c1 mtu 1400")
    before = lab.gateway.reason("too_big")
    with lab.client.inside(), Session("EPSV").open(Account(pick(dial, family), server)) as session:
        with session.transfercmd("STOR big") as conn:
            assert conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) <= 1400 - (40 if family == "v4" else 60)
            conn.sendall(bytes(1 << 20))
        assert session.voidresp().startswith("226")
        control = session.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        assert control <= 1400 - (40 if family == "v4" else 60)
    assert lab.gateway.reason("too_big") == before


@pytest.mark.parametrize("link", LINKS)
def test_held_line_is_acknowledged(make_lab, link):
    lab, server, vips = single(make_lab, Vsftpd, tun=LINKS[link])
    with lab.client.inside():
        for host, line in ((vips[0], f"EPRT |1|{lab.client.ip4}|50000|\r\n"),
                           (vips[1], f"EPRT |2|{lab.client.ip6}|50000|\r\n")):
            session = login(lab.client, host, server)
            before = lab.gateway.reason("answered")
            session.sock.sendall(line[:9].encode())
            wait_until(lambda: lab.gateway.reason("answered") > before, "the half line is acknowledged")
            session.sock.sendall(line[9:].encode())
            assert session.getresp().startswith("200")
            session.close()


@pytest.mark.parametrize("link", LINKS)
def test_segment_that_grows_leaves_in_parts(make_lab, link):
    to = "fd00:2:1:1111:2222:3333:4444:5555"  # its text is much longer than that of the client's address
    lab, server, dial = single(make_lab, Vsftpd, "masquerade", tun=LINKS[link])
    lab.gw.ip(f"addr add {to}/128 dev s1 nodad")
    lab.server.ip(f"route add {to}/128 via {lab.server.gw6}")
    lab.gateway.up({"masquerade": masquerade("lan", to=("interface", to))})
    with lab.client.inside():
        session = login(lab.client, dial[1], server)
        line = f"EPRT |2|{lab.client.ip6}|50000|\r\n".encode()
        mss = session.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        lines, noops = 18, (mss - 18 * len(line)) // 6  # their texts fit the edit log
        before = lab.gateway.reason("split")
        session.sock.sendall(line * lines + b"NOOP\r\n" * noops)
        for _ in range(lines + noops):
            assert session.getresp().startswith("200")
        session.close()
    assert lab.gateway.reason("split") > before
