# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The result as JSON, as Markdown, and what has become worse."""

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Callable

from results import Results, describe, flows_measure, goals
from tools import TOP
from variants import TITLES


@dataclass
class Form:
    """What a document is about, and how it is divided."""

    name: str         # of its files
    title: str
    command: str
    titles: dict      # of variants
    goals: Callable   # of results
    tables: Callable  # of results: [(title, measures)]
    plots: tuple = ()


TABLES = (
    ("Packets per second on established data connections",
     ("packets.64.one", "packets.64.all", "packets.1500.one", "packets.1500.all", "packets.lost")),
    ("Nanoseconds per packet by test run", ("ns.data", "ns.control", "ns.line", "ns.line-resized",
                                            "instructions.data", "instructions.control")),
    ("Bulk transfer", ("bulk.throughput", "bulk.cpu")),
    ("FTP sessions", ("sessions.rate", "sessions.p50", "sessions.p99", "sessions.failed")),
    ("FTP sessions in a crowd", ("sessions.idle", "sessions.flood", "sessions.flood-failed")),
    ("Many control connections that all say something", ("controls.rate", "controls.memory")),
    ("Round trip over a data connection", ("echo.p50", "echo.p99", "echo.p999")),
    ("Round trip of an address line", ("line.passive.p50", "line.passive.p99", "line.active.p50",
                                       "line.active.p99")),
    ("Memory", ("memory.flow", "memory.flow-map", "memory.session")),
)


def _tables(results):
    return [*TABLES, *((f"Rate with many live data connections, traffic on {title}",
                        [flows_measure(count, which) for count in results.flow_counts()])
                       for which, title in (("all", "all of them in turn"), ("some", "64 of them")))]


RESULT = Form("result", "Benchmark", "make bench", TITLES, lambda results: goals(results.flow_counts()), _tables,
              ("![packets per second](packets.svg)", "![live connections](flows.svg)",
               "![FTP sessions](sessions.svg)"))


def verdicts(results, form=RESULT):
    """[(goal, value or None, "reached" | "missed" | "no goal" | "not measured")]"""
    rows = []
    for goal in form.goals(results):
        value = goal.value(results)
        rows.append((goal, value, goal.verdict(value)))
    return rows


def document(about, absent, results, form):
    reached = verdicts(results, form)
    return {
        "schema": 1,
        **about,
        "absent": absent,
        "missing": [{"measure": measure, "variant": variant, "why": why}
                    for (measure, variant), why in results.missing.items()],
        "ratios": {goal.key: value for goal, value, _ in reached if value is not None},
        "goals": [{"key": goal.key, "goal": goal.title, "wanted": goal.wanted(), "value": value,
                   "values": goal.values(results), "result": verdict}
                  for goal, value, verdict in reached],
        "measures": {measure: {"title": describe(measure)[0], "samples": variants}
                     for measure, variants in results.samples.items()},
    }


def read(folder):
    """The samples of a written result."""
    results = Results()
    with open(os.path.join(folder, f"{RESULT.name}.json")) as file:
        measures = json.load(file)["measures"]
    results.samples = {measure: entry["samples"] for measure, entry in measures.items()}
    return results


def number(value):
    if value == 0 or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}"


def two_places(value):
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def cell(results, measure, variant):
    if not results.has(measure, variant):
        return "–"
    divisor = describe(measure)[2]
    low, high = results.spread(measure, variant)
    text = number(results.median(measure, variant) / divisor)
    return text if low == high else f"{text} ({number(low / divisor)} .. {number(high / divisor)})"


def table(results, title, measures, titles):
    """Variants down, measures across: median (min .. max)."""
    measures = [measure for measure in measures if measure in results.samples]
    if not measures:
        return []
    heads = [f"{describe(m)[0]}{', ' if describe(m)[1] else ''}{describe(m)[1]}" for m in measures]
    lines = [f"## {title}", "", f"| | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for variant, name in titles.items():
        if any(results.has(measure, variant) for measure in measures):
            cells = [cell(results, measure, variant) for measure in measures]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines + [""]


def gaps(absent, results, titles=TITLES):
    """What was not measured and why, a line each."""
    lines = [f"{titles[variant]}: not available: {why}" for variant, why in absent.items()]
    return lines + [f"{titles[variant]}, {describe(measure)[0]}: {' '.join(why.split())}"
                    for (measure, variant), why in results.missing.items()]


def markdown(about, absent, results, form):
    lines = [f"# {form.title}", "",
             f"Generated by `{form.command}`; not edited by hand. How it is measured and how to read it:",
             "[README.md](README.md). A cell is the median (min .. max) of all rounds.", ""]
    lines += [f"- {key}: {value}" for key, value in about.items()]
    lines += ["", "## Goals", "", "A ratio is the median of those of its turns, in which both sides were",
              "measured one after the other; half of them lie in the range beside it.", "",
              "| measure | goal | this run | half of the turns | |", "|---|---|---|---|---|"]
    for goal, value, verdict in verdicts(results, form):
        shown = middle = "–"
        if value is not None:
            shown = two_places(value)
            middle = " .. ".join(map(two_places, goal.middle(results)))
        lines.append(f"| {goal.title} | {goal.wanted()} | {shown} | {middle} | {verdict} |")
    lines.append("")
    if absent or results.missing:
        lines += ["## Not measured", ""]
        lines += [f"- {line}" for line in gaps(absent, results, form.titles)]
        lines.append("")
    for title, measures in form.tables(results):
        lines += table(results, title, measures, form.titles)
    if form.plots:
        lines += ["## Plots", "", *form.plots, ""]
    return "\n".join(lines)


def _git(*arguments):
    done = subprocess.run(["git", "-C", TOP, *arguments], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def committed():
    """The ratios of the result in git, {} where there is none."""
    text = _git("show", f"HEAD:docs/bench/{RESULT.name}.json")
    return json.loads(text)["ratios"] if text else {}


def commit():
    name = _git("rev-parse", "--short=12", "HEAD").strip() or "unknown"
    return f"{name} with changes" if _git("status", "--porcelain", "-uno") else name


def regressions(results):
    """Lines about ratios that are worse than the committed ones by more than a tenth."""
    before = committed()
    return [f"{goal.title}: {value:.2f}, was {before[goal.key]:.2f}"
            for goal, value, _ in verdicts(results)
            if value is not None and goal.key in before and goal.worse(value, before[goal.key])]


def write(folder, about, absent, results, form=RESULT):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, f"{form.name}.json"), "w") as file:
        json.dump(document(about, absent, results, form), file, indent=1)
        file.write("\n")
    with open(os.path.join(folder, f"{form.name}.md"), "w") as file:
        file.write(markdown(about, absent, results, form))
