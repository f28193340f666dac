# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What disturbs the sessions of a round. Most of it must be noticed by none; the rest says by whom."""

import random
import signal
import socket
import time

from clients import Session
from lab import wait_until
from loss import lose, lost, mend
from scanner import Scanner
from scenes import pick
from soak_lab import SPARE
from soak_sessions import PATIENCE, Own, Wrong


class Fault:
    """Something that sessions may fail of: which, and from when until when."""

    def __init__(self, text, hits):
        self.text, self.hits = text, hits
        self.begun, self.ended = time.monotonic(), None

    def hit(self, talk):
        return (talk.begun < (self.ended or talk.ended) and talk.ended > self.begun and self.hits(talk))


class Faults:
    """Each method is one disturbance; drawn by name, so that a round can be told."""

    harmless = ("reload", "up", "drain", "retire", "loss", "scan", "kill_service", "events", "interface")
    harmful = ("crash", "link_server", "link_client")

    def __init__(self, site, rng):
        self.site, self.lab, self.rng = site, site.lab, rng
        self.happened = []  # Fault
        self.lossy = {}
        self.lost = 0

    def draw(self):
        """A few of each: [(name, seed)]"""
        names = self.rng.sample(self.harmless, 5) + self.rng.sample(self.harmful, self.rng.randint(0, 2))
        self.rng.shuffle(names)
        return [(name, self.rng.getrandbits(32)) for name in names]

    def cause(self, name, seed):
        return getattr(self, name)(random.Random(seed))

    def end(self):
        for node in list(self.lossy):
            self.lost += sum(lost(node))
            mend(node)
            del self.lossy[node]

    # ---- what no session may notice ----

    def reload(self, rng):
        self.site.service.reload(self.site.configuration(rng))

    def up(self, rng):
        self.site.gateway.up(self.site.configuration(rng))

    def drain(self, rng):
        server = rng.choice(self.site.farm)
        load = self.site.gateway.load
        for address in server.addresses:
            load("servers", "drain", "farm", address)
        self.site.gateway.reload(self.site.configuration(rng))
        dial = pick(self.site.vips[1], "v4")
        with self.site.stranger.inside():
            for _ in range(6):
                with Session(patience=PATIENCE) as session:
                    session.connect(dial, 21)
                    if session.server_name() == server.name:
                        raise Wrong(f"{server.name} is drained and got a session")
        for address in server.addresses:
            load("servers", "resume", "farm", address)

    def retire(self, rng):
        """A rule is removed: its session continues, no new one is accepted."""
        owner = Own(self.site, rng, self.site.spare)
        owner.node = self.site.stranger
        gateway, config = self.site.gateway, self.site.configuration(rng, without=("spare",))

        class Here:
            """Stands for the round: the reload comes in the middle of a transfer."""

            def pause(self, _):
                if gateway.config["publish"] != config["publish"]:
                    gateway.reload(config)

            def transferred(self):
                pass

        owner.play(Here())
        try:
            if owner.error:
                raise Wrong(f"session of a retired rule: {owner.error!r}\n{owner.said}")
            with owner.node.inside():
                try:
                    Session(patience=PATIENCE).connect(pick(owner.offer.dial, owner.family), owner.offer.port)
                except ConnectionRefusedError:
                    return
            raise Wrong("a retired rule took a new session")
        finally:
            gateway.reload(self.site.configuration(rng))

    def loss(self, rng):
        """Until the end of the round."""
        node = rng.choice(self.lab.clients[:2])
        if node not in self.lossy:
            lose(node, rng.choice((1, 2, 4)))
            self.lossy[node] = True

    def scan(self, rng):
        """A stranger finds the control ports and nothing else."""
        offer = rng.choice([offer for offer in self.site.services if offer.rule not in ("lan", "dmz")])
        address = pick(offer.dial, rng.choice(("v4", "v6")))
        ports = rng.sample(range(1024, 65536), 3000) + [offer.port]
        scanner = Scanner(self.site.stranger, address)
        found = set()
        with scanner.raw:
            def done():
                # in parts: what arrives at once has to find room
                for start in range(0, len(ports), 500):
                    for port in [*ports[start:start + 500], offer.port]:
                        scanner.raw.sendto(scanner.syn(port), (address, 0))
                    found.update(port for port, is_open in scanner.answers(0.2).items() if is_open)
                return offer.port in found
            wait_until(done, f"the scan of {address} finds port {offer.port}")
        if found != {offer.port}:
            raise Wrong(f"a stranger's scan of {address} found {sorted(found)} open")

    def kill_service(self, rng):
        self.site.service.signal(signal.SIGKILL)
        self.site.service.ended()
        self.site.run()

    def events(self, rng):
        """Somebody else reads along and goes."""
        self.lab.gw.run(["timeout", "--preserve-status", "0.3", self.site.gateway.command, "--pin",
                         self.site.gateway.pin, "-c", self.site.gateway.path, "events"], check=False)

    def interface(self, rng):
        """One is recreated, and `run` attaches to it by itself."""
        name = SPARE[0]
        self.lab.gw.ip(f"link del {name}")
        self.site.add_interface()

        def attached():
            return next(shown["hooks"] for shown in self.site.gateway.listing("status")["interfaces"]
                        if shown["name"] == name)
        wait_until(attached, f"{name} has its filters")

    # ---- what ends sessions ----

    def _fault(self, text, hits):
        fault = Fault(text, hits)
        self.happened.append(fault)
        return fault

    def crash(self, rng):
        node = rng.choice(self.lab.servers)
        fault = self._fault(f"servers of {node.short} killed",
                            lambda talk: any(server.node is node for server in talk.servers()))
        self.site.crash(node)
        checked = [server for server in self.site.on(node) if server in self.site.farm]
        self.site.await_health(checked, up=False)
        for server in self.site.on(node):
            server.start()
        fault.ended = time.monotonic()
        self.site.await_health(checked, up=True)

    def _link(self, node, hits):
        fault = self._fault(f"link of {node.short} down", hits)
        self.lab.gw.ip(f"link set {node.gw_interface} down")
        time.sleep(0.5)  # of the fault: nothing hangs on its length
        self.lab.gw.ip(f"link set {node.gw_interface} up")
        for address in (node.ip4, node.ip6):
            wait_until(lambda a=address: self._answers(a), f"{address} is there again")
        fault.ended = time.monotonic()

    def _answers(self, address):
        with self.lab.gw.inside():
            try:
                socket.create_connection((address, 9), 1).close()
            except ConnectionRefusedError:
                return True
            except OSError:
                return False
        return True

    def link_server(self, rng):
        node = rng.choice(self.lab.servers)
        self._link(node, lambda talk: talk.node is node or any(server.node is node for server in talk.servers()))

    def link_client(self, rng):
        node = rng.choice(self.lab.clients[:2])
        self._link(node, lambda talk: talk.node is node)
