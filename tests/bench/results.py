# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What was measured: samples per measure and variant, and the goals computed from them."""

import statistics

# measure: (title, unit, what a sample is divided by for that unit)
MEASURES = {
    "packets.64.one": ("64-byte frames, one core", "Mpps", 1e6),
    "packets.64.all": ("64-byte frames, all cores", "Mpps", 1e6),
    "packets.1500.one": ("1500-byte packets, one core", "Mpps", 1e6),
    "packets.1500.all": ("1500-byte packets, all cores", "Mpps", 1e6),
    "packets.lost": ("share of generated frames that did not arrive", "%", 0.01),
    "bulk.throughput": ("one bulk transfer", "Gbit/s", 1e9),
    "bulk.cpu": ("CPU of the whole machine per GiB", "s", 1),
    "sessions.rate": ("FTP sessions per second", "1/s", 1),
    "sessions.p50": ("session, p50", "ms", 1e-3),
    "sessions.p99": ("session, p99", "ms", 1e-3),
    "sessions.failed": ("sessions that failed", "", 1),
    "line.passive.p50": ("PASV to 227, p50", "µs", 1e-6),
    "line.passive.p99": ("PASV to 227, p99", "µs", 1e-6),
    "line.active.p50": ("PORT to 200, p50", "µs", 1e-6),
    "line.active.p99": ("PORT to 200, p99", "µs", 1e-6),
    "sessions.idle": ("the same beside silent ones (10,000, QUICK 1,000)", "1/s", 1),
    "sessions.flood": ("beside these and a flood of SYNs", "1/s", 1),
    "sessions.flood-failed": ("of them failed", "", 1),
    "controls.rate": ("NOOPs acknowledged, of 1,000,000 connections in turn (QUICK 10,000)", "1000/s", 1e3),
    "controls.memory": ("memory in all", "GiB", 1 << 30),
    "echo.p50": ("one byte there and back, p50", "µs", 1e-6),
    "echo.p99": ("p99", "µs", 1e-6),
    "echo.p999": ("p99.9", "µs", 1e-6),
    "ns.data": ("data packet, by test run", "ns", 1),
    "ns.control": ("control packet without payload, by test run", "ns", 1),
    "ns.line": ("PORT line rewritten, same length, by test run", "ns", 1),
    "ns.line-resized": ("PORT line rewritten, other length, by test run", "ns", 1),
    "instructions.data": ("instructions of a data packet", "", 1),
    "instructions.control": ("instructions of a control packet without payload", "", 1),
    "memory.flow": ("memory per data connection, both directions, expiry included", "bytes", 1),
    "memory.flow-map": ("of it in ftpnat_flows", "bytes", 1),
    "memory.session": ("memory per control connection", "bytes", 1),
    "kill.sessions": ("sessions", "", 1),
    "kill.sessions-lost": ("sessions lost", "", 1),
    "kill.transfers": ("of them transferring", "", 1),
    "kill.transfers-lost": ("transfers lost", "", 1),
    "kill.gap": ("longest time without a byte, of any transfer", "s", 1),
    "gap.address": ("until the other one had the address", "s", 1),
    "gap.bytes": ("longest time without a byte", "s", 1),
    "join.time": ("time to copy, from `run` ready to synced", "s", 1),
    "join.maps": ("growth of its maps", "MiB", 1 << 20),
    "join.session": ("per session", "bytes", 1),
    "join.rss": ("memory of `run`", "MiB", 1 << 20),
    "wire.session": ("between the gateways, per session", "kB", 1e3),
    "wire.idle": ("between idle gateways", "kB/s", 1e3),
    "program.size": ("ftpnat_ingress, instructions as the kernel runs them", "", 1),
    "program.references": ("of them name a map of the cluster", "", 1),
}
FLOWS_UNIT = ("Mpps", 1e6)


def flows_measure(count, which):
    return f"flows.{count}.{which}"


def describe(measure):
    """(title, unit, divisor)"""
    if measure in MEASURES:
        return MEASURES[measure]
    if not measure.startswith("flows."):
        return measure, "", 1  # a whole part
    _, count, which = measure.split(".")
    return (f"{int(count):,} live data connections, traffic on {which}", *FLOWS_UNIT)


class Results:
    def __init__(self):
        self.samples = {}  # measure -> variant -> [samples]
        self.turns = {}    # (measure, variant) -> {turn: sample}
        self.turn = None   # at hand: what is measured in one can be compared
        self.missing = {}  # (measure, variant) -> why

    def add(self, measure, variant, value):
        self.samples.setdefault(measure, {}).setdefault(variant, []).append(value)
        self.turns.setdefault((measure, variant), {})[self.turn] = value

    def has(self, measure, variant):
        return bool(self.samples.get(measure, {}).get(variant))

    def median(self, measure, variant):
        return statistics.median(self.samples[measure][variant])

    def spread(self, measure, variant):
        values = self.samples[measure][variant]
        return min(values), max(values)

    def ratios(self, over, under):
        """Of two (measure, variant), in each turn that has both."""
        above, below = self.turns.get(over, {}), self.turns.get(under, {})
        return [above[turn] / below[turn] for turn in above if below.get(turn)]

    def flow_counts(self):
        return sorted({int(measure.split(".")[1]) for measure in self.samples
                       if measure.startswith("flows.")})


class Goal:
    """
    A ratio of two measures, or one measure, and what it is to reach, if anything. of: what
    becomes of all values.
    """

    def __init__(self, key, title, over, under, at_least=None, at_most=None, unit=1, of=statistics.median):
        self.key, self.title, self.over, self.under = key, title, over, under
        self.at_least, self.at_most, self.unit, self.of = at_least, at_most, unit, of

    def values(self, results):
        if self.under:
            return results.ratios(self.over, self.under)
        measure, variant = self.over
        return [value / self.unit for value in results.samples.get(measure, {}).get(variant, [])]

    def value(self, results):
        """None when it was not measured."""
        values = self.values(results)
        return self.of(values) if values else None

    def middle(self, results):
        """Within these is half of the values."""
        values = self.values(results)
        low, _, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
        return low, high

    def verdict(self, value):
        if value is None:
            return "not measured"
        if self.at_least is None and self.at_most is None:
            return "no goal"
        return "reached" if self.reached(value) else "missed"

    def reached(self, value):
        return value >= self.at_least if self.at_least is not None else value <= self.at_most

    def wanted(self):
        if self.at_least is None and self.at_most is None:
            return "–"
        return f"at least {self.at_least}" if self.at_least is not None else f"at most {self.at_most}"

    def worse(self, value, before):
        """Worse than before by more than a tenth?"""
        return value < 0.9 * before if self.at_least is not None else value > 1.1 * before


def goals(counts):
    """The goals of the project; counts: numbers of live flows that were measured."""
    one, xdp, tc, nft = "packets.64.one", "ftpnat-xdp", "ftpnat-tc", "nftables"
    rows = [
        Goal("xdp/nftables", "XDP, 64 bytes, one core, against nftables + nf_nat_ftp",
             (one, xdp), (one, nft), at_least=3.0),
        Goal("xdp/bare", "XDP against the bare XDP program", (one, xdp), (one, "bare-xdp"),
             at_least=1.0),
        Goal("tc/nftables", "TC, 64 bytes, one core, against nftables + nf_nat_ftp", (one, tc),
             (one, nft), at_least=1.6),
        Goal("tc/bare", "TC against the bare TC program", (one, tc), (one, "bare-tc"), at_least=1.0),
        Goal("tcx/bare", "TC at tcx against the bare TC program, which is in clsact", (one, "ftpnat-tcx"),
             (one, "bare-tc"), at_least=1.05),
    ]
    if counts:
        rows += [Goal(f"{variant}/nftables/flows-{counts[-1]}-all",
                      f"{name}: {counts[-1]:,} live flows, traffic on all of them in turn, against nf_nat_ftp",
                      (flows_measure(counts[-1], "all"), variant), (flows_measure(counts[-1], "all"), nft),
                      at_least=wanted) for variant, name, wanted in ((xdp, "XDP", 4.0), (tc, "TC", 2.0))]
        rows += [Goal(f"{variant}/flows-{counts[-1]}-{which}",
                      f"{name}: rate at {counts[-1]:,} live flows against 1, {traffic}",
                      (flows_measure(counts[-1], which), variant),
                      (flows_measure(counts[0], which), variant), at_least=0.85)
                 for variant, name in ((xdp, "XDP"), (tc, "TC"))
                 for which, traffic in (("some", "traffic on 64 of them"),
                                        ("all", "traffic on all of them in turn"))]
    rows += [
        Goal(f"{key}/{against}", f"{title}, 64-byte frames (IPv6: 78), one core, against nf_nat_ftp doing the same",
             (one, key), (one, against), at_least=wanted)
        for key, against, title, wanted in (("ftpnat-xdp-6", "nftables-6", "XDP, IPv6", 3.0),
                                            ("ftpnat-tc-6", "nftables-6", "TC, IPv6", 1.6),
                                            ("ftpnat-tc-masq", "nftables-masq", "TC, masquerade", 1.6))
    ]
    rows += [
        Goal(f"across/{name.lower()}", f"{name}: across families against the same family, 64 bytes, one core",
             (one, f"{variant}-46"), (one, variant), at_least=0.9)
        for variant, name in ((xdp, "XDP"), (tc, "TC"))
    ]
    rows += [
        Goal("across/sessions", "FTP sessions across families against the same family",
             ("sessions.rate", f"{tc}-46"), ("sessions.rate", tc), at_least=0.9),
        Goal("sessions", "FTP sessions per second against nf_nat_ftp", ("sessions.rate", tc),
             ("sessions.rate", nft), at_least=1.25),
        Goal("sessions-p99", "their p99 latency against nf_nat_ftp", ("sessions.p99", tc),
             ("sessions.p99", nft), at_most=0.9),
        Goal("controls", "a million control connections, each saying NOOP in turn, against nf_nat_ftp",
             ("controls.rate", tc), ("controls.rate", nft), at_least=1.5),
        Goal("controls-memory", "their memory in all, GiB", ("controls.memory", tc), None, at_most=1.2,
             unit=1 << 30),
        Goal("bulk", "bulk TCP, throughput against nf_nat_ftp", ("bulk.throughput", tc),
             ("bulk.throughput", nft), at_least=1.0),
        Goal("bulk-cpu", "bulk TCP, CPU per GiB against nf_nat_ftp", ("bulk.cpu", tc),
             ("bulk.cpu", nft), at_most=0.8),
        Goal("line", "rewritten line, added latency by test run, µs", ("ns.line-resized", tc), None,
             at_most=1.5, unit=1000),
        Goal("memory", "memory per data flow, both directions, bytes", ("memory.flow", tc), None,
             at_most=320),
        Goal("memory-session", "memory per control connection, bytes", ("memory.session", tc), None, at_most=1000),
    ]
    return rows
