"""The rivals that read Kafka too: bench/peers."""

from __future__ import annotations

import abc
import dataclasses
import json
import pathlib

from .postgres import Cluster
from .process import Child, children_cpu, need, run


@dataclasses.dataclass(frozen=True)
class Endpoints:
    """What a peer reads from, as which consumer group, and what it writes to."""

    brokers: str
    topic: str
    group: str
    conninfo: str


@dataclasses.dataclass(frozen=True)
class PeerRun:
    """How many events a peer ingested, and what that cost. CPU in seconds."""

    events: int
    seconds: float
    cpu: float
    server_cpu: float


class Peer(abc.ABC):
    """A consumer that is compared. `trigger` is the file of bench/sql that its database gets."""

    def __init__(self, name: str, trigger: str, logs: pathlib.Path) -> None:
        self.name = name
        self.trigger = trigger
        self._log = logs / f"{name}.log"

    @abc.abstractmethod
    def command(self, endpoints: Endpoints, events: int) -> list[str]:
        """Built when it is first asked for; events 0: it goes on."""

    def missing(self) -> str:
        """Why it cannot be compared on this machine."""
        return ""

    def start(self, endpoints: Endpoints) -> Child:
        return Child(self.command(endpoints, 0), self._log)

    def group_of(self, endpoints: Endpoints) -> str:
        return endpoints.group

    def ingest(self, endpoints: Endpoints, events: int, cluster: Cluster) -> PeerRun:
        """A peer that ends by itself, and says how long it took."""
        command = self.command(endpoints, events)
        server, own = cluster.cpu(), children_cpu()
        report = json.loads(run(command))
        return PeerRun(report["records"], report["seconds"], (children_cpu() - own).total,
                       (cluster.cpu() - server).total)


class GoPeer(Peer):
    """A consumer that a good team would write in a week."""

    def __init__(self, name: str, trigger: str, work: pathlib.Path, source: pathlib.Path,
                 *options: str) -> None:
        super().__init__(name, trigger, work)
        self._source = source
        self._binary = work / "go-peer"
        self._options = options

    def command(self, endpoints: Endpoints, events: int) -> list[str]:
        if not self._binary.exists():
            run([need("go"), "build", "-o", str(self._binary), "."], cwd=self._source)
        return [str(self._binary), "-brokers", endpoints.brokers, "-topic", endpoints.topic, "-group", endpoints.group,
                "-conninfo", endpoints.conninfo, "-events", str(events), *self._options]


class PythonPeer(Peer):
    """The status quo; on Debian's interpreter, whose packages tools/setup installs."""

    def __init__(self, name: str, trigger: str, work: pathlib.Path, source: pathlib.Path) -> None:
        super().__init__(name, trigger, work)
        self._script = source / "status_quo.py"

    def command(self, endpoints: Endpoints, events: int) -> list[str]:
        return ["/usr/bin/python3", str(self._script), "--brokers", endpoints.brokers, "--topic", endpoints.topic,
                "--group", endpoints.group, "--conninfo", endpoints.conninfo, "--events", str(events)]
