"""What a plain YAML word means: the YAML 1.2 core schema, with dates, as the project file uses it."""

import datetime
import math
import re

_INT = re.compile(r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9_]+)")
_FLOAT = re.compile(
    r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
    r"|[-+]?\.[0-9_]+(?:[eE][-+][0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_DATE = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:(?:[Tt]|[ \t]+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?"
    r"(?:[ \t]*(?:(Z)|([-+])([0-9]{1,2})(?::?([0-9]{2}))?))?)?"
)
_SHORT_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WORDS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_LONGEST_NUMBER = 4000
"""Digits after which Python refuses to convert text to a whole number."""

MAY_BE_SPECIAL = frozenset("0123456789+-._~nNtTfF=")
"""First letters of the plain words that are something else than text."""

Value = str | int | float | bool | None | datetime.date


def resolve(text: str) -> Value:
    """What the plain (unquoted, untagged) word `text` stands for.

    `yes no on off` are text, `010` is ten, `2020-01-01` is a date (specification 1.1).
    Raises ValueError for a date that does not exist, such as `2020-02-31`.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text) and any(letter.isdigit() for letter in text):
        return _whole_number(text)
    if _FLOAT.fullmatch(text):
        return _number(text)
    date = _DATE.fullmatch(text)
    if date and (date[4] or _SHORT_DATE.fullmatch(text)):
        return _date(date)
    return text


def _whole_number(text: str) -> int | float:
    sign = -1 if text[0] == "-" else 1
    digits = text.lstrip("+-").replace("_", "")
    if len(digits) > _LONGEST_NUMBER:
        return sign * math.inf
    for prefix, base in (("0b", 2), ("0x", 16), ("0o", 8)):
        if digits.startswith(prefix):
            return sign * int(digits[2:] or "0", base)
    return sign * int(digits)


def _number(text: str) -> float:
    plain = text.lower().replace("_", "")
    return float(plain.replace(".inf", "inf").replace(".nan", "nan"))


def _date(found: re.Match[str]) -> datetime.date:
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    if found[4] is None:
        return datetime.date(year, month, day)
    micro = int((found[7] or "0").ljust(6, "0")[:6])
    return datetime.datetime(year, month, day, hour, minute, second, micro, _zone(found))


def _zone(found: re.Match[str]) -> datetime.timezone | None:
    if found[8]:
        return datetime.UTC
    if not found[9]:
        return None
    distance = datetime.timedelta(hours=int(found[10]), minutes=int(found[11] or 0))
    return datetime.timezone(-distance if found[9] == "-" else distance)
