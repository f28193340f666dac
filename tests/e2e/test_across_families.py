# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""IPv6-only clients of IPv4-only servers, and the reverse: with every server, client and way to
open a data connection."""

import ftplib
import itertools
import os

import pytest

import nat64
import tls
from clients import ACTIVE, CLIENTS, Account, Curl
from fast import Counted, modes, prepare, switch
from lab import wait_until
from nat64 import PREFIX64, behind
from scenes import ends, exchange, login, need, say
from servers import SERVERS, Pyftpdlib, Vsftpd
from wire import Tap

pytestmark = pytest.mark.ftpnat

MIB = 1 << 20

# the family of the clients -> that of the servers, how the line of each side reads
OTHER = {"v4": "v6", "v6": "v4"}
# kind of rule -> the family of its clients
KINDS = {"nat46": "v4", "nat64": "v6", "prefix64": "v6"}
TO_V4 = {"EPSV": ("229", "227"), "EPRT": ("EPRT", "PORT")}
TO_V6 = {"PASV": ("227", "229"), "EPSV": ("229", "229"), "PORT": ("PORT", "EPRT"),
         "EPRT": ("EPRT", "EPRT")}
LINES = {"v6": TO_V4, "v4": TO_V6}


def only(node, family):
    """The host has addresses of this family only."""
    node.run(["ip", "-6" if family == "v4" else "-4", "addr", "flush", "dev", "eth0"])


def rows():
    for kind, server, client in itertools.product(KINDS, SERVERS, CLIENTS):
        for method in CLIENTS[client].methods[KINDS[kind]]:
            yield pytest.param(kind, server, client, method, id=f"{kind}-{method}-{server}-{client}",
                               marks=pytest.mark.xdist_group(f"across-{kind}"))


def start(cls, node, family, **more):
    """A server with an address of this family only."""
    only(node, family)
    return cls(node, addresses=(node.address(family),), **more).start()


def rule(name, listen, server, **more):
    return {"name": name, "listen": ends([listen]), "servers": ends(server.addresses, server.port),
            "source": "gateway", **more}


def prefix64(**more):
    return {"name": "nat64", "clients": "fd00:1::/32", "to": "interface", "prefix64": PREFIX64, **more}


@pytest.fixture(scope="module")
def scene(request, make_shared_lab, kept):
    """A lab with clients of one family, and each server in a namespace of its own, of the other."""
    kind, family = request.param, KINDS[request.param]
    if kind in kept:
        return kept[kind]
    lab = kept[kind] = make_shared_lab(f"-{kind}", servers=len(SERVERS), route_back=False)
    lab.kind, lab.family, lab.running, lab.dial = kind, family, {}, {}
    only(lab.client, family)
    for index, (node, server) in enumerate(zip(lab.servers, SERVERS.values())):
        if not server.missing():
            lab.running[server.kind] = running = start(server, node, OTHER[family])
            lab.dial[server.kind] = (behind(running.addresses[0]) if kind == "prefix64"
                                     else lab.vips(index)[family == "v6"])
    lab.gateway.up({"masquerade": [prefix64()]} if kind == "prefix64" else
                   {"publish": [rule(name, lab.dial[name], server) for name, server in lab.running.items()]})
    return lab


@pytest.mark.parametrize("scene, server, client, method", rows(), indirect=["scene"])
def test_transfer(scene, server, client, method):
    need(SERVERS[server])
    tool = need(CLIENTS[client])()
    running, host = scene.running[server], scene.dial[server]
    tool.verify_port = scene.kind != "prefix64"
    name = "nat64" if scene.kind == "prefix64" else server
    before = scene.gateway.rule(name)

    with Tap(scene.client) as near, Tap(running.node) as far:
        exchange(tool, scene.client, running, Account(host, running), method)

    family = scene.family
    here, there = LINES[family][method]
    active = method in ACTIVE
    mine = near.addresses_sent() if active else near.addresses_received()
    theirs = far.addresses_received() if active else far.addresses_sent()
    assert {line.verb for line in mine} == {here}
    assert {line.verb for line in theirs} == {there}
    assert len(mine) == len(theirs) >= 2
    if active:
        gateway = running.node.gw6 if family == "v4" else running.node.gw4
        assert {line.host for line in theirs} == {gateway}
    elif here == "227":
        assert {line.host for line in mine} == {host}
    after = scene.gateway.rule(name)
    assert after["sessions"] == before["sessions"] + 1
    assert after["data_connections"] - before["data_connections"] == len(mine)


def one(make_lab, family, cls=Vsftpd, **more):
    """A lab with a client of this family and one server of the other; and what to dial."""
    lab = make_lab(route_back=False)
    only(lab.client, family)
    server = start(need(cls), lab.server, OTHER[family])
    dial = lab.vips()[family == "v6"]
    lab.gateway.up({"publish": [rule("files", dial, server, **more)]})
    return lab, server, dial


@pytest.fixture
def tayga(make_lab):
    """A lab with an IPv6-only client, an IPv4-only server, and tayga as their NAT64."""
    if nat64.missing():
        pytest.skip(nat64.missing())
    lab = make_lab(route_back=False)
    only(lab.client, "v6")
    server = start(need(Pyftpdlib), lab.server, "v4")
    nat64.start_gateway(lab)
    lab.server.start(["python3", "-m", "http.server", "--bind", server.addresses[0], "8080"], "http")
    wait_until(lambda: web(lab, server) == 0, "tayga translates HTTP")
    return lab, server


def web(lab, server):
    """How curl ends that asks the server for what does not concern us."""
    return lab.client.run(["curl", "-sS", "-m", "5", "-o", "/dev/null", f"http://[{behind(server.addresses[0])}]:8080/"],
                          check=False).returncode


def test_tayga_alone_has_no_data_connections_but_by_epsv(tayga):
    """What the rule is for."""
    lab, server = tayga
    with lab.client.inside():
        session = login(lab.client, behind(server.addresses[0]), server)
        assert session.read("server-name").decode() == server.name  # this server takes EPSV over IPv4
        session.use("EPRT")
        with pytest.raises(ftplib.Error):
            session.read("server-name")


def test_beside_tayga(tayga):
    """FTP is ours, all else at the prefix stays tayga's."""
    lab, server = tayga
    lab.gateway.up({"masquerade": [prefix64()]})
    host = behind(server.addresses[0])
    for method in ("EPSV", "EPRT"):
        exchange(need(Curl)(), lab.client, server, Account(host, server), method)
    assert web(lab, server) == 0
    assert lab.gateway.rule("nat64")["sessions"] == 2
    lab.gateway.down()
    with lab.client.inside():
        login(lab.client, host, server).quit()  # through tayga again


@pytest.mark.parametrize("client", ["curl", "ftplib"])
def test_464xlat(make_lab, client):
    """An IPv4 application behind a CLAT (RFC 6877), which is tayga on the client itself."""
    if nat64.missing():
        pytest.skip(nat64.missing())
    lab = make_lab(route_back=False)
    only(lab.client, "v6")
    server = start(need(Vsftpd), lab.server, "v4")
    clat = "fd00:1:6464::1"
    nat64.start(lab.client, "clat", f"ipv4-addr 192.0.0.2\nipv6-addr fd00:1:6464::2\nmap 192.0.0.1 {clat}\n",
                "clat", mtu=1480)
    lab.client.sysctl("net/ipv4/ip_forward", 1)
    lab.client.sysctl("net/ipv6/conf/all/forwarding", 1)
    lab.client.ip("addr add 192.0.0.1/32 dev clat", "route add default dev clat", f"route add {clat}/128 dev clat")
    lab.gw.ip(f"route add {clat}/128 via {lab.client.ip6}")
    lab.gateway.up({"masquerade": [prefix64()]})
    for method in ("PASV", "PORT", "EPSV", "EPRT"):
        exchange(need(CLIENTS[client])(), lab.client, server, Account(server.addresses[0], server), method)
    assert lab.gateway.rule("nat64")["sessions"] == 4


def unbound(lab, name, interface, more):
    """A resolver on the gateway."""
    config = lab.file(f"{name}.conf")
    with open(config, "w") as file:
        file.write(f"""\
remote-control:
  control-enable: no
server:
  interface: {interface}
  access-control: ::/0 allow
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: "{lab.dir}"
  pidfile: "{lab.file(name)}.pid"
{more}""")
    process = lab.gw.start(["unbound", "-d", "-c", config], name)
    wait_until(lambda: "start of service" in process.output(), f"{name} runs: {process.output()}")


def test_a_name_by_dns64(make_lab):
    """The client knows the server's name only; unbound makes an IPv6 address of its IPv4 one."""
    if not os.path.exists("/usr/sbin/unbound"):
        pytest.skip("/usr/sbin/unbound is absent")
    lab = make_lab(route_back=False)
    only(lab.client, "v6")
    server = start(need(Vsftpd), lab.server, "v4")
    unbound(lab, "zone", "127.0.0.1@5353", f"""\
  local-zone: "lab." static
  local-data: "ftp.lab. IN A {server.addresses[0]}"
""")
    unbound(lab, "dns64", lab.client.gw6, f"""\
  module-config: "dns64 iterator"
  dns64-prefix: {PREFIX64}
  do-not-query-localhost: no
  local-zone: "lab." nodefault
forward-zone:
  name: "lab."
  forward-addr: 127.0.0.1@5353
""")
    lab.gateway.up({"masquerade": [prefix64()]})
    resolver = lab.file("resolv.conf")
    with open(resolver, "w") as file:
        file.write(f"nameserver {lab.client.gw6}\n")
    url = Account("ftp.lab", server).url + "/server-name"
    for method in ("EPSV", "EPRT"):
        said = lab.client.run(["unshare", "--mount", "sh", "-c", f"mount --bind {resolver} /etc/resolv.conf && "
                               'exec "$@"', "sh", "curl", "-sS", *Curl.options[method], url]).stdout
        assert said == server.name


@pytest.mark.parametrize("family, method", [("v6", "EPSV"), ("v6", "EPRT"), ("v4", "PASV"), ("v4", "PORT")])
def test_a_large_file(make_lab, family, method):
    """Headers differ by 20 bytes: nothing gets too long, whatever is segmented where."""
    lab, server, dial = one(make_lab, family)
    exchange(need(Curl)(timeout=120), lab.client, server, Account(dial, server), method, 100 * MIB)


@pytest.mark.parametrize("family", OTHER)
@pytest.mark.parametrize("side", ["client", "server"])
def test_a_narrow_link(make_lab, family, side):
    """A link with a smaller MTU behind the next router: its error reaches the sender, translated."""
    lab, server, dial = one(make_lab, family)
    node = lab.client if side == "client" else lab.server
    # only the route on the way back is narrow: the MSS of the SYNs doesn't know it
    lab.gw.ip(f"route replace {node.ip4}/32 dev {node.gw_interface} mtu 1300",
              f"route replace {node.ip6}/128 dev {node.gw_interface} mtu 1300")
    method = "EPSV" if family == "v6" else "PASV"
    exchange(need(Curl)(), lab.client, server, Account(dial, server), method, 2 * MIB)


@pytest.mark.parametrize("mode", ["native", "generic"])
@pytest.mark.parametrize("family, method", [("v6", "EPSV"), ("v6", "EPRT"), ("v4", "PASV"), ("v4", "PORT")])
def test_xdp_forwards_them(make_lab, mode, family, method):
    lab, server, dial = one(make_lab, family, Pyftpdlib)
    prepare(lab)
    switch(lab, mode)
    if lab.gateway.listing("status")["degraded"]:
        pytest.skip("before 6.3 the kernel doesn't say that a veth may be given packets by XDP: TC sends them")
    assert set(modes(lab).values()) == {mode}
    before = lab.client.counters(), lab.server.counters()
    counted = Counted(lab)
    exchange(need(Curl)(), lab.client, server, Account(dial, server), method, MIB)
    assert counted["xdp_forwarded"] >= 2 * MIB // 1460 * 9 // 10  # each way, and no segment is longer
    for old, node in zip(before, (lab.client, lab.server)):
        assert node.counters()["InCsumErrors"] == old["InCsumErrors"]


def test_refusals_leave_the_session_in_step(make_lab):
    lab, server, dial = one(make_lab, "v6", Pyftpdlib)
    with lab.client.inside():
        session = login(lab.client, dial, server)
        assert say(session, "EPSV 1") is None
        assert session.said[-1] == "< 522 Network protocol not supported, use (2)."
        assert say(session, "EPSV ALL") is None
        assert session.said[-1] == "< 504 Command not implemented for that parameter."
        assert say(session, "EPRT |1|10.2.1.2|2000|") is None
        assert session.said[-1].startswith("< 500 ")
        assert session.read("server-name").decode() == server.name
        session.quit()
    assert lab.gateway.stats()["reasons"]["line_family"] == 2


def test_pool_of_both_families(make_lab):
    """A client gets a server of its own family, and of the other one when that is drained."""
    lab = make_lab(servers=2, route_back=False)
    four = start(need(Pyftpdlib), lab.servers[0], "v4")
    six = start(need(Pyftpdlib), lab.servers[1], "v6")
    vips = lab.vips()
    lab.gateway.up({"publish": [{"name": "files", "listen": ends(vips), "source": "gateway",
                                 "servers": ends(four.addresses) + ends(six.addresses)}]})

    def names():
        with lab.client.inside():
            found = []
            for vip, server in zip(vips, (four, six)):
                session = login(lab.client, vip, server)
                found.append(session.read("server-name").decode())
                session.quit()
            return found

    assert names() == [four.name, six.name]
    lab.gateway.load("servers", "drain", "files", ends(six.addresses)[0])
    assert names() == [four.name, four.name]
    lab.gateway.load("servers", "resume", "files", ends(six.addresses)[0])
    lab.gateway.load("servers", "drain", "files", ends(four.addresses)[0])
    assert names() == [six.name, six.name]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", tls.CLIENTS)
def test_ftps(make_lab, kind, client):
    """After AUTH nothing is translated: EPSV works where the server takes it, by `tls_data_ports`."""
    family = KINDS[kind]
    lab = make_lab(route_back=False)
    only(lab.client, family)
    server = start(need(Vsftpd), lab.server, OTHER[family], extra=tls.extra(Vsftpd))
    if kind == "prefix64":
        dial = behind(server.addresses[0])
        lab.gateway.up({"masquerade": [prefix64(tls_data_ports=tls.PORTS)]})
    else:
        dial = lab.vips()[family == "v6"]
        lab.gateway.up({"publish": [rule("files", dial, server, tls_data_ports=tls.PORTS)]})
    exchange(tls.CLIENTS[client](), lab.client, server, Account(dial, server), "EPSV")
    assert lab.gateway.reason("opaque") > 0
    assert lab.gateway.reason("tls_data") == lab.gateway.reason("data_opened") > 0


def test_wget(make_lab):
    if not os.path.exists("/usr/bin/wget"):
        pytest.skip("/usr/bin/wget is absent")
    lab, server, dial = one(make_lab, "v6")
    target = lab.file("got")
    for more in ([], ["--no-passive-ftp"]):
        lab.client.run(["wget", "-q", "-T", "5", "-t", "1", *more, "-O", target,
                        Account(dial, server).url + "/server-name"])
        with open(target) as file:
            assert file.read() == server.name


def test_a_server_on_the_gateway(make_lab):
    """It takes no packets that arrive with the gateway's own address as their source."""
    lab = make_lab(route_back=False)
    only(lab.client, "v6")
    server = need(Pyftpdlib)(lab.gw, addresses=(lab.server.gw4,)).start()
    dial = lab.vips()[1]
    lab.gateway.write({"publish": [rule("files", dial, server)]})
    done = lab.gateway.load("up", check=False)
    assert done.returncode == 1
    assert f"server {lab.server.gw4} is on this host and gets clients of the other family" in done.stdout
    # one that is routed to an interface of ours
    lab.gw.ip(f"route add 10.2.77.1/32 via {lab.server.ip4}")
    lab.gateway.up({"publish": [rule("files", dial, server, source="10.2.77.1")]})
    for method in ("EPSV", "EPRT"):
        exchange(need(Curl)(), lab.client, server, Account(dial, server), method)


@pytest.mark.parametrize("family", OTHER)
def test_flows_delete_resets_both_ends(make_lab, family):
    lab, server, dial = one(make_lab, family, Pyftpdlib)
    with lab.client.inside():
        session = login(lab.client, dial, server)
    port = session.sock.getsockname()[1]
    lab.gateway.load("flows", "--delete", "--rule", "files")
    with pytest.raises(ConnectionResetError):
        session.voidcmd("NOOP")
    wait_until(lambda: str(port) not in lab.server.run(["ss", "-Htn", "state", "established"]).stdout,
               "the server's end is reset")
    assert not lab.gateway.flows()


def test_listings(make_lab):
    lab, server, dial = one(make_lab, "v6", Pyftpdlib)
    with lab.client.inside():
        session = login(lab.client, dial, server)
        session.sendcmd("EPSV")
        flow, = lab.gateway.flows()
        expected, = lab.gateway.expected()
        session.quit()
    assert flow["client"].startswith(f"[{lab.client.ip6}]:")
    assert flow["public"] == f"[{dial}]:21"
    assert flow["real"] == f"{lab.server.ip4}:21"
    assert flow["source"].startswith(f"{lab.server.gw4}:")
    assert expected["client"] == lab.client.ip6
    assert expected["public"].startswith(f"[{dial}]:")
    assert expected["real"].startswith(f"{lab.server.ip4}:")
