"""What may be copied to level 4: size, type, rows, patient identifiers, and a form that could be checked.

A file that cannot be checked is not copied (B16)."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePosixPath
from typing import BinaryIO, NamedTuple

from jobsite.store.decoding import NotAsItsSuffix, encoding_at_start
from jobsite.store.identifiers import in_header
from jobsite.store.rows import delimiter_of, parsed_rows
from jobsite.store.suffix_checks import CHECKS

FILE_TYPES = (".csv", ".jpg", ".jpeg", ".png", ".svg", ".svgz", ".html", ".txt", ".log", ".json", ".md")
LONGEST_FIELD = 131_072  # characters in one CSV field: a longer one is a sign of an unclosed quote
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Level4Limits:
    """The limits of a backend: bytes of a file, data rows of a CSV file, suffixes (case-sensitive, with their dot)."""

    max_file_size: int = 16 * MEGABYTE
    max_csv_rows: int = 5000
    file_types: tuple[str, ...] = FILE_TYPES


class Verdict(NamedTuple):
    """`reason` says why a file stays out of level 4, None if it may go there; `advice` what to do about it;
    data rows, and fields of the first data row, for CSV files that could be read."""

    reason: str | None
    advice: str = ""
    row_count: int | None = None
    col_count: int | None = None


def judge(file: BinaryIO, path: str, limits: Level4Limits) -> Verdict:
    """The verdict on an open file that is to be called `path`. It is read in pieces, or to the size limit at most."""
    size = file.seek(0, io.SEEK_END)
    if size > limits.max_file_size:
        return _too_large(size, limits.max_file_size)
    suffix = PurePosixPath(path).suffix
    if suffix not in limits.file_types:
        shown = suffix or PurePosixPath(path).name
        advice = f"Write it as one of {', '.join(limits.file_types)}, or mark it highly_sensitive."
        return Verdict(f"File type of {shown} is not valid level 4 file", advice)
    try:
        return _judge_csv(file, limits) if suffix == ".csv" else _judge_form(file, suffix)
    except NotAsItsSuffix as reason:
        return _not_checked(str(reason))
    except Exception as error:  # noqa: BLE001 - fail closed, whatever it was (B16)
        return _not_checked(f"the check failed with {type(error).__name__}")


def _too_large(size: int, limit: int) -> Verdict:
    decimals = next((n for n in range(1, 7) if _mb(size, n) != _mb(limit, n)), 7)
    reason = f"File size of {_mb(size, decimals)} Mb is larger than limit of {_mb(limit, decimals)} Mb"
    return Verdict(reason, "Aggregate more, split the file, or mark it highly_sensitive.")


def _mb(size: int, decimals: int) -> str:
    return f"{size / MEGABYTE:.{decimals}f}"


def _not_checked(why: str) -> Verdict:
    advice = "Only files that can be read can be checked: write it again in the form its suffix stands for."
    return Verdict(f"File could not be checked: {why}", advice)


def _judge_form(file: BinaryIO, suffix: str) -> Verdict:
    if suffix not in CHECKS:
        return _not_checked(f"there is no check for files of type {suffix}")
    file.seek(0)
    if CHECKS[suffix](file.read()):
        advice = "Remove identifiers of patients, or mark the file highly_sensitive."
        return Verdict("File has patient_id column or key", advice)
    return Verdict(None)


def _judge_csv(file: BinaryIO, limits: Level4Limits) -> Verdict:
    rows = _csv_rows(file)
    header = next(rows, [])
    first = next(rows, None)
    columns, count = (0, 0) if first is None else (len(first), 1 + sum(1 for _ in rows))
    reasons, advice = [], []
    if in_header(header):
        reasons.append("File has patient_id column")
        advice.append("Remove identifiers of patients, or mark the file highly_sensitive.")
    if count > limits.max_csv_rows:
        reasons.append(f"File row count ({count}) exceeds maximum allowed rows ({limits.max_csv_rows})")
        advice.append("Aggregate more, or mark the file highly_sensitive.")
    return Verdict(", ".join(reasons) or None, " ".join(dict.fromkeys(advice)), count, columns)


def _csv_rows(file: BinaryIO) -> Iterator[list[str]]:
    """The rows of a CSV file but blank ones and Excel's `sep=`. Raises NotAsItsSuffix."""
    text = io.TextIOWrapper(file, encoding_at_start(file), newline="")
    try:
        lines = _checked_lines(text)
        first = next((line for line in lines if line.strip("\ufeff \t\r\n")), "")
        if first.strip().casefold().startswith("sep="):
            first = next(lines, "")
        for row in parsed_rows(chain([first], lines), delimiter_of(first)):
            if any(len(field) > LONGEST_FIELD for field in row):
                raise NotAsItsSuffix(f"it has a field of more than {LONGEST_FIELD} characters")
            if row:
                yield row
    except UnicodeDecodeError:
        raise NotAsItsSuffix("it is not text in UTF-8") from None
    except csv.Error as error:
        raise NotAsItsSuffix(f"it is not valid CSV ({error})") from None
    finally:
        text.detach()


def _checked_lines(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if "\0" in line:
            raise NotAsItsSuffix("it contains NUL characters")
        yield line


def note(path: str, verdict: Verdict) -> str:
    """The text that lies at level 4 in place of a file that was kept out of it."""
    return f"{path} was not copied to level 4.\n\nReason: {verdict.reason}.\n\n{verdict.advice}\n"
