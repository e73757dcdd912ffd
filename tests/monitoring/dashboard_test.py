#!/usr/bin/env python3
"""Every query of the dashboard finds something in a real Prometheus that scrapes every metric of the catalogue.

    dashboard_test.py SOURCE_DIR
"""

import http.server
import json
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

TOP = Path(sys.argv.pop(1) if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
ROW = re.compile(r"(?m)^\| `((?:usage_ingest|process)_\w+)` \| (\w+) \| ([^|]*) \|")
DEADLINE_SECONDS = 60
# A lag that falls, so that there is a time to catch up; partitions that end soon, so that an alert fires.
FIXED = {"usage_ingest_partition_runway_seconds": 3_600.0}
FALLING = ("usage_ingest_lag_records", "usage_ingest_lag_seconds")


def label_sets(stated: str) -> list[str]:
    """`reason: memory, postgres` -> one for each reason; `topic, partition` -> one example."""
    name, _, values = stated.strip().partition(":")
    if values:
        return [f'{{{name}="{value.strip()}"}}' for value in values.split(",")]
    labels = [label.strip() for label in name.split(",") if label.strip()]
    return ["{" + ", ".join(f'{label}="example"' for label in labels) + "}"] if labels else [""]


def scrape(seconds: float) -> str:
    """What a daemon exposes that has run that long: docs/metrics.md, which a golden test compares with the code."""
    lines = []
    for name, kind, stated in ROW.findall((TOP / "docs/metrics.md").read_text()):
        lines.append(f"# TYPE {name} {kind}")
        for labels in label_sets(stated):
            value = 10 * seconds if kind == "counter" else 10_000 - seconds if name in FALLING else FIXED.get(name, 1.0)
            if kind == "histogram":
                inner = labels.strip("{}")
                for bound, share in (("0.01", 0.5), ("1", 0.9), ("+Inf", 1)):
                    lines.append(f'{name}_bucket{{{inner + ", " if inner else ""}le="{bound}"}} {10 * seconds * share}')
                lines += [f"{name}_sum{labels} {seconds}", f"{name}_count{labels} {10 * seconds}"]
            else:
                lines.append(f"{name}{labels} {value}")
    return "\n".join(lines) + "\n"


class Exporter:
    def __init__(self) -> None:
        began = time.monotonic()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(scrape(1 + time.monotonic() - began).encode())

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Prometheus:
    def __init__(self, folder: Path, target: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                  "rule_files": [str(TOP / "monitoring/alerts.yaml")],
                  "scrape_configs": [{"job_name": "usage-ingestd", "static_configs": [{"targets": [target]}]}]}
        (folder / "prometheus.yml").write_text(json.dumps(config))
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address={self.address}"], stdout=self.log, stderr=subprocess.STDOUT)

    def ask(self, expr: str) -> list[dict]:
        query = urllib.parse.urlencode({"query": expr})
        try:
            with urllib.request.urlopen(f"http://{self.address}/api/v1/query?{query}", timeout=10) as answer:
                return json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as problem:
            if problem.code == http.HTTPStatus.SERVICE_UNAVAILABLE:  # it starts
                return []
            raise AssertionError(f"{expr}: {problem.read().decode()}") from problem
        except urllib.error.URLError:  # it starts
            self.log.seek(0)
            assert self.process.poll() is None, self.log.read()
            return []

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()


def queries() -> dict[str, str]:
    """Where -> PromQL as Grafana sends it, of panels and annotations."""
    board = json.loads((TOP / "monitoring/grafana-dashboard.json").read_text())
    found = {f"annotation {each['name']}": each["expr"] for each in board["annotations"]["list"]}
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            found[f"panel {panel['id']} {panel['title']}/{target['refId']}"] = target["expr"]
    return {where: expr.replace("$__rate_interval", "5s").replace("$tenant", ".*").replace("$instance", ".*") for where, expr in found.items()}


class QueriesTest(unittest.TestCase):
    def test_every_query_has_a_result(self):
        exporter = Exporter()
        self.addCleanup(exporter.close)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        prometheus = Prometheus(Path(folder.name), f"127.0.0.1:{exporter.server.server_port}")
        self.addCleanup(prometheus.close)
        missing = queries()
        self.assertGreater(len(missing), 40)
        missing.pop("annotation Starts")  # a scrape that never restarts has none
        deadline = time.monotonic() + DEADLINE_SECONDS
        scrapes = 'changes(usage_ingest_records_total[1m]) >= 4'
        while time.monotonic() < deadline and (missing or not prometheus.ask(scrapes)):
            missing = {where: expr for where, expr in missing.items() if not self.has_number(prometheus.ask(expr))}
            threading.Event().wait(0.5)  # of a server that is asked, not of a state that is assumed
        self.assertEqual(missing, {}, "no result: a name or a label is wrong")

    def test_the_colours_of_the_first_row_follow_the_value(self):
        board = json.loads((TOP / "monitoring/grafana-dashboard.json").read_text())
        first, *rest = board["panels"]
        self.assertEqual(first["title"], "Is it healthy?")
        second_row = next(i for i, panel in enumerate(rest) if panel["type"] == "row")
        self.assertGreaterEqual(second_row, 6)
        for panel in rest[:second_row]:
            defaults = panel["fieldConfig"]["defaults"]
            colours = [step["color"] for step in defaults["thresholds"]["steps"]]
            self.assertIn("red", colours, panel["title"])
            self.assertIn("green", colours, panel["title"])
            self.assertEqual(defaults["noValue"], "unknown", panel["title"])
            self.assertTrue(panel["targets"][0]["instant"], f"{panel['title']} shows the last value of a daemon that is away")

    @staticmethod
    def has_number(result: list[dict]) -> bool:
        return any(each["value"][1] != "NaN" for each in result)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
