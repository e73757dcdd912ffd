#!/usr/bin/env python3
"""Ctrl-C in tools/demo: it reaches the script, never a command substitution of it, so the table is printed.

    demo_test.py SOURCE_DIR
"""

import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOP = Path(sys.argv.pop(1) if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
#: As tools/demo watches the progress: nearly always inside a command substitution.
SCRIPT = """#!/usr/bin/env bash
set -euo pipefail
{start}
interrupted=false
trap 'interrupted=true' INT TERM HUP
echo started
while ! $interrupted; do now=$(sleep 0.2; date); done
echo "the table of $1"
exit 3
"""


class DemoTest(unittest.TestCase):
    def interrupt(self, start: str) -> tuple[int, str]:
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "script"
            script.write_text(SCRIPT.format(start=start))
            script.chmod(0o755)
            with subprocess.Popen([script, "today"], stdout=subprocess.PIPE, text=True, start_new_session=True) as run:
                assert run.stdout
                self.assertEqual(run.stdout.readline(), "started\n")
                os.killpg(run.pid, signal.SIGINT)  # as a terminal does
                rest = run.stdout.read()
                return run.wait(timeout=30), rest

    def test_the_table_is_printed_and_the_status_is_that_of_the_script(self):
        start = f'source "{TOP}/bench/demo/foreground.sh"\nrun_in_own_session "$0" "$@"'
        for _ in range(5):
            self.assertEqual(self.interrupt(start), (3, "the table of today\n"))

    def test_the_demo_runs_in_its_own_session(self):
        text = (TOP / "tools/demo").read_text()
        self.assertLess(text.index("run_in_own_session"), text.index("mktemp -d"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
