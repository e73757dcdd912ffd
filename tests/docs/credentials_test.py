#!/usr/bin/env python3
"""Commands after the installation of the manual: what root finds by itself, and what another user is told.

    credentials_test.py     with the program in $USAGE_INGESTD; as root
Each command has an /etc of its own, in a mount namespace.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from program import PROGRAM

CONFIGURATION = """
[kafka]
brokers = "127.0.0.1:1"
[postgres]
conninfo = "service=litemaas connect_timeout=2"
[http]
listen = "127.0.0.1:1"
"""
SERVICES = "[litemaas]\nhost=127.0.0.1\nport=1\ndbname=none\n"
UNAVAILABLE, DENIED, WRONG = 69, 77, 78
OF_THE_SYSTEM = ("passwd", "group", "nsswitch.conf", "hosts", "ld.so.cache")
OTHER_USER = 65534


@unittest.skipUnless(PROGRAM, "the program is not built")
class CredentialsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        self.etc = Path(folder.name) / "etc"
        self.etc.mkdir()
        for name in OF_THE_SYSTEM:
            shutil.copy(Path("/etc") / name, self.etc)
        # As the package leaves it: systemd/usage-ingestd.tmpfiles.
        self.package = self.etc / "usage-ingestd"
        self.package.mkdir(mode=0o750)
        self.write("usage-ingestd.toml", CONFIGURATION, 0o640)
        # A program that another user may run, wherever the build folder is.
        self.program = Path(folder.name) / "usage-ingestd"
        shutil.copy(PROGRAM, self.program)

    def write(self, name: str, text: str, mode: int = 0o600) -> None:
        (self.package / name).write_text(text)
        (self.package / name).chmod(mode)

    def ask(self, *words: str, user: int = 0) -> subprocess.CompletedProcess:
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        script = 'mount --bind "$1" /etc && shift && exec "$@"'
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "USAGE_INGEST_"))}
        return subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", str(self.etc), *become, str(self.program), *words],
                              capture_output=True, text=True, check=False, env=environment, timeout=60)

    def test_root_connects_with_the_service_file_of_the_package(self):
        self.write("pg_service.conf", SERVICES)
        for words in (("dead-letters", "list"), ("summaries", "verify"), ("partitions", "list"), ("migrate", "--dry-run")):
            with self.subTest(words=words):
                done = self.ask(*words)
                self.assertEqual(done.returncode, UNAVAILABLE, done.stderr)
                self.assertIn('"127.0.0.1", port 1 failed', done.stderr, "the host of the service was asked")

    def test_root_reads_the_environment_file_of_the_package(self):
        self.write("environment", "USAGE_INGEST_KAFKA_PROPERTIES_SASL_PASSWORD='of the file'\nUSAGE_INGEST_LOG_LEVEL=wrong\n")
        done = self.ask("check-config")
        self.assertEqual(done.returncode, WRONG)
        self.assertIn("USAGE_INGEST_LOG_LEVEL", done.stderr)

    def test_another_configuration_does_not_get_the_credentials_of_the_package(self):
        self.write("pg_service.conf", SERVICES)
        other = self.etc / "other.toml"
        other.write_text(CONFIGURATION)
        done = self.ask("--config", "/etc/other.toml", "dead-letters", "list")
        self.assertEqual(done.returncode, WRONG, done.stderr)

    def test_without_the_file_the_error_names_it(self):
        done = self.ask("dead-letters", "list")
        self.assertEqual(done.returncode, WRONG, done.stderr)
        for part in ("PGSERVICEFILE", "/etc/usage-ingestd/pg_service.conf", "sudo"):
            self.assertIn(part, done.stderr)

    def test_status_without_daemon_and_database_shows_no_counts(self):
        done = self.ask("status")
        self.assertEqual(done.returncode, UNAVAILABLE)
        self.assertIn("the progress is unknown", done.stdout)
        self.assertIn("PGSERVICEFILE", done.stdout)

    def test_a_user_without_permission_is_told_how_to_get_it(self):
        for words in (("status",), ("dead-letters", "list"), ("check-config",), ("run",), ("migrate",)):
            with self.subTest(words=words):
                done = self.ask(*words, user=OTHER_USER)
                self.assertEqual(done.returncode, DENIED, done.stderr)
                for part in ("Permission denied", "where: /etc/usage-ingestd/usage-ingestd.toml", "sudo", "group usage-ingestd"):
                    self.assertIn(part, done.stderr)

    def test_a_member_of_the_group_is_told_who_can_read_the_password(self):
        self.write("pg_service.conf", SERVICES)
        os.chown(self.package, 0, OTHER_USER)
        os.chown(self.package / "usage-ingestd.toml", 0, OTHER_USER)
        done = self.ask("dead-letters", "list", user=OTHER_USER)
        self.assertEqual(done.returncode, WRONG, done.stderr)
        self.assertIn("only root can read", done.stderr)

    def test_help_needs_no_permission(self):
        self.assertEqual(self.ask("status", "--help", user=OTHER_USER).returncode, 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
