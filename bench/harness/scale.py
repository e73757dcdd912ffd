"""A million keys and two million subscriptions: what a start, and memory, pay for them."""

from __future__ import annotations

from .cases import GROUP, TEMPLATE, Cases
from .load import START

# Five keys to four users.
LARGE = ("--users", "800000", "--subscriptions", "2000000")
DATABASE = "run_scale"

# What the trigger on api_keys does for each key, and migration 0021 for those that are there.
REMEMBER_KEYS = """
INSERT INTO usage_ingest.key_history (key_hash, kind, api_key_id)
SELECT seen.hash, seen.kind, k.id FROM api_keys k, LATERAL (VALUES
  (lower(k.key_hash), 'key_hash'),
  (encode(sha256(convert_to(nullif(k.lite_llm_key_value, ''), 'UTF8')), 'hex'), 'value_sha256'))
  AS seen(hash, kind)
WHERE seen.hash <> ''"""


# Those that no constraint stands on. They are made again when the tables are full, which takes a
# quarter of the time.
INDEXES = """
SELECT i.indexrelid::regclass, pg_get_indexdef(i.indexrelid) FROM pg_index i
WHERE i.indrelid IN ('users'::regclass, 'subscriptions'::regclass, 'api_keys'::regclass,
                     'api_key_models'::regclass)
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)"""


def prepare(cases: Cases) -> None:
    """The large population, once, without the triggers and constraints that would take an hour."""
    cluster = cases.cluster
    cluster.create(DATABASE)
    cases.daemon.migrate(cases.daemon.write_config(cluster.conninfo(DATABASE),
                                                   cases.broker.brokers, "none"))
    indexes = [line.split("|", 1) for line in cluster.execute(DATABASE, INDEXES).splitlines()]
    cluster.execute(DATABASE, "; ".join(f"DROP INDEX {name}" for name, _ in indexes))
    bare = f"{cluster.conninfo(DATABASE)} options='-c session_replication_role=replica'"
    cases.load.seed(bare, *LARGE)
    cluster.execute(DATABASE, "; ".join(["SET maintenance_work_mem = '512MB'"]
                                        + [definition for _, definition in indexes]))
    cluster.execute(DATABASE, REMEMBER_KEYS)
    cluster.execute(DATABASE, f"SELECT usage_ingest.ensure_partition('{START:%Y-%m-%d}')")
    cluster.execute(DATABASE, "VACUUM ANALYZE")


def measure(cases: Cases, events: int) -> None:
    """The same number of events of a small and of the large population: the difference is theirs."""
    cases.start_broker()
    cases.cluster.create("run_scale_small", TEMPLATE)
    _run(cases, "scale-small", "run_scale_small", events)
    prepare(cases)
    keys, subscriptions = cases.cluster.execute(
        DATABASE, "SELECT (SELECT count(*) FROM api_keys), (SELECT count(*) FROM subscriptions)"
    ).strip().split("|")
    _run(cases, "scale", DATABASE, events, *LARGE)
    used = cases.cluster.execute(
        DATABASE, "SELECT count(DISTINCT (api_key_id, model_id)) FROM usage_logs").strip()
    cases.results.note("scale", keys=int(keys), subscriptions=int(subscriptions), used=int(used))
    cases.results.add("scale-cost", resident_mib=cases.results.median("scale", "resident_mib")
                      - cases.results.median("scale-small", "resident_mib"))


def _run(cases: Cases, name: str, database: str, events: int, *population: str) -> None:
    cases.load.backlog(cases.broker.brokers, name, events, *population)
    conninfo = cases.cluster.conninfo(database)
    cases.cluster.settle()
    config = cases.daemon.write_config(conninfo, cases.broker.brokers, name, GROUP)
    ingestion = cases.daemon.ingest(config, conninfo, name, GROUP, events)
    cases.results.add(name, rate=ingestion.rate, first_commit=ingestion.first_commit,
                      resident_mib=ingestion.resident_bytes / 2**20)
    cases.results.events[name] = events
