"""Serves the status page as the daemon does, with an answer of /status that the test chooses."""
import base64
import copy
import datetime
import hashlib
import http.server
import json
import os
import re
import threading
import typing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = Path(os.environ.get("USAGE_INGEST_PAGE", ROOT / "daemon/http/page/index.html"))
# What the daemon writes: tests/golden/status_test.cc compares it with the code.
GOLDEN = json.loads((ROOT / "tests/golden/status.json").read_text())
Status = dict[str, typing.Any]


def iso(seconds_ago: float = 0) -> str:
    time = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds_ago)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def status(partitions: int = 1, **changes: typing.Any) -> Status:
    """The golden answer, now, with that many partitions; lag and rate of a partition are its number."""
    made = copy.deepcopy(GOLDEN)
    one = made["partitions"][0]
    has_history = partitions <= 64
    made["partitions"] = []
    for number in range(partitions):
        each = copy.deepcopy(one) | {"partition": number, "lag_records": number, "rate": number,
                                     "gap_records": 0, "dead_lettered": 0, "last_commit": iso(3)}
        each["history"] = {"rate": [number] * 90, "lag_records": [number] * 90}
        if not has_history:
            del each["history"]
        made["partitions"].append(each)
    made["totals"]["history"] = {"rate": [2_100] * 90, "lag_records": [None] * 10 + [4_000] * 80}
    return made | {"now": iso(), "errors": []} | changes


def policy(page: bytes) -> str:
    """As PolicyFor of daemon/http/status_page.cc."""
    def digest(tag: str) -> str:
        inner = re.search(rf"<{tag}>(.*?)</{tag}>".encode(), page, re.DOTALL)
        assert inner
        return base64.b64encode(hashlib.sha256(inner[1]).digest()).decode()
    return (f"default-src 'none'; style-src 'sha256-{digest('style')}'; script-src 'sha256-{digest('script')}'; "
            "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


class FakeDaemon:
    """`answer` makes the body of /status; `prefix` is what a proxy puts before every path."""

    def __init__(self, answer: typing.Callable[[], Status] = status, prefix: str = "") -> None:
        self.answer = answer
        self.prefix = prefix
        self.http_status = 200
        self.paths: list[str] = []
        self.answers = 0
        self.released = threading.Event()  # an answer waits for it
        self.released.set()
        page = PAGE.read_bytes()
        daemon = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                daemon.paths.append(self.path)
                if self.path in (prefix + "/", prefix or "/"):
                    self.reply(200, "text/html; charset=utf-8", page)
                elif self.path == prefix + "/status":
                    daemon.released.wait()
                    daemon.answers += 1
                    self.reply(daemon.http_status, "application/json", json.dumps(daemon.answer()).encode())
                else:
                    self.reply(404, "text/plain", b"")

            def reply(self, code: int, kind: str, body: bytes) -> None:
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Security-Policy", policy(page))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing: the test says what it saw."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a window was closed before its answer
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def url(self) -> str:
        return self.origin + self.prefix + "/"

    def die(self) -> None:
        if self.thread.is_alive():
            self.released.set()
            self.server.shutdown()
            self.server.server_close()
            self.thread.join()
