"""The other ways of getting the very same rows into usage_logs."""

from __future__ import annotations

import datetime
import pathlib
import subprocess
import time

from .postgres import Cluster
from .process import Failure, run

# What the daemon writes; the two generated columns are PostgreSQL's.
COLUMNS = ("id, subscription_id, api_key_id, team_id, model_id, request_tokens, response_tokens,"
           " input_cost, output_cost, latency_ms, status_code, error_message, litellm_request_id,"
           " metadata, created_at")
# Begins with the time, as those of the daemon: docs/events.md, "The row id".
NEW_ID = ("(lpad(to_hex((extract(epoch FROM created_at) * 1000)::bigint), 12, '0')"
          " || substr(replace(gen_random_uuid()::text, '-', ''), 13))::uuid AS id")
NEW_REQUEST = "'chatcmpl-' || gen_random_uuid() AS litellm_request_id"
NEW_COLUMNS = COLUMNS.replace("litellm_request_id", NEW_REQUEST).replace("id", NEW_ID, 1)
# Triggers and foreign keys off: what makes the ceiling a ceiling.
BARE = "-c session_replication_role=replica"


class Files:
    """Rows taken out of a database that the daemon has filled, in the order in which it wrote them.

    xmin is the transaction, ctid the place: together the order of writing. Whole transactions go to
    the two files of the ceiling in turn, as the daemon's two lanes made them.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        folder.mkdir()
        self._folder = folder

    def halves(self) -> list[pathlib.Path]:
        return [self._folder / f"half-{number}.bin" for number in (0, 1)]

    def export(self, cluster: Cluster, database: str, *, new_ids: bool = False) -> None:
        """The ceiling's files: all rows. With new ids they can be added to a table that has them already."""
        columns = NEW_COLUMNS if new_ids else COLUMNS
        script = [f"""CREATE TEMP TABLE written AS
            SELECT {columns}, xmin::text::bigint AS xid, row_number() OVER (
                ORDER BY xmin::text::bigint, ctid) AS place,
                dense_rank() OVER (ORDER BY xmin::text::bigint) AS batch FROM usage_logs;"""]
        for number, path in enumerate(self.halves()):
            script.append(f"\\copy (SELECT {COLUMNS} FROM written WHERE batch % 2 = {number}"
                          f" ORDER BY place) TO '{path}' (FORMAT binary)")
        self._psql(cluster, database, script)

    def export_batches(self, cluster: Cluster, database: str, rows: int,
                       batch: int) -> list[pathlib.Path]:
        """The first `rows` rows as files of `batch` rows each."""
        paths = []
        script = [self._sample(rows)]
        for first in range(0, rows, batch):
            path = self._folder / f"batch-{batch}-{first // batch:05}.bin"
            script.append(f"\\copy (SELECT {COLUMNS} FROM sample WHERE place > {first}"
                          f" AND place <= {first + batch} ORDER BY place)"
                          f" TO '{path}' (FORMAT binary)")
            paths.append(path)
        self._psql(cluster, database, script)
        return paths

    def export_inserts(self, cluster: Cluster, database: str, rows: int) -> pathlib.Path:
        """The first `rows` rows as INSERT statements."""
        path = self._folder / "inserts.sql"
        values = ", ".join(["%L"] * len(COLUMNS.split(",")))
        self._psql(cluster, database, [
            self._sample(rows), f"\\o {path}",
            f"SELECT format('INSERT INTO usage_logs ({COLUMNS}) VALUES ({values});', {COLUMNS})"
            " FROM sample ORDER BY place;", "\\o"])
        return path

    @staticmethod
    def _sample(rows: int) -> str:
        return (f"CREATE TEMP TABLE sample AS SELECT {COLUMNS}, row_number() OVER (ORDER BY"
                f" xmin::text::bigint, ctid) AS place FROM usage_logs"
                f" ORDER BY xmin::text::bigint, ctid LIMIT {rows};")

    def _psql(self, cluster: Cluster, database: str, script: list[str]) -> None:
        path = self._folder / "export.sql"
        path.write_text("\n".join(script) + "\n")
        cluster.execute_file(database, path)


def timed_copies(cluster: Cluster, database: str, lanes: list[list[pathlib.Path]],
                 options: str = "") -> float:
    """Seconds for psql connections, one a lane, each copying its files one after the other."""
    commands = []
    for files in lanes:
        copies = [f"\\copy usage_logs ({COLUMNS}) FROM '{path}' (FORMAT binary)" for path in files]
        commands.append("\n".join(copies) + "\n")
    return _timed_psqls(cluster, database, commands, options)


def multiply(cluster: Cluster, database: str, files: list[pathlib.Path], wanted: int,
             begin: datetime.datetime, end: datetime.datetime) -> None:
    """Adds `wanted` rows made of those of `files`: new ids, no metadata, times from `begin` to `end` in order."""
    cluster.execute(database, f"""
        DROP TABLE IF EXISTS sample;
        CREATE TABLE sample AS SELECT {COLUMNS} FROM usage_logs LIMIT 0;
        ALTER TABLE sample ADD COLUMN place serial""")
    for path in files:
        cluster.execute(database, f"\\copy sample ({COLUMNS}) FROM '{path}' (FORMAT binary)")
    size = int(cluster.execute(database, "SELECT count(*) FROM sample"))
    made = NEW_COLUMNS.replace("metadata", "'{}'")
    second = (end - begin).total_seconds() / wanted
    scripts = ["SET synchronous_commit = off;\n"] * 2
    for number, first in enumerate(range(0, wanted, size)):
        at = f"'{begin.isoformat()}'::timestamptz + ({first} + place) * interval '{second:.9f} seconds'"
        scripts[number % 2] += (f"INSERT INTO usage_logs ({COLUMNS}) SELECT {made.replace('created_at', at)}"
                                f" FROM sample WHERE place <= {wanted - first};\n")
    _timed_psqls(cluster, database, scripts, BARE)


def timed_script(cluster: Cluster, database: str, path: pathlib.Path) -> float:
    began = time.monotonic()
    run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", str(path), cluster.conninfo(database)])
    return time.monotonic() - began


def _timed_psqls(cluster: Cluster, database: str, scripts: list[str], options: str) -> float:
    conninfo = cluster.conninfo(database) + (f" options='{options}'" if options else "")
    began = time.monotonic()
    psqls = [subprocess.Popen(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", conninfo],
                              stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
             for _ in scripts]
    for psql, script in zip(psqls, scripts, strict=True):
        assert psql.stdin
        psql.stdin.write(script)
        psql.stdin.close()
    for psql in psqls:
        assert psql.stderr
        errors = psql.stderr.read()
        if psql.wait() != 0:
            raise Failure(f"psql: {errors}")
    return time.monotonic() - began


def count(cluster: Cluster, database: str) -> int:
    return int(cluster.execute(database, "SELECT count(*) FROM usage_logs"))


def interleave(files: list[pathlib.Path], lanes: int) -> list[list[pathlib.Path]]:
    return [files[lane::lanes] for lane in range(lanes)]
