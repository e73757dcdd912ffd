"""RESULTS.md: the tables, what they were measured on, and how to get them again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from . import growth, micro, profile, scale, writers
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
    Way("deferred", "usage-ingestd, a day whose other five indexes are deferred"),
    Way("deferred-built", "the same, with the time of building them afterwards"),
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
    Way("go-statement-trigger", "Go: consume, COPY of 10,000 rows, duplicates left out, "
                                "statement-level trigger, 2 connections"),
    Way("debezium", "Kafka Connect: a transform in Java, Debezium's JDBC sink, upsert of 10,000 rows, "
                    "statement-level trigger, from its first rows on"),
    Way("telegraf", "Telegraf: COPY of 10,000 events into a table of its own, a trigger decodes them, "
                    "statement-level trigger, from its first rows on"),
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
            f"({low:,.0f}–{high:,.0f}) | {share} | {own} | {server} | {_kills(results, case)} |")


def _kills(results: Results, case: str) -> str:
    left = results.notes[case].get("kills")
    return f"{left['lost']:,} / {left['twice']:,}" if left else "–"


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


def _latency(case: str, p50_goal: float, p99_goal: float):
    def measure(results: Results):
        p50, p99 = results.median(case, "p50"), results.median(case, "p99")
        return f"p50 {p50:.3f} s, p99 {p99:.3f} s", p50 <= p50_goal and p99 <= p99_goal
    return measure


LARGEST = scale.case_name(scale.LARGEST)
FULL_MONTH, EMPTY_DAY = growth.case_name("deferred", "20m"), growth.case_name("deferred", "1m")
FULL_CEILING = growth.case_name("ceiling", "20m")

GOALS = [
    Goal("end to end over the ceiling, from the first commit on", ("default", "ceiling"),
         _at_least("default", "ceiling", 0.75, "running_rate"), "≥ 0.75"),
    Goal("the same, from the start of the process", ("default", "ceiling"),
         _at_least("default", "ceiling", 0.75), "–"),
    Goal("the same with deferred indexes, from the first commit on", ("deferred", "ceiling"),
         _at_least("deferred", "ceiling", 1.2, "running_rate"), "≥ 1.2"),
    Goal("the same, from the start, with the time of building the indexes", ("deferred-built", "ceiling"),
         _at_least("deferred-built", "ceiling", 0.9), "≥ 0.9"),
    Goal("deferred indexes over immediate ones", ("deferred", "default"), _at_least("deferred", "default", 1.5), "–"),
    Goal("with deferred indexes, 20 M rows in the month over 1 M rows", (FULL_MONTH, EMPTY_DAY),
         _at_least(FULL_MONTH, EMPTY_DAY, 0.9, "running_rate"), "≥ 0.9"),
    Goal("with deferred indexes, over the ceiling of a month with 20 M rows", (FULL_MONTH, FULL_CEILING),
         _at_least(FULL_MONTH, FULL_CEILING, 1.5, "running_rate"), "≥ 1.5"),
    Goal("over the status quo: a Python consumer, INSERT per row, seed trigger",
         ("default", "status-quo"), _at_least("default", "status-quo", 50), "≥ 50"),
    Goal("over INSERT per row from a file, seed trigger, without Kafka or decoding",
         ("default", "insert-per-row"), _at_least("default", "insert-per-row", 50), "–"),
    Goal("over a Go consumer, COPY of 5,000, seed trigger", ("default", "go-row-trigger"),
         _at_least("default", "go-row-trigger", 13), "≥ 13"),
    Goal("over a Go consumer, COPY of 10,000, statement-level trigger",
         ("default", "go-statement-trigger"),
         _at_least("default", "go-statement-trigger", 2.5), "≥ 2.5"),
    Goal("over `\\copy` from files, statement-level trigger, 2 connections",
         ("default", "copy-statement-trigger-2"),
         _at_least("default", "copy-statement-trigger-2", 1.5), "≥ 1.5"),
    Goal("the same, 1 connection", ("default", "copy-statement-trigger-1"),
         _at_least("default", "copy-statement-trigger-1", 2.5), "–"),
    Goal("one hot subscription over the mixed load", ("hot", "default"),
         _at_least("hot", "default", 0.9), "≥ 0.9"),
    Goal("replay of what is there over first-time speed", ("duplicates", "default"),
         _at_least("duplicates", "default", 0.5), "≥ 0.5"),
    Goal("upserts, time in PostgreSQL an event", ("default",), _at_most("default", "upsert_us", 1.5, "µs"), "≤ 1.5 µs"),
    Goal("daemon CPU an event, librdkafka's threads included", ("default",),
         _at_most("default", "cpu_us", 4.5, "µs"), "≤ 4.5 µs"),
    Goal("start to first commit with a backlog", ("default",),
         _at_most("default", "first_commit", 2, "s"), "≤ 2 s"),
    Goal("resident memory at full backlog, at most", ("default",),
         _at_most("default", "resident_mib", 512 + 64, "MiB"), "≤ budget 512 + 64 MiB"),
    Goal("start to first commit with a million keys and two million subscriptions", (LARGEST,),
         _at_most(LARGEST, "first_commit", 5, "s"), "≤ 5 s"),
    Goal("what they cost in memory, beside a thousand keys", ("keys-cost",),
         _at_most("keys-cost", "resident_mib", 150, "MiB"), "≤ 150 MiB"),
    *(Goal(f"event to visible at {rate:,} a second", (f"latency-{rate}",), _latency(f"latency-{rate}", p50, p99),
           f"p50 ≤ {p50} s, p99 ≤ {p99} s") for rate, p50, p99 in ((100, 0.1, 0.5), (1_000, 0.3, 0.5),
                                                                   (20_000, 0.3, 0.5))),
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
The time of the upserts is that of pg_stat_statements, triggers included; a lane's phase `upsert` has
beside it the wait for the transaction of the other lane.
A program is killed as soon as a quarter, half and three quarters of a topic without duplicates are seen
committed, and started again at once. Lost are events without a row, counted twice are those that the
quotas have too often. That a program shows none may be luck; the daemon must.
"""


def markdown(results: Results, setting: Setting) -> str:
    lines = [
        "# Results", "",
        f"{setting.date}, commit {setting.commit}; {setting.machine}; {setting.versions}.",
        f"Median of {setting.runs} run(s), lowest and highest in brackets.", "",
        "```", setting.command, "```", "",
        "![events a second](results.svg)", "",
        "| way | events | events/s | of the ceiling | its CPU, µs an event "
        "| PostgreSQL CPU, µs an event | after 3 × SIGKILL: lost / counted twice |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [_rate_row(results, way) for way in WAYS if results.has(way.case)]
    lines += ["", "| goal | measured | wanted | met |", "|---|---:|---:|---|"]
    for goal in GOALS:
        if not all(results.has(case) for case in goal.needs):
            continue
        measured, met = goal.measured(results)
        is_met = "–" if goal.goal == "–" else ("yes" if met else "**no**")
        lines.append(f"| {goal.title} | {measured} | {goal.goal} | {is_met} |")
    lines += ["", *micro.section(results), *_threads(results), *growth.section(results),
              *_curves(results), *profile.section(results.notes), HOW]
    return "\n".join(lines)


def _curves(results: Results) -> list[str]:
    tables = [*writers.section(results), *scale.section(results)]
    return ["## Curves", "", *tables] if tables else []


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
