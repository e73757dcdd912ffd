#!/usr/bin/env python3
"""A result that cannot be written is an error, for every command that can be asked without a server.

    output_test.py     with the program in $USAGE_INGESTD
"""

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


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
