#!/usr/bin/env python3
"""Modules include only to the left, and each library is included in one folder only."""
import re

import tree

# Each may include itself and those before it.
ORDER = ["schema", "aggregate", "ingest", "daemon"]
# Inside ingest: what a folder may include beside itself. The pipeline sees Kafka and PostgreSQL
# through interfaces of its own, so that the simulation can replace both.
INGEST = {"event": [], "pipeline": ["event"], "kafka": ["pipeline"], "postgres": ["pipeline"]}
ONLY_IN = {
    "simdjson": "ingest/event/",
    "librdkafka/": "ingest/kafka/",
    "libpq": "ingest/postgres/",
    "pg_config": "ingest/postgres/",
    "prometheus/": "daemon/",
    "systemd/": "daemon/",
    "toml++": "daemon/",
    "CLI/": "daemon/",
    "boost/beast": "daemon/http",
}
# Minutes of compile time for everybody who includes the header.
NOT_IN_HEADERS = ("simdjson", "toml++", "CLI/", "prometheus/", "spdlog/")
INCLUDE = re.compile(r'\s*#\s*include\s*[<"]([^>"]+)[>"]')


def module(path: str) -> str | None:
    first = path.split("/", 1)[0]
    return first if first in ORDER else None


def ingest_folder(path: str) -> str | None:
    parts = path.split("/")
    return parts[1] if parts[0] == "ingest" and len(parts) > 2 else None


def reasons(path: str, included: str):
    own, other = module(path), module(included)
    if own is None:
        return  # tests and benches may use all
    if other is None and included.split("/", 1)[0] in ("tests", "bench"):
        yield f"{own} includes {included}: nobody uses tests or benches"
    if other is not None and ORDER.index(other) > ORDER.index(own):
        yield f"{own} includes {included}: arrows only to the left, {' <- '.join(ORDER)}"
    own_folder, other_folder = ingest_folder(path), ingest_folder(included)
    if own_folder in INGEST and other_folder not in (None, own_folder, *INGEST[own_folder]):
        yield f"ingest/{own_folder} includes {included}"
    for prefix, folder in ONLY_IN.items():
        if included.startswith(prefix) and not path.startswith(folder):
            yield f"<{included}> belongs only in {folder}"
    if path.endswith(".h") and included.startswith(NOT_IN_HEADERS):
        yield f"<{included}> in a header: keep it behind a pimpl"


def check(root):
    for path in tree.sources(root):
        for number, line in enumerate(tree.lines(root, path), 1):
            if match := INCLUDE.match(line):
                for reason in reasons(path.as_posix(), match[1]):
                    yield f"{path}:{number}: {reason}"


if __name__ == "__main__":
    tree.main(check)
