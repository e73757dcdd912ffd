"""The Google Benchmark programs of bench/micro: single steps, in nanoseconds and allocations."""

from __future__ import annotations

import dataclasses
import json
import pathlib

from .process import run
from .results import Results

PROGRAMS = ("decode_bench", "rollup_bench", "copy_encoder_bench")


@dataclasses.dataclass(frozen=True)
class Step:
    """A benchmark; its figure is the counter, and at most `goal_ns` are wanted."""

    name: str  # Google Benchmark's
    title: str
    counter: str
    goal_ns: float | None = None


STEPS = [
    Step("Decode/lean", "decode a lean event", "per_event"),
    Step("Decode/default", "decode an event of 3 KB", "per_event", 2_000),
    Step("Decode/full", "decode an event of 14 KB", "per_event", 4_000),
    Step("Decode/default_cold", "the same of 3 KB, not in the core's own caches", "per_event"),
    Step("Decode/full_cold", "the same of 14 KB, not in the core's own caches", "per_event"),
    Step("DecodePrompt/65536", "decode an event with a prompt of 64 KiB", "per_event"),
    Step("DecodePrompt/1048576", "decode an event with a prompt of 1 MiB", "per_event"),
    Step("DecodeBrackets/10000", "decode an event with 10,000 nested brackets", "per_event"),
    Step("DecodeBrackets/100000", "decode an event with 100,000 nested brackets", "per_event"),
    Step("RefuseElements/10000", "refuse 10,000 elements of an array, an element", "per_element"),
    Step("RefuseElements/100000", "refuse 100,000 elements of an array, an element", "per_element"),
    Step("RollUp", "add a row to the roll-up of a batch", "per_row"),
    Step("Encode/rows:10000", "encode a row for COPY", "per_row"),
]


def measure(build: pathlib.Path, results: Results) -> None:
    wanted = {step.name: step for step in STEPS}
    for program in PROGRAMS:
        binary = build / "bench/micro" / program
        for found in json.loads(run([str(binary), "--benchmark_format=json"]))["benchmarks"]:
            step = wanted.get(found["name"])
            if step is None:
                continue
            figures = {"ns": found[step.counter] * 1e9}  # counters of time are in seconds
            for name in ("bytes", "allocations"):
                if name in found:
                    figures[name] = found[name]
            results.add(step.name, **figures)


def section(results: Results) -> list[str]:
    """Of RESULTS.md."""
    lines = ["## Single steps", "", "`bench/micro`, one thread, from memory.", "",
             "| step | bytes | ns | allocations | wanted | met |", "|---|---:|---:|---:|---|---|"]
    for step in STEPS:
        if not results.has(step.name):
            continue
        figures = results.figures[step.name]
        ns = results.median(step.name, "ns")
        size = f"{results.median(step.name, 'bytes'):,.0f}" if "bytes" in figures else "–"
        allocations = "–"
        wanted, met = "–", "–"
        if "allocations" in figures:
            allocations = f"{results.median(step.name, 'allocations'):.3g}"
        if step.goal_ns is not None:
            wanted = f"≤ {step.goal_ns:,.0f} ns, 0 allocations"
            met = "yes" if ns <= step.goal_ns and allocations == "0" else "**no**"
        lines.append(f"| {step.title} | {size} | {ns:,.1f} | {allocations} | {wanted} | {met} |")
    return [*lines, ""] if any(results.has(step.name) for step in STEPS) else []
