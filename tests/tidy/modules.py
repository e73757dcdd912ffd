"""The modules: which folder each one is, and which others it may include. One place for both.

A module is a folder of at most FILES_MAX sources with one namespace, which is its path, and a README.
It may include itself, the modules named here, and `schema` and `aggregate`, which are values only.
"""
import pathlib

FILES_MAX = 40  # a reader finds a file by looking at the list

MODULES: dict[str, tuple[str, ...]] = {
    "schema": (),
    "aggregate": (),
    "ingest/json": (),
    "ingest/event": ("ingest/json",),
    # Sees Kafka and PostgreSQL through interfaces of its own, so that the simulation can replace both.
    "ingest/pipeline": ("ingest/event",),
    "ingest/kafka/client": ("ingest/pipeline",),
    "ingest/kafka/consumer": ("ingest/kafka/client", "ingest/pipeline"),
    "ingest/kafka/range": ("ingest/kafka/client", "ingest/pipeline"),
    # What the lanes use: it never blocks, so nothing here may include postgres/blocking.
    "ingest/postgres/session": ("ingest/pipeline",),
    "ingest/postgres/batch": ("ingest/postgres/session", "ingest/pipeline"),
    "ingest/postgres/background": (
        "ingest/postgres/batch", "ingest/postgres/session", "ingest/pipeline"),
    # What the commands use: it blocks.
    "ingest/postgres/blocking": ("ingest/postgres/session",),
    # The probe asks what the lanes' statements need, so it reads their columns and their COPY path.
    "ingest/postgres/probe": (
        "ingest/postgres/batch", "ingest/postgres/blocking", "ingest/postgres/session"),
    "ingest/postgres/admin": (
        "ingest/postgres/batch", "ingest/postgres/blocking", "ingest/postgres/session"),
    "ingest/postgres/migrate": (
        "ingest/postgres/batch", "ingest/postgres/admin", "ingest/postgres/probe", "ingest/postgres/blocking",
        "ingest/postgres/session"),
    "daemon/text": (),
    "daemon/config": (
        "daemon/text", "ingest/event", "ingest/kafka/client", "ingest/postgres/batch"),
    "daemon/telemetry": ("daemon/text", "daemon/config", "ingest/pipeline"),
    "daemon/http": ("daemon/text", "daemon/config", "daemon/telemetry"),
    "daemon/assembly": (
        "daemon/text", "daemon/config", "ingest/pipeline", "ingest/kafka/client",
        "ingest/postgres/batch", "ingest/postgres/blocking"),
    "daemon/bundle": (
        "daemon/text", "daemon/config", "daemon/assembly", "ingest/postgres/session",
        "ingest/postgres/blocking"),
    "daemon/progress": (
        "daemon/text", "daemon/config", "daemon/http", "daemon/assembly", "ingest/postgres/blocking"),
    "daemon/service": (
        "daemon/text", "daemon/config", "daemon/telemetry", "daemon/http", "daemon/assembly",
        "ingest/pipeline", "ingest/kafka/consumer", "ingest/postgres/batch",
        "ingest/postgres/background", "ingest/postgres/probe"),
    "daemon/replay": (
        "daemon/text", "daemon/config", "daemon/telemetry", "daemon/assembly", "ingest/json",
        "ingest/kafka/range", "ingest/pipeline", "ingest/postgres/batch"),
    # A command may use whatever it is a command for; no module but cli may use a command.
    "daemon/commands": (
        "daemon/text", "daemon/config", "daemon/telemetry", "daemon/http", "daemon/assembly",
        "daemon/bundle", "daemon/progress", "daemon/service", "daemon/replay", "ingest/pipeline", "ingest/kafka/client",
        "ingest/kafka/consumer", "ingest/kafka/range", "ingest/postgres/batch",
        "ingest/postgres/background", "ingest/postgres/blocking",
        "ingest/postgres/probe", "ingest/postgres/admin", "ingest/postgres/migrate"),
    "daemon/cli": ("daemon/text", "daemon/config", "daemon/telemetry", "daemon/commands"),
}

# daemon/ itself holds main.cc, which may use everything.
PROGRAM = "daemon"
VALUES = ("schema", "aggregate")
TOP = ("schema", "aggregate", "ingest", "daemon")


def module_of(path: str) -> str | None:
    """The module that a file or an included header belongs to; None for tests, benches, libraries."""
    folder = pathlib.PurePosixPath(path).parent.as_posix()
    return folder if folder.split("/", 1)[0] in TOP else None


def namespace_of(module: str) -> str:
    """`ingest/kafka/client` is usage_ingest::kafka::client, the vocabulary of schema usage_ingest."""
    parts = module.split("/")
    if module in ("schema", PROGRAM):
        parts = []
    elif parts[0] in ("ingest", "daemon"):
        parts = parts[1:]
    return "::".join(["usage_ingest", *parts])
