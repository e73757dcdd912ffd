"""What LiteLLM bills for a call, by its own row of LiteLLM_SpendLogs, and what usage-ingestd stores for it."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

EXPECTED = Path(__file__).with_name("expected_differences.txt")
#: The columns of decode_rows' lines, after the element's index and the word "row".
ROW = ("id created_at model request_tokens response_tokens input_cost output_cost latency_ms status error"
       " request_id key_hash user team is_master_key metadata").split()
NOTHING = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "cost": 0, "cached_tokens": 0}


def micro(cost: Decimal) -> int:
    return int((cost * 10**6).quantize(Decimal(1), ROUND_HALF_UP))


def number(value: object) -> Decimal:
    return Decimal(repr(value or 0))


def billed(row: dict) -> dict:
    """LiteLLM's row, in our terms."""
    metadata = json.loads(row["metadata"])
    usage = metadata.get("additional_usage_values") or {}
    bill = {
        "prompt_tokens": (row["total_tokens"] or 0) - (row["completion_tokens"] or 0),
        "completion_tokens": row["completion_tokens"] or 0,
        "total_tokens": row["total_tokens"] or 0,
        "cost": micro(number(row["spend"])),
        "cached_tokens": usage.get("cache_read_input_tokens") or 0,
        "status": row["status"],
        "user": row["user"] or "",
    }
    parts = metadata.get("cost_breakdown") or {}
    spend, output = number(row["spend"]), number(parts.get("output_cost"))
    if both := number(parts.get("input_cost")) + output:
        bill["output_cost"] = micro(output if both == spend else spend * output / both)
    return bill


def booked(events: list[dict]) -> list[dict]:
    """Our row of each event, by the daemon's own decoder; or the word that tells why there is none."""
    records = [json.dumps(event).encode() for event in events]
    now = int(max(event["startTime"] for event in events)) * 10**6
    done = subprocess.run([os.environ["DECODE_ROWS"], str(now)], capture_output=True, check=True,
                          input=b"".join(struct.pack("<I", len(record)) + record for record in records))
    answers = done.stdout.decode().split("\n.\n")[:-1]
    return [entry_of(answer.split("\n")[0].split("\t"), event) for answer, event in zip(answers, events, strict=True)]


def entry_of(line: list[str], event: dict) -> dict:
    if line[1] != "row":
        return {**NOTHING, "none": f"{line[1]} {line[2]}"}
    row = dict(zip(ROW, line[2:], strict=True))
    metadata = json.loads(row["metadata"].replace("\\\\", "\\"))
    prompt, completion = int(row["request_tokens"]), int(row["response_tokens"])
    # A stream that the client broke off is a success to LiteLLM; docs/events.md says 499.
    success = row["status"] == "200" or row["status"] == "499" and event["status"] == "success"
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "cost": int(row["input_cost"]) + int(row["output_cost"]),
        "cached_tokens": metadata.get("cached_tokens", 0),
        "status": "success" if success else "failure",
        "user": "" if row["user"] == "\\N" else row["user"],
        "output_cost": int(row["output_cost"]),
    }


def differences(call: str, bill: dict, ours: dict) -> set[tuple[str, str]]:
    """(call, field) for each field that is not the same; (call, why) when we have no row and LiteLLM bills."""
    if "none" in ours:
        return {(call, ours["none"])} if any(bill[name] for name in NOTHING) else set()
    return {(call, name) for name in bill if ours[name] != bill[name]}


def expected(source: str) -> dict[tuple[str, str], str]:
    """(call, field) -> why, of the lines of expected_differences.txt for this source."""
    found = {}
    for line in EXPECTED.read_text().splitlines():
        if line and not line.startswith("#"):
            where, call, field, why = (part.strip() for part in line.split("|"))
            if where == source:
                found[call, field] = why
    return found
