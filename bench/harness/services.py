"""Rivals that are services made of configuration: Kafka Connect with Debezium's JDBC sink, and Telegraf."""

from __future__ import annotations

import os
import pathlib
import time

from .kafka import free_port
from .peer import Endpoints, Peer, PeerRun
from .postgres import Cluster, Session
from .process import Failure, cpu_of, need, run

LOOK_SECONDS = 0.2
OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
ROWS = "SELECT count(*) FROM usage_logs"


class Service(Peer):
    """It never ends, so it is watched. The clock counts from its first rows on: a service starts once,
    and a virtual machine's start would weigh more in a sample than in the life of a service."""

    def ingest(self, endpoints: Endpoints, events: int, cluster: Cluster) -> PeerRun:
        with Session(endpoints.conninfo) as session, self.start(endpoints) as process:
            rows = session.wait_for(ROWS, 1, process, LOOK_SECONDS)
            began = time.monotonic()
            if rows > events // 2:
                raise Failure(f"{self.name}: {rows} of {events} rows came at once, so a rate says nothing; fix: --rivals")
            own, server = cpu_of(process.pid), cluster.cpu()
            last = session.wait_for(ROWS, events, process, LOOK_SECONDS)
            measured = PeerRun(last - rows, time.monotonic() - began, (cpu_of(process.pid) - own).total,
                               (cluster.cpu() - server).total)
            # With a backlog, Kafka Connect takes longer than 30 s to stop. What it began, PostgreSQL ends.
            process.kill()
            while session.value(OTHERS) != "0":
                time.sleep(LOOK_SECONDS)
        return measured


class ConnectPeer(Service):
    """Kafka Connect, standalone, with the transform of bench/peers/debezium, which javac compiles here."""

    def __init__(self, name: str, trigger: str, work: pathlib.Path, root: pathlib.Path) -> None:
        super().__init__(name, trigger, work)
        self._root = root
        self._source = root / "bench/peers/debezium"
        self._libraries = root / "build/peers/libs"
        self._folder = work / name
        self._port = free_port()

    def group_of(self, endpoints: Endpoints) -> str:
        return f"connect-{endpoints.group}"

    def command(self, endpoints: Endpoints, events: int) -> list[str]:
        classes = self._folder / "classes"
        if not classes.exists():
            self._compile(classes)
        parts = dict(word.split("=", 1) for word in endpoints.conninfo.split())
        values = {"brokers": endpoints.brokers, "topic": endpoints.topic, "name": endpoints.group,
                  "port": str(self._port), "folder": str(self._folder),
                  "user": parts["user"], "database": parts["dbname"],
                  "socket": f"{parts['host']}/.s.PGSQL.5432"}
        files = []
        for name in ("worker.properties", "sink.properties"):
            text = (self._source / name).read_text()
            for key, value in values.items():
                text = text.replace(f"@{key}@", value)
            files.append(self._folder / name)
            files[-1].write_text(text)
        return [need("java"), "-Xms1g", "-Xmx1g", "-XX:+UseParallelGC",
                "-cp", f"{classes}:{self._libraries}/*",
                "org.apache.kafka.connect.cli.ConnectStandalone", *map(str, files)]

    def _compile(self, classes: pathlib.Path) -> None:
        run([str(self._root / "tools/setup"), "peers"])
        run([need("javac"), "-nowarn", "-cp", f"{self._libraries}/*", "-d", str(classes),
             *map(str, sorted(self._source.glob("*.java")))])
        services = classes / "META-INF/services"
        services.mkdir(parents=True)
        (services / "org.apache.kafka.connect.transforms.Transformation").write_text("usage.bench.UsageRow\n")


class TelegrafPeer(Service):
    """Telegraf of the version in bench/peers/telegraf/version, with the plugins that it needs."""

    TAGS = "custom,inputs.kafka_consumer,outputs.postgresql,parsers.value"

    def __init__(self, name: str, trigger: str, work: pathlib.Path, root: pathlib.Path) -> None:
        super().__init__(name, trigger, work)
        self._source = root / "bench/peers/telegraf"
        self._programs = root / "build/peers"

    def missing(self) -> str:
        """Since 1.21 Go fetches the version that a module wants."""
        major, minor = run([need("go"), "env", "GOVERSION"]).strip().removeprefix("go").split(".")[:2]
        return "" if (int(major), int(minor)) >= (1, 21) else f"Telegraf needs Go 1.21, this is {major}.{minor}"

    def command(self, endpoints: Endpoints, events: int) -> list[str]:
        version = (self._source / "version").read_text().strip()
        programs = self._programs / f"telegraf-{version}"
        if not (programs / "telegraf").exists():
            print(f"building Telegraf {version}", flush=True)
            run([need("go"), "install", "-tags", self.TAGS,
                 f"github.com/influxdata/telegraf/cmd/telegraf@{version}"],
                env=os.environ | {"GOBIN": str(programs)})
        return ["/usr/bin/env", f"BROKERS={endpoints.brokers}", f"TOPIC={endpoints.topic}", f"GROUP={endpoints.group}",
                f"CONNINFO={endpoints.conninfo}", str(programs / "telegraf"),
                "--config", str(self._source / "telegraf.conf")]
