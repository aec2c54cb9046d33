"""One search over everything that is public: projects, workspaces, job requests, actions, people, organisations.

Nothing private is looked at: no status or description of a project, no address of a person, no log, no file name.
Each kind is one query, with at most `MOST` hits: exact ones first, then those that begin so, then the rest.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from peewee import Case, Expression, Field, fn

from jobsite.accounts.models import User
from jobsite.core.db import LARGEST_ID, any_of, database
from jobsite.jobs.models import Job, JobRequest
from jobsite.projects.lists import projects
from jobsite.projects.models import Organisation, Project, Workspace
from jobsite.projects.queries import workspaces
from jobsite.search.models import WorkspaceAction

MOST = 8
MOST_PLACES = 50
MOST_WORDS = 8
LONGEST = 200
SHORTEST = 2
WHOLE = 16
_IDENTIFIER = re.compile(r"[a-z0-9]{4,16}")
_AFTER = "{"
"""The character after `z`: what begins with a text lies between the text and the text with this at its end."""


@dataclass(frozen=True)
class Hit:
    """One thing that was found: its name, where it belongs, its address."""

    name: str
    place: str
    address: str


@dataclass(frozen=True)
class Group:
    """The hits of one kind, with its icon. `is_cut` says that there are more; `address` is where all are listed."""

    kind: str
    icon: str
    hits: list[Hit]
    is_cut: bool
    address: str | None


def tidy(text: str) -> str:
    """What is searched for: without blanks at the ends, control characters, and what is beyond `LONGEST`."""
    return "".join(one for one in text if one.isprintable()).strip()[:LONGEST]


def is_enough(text: str) -> bool:
    """Whether a tidy text is long enough to search for; a number always is."""
    return len(text) >= SHORTEST or text.isdecimal()


def found(text: str) -> list[Group]:
    """What a tidy text finds, by kind, a kind whose first hit is just that before the others. Kinds without a hit
    are left out. At most seven queries.
    """
    words = text.split()[:MOST_WORDS]
    if not words or not is_enough(text):
        return []
    groups = (
        _group("Job requests", "log", _requests(text), f"/event-log/?{urlencode({'q': text})}"),
        _group("Workspaces", "folder", _workspaces(text, words), None),
        _group("Projects", "file", _projects(text, words), f"/projects/?{urlencode({'q': text})}"),
        _group("Actions", "play", _actions(text, words), f"/event-log/?{urlencode({'q': text})}"),
        _group("People", "person", _people(text, words), f"/users/?{urlencode({'q': text})}"),
        _group("Organisations", "organization", _organisations(text, words), "/organisations/"),
    )
    return sorted(
        (group for group in groups if group.hits), key=lambda group: not _is_just(text, group.hits[0])
    )


def _is_just(text: str, hit: Hit) -> bool:
    """Whether somebody who types this text means this hit: its name, the number at its end, or a username."""
    return text.lower() in (hit.name.lower(), hit.name.lower().rpartition(" ")[2], hit.place.lower())


def _group(kind: str, icon: str, hits: list[Hit], address: str | None) -> Group:
    return Group(kind, icon, hits[:MOST], len(hits) > MOST, address)


def _requests(text: str) -> list[Hit]:
    """The request of that number, and requests and jobs whose identifier begins so."""
    number = int(text) if text.isdecimal() and text.isascii() and len(text) < 17 else 0
    wanted = JobRequest.id == min(number, LARGEST_ID)
    if _IDENTIFIER.fullmatch(text.lower()):
        within = Job.select(Job.job_request).where(_begins(Job.identifier, text.lower()))
        first = within.order_by(Job.identifier).limit(MOST + 1)
        wanted |= _begins(JobRequest.identifier, text.lower()) | JobRequest.id.in_(first)
    elif not number:
        return []
    rows = JobRequest.select(JobRequest, Workspace, Project).join(Workspace).join(Project).where(wanted)
    rows = rows.order_by(Case(None, ((JobRequest.id == number, 0),), 1), JobRequest.id.desc())
    return [
        Hit(
            f"{row.workspace.name} {row.id}",
            f"{', '.join(row.requested_actions[:3])} in {row.workspace.project.name}",
            f"/{row.workspace.name}/{row.id}/",
        )
        for row in rows.limit(MOST + 1)
    ]


def _workspaces(text: str, words: Sequence[str]) -> list[Hit]:
    rows = workspaces().where(*_all_in(words, (Workspace.name, Workspace.purpose)))
    order = (_rank(Workspace.name, text), Workspace.updated_at.desc(), Workspace.name)
    rows = rows.order_by(*order).limit(MOST + 1)
    return [Hit(row.name, row.project.title, f"/{row.name}/") for row in rows]


def _projects(text: str, words: Sequence[str]) -> list[Hit]:
    rows = projects(" ".join(words))
    order = (_rank(Project.number, text), _rank(Project.slug, text), _rank(Project.name, text))
    rows = rows.order_by(*order, *rows._order_by).limit(MOST + 1)
    return [Hit(row.title, row.org_name or "", f"/projects/{row.slug}/") for row in rows]


def _actions(text: str, words: Sequence[str]) -> list[Hit]:
    """Actions with all words in their name, each by its newest job; else, for several words, those with some of the
    words in their name in workspaces that have the others.
    """
    newest = [job for _, job in sorted(_names_with(text, words))[: MOST + 1]]
    if newest or len(words) == 1:
        return _jobs(Job.id.in_(newest), text)
    spaces = Workspace.select(Workspace.id).where(any_of(Workspace.name.contains(word) for word in words))
    order = (_rank(Workspace.name, words[0]), Workspace.updated_at.desc(), Workspace.name)
    near = spaces.order_by(*order).limit(MOST_PLACES)
    own = any_of(WorkspaceAction.action.contains(word) for word in words)
    rows = (
        WorkspaceAction.select(WorkspaceAction.job)
        .join(Workspace)
        .where(WorkspaceAction.workspace.in_(near), own)
    )
    rows = rows.where(*_all_in(words, (WorkspaceAction.action, Workspace.name)))
    return _jobs(Job.id.in_(rows.order_by(WorkspaceAction.job.desc()).limit(MOST + 1)), text)


def _names_with(text: str, words: Sequence[str]) -> Iterator[tuple[tuple[int, str], int]]:
    """The names of actions with all words, each as its rank and its newest job.

    The names are walked by their index, from one to the next: thousands of workspaces with the same action cost
    one step. One query.
    """
    wanted, lowered = text.lower(), [word.lower() for word in words]
    for name, job in database.execute_sql(_NAMES):
        own = name.lower()
        if all(word in own for word in lowered):
            yield ((0 if own == wanted else 1 if own.startswith(wanted) else 2, own), job)


_NAMES = """
    WITH RECURSIVE name (action) AS (
        SELECT MIN(action) FROM workspace_action
        UNION ALL
        SELECT (SELECT MIN(action) FROM workspace_action WHERE action > name.action) FROM name
        WHERE name.action IS NOT NULL
    )
    SELECT action, (SELECT MAX(job_id) FROM workspace_action WHERE action = name.action) FROM name
    WHERE action IS NOT NULL
"""


def _jobs(condition: Expression, text: str) -> list[Hit]:
    rows = Job.select(Job, Workspace).join(Workspace).where(condition)
    return [
        Hit(
            row.action,
            f"newest job, in {row.workspace.name}",
            f"/{row.workspace.name}/{row.job_request_id}/{row.identifier}/",
        )
        for row in rows.order_by(_rank(Job.action, text), Job.action, Job.id.desc())
    ]


def _people(text: str, words: Sequence[str]) -> list[Hit]:
    rows = User.select().where(User.is_active, *_all_in(words, (User.fullname, User.username)))
    order = (_rank(User.username, text), _rank(User.fullname, text), fn.LOWER(User.fullname), User.username)
    rows = rows.order_by(*order).limit(MOST + 1)
    return [Hit(row.fullname, row.username, f"/users/{row.username}/") for row in rows]


def _organisations(text: str, words: Sequence[str]) -> list[Hit]:
    rows = Organisation.select().where(*_all_in(words, (Organisation.name, Organisation.slug)))
    order = (_rank(Organisation.name, text), fn.LOWER(Organisation.name), Organisation.slug)
    rows = rows.order_by(*order).limit(MOST + 1)
    return [Hit(row.name, "", f"/orgs/{row.slug}/") for row in rows]


def _rank(field: Field, text: str) -> Expression:
    """0 where a field is the text, 1 where it begins so, 2 for the rest; ignoring case."""
    return Case(None, ((fn.LOWER(field) == text.lower(), 0), (field.startswith(text), 1)), 2)


def _all_in(words: Sequence[str], fields: Sequence[Field]) -> list[Expression]:
    """Conditions that each word stands in one of the fields."""
    return [any_of(field.contains(word) for field in fields) for word in words]


def _begins(field: Field, text: str) -> Expression:
    """Whether an identifier of 16 characters begins so, or is that; a range, so that its index is used."""
    return (field >= text) & (field < text + _AFTER) if len(text) < WHOLE else field == text
