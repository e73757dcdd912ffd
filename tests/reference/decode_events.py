"""The rules of docs/events.md a second time, slow and obvious, to compare ingest/event with.

Nothing here is shared with the C++ decoder, not even the way it works: JSON is parsed by Python's
own parser, numbers are Decimals, texts are cleaned one by one.  `decode(value, origin)` gives the
lines that tests/reference/decode_rows prints for the same record.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from event_identity import Skip
from event_payload import payload_text, without_raw_keys
from event_row import Origin, Reject, Row, as_payload
from event_values import BROKEN, NAN, try_json


def line(index: int, kind: str, columns: list[Any]) -> str:
    def cell(value: Any) -> str:
        if value is None or value == "":
            return "\\N"
        text = str(value).replace("\\", "\\\\")
        return text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")

    return "\t".join([str(index), kind, *map(cell, columns)])


def decode_element(index: int, element: Any, text: str, origin: Origin) -> str:
    if element is None or element is NAN:
        return line(index, "skip", ["null_element"])
    if not isinstance(element, dict):
        return line(index, "reject", ["invalid_field", 0, "", ""])
    row = Row(index, as_payload(element), origin)
    if row.is_internal():
        return line(index, "skip", ["internal"])
    try:
        return line(index, "row", row.decode(text))
    except Skip as skip:
        return line(index, "skip", [str(skip)])
    except Reject as reject:
        return line(index, "reject", row.rejection(str(reject)))


def element_texts(array: str) -> list[str]:
    scan = json.JSONDecoder(parse_constant=lambda _: None).raw_decode
    texts = []
    at = array.index("[") + 1
    blanks = re.compile(r"[ \t\n\r,]*")
    while array[at := next(blanks.finditer(array, at)).end()] != "]":
        end = scan(array, at)[1]
        texts.append(array[at:end])
        at = end
    return texts


def elements(text: str, raw: str) -> list[tuple[Any, str]]:
    """Of a record that is not blank: each element and its text, or BROKEN and its raw bytes."""
    whole = try_json(text)
    if isinstance(whole, list):
        return list(zip(whole, element_texts(text), strict=True))
    if whole is not BROKEN:
        return [(whole, text.strip(" \t\r\n"))]
    lines = [part.strip(" \t\r") for part in text.split("\n")]
    raw_lines = [part.strip(" \t\r") for part in raw.split("\n")]
    lines = [part for part in lines if part]
    raw_lines = [part for part in raw_lines if part]
    parsed = [try_json(part) for part in lines]
    is_lines = any(isinstance(p, dict) for p in parsed) or all(p is not BROKEN for p in parsed)
    torn_array = lines[0].startswith("[") and parsed[0] is BROKEN
    if len(lines) < 2 or torn_array or not is_lines:
        return [(BROKEN, raw)]
    return [
        (element, raw_lines[i] if element is BROKEN else lines[i])
        for i, element in enumerate(parsed)
    ]


@dataclass
class Answer:
    line: str
    payload: bytes  # what a dead letter keeps, of a rejection


def decode(value: bytes, origin: Origin) -> list[Answer]:
    text = value.decode("utf-8", "replace").removeprefix("\ufeff")
    raw = value.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    if not text.strip(" \t\r\n"):
        return [Answer(line(0, "skip", ["tombstone"]), b"")]
    answers = []
    for index, (element, element_text) in enumerate(elements(text, raw)):
        if element is BROKEN:
            decoded = line(index, "reject", ["invalid_json", 0, "", ""])
        else:
            decoded = decode_element(index, element, element_text, origin)
        is_object = isinstance(element, dict)
        payload = ""
        if "\treject\t" in decoded:
            payload = payload_text(element_text) if is_object else without_raw_keys(element_text)
        answers.append(Answer(decoded, payload.encode("utf-8", "surrogateescape")))
    return answers
