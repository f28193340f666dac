# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The benchmark's tools work; speed is not judged."""

import json
import os
import shutil
import sys

import pytest

from lab import LabError, run
from servers import TOP

sys.path.insert(0, os.path.join(TOP, "tests", "bench"))

import bench_cluster  # noqa: E402
import counts  # noqa: E402
import frames  # noqa: E402
import report  # noqa: E402
from cluster_parts import PAIR, Kills  # noqa: E402
from cluster_scene import Crowd  # noqa: E402
from parts import Packets  # noqa: E402
from results import Results  # noqa: E402
from bench_scene import Scene  # noqa: E402
from tools import Tools  # noqa: E402
from variants import CONTROL_PORT, VARIANTS  # noqa: E402

pytestmark = [pytest.mark.ftpnat, pytest.mark.xdist_group("bench")]  # one sink for all


@pytest.fixture(scope="module")
def tools(make_shared_lab):
    """make_shared_lab: only for its skip without root."""
    run(["make", "-C", TOP, "--no-print-directory", "bench-tools"], timeout=300)
    with Tools() as loaded:
        yield loaded


@pytest.fixture
def make_scene(tools):
    scenes = []

    def make(key, generated):
        if key == "nftables" and not shutil.which("nft"):
            pytest.skip("no nft here: scripts/deps bench")
        variant = next(variant for variant in VARIANTS if variant.key == key)
        scenes.append(Scene(variant, "test", generated))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.close()


@pytest.mark.parametrize("key", ["ftpnat-tc", "ftpnat-tcx", "ftpnat-tc-46", "ftpnat-xdp-46", "nftables", "bare-xdp"])
def test_frames(make_scene, key):
    scene = make_scene(key, True)
    templates = scene.open_templates(2)
    for size in frames.SIZES:
        scene.send_all(templates, 1000, size=size)
    stranger = frames.headers(scene.macs(scene.lab.client), (scene.lab.client.ip4, 999),
                              (scene.lab.server.ip4, 999), 1, 1, frames.ACK)
    with pytest.raises(LabError, match="not one of the server's connections"):
        scene.check_translation([frames.template(stranger)])
    if scene.variant.across:  # no part of the benchmark fills these
        return
    template = scene.fill(300)
    assert scene.data_flows() is None or scene.data_flows() >= 300
    scene.send_all([template], 600, flows=300)


def test_runs(make_scene):
    class Plan:
        replays, lines = 100, 40

    results, scene = Results(), make_scene("ftpnat-tc", True)
    scene.templates = scene.open_templates(1)
    part = object.__new__(Packets)
    part.plan, part.results = Plan, results
    scene.probes = list(part._probes(scene))
    part.scenes = {"ftpnat-tc": scene}
    for step in part.steps():
        if step[0].startswith("ns."):
            part.play(step)
    assert not results.missing
    assert sorted(results.samples) == ["ns.control", "ns.data", "ns.line", "ns.line-resized"]
    part.play(("ns.data", scene, lambda: scene.send(["no template"], packets=1)))
    assert "no template" in results.missing["ns.data", "ftpnat-tc"]


@pytest.mark.parametrize("key", ["ftpnat-tc", "ftpnat-tc-46", "nftables"])
def test_sockets(make_scene, key):
    scene = make_scene(key, False)
    assert scene.client_tool("bulk", CONTROL_PORT, 3_000_000)["bytes"] == 3_000_000
    said = scene.client_tool("sessions", CONTROL_PORT, 4, 0.1)
    assert said["sessions"] > 0 and said["failed"] == 0
    for mode in ("passive", "active"):
        assert scene.line_tool(mode, 5)["count"] == 5
    assert scene.echo_tool(5)["count"] == 5
    scene.keep_idle(20)
    with scene.flooded(1000):
        said = scene.client_tool("sessions", CONTROL_PORT, 4, 0.1)
    assert said["sessions"] > 0


def test_crowd(make_scene):
    scene = make_scene("ftpnat-tc", False)
    crowd = Crowd(scene, 20, 5, 5, 300_000, 1e6)
    said = crowd.gateway_died()
    assert (said["sessions"], said["transfers"], said["why"]) == (20, 5, "")
    crowd = Crowd(scene, 20, 5, 5, 30_000_000, 1e5)
    next(process for process in scene.lab.processes if process.name.startswith("server-")).stop()
    said = crowd.gateway_died()
    assert (said["sessions"], said["transfers"]) == (0, 0) and said["why"]


@pytest.mark.slow
def test_kill(tools):
    if not shutil.which("corosync"):
        pytest.skip("no corosync here: scripts/deps cluster")
    results, plan = Results(), bench_cluster.Plan(kills=1, sessions=40, talkers=10, transfers=10)
    with Kills(plan, results, [PAIR], {}) as part:
        (_, scene, _), = part.steps()
        part._kill(scene)
        assert scene.program()[1] > 0
    assert not results.missing
    assert results.samples["kill.sessions-lost"] == {"pair-all": [0]}
    assert results.samples["kill.transfers-lost"] == {"pair-all": [0]}


@pytest.mark.no_root
def test_report_of_cluster(tmp_path):
    results = Results()
    for results.turn, lost in enumerate((0, 2)):
        results.add("kill.sessions", "pair-all", 10)
        results.add("kill.sessions-lost", "pair-all", lost)
        results.add("line.passive.p50", "without", 1e-5)
        results.add("line.passive.p50", "pair-all", 3e-4)
    report.write(tmp_path, {}, {}, results, bench_cluster.FORM)
    text = (tmp_path / "cluster.md").read_text()
    assert "| sessions lost of 20 at power-offs | at most 0 | 2.00 |" in text and "| missed |" in text
    assert "two gateways, `commit: all`, against without `cluster:` | – | 30.00 | 30.00 .. 30.00 | no goal |" in text


def test_counts(tools):
    if not shutil.which("valgrind"):
        pytest.skip("no valgrind here: scripts/deps bench")
    assert counts.instructions("PORT, 26 bytes", 200) > counts.instructions("PORT, 26 bytes", 100) + 100 * 26


@pytest.mark.no_root
def test_report(monkeypatch, tmp_path):
    results = Results()
    for results.turn, rates in enumerate(((1e6, 0.5e6), (9e6, 3e6), (2e6, 2e6), (7e6, None))):
        for variant, rate in zip(("ftpnat-tc", "nftables"), rates):
            if rate:
                results.add("packets.64.one", variant, rate)
    monkeypatch.setattr(report, "committed", lambda: {"tc/nftables": 2.1})
    assert report.regressions(results) == []
    monkeypatch.setattr(report, "committed", lambda: {"tc/nftables": 2.3})
    worse, = report.regressions(results)
    assert worse.endswith("2.00, was 2.30")
    report.write(tmp_path, {"kernel": "k"}, {"flowtable": "no such thing"}, results)
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["ratios"] == {"tc/nftables": 2.0}
    assert written["measures"]["packets.64.one"]["samples"]["ftpnat-tc"] == [1e6, 9e6, 2e6, 7e6]
    text = (tmp_path / "result.md").read_text()
    assert "at least 1.6 | 2.00 | 1.00 .. 3.00 | reached" in text
    assert "nftables with flowtable: not available: no such thing" in text
