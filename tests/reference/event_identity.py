"""Which events are the same event: the row id of docs/events.md, and the polls that are no event."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from event_values import text_of, time_of

if TYPE_CHECKING:
    from event_row import Row

TEN_YEARS_US = 10 * 31_556_952 * 10**6  # std::chrono::years: 365.2425 days
DAY_US = 86_400 * 10**6
JOBS = {"aretrieve_batch", "retrieve_batch", "avideo_status", "video_status"}
READS = {"aget_responses", "get_responses", "acancel_responses", "cancel_responses"}


class Skip(Exception):
    pass


def call_type(row: Row) -> str:
    return text_of(row.get("call_type"))


def is_job(row: Row) -> bool:
    return not row.is_failure() and call_type(row) in JOBS | READS


def is_bill(row: Row) -> bool:
    return text_of(row.get("metadata", "internal_call_origin")) == "background_response_cost_poll"


def skip_idle_poll(row: Row, tokens: tuple[int, int], cost: int) -> None:
    if not is_job(row):
        return
    if call_type(row) in READS and not is_bill(row):
        has_usage = cost != 0
    else:
        has_usage = cost != 0 or sum(tokens) != 0
    if not has_usage:
        raise Skip("poll")


def begin(row: Row, start: int) -> int:
    request = time_of(row.get("metadata", "request_start"))
    if row.is_failure() and isinstance(request, int) and is_in_bounds(row, request):
        start = request
    return start // 1000


def is_in_bounds(row: Row, time: int) -> bool:
    return -TEN_YEARS_US <= time - row.origin.now_us <= DAY_US


def row_id(row: Row, element: str, start: int, tokens: tuple[int, int], cost: int) -> str:
    identity = row.identity(element)
    if call_type(row) in JOBS | READS and identity.endswith(
        ("_batch_cost", "_video_cost", "_background_cost")
    ):
        identity = identity.rpartition("_")[0].rpartition("_")[0]
    else:
        identity = re.sub(r"_cache_hit[0-9.]+\Z", "", identity)
    _, user, _ = row.owner()
    first = last = 0
    if is_job(row):
        kind = "job"
        if call_type(row) in READS and not is_bill(row):
            model = text_of(row.get("model_id"))
            identity = f"{model}/{tokens[0]}/{tokens[1]}/{cost}"
    else:
        kind = "failure" if row.is_failure() else "success"
        first = begin(row, start)
        end = time_of(row.get("endTime"))
        if kind == "success" and isinstance(end, int):
            last = end // 1000
    message = first.to_bytes(8, "big", signed=True) + last.to_bytes(8, "big", signed=True)
    message += f"{kind}\0{text_of(user)}\0{identity}".encode()
    digest = hashlib.sha256(message).digest()
    raw = bytearray(first.to_bytes(8, "big", signed=True)[2:] + digest[:10])
    raw[6] = 0x80 | raw[6] & 0x0F
    raw[8] = 0x80 | raw[8] & 0x3F
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
