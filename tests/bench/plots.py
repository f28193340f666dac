# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Plots of a result, by gnuplot, as SVG and PNG."""

import os

from results import flows_measure
from lab import run
from variants import TITLES

# ftpnat is blue, and nothing else is.
OURS = ("#1b6ca8", "#7fb3d5")
OTHERS = ("#6b7073", "#b9bec1")
LINES = {"ftpnat-xdp": OURS[0], "ftpnat-tc": OURS[1], "ftpnat-tcx": "#2e86c1", "ftpnat-xdp-46": "#154360",
         "ftpnat-tc-46": "#a9cce3", "nftables": "#c0392b", "flowtable": "#d98880", "forward": OTHERS[0],
         "bare-tc": "#b7950b", "bare-xdp": "#117a65", "harness": "#5d6d7e"}
TERMINALS = {"svg": "svg size 900,480 dynamic font 'sans,13' background 'white'",
             "png": "pngcairo size 900,480 font 'sans,11'"}


def _gnuplot(path, script):
    for kind, terminal in TERMINALS.items():
        run(["gnuplot"], input=f"set terminal {terminal}\nset termoption noenhanced\n"
            f"set output '{path}.{kind}'\n{script}")


def _is_ours(variant):
    return variant.startswith("ftpnat-")


def _bars(path, results, title, unit, divisor, measures):
    """Bars of medians with min and max; measures: {name of the series: measure}, at most two."""
    shown = [v for v in TITLES if any(results.has(m, v) for m in measures.values())]
    series = {name: m for name, m in measures.items() if m in results.samples}
    if not series:
        return
    blocks, plots = [], []
    width = 0.8 / len(series)
    for who, colours, ours in (("ftpnat", OURS, True), ("others", OTHERS, False)):
        for i, (name, measure) in enumerate(series.items()):
            rows = [(shown.index(v) + (i - (len(series) - 1) / 2) * width,
                     results.median(measure, v) / divisor,
                     *(value / divisor for value in results.spread(measure, v)))
                    for v in shown if _is_ours(v) == ours and results.has(measure, v)]
            if not rows:
                continue
            block = f"${who}{i}"
            blocks.append(f"{block} << EOD\n" + "\n".join(" ".join(map(str, r)) for r in rows) + "\nEOD")
            key = f"{who}, {name}" if len(series) > 1 else who
            plots.append(f"{block} using 1:2:3:4:({width * 0.92}) with boxerrorbars fs solid "
                         f"lc rgb '{colours[i]}' title '{key}'")
    tics = ", ".join(f'"{TITLES[v]}" {i}' for i, v in enumerate(shown))
    _gnuplot(path, "\n".join([
        *blocks, f"set title '{title}'", f"set ylabel '{unit}'", "set yrange [0:*]",
        f"set xrange [-0.6:{len(shown) - 0.4}]", f"set xtics ({tics}) rotate by 20 right",
        "set grid ytics lc rgb '#dddddd'", "set errorbars lc rgb 'black'", "set key top left",
        "set rmargin 3",  # the tics' texts lean to the left
        f"plot {', '.join(plots)}", ""]))


def _flows(path, results):
    counts = results.flow_counts()
    blocks, plots = [], []
    for i, variant in enumerate(TITLES):
        for which, dash in (("all", 1), ("some", 2)):
            rows = [(n, results.median(flows_measure(n, which), variant) / 1e6,
                     *(v / 1e6 for v in results.spread(flows_measure(n, which), variant)))
                    for n in counts if results.has(flows_measure(n, which), variant)]
            if not rows:
                continue
            name = f"$f{i}{which}"
            blocks.append(f"{name} << EOD\n" + "\n".join(" ".join(map(str, r)) for r in rows)
                          + "\nEOD")
            traffic = "all" if which == "all" else "64"
            plots.append(f"{name} using 1:2:3:4 with yerrorlines lw 2 dt {dash} lc rgb "
                         f"'{LINES[variant]}' title '{TITLES[variant]}, traffic on {traffic}'")
    if plots:
        _gnuplot(path, "\n".join([
            *blocks, "set title '64-byte frames, one core'", "set xlabel 'live data connections'",
            "set ylabel 'Mpps'", "set logscale x", "set format x '%.0s%c'", "set yrange [0:*]",
            "set grid ytics lc rgb '#dddddd'", "set key outside right width -4",
            f"plot {', '.join(plots)}", ""]))


def draw(folder, results):
    _bars(os.path.join(folder, "packets"), results, "64-byte frames", "Mpps", 1e6,
          {"one core": "packets.64.one", "all cores": "packets.64.all"})
    _flows(os.path.join(folder, "flows"), results)
    _bars(os.path.join(folder, "sessions"), results, "FTP sessions", "sessions per second", 1,
          {"sessions per second": "sessions.rate"})
