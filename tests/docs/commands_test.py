#!/usr/bin/env python3
"""Every command that a document shows exists: commands and options, asked of the program itself.

    commands_test.py SOURCE_DIR     with the program in $USAGE_INGESTD
"""

import os
import re
import subprocess
import sys
import unittest
from functools import lru_cache
from pathlib import Path

TOP = Path(sys.argv.pop(1) if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
PROGRAM = os.environ.get("USAGE_INGESTD", "")
DOCUMENTS = [*sorted((TOP / "docs").glob("*.md")), TOP / "README.md", TOP / "systemd/README.md",
             TOP / "contrib/litellm/README.md", TOP / "monitoring/alerts.yaml", *sorted((TOP / "systemd").glob("usage-ingestd*"))]
COMMANDS = "run check-config migrate status replay import dead-letters summaries partitions version".split()
#: In a code block or between backticks, or a unit's ExecStart: "usage-ingestd COMMAND ...".
COMMAND = re.compile(rf"usage-ingestd (?:--config \S+ )?({'|'.join(COMMANDS)})\b([^\n`]*)")
END = re.compile(r"\s(?:&&|\||>|#|;)")


def commands() -> list[tuple[str, str, str]]:
    """(where, command, arguments) of each."""
    found = []
    for path in DOCUMENTS:
        if not path.exists():
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for name, rest in COMMAND.findall(line):
                found.append((f"{path.relative_to(TOP)}:{number}", name, END.split(f" {rest}")[0].strip(" .,;:)\"")))
    return found


@lru_cache
def help_of(*words: str) -> str:
    done = subprocess.run([PROGRAM, *words, "--help"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(words)} --help: {done.returncode}\n{done.stderr}")
    return done.stdout


@unittest.skipUnless(PROGRAM, "the program is not built")
class CommandsTest(unittest.TestCase):
    def test_there_are_commands(self):
        self.assertGreater(len(commands()), 30)

    def test_commands_subcommands_and_options_exist(self):
        for where, name, arguments in commands():
            with self.subTest(where=where, command=f"{name} {arguments}"):
                text = help_of(name)
                words = arguments.split()
                first = words[0] if words else ""
                if name in ("dead-letters", "summaries", "partitions") and re.fullmatch(r"[a-z]+", first):
                    text += help_of(name, first)
                for option in re.findall(r"(?<!\S)(--[a-z-]+)", arguments):
                    self.assertRegex(text + help_of(), rf"{option}\b")

    def test_every_command_is_in_the_manuals(self):
        self.assertEqual({name for name in COMMANDS if name not in help_of()}, set())
        manual = (TOP / "docs/usage-ingestd.8").read_text().replace("\\-", "-")
        for name in COMMANDS:
            self.assertRegex(manual, rf"(?m)^\.BR? {name}\b")


class LinksTest(unittest.TestCase):
    def test_links_between_documents_lead_somewhere(self):
        for path in DOCUMENTS:
            if path.suffix != ".md" or not path.exists():
                continue
            for target in re.findall(r"\]\(([\w./-]+\.md)\)", path.read_text()):
                self.assertTrue((path.parent / target).exists(), f"{path.relative_to(TOP)}: {target}")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
