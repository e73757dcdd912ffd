"""What is measured, one method a case. A case leaves its figures in `results`."""

from __future__ import annotations

import datetime
import pathlib
import time

from . import rows
from .daemon import Daemon, Ingestion
from .kafka import Broker
from .load import PARTITIONS, START, Load
from .peer import Endpoints, Peer
from .postgres import Cluster
from .process import Failure
from .results import Results

TEMPLATE = "seeded"
GROUP = "usage-ingestd"
WARM_UP_EVENTS = 100_000
DAILY = '[partitions]\nby = "day"\n'
DEFERRED = DAILY + 'indexes = "deferred"\n'
# Of summaries, history and quotas, with what their triggers do.
UPSERTS = ("%INSERT INTO public.usage_summaries%", "%INSERT INTO usage_ingest.usage_daily%",
           "%UPDATE public.subscriptions%")


def _an_event(seconds: dict[str, float], events: int) -> dict[str, float]:
    return {name: value / events * 1e6 for name, value in seconds.items()}


class Cases:
    """The parts, and the state that one case leaves for another: topics and files of rows."""

    def __init__(self, *, cluster: Cluster, broker: Broker, daemon: Daemon, load: Load,
                 peers: list[Peer], work: pathlib.Path, results: Results, sql: pathlib.Path) -> None:
        self.cluster = cluster
        self.broker = broker
        self.daemon = daemon
        self.load = load
        self.peers = {peer.name: peer for peer in peers}
        self.results = results
        self.sql = sql
        self._files = rows.Files(work / "rows")
        self._sent: dict[str, dict] = {}
        self._exported = 0

    # -- set-up ----------------------------------------------------------------------------------

    def prepare(self) -> None:
        """A migrated database with the population and its partition, to be cloned by each case."""
        self.cluster.create(TEMPLATE)
        self.daemon.migrate(self.configure(TEMPLATE, "none"))
        self.load.seed(self.cluster.conninfo(TEMPLATE))
        self.cluster.execute(TEMPLATE, f"SELECT usage_ingest.ensure_partition('{START:%Y-%m-%d}')")
        self.cluster.execute(TEMPLATE, "VACUUM ANALYZE")

    def start_broker(self) -> None:
        """A broker that has served before. A new JVM compiles itself during the first case (4 % of
        both cores, `perf record -a`), and a new cluster makes its offsets topic for the first group."""
        if not self.broker.start():
            return
        self.backlog("warm-up", WARM_UP_EVENTS)
        self.cluster.create("run_warm_up", TEMPLATE)
        self._ingest("run_warm_up", "warm-up", GROUP, WARM_UP_EVENTS)

    def configure(self, database: str, topic: str, group: str = GROUP, more: str = "") -> pathlib.Path:
        return self.daemon.write_config(self.cluster.conninfo(database), self.broker.brokers, topic,
                                        group, more)

    def backlog(self, topic: str, events: int, *options: str, partitions: int = PARTITIONS,
                start: datetime.datetime = START) -> dict:
        """Published once, read by every run of the case."""
        if topic not in self._sent:
            self._sent[topic] = self.load.backlog(self.broker.brokers, topic, events, *options,
                                                  partitions=partitions, start=start)
        return self._sent[topic]

    def make_days(self, database: str, begin: datetime.datetime, end: datetime.datetime) -> None:
        """Partitions of these days, in the place of the month that the template has."""
        months = self.cluster.execute(database, f"""
            SELECT name FROM usage_ingest.partitions_of_usage_logs()
             WHERE from_time <= '{end.isoformat()}' AND to_time > '{begin.isoformat()}'""").split()
        self.cluster.execute(database, "; ".join(f"DROP TABLE {month}" for month in months))
        for day in range((end.date() - begin.date()).days + 1):
            self.cluster.execute(
                database, f"SELECT usage_ingest.ensure_partition('{begin + datetime.timedelta(day):%Y-%m-%d}')")

    # -- the daemon ------------------------------------------------------------------------------

    def end_to_end(self, name: str, events: int, *options: str) -> None:
        """A backlog in Kafka into a fresh database; the totals must match."""
        self.start_broker()
        sent = self.backlog(name, events, *options)
        database = f"run_{name}".replace("-", "_")
        self.cluster.create(database, TEMPLATE)
        before = self.cluster.cpu()
        ingestion = self._ingest(database, name, GROUP, events)
        server = self.cluster.cpu() - before
        self._check_totals(database, sent)
        self.results.add(name, rate=ingestion.rate, running_rate=ingestion.running_rate,
                         cpu_us=ingestion.cpu_us, first_commit=ingestion.first_commit,
                         resident_mib=ingestion.resident_bytes / 2**20,
                         server_cpu_us=server.total / events * 1e6,
                         upsert_us=self.cluster.statement_seconds(database, UPSERTS) / events * 1e6,
                         postgres_errors=ingestion.errors)
        self.results.note(name, mean_bytes=sent["bytes"] / sent["records"],
                          cpu_threads=_an_event(ingestion.cpu_threads, events),
                          phases=_an_event(ingestion.phases, events))
        self.results.events[name] = events

    def _ingest(self, database: str, topic: str, group: str, events: int) -> Ingestion:
        return self.daemon.ingest(self.configure(database, topic, group),
                                  self.cluster.conninfo(database), topic, group, events)

    def _check_totals(self, database: str, sent: dict) -> None:
        found = self.cluster.execute(database, """
            SELECT (SELECT count(*) FROM usage_logs), sum(inserted), sum(duplicates),
                   (SELECT sum(total_tokens) FROM usage_logs),
                   (SELECT sum(used_requests) FROM subscriptions),
                   (SELECT sum(request_count) FROM usage_summaries WHERE period_type = 'month'),
                   (SELECT (sum(total_cost) * 1000000)::bigint FROM usage_logs)
            FROM usage_ingest.kafka_offsets""").strip().split("|")
        inserted, tokens = sent["inserted"], sent["request_tokens"] + sent["response_tokens"]
        expected = [inserted, inserted, sent["duplicates"], tokens, inserted, inserted,
                    sent["cost_micros"]]
        if found != [str(number) for number in expected]:
            raise Failure(f"the totals do not match: expected {expected}, found {found}")

    def deferred(self, source: str, events: int) -> None:
        """The topic of `source` into a daily partition without its other five indexes; then they are built."""
        self.start_broker()
        sent = self.backlog(source, events)
        database, group = "run_deferred", "deferred"
        self.cluster.create(database, TEMPLATE)
        config = self.configure(database, source, group, DEFERRED)
        self.daemon.migrate(config)
        self.make_days(database, START, START)
        self.cluster.settle()
        before = self.cluster.cpu()
        ingestion = self.daemon.ingest(config, self.cluster.conninfo(database), source, group, events)
        server = self.cluster.cpu() - before
        self._check_totals(database, sent)
        self.results.add("deferred", rate=ingestion.rate, running_rate=ingestion.running_rate,
                         cpu_us=ingestion.cpu_us, resident_mib=ingestion.resident_bytes / 2**20,
                         server_cpu_us=server.total / events * 1e6)
        began = time.monotonic()
        self.daemon.index(config)
        took = time.monotonic() - began
        server = self.cluster.cpu() - before
        missing = self.cluster.execute(database, "SELECT count(*) FROM usage_ingest.partition_indexes"
                                       " WHERE to_time < now() AND state <> 'valid'").strip()
        if missing != "0":
            raise Failure(f"{missing} deferred indexes were not built")
        self.results.add("deferred-built", rate=events / (ingestion.last_commit + took),
                         server_cpu_us=server.total / events * 1e6, build_seconds=took)
        self.results.events["deferred"] = self.results.events["deferred-built"] = events

    def duplicates(self, first: str, events: int) -> None:
        """The topic of `first` again into the database that holds it all already."""
        self.start_broker()
        database = f"run_{first}".replace("-", "_")
        self.cluster.settle()
        group = f"again-{time.monotonic_ns()}"
        ingestion = self._ingest(database, first, group, events)
        inserted = int(self.cluster.execute(
            database,
            f"SELECT sum(inserted) FROM usage_ingest.kafka_offsets WHERE group_id = '{group}'"))
        if inserted != 0:
            raise Failure(f"{inserted} rows were inserted a second time")
        self.results.add("duplicates", rate=ingestion.rate, running_rate=ingestion.running_rate,
                         cpu_us=ingestion.cpu_us)
        self.results.events["duplicates"] = events

    def latency(self, rate: int, seconds: int) -> None:
        """Live events at a steady rate: from Send() to the first look that sees them committed."""
        self.start_broker()
        name = f"latency-{rate}"
        topic = f"{name}-{time.monotonic_ns()}"
        self.cluster.create("run_latency", TEMPLATE)
        conninfo = self.cluster.conninfo("run_latency")
        # The topic exists, and a first event is through, before the clock counts.
        self.load.backlog(self.broker.brokers, topic, 1)
        config = self.configure("run_latency", topic)
        with self.daemon.start(config) as process:
            self._wait_for_rows("run_latency", process)
            report = self.load.produce(
                self.broker.brokers, topic, rate * seconds, "--live", "--rate", str(rate),
                "--seed", "2", "--watch", conninfo, "--await", "60")
            process.check()
            process.stop()
        measured = report["latency_seconds"]
        self.results.add(name, p50=measured["p50"], p99=measured["p99"], max=measured["max"],
                         achieved=report["records_per_second"])
        self.results.events[name] = rate * seconds

    def _wait_for_rows(self, database: str, process) -> None:
        for _ in range(300):
            process.check()
            if rows.count(self.cluster, database) > 0:
                return
            time.sleep(0.1)
        raise Failure("the first event did not arrive")

    # -- what it is compared with ------------------------------------------------------------------

    def ceiling(self, source: str) -> None:
        """The very same rows, from files, two connections, nothing else running."""
        database = f"run_{source}".replace("-", "_")
        if self._exported == 0:
            self._files.export(self.cluster, database)
            self._exported = rows.count(self.cluster, database)
        self.broker.stop()
        self.cluster.create("run_ceiling", TEMPLATE)
        before = self.cluster.cpu()
        took = rows.timed_copies(self.cluster, "run_ceiling",
                                 [[path] for path in self._files.halves()], rows.BARE)
        server = self.cluster.cpu() - before
        self._expect("run_ceiling", self._exported)
        rate = self._exported / took
        self.results.add("ceiling", rate=rate, running_rate=rate,
                         server_cpu_us=server.total / self._exported * 1e6)
        self.results.events["ceiling"] = self._exported

    def insert_per_row(self, source: str, sample: int) -> None:
        """The status quo: one INSERT a row, autocommit, the seed's trigger, one connection."""
        script = self._files.export_inserts(self.cluster, f"run_{source}", sample)
        self._rival("insert-per-row", "seed_trigger.sql", sample,
                    lambda database: rows.timed_script(self.cluster, database, script))

    def copy_with_row_trigger(self, source: str, sample: int) -> None:
        """COPY in transactions of 5,000 rows with the seed's trigger, one connection."""
        files = self._files.export_batches(self.cluster, f"run_{source}", sample, 5_000)
        self._rival("copy-row-trigger", "seed_trigger.sql", sample,
                    lambda database: rows.timed_copies(self.cluster, database, [files]))

    def copy_with_statement_trigger(self, source: str, sample: int, lanes: int) -> None:
        """COPY in transactions of 10,000 rows with a statement-level trigger."""
        files = self._files.export_batches(self.cluster, f"run_{source}", sample, 10_000)
        self._rival(f"copy-statement-trigger-{lanes}", "statement_trigger.sql", sample,
                    lambda database: rows.timed_copies(self.cluster, database,
                                                       rows.interleave(files, lanes)))

    def peer(self, name: str, sample: int) -> None:
        """A consumer of bench/peers on the topic of `default`. Some leave its duplicates out."""
        peer = self.peers[name]
        if missing := peer.missing():
            print(f"    without {name}: {missing}", flush=True)
            return
        self.start_broker()
        self.cluster.create("run_rival", TEMPLATE)
        self.cluster.execute_file("run_rival", self.sql / peer.trigger)
        endpoints = Endpoints(self.broker.brokers, "default", f"{name}-{time.monotonic_ns()}",
                              self.cluster.conninfo("run_rival"))
        measured = peer.ingest(endpoints, sample, self.cluster)
        self._expect_counted("run_rival", rows.count(self.cluster, "run_rival"))
        self.results.add(name, rate=measured.events / measured.seconds,
                         cpu_us=measured.cpu / measured.events * 1e6,
                         server_cpu_us=measured.server_cpu / measured.events * 1e6)
        self.results.events[name] = measured.events

    def _rival(self, name: str, trigger: str, sample: int, timed) -> None:
        self.broker.stop()
        self.cluster.create("run_rival", TEMPLATE)
        self.cluster.execute_file("run_rival", self.sql / trigger)
        before = self.cluster.cpu()
        took = timed("run_rival")
        server = self.cluster.cpu() - before
        self._expect("run_rival", sample)
        self._expect_counted("run_rival", sample)
        self.results.add(name, rate=sample / took, server_cpu_us=server.total / sample * 1e6)
        self.results.events[name] = sample

    def _expect(self, database: str, expected: int) -> None:
        found = rows.count(self.cluster, database)
        if found != expected:
            raise Failure(f"{database} holds {found} rows, not {expected}")

    def _expect_counted(self, database: str, expected: int) -> None:
        found = int(self.cluster.execute(database, "SELECT sum(used_requests) FROM subscriptions"))
        if found != expected:
            raise Failure(f"{database}: the trigger counted {found} rows, not {expected}")
