"""The rivals that read Kafka too: bench/peers."""

from __future__ import annotations

import json
import pathlib

from .process import need, run


class GoPeer:
    """Built by the first case that asks, so that a run without it needs no Go."""

    def __init__(self, source: pathlib.Path, work: pathlib.Path) -> None:
        self._source = source
        self._binary = work / "go-peer"

    def build(self) -> None:
        if not self._binary.exists():
            run([need("go"), "build", "-o", str(self._binary), "."], cwd=self._source)

    def run(self, brokers: str, topic: str, conninfo: str, events: int, *options: str) -> dict:
        return json.loads(run([str(self._binary), "-brokers", brokers, "-topic", topic,
                               "-conninfo", conninfo, "-events", str(events), *options]))


class PythonPeer:
    """The status quo; on Debian's interpreter, whose packages tools/setup installs."""

    def __init__(self, source: pathlib.Path) -> None:
        self._script = source / "status_quo.py"

    def run(self, brokers: str, topic: str, conninfo: str, events: int) -> dict:
        return json.loads(run(["/usr/bin/python3", str(self._script), "--brokers", brokers,
                               "--topic", topic, "--conninfo", conninfo, "--events", str(events)]))
