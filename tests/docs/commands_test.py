#!/usr/bin/env python3
"""Every command that a document shows exists: commands and options, asked of the program itself.

    commands_test.py SOURCE_DIR     with the program in $USAGE_INGESTD
"""

import re
import sys
import unittest
from pathlib import Path

from program import PROGRAM, help_of, subcommands

TOP = Path(sys.argv.pop(1) if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
DOCUMENTS = [*sorted((TOP / "docs").glob("*.md")), TOP / "README.md", TOP / "systemd/README.md",
             TOP / "contrib/litellm/README.md", TOP / "monitoring/alerts.yaml", *sorted((TOP / "systemd").glob("usage-ingestd*"))]
COMMANDS = subcommands() if PROGRAM else []
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
                if first in subcommands(name):
                    text += help_of(name, first)
                for option in re.findall(r"(?<!\S)(--[a-z-]+)", arguments):
                    self.assertRegex(text + help_of(), rf"{option}\b")


class CommandListTest(unittest.TestCase):
    def test_every_declared_command_is_in_the_list(self):
        text = (TOP / "daemon/commands/command_list.h").read_text()
        begin = text.index("AllCommands()")
        declared = set(re.findall(r"CommandPtr (Make\w+)\(\);", text[:begin]))
        listed = set(re.findall(r"Make\w+", text[begin:text.index("\n}", begin)]))
        self.assertGreater(len(declared), 10)
        self.assertEqual(declared, listed)


class LinksTest(unittest.TestCase):
    def test_links_between_documents_lead_somewhere(self):
        for path in DOCUMENTS:
            if path.suffix != ".md" or not path.exists():
                continue
            for target in re.findall(r"\]\(([\w./-]+\.md)\)", path.read_text()):
                self.assertTrue((path.parent / target).exists(), f"{path.relative_to(TOP)}: {target}")


class MessagesTest(unittest.TestCase):
    def test_a_message_names_a_document_where_the_package_has_it(self):
        for folder in ("daemon", "ingest", "schema", "aggregate"):
            for path in (TOP / folder).rglob("*.cc"):
                for number, line in enumerate(path.read_text().splitlines(), 1):
                    code = line.partition("//")[0]
                    with self.subTest(where=f"{path.relative_to(TOP)}:{number}"):
                        self.assertNotRegex(code, r"(?<!/)docs/[a-z-]+\.md")
                        for name in re.findall(r"/usr/share/doc/usage-ingestd/([a-z-]+\.md)", code):
                            self.assertTrue((TOP / "docs" / name).exists(), name)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
