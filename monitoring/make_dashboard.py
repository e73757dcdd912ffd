#!/usr/bin/env python3
"""Writes grafana-dashboard.json, next to this file. The panels are here; the JSON is generated, and a
test compares the two. Import the JSON in Grafana (10 or later) and choose the Prometheus source."""

import json
from pathlib import Path

SELECT = 'instance=~"$instance"'
ROW_WIDTH, HEIGHT = 24, 8


def rate(name: str, by: str, labels: str = "") -> str:
    return f"sum by ({by}) (rate(usage_ingest_{name}{{{SELECT}{labels}}}[$__rate_interval]))"


def quantile(q: float, name: str, by: str = "") -> str:
    inner = f"sum by (le{by and ', ' + by}) (rate(usage_ingest_{name}_bucket{{{SELECT}}}[$__rate_interval]))"
    return f"histogram_quantile({q}, {inner})"


def gauge(name: str, aggregate: str = "", by: str = "") -> str:
    series = f"usage_ingest_{name}{{{SELECT}}}"
    return f"{aggregate} by ({by}) ({series})" if aggregate else series


# (title, what it tells, unit, [(expression, legend)]); None starts a new row of panels.
ROWS: list[tuple[str, list[tuple[str, str, str, list[tuple[str, str]]]]]] = [
    ("Is usage written, and how late?", [
        ("Events by outcome", "What became of the events that were read.", "ops",
         [(rate("events_total", "outcome"), "{{outcome}}"),
          (f"sum(rate(usage_ingest_records_total{{{SELECT}}}[$__rate_interval]))", "Kafka records")]),
        ("Lag in time", "Age of the oldest record that is not committed yet.", "s",
         [(gauge("lag_seconds", "max", "topic, partition"), "{{topic}}/{{partition}}")]),
        ("Lag in records", "", "short",
         [(gauge("lag_records", "sum", "topic, partition"), "{{topic}}/{{partition}}")]),
        ("From LiteLLM to commit", "From the record's Kafka timestamp to the COMMIT.", "s",
         [(quantile(0.5, "event_to_commit_seconds"), "median"), (quantile(0.99, "event_to_commit_seconds"), "99 %")]),
    ]),
    ("What did not become rows", [
        ("Dead letters by reason", "usage-ingestd dead-letters list", "ops",
         [(rate("dead_letters_total", "reason"), "{{reason}}"),
          (f"sum(rate(usage_ingest_dead_letters_healed_total{{{SELECT}}}[$__rate_interval]))", "healed")]),
        ("Dead letters waiting", "", "short", [(gauge("dead_letters_pending", "max", "job"), "pending")]),
        ("Skipped by reason", "Without an owner: health checks, unknown keys, tombstones.", "ops",
         [(rate("skipped_total", "reason"), "{{reason}}")]),
        ("Records lost in Kafka; subscriptions suspended", "Sums of the last hour.", "short",
         [(f"sum(increase(usage_ingest_offset_gap_records_total{{{SELECT}}}[1h]))", "records lost"),
          (f"sum(increase(usage_ingest_subscriptions_suspended_total{{{SELECT}}}[1h]))", "suspended")]),
    ]),
    ("Where the time goes", [
        ("Batch time by phase, mean", "", "s",
         [(f"{rate('batch_seconds_sum', 'phase')} / {rate('batch_seconds_count', 'phase')}", "{{phase}}")]),
        ("Batch time by phase, 99 %", "", "s", [(quantile(0.99, "batch_seconds", "phase"), "{{phase}}")]),
        ("Batch size", "Few rows without lag: little load. Few rows with lag: PostgreSQL is slow to answer.", "short",
         [(quantile(0.5, "batch_rows"), "rows, median"), (quantile(0.95, "batch_rows"), "rows, 95 %")]),
        ("Bytes of a batch", "", "bytes", [(quantile(0.95, "batch_bytes"), "95 %")]),
    ]),
    ("Bounds", [
        ("Queue and its bound", "At the bound the consumer stops reading.", "bytes",
         [(gauge("queue_bytes"), "{{instance}}"), (gauge("queue_bytes_limit"), "{{instance}} bound")]),
        ("Queue in records", "", "short", [(gauge("queue_records"), "{{instance}}")]),
        ("Paused, by reason", "", "short", [(gauge("paused"), "{{instance}} {{reason}}")]),
        ("Memory", "Compare with memory.budget.", "bytes",
         [(f'process_resident_memory_bytes{{job="usage-ingestd", {SELECT}}}', "{{instance}}")]),
    ]),
    ("Dependencies", [
        ("Ready, PostgreSQL, Kafka", "1: /readyz answers 200, PostgreSQL answers, the group is joined.", "short",
         [(gauge("ready"), "{{instance}} ready"), (gauge("postgres_up"), "{{instance}} PostgreSQL"),
          (gauge("kafka_up"), "{{instance}} Kafka")]),
        ("PostgreSQL errors", "transient is retried, data becomes a dead letter, fatal needs an operator.", "ops",
         [(rate("postgres_errors_total", "class"), "{{class}}")]),
        ("Kafka errors", "", "ops", [(rate("kafka_errors_total", "class"), "{{class}}")]),
        ("Group", "Assignments and fenced batches of the last hour.", "short",
         [(f"sum by (instance) (increase(usage_ingest_rebalances_total{{{SELECT}}}[1h]))", "{{instance}} assignments"),
          (f"sum by (instance) (increase(usage_ingest_fenced_total{{{SELECT}}}[1h]))", "{{instance}} fenced")]),
    ]),
    ("Process", [
        ("CPU", "Cores.", "short",
         [(f'rate(process_cpu_seconds_total{{job="usage-ingestd", {SELECT}}}[$__rate_interval])', "{{instance}}")]),
        ("Partitions of usage_logs last for", "", "s", [(gauge("partition_runway_seconds", "min", "job"), "runway")]),
        ("Copy path", "constraints is about half as fast.", "short", [(gauge("copy_path"), "{{instance}} {{path}}")]),
        ("Version", "", "short", [(gauge("build_info"), "{{instance}} {{version}} {{commit}}")]),
    ]),
]


def panel(number: int, position: dict, spec) -> dict:
    title, description, unit, targets = spec
    source = {"type": "prometheus", "uid": "${datasource}"}
    return {
        "id": number, "type": "timeseries", "title": title, "description": description, "gridPos": position,
        "datasource": source,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": {"fillOpacity": 10, "showPoints": "never"}}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": [{"refId": chr(65 + i), "expr": expr, "legendFormat": legend, "datasource": source}
                    for i, (expr, legend) in enumerate(targets)],
    }


def panels() -> list[dict]:
    made: list[dict] = []
    for i, (title, specs) in enumerate(ROWS):
        top, width = i * (HEIGHT + 1), ROW_WIDTH // len(specs)
        made.append({"id": len(made) + 1, "type": "row", "title": title, "collapsed": False, "panels": [],
                     "gridPos": {"x": 0, "y": top, "w": ROW_WIDTH, "h": 1}})
        for column, spec in enumerate(specs):
            position = {"x": column * width, "y": top + 1, "w": width, "h": HEIGHT}
            made.append(panel(len(made) + 1, position, spec))
    return made


def variable(name: str, kind: str, query: str, **more) -> dict:
    return {"name": name, "type": kind, "query": query, "refresh": 1, **more}


def dashboard() -> dict:
    source = {"type": "prometheus", "uid": "${datasource}"}
    instances = 'label_values(usage_ingest_build_info, instance)'
    return {
        "uid": "usage-ingestd", "title": "usage-ingestd", "tags": ["litemaas"], "schemaVersion": 39, "version": 1,
        "editable": True, "refresh": "30s", "time": {"from": "now-3h", "to": "now"}, "timezone": "browser",
        "templating": {"list": [
            variable("datasource", "datasource", "prometheus", label="Source"),
            variable("instance", "query", instances, datasource=source, includeAll=True, multi=True, allValue=".*",
                     current={"text": "All", "value": "$__all"}, label="Instance"),
        ]},
        "annotations": {"list": [{"name": "Starts", "enable": True, "datasource": source, "iconColor": "blue",
                                  "expr": f'changes(process_start_time_seconds{{job="usage-ingestd", {SELECT}}}[2m]) > 0'}]},
        "panels": panels(),
    }


def text() -> str:
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("grafana-dashboard.json").write_text(text())
