#!/usr/bin/env python3
"""Shell completion: bash, zsh and fish complete commands, options, choices and files.

    completion_test.py     with the program in $USAGE_INGESTD
"""

import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from program import PROGRAM, commands, options, output_of, subcommands

REASONS = {"invalid_json", "invalid_field", "invalid_number", "value_out_of_range", "timestamp_out_of_range",
           "unattributed", "record_too_large", "rejected_by_database", "month_rejected",
           "subscription_rejected", "resources_exceeded"}
#: A line up to the cursor, and what may follow: all of it, in any order.
CASES = [
    ("usage-ingestd dead-", {"dead-letters"}),
    ("usage-ingestd dead-letters ", {"list", "show", "retry", "discard"}),
    ("usage-ingestd --config run dead-letters r", {"retry"}),
    ("usage-ingestd dead-letters list --reason ", REASONS),
    ("usage-ingestd dead-letters list --reason un", {"unattributed"}),
    ("usage-ingestd dead-letters --json list --re", {"--reason"}),
    ("usage-ingestd completion ", {"bash", "zsh", "fish"}),
    ("usage-ingestd replay --topic ", set()),
    ("usage-ingestd status ", set()),
    ("usage-ingestd import ev", {"events.ndjson"}),
    ("usage-ingestd run --config ev", {"events.ndjson"}),
]
SECONDS_MAX = 20


def bash(line: str, folder: str) -> set[str]:
    """What the registered function offers; '=' is a word of its own, as bash splits."""
    words = re.sub(r"=", " = ", line).split(" ")
    script = """
source <("$USAGE_INGESTD" completion bash)
function=$(complete -p usage-ingestd | sed 's/.*-F \\([^ ]*\\).*/\\1/')
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
"$function"
printf '%s\\n' "${COMPREPLY[@]}"
"""
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", *words], capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode or done.stderr:
        raise AssertionError(f"{line}: {done.returncode} {done.stderr}")
    return set(done.stdout.split())


def fish(line: str, folder: str) -> set[str]:
    script = f'"$USAGE_INGESTD" completion fish | source; complete -C "{line}"'
    done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True, check=False, cwd=folder,
                          env={**os.environ, "HOME": folder})
    if done.returncode or done.stderr:
        raise AssertionError(f"{line}: {done.returncode} {done.stderr}")
    return {each.split("\t")[0] for each in done.stdout.splitlines()}


def after_tab(shell: list[str], setup: str, line: str, wanted: str) -> str:
    """What a terminal shows after `line` and the Tab key, once it holds `wanted` or the time is over."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="dumb", PS1="> ", HOME="/nonexistent")
        os.execvp(shell[0], shell)
    shown = ""

    def read_until(text: str) -> None:
        nonlocal shown
        deadline = time.monotonic() + SECONDS_MAX
        while text not in shown and time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.1)[0]:
                shown += os.read(terminal, 4096).decode(errors="replace")

    try:
        # A prompt, because the shell reads keys one by one only when it has shown it. The prompt is
        # computed, so that the echo of the command is not taken for it.
        os.write(terminal, f"{setup}; PS1=ready-$((6 * 7))\n".encode())
        read_until("ready-42")
        shown = ""
        os.write(terminal, f"{line}\t".encode())
        read_until(wanted)
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
    return shown


@unittest.skipUnless(PROGRAM, "the program is not built")
class CompletionTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        (Path(folder.name) / "events.ndjson").touch()

    def test_offers_what_may_follow(self):
        for complete in (bash, fish):
            for line, wanted in CASES:
                with self.subTest(shell=complete.__name__, line=line):
                    self.assertEqual(complete(line, self.folder), wanted)

    def test_offers_every_option_of_every_command(self):
        for complete in (bash, fish):
            for words in [(), *commands()]:
                with self.subTest(shell=complete.__name__, command=words):
                    offered = complete(" ".join(["usage-ingestd", *words, "--"]), self.folder)
                    self.assertEqual(offered, options(*words))
        zsh = output_of("completion", "zsh")
        for words in commands():
            place = re.findall(rf"(?m)^ *\(' {' '.join(words)}'\) found=.*$", zsh)
            self.assertEqual(set(re.findall(r"'(--[a-z-]+):", "".join(place))), options(*words))

    def test_hidden_commands_stay_hidden(self):
        self.assertEqual(bash("usage-ingestd ", self.folder), set(subcommands()))
        self.assertEqual(bash("usage-ingestd man", self.folder), set())

    def test_a_value_may_follow_an_equals_sign(self):
        self.assertEqual(bash("usage-ingestd dead-letters list --reason=un", self.folder), {"unattributed"})
        self.assertEqual(bash("usage-ingestd dead-letters list --reason=", self.folder), REASONS)
        self.assertEqual(bash("usage-ingestd --config=x dead-letters dis", self.folder), {"discard"})

    def test_the_tab_key_completes(self):
        for shell, setup in ((["bash", "--norc", "-i"], 'source <("$USAGE_INGESTD" completion bash)'),
                             (["zsh", "-f", "-i"], "autoload -U compinit; compinit -D -u; "
                                                   'source <("$USAGE_INGESTD" completion zsh)')):
            for line, wanted in (("usage-ingestd dead-", "dead-letters"),
                                 ("usage-ingestd dead-letters list --rea", "--reason"),
                                 ("usage-ingestd dead-letters list --reason una", "unattributed")):
                with self.subTest(shell=shell[0], line=line):
                    self.assertIn(wanted, after_tab(shell, setup, line, wanted))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
