#!/usr/bin/env python3
"""Writes grafana-dashboard.json, next to this file. The panels are here; the JSON is generated, and a
test compares the two. Import the JSON in Grafana (10 or later) and choose the Prometheus source."""

import dataclasses
import json
from pathlib import Path

# The label tenant is there when usage is split by tenant (docs/scaling.md); ".*" matches its absence, too.
SELECT = 'tenant=~"$tenant", instance=~"$instance"'
JOB = f'job="usage-ingestd", {SELECT}'
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
SCHEMA_VERSION = 41
ROW_WIDTH = 24
GREEN, ORANGE, RED = "green", "orange", "red"


def rate(name: str, by: str) -> str:
    return f"sum by ({by}) (rate(usage_ingest_{name}{{{SELECT}}}[$__rate_interval]))"


def increase(name: str, over: str, by: str = "") -> str:
    return f"sum{by and f' by ({by})'} (increase(usage_ingest_{name}{{{SELECT}}}[{over}]))"


def quantile(q: float, name: str, by: str = "") -> str:
    inner = f"sum by (le{by and ', ' + by}) (rate(usage_ingest_{name}_bucket{{{SELECT}}}[$__rate_interval]))"
    return f"histogram_quantile({q}, {inner})"


def gauge(name: str, aggregate: str = "", by: str = "") -> str:
    series = f"usage_ingest_{name}{{{SELECT}}}"
    return f"{aggregate}{by and f' by ({by})'} ({series})" if aggregate else series


@dataclasses.dataclass
class Plot:
    """Values over time."""
    title: str
    unit: str
    queries: list[tuple[str, str]]  # expression, legend
    description: str = ""
    height = 8

    def json(self) -> dict:
        return {
            "type": "timeseries",
            "fieldConfig": {"defaults": {"unit": self.unit, "min": 0, "custom": {"fillOpacity": 10, "showPoints": "never"}}, "overrides": []},
            "options": {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
                        "tooltip": {"mode": "multi", "sort": "desc"}},
            "targets": [target(i, expr, legend) for i, (expr, legend) in enumerate(self.queries)],
        }


@dataclasses.dataclass
class Now:
    """One number and a colour. It is asked for the present only, so a daemon that is away does not show its last
    value; what is not there is unknown, and red."""
    title: str
    unit: str
    query: str
    steps: list[tuple[float | None, str]]  # from which value, which colour
    words: dict[int, str] = dataclasses.field(default_factory=dict)  # for a value
    description: str = ""
    height = 4

    def json(self) -> dict:
        colours = [colour for _, colour in self.steps]
        mappings: list[dict] = [{"type": "special", "options": {"match": "null+nan", "result": {"text": "unknown", "color": RED, "index": 0}}}]
        if self.words:
            mappings.append({"type": "value", "options": {str(value): {"text": text, "color": colours[value], "index": value + 1}
                                                          for value, text in self.words.items()}})
        return {
            "type": "stat",
            "fieldConfig": {"defaults": {"unit": self.unit, "noValue": "unknown", "mappings": mappings,
                                         "color": {"mode": "thresholds"},
                                         "thresholds": {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in self.steps]}},
                            "overrides": []},
            "options": {"reduceOptions": {"values": False, "calcs": ["last"], "fields": ""}, "orientation": "auto", "textMode": "auto",
                        "colorMode": "background", "graphMode": "none", "justifyMode": "auto"},
            "targets": [target(0, self.query, "") | {"instant": True, "range": False}],
        }


def target(number: int, expr: str, legend: str) -> dict:
    return {"refId": chr(65 + number), "expr": expr, "legendFormat": legend, "datasource": SOURCE}


UP = [(None, RED), (1.0, GREEN)]
ROWS: list[tuple[str, list[Plot | Now]]] = [
    ("Is it healthy?", [
        Now("Ready", "none", f"{gauge('ready', 'min')} or vector(0)", UP, {0: "no", 1: "yes"}, "What /readyz says; the worst instance."),
        Now("Kafka", "none", f"{gauge('kafka_up', 'min')} or vector(0)", UP, {0: "away", 1: "joined"}, "The consumer group."),
        Now("PostgreSQL", "none", f"{gauge('postgres_up', 'min')} or vector(0)", UP, {0: "away", 1: "connected"}),
        # max() leaves NaN out, which is how an unknown lag may be exposed; the sum keeps it.
        Now("Lag", "s", f"{gauge('lag_seconds', 'max')} + 0 * {gauge('lag_seconds', 'sum')}", [(None, GREEN), (60, ORANGE), (300, RED)],
            description="Age of the oldest record that is not committed. UsageIngestLagging fires above 300 s."),
        Now("Records lost, 24 h", "short", increase("offset_gap_records_total", "24h"), [(None, GREEN), (1, RED)],
            description="Kafka deleted them before they were read: see UsageIngestRecordsLost."),
        Now("Dead letters waiting", "short", f"sum({gauge('dead_letters_pending', 'max', 'tenant, reason')})", [(None, GREEN), (1, ORANGE), (1000, RED)],
            description="Usage that is not billed yet: usage-ingestd dead-letters list"),
        Now("Partitions of usage_logs for", "s", gauge("partition_runway_seconds", "min"), [(None, RED), (14 * 86400, GREEN)]),
        Now("Alerts that fire", "short", 'count(ALERTS{alertname=~"UsageIngest.*", alertstate="firing", severity!="info"}) or vector(0)',
            [(None, GREEN), (1, RED)], description="The rules are in alerts.yaml, what to do in docs/operations.md."),
    ]),
    ("Lag", [
        Plot("Lag in time", "s", [(gauge("lag_seconds", "max", "tenant, topic, partition"), "{{topic}}/{{partition}} {{tenant}}")],
             "Age of the oldest record that is not committed yet. A hole: unknown."),
        Plot("Lag in records", "short", [(gauge("lag_records", "sum", "tenant, topic, partition"), "{{topic}}/{{partition}} {{tenant}}")]),
        Plot("Partitions that are not read", "short",
             [(gauge("partition_stuck", "max", "tenant, topic, partition, reason"), "{{topic}}/{{partition}} {{reason}} {{tenant}}")],
             description="/readyz gives the offset and what to do."),
        Plot("Time to catch up", "s", [(f"{gauge('lag_records', 'sum')} / (-sum(deriv(usage_ingest_lag_records{{{SELECT}}}[5m])) > 0)", "all")],
             "The lag divided by the speed at which it falls. A hole: it does not fall."),
        Plot("From LiteLLM to commit", "s", [(quantile(0.5, "event_to_commit_seconds"), "median"), (quantile(0.99, "event_to_commit_seconds"), "99 %")],
             "From the record's Kafka timestamp to the COMMIT."),
    ]),
    ("Throughput", [
        Plot("Events by outcome", "ops", [
            (rate("events_total", "outcome"), "{{outcome}}"),
            (f"sum(rate(usage_ingest_records_total{{{SELECT}}}[$__rate_interval]))", "Kafka records")], "What became of the events that were read."),
        Plot("Batch size", "short", [(quantile(0.5, "batch_rows"), "rows, median"), (quantile(0.95, "batch_rows"), "rows, 95 %")],
             "Few rows without lag: little load. Few rows with lag: PostgreSQL is slow to answer."),
        Plot("Bytes of a batch", "bytes", [(quantile(0.95, "batch_bytes"), "95 %")]),
        Plot("Queue and its bound", "bytes", [(gauge("queue_bytes"), "{{instance}}"), (gauge("queue_bytes_limit"), "{{instance}} bound")],
             "At the bound the consumer stops reading."),
        Plot("Queue in records", "short", [(gauge("queue_records"), "{{instance}}")]),
        Plot("Paused, by reason", "short", [(gauge("paused"), "{{instance}} {{reason}}")]),
    ]),
    ("Errors", [
        Plot("Kafka errors", "ops", [(rate("kafka_errors_total", "class"), "{{class}}")]),
        Plot("PostgreSQL errors", "ops", [(rate("postgres_errors_total", "class"), "{{class}}")],
             "transient is retried, data becomes a dead letter, fatal needs an operator."),
        Plot("Lost in Kafka, suspended", "short", [(increase("offset_gap_records_total", "1h"), "records lost"),
                                                   (increase("log_changes_total", "1h"), "logs replaced"),
                                                   (increase("subscriptions_suspended_total", "1h"), "subscriptions suspended"),
                                                   (increase("quota_warnings_total", "1h"), "quota warnings"),
                                                   (increase("quota_periods_started_total", "1h"), "quota periods started")],
             "Sums of the last hour."),
        Plot("Group", "short", [(increase("rebalances_total", "1h", "instance"), "{{instance}} assignments"),
                                (increase("fenced_total", "1h", "instance"), "{{instance}} fenced")],
             "Assignments and fenced batches of the last hour."),
    ]),
    ("Time by phase", [
        Plot("Mean", "s", [(f"{rate('batch_seconds_sum', 'phase')} / {rate('batch_seconds_count', 'phase')}", "{{phase}}")]),
        Plot("99 %", "s", [(quantile(0.99, "batch_seconds", "phase"), "{{phase}}")]),
        Plot("Seconds of work in a second", "s", [(rate("batch_seconds_sum", "phase"), "{{phase}}")],
             "The lanes work at the same time: with N writers the sum is at most about 2 N."),
    ]),
    ("Dead letters", [
        Plot("Dead letters by reason", "ops", [
            (rate("dead_letters_total", "reason"), "{{reason}}"),
            (f"sum(rate(usage_ingest_dead_letters_healed_total{{{SELECT}}}[$__rate_interval]))", "healed")], "usage-ingestd dead-letters list"),
        Plot("Dead letters waiting", "short", [(gauge("dead_letters_pending", "max", "tenant, reason"), "{{reason}} {{tenant}}")]),
        Plot("Skipped by reason", "ops", [(rate("skipped_total", "reason"), "{{reason}}")],
             "Without an owner: health checks, unknown keys, tombstones."),
    ]),
    ("PostgreSQL", [
        Plot("Connected", "short", [(gauge("postgres_up"), "{{instance}}")], "1: PostgreSQL answers every session."),
        Plot("Copy, upsert and commit, 99 %", "s", [
            (f'histogram_quantile(0.99, sum by (le, phase) (rate(usage_ingest_batch_seconds_bucket{{{SELECT}, phase=~"copy|upsert|commit"}}[$__rate_interval])))',
             "{{phase}}")], "Locks, disk, a missing index, autovacuum."),
        Plot("Rows missing", "short", [(gauge("sampled_rows_missing", "max", "tenant, job"), "samples {{tenant}}")],
             "Above 0: rows of usage_logs were truncated, deleted, or lost by a restore."),
        Plot("Partitions of usage_logs last for", "s", [(gauge("partition_runway_seconds", "min", "tenant, job"), "runway {{tenant}}")]),
        Plot("Held and overdue", "s", [(gauge("batch_held_seconds"), "{{instance}} batch held"),
                                       (gauge("retention_overdue_seconds", "max", "tenant, job"), "retention overdue {{tenant}}")],
             "How long one batch has been tried again; how long the oldest partition is kept beyond the retention."),
        Plot("Deferred indexes", "short", [(gauge("partitions_waiting_for_indexes", "max", "tenant, job"), "days waiting {{tenant}}"),
                                           (gauge("indexes_not_deferred", "max", "tenant, job"), "not deferred {{tenant}}"),
                                           (f"max by (tenant, job) (delta(usage_ingest_indexes_built{{{SELECT}}}[1h]))", "built in an hour {{tenant}}"),
                                           (f"max by (tenant, job) (delta(usage_ingest_index_build_seconds{{{SELECT}}}[1h]))", "seconds of building in an hour {{tenant}}")],
             "Days that are over and lack indexes; indexes that slow down each row although they should be deferred."),
        Plot("Copy path", "short", [(gauge("copy_path"), "{{instance}} {{path}}")], "constraints is about half as fast."),
    ]),
    ("Process", [
        Plot("Ready, Kafka", "short", [(gauge("ready"), "{{instance}} ready"), (gauge("kafka_up"), "{{instance}} Kafka")]),
        Plot("CPU", "short", [(f"rate(process_cpu_seconds_total{{{JOB}}}[$__rate_interval])", "{{instance}}")], "Cores."),
        Plot("Memory", "bytes", [(f"process_resident_memory_bytes{{{JOB}}}", "{{instance}}")], "Compare with memory.budget."),
        Plot("Version", "short", [(gauge("build_info"), "{{instance}} {{version}} {{commit}}")]),
    ]),
]


def panels() -> list[dict]:
    made: list[dict] = []
    top = 0
    for title, row in ROWS:
        width, height = ROW_WIDTH // len(row), max(panel.height for panel in row)
        made.append({"id": len(made) + 1, "type": "row", "title": title, "collapsed": False, "panels": [],
                     "gridPos": {"x": 0, "y": top, "w": ROW_WIDTH, "h": 1}})
        for column, panel in enumerate(row):
            made.append({"id": len(made) + 1, "title": panel.title, "description": panel.description, "datasource": SOURCE,
                         "gridPos": {"x": column * width, "y": top + 1, "w": width, "h": height}} | panel.json())
        top += height + 1
    return made


def variable(name: str, kind: str, query: str, **more) -> dict:
    return {"name": name, "type": kind, "query": query, "refresh": 1, **more}


def annotation(name: str, colour: str, expr: str, title: str, text: str) -> dict:
    return {"name": name, "enable": True, "datasource": SOURCE, "iconColor": colour, "expr": expr,
            "titleFormat": title, "textFormat": text}


def dashboard() -> dict:
    tenants = 'label_values(usage_ingest_build_info, tenant)'
    instances = 'label_values(usage_ingest_build_info{tenant=~"$tenant"}, instance)'
    return {
        "uid": "usage-ingestd", "title": "usage-ingestd", "tags": ["litemaas"], "schemaVersion": SCHEMA_VERSION, "version": 1,
        "editable": True, "refresh": "30s", "time": {"from": "now-3h", "to": "now"}, "timezone": "browser",
        "templating": {"list": [
            variable("datasource", "datasource", "prometheus", label="Source"),
            variable("tenant", "query", tenants, datasource=SOURCE, includeAll=True, multi=True, allValue=".*",
                     current={"text": "All", "value": "$__all"}, label="Tenant"),
            variable("instance", "query", instances, datasource=SOURCE, includeAll=True, multi=True, allValue=".*",
                     current={"text": "All", "value": "$__all"}, label="Instance"),
        ]},
        "annotations": {"list": [
            annotation("Starts", "blue", f"changes(process_start_time_seconds{{{JOB}}}[2m]) > 0", "start", "{{instance}}"),
            annotation("Alerts", RED, 'ALERTS{alertname=~"UsageIngest.*", alertstate="firing"}', "{{alertname}}", "{{severity}} {{instance}}"),
        ]},
        "panels": panels(),
    }


def text() -> str:
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("grafana-dashboard.json").write_text(text())
