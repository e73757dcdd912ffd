#!/usr/bin/env python3
"""A result that cannot be written is an error, for every command that can be asked without a server.

    output_test.py     with the program in $USAGE_INGESTD
"""

import os
import pty
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
conninfo = "host=127.0.0.1 port=1 dbname=none"
[http]
listen = "127.0.0.1:1"
"""
CANNOT_WRITE = 74  # EX_IOERR


@unittest.skipUnless(PROGRAM, "the program is not built")
class OutputTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.config = Path(folder.name) / "usage-ingestd.toml"
        self.config.write_text(CONFIGURATION)

    def ask(self, words, **where):
        return subprocess.run([PROGRAM, "--config", self.config, *words], text=True, check=False, stderr=subprocess.PIPE, **where)

    def test_a_full_disk_is_an_error(self):
        for words in (["--help"], ["--version"], ["version", "--json"], ["completion", "bash"], ["man"],
                      ["check-config"], ["status"], ["status", "--json"]):
            with self.subTest(words=words), open("/dev/full", "w") as full:
                done = self.ask(words, stdout=full)
                self.assertEqual(done.returncode, CANNOT_WRITE)
                self.assertIn("cannot write to standard output: ", done.stderr)

    def test_a_closed_output_is_an_error(self):
        done = subprocess.run(["bash", "-c", '"$0" version >&-', PROGRAM], text=True, check=False, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, CANNOT_WRITE)

    def test_without_the_fault_the_exit_code_is_that_of_the_command(self):
        self.assertEqual(self.ask(["version"], stdout=subprocess.DEVNULL).returncode, 0)
        self.assertEqual(self.ask(["status"], stdout=subprocess.DEVNULL).returncode, 69)

    def test_no_color_holds_for_log_lines(self):
        for variables, has_colours in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)):
            ours, theirs = pty.openpty()
            environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | variables
            with subprocess.Popen([PROGRAM, "--config", self.config, "run"], stderr=theirs, env=environment) as daemon:
                os.close(theirs)
                text = b""
                while b"PostgreSQL" not in text:
                    text += os.read(ours, 4096)
                daemon.terminate()
            os.close(ours)
            self.assertEqual(b"\x1b[" in text, has_colours, (variables, text))

    def test_a_refusal_is_an_error_in_the_journal(self):
        self.config.write_text("[kafka]\nbroker = 1\n")
        reader, writer = os.pipe()
        found = os.fstat(writer)
        environment = os.environ | {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        done = subprocess.run([PROGRAM, "--config", self.config, "run"], stderr=writer, env=environment, check=False)
        os.close(writer)
        with os.fdopen(reader) as journal:
            lines = journal.read().splitlines()
        self.assertEqual(done.returncode, 78)
        self.assertGreater(len(lines), 3)
        self.assertEqual([line for line in lines if not line.startswith("<3>")], [])

    def test_no_prefix_of_a_log_line_is_doubled(self):
        with subprocess.Popen([PROGRAM, "--config", self.config, "run"], stderr=subprocess.PIPE, text=True) as daemon:
            assert daemon.stderr
            text = ""
            while "PostgreSQL" not in text:
                text += daemon.stderr.readline()
            daemon.terminate()
            text += daemon.stderr.read()
        for line in text.splitlines():
            words = [word.strip(":").lower() for word in line.split(" ")[1:5]]
            self.assertEqual(len(words), len(set(words)), line)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
