"""RESULTS.md: the tables, what they were measured on, and how to get them again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from . import micro, writers
from .cases import WARM_UP_EVENTS
from .results import Results


@dataclasses.dataclass(frozen=True)
class Setting:
    """What the figures depend on."""

    date: str
    commit: str
    machine: str
    versions: str
    command: str
    runs: int


@dataclasses.dataclass(frozen=True)
class Way:
    case: str
    title: str


WAYS = [
    Way("ceiling", "**the ceiling**: `\\copy … BINARY` of the very same rows, 2 connections, "
                   "triggers and foreign keys off"),
    Way("default", "**usage-ingestd**, Kafka to committed, mean event {bytes} bytes"),
    Way("lean", "usage-ingestd, lean events, {bytes} bytes"),
    Way("full", "usage-ingestd, full events, {bytes} bytes"),
    Way("hot", "usage-ingestd, one subscription takes all events"),
    Way("duplicates", "usage-ingestd, everything is there already"),
    Way("status-quo", "**the status quo**: Python: consume, `INSERT` a row, autocommit, the seed's "
                      "trigger"),
    Way("insert-per-row", "`INSERT` a row, autocommit, the seed's trigger, from a file, "
                          "1 connection"),
    Way("copy-row-trigger", "`\\copy` of 5,000 rows, the seed's trigger, from files, 1 connection"),
    Way("copy-statement-trigger-1", "`\\copy` of 10,000 rows, statement-level trigger, from files, "
                                    "1 connection"),
    Way("copy-statement-trigger-2", "the same, 2 connections"),
    Way("go-row-trigger", "Go: consume, COPY of 5,000 rows, the seed's trigger"),
    Way("go-statement-trigger", "Go: consume, COPY of 10,000 rows, statement-level trigger"),
]


def _thousands(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _rate_row(results: Results, way: Way) -> str:
    case = way.case
    mean_bytes = results.notes[case].get("mean_bytes")
    title = way.title.format(bytes=_thousands(mean_bytes) if mean_bytes else "")
    low, high = results.spread(case)
    share = f"{results.ratio(case, 'ceiling'):.3f}" if results.has("ceiling") else "–"
    figures = results.figures[case]
    own = f"{results.median(case, 'cpu_us'):.1f}" if "cpu_us" in figures else "–"
    server = f"{results.median(case, 'server_cpu_us'):.1f}" if "server_cpu_us" in figures else "–"
    return (f"| {title} | {results.events[case]:,} | {results.median(case):,.0f} "
            f"({low:,.0f}–{high:,.0f}) | {share} | {own} | {server} |")


@dataclasses.dataclass(frozen=True)
class Goal:
    title: str
    needs: tuple[str, ...]  # cases
    measured: Callable[[Results], tuple[str, bool | None]]  # the text, and whether it is met
    goal: str


def _at_least(case: str, over: str, goal: float, name: str = "rate"):
    def measure(results: Results):
        ratio = results.ratio(case, over, name)
        return f"{ratio:.2f} ×", ratio >= goal
    return measure


def _at_most(case: str, name: str, goal: float, unit: str):
    def measure(results: Results):
        value = results.median(case, name)
        return f"{_thousands(value)} {unit}", value <= goal
    return measure


def _latency(case: str):
    def measure(results: Results):
        p50, p99 = results.median(case, "p50"), results.median(case, "p99")
        return f"p50 {p50:.3f} s, p99 {p99:.3f} s", p50 <= 0.3 and p99 <= 1.0
    return measure


GOALS = [
    Goal("end to end over the ceiling, from the start of the process", ("default", "ceiling"),
         _at_least("default", "ceiling", 0.8), "≥ 0.8, then 0.95"),
    Goal("end to end over the ceiling, from the first commit on", ("default", "ceiling"),
         _at_least("default", "ceiling", 0.8, "running_rate"), "–"),
    Goal("over the status quo: a Python consumer, INSERT per row, seed trigger",
         ("default", "status-quo"), _at_least("default", "status-quo", 50), "≥ 50"),
    Goal("over INSERT per row from a file, seed trigger, without Kafka or decoding",
         ("default", "insert-per-row"), _at_least("default", "insert-per-row", 50), "–"),
    Goal("over a Go consumer, COPY of 5,000, seed trigger", ("default", "go-row-trigger"),
         _at_least("default", "go-row-trigger", 13), "≥ 13"),
    Goal("over a Go consumer, COPY of 10,000, statement-level trigger",
         ("default", "go-statement-trigger"),
         _at_least("default", "go-statement-trigger", 5), "≥ 5"),
    Goal("over `\\copy` from files, statement-level trigger, 1 connection",
         ("default", "copy-statement-trigger-1"),
         _at_least("default", "copy-statement-trigger-1", 2.5), "≥ 2.5"),
    Goal("the same, 2 connections", ("default", "copy-statement-trigger-2"),
         _at_least("default", "copy-statement-trigger-2", 2.5), "–"),
    Goal("one hot subscription over the mixed load", ("hot", "default"),
         _at_least("hot", "default", 0.9), "≥ 0.9"),
    Goal("replay of what is there over first-time speed", ("duplicates", "default"),
         _at_least("duplicates", "default", 0.5), "≥ 0.5"),
    Goal("daemon CPU an event, librdkafka's threads included", ("default",),
         _at_most("default", "cpu_us", 6, "µs"), "≤ 6 µs"),
    Goal("start to first commit with a backlog", ("default",),
         _at_most("default", "first_commit", 2, "s"), "≤ 2 s"),
    Goal("resident memory at full backlog, at most", ("default",),
         _at_most("default", "resident_mib", 512 + 64, "MiB"), "≤ budget 512 + 64 MiB"),
    Goal("start to first commit with a million keys and two million subscriptions", ("scale",),
         _at_most("scale", "first_commit", 5, "s"), "≤ 5 s"),
    Goal("what they cost in memory, beside a thousand keys", ("scale-cost",),
         _at_most("scale-cost", "resident_mib", 150, "MiB"), "≤ 150 MiB"),
    Goal("event to visible at 1,000 a second", ("latency-1000",), _latency("latency-1000"),
         "p50 ≤ 0.3 s, p99 ≤ 1 s"),
    Goal("event to visible at 20,000 a second", ("latency-20000",), _latency("latency-20000"),
         "p50 ≤ 0.3 s, p99 ≤ 1 s"),
]

HOW = f"""\
How it is measured: `bench/run`, everything in one run on one machine, so compare within the table.
Broker, PostgreSQL (fsync on, its table with all six indexes) and daemon share the cores. Before each
case a fresh database is cloned and a checkpoint taken; a broker that was started for the case has
first served {WARM_UP_EVENTS:,} other events. A daemon's rate counts from the start of its
process to the last commit, which is seen by SELECT every 20 ms; after each of its runs the totals
must balance, else there is no figure. The rows of the ceiling and of the ways from files are taken
out of the database that the daemon filled: same ids, same order; while they run the broker is
stopped. CPU is user and system time of all threads, from /proc. Latency counts from handing an
event to the producer (which lingers 5 ms) to the first look, every 10 ms, that sees it committed.
"""


def markdown(results: Results, setting: Setting) -> str:
    lines = [
        "# Results", "",
        f"{setting.date}, commit {setting.commit}; {setting.machine}; {setting.versions}.",
        f"Median of {setting.runs} run(s), lowest and highest in brackets.", "",
        "```", setting.command, "```", "",
        "![events a second](results.svg)", "",
        "| way | events | events/s | of the ceiling | its CPU, µs an event "
        "| PostgreSQL CPU, µs an event |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [_rate_row(results, way) for way in WAYS if results.has(way.case)]
    lines += ["", "| goal | measured | wanted | met |", "|---|---:|---:|---|"]
    for goal in GOALS:
        if not all(results.has(case) for case in goal.needs):
            continue
        measured, met = goal.measured(results)
        is_met = "–" if goal.goal == "–" else ("yes" if met else "**no**")
        lines.append(f"| {goal.title} | {measured} | {goal.goal} | {is_met} |")
    lines += ["", *micro.section(results), *_threads(results), *_scale(results), *_writers(results), HOW]
    return "\n".join(lines)


def _scale(results: Results) -> list[str]:
    if not results.has("scale"):
        return []
    notes = results.notes["scale"]
    return [f"The large installation has {notes['keys']:,} keys and {notes['subscriptions']:,} "
            f"subscriptions; {results.events['scale']:,} events used {notes['used']:,} pairs of key "
            f"and model, {results.median('scale'):,.0f} a second. The small one has the population "
            "of the other cases.", ""]


def _writers(results: Results) -> list[str]:
    lines = ["| daemons | writers of each | events/s | statements refused | PostgreSQL CPU, µs an event |",
             "|---:|---:|---:|---:|---:|"]
    for daemons, count in writers.SHAPES:
        case = writers.case_name(daemons, count)
        if not results.has(case):
            return []
        lines.append(f"| {daemons} | {count} | {_thousands(results.median(case, 'running_rate'))} "
                     f"| {results.median(case, 'postgres_errors'):.0f} "
                     f"| {results.median(case, 'server_cpu_us'):.1f} |")
    return [*lines, ""]


def _threads(results: Results) -> list[str]:
    notes = results.notes["default"]
    if "cpu_threads" not in notes:
        return []

    def listed(figures: dict[str, float]) -> str:
        return ", ".join(f"{name} {value:.2f}" for name, value
                         in sorted(figures.items(), key=lambda item: -item[1]) if value >= 0.01)
    return [f"The daemon's CPU by thread, µs an event, last run: {listed(notes['cpu_threads'])}.",
            "Time of its two lanes together by phase, µs an event, last run: "
            f"{listed(notes['phases'])}; {results.median('default', 'postgres_errors'):.0f} "
            "statements were refused by PostgreSQL (lock timeouts, duplicates) and tried again.",
            ""]
