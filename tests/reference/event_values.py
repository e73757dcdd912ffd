"""Values of events by the liberal rules of docs/events.md: texts, numbers, times, JSON."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

SATURATED = 2**61
# Enough for every digit that anyone writes; exponents are compared, never written out.
EXACT = Context(prec=4000, Emax=10**17, Emin=-(10**17), rounding=ROUND_HALF_UP)


class Number(str):
    """A JSON number as it is written."""


class NotANumber:
    """NaN, Infinity, -Infinity."""


NAN = NotANumber()


def clean(text: str) -> str:
    if text.isascii() and "\0" not in text:
        return text
    return re.sub("[\ud800-\udfff]", "\ufffd", text).replace("\0", "")


def first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        result.setdefault(clean(key), value)
    return result


def parse_json(text: str) -> Any:
    return json.loads(
        text,
        object_pairs_hook=first_wins,
        parse_int=Number,
        parse_float=Number,
        parse_constant=lambda _: NAN,
    )


def text_of(value: Any) -> str:
    if not isinstance(value, str) or isinstance(value, Number):
        return ""
    value = clean(value)
    return "" if value == "None" else value


def is_text_or_absent(value: Any) -> bool:
    return value is None or value is NAN or (isinstance(value, str) and not isinstance(value, Number))


def is_true(value: Any) -> bool:
    return value is True or text_of(value) in ("True", "true")


NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)


def number_of(value: Any) -> Decimal | str:
    """A Decimal, or "absent", "not_a_number", "other_type"."""
    if value is None:
        return "absent"
    if value is NAN:
        return "not_a_number"
    if isinstance(value, Number):
        text = str(value)
    elif isinstance(value, str):
        text = text_of(value)
        if not text:
            return "absent"
        text = text.strip(" \t\r\n")
    else:
        return "other_type"
    if not NUMBER.fullmatch(text):
        return "not_a_number"
    mantissa, _, exponent = text.lower().partition("e")
    number = EXACT.create_decimal(mantissa)
    if exponent:  # beyond this they are all the same to us
        number = EXACT.scaleb(number, max(-(10**12), min(10**12, int(exponent))))
    return number


def scaled(number: Decimal, places: int) -> int:
    """number * 10**places, rounded half away from zero, saturated."""
    if number == 0 or number.adjusted() + places < -1:
        return 0
    if number.adjusted() + places >= 18:
        return SATURATED if number > 0 else -SATURATED
    return int(EXACT.scaleb(number, places).to_integral_value(ROUND_HALF_UP, EXACT))


def is_whole(number: Decimal) -> bool:
    if number == 0 or number.adjusted() > 10_000:
        return True
    if number.adjusted() < 0:
        return False
    return number == number.to_integral_value(context=EXACT)


def whole_of(value: Any) -> int | None:
    number = number_of(value)
    return scaled(number, 0) if isinstance(number, Decimal) and is_whole(number) else None


def plain(number: Decimal) -> str:
    """At most 20 decimals, "" for nothing."""
    if number == 0 or number.adjusted() < -22:
        return ""
    text = format(number.quantize(Decimal(1).scaleb(-20), ROUND_HALF_UP, EXACT), "f")
    text = text.rstrip("0").rstrip(".")
    return "" if text in ("0", "-0") else text


DATE_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?"
    r"(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)?",
    re.ASCII,
)


def date_time(text: str) -> int | None:
    match = DATE_TIME.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, sign, zone_hour, zone_minute = match.groups()
    if int(zone_hour or 0) > 23 or int(zone_minute or 0) > 59:
        return None
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0),
            tzinfo=UTC,
        )  # fmt: skip
    except ValueError:
        return None
    seconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    zone = int(zone_hour or 0) * 3600 + int(zone_minute or 0) * 60
    seconds -= -zone if sign == "-" else zone
    return seconds * 10**6 + scaled(Decimal("0." + (fraction or "0")), 6)


def time_of(value: Any) -> int | str:
    number = number_of(value)
    if isinstance(number, Decimal):
        return scaled(number, 6)
    if number == "not_a_number" and isinstance(value, str):
        moment = date_time(text_of(value).strip(" \t\r\n"))
        if moment is not None:
            return moment
    return number


BROKEN = object()


def try_json(text: str) -> Any:
    try:
        return parse_json(text)
    except (ValueError, RecursionError):
        return BROKEN
