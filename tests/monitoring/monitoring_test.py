#!/usr/bin/env python3
"""Alert rules and dashboard: promtool accepts them, and they use only metrics that exist.

    monitoring_test.py SOURCE_DIR
"""

import importlib.util
import json
import re
import subprocess
import sys
import unittest
from pathlib import Path

TOP = Path(sys.argv.pop(1) if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
FOLDER = TOP / "monitoring"
MANUAL = "/usr/share/doc/usage-ingestd/operations.md"
METRIC = re.compile(r"\b(?:usage_ingest|process)_[a-z_]+\b")


def catalogue() -> dict[str, tuple[str, str]]:
    """name -> (type, labels), from the table that tests/golden/metrics_test.cc compares with the code."""
    table = (TOP / "docs/metrics.md").read_text()
    row = re.compile(r"(?m)^\| `((?:usage_ingest|process)_\w+)` \| (\w+) \| ([^|]*) \|")
    return {name: (kind, labels) for name, kind, labels in row.findall(table)}


def expressions() -> dict[str, str]:
    """Where -> PromQL, of the rules and of the dashboard."""
    rules = (FOLDER / "alerts.yaml").read_text()
    found = {f"alert {name}": expr for name, expr in re.findall(r"alert: (\w+)\n\s+expr: (.*)", rules)}
    board = json.loads((FOLDER / "grafana-dashboard.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            found[f"panel {panel['id']} {panel['title']}/{target['refId']}"] = target["expr"]
    for annotation in board["annotations"]["list"]:
        found[f"annotation {annotation['name']}"] = annotation["expr"]
    return found


def promtool(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, cwd=FOLDER,
                          check=False)


class RulesTest(unittest.TestCase):
    def test_promtool_accepts_the_rules(self):
        done = promtool("check", "rules", "alerts.yaml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_rules_fire_when_they_should_and_only_then(self):
        done = promtool("test", "rules", "alerts_test.yaml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_alert_is_tested_and_has_a_runbook_entry(self):
        alerts = re.findall(r"alert: (\w+)", (FOLDER / "alerts.yaml").read_text())
        tests = (FOLDER / "alerts_test.yaml").read_text()
        # "UsageIngest(Postgres|Kafka)Fatal" names both.
        spelled = " ".join(f"{a}{word}{c}" for a, words, c in re.findall(r"(\w+)\(([\w|]+)\)(\w*)", tests) for word in words.split("|"))
        manual = (TOP / "docs/operations.md").read_text()
        self.assertGreater(len(alerts), 10)
        for alert in alerts:
            self.assertRegex(tests + spelled, rf"\b{alert}\b")
            self.assertRegex(manual, rf"(?m)^#+ {alert}$")
            self.assertIn(f"runbook: {MANUAL}#{alert.lower()}\n", (FOLDER / "alerts.yaml").read_text())
        # What the manual and other documents call an alert is one.
        for path in [*(TOP / "docs").glob("*.md"), FOLDER / "make_dashboard.py", TOP / "README.md"]:
            self.assertLessEqual(set(re.findall(r"\bUsageIngest\w+", path.read_text())), set(alerts), path)

    def test_the_package_installs_the_manual_where_the_alerts_say(self):
        packaging = (TOP / "cmake/packaging.cmake").read_text()
        self.assertIn("set(doc_dir share/doc/usage-ingestd)", packaging)
        self.assertRegex(packaging, r"docs[^\n]*\n?[^\n]*DESTINATION \$\{doc_dir\}")

    def test_the_manifest_of_kubernetes_has_the_same_rules(self):
        done = subprocess.run([FOLDER.parent / "tools/kubernetes-test", "--rule"], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout)


class NamesTest(unittest.TestCase):
    def test_every_metric_exists_and_is_used_as_what_it_is(self):
        known = catalogue()
        self.assertGreater(len(known), 25)
        for where, expr in expressions().items():
            for name in METRIC.findall(expr):
                base = re.sub(r"_(bucket|sum|count)$", "", name)
                suffixed = base != name and known.get(base, ("",))[0] == "histogram"
                self.assertIn(base if suffixed else name, known, where)
                if suffixed or known[name][0] == "counter":
                    self.assertRegex(expr, r"(rate|increase)\(", where)

    def test_every_label_exists(self):
        known, added = catalogue(), {"instance", "job", "tenant"}
        for where, expr in expressions().items():
            for name, selector in re.findall(r"(\w+)\{([^}]*)\}", expr):
                if name == "ALERTS":  # Prometheus' own
                    self.assertTrue(set(re.findall(r"(\w+)[=!]", selector)) <= {"alertname", "alertstate", "severity"}, where)
                    continue
                stated = known.get(re.sub(r"_(bucket|sum|count)$", "", name), known.get(name, ("", "")))[1]
                labels = set(stated.split(":")[0].split(", "))
                for label, value in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"', selector):
                    self.assertIn(label, labels | added, where)
                    if label not in added and "$" not in value:
                        for each in value.split("|"):
                            self.assertIn(each, stated, where)

    def test_every_own_metric_is_on_the_dashboard(self):
        text = (FOLDER / "grafana-dashboard.json").read_text()
        for name in catalogue():
            if name.startswith("usage_ingest_"):
                self.assertTrue(name in text, name)


class DashboardTest(unittest.TestCase):
    def test_it_is_what_the_script_writes(self):
        spec = importlib.util.spec_from_file_location("make_dashboard", FOLDER / "make_dashboard.py")
        assert spec and spec.loader
        sys.dont_write_bytecode = True
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        self.assertEqual((FOLDER / "grafana-dashboard.json").read_text(), script.text())

    def test_panels_do_not_overlap_and_their_queries_parse(self):
        taken: set[tuple[int, int]] = set()
        rules = []
        for panel in json.loads((FOLDER / "grafana-dashboard.json").read_text())["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells
            rules += [target["expr"].replace("$__rate_interval", "1m") for target in panel.get("targets", [])]
        text = {"groups": [{"name": "g", "rules": [{"record": f"r{i}", "expr": expr} for i, expr in enumerate(rules)]}]}
        done = subprocess.run(["promtool", "check", "rules", "/dev/stdin"], input=json.dumps(text),
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
