# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""docs/deployments/4: zones as Shorewall has them, beside track, guard and rules of ftpnat.

net and loc are the two client hosts. The dmz is the first server host, with control ports 21
and 49 and addresses of its own; the second is published by DNAT. loc is masqueraded.
"""

import collections
import contextlib
import re
import select
import socket

import pytest

from clients import Account
from follower import Follower
from lab import wait_until
from old_setups import iptables, listen, quick, reaches, works
from scenes import login, need, publish, say
from servers import Proftpd, Vsftpd
from service import Service

pytestmark = pytest.mark.ftpnat

METHODS = ("PASV", "EPSV", "PORT", "EPRT")

# What Shorewall makes of the rules in the page, with `ports=21,49` by CT.
SHOREWALL = """\
*raw
-A PREROUTING -p tcp -m multiport --dports 21,49 -j CT --helper ftp
COMMIT
*nat
-A PREROUTING -i c1 -d 192.0.2.10 -p tcp --dport 21 -j DNAT --to-destination 10.2.2.2
-A POSTROUTING -s 10.1.2.0/24 -j MASQUERADE
COMMIT
*filter
:FORWARD DROP
-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A FORWARD -i c1 -d 10.2.1.0/24 -p tcp -m multiport --dports 21,49 -j LOG --log-level info --log-prefix net-dmz:ACCEPT
-A FORWARD -i c1 -d 10.2.1.0/24 -p tcp -m multiport --dports 21,49 -j ACCEPT
-A FORWARD -i c1 -d 10.2.2.2 -p tcp --dport 21 -j ACCEPT
-A FORWARD -i c2 -p tcp -m multiport --dports 21,49 -j ACCEPT
-A FORWARD -j LOG --log-level info --log-prefix all-all:DROP
COMMIT
"""


class Zones:
    def __init__(self, lab):
        self.lab = lab
        self.net, self.loc = lab.clients
        self.dmz = [need(Vsftpd)(lab.servers[0], port=port).start() for port in (21, 49)]
        self.nat = need(Proftpd)(lab.servers[1]).start()
        self.vips = lab.vips()
        listen(lab.servers[0], 8080)
        listen(self.net, 8080)
        self.config = {
            "track": [{"name": "dmz", "servers": "10.2.1.0/24", "control_ports": [21, 49]}],
            "publish": [publish("nat", self.vips, [self.nat])],
            "masquerade": [{"name": "loc", "clients": "10.1.2.0/24", "to": "interface"}],
            "guard": [{"interface": name, "ports": [20, "1024-65535"]} for name in ("c1", "s1")]}

    def sessions(self):
        """{(from, to, method): does it work}"""
        dmz = [(f"dmz:{server.port}", server, server.addresses[0]) for server in self.dmz]
        ways = [("net", self.net, *to) for to in (*dmz, ("nat", self.nat, self.vips[0]))]
        ways.append(("loc", self.loc, *dmz[0]))
        return {(zone, name, method): works(quick("ftplib"), node, server,
                                            Account(dial, server, server.port), method)
                for zone, node, name, server, dial in ways for method in METHODS}

    def unannounced(self):
        """Other new connections that get through, where the other end listens."""
        server = self.lab.servers[0]
        return [reaches(self.net, server.ip4, 8080), reaches(self.loc, server.ip4, 8080),
                reaches(server, self.net.ip4, 8080), reaches(server, self.net.ip4, 8080, source_port=20)]

    @contextlib.contextmanager
    def session(self, method="PORT"):
        with self.net.inside():
            session = login(self.net, self.dmz[0].addresses[0], self.dmz[0], method)
            yield session
            session.close()


@pytest.fixture
def zones(make_lab):
    return Zones(make_lab(clients=2, servers=2))


def logged(lab):
    """{prefix: lines} of what the old setup has logged."""
    saved = lab.gw.run(["iptables-nft-save", "-c", "-t", "filter"]).stdout
    return collections.Counter({prefix: int(packets) for packets, prefix in re.findall(
        r'^\[(\d+):\d+\] .*-j LOG --log-prefix "?([\w:-]+)', saved, flags=re.M)})


def test_same_sessions(zones):
    """Active and passive, both control ports, DNAT, masquerade and none: ours as the old."""
    lab = zones.lab
    with iptables(lab, SHOREWALL):
        old, old_through = zones.sessions(), zones.unannounced()
        assert logged(lab)["all-all:DROP"] >= 4
    lab.gateway.up(zones.config)
    assert zones.sessions() == old == dict.fromkeys(old, True)
    before = lab.gateway.reason("guarded")
    assert zones.unannounced() == old_through == [False] * 4
    assert lab.gateway.reason("guarded") >= before + 4
    assert {flow["rule"] for flow in lab.gateway.flows()} == {"dmz", "nat", "loc"}


MALFORMED = "PORT 10,1,1,2,256,1"
FOREIGN = "PORT 10,1,9,9,200,1"


def unusual(listener):
    """Lines that servers understand and the helper doesn't: behind another one, and with blanks."""
    port = listener.getsockname()[1]
    ends = f"10,1,1,2,{port >> 8},{port & 255}\r\n"
    return f"NOOP\r\nPORT {ends}", f"PORT   {ends}"


def test_what_the_old_log_says(zones):
    """Who connected, and what was dropped. Not why: a line that is not understood leaves no trace."""
    lab = zones.lab
    with iptables(lab, SHOREWALL):
        with zones.session() as session, socket.create_server((zones.net.ip4, 0)) as listener:
            say(session, MALFORMED)
            say(session, FOREIGN)
            behind, blanks = unusual(listener)
            session.sock.sendall(blanks.encode())
            before = zones.net.counters()["RetransSegs"]
            wait_until(lambda: zones.net.counters()["RetransSegs"] >= before + 3, "the line is sent again")
            assert not select.select([session.sock], [], [], 0)[0], "and the session hangs"
            assert logged(lab) == {"net-dmz:ACCEPT": 1, "all-all:DROP": 0}
        with zones.session() as session, socket.create_server((zones.net.ip4, 0)) as listener:
            session.sock.sendall(unusual(listener)[0].encode())
            assert session.voidresp() and session.voidresp()
            session.putcmd("RETR server-name")
            wait_until(lambda: logged(lab)["all-all:DROP"], "its data connection is dropped")


def test_what_ours_says(zones):
    """Each line with the reason, in the log and in events; what guard dropped. Both others work."""
    lab = zones.lab
    lab.gateway.write(zones.config)
    service = Service(lab)
    follower = Follower(lab, "--json")
    with zones.session() as session, socket.create_server((zones.net.ip4, 0)) as listener:
        say(session, MALFORMED)
        say(session, FOREIGN)
        for text in unusual(listener):
            session.sock.sendall(text.encode())
            for _ in range(text.count("\n")):
                session.voidresp()
            session.putcmd("RETR server-name")
            data, _ = listener.accept()
            with data:
                assert data.recv(100).decode() == zones.dmz[0].name
            assert session.getresp().startswith("150") and session.voidresp().startswith("226")
    assert not reaches(zones.net, lab.servers[0].ip4, 8080)
    for reason, line in (("line_malformed", MALFORMED), ("line_foreign", FOREIGN)):
        entry, = follower.wait(reason)
        assert (entry["rule"], entry["before"]) == ("dmz", f"{line}\r\n")
        service.wait_log(reason)
        said, = [text for text in service.log().splitlines() if reason in text]
        assert "dmz" in said and f'"{line}\\r\\n"' in said
    entry = follower.wait("guarded")[0]
    assert entry["public"] == f"{lab.servers[0].ip4}:8080"
    service.wait_log("guarded")


def flood(node, address, number):
    """SYNs to so many unannounced ports."""
    with node.inside():
        for port in range(2000, 2000 + number):
            with socket.socket() as sock:
                sock.setblocking(False)
                sock.connect_ex((address, port))


def test_what_ours_says_of_a_flood(zones):
    """Lines and refused connections as fast as they come: a few in the log, all of them counted."""
    lab = zones.lab
    lab.gateway.write(zones.config)
    service = Service(lab)
    number = 200
    with zones.session() as session:
        session.sock.sendall(f"{MALFORMED}\r\n".encode() * number)
        for _ in range(number):
            session.getline()
        flood(zones.net, lab.servers[0].ip4, number)
    wait_until(lambda: lab.gateway.reason("guarded") >= number, "all refusals counted")
    assert lab.gateway.reason("line_malformed") == number
    service.stop()
    said = service.log().splitlines()
    for reason in ("line_malformed", "guarded"):
        assert 0 < sum(reason in text for text in said) < number / 2, reason
