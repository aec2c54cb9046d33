"""Rules on organisations and areas that are too small to be named (I5, I6). Pure."""

import re
from collections.abc import Iterator, Sequence

from jobsite.checks.findings import FIX, STOP, Place
from jobsite.checks.roles import COUNT
from jobsite.checks.ruling import Remark
from jobsite.checks.tables import Column
from jobsite.checks.values import MISSING
from jobsite.core.wording import counted

PRACTICES = frozenset(
    [
        "practice",
        "gp_practice",
        "practice_id",
        "practice_code",
        "practice_pseudo_id",
        "gp_code",
        "pcn",
        "pcn_code",
    ]
)
ORGANISATIONS = frozenset(
    ["trust", "trust_code", "provider", "provider_code", "icb", "ccg", "stp", "organisation_code"]
)
COUNTRIES = ("K02", "K03", "K04")  # the United Kingdom and its parts

_PRACTICE_CODE = re.compile(r"[A-Za-z][0-9]{5}")
_AREA_CODE = re.compile(r"[EWNSK][0-9]{8}")
_AREA_IN_TEXT = re.compile(r"(?<![A-Za-z0-9])[EWNSK][0-9]{8}(?![A-Za-z0-9])")
_SMALL_AREA = re.compile(r"(?:lsoa|msoa)[0-9a-z]*|la|ward")


def organisations(column: Column, place: Place) -> Iterator[Remark]:
    """I5: practices and networks by header or by their codes, other organisations by header."""
    filled = [
        text.strip() for text, cell in zip(column.texts, column.cells, strict=True) if cell.kind != MISSING
    ]
    codes = sum(len(text) == 6 and _PRACTICE_CODE.fullmatch(text) is not None for text in filled)
    different = len(set(filled))
    if column.name in PRACTICES or (filled and codes >= 0.8 * len(filled)):
        yield Remark("I5", place, f"Column '{column.header}' names {counted(different, 'practice')}.", STOP)
    elif column.name in ORGANISATIONS:
        yield Remark(
            "I5", place, f"Column '{column.header}' names {counted(different, 'organisation')}.", FIX
        )


def areas_in(text: str, allowed: Sequence[str]) -> list[str]:
    """The area codes in a text that may not be named."""
    return [code for code in _AREA_IN_TEXT.findall(text) if not code.startswith((*allowed, *COUNTRIES))]


def areas(column: Column, place: Place, allowed: Sequence[str]) -> Iterator[Remark]:
    """I6: area codes that the policy does not allow, and columns headed as small areas."""
    open_to_all = (*allowed, *COUNTRIES)
    codes = {
        text
        for text in map(str.strip, column.texts)
        if len(text) == 9 and _AREA_CODE.fullmatch(text) and not text.startswith(open_to_all)
    }
    if codes:
        what = counted(len(codes), "area code")
        below = "is" if len(codes) == 1 else "are"
        yield Remark("I6", place, f"{what} in '{column.header}' {below} below the permitted area level.")
    elif column.role != COUNT and any(map(_SMALL_AREA.fullmatch, column.name.split("_"))):
        yield Remark("I6", place, f"Column '{column.header}' names areas below the permitted level.")
