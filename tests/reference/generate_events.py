"""Events as LiteLLM may send them, and wrong ones: input of the differential test.

Everything comes from one random.Random, so a seed names a run.  Values are drawn from pools in which
the rules of docs/events.md have something to decide; records are then spoilt as bytes.
"""

from __future__ import annotations

import json
import random
import re
from typing import Any

NOW_US = 1_795_400_000_000_000


class Raw(str):
    """JSON text that is written as it is."""


class Pairs(list):
    """An object as a list of (key, value), so that keys can come twice."""


def dumps(value: Any, blank: str = " ") -> str:
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, (Pairs, dict)):
        items = value if isinstance(value, Pairs) else value.items()
        members = [f"{json.dumps(k)}:{blank}{dumps(v, blank)}" for k, v in items]
        return "{" + f",{blank}".join(members) + "}"
    if isinstance(value, list):
        return "[" + f",{blank}".join(dumps(v, blank) for v in value) + "]"
    return json.dumps(value)


NOTHING = [None, "", "None", Raw("NaN")]
OTHER_TYPES = [True, False, [], {}, [1], {"a": 1}]
HASH = "e3938f9752c4a066e0146034daaf5c385b9e1452f57c949307e076554dfe8219"
TEXTS = [
    "gpt-4o", "x", "a" * 255, "b" * 256, "c" * 300, "\u00e9" * 256, "\U0001f984" * 130, "nul\0nul",
    "\0", "quote\"back\\slash/", "tab\tnew\nline\r\b\f", "\u0001\u001f\u007f", "lone \ud83d end",
    "\udc00\ud800", "\ud83e\0\udd84", "\u2028\u202e", "null", "NaN", "none", " None", "a@b.example",
    Raw(r'"\u0041\/\ud83e\udd84\uD83E"'), Raw(r'"\u004eone"'), "N\0one", "x" * 2100, "\u00fc" * 2001,
]  # fmt: skip
NUMBERS = [
    "0", "-0", "0.0", "1", "12", "12.0", "1.2e1", "1.25", "1e3", "1E+2", "2147483647", "2147483648",
    "-1", "-0.4", "0.4", "8000000000", "1e999999999", "1e-999999999", "0e99999", "0.1", "1e-16000",
    "2e-7", "5e-7", "4.9999999e-7", "0.0000005", "0.0000015", "9999.9999994", "9999.9999995",
    "10000", "-2e-05", "-2e-7", "-5e-7", "13000.0", "1.5366e-08", "3.5000000000000004e-05",
    "0.000345", "25762.75", "123456789012345678901234567890", "0.30000000000000004", "1e-20",
    "4e-21", "5e-21", "0.99999999999999999999999", "1795365287.721971", "1795365287.7219715",
    "1" + "0" * 400, "0." + "0" * 400 + "1", "9" * 60 + "." + "9" * 60, "1000000000000000000e-18",
]  # fmt: skip
TEXT_NUMBERS = ["+5", ".5", "5.", "007", " 12 ", "\t3\n", "1_0", "0x10", "1e", "e5", "-", ".", "1.2.3",
                "inf", "Infinity", "nan", "1,5", "12abc", "--1", "+-1", "１２", "1e+", "1 2"]  # fmt: skip
DATES = [
    "2026-11-22T16:34:47.721971Z", "2026-11-22 16:34:47.721971", "2026-11-22T16:34:47",
    "2026-11-22 16:34:47.7219715", "2026-11-22T16:34:47.9999995+01:00", "2026-11-22T16:34Z",
    "2026-11-22 16:34:47-0530", "2026-11-22 16:34:47+14", "2024-02-29 00:00:00", "2026-02-29 00:00:00",
    "2026-11-22", "2026-11-22T24:00:00Z", "2026-11-22T16:34:60Z", "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.9999999Z", "1969-12-31 23:59:59.5", "2026-13-01 00:00:00", "2026-11-22T16:34:47.",
    "2026-11-22T16:34:47+24:00", " 2026-11-22T16:34:47z ", "2026-11-22T16:34:47 Z", "yesterday",
    "2026-11-22T16:34:47,5", "20261122T163447Z", "2026-11-22t16:34:47.1", "2016-11-25 00:00:00Z",
]  # fmt: skip
CREDENTIALS = [
    HASH, HASH.upper(), HASH[:-1], HASH + "0", HASH[:-1] + "g", "litellm_proxy_master_key",
    "litellm-internal-health-check", "litellm_internal_jobs", "litellm-cli", "cap-plain-key-9999",
    "short", "raw-key-1234", "litellm", "sk-abcdef\0123456", "key\"with quote", "schl\u00fcssel-lang",
]  # fmt: skip
CLASSES = [
    "Timeout", "APITimeoutError", "litellm.exceptions.RateLimitError", "BudgetExceededError",
    "RouterRateLimitError", "AuthenticationError", "PermissionDeniedError", "ProxyModelNotFoundError",
    "BadRequestError", "ContextWindowExceededError", "ContentPolicyViolationError", "Error", "a.b.",
    "UnsupportedParamsError", "UnprocessableEntityError", "ServiceUnavailableError", "ErrorError",
    "InternalServerError", "HTTPException", "TimeoutErrorError", "Timeout.x", "NotFound", "Rate\0LimitError",
]  # fmt: skip
CODES = ["", "400", "429.0", " 404 ", "499", "503", "99", "100", "599", "600", "399", "400.5", "-400",
         "content_policy_violation", "nul\0code", "4\x0004", "4e2", "0404", "None"]  # fmt: skip


SUFFIXES = ["", "", "_cache_hit1795780000.2", "_cache_hit", "_batch_cost", "_background_cost", "_video_cost"]
CALL_TYPES = ["acompletion", "acompletion", "aretrieve_batch", "avideo_status", "aget_responses", "acancel_responses"]


class Generator:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def pick(self, pool: list[Any]) -> Any:
        return self.random.choice(pool)

    def chance(self, p: float) -> bool:
        return self.random.random() < p

    # --- values -------------------------------------------------------------

    def text(self) -> Any:
        return self.pick([*TEXTS, *TEXTS, *NOTHING, *OTHER_TYPES, Raw("5"), Raw("-Infinity")])

    def number(self) -> Any:
        kind = self.random.random()
        if kind < 0.5:
            return Raw(self.pick(NUMBERS))
        if kind < 0.7:
            return self.pick(NUMBERS)
        if kind < 0.85:
            return self.pick(TEXT_NUMBERS)
        return self.pick([*NOTHING, *OTHER_TYPES, Raw("Infinity"), Raw("-Infinity")])

    def time(self) -> Any:
        kind = self.random.random()
        if kind < 0.4:
            return self.pick(DATES)
        if kind < 0.7:
            return self.number()
        edges = [0, 1, -1, 86_400 * 10**6, 86_400 * 10**6 + 1, -315_569_520 * 10**6, -315_569_521 * 10**6]
        return Raw(f"{(NOW_US + self.pick(edges)) / 10**6:.6f}")

    def credential(self) -> Any:
        return self.pick([*CREDENTIALS, *CREDENTIALS, *NOTHING, *OTHER_TYPES, Raw("123456789012")])

    def small_json(self, depth: int = 3) -> Any:
        kind = self.random.randrange(8 if depth else 5)
        if kind == 0:
            return self.pick(TEXTS)
        if kind == 1:
            return Raw(self.pick(NUMBERS))
        if kind < 5:
            return self.pick([None, True, False, Raw("NaN"), "", "None"])
        if kind == 5:
            return [self.small_json(depth - 1) for _ in range(self.random.randrange(4))]
        return {f"k{i}": self.small_json(depth - 1) for i in range(self.random.randrange(4))}

    # --- events -------------------------------------------------------------

    def payload(self) -> dict[str, Any]:
        r = self.random
        start = NOW_US / 10**6 - r.random() * 10**6
        failed = self.chance(0.2)
        cost = self.pick([0.0, round(r.random() * 0.01, 9)])
        return {
            "id": f"chatcmpl-{r.randrange(16**16):016x}" + self.pick(SUFFIXES),
            "litellm_call_id": f"call-{r.randrange(16**8):08x}",
            "trace_id": f"trace-{r.randrange(16**8):08x}",
            "call_type": self.pick(CALL_TYPES),
            "cache_hit": self.pick([None, False, False, True, "True", "False", "true", 1]),
            "stream": self.pick([None, True, "True"]),
            "status": "failure" if failed else "success",
            "custom_llm_provider": "openai",
            "startTime": Raw(f"{start:.6f}"),
            "endTime": Raw(f"{start + r.random() * 9:.6f}"),
            "completionStartTime": Raw(f"{start + r.random():.6f}"),
            "model": "openai/gpt-4o",
            "metadata": {
                "user_api_key_hash": HASH,
                "user_api_key_alias": "prod-key",
                "user_api_key_team_id": "team-1",
                "user_api_key_user_id": "user-1",
                "user_api_key_team_alias": "Default Team",
                "requester_metadata": self.small_json(),
                "billed_retry_attempt": self.pick([None, False, True]),
                "internal_call_origin": self.pick([None, None, "autorouter_classifier", "background_response_cost_poll"]),
                "is_silent_experiment": self.pick([None, True]),
                "request_start": self.pick([None, Raw(f"{start - 0.5:.6f}")]),
                "usage_object": {
                    "prompt_tokens_details": self.pick([None, {"cached_tokens": r.randrange(99)}]),
                    "completion_tokens_details": {"reasoning_tokens": r.randrange(99)},
                    "cache_read_input_tokens": r.randrange(99),
                },
            },
            "response_cost": Raw(repr(cost)),
            "cost_breakdown": self.cost_parts(cost),
            "prompt_tokens": self.pick([0, r.randrange(9999)]),
            "completion_tokens": self.pick([0, r.randrange(999)]),
            "total_tokens": self.pick([None, r.randrange(10_998)]),
            "request_tags": self.pick([[], ["ci", "nightly"], None]),
            "end_user": None,
            "model_group": self.pick(["gpt-4o", "gpt-4o", "ha-chat-east"]),
            "model_id": "ha-chat-east",
            "messages": self.small_json(),
            "response": self.small_json(),
            "model_map_information": self.small_json(),
            "error_str": "it broke" if failed else None,
            "error_information": {
                "error_code": self.pick(CODES) if failed else "",
                "error_class": self.pick(CLASSES) if failed else "",
                "error_message": "it broke badly",
            },
        }

    def cost_parts(self, cost: float) -> dict[str, Any]:
        output = cost * self.random.random()
        parts = {"input_cost": Raw(repr(cost - output)), "output_cost": Raw(repr(output))}
        if self.chance(0.3):
            parts["input_cost"] = self.pick([1, 0, None, Raw(repr(cost))])
        return parts

    def spend_logs(self) -> dict[str, Any]:
        row = self.payload()
        metadata = row.pop("metadata")
        marks = ("billed_retry_attempt", "internal_call_origin", "is_silent_experiment", "request_start")
        told = {
            **{mark: metadata[mark] for mark in marks},
            "user_api_key": HASH,
            "user_api_key_alias": "prod-key",
            "user_api_key_team_alias": self.pick(["Default Team", "litellm-cli", None]),
            "status": row.pop("status"),
            "error_information": row.pop("error_information"),
            "cost_breakdown": row.pop("cost_breakdown"),
            "usage_object": metadata["usage_object"],
        }
        metadata = dumps(told)
        if self.chance(0.2):
            metadata = self.pick([told, "", "{}", "not json", "[1]", None, dumps(told)[:-1], 5, []])
        row |= {
            "request_id": row.pop("id"),
            "spend": row.pop("response_cost"),
            "api_key": HASH,
            "user": "user-1",
            "team_id": "team-1",
            "startTime": "2026-11-22T16:34:47.721971+00:00",
            "endTime": "2026-11-22T16:34:48.000Z",
            "completionStartTime": "2026-11-22 16:34:47.9",
            "cache_hit": self.pick(["True", "False", "None", ""]),
            "request_tags": self.pick(['["ci"]', "[]", '["a", 5, ""]', "x", ["b"]]),
            "metadata": metadata,
        }
        if self.chance(0.1):
            row["status"] = self.pick(["success", "failure", "odd"])
        return row

    POOLS = {
        "id": "text", "litellm_call_id": "text", "trace_id": "text", "call_type": "text",
        "cache_hit": "text", "stream": "text", "status": "text", "custom_llm_provider": "text",
        "startTime": "time", "endTime": "time", "completionStartTime": "time", "model": "text",
        "response_cost": "number", "prompt_tokens": "number", "completion_tokens": "number", "total_tokens": "number",
        "end_user": "text", "model_group": "text", "model_id": "text", "error_str": "text",
        "request_id": "text", "spend": "number", "api_key": "credential", "user": "text",
        "team_id": "credential", "user_api_key_hash": "credential", "user_api_key_alias": "credential",
        "user_api_key_user_id": "text", "user_api_key_team_id": "credential", "output_cost": "number", "input_cost": "number",
        "user_api_key_team_alias": "credential", "error_code": "code", "error_class": "error_class",
        "error_message": "text", "cached_tokens": "number", "reasoning_tokens": "number",
        "billed_retry_attempt": "text", "internal_call_origin": "text", "is_silent_experiment": "text",
        "cache_read_input_tokens": "number", "request_tags": "tags",
    }  # fmt: skip

    def code(self) -> Any:
        return self.pick([*CODES, Raw("429"), Raw("429.0"), Raw("42.5"), *NOTHING, *OTHER_TYPES])

    def error_class(self) -> Any:
        return self.pick([*CLASSES, *NOTHING, *OTHER_TYPES])

    def tags(self) -> Any:
        return self.pick([[self.text() for _ in range(3)], [], "x", '["y"]', *NOTHING, *OTHER_TYPES])

    def spoil(self, event: dict[str, Any]) -> None:
        """One field of the event, at any level, gets another value or goes away."""
        places = [(event, key) for key in event]
        for inner in list(event.values()):
            if isinstance(inner, dict):
                places += [(inner, key) for key in inner]
                for innermost in inner.values():
                    if isinstance(innermost, dict):
                        places += [(innermost, key) for key in innermost]
        place, key = self.pick(places)
        if self.chance(0.15):
            del place[key]
        elif key in self.POOLS:
            place[key] = getattr(self, self.POOLS[key])()
        else:
            place[key] = self.small_json()

    def tell_secret(self, event: dict[str, Any]) -> None:
        """A raw key where the hash belongs, and elsewhere too."""
        secret = self.pick(["cap-plain-key-9999", "short", "new-line-key", HASH[5:25]])
        if isinstance(event.get("metadata"), dict):
            event["metadata"]["user_api_key_hash"] = secret
        if "api_key" in event:
            event["api_key"] = secret
        event["error_str"] = self.pick([f"bad key {secret}!", f"\n{secret[1:]}, \\{secret} {secret}"])
        event["end_user"] = self.pick([HASH, secret])
        event["other_api_key"] = self.pick([HASH, "another-raw-key"])

    def event_text(self) -> str:
        event = self.spend_logs() if self.chance(0.2) else self.payload()
        for _ in range(self.pick([0, 1, 1, 2, 4])):
            self.spoil(event)
        if self.chance(0.03):
            self.tell_secret(event)
        pairs = Pairs(event.items())
        if self.chance(0.1):
            self.random.shuffle(pairs)
        if self.chance(0.05):
            key, _ = self.pick(pairs)
            pairs.insert(self.random.randrange(len(pairs)), (key, self.text()))
        text = dumps(pairs, self.pick(["", " ", " ", "\n\t"]))
        return self.names_escaped(text) if self.chance(0.05) else text

    def names_escaped(self, text: str) -> str:
        """A letter of each name is an escape: of this text or, in a text of JSON, of that one."""

        def escape(match: re.Match[str]) -> str:
            quote, name = match.groups()
            at = self.random.randrange(len(name))
            backslashes = "\\" * self.pick([1, 2] if quote != '"' else [1])
            return f"{quote}{name[:at]}{backslashes}u{ord(name[at]):04x}{name[at + 1 :]}"

        return re.sub(r'(\\*")(\w+)(?=\\*":)', escape, text)

    # --- records ------------------------------------------------------------

    def element_text(self) -> str:
        if self.chance(0.1):
            return self.pick(["null", "5", '"text"', "true", "[]", "{}", "NaN", "-Infinity", "[{}]"])
        return self.event_text()

    def record(self) -> bytes:
        kind = self.random.random()
        if kind < 0.75:
            text = self.event_text()
        elif kind < 0.85:
            text = "[" + ",".join(self.element_text() for _ in range(self.random.randrange(4))) + "]"
        elif kind < 0.97:
            lines = [self.element_text().replace("\n", "") for _ in range(self.random.randrange(1, 5))]
            if self.chance(0.3):
                lines.insert(self.random.randrange(len(lines) + 1), self.pick(["", " ", "broken", "{", "]", "[1"]))
            text = self.pick(["\n", "\r\n"]).join(lines) + self.pick(["", "\n"])
        else:
            text = self.pick(["", " ", "\n", "null", "{}", "[]", "\ufeff", "\ufeff{}", "5", "nul", "not json",
                              "a\nb", "null\nnull", "1\n2", "{}\n{", "[\n{}\n", "[{},\n{}", '{"a":1}x',
                              '{"a":1}{"a":2}', "[1,]", '{"a":}', '{"a" 1}', "\x00", '"', "[}", "{]"])  # fmt: skip
        value = text.encode("utf-8", "surrogatepass")
        if self.chance(0.03):
            value = b"\xef\xbb\xbf" + value
        if self.chance(0.12):
            value = self.spoilt_bytes(value)
        return value

    BYTES = [b"\xff", b"\xc3", b"\xe2\x82", b"\xf0\x9f\xa6", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80",
             b"\x00", b"\x1f", b"\x7f", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"1", b"e", b" ", b"\n",
             b"\\u12", b"\\x", b"//", b"'", b"NaN", b"null", b"-"]  # fmt: skip

    def spoilt_bytes(self, value: bytes) -> bytes:
        for _ in range(self.pick([1, 1, 1, 3])):
            at = self.random.randrange(len(value) + 1)
            what = self.random.randrange(4)
            if what == 0:
                value = value[:at] + self.pick(self.BYTES) + value[at:]
            elif what == 1:
                value = value[:at] + value[at + 1 :]
            elif what == 2:
                value = value[:at] + self.pick(self.BYTES) + value[at + 1 :]
            else:
                value = value[:at]
        return value
