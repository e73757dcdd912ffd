"""More writers, and more daemons, on one database: what they add, and what they refuse each other."""

from __future__ import annotations

import contextlib

from .cases import TEMPLATE, Cases
from .daemon import metrics

TOPIC = "writers"
PARTITIONS = 16
# (daemons, writers of each)
SHAPES = ((1, 1), (1, 2), (1, 4), (1, 8), (1, 16), (2, 2), (3, 2))
# The same for each shape: what the largest one needs.
MEMORY = '[memory]\nbudget = "2GiB"\n'


def case_name(daemons: int, writers: int) -> str:
    return f"writers-{daemons}x{writers}"


def measure(cases: Cases, events: int) -> None:
    """The same backlog by each shape into a fresh database."""
    cases.start_broker()
    cases.load.backlog(cases.broker.brokers, TOPIC, events, partitions=PARTITIONS)
    for daemons, writers in SHAPES:
        _run(cases, daemons, writers, events)


def _run(cases: Cases, daemons: int, writers: int, events: int) -> None:
    name = case_name(daemons, writers)
    database = name.replace("-", "_")
    cases.cluster.create(database, TEMPLATE)
    conninfo = cases.cluster.conninfo(database)
    first = cases.daemon.write_config(conninfo, cases.broker.brokers, TOPIC, name, MEMORY)
    first.write_text(first.read_text().replace("[postgres]", f"[postgres]\nwriters = {writers}"))
    others = [cases.daemon.write_shared_config(first, number) for number in range(2, daemons + 1)]
    before = cases.cluster.cpu()
    with contextlib.ExitStack() as stack:
        for config in others:
            stack.enter_context(cases.daemon.start(config))
        ingestion = cases.daemon.ingest(first, conninfo, TOPIC, name, events)
        errors = ingestion.errors + sum(metrics(config)[1] for config in others)
    server = cases.cluster.cpu() - before
    cases.results.add(name, rate=ingestion.rate, running_rate=ingestion.running_rate,
                      postgres_errors=errors, server_cpu_us=server.total / events * 1e6)
    cases.results.events[name] = events
    print(f"{daemons} daemon(s) of {writers} writer(s): {ingestion.running_rate:,.0f} events/s, "
          f"{errors:.0f} refused, PostgreSQL {server.total / events * 1e6:.1f} us of CPU an event",
          flush=True)
