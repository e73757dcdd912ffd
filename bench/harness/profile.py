"""Where the CPU time of an event goes: everything that runs is sampled while a backlog is ingested.

perf says which process a sample is of, and which function of it. Debian's PostgreSQL has no symbols of
static functions: such a sample counts for the exported function before it. So a part is more reliable
than a single function.
"""

from __future__ import annotations

import collections
import contextlib
import os
import pathlib
import re
import signal
import subprocess
from collections.abc import Iterator

from .cases import Cases
from .process import run

CASE = "profile"
SAMPLES_PER_SECOND = 499
DAEMON, SERVER, BROKER = "usage-ingestd", "postgres", "java"
# "comm pid/tid seconds: ip symbol (dso)"
SAMPLE = re.compile(r"^\s*(?P<comm>.*?)\s+(?P<pid>\d+)/(?P<tid>\d+)\s+(?P<time>[\d.]+):\s+[0-9a-f]+ "
                    r"(?P<symbol>.*) \((?P<dso>[^()]*(?:\(deleted\))?)\)$")
IDLE, OTHER = "idle", "other"

# The first pattern that is found in "dso symbol" names the part.
PARTS_OF_THE_DAEMON = (
    ("kernel: sockets, page faults", r"^\[(kernel|vdso)"),
    ("decompress", r"LZ4|ZSTD|inflate|snappy|libz"),
    ("fetch and poll (librdkafka)", r" (rd_|rdk|mtx_|cnd_)"),
    ("sums in memory", r"aggregate::"),
    ("decode JSON, apply the rules", r"event::|json::|simdjson"),
    ("lane, attribution, batch", r"pipeline::|usage_ingest::(Uuid|Arena)|kafka::"),
    ("encode rows and parameters", r"postgres::(batch|session)::"),
    ("send SQL (libpq)", r"libpq|libssl|libcrypto|asio"),
    ("copy and allocate memory", r" (__)?(mem|_int_)|alloc|free"),
)
PARTS_OF_POSTGRESQL = (
    ("kernel: write, sockets, page faults", r"^\[(kernel|vdso)"),
    ("static functions, which have no name here", r"bin/postgres \[unknown"),
    ("statements: parse, plan, execute, triggers", r" (Exec|exec|plan|Plan|Slot|slot|tts|After|Trigger|RI_|agg"
                                                   r"|Agg|SPI|base_yy|core_yy|array_)|plpgsql|LLVM|/perf-"),
    ("indexes", r" (_bt|bt|index_|Index|FormIndex|tuplesort|qsort|pg_qsort|FunctionCall2|ItemPointerCompare"
                r"|varstr|__str|uuid_|ScanKey|heap_index)"),
    ("WAL", r" (XLog|WAL|GetXLog|log_)|crc32c"),
    ("read COPY: text and jsonb", r" (Copy|NextCopy|json|pushJson|appendString|enlargeString|pg_|pq_|InputFunction"
                                  r"|numeric|time|text|varchar|utf8|make_)"),
    ("rows: heap, buffers, locks", r" (heap|Heap|hash_|LW|Buf|Read|Pin|Unpin|Lock|Unlock|Mark|Page|Relation|smgr|md"
                                   r"|table|Release|Resource)"),
    ("copy and allocate memory", r" (__)?(mem|Mem|_int_)|[Aa]lloc|pfree|free"),
)
PARTS = {DAEMON: PARTS_OF_THE_DAEMON, SERVER: PARTS_OF_POSTGRESQL}


def measure(cases: Cases, events: int, work: pathlib.Path) -> None:
    """Twice: the first run publishes the backlog, and shows what perf costs the second one."""
    cases.end_to_end(CASE, events)
    data = work / "perf.data"
    with _recording(data):
        cases.end_to_end(CASE, events)
    seconds = _seconds(run(["perf", "script", "-i", str(data), "-F", "comm,pid,tid,time,ip,sym,dso"]))
    cases.results.note(CASE, parts={process: {part: value / events * 1e6 for part, value in parts.items()}
                                    for process, parts in seconds.items()})


@contextlib.contextmanager
def _recording(data: pathlib.Path) -> Iterator[None]:
    command = ["perf", "record", "--all-cpus", "--event", "cpu-clock", "--freq", str(SAMPLES_PER_SECOND),
               "--output", str(data)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as perf:
        try:
            yield
        finally:
            perf.send_signal(signal.SIGINT)


def _seconds(script: str) -> dict[str, dict[str, float]]:
    """CPU seconds by process and part, from the daemon's first sample to its last one."""
    samples = [match for match in map(SAMPLE.match, script.splitlines()) if match]
    names = {match["pid"]: _name_of(match["pid"]) for match in samples}
    # The daemon has ended; its other threads have names of their own.
    names |= {match["pid"]: match["comm"] for match in samples if match["pid"] == match["tid"]}
    times = [float(match["time"]) for match in samples if names.get(match["pid"]) == DAEMON]
    seconds: dict[str, dict[str, float]] = collections.defaultdict(lambda: collections.defaultdict(float))
    for match in samples:
        if not times[0] <= float(match["time"]) <= times[-1]:
            continue
        process = names.get(match["pid"], OTHER)
        if process not in (DAEMON, SERVER, BROKER):
            process = OTHER
        part = _part_of(process, f"{match['dso']} {match['symbol']}")
        seconds[process][part] += 1 / SAMPLES_PER_SECOND
    busy = sum(sum(parts.values()) for parts in seconds.values())
    cores = len(os.sched_getaffinity(0))
    seconds[IDLE][IDLE] = max((times[-1] - times[0]) * cores - busy, 0.0)
    return seconds


def _name_of(pid: str) -> str:
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except FileNotFoundError:
        return OTHER


def _part_of(process: str, where: str) -> str:
    return next((name for name, pattern in PARTS.get(process, ()) if re.search(pattern, where)), OTHER)


def section(notes: dict) -> list[str]:
    """Of RESULTS.md."""
    if CASE not in notes:
        return []
    lines = ["## Where the time goes", "",
             "CPU of all processes from the daemon's start to its end, `perf record` at "
             f"{SAMPLES_PER_SECOND} samples a second; `bench/harness/profile.py` has the parts.", "",
             "| process | part | µs an event |", "|---|---|---:|"]
    for process, parts in sorted(notes[CASE]["parts"].items()):
        lines.append(f"| **{process}** | all | **{sum(parts.values()):.2f}** |")
        lines += [f"| | {part} | {value:.2f} |"
                  for part, value in sorted(parts.items(), key=lambda item: -item[1]) if len(parts) > 1]
    return [*lines, ""]
