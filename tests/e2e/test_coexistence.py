# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ftpnat beside what else may be on a gateway: nftables, other tc programs, other kinds of interface."""

import socket

import pytest

from clients import Account, CLIENTS
from lab import wait_until
from scenes import exchange, login, masquerade, need, pick, publish
from servers import Vsftpd

METHODS = [("v4", "PASV"), ("v4", "PORT"), ("v6", "EPSV"), ("v6", "EPRT")]

pytestmark = pytest.mark.ftpnat


def transfer(lab, node, server, dial, methods=METHODS):
    for family, method in methods:
        exchange(need(CLIENTS["ftplib"])(), node, server, Account(pick(dial, family), server), method)


def fetch(node, address, port):
    """The beginning of what a web server answers."""
    with node.inside(), socket.create_connection((address, port), timeout=5) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return sock.recv(12)


def test_nftables_filter_and_nat_for_other_traffic(make_lab):
    """A masquerade and a forward policy for everything else, on the same interfaces."""
    lab = make_lab(servers=2, route_back=False)
    server = need(Vsftpd)(lab.server).start()
    lab.servers[1].start(["/usr/bin/python3", "-m", "http.server", "8080"], "http")
    wait_until(lambda: lab.servers[1].listening("0.0.0.0", 8080), "a web server")
    lab.gw.run(["nft", "-f", "-"], input="""
table inet rest {
	chain forward { type filter hook forward priority filter; policy drop;
		ct state established,related accept; tcp dport 8080 accept; }
	chain post { type nat hook postrouting priority srcnat; oifname { s1, s2 } masquerade; }
}
""")
    lab.gateway.up({"masquerade": masquerade("lan")})
    transfer(lab, lab.client, server, server.addresses)
    assert fetch(lab.client, lab.servers[1].ip4, 8080) == b"HTTP/1.0 200"
    with lab.client.inside(), pytest.raises(OSError):
        socket.create_connection((lab.servers[1].ip4, 8081), timeout=0.5)


@pytest.mark.parametrize("kind", ["vlan", "macvlan"])
def test_interface_of_another_kind(make_lab, kind):
    """Both ends of the client's link on a VLAN, or the gateway's on a macvlan."""
    lab = make_lab()
    node = lab.client
    addresses = (f"addr add {node.gw4}/24 dev x1", f"addr add {node.gw6}/64 dev x1 nodad", "link set x1 up")
    made = lab.gw.run(["ip", "link", "add", "link", "c1", "name", "x1", "type", kind,
                       *(("id", "7") if kind == "vlan" else ("mode", "private"))], check=False)
    if "Unknown device type" in made.stdout:
        pytest.skip(f"this kernel has no {kind}")
    lab.gw.ip("addr flush dev c1 scope global", *addresses)
    lab.gw.sysctl("net/ipv4/conf/c1/arp_ignore", 1)
    if kind == "vlan":
        node.ip("addr flush dev eth0 scope global", "link add link eth0 name eth7 type vlan id 7",
                f"addr add {node.ip4}/24 dev eth7", f"addr add {node.ip6}/64 dev eth7 nodad",
                "link set eth7 up", f"route replace default via {node.gw4}",
                f"route replace ::/0 via {node.gw6}")
    server = need(Vsftpd)(lab.server).start()
    vips = ("192.0.2.10", "2001:db8::10")
    lab.gw.ip(f"addr add {vips[0]}/32 dev x1", f"addr add {vips[1]}/128 dev x1 nodad")
    lab.gateway.up({"interfaces": ["x1", "s1"], "publish": [publish("files", vips, [server])]})
    transfer(lab, node, server, vips)


def test_another_tc_program_before_and_after(make_lab):
    """Filters of others at the same hook are neither in the way nor removed."""
    lab = make_lab()
    server = need(Vsftpd)(lab.server).start()
    vips = lab.vips()
    lab.gw.run(["tc", "qdisc", "add", "dev", "c1", "clsact"])
    for pref in ("1", "65000"):
        lab.gw.run(["tc", "filter", "add", "dev", "c1", "ingress", "pref", pref, "protocol", "all",
                    "bpf", "bytecode", "1,6 0 0 0,"])
    lab.gateway.up({"publish": [publish("files", vips, [server])]})
    transfer(lab, lab.client, server, vips)
    seen = lab.gw.run(["tc", "-s", "filter", "show", "dev", "c1", "ingress"]).stdout
    assert "pref 1 " in seen and "pref 65000 " in seen
    lab.gateway.down()
    assert lab.gw.run(["tc", "filter", "show", "dev", "c1", "ingress"]).stdout.count("bytecode") == 2
    lab.gw.run(["tc", "qdisc", "del", "dev", "c1", "clsact"])


def test_link_down_and_up_and_another_route(make_lab):
    """A session outlives its link, and follows the route when that changes."""
    lab = make_lab()
    server = need(Vsftpd)(lab.server).start()
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server])]})
    with lab.client.inside():
        session = login(lab.client, vips[0], server)
        assert session.read("server-name").decode() == server.name
    lab.gw.ip("link set s1 down")
    lab.gw.ip("link set s1 up")
    with lab.client.inside():
        assert session.read("server-name").decode() == server.name
    # the server's address moves behind another gateway address of the same link
    lab.gw.ip("addr add 10.2.1.9/24 dev s1", "route add 10.2.1.2/32 dev s1 src 10.2.1.9")
    with lab.client.inside():
        assert session.read("server-name").decode() == server.name
        session.quit()
