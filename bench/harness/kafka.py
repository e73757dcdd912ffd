"""A real Apache Kafka, one KRaft node, from the jars that tools/setup kafka brings."""

from __future__ import annotations

import os
import pathlib
import socket
import time

from .process import Child, Failure, need, run

CLUSTER_ID = "dXNhZ2UtaW5nZXN0LWJlbg"  # any 16 bytes in base64


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """Keeps its log over stop() and start(), so that cases without Kafka run without it."""

    def __init__(self, folder: pathlib.Path, libraries: pathlib.Path) -> None:
        if not any(libraries.glob("kafka_*.jar")):
            raise Failure(f"no Kafka in {libraries}: run tools/setup kafka")
        folder.mkdir()
        self._folder = folder
        self.version = next(libraries.glob("kafka_*.jar")).stem.rpartition("-")[2]
        self._java = [need("java"), "-Xms512m", "-Xmx512m", "-XX:+UseSerialGC",
                      "-cp", f"{libraries}/*"]
        self.port, controller = free_port(), free_port()
        self._properties = folder / "server.properties"
        self._properties.write_text("\n".join([
            "process.roles=broker,controller",
            "node.id=1",
            f"controller.quorum.voters=1@127.0.0.1:{controller}",
            "controller.listener.names=CONTROLLER",
            f"listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}",
            "auto.create.topics.enable=false",
            "group.initial.rebalance.delay.ms=0",
            "offsets.topic.num.partitions=1",
            "offsets.topic.replication.factor=1",
            "transaction.state.log.num.partitions=1",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1",
            f"log.dirs={folder / 'data'}",
        ]) + "\n")
        run([*self._java, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID,
             "-c", str(self._properties)])
        self._process: Child | None = None

    @property
    def brokers(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Broker:
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def start(self) -> bool:
        """False: it runs already."""
        if self._process is not None:
            return False
        self._process = Child([*self._java, "kafka.Kafka", str(self._properties)],
                              self._folder / "log", cwd=self._folder,
                              env=os.environ | {"LC_ALL": "C.UTF-8"})
        for _ in range(600):
            self._process.check()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    time.sleep(1)  # the port opens shortly before the broker is unfenced
                    return True
            time.sleep(0.1)
        raise Failure("Kafka did not start")

    def lag(self, group: str, partitions: int) -> int | None:
        """Records that the group has not committed; None: it did not begin with each partition yet."""
        lines = run([*self._java, "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
                     "--bootstrap-server", self.brokers, "--describe", "--group", group]).splitlines()
        table = [line.split() for line in lines if line.strip()]
        header = next((line for line in table if "LAG" in line), None)
        if header is None:
            return None
        lags = [line[header.index("LAG")] for line in table if line[0] == group]
        # A partition without a commit has a line while it is assigned, else none.
        return sum(map(int, lags)) if len(lags) == partitions and "-" not in lags else None

    def stop(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        process.stop(timeout=60)
