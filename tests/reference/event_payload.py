"""What a dead letter keeps of an element; see docs/events.md, "Keys and secrets"."""

from __future__ import annotations

import json
import re

INTERNAL = {"litellm-internal-health-check", "litellm_internal_jobs", "litellm-cli"}
MASTER_KEY = "litellm_proxy_master_key"
BULKY = ("messages", "response", "model_map_information", "proxy_server_request")


BLANKS = re.compile(r"[ \t\n\r,]*")
COLON = re.compile(r"[ \t\n\r]*:[ \t\n\r]*")


def payload_text(element: str) -> str:
    """The element's text without its bulky members and raw keys: only for identities here."""
    scanner = json.scanner.make_scanner(json.JSONDecoder(parse_constant=lambda _: None))
    members: list[tuple[str, str]] = []
    at = element.index("{") + 1
    while element[at := BLANKS.match(element, at).end()] != "}":
        key_end = scanner(element, at)[1]
        value_at = COLON.match(element, key_end).end()
        value_end = scanner(element, value_at)[1]
        members.append((element[at:key_end], element[value_at:value_end]))
        at = value_end
    kept = [f"{key}:{value}" for key, value in members if key not in [f'"{b}"' for b in BULKY]]
    return without_raw_keys("{" + ",".join(kept) + "}")


RAW_KEY = re.compile(
    r"""
      (api_key(?:_hash)?"[ \t\n\r]*:[ \t\n\r]*") ((?:[^"\\]|\\.)*) (?="|\\?\Z)
    | (api_key(?:_hash)?\\"[ \t\n\r]*:[ \t\n\r]*\\") ((?:[^"\\]|\\+[^"\\]|\\\\+")*) (?=\\?"|\\?\Z)
    | (api_key(?:_hash)?\\*"[ \t\n\r]*:[ \t\n\r]*) ([0-9]+)
    """,  # a text of JSON; in a text of JSON; a number
    re.VERBOSE | re.DOTALL,
)


SECRETS_MAX = 64


def blank_raw_keys(text: str) -> tuple[str, list[str]]:
    secrets: dict[str, None] = {}  # in order, each once

    def blank(match: re.Match[str]) -> str:
        head, value, inner_head, inner_value, number_head, digits = match.groups()
        if digits:
            secrets[digits] = None
            return number_head + "0"
        head, value = head or inner_head, value or inner_value or ""
        fine = re.fullmatch("[0-9a-fA-F]{64}", value) or value in INTERNAL | {MASTER_KEY, "", "None"}
        if fine:
            return match.group()
        secrets[value] = None
        return head

    return RAW_KEY.sub(blank, text), list(secrets)


def redacted(text: str, secret: str) -> str:
    """What begins in the middle of an escape is another text."""
    parts, copied, start = [], 0, 0
    while (found := text.find(secret, start)) >= 0:
        head = text[copied:found]
        start = found + 1
        if (len(head) - len(head.rstrip("\\"))) % 2 == 0:
            parts.append(head + "[redacted]")
            start = copied = found + len(secret)
    return "".join(parts) + text[copied:]


def without_raw_keys(text: str) -> str:
    text, secrets = blank_raw_keys(text)
    if len(secrets) > SECRETS_MAX:
        return ""
    before = text
    for secret in secrets:
        if len(secret.encode("utf-8", "surrogateescape")) >= 8:
            text = redacted(text, secret)
    return text if text == before else blank_raw_keys(text)[0]
