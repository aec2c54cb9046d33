"""Lists of job requests as files, CSV or JSON, made while they are sent: a list may have a hundred thousand rows."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from jobsite.core.clock import wire
from jobsite.core.errors import Invalid
from jobsite.jobs.listing import RequestRow

FIELDS = (
    "id", "identifier", "project", "workspace", "backend", "user", "status", "status_message", "requested_actions",
    "force_run_dependencies", "commit", "jobs_total", "jobs_succeeded", "jobs_failed", "jobs_cancelled",
    "created_at", "started_at", "completed_at", "address",
)  # fmt: skip
"""Of a request, in the order of the columns. Times are UTC; all of it stands on public pages too."""

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def why_not_format(name: str) -> str | None:
    """Why a list cannot be had in the format of that name; None when it can."""
    if name in _WRITERS:
        return None
    return f"A list can be had as {' or '.join(_WRITERS)}, not as {name[:40]!r}."


def exported(name: str, rows: Iterable[RequestRow]) -> Iterator[bytes]:
    """The file of these rows in a format, piece by piece. Raises `Invalid` for a format that is not there."""
    if why_not := why_not_format(name):
        raise Invalid({"format": why_not})
    return (piece.encode() for piece in _WRITERS[name](facts(row) for row in rows))


def facts(row: RequestRow) -> Mapping[str, Any]:
    """A request as plain data, with the names of FIELDS."""
    request = row.request
    same = ("id", "identifier", "status", "status_message", "requested_actions", "force_run_dependencies")
    values = {name: getattr(request, name) for name in (*same, "commit", "jobs_total", "jobs_succeeded")}
    values |= {name: wire(getattr(request, name)) for name in ("created_at", "started_at", "completed_at")}
    values |= {
        "project": request.workspace.project.slug,
        "workspace": request.workspace.name,
        "backend": request.backend.slug,
        "user": request.created_by.username,
        "jobs_failed": row.failed,
        "jobs_cancelled": row.cancelled,
        "address": f"/{request.workspace.name}/{request.id}/",
    }
    return {name: values[name] for name in FIELDS}


def _as_json(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield "["
    for number, row in enumerate(rows):
        yield (",\n" if number else "\n") + json.dumps(row, ensure_ascii=False)
    yield "\n]\n"


def _as_csv(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield _line(FIELDS)
    for row in rows:
        yield _line(_cell(value) for value in row.values())


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _cell(value: Any) -> str:
    """A value as the text of a cell; a spreadsheet would run one that begins like a formula, so it gets a quote."""
    text = " ".join(value) if isinstance(value, list) else "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str | list) and text.startswith(_STARTS_FORMULA) else text


_WRITERS: Mapping[str, Callable[[Iterable[Mapping[str, Any]]], Iterator[str]]] = {
    "csv": _as_csv,
    "json": _as_json,
}
