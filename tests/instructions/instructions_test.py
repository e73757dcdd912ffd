#!/usr/bin/env python3
"""Compares the instructions of an event in each stage with recorded.json (README.md).

    instructions_test.py EVENT_WORK KEY              compares; 77: nothing is recorded for KEY
    instructions_test.py EVENT_WORK KEY --record     writes what it counts
"""
from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

RECORDED = pathlib.Path(__file__).with_name("recorded.json")
STAGES = ("decode", "roll-up", "encode")
EVENTS = 256  # a round of event_work
ROUNDS = (1, 9)
TOLERANCE = 0.05
SKIPPED = 77


def instructions(program: str, stage: str, rounds: int) -> int:
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
               program, stage, str(rounds)]
    # Of all processors the same code, also where there is AVX-512.
    environment = os.environ | {"SIMDJSON_FORCE_IMPLEMENTATION": "westmere"}
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    found = re.search(r"I\s+refs:\s+([\d,]+)", run.stderr)
    if run.returncode != 0 or not found:
        sys.exit(f"{' '.join(command)}\nended with {run.returncode}\n{run.stderr}")
    return int(found[1].replace(",", ""))


def per_event(program: str, stage: str) -> int:
    """What more rounds cost: the start of the process is in both numbers."""
    few, many = (instructions(program, stage, rounds) for rounds in ROUNDS)
    return round((many - few) / (ROUNDS[1] - ROUNDS[0]) / EVENTS)


def main() -> int:
    program, key = sys.argv[1:3]
    recorded = json.loads(RECORDED.read_text())
    if "--record" in sys.argv:
        recorded[key] = {stage: per_event(program, stage) for stage in STAGES}
        RECORDED.write_text(json.dumps(recorded, indent=2, sort_keys=True) + "\n")
        print(recorded[key])
        return 0
    if key not in recorded:
        print(f"not run: nothing is recorded for {key}")
        return SKIPPED
    failed = False
    for stage in STAGES:
        expected, counted = recorded[key][stage], per_event(program, stage)
        change = counted / expected - 1
        print(f"{stage}: {counted} instructions an event, {expected} recorded, {change:+.1%}")
        failed |= abs(change) > TOLERANCE
    if failed:
        print("If the change is meant: run this again with --record, and say in the commit why it costs more or less.")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
