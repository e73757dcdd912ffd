"""One element of a record as a row, a skip or a rejection: the rules of docs/events.md in their order."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

from event_identity import begin, is_in_bounds, row_id, skip_idle_poll
from event_payload import INTERNAL, MASTER_KEY, payload_text
from event_values import (
    NAN,
    Number,
    clean,
    is_text_or_absent,
    is_true,
    is_whole,
    number_of,
    parse_json,
    plain,
    scaled,
    text_of,
    time_of,
    whole_of,
)

INT32_MAX = 2**31 - 1
YEAR_10000_US = 253_402_300_800 * 10**6

CLASSES = {
    "Timeout": 408,
    "RateLimit": 429,
    "BudgetExceeded": 429,
    "Authentication": 401,
    "PermissionDenied": 403,
    "NotFound": 404,
    "BadRequest": 400,
    "ContextWindowExceeded": 400,
    "ContentPolicyViolation": 400,
    "UnsupportedParams": 400,
    "UnprocessableEntity": 400,
    "ServiceUnavailable": 503,
}


MARKS = ("billed_retry_attempt", "internal_call_origin", "is_silent_experiment")


@dataclass
class Origin:
    topic: str
    partition: int
    offset: int
    now_us: int
    is_import: bool


class Reject(Exception):
    pass


def clamped_millis(micros: int) -> int:
    return max(0, min(INT32_MAX, (micros + 500) // 1000))


def inner(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def object_in(text: str) -> dict[str, Any] | None:
    try:
        found = parse_json(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def as_payload(event: dict[str, Any]) -> dict[str, Any]:
    """A SpendLogs row in the shape of a StandardLoggingPayload."""
    metadata = event.get("metadata")
    if isinstance(metadata, str) and not isinstance(metadata, Number):
        metadata = object_in(text_of(metadata))
    if "request_id" not in event or "spend" not in event:
        if isinstance(event.get("metadata"), str) and not isinstance(event["metadata"], Number):
            return {**event, "metadata": metadata}
        return event
    told = metadata if isinstance(metadata, dict) else {}
    result = dict(event)
    result["id"] = event["request_id"]
    result["response_cost"] = event["spend"]
    result["error_information"] = told.get("error_information")
    result["cost_breakdown"] = told.get("cost_breakdown")
    if text_of(told.get("status")):
        result["status"] = told["status"]
    if isinstance(metadata, dict) or is_text_or_absent(event.get("metadata")):
        result["metadata"] = {
            "user_api_key_hash": event.get("api_key"),
            "user_api_key_user_id": event.get("user"),
            "user_api_key_team_id": event.get("team_id"),
            "user_api_key_alias": told.get("user_api_key_alias"),
            "user_api_key_team_alias": told.get("user_api_key_team_alias"),
            "usage_object": told.get("usage_object"),
            **{mark: told.get(mark) for mark in MARKS},
            "request_start": told.get("request_start"),
        }
    else:
        result["owner"] = (event.get("api_key"), event.get("user"), event.get("team_id"))
    return result


@dataclass
class Row:
    index: int
    event: dict[str, Any]
    origin: Origin
    key_hash: str = ""
    is_master_key: bool = False
    secret: str = ""

    def get(self, *path: str) -> Any:
        value: Any = self.event
        for key in path:
            value = inner(value, key)
        return value

    def owner(self) -> tuple[Any, Any, Any]:
        if "owner" in self.event:
            return self.event["owner"]
        return (
            self.get("metadata", "user_api_key_hash"),
            self.get("metadata", "user_api_key_user_id"),
            self.get("metadata", "user_api_key_team_id"),
        )

    def is_internal(self) -> bool:
        key, _, team = self.owner()
        aliases = ("user_api_key_alias", "user_api_key_team_alias")
        words = [text_of(key), text_of(team)]
        words += [text_of(self.get("metadata", alias)) for alias in aliases]
        return any(word in INTERNAL for word in words)

    def read_key(self) -> None:
        text = text_of(self.owner()[0])
        if re.fullmatch("[0-9a-fA-F]{64}", text):
            self.key_hash = text.lower()
        elif text == MASTER_KEY:
            self.is_master_key = True
        elif text:
            self.secret = text

    def redacted(self, text: str) -> str:
        if len(self.secret.encode()) < 8:
            return text
        return text.replace(self.secret, "[redacted]")

    def model(self) -> str:
        for key in ("model_group", "model"):
            if not is_text_or_absent(self.get(key)):
                raise Reject("invalid_field")
            if text_of(self.get(key)):
                model = text_of(self.get(key))
                break
        else:
            return ""
        if model == text_of(self.get("model_id")):
            model = text_of(self.get("model"))
            provider = text_of(self.get("custom_llm_provider"))
            return model.removeprefix(provider + "/") if provider else model
        return model

    def start(self) -> int:
        start = time_of(self.get("startTime"))
        if isinstance(start, int):
            return start
        raise Reject("invalid_number" if self.get("startTime") is NAN else "invalid_field")

    def tokens(self, key: str) -> int:
        number = number_of(self.get(key))
        if number == "absent":
            return 0
        if number == "other_type":
            raise Reject("invalid_field")
        if isinstance(number, str) or not is_whole(number):
            raise Reject("invalid_number")
        count = scaled(number, 0)
        if not 0 <= count <= INT32_MAX:
            raise Reject("value_out_of_range")
        return count

    def id(self) -> str:
        value = self.get("id")
        return str(value) if isinstance(value, Number) else text_of(value)

    def cost(self) -> Decimal:
        number = number_of(self.get("response_cost"))
        if number == "absent":
            return Decimal(0)
        if number == "other_type":
            raise Reject("invalid_field")
        if isinstance(number, str):
            raise Reject("invalid_number")
        if not 0 <= scaled(number, 6) < 10**10:
            raise Reject("value_out_of_range")
        return number

    def output_cost(self, cost: Decimal, total: int) -> int:
        output = number_of(self.get("cost_breakdown", "output_cost"))
        if total == 0 or not isinstance(output, Decimal):
            return 0
        stated = max(0, min(total, scaled(output, 6)))
        whole = number_of(self.get("cost_breakdown", "input_cost"))
        if not isinstance(whole, Decimal):
            return stated
        parts = [max(0, scaled(part, 12)) for part in (whole, output)]
        if abs(scaled(cost, 12) - sum(parts)) < 1000:
            return stated
        if sum(parts) == 0:
            return 0
        share = Fraction(scaled(cost, 12) * parts[1], sum(parts) * 10**6)
        return floor(share + Fraction(1, 2))

    def is_failure(self) -> bool:
        status = text_of(self.get("status"))
        if status in ("success", "failure"):
            return status == "failure"
        code = self.get("error_information", "error_code")
        error_class = self.get("error_information", "error_class")
        return isinstance(code, Number) or text_of(code) != "" or text_of(error_class) != ""

    def status_code(self) -> int:
        code = whole_of(self.get("error_information", "error_code"))
        lowest = 100 if self.is_failure() else 400
        if code is not None and lowest <= code <= 599:
            return code
        if not self.is_failure():
            return 200
        error_class = text_of(self.get("error_information", "error_class"))
        error_class = error_class.rpartition(".")[2].removesuffix("Error")
        for name, status in CLASSES.items():
            if error_class.endswith(name):
                return status
        return 500

    def error_message(self) -> str:
        text = text_of(self.get("error_str"))
        text = text or text_of(self.get("error_information", "error_message"))
        return self.redacted(text)[:2000]

    def tags(self) -> list[str]:
        tags = self.get("request_tags")
        if isinstance(tags, str) and not isinstance(tags, Number):
            try:
                tags = parse_json(text_of(tags))
            except (ValueError, RecursionError):
                tags = None
        if not isinstance(tags, list):
            return []
        texts = [tag for tag in tags if isinstance(tag, str) and not isinstance(tag, Number)]
        return [clean(text) for text in texts if clean(text)]

    def millis_from(self, start: int, key: str) -> int | None:
        moment = time_of(self.get(key))
        return clamped_millis(moment - start) if isinstance(moment, int) else None

    def cached_tokens(self) -> int | None:
        usage = self.get("metadata", "usage_object")
        openai = whole_of(inner(inner(usage, "prompt_tokens_details"), "cached_tokens"))
        anthropic = whole_of(inner(usage, "cache_read_input_tokens"))
        if openai in (None, 0) and anthropic is not None:
            return anthropic
        return openai

    def metadata_text(self, start: int, cost: Decimal) -> str:
        members: list[str] = []

        def add(key: str, value: str) -> None:
            members.append(f'"{key}":{value}')

        def quoted(text: str) -> str:
            if len(self.secret.encode()) >= 8 and self.secret in text:
                text = "[redacted]"
            return json.dumps(text, ensure_ascii=False)

        def text(key: str, value: str) -> None:
            if value:
                add(key, quoted(value))

        def count(key: str, value: int | None) -> None:
            if value is not None and 0 <= value <= INT32_MAX:
                add(key, str(value))

        def flag(key: str, value: Any) -> None:
            if is_true(value):
                add(key, "true")

        usage = self.get("metadata", "usage_object")
        text("call_type", text_of(self.get("call_type")))
        text("provider", text_of(self.get("custom_llm_provider")))
        text("model", text_of(self.get("model")))
        text("model_id", text_of(self.get("model_id")))
        flag("stream", self.get("stream"))
        flag("cache_hit", self.get("cache_hit"))
        count("ttft_ms", self.millis_from(start, "completionStartTime"))
        text("trace_id", text_of(self.get("trace_id")))
        text("call_id", text_of(self.get("litellm_call_id")))
        text("end_user", text_of(self.get("end_user")))
        if self.tags():
            add("tags", "[" + ",".join(quoted(tag) for tag in self.tags()) + "]")
        if plain(cost):
            add("cost", plain(cost))
        count("cached_tokens", self.cached_tokens())
        details = inner(usage, "completion_tokens_details")
        count("reasoning_tokens", whole_of(inner(details, "reasoning_tokens")))
        text("error_class", text_of(self.get("error_information", "error_class")))
        if len(self.id()) > 255:
            text("request_id", self.id())
        flag(MARKS[0], self.get("metadata", MARKS[0]))
        text(MARKS[1], text_of(self.get("metadata", MARKS[1])))
        flag(MARKS[2], self.get("metadata", MARKS[2]))
        return "{" + ",".join(members) + "}"

    def identity(self, element: str) -> str:
        for identity in (self.id(), text_of(self.get("litellm_call_id"))):
            if identity:
                return identity
        if self.origin.is_import:
            return hashlib.sha256(payload_text(element).encode()).hexdigest()
        origin = self.origin
        return f"{origin.topic}/{origin.partition}/{origin.offset}/{self.index}"

    def decode(self, element: str) -> list[Any]:
        self.read_key()
        if not is_text_or_absent(self.get("id")) and not isinstance(self.get("id"), Number):
            raise Reject("invalid_field")
        metadata = self.get("metadata")
        if not is_text_or_absent(metadata) and not isinstance(metadata, dict):
            raise Reject("invalid_field")
        model = self.model()
        start = self.start()
        tokens = self.tokens("prompt_tokens"), self.tokens("completion_tokens")
        total = whole_of(self.get("total_tokens"))
        if total is not None and total > sum(tokens):
            tokens = total - tokens[1], tokens[1]
        if sum(tokens) > INT32_MAX:
            raise Reject("value_out_of_range")
        cost = self.cost()
        if not is_in_bounds(self, start):
            raise Reject("timestamp_out_of_range")
        total = scaled(cost, 6)
        output = self.output_cost(cost, total)
        skip_idle_poll(self, tokens, total)
        _, user, team = self.owner()
        return [
            row_id(self, element, start, tokens, total), begin(self, start) * 1000, model, *tokens, total - output, output,
            self.millis_from(start, "endTime"), self.status_code(), self.error_message(),
            self.id()[:255], self.key_hash, text_of(user), text_of(team),
            "t" if self.is_master_key else "f", self.metadata_text(start, cost),
        ]  # fmt: skip

    def rejection(self, reason: str) -> list[Any]:
        start = time_of(self.get("startTime"))
        known = isinstance(start, int) and 0 < start < YEAR_10000_US
        return [reason, start if known else 0, self.key_hash, self.id()[:255]]
