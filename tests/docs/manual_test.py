#!/usr/bin/env python3
"""The manual page: complete, and without a complaint of man and mandoc.

    manual_test.py     with the program in $USAGE_INGESTD
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest

from program import PROGRAM, commands, options, output_of

SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "FILES", "ENVIRONMENT", "EXIT STATUS", "SEE ALSO"]


def page() -> str:
    return output_of("man")


def plain() -> str:
    """Without roff's escapes."""
    return re.sub(r"\\f[BIR]", "", page()).replace("\\-", "-")


@unittest.skipUnless(PROGRAM, "the program is not built")
class ManualTest(unittest.TestCase):
    def test_sections_are_there_in_order(self):
        self.assertEqual(re.findall(r"(?m)^\.SH (.*)$", page()), SECTIONS)

    def test_every_command_has_its_options_and_examples(self):
        entries = re.split(r"(?m)^\.S[SH] ", plain())
        self.assertGreater(len(commands()), 15)
        for words in commands():
            with self.subTest(command=" ".join(words)):
                title = re.compile(rf"usage-ingestd {' '.join(words)}(?: |$)", re.M)
                entry = [each for each in entries if title.match(each)]
                self.assertEqual(len(entry), 1)
                self.assertEqual(set(re.findall(r"(?m)^(?:-\w, )?(--[a-z-]+)", entry[0])) | options(),
                                 options(*words))
                self.assertIn("Examples:", entry[0])

    def test_the_options_of_the_program_are_there(self):
        section = plain().partition(".SH OPTIONS\n")[2].partition("\n.SH ")[0]
        self.assertEqual(set(re.findall(r"--[a-z-]+", section)), options())

    def test_neither_man_nor_mandoc_complains(self):
        with tempfile.NamedTemporaryFile("w", suffix=".8") as file:
            file.write(page())
            file.flush()
            environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"}
            man = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", file.name], text=True, check=False,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
            self.assertEqual((man.returncode, man.stderr), (0, ""))
            mandoc = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", file.name], capture_output=True, text=True, check=False)
            self.assertEqual((mandoc.returncode, mandoc.stdout), (0, ""))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
