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
    scan = json.JSONDecoder(parse_constant=lambda _: None).raw_decode
    members: list[tuple[str, str]] = []
    at = element.index("{") + 1
    while element[at := next(BLANKS.finditer(element, at)).end()] != "}":
        key, key_end = scan(element, at)
        value_at = next(COLON.finditer(element, key_end)).end()
        value_end = scan(element, value_at)[1]
        if key.replace("\0", "") not in BULKY:
            members.append((element[at:key_end], element[value_at:value_end]))
        at = value_end
    return without_raw_keys("{" + ",".join(f"{key}:{value}" for key, value in members) + "}")


SECRETS_MAX = 64
NAME = re.compile(r'api_key(?:_hash)?"')
DIGITS = re.compile("[0-9]*")
RUN = re.compile(r"""[^\\]+|(\\+)(?:u([0-9a-fA-F]{4})|(["/bfnrt]))|\\+""")
SIMPLE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
NO_CHARACTER = "\x01"


def level(backslashes: int, is_code: bool) -> int:
    """In how many texts a quote is inside: escapes are undone until nothing is before it."""
    undone = 0
    while is_code or backslashes % 2 != 0:
        is_code = is_code and backslashes % 2 == 0
        backslashes //= 2
        undone += 1
    return undone


class Characters:
    """A text with all its escapes undone at once, however many backslashes each has."""

    def __init__(self, text: str) -> None:
        self.text = text
        parts: list[str] = []
        self.starts: list[int] = []  # of each character in the text
        self.escapes: dict[int, tuple[int, bool, int]] = {}  # its backslashes, is it \u, its end
        for run in RUN.finditer(text):
            slashes, code, simple = run.groups()
            if slashes is None:
                literal = run.group()
                plain = literal if literal[0] != "\\" else NO_CHARACTER * len(literal)
                parts.append(plain)
                self.starts.extend(range(*run.span()))
                continue
            plain = chr(int(code, 16)) if code else SIMPLE.get(simple, simple)
            if plain == "\0":
                continue
            self.escapes[len(self.starts)] = (len(slashes), code is not None, run.end())
            parts.append(plain)
            self.starts.append(run.start())
        self.plain = "".join(parts)

    def level_of_quote(self, at: int) -> int | None:
        """None when no quote is there, or a text ends in a backslash before it."""
        if at >= len(self.plain) or self.plain[at] != '"':
            return None
        slashes, is_code, _ = self.escapes.get(at, (0, False, 0))
        found = level(slashes, is_code)
        return found if is_code or slashes == 2**found - 1 else None

    def behind(self, at: int) -> int:
        return self.escapes[at][2] if at in self.escapes else self.starts[at] + 1

    def behind_blanks(self, at: int) -> int:
        while at < len(self.plain) and self.plain[at] in " \t\n\r":
            at += 1
        return at

    def value(self, quote: int, inside: int) -> tuple[int, int, int]:
        """Begin and end in the text, and the next character."""
        begin = self.behind(quote)
        at = quote
        while (at := self.plain.find('"', at + 1)) >= 0:
            slashes, is_code, end = self.escapes.get(at, (0, False, self.starts[at] + 1))
            found = level(slashes, is_code)
            if found <= inside:
                return begin, self.starts[at] if is_code else end - 2**found, at + 1
        return begin, len(self.text), len(self.plain)


def raw_keys(text: str) -> list[tuple[int, int, bool]]:
    """Where each is: begin, end, and whether it is a text."""
    found: list[tuple[int, int, bool]] = []
    characters = Characters(text)
    at = 0
    while name := NAME.search(characters.plain, at):
        at = name.end()
        inside = characters.level_of_quote(at - 1)
        colon = characters.behind_blanks(at)
        if inside is None or characters.plain[colon : colon + 1] != ":":
            continue
        quote = characters.behind_blanks(colon + 1)
        value_inside = characters.level_of_quote(quote)
        if value_inside == inside:
            begin, end, at = characters.value(quote, inside)
            value = text[begin:end]
            fine = INTERNAL | {MASTER_KEY, "", "None"}
            if not re.fullmatch("[0-9a-fA-F]{64}", value) and value not in fine:
                found.append((begin, end, True))
        elif value_inside is None and quote < len(characters.plain):
            begin, end = next(DIGITS.finditer(text, characters.starts[quote])).span()
            if begin != end:
                found.append((begin, end, False))
    return found


def blank_raw_keys(text: str) -> tuple[str, list[str]]:
    secrets: dict[str, None] = {}  # in order, each once
    parts, copied = [], 0
    for begin, end, is_text in raw_keys(text):
        secrets[text[begin:end]] = None
        parts.append(text[copied:begin] + ("" if is_text else "0"))
        copied = end
    return "".join(parts) + text[copied:], list(secrets)


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
