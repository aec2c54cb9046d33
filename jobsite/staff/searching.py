"""One box for everything staff look after. One query for each kind of thing, with its count in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from peewee import ModelSelect, fn

from jobsite.accounts.models import Backend, User
from jobsite.core.db import Model, with_words
from jobsite.jobs.models import JobRequest
from jobsite.projects.models import Organisation, Project, Workspace
from jobsite.settings import current
from jobsite.staff.people import NAMES

MOST = 8


@dataclass(frozen=True)
class Hit:
    """A thing that was found: its words, a note beside them, and its address."""

    words: str
    note: str
    address: str


@dataclass(frozen=True)
class Kind:
    """What was found of one kind: the first hits, how many there are in all, and where all of them are listed."""

    title: str
    hits: list[Hit]
    total: int
    all_at: str


def found(text: str, *, people: bool) -> list[Kind]:
    """What has every word of `text` in its names, exact names first, by kind; kinds without a hit are left out.

    `people`: whether users are looked for as well. Six queries at most, none for an empty text.
    """
    if not text.strip():
        return []
    backends = _kind("Backends", "/staff/backends/", Backend, (Backend.slug, Backend.name), text, _backend)
    kinds = (backends, *(_looked_after(text, people) if current().public else ()), _requests(text))
    return [kind for kind in kinds if kind is not None and kind.total]


def _looked_after(text: str, people: bool) -> Iterator[Kind | None]:
    """What staff look after on the public side alone."""
    yield from (
        _kind(
            "Organisations", "/staff/organisations/", Organisation, (Organisation.slug, Organisation.name), text, _org
        ),
        _kind("Projects", "/staff/projects/", Project, (Project.slug, Project.number, Project.name), text, _project),
        _kind("Users", "/staff/users/", User, NAMES, text, _user) if people else None,
        _kind("Workspaces", "/staff/workspaces/", Workspace, (Workspace.name,), text, _workspace),
    )  # fmt: skip


def _kind(
    title: str, address: str, model: type[Model], columns: tuple[Any, ...], text: str, hit: Any
) -> Kind:
    rows = model.select(model, fn.COUNT(model.id).over().alias("total"))
    rows = with_words(rows, text, *columns)
    exact = fn.LOWER(columns[0]) == text.strip().lower()
    return _first(title, address, rows.order_by(exact.desc(), fn.LOWER(columns[-1])), text, hit)


def _first(title: str, address: str, rows: ModelSelect, text: str, hit: Any) -> Kind:
    found = list(rows.limit(MOST).objects())
    total = found[0].total if found else 0
    return Kind(title, [hit(row) for row in found], total, f"{address}?{urlencode({'q': text})}")


def _requests(text: str) -> Kind:
    """Requests by number or by the beginning of their identifier. Their workspaces have a list of their own."""
    word = text.strip().lower()
    condition = JobRequest.identifier.startswith(word)
    if word.isdecimal() and word.isascii() and len(word) < 16:
        condition |= JobRequest.id == int(word)
    rows = JobRequest.select(
        JobRequest.id,
        JobRequest.status,
        Workspace.name.alias("workspace_name"),
        fn.COUNT(JobRequest.id).over().alias("total"),
    )
    rows = rows.join(Workspace).where(condition).order_by(JobRequest.id.desc())
    return _first("Job requests", "/staff/requests/", rows, text, _request)


def _backend(row: Any) -> Hit:
    note = row.slug if row.is_active else f"{row.slug}, not active"
    return Hit(row.name, note, f"/staff/backends/{row.slug}/")


def _org(row: Any) -> Hit:
    return Hit(row.name, row.slug, f"/staff/organisations/{row.slug}/")


def _project(row: Any) -> Hit:
    return Hit(row.title, row.slug, f"/staff/projects/{row.slug}/")


def _user(row: Any) -> Hit:
    note = row.username if row.is_active else f"{row.username}, deactivated"
    return Hit(row.fullname, note, f"/staff/users/{row.username}/")


def _workspace(row: Any) -> Hit:
    return Hit(row.name, "archived" if row.is_archived else "", f"/staff/workspaces/{row.name}/")


def _request(row: Any) -> Hit:
    return Hit(
        f"{row.workspace_name} {row.id}", row.status.replace("_", " "), f"/{row.workspace_name}/{row.id}/"
    )
