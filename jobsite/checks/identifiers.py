"""Rules on what identifies people and places (I1 to I10). No sentence holds a value. Pure."""

from calendar import monthrange
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from statistics import median

from jobsite.checks import patterns
from jobsite.checks.areas import areas, areas_in, organisations
from jobsite.checks.findings import FIX, LOOK, NOTE, STOP, Place
from jobsite.checks.patterns import ISSUED, TEST, date_in, nhs_numbers, packed_date, postcodes
from jobsite.checks.policy import Policy
from jobsite.checks.roles import COUNT, LABEL, OTHER, normalised
from jobsite.checks.ruling import Remark
from jobsite.checks.tables import Column, Table
from jobsite.checks.values import MISSING

MANY = 5  # different identifiers in one column that make it a column of them
MANY_ROWS = 50  # from here on a table may have one row for each person
LONG_TEXT = 40  # characters of a cell in the middle

PERSON_NAMES = frozenset(
    ["patient_id", "patientid", "pat_id", "patid", "person_id", "pseudo_id", "nhs_number", "nhsno", "chi"]
)
_BIRTH = frozenset(["dob", "birth", "born", "birthdate", "birthday", "birthyear", "dateofbirth", "yob"])
_NHS_NAMES = frozenset(["nhs_number", "nhsno", "nhs_no", "nhs", "nhsnumber"])
_POSTCODE_NAMES = frozenset(["postcode", "postcodes", "pcd", "pcds", "outcode"])


def identifying(table: Table, policy: Policy) -> Iterator[Remark]:
    """All I rules on a table. Its headers are looked at as cells: a table may be turned."""
    for column in table.columns:
        place = table.whole_column(column)
        if table.first_row == 1:
            yield from identifying_values("", [column.header], place, partial(_head, table, column))
        yield from person_column(column.header, place)
        yield from identifying_values(column.header, column.texts, place, partial(_cell, table, column))
        yield from dates(column.header, column.texts, place)
        yield from organisations(column, place)
        yield from areas(column, place, policy.areas_allowed)
        yield from keys(column.header, column.texts, place)
        yield from free_text(column, place)
    yield from one_row_each(table, policy)


def _cell(table: Table, column: Column, row: int) -> Place:
    return table.cell(row, column)


def _head(table: Table, column: Column, _: int) -> Place:
    return table.cell(-1, column)


def person_column(header: str, place: Place) -> Iterator[Remark]:
    """I1: the name of a column or key that marks patient-level data."""
    if normalised(header) in PERSON_NAMES:
        yield Remark("I1", place, f"Column '{header}' marks patient-level data.")


def identifying_values(
    header: str, texts: Sequence[str], column: Place, cell: Callable[[int], Place]
) -> Iterator[Remark]:
    """I2, I3 and I8 on the values of a column; `cell` gives the place of a row counted from 0."""
    if patterns.may_identify("\n".join(dict.fromkeys(texts))):
        yield from _nhs(header, texts, column, cell)
        yield from _contacts(texts, cell)
    yield from _postcodes(header, texts, column, cell)


def _nhs(header: str, texts: Sequence[str], column: Place, cell: Callable[[int], Place]) -> Iterator[Remark]:
    found = [(row, number, kind) for row, text in enumerate(texts) for number, kind in nhs_numbers(text)]
    real = [(row, number, kind) for row, number, kind in found if kind != TEST]
    different = len({number for _, number, _ in real})
    if different >= MANY or (real and normalised(header) in _NHS_NAMES):
        holds = f"{different} different valid NHS numbers" if different > 1 else "a valid NHS number"
        yield Remark("I2", column, f"Column '{header}' holds {holds}.", STOP)
    else:
        for row, _, kind in real:
            yield _one_nhs_number(cell(row), f"Row {cell(row).row}", kind)
    tests = [row for row, _, kind in found if kind == TEST]
    if len(tests) >= MANY:
        yield Remark("I2", column, f"Column '{header}' holds NHS numbers of the test range.", NOTE)
    else:
        yield from (_one_nhs_number(cell(row), f"Row {cell(row).row}", TEST) for row in tests)


def _one_nhs_number(place: Place, where: str, kind: str) -> Remark:
    if kind == TEST:
        return Remark("I2", place, f"{where} holds an NHS number of the test range.", NOTE)
    by_chance = "One random number of ten digits in 11 passes the same test."
    if kind == ISSUED:
        return Remark("I2", place, f"{where} holds a valid NHS number. {by_chance}", FIX)
    return Remark(
        "I2", place, f"{where} holds a number with the check digit of an NHS number. {by_chance}", LOOK
    )


def _postcodes(
    header: str, texts: Sequence[str], column: Place, cell: Callable[[int], Place]
) -> Iterator[Remark]:
    named = not _POSTCODE_NAMES.isdisjoint(normalised(header).replace("post_code", "postcode").split("_"))
    found = {
        text: [*postcodes(text)] or ([text.strip().upper()] if named and patterns.is_outward(text) else [])
        for text in dict.fromkeys(texts)
    }
    different = {one for several in found.values() for one in several}
    if len(different) >= MANY:
        what = "full postcodes" if any(len(one) > 4 for one in different) else "first halves of postcodes"
        yield Remark("I3", column, f"Column '{header}' holds {len(different):,} {what}.", STOP)
    elif different:
        for row, text in enumerate(texts):
            if found[text]:
                yield Remark("I3", cell(row), f"Row {cell(row).row} holds a postcode.", FIX)


def _contacts(texts: Sequence[str], cell: Callable[[int], Place]) -> Iterator[Remark]:
    for row, text in enumerate(texts):
        for what in contact_data(text):
            yield Remark("I8", cell(row), f"Row {cell(row).row} holds {what}.")


def contact_data(text: str) -> list[str]:
    """What a text holds of e-mail addresses and telephone numbers, in words."""
    found = ["an e-mail address"] if patterns.has_email(text) else []
    return [*found, *(["a telephone number"] if patterns.has_telephone(text) else [])]


def identifying_lines(lines: Iterable[tuple[int, str]], allowed: Sequence[str]) -> Iterator[Remark]:
    """I2, I3, I6 and I8 on numbered lines of a text; five different numbers or postcodes stop the whole file. `allowed` are
    the beginnings of area codes that may be named."""
    numbers: set[str] = set()
    codes: set[str] = set()
    for line, text in lines:
        if not patterns.TELLING.search(text):
            continue
        place = Place("line", line=line)
        for number, kind in nhs_numbers(text):
            numbers |= {number} if kind == ISSUED else set()
            yield _one_nhs_number(place, f"Line {line}", kind)
        if found := set(postcodes(text)):
            codes |= found
            yield Remark("I3", place, f"Line {line} holds a postcode.", FIX)
        if areas_in(text, allowed):
            yield Remark("I6", place, f"Line {line} names an area below the permitted level.")
        for what in contact_data(text):
            yield Remark("I8", place, f"Line {line} holds {what}.")
    if len(numbers) >= MANY:
        yield Remark("I2", Place(), f"The text holds {len(numbers):,} different valid NHS numbers.", STOP)
    if len(codes) >= MANY:
        yield Remark("I3", Place(), f"The text holds {len(codes):,} full postcodes.", STOP)


def dates(header: str, texts: Sequence[str], place: Place) -> Iterator[Remark]:
    """I4: dates of birth by their header; else full dates of single events: mostly different, in irregular steps."""
    filled = [text for text in texts if text.strip()]
    words = set(normalised(header).split("_"))
    if words & _BIRTH and "weight" not in words:
        yield from _births(header, filled, place)
        return
    days = [day for text in filled if (day := date_in(text))]
    different = sorted(set(days))
    if 2 * len(days) > len(filled) and 2 * len(different) > len(days) and not _is_regular(different):
        yield Remark("I4", place, f"Column '{header}' holds dates of single events.", LOOK)


def _births(header: str, filled: list[str], place: Place) -> Iterator[Remark]:
    days = [day for text in filled if (day := date_in(text) or packed_date(text))]
    if days and not (len(days) >= 3 and all(day.day == 1 for day in days)):
        yield Remark("I4", place, f"Column '{header}' holds dates of birth.", STOP)
    elif days or any(map(patterns.is_month, filled)):
        yield Remark("I4", place, f"Column '{header}' holds months of birth.", FIX)
    elif any(map(patterns.is_year, filled)):
        yield Remark("I4", place, f"Column '{header}' holds years of birth.", FIX)


def _is_regular(days: Sequence) -> bool:
    """Whether sorted days have equal steps, one day of the month, or are the ends of months."""
    if len(days) < 3:
        return True
    steps = {(after - before).days for before, after in pairwise(days)}
    ends = all(day.day == monthrange(day.year, day.month)[1] for day in days)
    return len(steps) == 1 or len({day.day for day in days}) == 1 or ends


def keys(header: str, texts: Sequence[str], place: Place) -> Iterator[Remark]:
    """I9: UUIDs or hashes, all different, in four of five rows."""
    found = [text.strip().casefold() for text in texts if len(text) >= 32 and patterns.is_key(text)]
    if len(found) >= 3 and len(found) >= 0.8 * len(texts) and len(set(found)) == len(found):
        yield Remark("I9", place, f"Column '{header}' looks like hashed identifiers.")


def free_text(column: Column, place: Place) -> Iterator[Remark]:
    """I10: long cells, mostly different."""
    filled = [text.strip() for text in column.texts if text.strip()]
    if len(filled) < 3 or median(map(len, filled)) <= LONG_TEXT or 2 * len(set(filled)) <= len(filled):
        return
    if not all(map(patterns.is_key, filled)):
        yield Remark("I10", place, f"Column '{column.header}' looks like free text.")


def one_row_each(table: Table, policy: Policy) -> Iterator[Remark]:
    """I7: many rows, a column of different whole numbers or hexadecimal ones that is no running number, and no counts."""
    if table.height < MANY_ROWS or any(one.role == COUNT and not one.guessed for one in table.columns):
        return
    for column in table.columns:
        if column.role in (COUNT, LABEL, OTHER) and _is_one_each(column, policy.counts.base):
            yield Remark(
                "I7",
                table.whole_column(column),
                f"Column '{column.header}' has another value in each of {table.height:,} rows: it looks like one row per person.",
            )


def _is_one_each(column: Column, base: int) -> bool:
    filled = [
        (cell, text) for cell, text in zip(column.cells, column.texts, strict=True) if cell.kind != MISSING
    ]
    if len(filled) < MANY_ROWS or len({text.strip() for _, text in filled}) < len(filled):
        return False
    if not all(cell.is_whole for cell, _ in filled):
        return all(patterns.is_hexadecimal(text) or cell.is_whole for cell, text in filled)
    numbers = sorted(cell.value for cell, _ in filled)
    steps = Counter(after - before for before, after in pairwise(numbers))
    packed = all(packed_date(text) for _, text in filled)
    return len(steps) > 1 and any(number % base for number in numbers) and not packed
