"""A real PostgreSQL, fsync on, of our own, reached by psql over a socket in our folder."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import time

from .process import Child, Cpu, Failure, cpu_with_children, postgres_user, run

# Debian keeps initdb and postgres out of PATH; pg_config of libpq-dev knows the folder.
BIN = pathlib.Path(subprocess.check_output(["pg_config", "--bindir"], text=True).strip())

# What a small dedicated server would have; durability is left alone: fsync, synchronous_commit and
# full_page_writes are on. Checkpoints are taken between the cases, not within.
SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "1GB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "30min",
    "max_connections": "40",
    "autovacuum_naptime": "1min",
    "shared_preload_libraries": "pg_stat_statements",
}

PATIENCE_SECONDS = 180.0


class Session:
    """One psql connection that stays open; SELECTs cost no process start."""

    _END = "--end-of-answer--"

    def __init__(self, conninfo: str) -> None:
        self._psql = subprocess.Popen(
            ["psql", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", conninfo],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True)
        assert self._psql.stdin and self._psql.stdout and self._psql.stderr
        self._input, self._output = self._psql.stdin, self._psql.stdout
        self._errors = self._psql.stderr

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_) -> None:
        self._input.close()
        self._psql.wait(10)

    def rows(self, sql: str) -> list[list[str]]:
        self._input.write(f"{sql};\n\\echo {self._END}\n")
        self._input.flush()
        answer: list[list[str]] = []
        for line in self._output:
            row = line.rstrip("\n")
            if row == self._END:
                return answer
            answer.append(row.split("\t"))
        raise Failure(f"psql: {self._errors.read()}")

    def value(self, sql: str) -> str:
        return self.rows(sql)[0][0]

    def wait_for(self, sql: str, wanted: int, process: Child, look_seconds: float) -> int:
        """Until `sql` gives that number or more, which `process` has to reach; the number."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            process.check()
            if (found := int(self.value(sql))) >= wanted:
                return found
            time.sleep(look_seconds)
        raise Failure(f"{process.name}: no {wanted} rows within {PATIENCE_SECONDS:.0f} s\n{process.last_words()}")


class Cluster:
    """The server; use as a context manager."""

    def __init__(self, folder: pathlib.Path) -> None:
        if not (BIN / "initdb").exists():
            raise Failure("PostgreSQL 15 is not installed: run tools/setup build")
        self._folder = folder
        folder.mkdir(mode=0o700)
        options = postgres_user()
        if options:
            os.chown(folder, options["user"], options["group"])
        run([str(BIN / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust",
             "--encoding=UTF8", "--locale=C.UTF-8"], **options)
        self._start({})
        self.execute("postgres", "CREATE EXTENSION pg_stat_statements")

    def _start(self, settings: dict[str, str]) -> None:
        command = [str(BIN / "postgres"), "-D", str(self._folder / "data")]
        for name, value in (SETTINGS | settings | {"unix_socket_directories": str(self._folder)}).items():
            command += ["-c", f"{name}={value}"]
        self._server = Child(command, self._folder.parent / "postgres.log", **postgres_user())
        self._wait()

    def restart(self, settings: dict[str, str]) -> None:
        """With these settings beside its own ones."""
        self._server.stop(signal.SIGINT)  # fast shutdown
        self._start(settings)

    def _wait(self) -> None:
        for _ in range(300):
            self._server.check()
            ready = subprocess.run([str(BIN / "pg_isready"), "-q", "-h", str(self._folder)],
                                   check=False)
            if ready.returncode == 0:
                return
            time.sleep(0.1)
        raise Failure("PostgreSQL did not start")

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_) -> None:
        # Immediate: nothing in it is needed any more.
        if self._server.process.poll() is None:
            self._server.stop(signal.SIGQUIT)

    def conninfo(self, database: str) -> str:
        return f"host={self._folder} user=postgres dbname={database}"

    def execute(self, database: str, sql: str) -> str:
        return run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql, self.conninfo(database)])

    def execute_file(self, database: str, path: pathlib.Path) -> str:
        return run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", str(path),
                    self.conninfo(database)])

    def create(self, database: str, template: str = "template0") -> None:
        """A fresh database (an old one of the name goes), and a quiet server."""
        self.execute("postgres", f'DROP DATABASE IF EXISTS "{database}"')
        self.execute("postgres", f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        self.settle()

    def settle(self) -> None:
        """No dirty pages and no vacuum of an earlier case run into the next one."""
        self.execute("postgres", "CHECKPOINT")
        for _ in range(600):
            if self.execute("postgres", "SELECT count(*) FROM pg_stat_activity WHERE backend_type ="
                                        " 'autovacuum worker'").strip() == "0":
                return
            time.sleep(0.1)

    def cpu(self) -> Cpu:
        return cpu_with_children(self._server.pid)

    def statement_seconds(self, database: str, patterns: tuple[str, ...]) -> float:
        """How long PostgreSQL has executed statements of these LIKE patterns since the database was made."""
        likes = " OR ".join(f"query LIKE '{pattern}'" for pattern in patterns)
        return float(self.execute("postgres", f"""
            SELECT coalesce(sum(total_exec_time), 0) / 1000
              FROM pg_stat_statements AS s JOIN pg_database AS d ON d.oid = s.dbid
             WHERE d.datname = '{database}' AND ({likes})"""))

    def version(self) -> str:
        return self.execute("postgres", "SHOW server_version").strip()
