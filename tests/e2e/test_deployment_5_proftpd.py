# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""docs/deployments/5: ProFTPD's own settings and a forwarded range, beside rules of ftpnat.

Clients outside dial the first published address, those inside (the class) the second one.
"""

import contextlib
import ftplib
import itertools

import pytest

from bridge import bridged
from clients import CLIENTS, Account
from follower import Follower
from host_names import NAME, load, with_hosts
from lab import wait_until
from old_setups import FAILS, WORKS, iptables, listen, nat, outcome, quick, reaches
from scenes import login, need, publish
from servers import Proftpd, Vsftpd
from wire import address_of

pytestmark = pytest.mark.ftpnat

PUBLIC, INSIDE, SERVER = "192.0.2.10", "192.0.2.11", "10.2.1.2"
RANGE = range(50000, 50010)

CLASSES = f"""\
LoadModule mod_ifsession.c
<Class inside>
  From 10.1.2.0/24
</Class>
<IfClass inside>
  MasqueradeAddress {INSIDE}
</IfClass>
"""


def settings(address, ports):
    return f"MasqueradeAddress {address}\nPassivePorts {ports[0]} {ports[-1]}\n"


def forwarded(ports=RANGE):
    """DNAT of the control port and of the range, for everybody."""
    return nat(*(f"-A PREROUTING -d {address} -p tcp --dport {dport} -j DNAT --to-destination {SERVER}\n"
                 for address in (PUBLIC, INSIDE) for dport in (21, f"{ports[0]}:{ports[-1]}")))


_number = itertools.count(1)


def proftpd(lab, extra, cls=Proftpd):
    return need(cls)(lab.server, f"proftpd-{next(_number)}", addresses=[SERVER], extra=extra).start()


class Setups:
    """The same server twice, one after the other: with its own settings for NAT, and without."""

    def __init__(self, lab):
        self.lab = lab
        self.outside, self.inside = lab.clients
        self.listens = [lab.vips(index)[0] for index in range(2)]
        assert self.listens == [PUBLIC, INSIDE]

    @contextlib.contextmanager
    def old(self, extra="", ports=RANGE):
        server = proftpd(self.lab, settings(PUBLIC, ports) + extra)
        with iptables(self.lab, forwarded(ports)):
            yield server
        server.stop()

    @contextlib.contextmanager
    def ours(self, extra="", ports=RANGE, **rule):
        server = proftpd(self.lab, extra)
        ports = f"{ports[0]}-{ports[-1]}"
        self.lab.gateway.up({"publish": [publish("files", self.listens, [server], data_ports=ports, **rule)]})
        yield server
        server.stop()


@pytest.fixture
def setups(make_lab):
    return Setups(make_lab(clients=2))


def outcomes(node, server, dial, methods=("PASV", "EPSV", "PORT", "EPRT"), clients=CLIENTS):
    return {(name, method): outcome(quick(name), node, server, Account(dial, server), method)
            for name in clients for method in methods if CLIENTS[name].can("v4", method)}


def named(node, server, dial):
    with node.inside():
        session = login(node, dial, server, "PASV")
        address = address_of(session.sendcmd("PASV"))
        session.close()
    return address


def test_classes(setups):
    """Outside and inside clients are told the address that they can reach; both get their files."""
    rule = {"data_address": PUBLIC, "data_address_for": [{"clients": "10.1.2.0/24", "address": INSIDE}]}
    for setup in (setups.old(CLASSES), setups.ours(**rule), setups.ours(settings(PUBLIC, RANGE) + CLASSES, **rule)):
        with setup as server:
            for node, dial in ((setups.outside, PUBLIC), (setups.inside, INSIDE)):
                address = named(node, server, dial)
                assert address.host == dial and address.port in RANGE
                got = outcomes(node, server, dial, ("PASV", "EPSV"), ("curl", "ftplib"))
                assert set(got.values()) == {WORKS}, got
            # one inside that dials the public address is told the inside one as well
            assert named(setups.inside, server, PUBLIC).host == INSIDE


class NamedProftpd(Proftpd):
    """One that reads names from the lab's hosts."""

    def run(self, argv, address):
        return super().run([*with_hosts(self.node.lab, f"{PUBLIC} {NAME}"), *argv], address)


def test_name_that_changes_and_goes(setups):
    """Old: as it was when ProFTPD started. Ours: as it is at a reload; failing that, as it was."""
    node, lab = setups.outside, setups.lab
    server = proftpd(lab, settings(NAME, RANGE), NamedProftpd)
    with iptables(lab, forwarded()):
        assert named(node, server, PUBLIC).host == PUBLIC
        with_hosts(lab, f"{INSIDE} {NAME}")
        assert named(node, server, PUBLIC).host == PUBLIC
    server.stop()
    server = proftpd(lab, "")
    lab.gateway.write({"publish": [publish("files", setups.listens, [server], data_address=NAME)]})
    for verb, hosts, want in (("up", f"{PUBLIC} {NAME}", PUBLIC), ("reload", f"{INSIDE} {NAME}", INSIDE),
                              ("reload", "", INSIDE)):
        done = load(lab, hosts, verb)
        assert done.returncode == 0, done.stdout
        assert named(node, server, PUBLIC).host == want
    assert f"data_address stays {INSIDE}" in done.stdout


def test_port_scan_during_a_session(setups):
    """Old: whatever is in the range, for everybody. Ours: the announced port, for its client."""
    listen(setups.lab.server, RANGE[5])
    for setup, stranger_sees in ((setups.old(), True), (setups.ours(), False)):
        with setup as server, setups.outside.inside():
            session = login(setups.outside, PUBLIC, server, "PASV")
            port = address_of(session.sendcmd("PASV")).port
            scan = range(RANGE[0] - 5, RANGE[-1] + 6)
            stranger = [p for p in scan if reaches(setups.inside, PUBLIC, p)]
            client = [p for p in scan if reaches(setups.outside, PUBLIC, p)]
            if stranger_sees:
                assert set(stranger) == {port, RANGE[5]} and RANGE[5] in client
            else:
                assert (stranger, client) == ([], [port])
            session.close()


def exhaust(node, server, dial, number):
    """Sessions with an unused PASV each, until the range is full, and one more."""
    sessions = [login(node, dial, server, "PASV") for _ in range(number + 1)]
    for session in sessions[:-1]:
        assert address_of(session.sendcmd("PASV"))
    return sessions


def test_exhausted_range(setups):
    """Old: a line in the server's log, and a port that leads nowhere. Ours: 425, counted and told."""
    ports = RANGE[:2]
    node = setups.outside
    with setups.old(ports=ports) as server, node.inside():
        *sessions, last = exhaust(node, server, PUBLIC, 2)
        address = address_of(last.sendcmd("PASV"))
        assert address.port not in ports and not reaches(node, PUBLIC, address.port)
        with open(f"{server.dir}/system-v4.log") as log:
            assert "unable to find open port in PassivePorts range 50000-50001" in log.read()
        for session in (*sessions, last):
            session.close()
    with setups.ours(ports=ports) as server, node.inside():
        follower = Follower(setups.lab, "--json")
        *sessions, last = exhaust(node, server, PUBLIC, 2)
        with pytest.raises(ftplib.error_temp, match="^425"):
            last.sendcmd("PASV")
        assert setups.lab.gateway.reason("line_no_port") == 1
        entry, = follower.wait("line_no_port")
        assert entry["before"].startswith("227 ") and entry["after"].startswith("425 ")
        sessions[0].close()
        wait_until(lambda: len(setups.lab.gateway.expected()) == 1, "its port is free again")
        assert address_of(last.sendcmd("PASV")).port in ports
        for session in sessions[1:]:
            session.close()
        last.close()


FOREIGN = "PORT 10,1,9,9,200,1"


def test_mismatching_port(setups):
    """Refused with 500 by either, and the session continues."""
    for setup in (setups.old(), setups.ours()):
        with setup as server, setups.outside.inside():
            session = login(setups.outside, PUBLIC, server, "PASV")
            with pytest.raises(ftplib.error_perm, match="^500"):
                session.sendcmd(FOREIGN)
            assert session.read("server-name").decode() == server.name
            session.quit()
    assert setups.lab.gateway.reason("line_foreign") == 1


def test_fxp(setups):
    """AllowForeignAddress, and foreign_data: from our server, in active mode, to one outside."""
    far = need(Vsftpd)(setups.outside, extra="pasv_promiscuous=YES\n").start()
    content = b"from server to server" * 1000
    allow = "AllowForeignAddress on\n"
    for setup in (setups.old(allow), setups.ours(allow, foreign_data="allow")):
        with setup as server, setups.inside.inside():
            server.put("fxp", content)
            source = login(setups.inside, PUBLIC, server, "PASV")
            to = login(setups.inside, far.addresses[0], far, "PASV")
            for session in (source, to):
                session.voidcmd("TYPE I")
            source.voidcmd("PORT " + to.sendcmd("PASV").split("(")[1].split(")")[0])
            to.putcmd("STOR fxp")
            source.putcmd("RETR fxp")
            for session in (source, to):
                assert session.getresp().startswith("150") and session.voidresp().startswith("226")
            assert to.read("fxp") == content
            to.delete("fxp")
            for session in (source, to):
                session.quit()


DENIED = """\
<Limit EPSV PASV>
  DenyAll
</Limit>
"""


def test_passive_mode_denied(setups):
    """<Limit EPSV PASV>, and `modes`: both refuse, and active mode works."""
    for setup, code in ((setups.old(DENIED), "5"), (setups.ours(modes=["active"]), "500")):
        with setup as server, setups.outside.inside():
            session = login(setups.outside, PUBLIC, server, "PORT")
            for command in ("PASV", "EPSV"):
                with pytest.raises(ftplib.error_perm, match=f"^{code}"):
                    session.sendcmd(command)
            assert session.read("server-name").decode() == server.name
            session.quit()
    assert setups.lab.gateway.expected() == []


def test_hairpin(make_lab):
    """A client on the server's own link dials the public address."""
    lab, _, far = bridged(make_lab)
    lab.gw.sysctl("net/bridge/bridge-nf-call-iptables", 0)  # as a switch has it
    lab.vips()
    for setup, want in (("old", FAILS), ("ours", WORKS)):
        if setup == "old":
            server = proftpd(lab, settings(PUBLIC, RANGE))
            with iptables(lab, forwarded()):
                got = outcomes(far, server, PUBLIC, clients=["ftplib"])
            server.stop()
        else:
            server = proftpd(lab, "")
            lab.gateway.up({"interfaces": ["c1", "br0"], "publish": [publish("files", [PUBLIC], [server])]})
            got = outcomes(far, server, PUBLIC, clients=["ftplib"])
        assert set(got.values()) == {want}, (setup, got)
