"""Tables and data rows printed in texts and logs (L1). Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from jobsite.checks.counting import small, unrounded
from jobsite.checks.findings import FIX, LOOK, Place
from jobsite.checks.policy import Policy
from jobsite.checks.ruling import Clock, Remark
from jobsite.checks.tables import Table, table_from
from jobsite.checks.values import Reader, number_in
from jobsite.core.wording import counted, joined

FEWEST = 3  # lines that make a table
MOST = 20_000  # lines of one table; a longer one is several
_CHECKED_EVERY = 4_096  # lines
LONGEST = 2_000  # characters of a line that may belong to a table

_COLUMNS = re.compile(r" *\| *|\t+| {2,}")
_COMMAS = re.compile(r"[^,\s][^,]*(?:,[^,\s][^,]*)+")
_RULER = re.compile(r"[-=+|: ]+")
_CUT = re.compile(r"[. …]+")


@dataclass
class Run:
    """Lines that look like rows of one table; `header` is the line before them where it has as many cells."""

    first: int
    last: int
    header: list[str]
    rows: list[list[str]]

    @property
    def is_frame(self) -> bool:
        """Whether it is printed as data frames are: a running number before each row that the header does not name."""
        numbers = [row[0] for row in self.rows]
        if not self.header or self.header[0] or not all(map(str.isdecimal, numbers)):
            return False
        starts = int(numbers[0][:9])
        return starts in (0, 1) and all(int(one[:9]) > starts for one in numbers[1:])


class Lines:
    """Passes numbered lines on and notes the tables in them; `start` is the beginning of the first line."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.start = ""
        self._open: Run | None = None
        self._before: tuple[int, str] = (0, "")

    def noted(self, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """The same lines; `runs` is complete when the last has been taken. Raises Overdue."""
        clock = Clock()
        for number, line in lines:
            if not number % _CHECKED_EVERY:
                clock.check()
            self.start = self.start or line[:LONGEST]
            self._note(number, line)
            yield number, line
        self._close()

    def _note(self, number: int, line: str) -> None:
        text = line.strip()
        if (_RULER.fullmatch(text) or _CUT.fullmatch(text)) and (self._open or self._before[1]):
            if self._open:
                self._open.last = number
            else:
                self._before = (number, self._before[1])
            return
        cells = self._row(number, text)
        has_number = any(number_in(cell) for cell in cells)
        if (
            self._open
            and has_number
            and len(cells) == len(self._open.rows[0])
            and len(self._open.rows) < MOST
        ):
            self._open.rows.append(cells)
            self._open.last = number
            return
        self._close()
        if len(cells) > 1 and has_number:
            self._open = Run(number, number, self._header(number, len(cells)), [cells])
        self._before = (number, text[:LONGEST])

    def _header(self, number: int, width: int) -> list[str]:
        line, text = self._before
        if line != number - 1:
            return []
        for cells in (_header_cells(text), text.split()):
            if len(cells) == width - 1:
                return ["", *cells]
            if len(cells) == width:
                return cells
        return []

    def _row(self, number: int, text: str) -> list[str]:
        """The cells of a line. Data frames part their columns by one blank or more: there the words of the head tell."""
        words = text.split()
        if self._open and self._open.header[:1] == [""] and len(words) == len(self._open.header):
            return words
        line, head = self._before
        is_frame = line == number - 1 and words[:1] in (["0"], ["1"]) and len(head.split()) == len(words) - 1
        return words if is_frame and any(number_in(word) for word in words[1:]) else _cells(text)

    def _close(self) -> None:
        if self._open and len(self._open.rows) + bool(self._open.header) >= FEWEST:
            self.runs.append(self._open)
        self._open = None


def _cells(text: str) -> list[str]:
    """A line at its columns: bars, tabs, two blanks, commas; single blanks only where half of the words are numbers."""
    if not text or len(text) > LONGEST:
        return []
    cells = [cell.strip() for cell in _COLUMNS.split(text.strip("|").strip())]
    if len(cells) > 2:
        return cells
    if _COMMAS.fullmatch(text):
        return [cell.strip() for cell in text.split(",")]
    words = text.split()
    numbers = sum(number_in(word) is not None for word in words)
    if len(words) > len(cells) and 2 * numbers >= len(words) and "|" not in text:
        return words
    return cells


def _header_cells(text: str) -> list[str]:
    if len(text) > LONGEST or not text:
        return []
    cells = [cell.strip() for cell in _COLUMNS.split(text.strip("|").strip())]
    if len(cells) > 2 or "|" in text:
        return cells
    if _COMMAS.fullmatch(text):
        return text.split(",")
    return text.split()


def tables(runs: Iterable[Run], reader: Reader) -> Iterator[Table]:
    """The tables that have a header, with the line of it."""
    for run in runs:
        if run.header:
            table = table_from(run.header, run.rows, reader)
            table.first_line = run.first
            yield table


def printed(runs: Iterable[Run], reader: Reader, policy: Policy) -> Iterator[Remark]:
    """L1: data rows to be mended; small or unrounded counts to be looked at."""
    for run in runs:
        table = table_from(run.header or [""] * len(run.rows[0]), run.rows, reader)
        place = Place("line", line=run.first, last_line=run.last)
        where = f"Lines {run.first}–{run.last}"
        named = any(one.role == "count" and not one.guessed for one in table.series)
        if run.is_frame and not named:
            yield Remark("L1", place, f"{where} look like printed data rows.", FIX)
        elif problems := _problems(table, policy, bool(run.header) or named):
            yield Remark("L1", place, f"{where} hold a table with {joined(problems)}.", LOOK)


def _problems(table: Table, policy: Policy, has_names: bool) -> Sequence[str]:
    if not has_names:
        return []
    counts = policy.counts
    series = [one for one in table.series if one.role == "count" and any(one.numbers())]
    few = sum(1 for one in series for _ in small(table, one, counts))
    loose = sum(1 for one in series for remark in unrounded(table, one, counts) if remark.rule == "C2")
    found = [f"{counted(few, 'count')} of 1 to {counts.threshold}"] if few else []
    return [*found, *([f"{counted(loose, 'column')} of unrounded counts"] if loose else [])]
