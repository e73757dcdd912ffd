"""The real parts of the end-to-end test, each in a process that the test starts: Kafka, PostgreSQL, a LiteLLM proxy.

Every one listens on 127.0.0.1 at a free port, keeps its files in one temporary folder, and is
stopped by the ExitStack that started it, also when the test fails half-way.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOPIC = "litellm.usage.v1"

KAFKA_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/log
auto.create.topics.enable=false
num.partitions=4
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what: str, seconds: float, ready: Callable[[], object], process: subprocess.Popen | None = None):
    """The first true answer of `ready`; fails when time is up or the process has ended."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = ready()
            if answer:
                return answer
        except (OSError, urllib.error.URLError):
            pass
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{what}: ended with {process.returncode}\n{tail(process)}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s\n{tail(process)}")
        time.sleep(0.05)


def tail(process: subprocess.Popen | None) -> str:
    log = getattr(process, "log", None)
    return log.read_text(errors="replace")[-6000:] if log else ""


def start(stack: ExitStack, log: Path, command: list[str], **more) -> subprocess.Popen:
    """A process with its output in `log`; ended by the stack: SIGTERM, then SIGKILL."""
    with log.open("ab") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, **more)
    process.log = log  # type: ignore[attr-defined]
    stack.callback(stop, process)
    return process


def stop(process: subprocess.Popen, seconds: float = 30) -> int:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def accepts(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 1):
        return True


def start_kafka(stack: ExitStack, folder: Path, jars: Path) -> str:
    """One broker in KRaft mode with the topic; the answer is its address."""
    port, controller = free_port(), free_port()
    properties = folder / "kafka.properties"
    properties.write_text(KAFKA_PROPERTIES.format(port=port, controller=controller, folder=folder))
    java = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", f"{jars}/*"]
    cluster = ["format", "--cluster-id", "MkU3OEVBNTcwNTJENDM2Qg", "--config", str(properties)]
    subprocess.run([*java, "kafka.tools.StorageTool", *cluster], check=True, capture_output=True)
    process = start(stack, folder / "kafka.log", [*java, "kafka.Kafka", str(properties)])
    wait_for("kafka", 60, lambda: accepts(port), process)
    create_topic(f"127.0.0.1:{port}")
    return f"127.0.0.1:{port}"


def create_topic(brokers: str) -> None:
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": brokers})
    admin.create_topics([NewTopic(TOPIC, 4, 1)], operation_timeout=30)[TOPIC].result(60)


class Postgres:
    """PostgreSQL on a free port; refuses root, so root runs it as user postgres."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.port = free_port()
        self.binaries = Path(
            os.environ.get("PG_BINDIR") or subprocess.check_output(["pg_config", "--bindir"], text=True).strip())
        self._as = []
        data = folder / "postgres"
        data.mkdir()
        if os.geteuid() == 0:
            self._as = ["runuser", "-u", "postgres", "--"]
            shutil.chown(data, "postgres")
        self._run("initdb", "-D", str(data), "-U", "owner", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        options = ["-c", "fsync=off", "-c", f"unix_socket_directories={data}", "-c", "listen_addresses=127.0.0.1"]
        command = [*self._as, str(self.binaries / "postgres"), "-D", str(data), "-p", str(self.port), *options]
        self._start = lambda: start(stack, folder / "postgres.log", command, cwd=data)
        self._data = data
        self.begin()
        self.sql("CREATE DATABASE litemaas", database="postgres")

    def begin(self) -> None:
        self.process = self._start()
        wait_for("postgres", 30, self._ready, self.process)

    def end(self) -> None:
        """At once, with all sessions."""
        self._run("pg_ctl", "stop", "-D", str(self._data), "-m", "fast", "-w")
        self.process.wait(30)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([*self._as, str(self.binaries / program), *arguments], check=True, capture_output=True, cwd="/")

    def _ready(self) -> bool:
        command = [str(self.binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def conninfo(self, user: str = "owner") -> str:
        return f"host=127.0.0.1 port={self.port} dbname=litemaas user={user}"

    def sql(self, text: str, database: str = "litemaas") -> list[list[str]]:
        """The rows of the last statement, as text."""
        command = ["psql", "-XqAt", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port)]
        done = subprocess.run([*command, "-U", "owner", "-d", database, "-f", "-"], input=text, text=True, capture_output=True,
                              check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return [line.split("\x1f") for line in done.stdout.splitlines()]


class Ingestd:
    """usage-ingestd: its commands, and the daemon."""

    def __init__(self, folder: Path, db: Postgres, brokers: str) -> None:
        self.http, self._db, self._brokers, self._folder = free_port(), db, brokers, folder
        self._program = os.environ["USAGE_INGESTD"]
        self._config = folder / "usage-ingestd.toml"
        self._config.write_text(f'[http]\nlisten = "127.0.0.1:{self.http}"\n')

    def _env(self, user: str) -> dict[str, str]:
        return {**os.environ, "USAGE_INGEST_KAFKA_BROKERS": self._brokers,
                "USAGE_INGEST_POSTGRES_CONNINFO": self._db.conninfo(user)}

    def run(self, *arguments: str, user: str = "owner") -> str:
        command = [self._program, "--config", str(self._config), *arguments]
        done = subprocess.run(command, env=self._env(user), text=True, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def migrate(self) -> None:
        """What an operator does: migrate as owner, a role for the daemon."""
        self.run("migrate")
        self._db.sql("CREATE ROLE usage_ingest LOGIN")
        self._db.sql(self.run("migrate", "--print-grants", "usage_ingest"))

    def start(self, stack: ExitStack) -> subprocess.Popen:
        command = [self._program, "--config", str(self._config), "run"]
        return start(stack, self._folder / "usage-ingestd.log", command, env=self._env("usage_ingest"))

    def is_ready(self) -> bool:
        return urllib.request.urlopen(f"http://127.0.0.1:{self.http}/readyz", timeout=5).status == 200


class Proxy:
    """A LiteLLM proxy with our callback, as an operator would run it, and an upstream of its own.

    It starts in the background; `wait` for it. `flags` choose the server, "" is uvicorn.
    """

    def __init__(self, stack: ExitStack, folder: Path, name: str, env: dict[str, str], flags="", keep_no_log=False,
                 gate=False) -> None:
        self.name, self.port = name, free_port()
        self.home = folder / name
        self.home.mkdir()
        self.upstream = start_upstream(stack, self.home)
        upstream = f"http://127.0.0.1:{self.upstream}/v1"
        config = (HERE / "proxy_config.yaml").read_text().replace("@UPSTREAM@", upstream)
        if keep_no_log:
            config = config.replace("global_disable_no_log_param: true", "global_disable_no_log_param: false")
        if gate:
            config = config.replace('callbacks: ["', 'callbacks: ["usage_gate.usage_gate", "')
        (self.home / "config.yaml").write_text(config)
        ours = (HERE.parent / name for name in ("usage_kafka_logger.py", "usage_gate.py"))
        for source in (*ours, HERE / "custom_auth.py", HERE / "spend_probe.py"):
            shutil.copy(source, self.home)
        quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION",
                 "DISABLE_ADMIN_UI": "True", "NO_PROXY": "127.0.0.1",
                 "SPEND_PROBE_FILE": str(self.home / "spend_logs.ndjson")}
        command = [str(Path(sys.executable).parent / "litellm"), "--config", str(self.home / "config.yaml"), "--host", "127.0.0.1",
                   "--port", str(self.port), *flags.split()]
        self.process = start(stack, folder / f"{name}.log", command, cwd=self.home, env={**os.environ, **quiet, **env})

    def wait(self) -> Proxy:
        wait_for(self.name, 300, self._alive, self.process)  # four start at once
        return self

    def spend_logs(self) -> list[dict]:
        """The rows that LiteLLM would write to its database."""
        return [json.loads(line) for line in (self.home / "spend_logs.ndjson").open()]

    def _alive(self) -> bool:
        return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/liveliness", timeout=2).status == 200


def start_upstream(stack: ExitStack, folder: Path) -> int:
    port = free_port()
    process = start(stack, folder / "upstream.log", [sys.executable, str(HERE / "fake_upstream.py"), str(port)])
    wait_for("upstream", 30, lambda: accepts(port), process)
    return port
