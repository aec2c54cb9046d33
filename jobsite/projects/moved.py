"""Addresses of old: `/⟨project⟩/⟨workspace⟩/…`, `/⟨project⟩/…`, the same below their organisation, and redirects lead to where
the thing is now."""

from typing import Any
from urllib.parse import quote

from flask import request
from werkzeug.exceptions import HTTPException

from jobsite.projects import redirects
from jobsite.projects.models import Organisation, Project, Workspace
from jobsite.projects.rules import RESERVED

PROJECT_PAGES = ("", "edit/", "logs/", "new-workspace/", "releases/")


class MovedForGood(HTTPException):
    """301 to another path of this site; the query is kept."""

    code = 301

    def __init__(self, path: str) -> None:
        super().__init__()
        query = request.query_string.decode("latin-1")
        self.location = quote(path) + (f"?{query}" if query else "")

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """The headers of the answer: where to look."""
        return [*super().get_headers(*args, **kwargs), ("Location", self.location)]


def moved_to(first: str, rest: str) -> str | None:
    """Where `/first/rest` is now, or None: a workspace of that project, a page of the project of that slug, the same behind
    the slug of an organisation, else what a redirect tells.

    `rest` is "" or ends with a slash where the address did. At most seven queries.
    """
    path = None if first in RESERVED else _in_project(first, rest) or _in_organisation(first, rest)
    return path or redirects.target_of(f"/{first}/{rest}") or _in_renamed_project(first, rest)


def _in_project(slug: str, rest: str) -> str | None:
    project = Project.get_or_none(Project.slug == slug)
    if project is None:
        return None
    name, _, below = rest.partition("/")
    if name and Workspace.select().where(Workspace.name == name, Workspace.project == project).exists():
        return f"/{name}/{below}"
    page = rest if not rest or rest.endswith("/") else f"{rest}/"
    return f"/projects/{slug}/{page}" if page in PROJECT_PAGES else None


def _in_organisation(slug: str, rest: str) -> str | None:
    """The same without the organisation, as jobs sites had it once: papers and READMEs keep such links."""
    project, _, below = rest.partition("/")
    if not project or not Organisation.select().where(Organisation.slug == slug).exists():
        return None
    return _in_project(project, below)


def _in_renamed_project(slug: str, rest: str) -> str | None:
    """The same address under the slug that the project has now; from there it is led on."""
    place = None if slug in RESERVED else redirects.target_of(f"/projects/{slug}/")
    return f"{place.removeprefix('/projects')}{rest}" if place else None
