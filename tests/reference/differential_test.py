"""Compares ingest/event with decode_events.py on generated and mutated events.

usage: differential_test.py DECODE_ROWS FIXTURES [--events N] [--seed S]

The same seed gives the same events; a difference prints it, the record and both answers, and leaves
the record in a file.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import struct
import subprocess
import sys
import tempfile
from itertools import zip_longest
from pathlib import Path

import decode_events
from generate_events import NOW_US, Generator

CHUNK = 5_000


def records_of(seed: int, count: int, fixtures: Path) -> list[bytes]:
    """Captured events, whole and spoilt, among the generated ones: the first chunks have them."""
    generator = Generator(seed)
    captured = [line for line in fixtures.read_bytes().splitlines() if len(line) < 20_000]
    records = list(captured) if seed % 1000 == 0 else []
    while len(records) < count:
        if generator.chance(0.01):
            records.append(generator.spoilt_bytes(generator.pick(captured)))
        else:
            records.append(generator.record())
    return records


def answers_in(output: bytes) -> list[list[str]]:
    answers: list[list[str]] = []
    lines: list[str] = []
    for line in output.decode("utf-8").split("\n"):
        if line == ".":
            answers.append(lines)
            lines = []
        else:
            lines.append(line)
    return answers


def expected_lines(answers: list[decode_events.Answer]) -> list[str]:
    lines = [answer.line for answer in answers]
    for index, answer in enumerate(answers):
        if "\treject\t" in answer.line:
            lines.append(f"{index}\tpayload\t{answer.payload.hex()}")
    return lines


def readable(line: str) -> str:
    index, kind, *rest = line.split("\t") if line else ("", "")
    return f"{index} payload {bytes.fromhex(rest[0])!r}" if kind == "payload" else line


def compare(records: list[bytes], output: bytes) -> str | None:
    answers = answers_in(output)
    if len(answers) != len(records):
        return f"{len(records)} records, {len(answers)} answers"
    for offset, (record, lines) in enumerate(zip(records, answers, strict=True)):
        origin = decode_events.Origin("t", 0, offset, NOW_US, offset % 2 != 0)
        expected = expected_lines(decode_events.decode(record, origin))
        if lines == expected:
            continue
        Path("differing_record.bin").write_bytes(record)
        report = [f"record {offset} of the chunk differs, left in differing_record.bin"]
        report += ["record:   " + repr(record[:3000])]
        for got, wanted in zip_longest(lines, expected, fillvalue=""):
            if got != wanted:
                report += ["decoder:  " + readable(got), "expected: " + readable(wanted)]
        return "\n".join(report)
    return None


def run(tool: str, records: list[bytes]) -> bytes:
    with tempfile.TemporaryFile() as file:
        for record in records:
            file.write(struct.pack("<I", len(record)) + record)
        file.seek(0)
        return subprocess.run([tool, str(NOW_US)], stdin=file, stdout=subprocess.PIPE, check=True).stdout


def check(arguments: argparse.Namespace, chunk: int) -> str | None:
    count = min(CHUNK, arguments.events - chunk * CHUNK)
    records = records_of(arguments.seed * 1000 + chunk, count, arguments.fixtures)
    trouble = compare(records, run(arguments.decode_rows, records))
    return f"seed={arguments.seed} chunk={chunk}\n{trouble}" if trouble else None


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("decode_rows")
    parser.add_argument("fixtures", type=Path)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=20_261_122)
    arguments = parser.parse_args()
    chunks = range((arguments.events + CHUNK - 1) // CHUNK)
    with multiprocessing.Pool(2) as pool:
        for trouble in pool.imap_unordered(functools.partial(check, arguments), chunks):
            if trouble:
                print(trouble)
                return 1
    print(f"seed={arguments.seed}: {arguments.events} records, no difference")
    return 0


if __name__ == "__main__":
    sys.exit(main())
