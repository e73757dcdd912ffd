"""usage-ingestd as an operator runs it: migrate, run, observed from outside."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import time
import tomllib
import urllib.request

from .kafka import free_port
from .postgres import Session
from .process import Child, Cpu, Failure, cpu_by_thread, cpu_of, resident_bytes_max, run

CONFIG = """\
[kafka]
brokers = "{brokers}"
topics = ["{topic}"]
group_id = "{group}"
[postgres]
conninfo = "{conninfo}"
[http]
listen = "127.0.0.1:{port}"
"""

STALLED_SECONDS = 60
LOOK_SECONDS = 0.02
SAMPLE = re.compile(r'^(usage_ingest_\w+)(?:\{(.*)\})? (\S+)$')
PHASE = re.compile(r'phase="(\w+)"')


@dataclasses.dataclass(frozen=True)
class Ingestion:
    """One run over a backlog. Times in seconds from the start of the process."""

    events: int
    first_commit: float
    first_events: int  # committed by then
    last_commit: float
    cpu: Cpu  # of the whole process, librdkafka's threads included
    cpu_threads: dict[str, float]
    resident_bytes: int
    phases: dict[str, float]  # seconds of all lanes, by phase of a batch, as /metrics says
    errors: float  # of PostgreSQL, all classes

    @property
    def rate(self) -> float:
        """Start of the process to last commit: nothing is left out."""
        return self.events / self.last_commit

    @property
    def running_rate(self) -> float:
        """From the first commit on: without start-up and joining the group."""
        return (self.events - self.first_events) / max(self.last_commit - self.first_commit, 1e-6)

    @property
    def cpu_us(self) -> float:
        return self.cpu.total / self.events * 1e6


def metrics(config: pathlib.Path) -> tuple[dict[str, float], float]:
    """Seconds by phase, and PostgreSQL's errors, from the daemon's own /metrics."""
    listen = tomllib.loads(config.read_text())["http"]["listen"]
    with urllib.request.urlopen(f"http://{listen}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    phases, errors = {}, 0.0
    for name, labels, value in (match.groups() for match in map(SAMPLE.match, lines) if match):
        if name == "usage_ingest_batch_seconds_sum":
            phases[next(PHASE.finditer(labels))[1]] = float(value)
        elif name == "usage_ingest_postgres_errors_total":
            errors += float(value)
    return phases, errors


class Daemon:
    def __init__(self, binary: pathlib.Path, folder: pathlib.Path) -> None:
        if not binary.exists():
            raise Failure(f"{binary} is not built: cmake --preset release && ninja -C build/release")
        self._binary = binary
        self._folder = folder

    def version(self) -> str:
        return run([str(self._binary), "version"]).splitlines()[0]

    def write_config(self, conninfo: str, brokers: str, topic: str, group: str = "usage-ingestd",
                     more: str = "") -> pathlib.Path:
        path = self._folder / f"{topic}-{group}.toml"
        path.write_text(CONFIG.format(brokers=brokers, topic=topic, group=group,
                                      conninfo=conninfo, port=free_port()) + more)
        return path

    def write_shared_config(self, config: pathlib.Path, number: int) -> pathlib.Path:
        """Of another daemon of the same group: all but the port."""
        path = config.with_stem(f"{config.stem}-{number}")
        listen = tomllib.loads(config.read_text())["http"]["listen"]
        path.write_text(config.read_text().replace(listen, f"127.0.0.1:{free_port()}"))
        return path

    def migrate(self, config: pathlib.Path) -> None:
        run([str(self._binary), "--config", str(config), "migrate"])

    def index(self, config: pathlib.Path) -> None:
        run([str(self._binary), "--config", str(config), "partitions", "index"])

    def start(self, config: pathlib.Path) -> Child:
        log = self._folder / f"{config.stem}.log"
        return Child([str(self._binary), "--config", str(config), "run"], log)

    def ingest(self, config: pathlib.Path, conninfo: str, topic: str, group: str,
               events: int) -> Ingestion:
        """Runs until `events` records of the topic are committed."""
        look = ("SELECT coalesce(sum(next_offset), 0) FROM usage_ingest.kafka_offsets"
                f" WHERE topic = '{topic}' AND group_id = '{group}'")
        with Session(conninfo) as session, self.start(config) as process:
            first = None
            done, changed = 0, time.monotonic()
            while done < events:
                process.check()
                now_done = int(session.value(look))
                now = time.monotonic()
                if now_done != done:
                    done, changed = now_done, now
                    first = first or (now - process.started, done)
                if now - changed > STALLED_SECONDS:
                    raise Failure(f"no progress at {done} of {events}\n{process.last_words()}")
                time.sleep(LOOK_SECONDS)
            if first is None:
                raise Failure("there were no events to ingest")
            last = changed - process.started
            cpu, threads = cpu_of(process.pid), cpu_by_thread(process.pid)
            phases, errors = metrics(config)
            ingestion = Ingestion(events, first[0], first[1], last, cpu, threads,
                                  resident_bytes_max(process.pid), phases, errors)
            if process.stop() != 0:
                raise Failure(f"usage-ingestd did not end well\n{process.last_words()}")
            return ingestion
