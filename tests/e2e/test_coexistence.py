# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ftpnat beside other users of a gateway: nftables, other tc programs, other kinds of interface."""

import socket

import pytest

import tcx
from bridge import bridged
from clients import Account, CLIENTS
from fast import modes, prepare, switch
from lab import wait_until
from old_setups import iptables, listen, reaches
from scenes import exchange, login, masquerade, need, needs_another_kernel, pick, publish
from servers import Vsftpd

METHODS = [("v4", "PASV"), ("v4", "PORT"), ("v6", "EPSV"), ("v6", "EPRT")]

pytestmark = pytest.mark.ftpnat


def transfer(lab, node, server, dial, methods=METHODS):
    for family, method in methods:
        exchange(need(CLIENTS["ftplib"])(), node, server, Account(pick(dial, family), server), method)


def fetch(node, address, port):
    """The start of a web server's reply."""
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


def test_nftables_flowtable_for_other_traffic(make_lab):
    """The kernel's fast path for established connections leaves ours alone and works for others."""
    lab = make_lab()
    server = need(Vsftpd)(lab.server).start()
    lab.server.start(["/usr/bin/python3", "-m", "http.server", "8080"], "http")
    wait_until(lambda: lab.server.listening("0.0.0.0", 8080), "a web server")
    made = lab.gw.run(["nft", "-f", "-"], check=False, input="""
table inet rest {
	flowtable fast { hook ingress priority filter; devices = { c1, s1 }; }
	chain forward { type filter hook forward priority filter; ip protocol tcp flow add @fast; }
}
""")
    if "No such file" in made.stdout or "not supported" in made.stdout:
        pytest.skip(needs_another_kernel("this kernel has no flowtable"))
    assert made.returncode == 0, made.stdout
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server])]})
    transfer(lab, lab.client, server, vips)
    assert fetch(lab.client, lab.server.ip4, 8080) == b"HTTP/1.0 200"
    assert lab.gateway.rule("files")["data_connections"] == 2 * len(METHODS)


def add_interface(node, kind, below, name, *addresses):
    """A VLAN or macvlan interface with these addresses."""
    made = node.run(["ip", "link", "add", "link", below, "name", name, "type", kind,
                     *(("id", "7") if kind == "vlan" else ("mode", "private"))], check=False)
    if "Unknown device type" in made.stdout:
        pytest.skip(needs_another_kernel(f"this kernel has no {kind}"))
    node.ip(*(f"addr add {address} dev {name}{' nodad' if ':' in address else ''}" for address in addresses),
            f"link set {name} up")


def test_macvlan(make_lab):
    """The gateway's end of the client's link."""
    lab = make_lab()
    lab.gw.ip("addr flush dev c1 scope global")
    lab.gw.sysctl("net/ipv4/conf/c1/arp_ignore", 1)
    vips = ("192.0.2.10", "2001:db8::10")
    add_interface(lab.gw, "macvlan", "c1", "x1", f"{lab.client.gw4}/24", f"{lab.client.gw6}/64",
                  f"{vips[0]}/32", f"{vips[1]}/128")
    server = need(Vsftpd)(lab.server).start()
    lab.gateway.up({"interfaces": ["x1", "s1"], "publish": [publish("files", vips, [server])]})
    transfer(lab, lab.client, server, vips)


def tagged(make_lab):
    """A client on VLAN 7, and untagged beside it, each with VIPs of its own."""
    lab = make_lab()
    plain, vips = lab.vips(), ("192.0.2.11", "2001:db8::11")
    add_interface(lab.gw, "vlan", "c1", "x1", "10.7.1.1/24", "fd00:7:1::1/64", f"{vips[0]}/32", f"{vips[1]}/128")
    add_interface(lab.client, "vlan", "eth0", "eth0.7", "10.7.1.2/24", "fd00:7:1::2/64")
    lab.client.ip(f"route add {vips[0]}/32 via 10.7.1.1", f"route add {vips[1]}/128 via fd00:7:1::1")
    server = need(Vsftpd)(lab.server).start()
    rules = [publish("plain", plain, [server]), publish("tagged", vips, [server])]
    return lab, server, plain, vips, rules


@pytest.mark.parametrize("tag", ["beside", "inside"])
def test_vlan(make_lab, tag):
    """Its tag beside the frame, as most cards hand it over, or inside; by TC, and with XDP on the link."""
    lab, server, plain, vips, rules = tagged(make_lab)
    for node, link in ((lab.client, "eth0"), (lab.gw, "c1")):
        node.run(["ethtool", "-K", link, "txvlan", "on" if tag == "beside" else "off"])
    prepare(lab)
    lab.gateway.up({"interfaces": ["c1", "x1", "s1"], "publish": rules})
    for xdp, c1 in (("off", "off"), ("native", "native"), ("generic", "off")):
        if xdp != "off":
            switch(lab, xdp)
            assert modes(lab) == {"c1": c1, "x1": "off", "s1": xdp}
        before = lab.gateway.rule("tagged")["data_connections"]
        transfer(lab, lab.client, server, vips)
        transfer(lab, lab.client, server, plain, METHODS[:1])
        assert lab.gateway.rule("tagged")["data_connections"] == before + 2 * len(METHODS)


def test_link_below_a_vlan_leaves_tagged_frames_alone(make_lab):
    lab, server, plain, vips, rules = tagged(make_lab)
    lab.gateway.up({"interfaces": ["c1", "s1"], "publish": rules})
    with lab.client.inside(), pytest.raises(ConnectionRefusedError):
        socket.create_connection((vips[0], 21))
    assert lab.gateway.reason("vlan") > 0
    assert not lab.gateway.flows()
    transfer(lab, lab.client, server, plain, METHODS[:1])


# What dockerd loads for a bridge, and for a container that publishes its port 8080.
DOCKER = """\
*nat
-A PREROUTING ! -i br0 -p tcp --dport 8080 -j DNAT --to-destination 10.2.1.2:8080
-A POSTROUTING -s 10.2.1.0/24 ! -o br0 -j MASQUERADE
COMMIT
*filter
:FORWARD DROP
-A FORWARD -o br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -d 10.2.1.2 ! -i br0 -o br0 -p tcp --dport 8080 -j ACCEPT
-A FORWARD -i br0 ! -o br0 -j ACCEPT
-A FORWARD -i br0 -o br0 -j ACCEPT
COMMIT
"""


def test_docker_like_bridge(make_lab):
    """A container's FTP server is published and another's FTP client masqueraded, beside Docker's rules."""
    lab, near, far = bridged(make_lab)
    lab.gw.sysctl("net/bridge/bridge-nf-call-iptables", 1)
    inside, outside = need(Vsftpd)(near).start(), need(Vsftpd)(lab.client).start()
    listen(near, 8080)
    vips = lab.vips()
    with iptables(lab, DOCKER):
        lab.gateway.up({"interfaces": ["c1", "br0"], "publish": [publish("files", vips, [inside])],
                        "masquerade": [{"name": "containers", "clients": "10.2.1.0/24", "to": "interface"}]})
        transfer(lab, lab.client, inside, vips)
        transfer(lab, far, inside, vips)
        transfer(lab, far, outside, outside.addresses, [("v4", "PASV"), ("v4", "PORT")])
        assert fetch(lab.client, vips[0], 8080) == b"HTTP/1.0 200", "what Docker publishes"
        assert not reaches(lab.client, near.ip4, 8081)


def test_address_of_the_gateway_changes(make_lab):
    """As DHCP may do: `status` says so, and a reload takes the new one."""
    lab = make_lab(route_back=False)
    server = need(Vsftpd)(lab.server).start()
    vips = lab.vips()
    config = {"publish": [publish("files", vips, [server], source="gateway")], "masquerade": masquerade("lan")}
    lab.gateway.up(config)

    def lost():
        return [said for said in lab.gateway.listing("status")["degraded"] if "has lost its address" in said]

    assert not lost()
    lab.gw.ip("addr flush dev s1 scope global", "addr add 10.2.1.77/24 dev s1", "addr add fd00:2:1::1/64 dev s1 nodad")
    said, = lost()
    assert "s1 has lost its address 10.2.1.1," in said and "`ftpnat-load reload`" in said
    lab.gateway.reload(config)
    assert not lost()
    with lab.client.inside():
        for dial in (vips[0], server.addresses[0]):
            for method in ("PASV", "PORT"):
                session = login(lab.client, dial, server, method)
                assert session.read("server-name").decode() == server.name
                session.quit()
    assert {flow["source"].rsplit(":", 1)[0] for flow in lab.gateway.flows()
            if flow["kind"] == "control"} == {"10.2.1.77"}


def notes(lab):
    return {shown["name"]: shown["note"] for shown in lab.gateway.listing("status")["interfaces"]}


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
    assert notes(lab)["c1"].endswith("; first at ingress: tc pref 1")
    assert "first" not in notes(lab)["s1"]
    seen = lab.gw.run(["tc", "-s", "filter", "show", "dev", "c1", "ingress"]).stdout
    assert "pref 1 " in seen and "pref 65000 " in seen
    lab.gateway.down()
    assert lab.gw.run(["tc", "filter", "show", "dev", "c1", "ingress"]).stdout.count("bytecode") == 2
    lab.gw.run(["tc", "qdisc", "del", "dev", "c1", "clsact"])


def test_tcx_program_before(make_lab):
    """It runs before all filters of tc. If it keeps the packets, `status` names it."""
    lab = make_lab()
    server = need(Vsftpd)(lab.server).start()
    vips = lab.vips()
    lab.gateway.up({"publish": [publish("files", vips, [server])]})
    with tcx.Tcx(lab.gw, "c1", tcx.NEXT, "looks_on"):
        transfer(lab, lab.client, server, vips)
        assert notes(lab)["c1"].endswith("; first at ingress: tcx looks_on")
    with tcx.Tcx(lab.gw, "c1", tcx.PASS, "keeps_all"):
        assert notes(lab)["c1"].endswith("; first at ingress: tcx keeps_all")
        with lab.client.inside(), pytest.raises(ConnectionRefusedError):
            login(lab.client, vips[0], server)
    assert "first" not in notes(lab)["c1"]
    transfer(lab, lab.client, server, vips)


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
