"""What a row costs when the table holds many rows already: three ways, each grown step by step.

    month     the seed's way: one partition a month with all six indexes
    day       one partition a day with all six indexes
    deferred  one partition a day; the current day has only its primary key

The rows that are there before were ingested rows once; they have new ids, short metadata and times
before the new ones, spread evenly. Indexes are built after each filling, so they are dense.
Each step is measured with all memory, and the large ones with memory for a quarter of the month's
indexes: another process holds the rest.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import pathlib
import re
from collections.abc import Callable, Iterator

from . import indexes, machine, rows
from .cases import DAILY, DEFERRED, TEMPLATE, Cases
from .load import START
from .process import Failure
from .results import Results

MILLION = 1_000_000
SIZES = (1 * MILLION, 5 * MILLION, 20 * MILLION, 50 * MILLION)
SAMPLE = "growth-sample"
SAMPLE_ROWS = 300_000
# Late in a day, so that the current day is nearly as large as a day becomes.
BEGIN = START.replace(hour=20)
FILLED_DAYS = 14
GIB = 2**30
# Of the server while memory is limited; less than twice as much in all would be no real server's.
LIMITED_BUFFERS = GIB // 8
# What the daemon, the broker and psql need beside PostgreSQL's pages.
OTHERS = 3 * GIB // 2

PARTITIONS = "SELECT relid FROM pg_partition_tree('usage_logs')"
TODAY = f"VALUES ('usage_logs_{BEGIN:%Y_%m_%d}'::regclass)"
INDEX_BYTES = "SELECT sum(pg_indexes_size(relid)) FROM pg_partition_tree('usage_logs')"


@dataclasses.dataclass(frozen=True)
class Way:
    """How the table is divided."""

    name: str
    partitions: str  # configuration
    is_deferred: bool = False


WAYS = (Way("month", ""), Way("day", DAILY), Way("deferred", DEFERRED, is_deferred=True))


@dataclasses.dataclass(frozen=True)
class Step:
    """A size of the table, and whether memory is limited."""

    rows: int
    is_limited: bool

    @property
    def name(self) -> str:
        return f"{self.rows // MILLION}m{'-limited' if self.is_limited else ''}"


def case_name(way: str, step: str) -> str:
    return f"growth-{way}-{step}"


class Growth:
    def __init__(self, cases: Cases, events: int, work: pathlib.Path) -> None:
        self._cases = cases
        self._cluster = cases.cluster
        self._events = events
        self._files = rows.Files(work / "growth-rows")
        self._index_bytes: dict[int, int] = {}  # by rows, of the month

    def measure(self, sizes: tuple[int, ...], save: Callable[[], None]) -> None:
        """Saves after each way: one takes up to half an hour."""
        self._cases.start_broker()
        self._cases.backlog(SAMPLE, SAMPLE_ROWS, start=BEGIN)
        self._cases.end_to_end(SAMPLE, SAMPLE_ROWS)
        self._files.export(self._cluster, "run_growth_sample", new_ids=True)
        for way in WAYS:
            self._grow(way, sizes)
            save()

    def _grow(self, way: Way, sizes: tuple[int, ...]) -> None:
        database = f"run_growth_{way.name}"
        self._cluster.create(database, TEMPLATE)
        config = self._cases.configure(database, "none", way.name, way.partitions)
        self._cases.daemon.migrate(config)
        if way.partitions:
            self._cases.make_days(database, BEGIN - datetime.timedelta(days=FILLED_DAYS), BEGIN)
        present = 0
        for size in sizes:
            self._fill(way, database, config, size - present)
            present = size
            self._index_bytes.setdefault(size, int(self._cluster.execute(database, INDEX_BYTES)))
            for is_limited in (False, True):
                present += self._measure_step(way, database, Step(size, is_limited))
        self._cluster.execute("postgres", f"DROP DATABASE {database}")

    def _measure_step(self, way: Way, database: str, step: Step) -> int:
        """The rows that it added."""
        left = self._index_bytes[step.rows] // 4
        if step.is_limited and left < 2 * LIMITED_BUFFERS:
            return 0
        self._publish(step)
        with self._memory_limited(left) if step.is_limited else contextlib.nullcontext():
            added = self._ingest(way, database, step)
            if way.name == "month":
                added += self._copy(database, step)
        return added

    def _publish(self, step: Step) -> dict:
        return self._cases.backlog(f"growth-{step.name}", self._events, "--seed",
                                   str(1000 + step.rows + step.is_limited), start=BEGIN)

    @contextlib.contextmanager
    def _memory_limited(self, left: int) -> Iterator[None]:
        """PostgreSQL's pages, shared_buffers included, have `left` bytes."""
        self._cluster.restart({"shared_buffers": f"{LIMITED_BUFFERS // 2**20}MB"})
        try:
            with machine.memory_reserved(machine.memory_available() - left - OTHERS):
                yield
        finally:
            self._cluster.restart({})

    def _ingest(self, way: Way, database: str, step: Step) -> int:
        cases, topic = self._cases, f"growth-{step.name}"
        sent = self._publish(step)
        self._expect_indexes(database, 1 if way.is_deferred else 6)
        self._cluster.settle()
        before = self._cluster.cpu()
        config = cases.configure(database, topic, way.name, way.partitions)
        ingestion = cases.daemon.ingest(config, self._cluster.conninfo(database), topic, way.name,
                                        self._events)
        server = self._cluster.cpu() - before
        name = case_name(way.name, step.name)
        cases.results.add(name, rate=ingestion.rate, running_rate=ingestion.running_rate,
                          server_cpu_us=server.total / self._events * 1e6,
                          index_gib=int(self._cluster.execute(database, INDEX_BYTES)) / GIB)
        cases.results.events[name] = self._events
        return sent["inserted"]

    def _expect_indexes(self, database: str, expected: int) -> None:
        found = int(self._cluster.execute(database, f"""
            SELECT count(*) FROM pg_index WHERE indrelid = (
                SELECT tableoid FROM usage_logs
                 WHERE created_at >= '{BEGIN.replace(hour=0).isoformat()}' LIMIT 1)"""))
        if found != expected:
            raise Failure(f"the partition of {BEGIN:%Y-%m-%d} has {found} indexes, not {expected}")

    def _copy(self, database: str, step: Step) -> int:
        """The ceiling of this size: rows from files over two connections; the broker is idle."""
        self._files.export(self._cluster, "run_growth_sample", new_ids=True)
        self._cluster.settle()
        before = self._cluster.cpu()
        took = rows.timed_copies(self._cluster, database, [[path] for path in self._files.halves()],
                                 rows.BARE)
        server = self._cluster.cpu() - before
        added = rows.count(self._cluster, "run_growth_sample")
        self._cases.results.add(case_name("ceiling", step.name), rate=added / took, running_rate=added / took,
                                server_cpu_us=server.total / added * 1e6)
        return added

    # -- rows that are there before ------------------------------------------------------------------

    def _fill(self, way: Way, database: str, config: pathlib.Path, missing: int) -> None:
        print(f"    {database}: {missing:,} more rows", flush=True)
        definitions = indexes.drop(self._cluster, database, PARTITIONS)
        rows.multiply(self._cluster, database, self._files.halves(), missing,
                      BEGIN - datetime.timedelta(days=FILLED_DAYS), BEGIN)
        if way.is_deferred:
            self._cases.daemon.index(config)
            # By the clock this day is over, too, so it has got its indexes.
            indexes.drop(self._cluster, database, TODAY)
        else:
            indexes.build(self._cluster, database, definitions)
        self._cluster.execute(database, "VACUUM ANALYZE usage_logs")


def measured(results: Results) -> list[Step]:
    names = re.compile(case_name("month", r"(\d+)m") + "(-limited)?$")
    return [Step(int(match[1]) * MILLION, bool(match[2])) for match in map(names.match, results.figures) if match]


def section(results: Results) -> list[str]:
    """Of RESULTS.md."""
    if not measured(results):
        return []
    lines = ["## Growth", "",
             "Events a second while the month holds that number of rows already, and PostgreSQL's CPU, "
             "µs an event. Limited: memory for a quarter of the month's indexes.", "",
             "![events a second, by rows in the month](growth.svg)", "",
             "| rows | memory | indexes, GiB | ceiling, month | month | day | day, deferred indexes |",
             "|---:|---|---:|---:|---:|---:|---:|"]
    for step in measured(results):
        figures = [_figures(results, case_name(way, step.name)) for way in ("ceiling", *(way.name for way in WAYS))]
        lines.append(f"| {step.rows // MILLION} M | {'limited' if step.is_limited else 'all'} "
                     f"| {results.median(case_name('month', step.name), 'index_gib'):.1f} | {' | '.join(figures)} |")
    return [*lines, ""]


def _figures(results: Results, case: str) -> str:
    """A way that is not measured yet has none."""
    if not results.has(case):
        return "–"
    return f"{results.median(case, 'running_rate'):,.0f} ({results.median(case, 'server_cpu_us'):.1f})"
