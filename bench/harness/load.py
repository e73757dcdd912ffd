"""usage-load: the population and the events."""

from __future__ import annotations

import datetime
import json
import pathlib

from .process import Failure, run

PARTITIONS = 4


def _start() -> datetime.datetime:
    """Event time begins at 08:00 on the 15th of last month: in the past, and within one month."""
    last_month = datetime.datetime.now(datetime.UTC).replace(day=1) - datetime.timedelta(days=1)
    return last_month.replace(day=15, hour=8, minute=0, second=0, microsecond=0)


START = _start()


class Load:
    def __init__(self, binary: pathlib.Path) -> None:
        if not binary.exists():
            raise Failure(f"{binary} is not built: ninja -C build/release usage-load")
        self._binary = str(binary)

    def seed(self, conninfo: str, *population: str) -> None:
        run([self._binary, "seed", "--conninfo", conninfo, *population])

    def produce(self, brokers: str, topic: str, events: int, *options: str,
                partitions: int = PARTITIONS) -> dict:
        """Publishes; the report of what was sent."""
        return json.loads(run([
            self._binary, "produce", "--brokers", brokers, "--topic", topic,
            "--create-partitions", str(partitions), "--events", str(events), *options]))

    def backlog(self, brokers: str, topic: str, events: int, *options: str,
                partitions: int = PARTITIONS, start: datetime.datetime = START) -> dict:
        return self.produce(brokers, topic, events, "--start", str(int(start.timestamp())), *options,
                            partitions=partitions)["produced"]
