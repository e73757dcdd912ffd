#!/usr/bin/env python3
"""The systemd files: systemd-analyze accepts them, the sandbox is tight, and they fit the program.

    units_test.py SOURCE_DIR
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path

TOP = Path(sys.argv.pop(1) if len(sys.argv) > 1 else __file__).resolve()
TOP = TOP if TOP.is_dir() else TOP.parents[2]
UNITS = TOP / "systemd"
SERVICES = ("usage-ingestd.service", "usage-ingestd-retain.service", "usage-ingestd-index.service")
EXPOSURE_MAX = 2.0


def settings(unit: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (UNITS / unit).read_text().splitlines():
        if match := re.match(r"(\w+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


def only_match(pattern: str, text: str) -> re.Match[str]:
    found = re.search(pattern, text, re.M)
    if found is None:
        raise AssertionError(f"{pattern} is not in:\n{text}")
    return found


def seconds(text: str) -> float:
    units = {"ms": 0.001, "s": 1, "min": 60, "m": 60, "h": 3600}
    number, unit = only_match(r"^(\d+)(\w+)$", text).groups()
    return int(number) * units[unit]


class UnitsTest(unittest.TestCase):
    def test_systemd_finds_nothing_to_complain_about(self):
        with tempfile.TemporaryDirectory() as folder:
            for unit in UNITS.glob("*.[st]*"):
                if unit.suffix in (".service", ".timer"):
                    text = unit.read_text().replace("/usr/bin/usage-ingestd ", "/bin/true ")
                    (Path(folder) / unit.name).write_text(text)
            names = sorted(str(unit) for unit in Path(folder).iterdir())
            self.assertEqual(len(names), 5)
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True,
                                  check=False)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_sandbox(self):
        for unit in SERVICES:
            command = ["systemd-analyze", "security", "--offline=yes", f"--threshold={int(EXPOSURE_MAX * 10)}", str(UNITS / unit)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            level = only_match(r"exposure level for \S+: ([\d.]+)", done.stdout)
            self.assertLessEqual(float(level[1]), EXPOSURE_MAX, unit)
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_contract_of_the_daemon_unit(self):
        unit = settings("usage-ingestd.service")
        self.assertEqual(unit["Type"], ["notify"])
        # `run` refuses a shorter one: a statement must end before the watchdog does.
        limits = (TOP / "schema/limits.h").read_text(encoding="utf-8")
        shortest = only_match(r"kWatchdogPeriodMin = (\d+)s;", limits)
        self.assertEqual(unit["WatchdogSec"], [f"{shortest[1]}s"])
        self.assertIn("check-config", unit["ExecStartPre"][0])
        self.assertIn("check-config", unit["ExecReload"][0])
        self.assertIn("-HUP", unit["ExecReload"][1])
        self.assertIn("LoadCredential", unit)
        self.assertIn("78", unit["RestartPreventExitStatus"][0].split())

    def test_stop_timeout_is_above_the_drain_deadline(self):
        drain = only_match(r'^#drain = "(\w+)"', (UNITS / "usage-ingestd.toml").read_text())[1]
        self.assertGreater(seconds(settings("usage-ingestd.service")["TimeoutStopSec"][0]), seconds(drain))

    def test_user_of_the_units_is_the_user_that_is_made(self):
        made = only_match(r"^u (\S+)", (UNITS / "usage-ingestd.sysusers").read_text())[1]
        for unit in SERVICES:
            self.assertEqual(settings(unit)["User"], [made])

    @unittest.skipUnless(shutil.which("systemd-sysusers"), "systemd is not installed")
    def test_user_and_folder_can_be_made(self):
        with tempfile.TemporaryDirectory() as root:
            (Path(root) / "etc/usage-ingestd").mkdir(parents=True)
            config = Path(root) / "etc/usage-ingestd/usage-ingestd.toml"
            shutil.copy(UNITS / "usage-ingestd.toml", config)

            def run(*command: str) -> None:
                subprocess.run(command, check=True, capture_output=True)

            run("systemd-sysusers", f"--root={root}", str(UNITS / "usage-ingestd.sysusers"))
            self.assertIn("usage-ingestd", (Path(root) / "etc/passwd").read_text())
            if os.geteuid() == 0:
                run("systemd-tmpfiles", "--create", f"--root={root}", str(UNITS / "usage-ingestd.tmpfiles"))
                self.assertEqual(config.stat().st_mode & 0o777, 0o640)


class ExampleConfigTest(unittest.TestCase):
    """systemd/usage-ingestd.toml names each key that the program knows, and no other."""

    @staticmethod
    def known() -> set[str]:
        source = (TOP / "daemon/config/config_keys.cc").read_text()
        return {".".join(key) for key in re.findall(r'Bind\(\s*"(\w+)",\s*"(\w+)"', source)}

    def uncommented(self) -> dict:
        lines = (UNITS / "usage-ingestd.toml").read_text().splitlines()
        # A commented setting has no blank after the "#"; continuation lines are deeper.
        text = "\n".join(re.sub(r"^#(?=\S|            )", "", line) for line in lines)
        return tomllib.loads(text)

    def test_every_key_is_there(self):
        named = {f"{section}.{key}" for section, keys in self.uncommented().items() for key in keys}
        self.assertGreater(len(self.known()), 20)
        self.assertEqual(named - {"kafka.properties"}, self.known())

    def test_only_the_mandatory_keys_are_set(self):
        parsed = tomllib.loads((UNITS / "usage-ingestd.toml").read_text())
        keys = {f"{section}.{key}" for section, content in parsed.items() for key in content}
        self.assertEqual(keys, {"kafka.brokers", "postgres.conninfo"})

    @unittest.skipUnless(os.environ.get("USAGE_INGESTD"), "the program is not built yet")
    def test_the_program_accepts_it_as_it_is_and_uncommented(self):
        program, lines = os.environ["USAGE_INGESTD"], (UNITS / "usage-ingestd.toml").read_text().splitlines()
        for text in (lines, [re.sub(r"^#(?=\S|            )", "", line) for line in lines]):
            with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
                file.write("\n".join(text) + "\n")
                file.flush()
                # The password is not in the file: the comment above [kafka.properties] says where.
                secret = {"USAGE_INGEST_KAFKA_PROPERTIES_SASL_PASSWORD": "secret"}
                done = subprocess.run([program, "--config", file.name, "check-config"],
                                      capture_output=True, text=True, check=False,
                                      env=os.environ | (secret if text is not lines else {}))
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
