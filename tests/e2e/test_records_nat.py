# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""records: NAT records in a file, and as IPFIX to real collectors."""

import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess

import pytest

from lab import Process, run, wait_until
from prometheus import sample
from scenes import login, masquerade
from service import METRICS, Service
from servers import Vsftpd

pytestmark = pytest.mark.ftpnat

COLLECTOR = "127.0.0.1:4739"
GATEWAY = "10.2.1.1", "fd00:2:1::1"  # as servers see the clients


def written(make_lab, records, rule=None):
    """A lab with masqueraded clients and a `run` that writes records: it, server, service."""
    lab = make_lab(route_back=False)
    server = Vsftpd(lab.server).start()
    lab.gateway.write({"masquerade": masquerade("lan", **rule or {}), "records": records, **METRICS})
    return lab, server, Service(lab)


def use(lab, server, method="EPSV", family=0):
    """A session with one transfer; the client's ports: control, data."""
    with lab.client.inside():
        session = login(lab.client, server.addresses[family], server, method)
        own = session.sock.getsockname()
        assert session.read("server-name").decode() == server.name
        session.quit()
    return own


def entries(path, count):
    def enough():
        if not os.path.exists(path):
            return None
        with open(path, encoding="utf-8") as file:
            found = [json.loads(line) for line in file]
        return found if len(found) >= count else None
    found = wait_until(enough, f"{count} records")
    assert len(found) == count
    return found


@pytest.mark.parametrize("destinations", ["false", "true"])
def test_each_connection_has_a_record_of_its_beginning_and_its_end(make_lab, tmp_path, destinations):
    path = str(tmp_path / "nat.json")
    lab, server, service = written(make_lab, {"nat": path, "destinations": destinations})
    address, port = use(lab, server)[:2]
    found = entries(path, 4)
    assert sorted(entry["reason"] for entry in found) == [
        "control_closed", "control_opened", "data_closed", "data_opened"]
    for entry in found:
        assert entry["protocol"] == "tcp" and entry["rule"] == "lan4" and entry["time"].endswith("Z")
        assert entry["client"].startswith(address + ":")
        assert entry["source"].startswith(GATEWAY[0] + ":")
        assert ("real" in entry) == ("public" in entry) == (destinations == "true")
        if entry["reason"].endswith("closed"):
            assert entry["packets"]["out"] > 0 and entry["bytes"]["in"] > 0 and entry["duration"] >= 0
    control = [entry for entry in found if entry["kind"] == "control"]
    assert {entry["client"] for entry in control} == {f"{address}:{port}"}
    assert sample(service.get()[1], "ftpnat_records_written_total", to="nat") == 4


def test_a_tracked_connection_has_none(make_lab, tmp_path):
    path = str(tmp_path / "nat.json")
    lab = make_lab()
    server = Vsftpd(lab.server).start()
    lab.gateway.write({"track": [{"name": "dmz", "servers": "10.2.0.0/16"}],
                       "records": {"nat": path, "transfers": str(tmp_path / "t.json")}, **METRICS})
    Service(lab)
    use(lab, server)
    transfer, = entries(str(tmp_path / "t.json"), 1)
    assert transfer["rule"] == "dmz"
    assert os.path.getsize(path) == 0


def test_an_attempt_that_nobody_answers_is_recorded(make_lab, tmp_path):
    path = str(tmp_path / "nat.json")
    lab, server, _ = written(make_lab, {"nat": path})
    server.stop()
    with lab.client.inside(), pytest.raises(OSError):
        socket.create_connection((server.addresses[0], 21), 5)
    entry, = entries(path, 1)
    assert entry["reason"] == "control_unanswered" and entry["source"]


WORKERS, ROUNDS, LIVING = 8, 25, 5


def test_none_is_missing_and_none_there_twice_under_load(make_lab, tmp_path):
    path = str(tmp_path / "nat.json")
    lab, server, service = written(make_lab, {"nat": path, "destinations": "true"})

    def work(_):
        for _ in range(ROUNDS):
            use(lab, server)

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(WORKERS)))
    with lab.client.inside(), contextlib.ExitStack() as stack:
        living = [login(lab.client, server.addresses[0], server) for _ in range(LIVING)]
        for session in living:
            stack.callback(session.close)
        ended = 2 * WORKERS * ROUNDS
        found = entries(path, 2 * ended + LIVING)
        stats = lab.gateway.stats()
        opened = [entry for entry in found if entry["reason"].endswith("_opened")]
        closed = [entry for entry in found if entry["reason"].endswith("_closed")]
        assert len(opened) == ended + LIVING and len(closed) == ended
        assert len(opened) == stats["reasons"]["control_opened"] + stats["reasons"]["data_opened"]

        def name(entry):
            return entry["kind"], entry["client"], entry["public"], entry["session"]

        assert len(set(map(name, opened))) == len(opened) and len(set(map(name, closed))) == len(closed)
        left = set(map(name, opened)) - set(map(name, closed))
        assert {client for _, client, *_ in left} == {
            "{}:{}".format(*session.sock.getsockname()[:2]) for session in living}
        assert not set(map(name, closed)) - set(map(name, opened))
    metrics = service.get()[1]
    assert sample(metrics, "ftpnat_records_lost_total", to="nat") == 0
    assert sample(metrics, "ftpnat_records_lost_total", to="reader") == 0


# ---- IPFIX ----

class Capture:
    """A collector of our own, which keeps the messages for tshark to decode."""

    def __init__(self, lab, kind=socket.SOCK_DGRAM):
        host, port = COLLECTOR.split(":")
        with lab.gw.inside():
            self.sock = socket.socket(socket.AF_INET, kind)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.bind((host, int(port)))
        if kind == socket.SOCK_STREAM:
            self.sock.listen()
        self.sock.settimeout(30)
        self.lab, self.kind, self.stream, self.messages = lab, kind, None, []

    def read(self):
        """One message."""
        if self.kind == socket.SOCK_DGRAM:
            self.messages.append(self.sock.recv(65536))
            return
        if not self.stream:
            self.stream = self.sock.accept()[0].makefile("rb")
        header = self.stream.read(4)
        self.messages.append(header + self.stream.read(struct.unpack("!HH", header)[1] - 4))

    def records(self):
        """What tshark makes of all messages: a dictionary for each data record."""
        pcap, text = self.lab.file("ipfix.pcap"), self.lab.file("ipfix.txt")
        with open(text, "w", encoding="ascii") as file:
            for message in self.messages:
                for at in range(0, len(message), 16):
                    file.write(f"{at:06x} {message[at:at + 16].hex(' ')}\n")
        run(["text2pcap", "-q", "-u", "40000,4739", text, pcap])
        decoded = json.loads(subprocess.run(
            ["tshark", "-r", pcap, "-d", "udp.port==4739,cflow", "-T", "json", "--no-duplicate-keys"],
            check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
        found = []
        for packet in decoded:
            assert "_ws.malformed" not in packet["_source"]["layers"]
            for key, sets in packet["_source"]["layers"]["cflow"].items():
                for one in sets if isinstance(sets, list) else [sets]:
                    if re.match(r"Set \d+", key) and isinstance(one, dict):
                        found += [flow for name, flow in one.items() if re.match(r"Flow \d+", name)]
        return found

    def wait(self, count):
        wait_until(lambda: self.read() or len(self.records()) >= count, f"{count} records of IPFIX")
        found = self.records()
        assert len(found) == count
        return found


NAT44_CREATE, NAT44_DELETE, NAT64_CREATE, NAT64_DELETE = "4", "5", "6", "7"
PRIVATE, PUBLIC = "1", "2"


@pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is absent")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("method", ["EPSV", "PORT"])
def test_tshark_reads_ipfix(make_lab, transport, method):
    lab = make_lab(route_back=False)
    server = Vsftpd(lab.server).start()
    collector = Capture(lab, socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM)
    lab.gateway.write({"masquerade": masquerade("lan"), **METRICS,
                       "records": {"ipfix": COLLECTOR, "ipfix_transport": transport, "destinations": "true"}})
    service = Service(lab)
    address, port = use(lab, server, method)[:2]
    found = collector.wait(4)
    assert [flow["cflow.nat_event"] for flow in found] == [NAT44_CREATE] * 2 + [NAT44_DELETE] * 2
    for flow in found:
        assert (flow["cflow.srcaddr"], flow["cflow.post_natsource_ipv4_address"]) == (address, GATEWAY[0])
        assert flow["cflow.dstaddr"] == flow["cflow.post_natdestination_ipv4_address"] == server.addresses[0]
        assert flow["cflow.protocol"] == "6"
    control = found[0]
    assert (control["cflow.srcport"], control["cflow.dstport"]) == (str(port), "21")
    assert control["cflow.nat_originating_address_realm"] == PRIVATE
    assert found[1]["cflow.nat_originating_address_realm"] == (PUBLIC if method == "PORT" else PRIVATE)
    assert sample(service.get()[1], "ftpnat_records_written_total", to="ipfix") == 4
    sequences = [struct.unpack("!I", message[8:12])[0] for message in collector.messages]
    assert sequences == sorted(sequences) and sequences[0] == 0


@pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is absent")
def test_tshark_reads_addresses_of_ipv6(make_lab):
    lab = make_lab(route_back=False)
    server = Vsftpd(lab.server).start()
    collector = Capture(lab)
    lab.gateway.write({"masquerade": masquerade("lan"), "records": {"ipfix": COLLECTOR, "destinations": "true"}})
    Service(lab)
    address, port = use(lab, server, family=1)[:2]
    found = collector.wait(4)
    assert [flow["cflow.nat_event"] for flow in found] == ["1", "1", "2", "2"]
    for flow in found:
        assert flow["cflow.srcaddrv6"] == address
        assert flow["cflow.post_nat_source_ipv6_address"] == GATEWAY[1]
        assert flow["cflow.dstaddrv6"] == flow["cflow.post_nat_destination_ipv6_address"] == server.addresses[1]
    assert found[0]["cflow.srcport"] == str(port)


@pytest.mark.skipif(not shutil.which("nfcapd"), reason="nfdump is absent")
@pytest.mark.parametrize("family", [0, 1], ids=["v4", "v6"])
def test_nfcapd_collects_ipfix(make_lab, tmp_path, family):
    lab = make_lab(route_back=False)
    server = Vsftpd(lab.server).start()
    host, port = COLLECTOR.split(":")
    collector = Process(lab.gw.command(["nfcapd", "-w", str(tmp_path), "-b", host, "-p", port, "-t", "3600"]),
                        lab.file("nfcapd.log"))
    lab.processes.append(collector)
    wait_until(lambda: f":{port} " in run(lab.gw.command(["ss", "-Hlun"])).stdout, "nfcapd listens")
    lab.gateway.write({"masquerade": masquerade("lan"), **METRICS,
                       "records": {"ipfix": COLLECTOR, "destinations": "true"}})
    service = Service(lab)
    own = use(lab, server, family=family)
    wait_until(lambda: sample(service.get()[1], "ftpnat_records_written_total", to="ipfix") == 4, "4 records")
    collector.popen.send_signal(signal.SIGTERM)
    collector.popen.wait(10)
    files = [str(path) for path in tmp_path.glob("nfcapd.*")]
    text = run(["nfdump", "-q", "-r", files[0], "-o", "json"]).stdout
    found = json.loads(f"[{text.strip().strip('[],')}]")  # its versions differ in what is around
    assert len(found) == 4, text
    for flow in found:
        assert flow["src6_addr" if family else "src4_addr"] == own[0]
        if not family:  # nfdump has no other
            assert flow["src4_xlt_ip"] == GATEWAY[0]
        assert flow["proto"] == 6 and flow["src_xlt_port"] and flow["nat_event"]
    assert own[1] in {flow["src_port"] for flow in found}


def test_a_collector_that_is_down_is_said_once(make_lab, tmp_path):
    path = str(tmp_path / "nat.json")
    lab, server, service = written(make_lab, {"nat": path, "ipfix": COLLECTOR, "ipfix_transport": "tcp"})
    use(lab, server)
    entries(path, 4)  # the file has them
    assert service.log().count(f"IPFIX collector {COLLECTOR}: Connection refused") == 1
    collector = Capture(lab, socket.SOCK_STREAM)
    collector.wait(4)  # and so has the collector, when it is there
    service.wait_log("can be reached; 0 records were lost")
