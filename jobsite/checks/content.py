"""Rules on what a file is: type, size, form, and formula cells (F1 to F6, F9). Pure."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from jobsite.checks.findings import Place
from jobsite.checks.policy import Policy
from jobsite.checks.ruling import Remark
from jobsite.checks.tables import Table
from jobsite.checks.values import TEXT
from jobsite.core.wording import counted

MIB = 1024 * 1024

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image", (".png",)),
    (b"\xff\xd8\xff", "a JPEG image", (".jpg", ".jpeg")),
    (b"\x1f\x8b", "a gzip archive", (".svgz", ".gz", ".tgz")),
    (b"%PDF-", "a PDF document", (".pdf",)),
    (
        b"PK\x03\x04",
        "a ZIP archive or an Office document",
        (".zip", ".xlsx", ".docx", ".pptx", ".ods", ".odt"),
    ),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document", (".xls", ".doc", ".ppt")),
    (b"GIF8", "a GIF image", (".gif",)),
    (b"SQLite format 3\0", "a SQLite database", (".sqlite", ".db")),
    (b"ARROW1", "an Arrow file", (".arrow", ".feather")),
    (b"PAR1", "a Parquet file", (".parquet",)),
    (b"\x7fELF", "a program", ()),
)
_INSTEAD = {".xlsx": "save the table as CSV", ".xls": "save the table as CSV", ".htm": "name it .html"}
_FORMULA = re.compile(r"[=@\t]|\+(?![ ]?[0-9.])|-[ ]?[A-Za-z]")


def suffix_of(name: str) -> str:
    """The suffix of a name in lower case with its dot, "" where it has none."""
    return PurePosixPath(name).suffix.casefold()


def check_name(name: str, policy: Policy) -> Iterator[Remark]:
    """F1 and F6: whether files of this name may be released, or by exception only."""
    last, suffix = PurePosixPath(name).name, suffix_of(name)
    if last.startswith("."):
        yield Remark("F1", Place(), "Names that begin with a dot cannot be released.")
    elif suffix[1:] in policy.ask:
        yield Remark("F6", Place(), f"{suffix} files are released only for a written reason.")
    elif suffix[1:] not in policy.release:
        instead = f"; {_INSTEAD[suffix]}" if suffix in _INSTEAD else ""
        what = f"{suffix} files" if suffix else "Files without a suffix"
        yield Remark("F1", Place(), f"{what} cannot be released{instead}.")


def check_size(size: int, policy: Policy) -> Iterator[Remark]:
    """F3: the size in bytes against the limit."""
    limit = policy.limits["file_bytes"]
    if size > limit:
        yield Remark("F3", Place(), f"{_mebibytes(size)}; the limit is {_mebibytes(limit)}.")


def check_signature(name: str, start: bytes, policy: Policy) -> Iterator[Remark]:
    """F2: the first bytes are those of another kind of file than the name says. F1 stands alone on a type that is not
    allowed: such a name says nothing of its content."""
    suffix, last = suffix_of(name), PurePosixPath(name).name
    if suffix[1:] not in (*policy.release, *policy.ask):
        return
    for signature, what, suffixes in _SIGNATURES:
        if start.startswith(signature) and suffix not in suffixes:
            yield Remark("F2", Place(), f"{last} is {what} by its content.")
            return


def check_shape(rows: int, columns: int, policy: Policy) -> Iterator[Remark]:
    """F4: data rows and columns against the limits."""
    for number, noun, limit in (
        (rows, "row", policy.limits["csv_rows"]),
        (columns, "column", policy.limits["csv_cols"]),
    ):
        if number > limit:
            yield Remark("F4", Place(), f"{counted(number, noun)}; the limit is {limit:,}.")
            return


def formulas(table: Table) -> Iterator[Remark]:
    """F9: text cells, heads included, that a spreadsheet may run. Signed numbers are none."""
    for column in table.columns:
        if table.first_row == 1 and _is_formula(column.header):
            yield Remark("F9", table.cell(-1, column), _runs(0, column.header))
        for row, (cell, text) in enumerate(zip(column.cells, column.texts, strict=True)):
            if cell.kind == TEXT and _is_formula(text):
                yield Remark("F9", table.cell(row, column), _runs(table.row_number(row), text))


def _is_formula(text: str) -> bool:
    return text[:1] in "=+-@\t" and _FORMULA.match(text) is not None


def _runs(row: int, text: str) -> str:
    sign = "a tab" if text[0] == "\t" else f"'{text[0]}'"
    return f"Row {row} begins with {sign}; a spreadsheet may run it."


def _mebibytes(size: int) -> str:
    if size < MIB:
        return f"{size:,} bytes"
    return f"{size / MIB:.1f} MiB".replace(".0 MiB", " MiB")
