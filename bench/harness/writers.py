"""More partitions, more writers, and more daemons on one database: what they add, and what they refuse each other."""

from __future__ import annotations

import contextlib
import dataclasses

from .cases import TEMPLATE, Cases
from .daemon import metrics
from .results import Results

# The same for each shape: what the largest one needs.
MEMORY = '[memory]\nbudget = "2GiB"\n'


@dataclasses.dataclass(frozen=True)
class Shape:
    """Of a topic, and of what reads it."""

    partitions: int
    daemons: int
    writers: int  # of each daemon

    @property
    def name(self) -> str:
        return f"writers-{self.partitions}-{self.daemons}x{self.writers}"


SHAPES = (*(Shape(partitions, 1, 2) for partitions in (1, 2, 4, 16, 64)),
          *(Shape(16, 1, writers) for writers in (1, 4, 8, 16)),
          *(Shape(16, daemons, 2) for daemons in (2, 3, 4)))


def measure(cases: Cases, events: int) -> None:
    """The same backlog by each shape into a fresh database."""
    cases.start_broker()
    for shape in SHAPES:
        _run(cases, shape, events)


def _run(cases: Cases, shape: Shape, events: int) -> None:
    topic = f"writers-{shape.partitions}"
    cases.backlog(topic, events, partitions=shape.partitions)
    database = shape.name.replace("-", "_")
    cases.cluster.create(database, TEMPLATE)
    conninfo = cases.cluster.conninfo(database)
    first = cases.configure(database, topic, shape.name, MEMORY)
    first.write_text(first.read_text().replace("[postgres]", f"[postgres]\nwriters = {shape.writers}"))
    others = [cases.daemon.write_shared_config(first, number) for number in range(2, shape.daemons + 1)]
    before = cases.cluster.cpu()
    with contextlib.ExitStack() as stack:
        for config in others:
            stack.enter_context(cases.daemon.start(config))
        ingestion = cases.daemon.ingest(first, conninfo, topic, shape.name, events)
        errors = ingestion.errors + sum(metrics(config)[1] for config in others)
    server = cases.cluster.cpu() - before
    cases.results.add(shape.name, rate=ingestion.rate, running_rate=ingestion.running_rate,
                      postgres_errors=errors, server_cpu_us=server.total / events * 1e6)
    cases.results.events[shape.name] = events


def section(results: Results) -> list[str]:
    """Of RESULTS.md."""
    measured = [shape for shape in SHAPES if results.has(shape.name)]
    if not measured:
        return []
    lines = ["| partitions | daemons | writers of each | events/s | statements refused "
             "| PostgreSQL CPU, µs an event |",
             "|---:|---:|---:|---:|---:|---:|"]
    lines += [f"| {shape.partitions} | {shape.daemons} | {shape.writers} "
              f"| {results.median(shape.name, 'running_rate'):,.0f} "
              f"| {results.median(shape.name, 'postgres_errors'):.0f} "
              f"| {results.median(shape.name, 'server_cpu_us'):.1f} |" for shape in measured]
    return [*lines, ""]
