"""From a thousand keys to a million: what a start, a row and memory pay for them."""

from __future__ import annotations

from . import indexes
from .cases import GROUP, Cases
from .load import START
from .results import Results

# By thousands of keys: five keys to four users, two subscriptions to a key.
POPULATIONS = {thousands: ("--users", str(800 * thousands), "--subscriptions", str(2_000 * thousands))
               for thousands in (1, 10, 100, 1_000)}
SMALLEST, LARGEST = min(POPULATIONS), max(POPULATIONS)

# What the trigger on api_keys does for each key, and migration 0021 for those that are there.
REMEMBER_KEYS = """
INSERT INTO usage_ingest.key_history (key_hash, kind, api_key_id)
SELECT seen.hash, seen.kind, k.id FROM api_keys k, LATERAL (VALUES
  (lower(k.key_hash), 'key_hash'),
  (encode(sha256(convert_to(nullif(k.lite_llm_key_value, ''), 'UTF8')), 'hex'), 'value_sha256'))
  AS seen(hash, kind)
WHERE seen.hash <> ''"""

TABLES = "VALUES ('users'::regclass), ('subscriptions'), ('api_keys'), ('api_key_models')"


def case_name(thousands: int) -> str:
    return f"keys-{thousands}k"


def prepare(cases: Cases, database: str, population: tuple[str, ...]) -> None:
    """The population, without the triggers and constraints that would take an hour for the largest one."""
    cluster = cases.cluster
    cluster.create(database)
    cases.daemon.migrate(cases.configure(database, "none"))
    definitions = indexes.drop(cluster, database, TABLES)
    bare = f"{cluster.conninfo(database)} options='-c session_replication_role=replica'"
    cases.load.seed(bare, *population)
    indexes.build(cluster, database, definitions)
    cluster.execute(database, REMEMBER_KEYS)
    cluster.execute(database, f"SELECT usage_ingest.ensure_partition('{START:%Y-%m-%d}')")
    cluster.execute(database, "VACUUM ANALYZE")


def measure(cases: Cases, events: int) -> None:
    """The same number of events of each population: the difference is theirs."""
    cases.start_broker()
    for thousands, population in POPULATIONS.items():
        _run(cases, case_name(thousands), population, events)
    largest, smallest = (cases.results.median(case_name(size), "resident_mib") for size in (LARGEST, SMALLEST))
    cases.results.add("keys-cost", resident_mib=largest - smallest)


def _run(cases: Cases, name: str, population: tuple[str, ...], events: int) -> None:
    database = f"run_{name}".replace("-", "_")
    prepare(cases, database, population)
    cases.backlog(name, events, *population)
    cases.cluster.settle()
    before = cases.cluster.cpu()
    config = cases.configure(database, name)
    ingestion = cases.daemon.ingest(config, cases.cluster.conninfo(database), name, GROUP, events)
    server = cases.cluster.cpu() - before
    used = cases.cluster.execute(database, "SELECT count(DISTINCT (api_key_id, model_id)) FROM usage_logs")
    cases.results.add(name, rate=ingestion.rate, running_rate=ingestion.running_rate,
                      first_commit=ingestion.first_commit, resident_mib=ingestion.resident_bytes / 2**20,
                      server_cpu_us=server.total / events * 1e6, used=int(used))
    cases.results.events[name] = events


def section(results: Results) -> list[str]:
    """Of RESULTS.md."""
    if not results.has("keys-cost"):
        return []
    lines = ["| keys | subscriptions | pairs of key and model used | events/s | PostgreSQL CPU, µs an event "
             "| first commit, s | memory, MiB |", "|---:|---:|---:|---:|---:|---:|---:|"]
    for thousands in POPULATIONS:
        case = case_name(thousands)
        lines.append(f"| {thousands * 1000:,} | {thousands * 2000:,} | {results.median(case, 'used'):,.0f} "
                     f"| {results.median(case, 'running_rate'):,.0f} | {results.median(case, 'server_cpu_us'):.1f} "
                     f"| {results.median(case, 'first_commit'):.2f} | {results.median(case, 'resident_mib'):.0f} |")
    return [*lines, ""]
