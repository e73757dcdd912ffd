#!/usr/bin/env python3
"""`status` against an answer of /status: order, totals, time to catch up, --watch and --url. Needs no server.

    status_test.py SOURCE_DIR     with the program in $USAGE_INGESTD
"""

import copy
import http.server
import json
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

from program import PROGRAM

TOP = Path(sys.argv.pop(1) if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
# What the daemon writes: tests/golden/status_test.cc compares it with the code.
GOLDEN = json.loads((TOP / "tests/golden/status.json").read_text())
CONFIGURATION = """
[kafka]
brokers = "127.0.0.1:1"
[postgres]
conninfo = "host=127.0.0.1 port=1 dbname=none"
[http]
listen = "127.0.0.1:1"
"""
UNAVAILABLE = 69


def answer() -> dict:
    made = copy.deepcopy(GOLDEN)
    one = made["partitions"][0]
    made["partitions"] = [one | {"partition": 0, "lag_records": 7, "catch_up_seconds": 0},
                          one | {"partition": 1, "lag_records": 1234, "lag_seconds": 90, "catch_up_seconds": 720},
                          one | {"partition": 2, "lag_records": 99, "lag_seconds": 80, "catch_up_seconds": None},
                          one | {"partition": 3, "lag_records": None, "lag_seconds": None, "catch_up_seconds": None}]
    made["totals"] |= {"lag_records": None, "lag_seconds": None, "catch_up_seconds": None}
    return made


class Daemon:
    def __init__(self, paths: tuple[str, ...]) -> None:
        self.asked = threading.Semaphore(0)
        daemon = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(answer()).encode() if self.path in paths else b""
                self.send_response(200 if body else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                daemon.asked.release()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"

    def die(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@unittest.skipUnless(PROGRAM, "the program is not built")
class StatusTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.config = Path(folder.name) / "usage-ingestd.toml"
        self.config.write_text(CONFIGURATION)
        self.daemon = Daemon(("/status", "/a/usage/status"))
        self.addCleanup(self.daemon.die)

    def words(self, *more: str) -> list[str]:
        return [PROGRAM, "--config", str(self.config), "status", *more]

    def ask(self, *more: str) -> subprocess.CompletedProcess:
        return subprocess.run(self.words(*more), capture_output=True, text=True, check=False)

    def rows(self, text: str) -> list[list[str]]:
        table = text[text.index("topic"):].splitlines()
        return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in table if line.strip()]

    def test_what_is_furthest_behind_comes_first_and_the_totals_last(self):
        done = self.ask("--url", self.daemon.url)
        self.assertEqual(done.returncode, 0, done.stderr)
        title, *rows = self.rows(done.stdout)
        self.assertEqual([row[1] for row in rows], ["3", "1", "2", "0", "4"])
        caught_up = title.index("caught up")
        self.assertEqual([row[caught_up] for row in rows[:4]], ["unknown", "in 12 min", "not falling", "yes"])
        self.assertEqual(rows[-1][:4], ["total", "4", "unknown", "unknown"], "never 0")

    def test_counts_are_unknown_without_the_database(self):
        title, *rows = self.rows(self.ask("--url", self.daemon.url).stdout)
        inserted = title.index("inserted" if "inserted" in title else "rows")
        self.assertEqual({row[inserted] for row in rows[:4]}, {"unknown"})

    def test_the_url_may_have_the_path_of_a_proxy(self):
        self.assertEqual(self.ask("--url", self.daemon.url + "a/usage/").returncode, 0)
        wrong = self.ask("--url", self.daemon.url + "b")
        self.assertEqual(wrong.returncode, UNAVAILABLE)
        self.assertIn("HTTP 404", wrong.stdout)

    def test_several_daemons_are_a_line_each_and_a_sum_without_any_configuration(self):
        self.config.unlink()
        done = self.ask("--url", self.daemon.url, "--url", self.daemon.url + "a/usage/")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertEqual([line.split()[0] for line in lines[:4]],
                         ["daemon", self.daemon.url, self.daemon.url + "a/usage/", "total"])
        self.assertIn("2 of 2 ready", lines[3])
        self.assertIn("unknown", lines[3], "a lag that is not known is not 0")
        told = json.loads(self.ask("--json", "--url", self.daemon.url, "--url", "http://127.0.0.1:1/").stdout)
        self.assertEqual([each["daemon"] and each["daemon"]["group_id"] for each in told["daemons"]], ["g", None])
        self.assertIn("refused", told["daemons"][1]["daemon_error"])

    def test_one_of_several_that_does_not_answer_is_named_and_an_error(self):
        done = self.ask("--url", self.daemon.url, "--url", "http://127.0.0.1:1/")
        self.assertEqual(done.returncode, UNAVAILABLE)
        self.assertIn("http://127.0.0.1:1/  does not answer: ", done.stdout)

    def test_a_wrong_url_is_refused_with_the_right_form(self):
        done = self.ask("--url", "https://ingest:19464/")
        self.assertEqual(done.returncode, 64)
        self.assertIn("http://host:port/", done.stderr)

    def test_watch_asks_again_until_it_is_interrupted_and_says_when_the_daemon_is_gone(self):
        with subprocess.Popen(self.words("--watch", "--url", self.daemon.url), stdout=subprocess.PIPE, text=True) as watch:
            assert watch.stdout
            for _ in range(2):
                self.assertTrue(self.daemon.asked.acquire(timeout=30))
            self.daemon.die()
            for line in watch.stdout:
                if "does not answer" in line and line.startswith("daemon"):
                    break
            else:
                self.fail("it ended by itself")
            watch.send_signal(signal.SIGINT)
            self.assertEqual(watch.wait(timeout=30), -signal.SIGINT, "a shell shows 130")

    def test_watch_and_json_exclude_each_other(self):
        self.assertEqual(self.ask("--watch", "--json").returncode, 64)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
