#!/usr/bin/env python3
"""Compares grafana-dashboard.json with the types that Grafana publishes (PyPI grafana-foundation-sdk).

A field that the types do not know is lost when they read the file and write it again. tools/lint runs it.
"""
import json
import sys
import typing
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

FILE = Path(__file__).resolve().parents[2] / "monitoring/grafana-dashboard.json"
# Of Prometheus' own annotations: public/app/plugins/datasource/prometheus of Grafana reads them.
OF_PROMETHEUS = ("titleFormat", "textFormat")


def differences(ours: typing.Any, theirs: typing.Any, path: str) -> list[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [problem for key, value in ours.items() if key not in OF_PROMETHEUS
                for problem in (differences(value, theirs[key], f"{path}/{key}") if key in theirs else [f"{path}/{key}: unknown field"])]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [problem for i, pair in enumerate(zip(ours, theirs, strict=True)) for problem in differences(*pair, f"{path}[{i}]")]
    return [] if ours == theirs else [f"{path}: {ours!r} is read as {theirs!r}"]


def main() -> int:
    register_default_plugins()
    board = json.loads(FILE.read_text())
    understood = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))
    problems = differences(board, understood, "")
    if board["schemaVersion"] != Dashboard().schema_version:
        problems.append(f"schemaVersion is {board['schemaVersion']}, the newest is {Dashboard().schema_version}")
    print("\n".join(problems), end="")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
