"""What changed in a person's projects since they last said that they had seen it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import Field, ModelSelect, Value, fn

from jobsite.accounts.models import User
from jobsite.core.db import unindexed, writing
from jobsite.core.events import Event
from jobsite.projects.models import Project, ProjectMembership, Repo, SeenMark, Workspace

MOST = 10

# What people are told of an event, in words that go on after its subject; other events are no news here.
WORDS = {
    "project:edited": "has a new status or description",
    "project:details": "was changed by staff",
    "project:data-permission-added": "may use {value}",
    "project:data-permission-removed": "may not use {value} any more",
    "member:added": "has a new member: {user}",
    "member:roles": "has other roles for {user}",
    "member:removed": "lost a member: {user}",
    "workspace:created": "was made",
    "workspace:edited": "has a new purpose",
    "workspace:moved": "came to this project",
    "workspace:archived": "was archived",
    "workspace:unarchived": "is active again",
    "workspace:signed-off": "was signed off",
    "repo:made-public": "is public now",
    "repo:made-private": "is private now",
    "repo:signed-off": "was signed off",
    "repo:signed-off-internally": "was signed off by staff",
}


@dataclass(frozen=True)
class Change:
    """One thing that happened: to what (its name and address, None for a repository), in words, by whom, when."""

    name: str
    address: str | None
    words: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Changes:
    """The newest changes that a person has not seen, whether there are `more`, and what to mark as seen.

    `cursor` is the newest event of all as the page is made; `seen_at` when the person last marked, None for never.
    """

    rows: list[Change]
    more: bool
    cursor: int
    seen_at: datetime | None


def changes(person: User) -> Changes:
    """What others did to the projects of a person, and to their workspaces and repositories. Two queries."""
    newest, cursor, seen_at = _standing(person)
    found = list(_news(person, cursor).limit(MOST + 1))
    return Changes([_told(event) for event in found[:MOST]], len(found) > MOST, newest, seen_at)


def mark_seen(*, by: User, cursor: int) -> None:
    """Note that a person has seen all up to the event `cursor`. Never goes back; an unknown event is the newest one.

    No event tells of it: what somebody has looked at is nobody else's business.
    """
    with writing():
        event = Event.select().where(Event.id <= cursor).order_by(Event.id.desc()).first()
        if event is None:
            return
        mark, is_new = SeenMark.get_or_create(user=by, defaults={"cursor": event.id, "at": event.at})
        if not is_new and mark.cursor < event.id:
            SeenMark.update(cursor=event.id, at=event.at).where(SeenMark.id == mark.id).execute()


def _standing(person: User) -> tuple[int, int, datetime | None]:
    """The newest event of all, the one up to which the person has seen, and when that was. One query."""
    mark = SeenMark.user == person.id
    cursor, at = SeenMark.select(SeenMark.cursor).where(mark), SeenMark.select(SeenMark.at).where(mark)
    newest, seen, seen_at = Event.select(fn.MAX(Event.id), cursor, at).tuples().get()
    return newest or 0, seen or 0, SeenMark.at.python_value(seen_at)


def _news(person: User, cursor: int) -> ModelSelect:
    """The events after `cursor` that are news to a person: of their projects, by others. The newest first.

    They are found by their subjects, which are few (the types are not looked up, or SQLite would walk every event of these).
    """
    mine = ProjectMembership.select(ProjectMembership.project).where(ProjectMembership.user == person.id)
    spaces = Workspace.select(_subject("workspace", Workspace.name)).where(Workspace.project.in_(mine))
    using = Workspace.select(Workspace.repo).where(Workspace.project.in_(mine))
    repos = Repo.select(_subject("repo", Repo.url)).where(Repo.id.in_(using))
    subjects = Project.select(_subject("project", Project.slug)).where(Project.id.in_(mine))
    return (
        Event.select()
        .where(Event.subject.in_(subjects.union_all(spaces).union_all(repos)))
        .where(Event.id > cursor, Event.by != person.username, unindexed(Event.type).in_(list(WORDS)))
        .order_by(Event.id.desc())
    )


def _subject(kind: str, field: Field) -> Any:
    return Value(f"{kind}:").concat(field)


def _told(event: Event) -> Change:
    kind, _, name = event.subject.partition(":")
    address = {"project": f"/projects/{name}/", "workspace": f"/{name}/"}.get(kind)
    words = WORDS[event.type].format_map({"user": "", "value": "", **json.loads(event.data)})
    return Change(name.removeprefix("https://"), address, words, event.by, event.at)
