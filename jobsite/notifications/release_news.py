"""From events of release requests and publications to news: who is told what (specification of output checking, section 12)."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jobsite.accounts.models import User
from jobsite.accounts.queries import holders
from jobsite.accounts.rules import permissions_of
from jobsite.core.events import Event
from jobsite.notifications.news import News
from jobsite.projects.models import ProjectMembership
from jobsite.publishing.models import Snapshot
from jobsite.publishing.rules import DRAFT, PUBLISH, SEE
from jobsite.releases.requests.models import ReleaseRequest, Review
from jobsite.releases.requests.standing import CHECK, DEVELOP

OPERATE = "backend_manage"

Told = tuple[str, bool]
"""A group of people of a request, and whether the news is mailed to them too."""


def request_news(kind: str, *told: Told) -> Callable[[Event], list[News]]:
    """News of that kind for these groups of people. A person in several of them is told once, as the first says.

    The groups: "author"; "colleagues", the other developers; "checkers", all who may check it; "reviewers", those with a
    review in this turn; "members" of the project; "operators".
    """

    def tell(event: Event) -> list[News]:
        request = _request(event)
        if request is None:
            return []
        facts, seen, found = _facts(event, request), {event.by}, []
        for group, mailed in told:
            people = tuple(one for one in _GROUPS[group](request) if one.username not in seen)
            seen |= {one.username for one in people}
            if people:
                found.append(News(kind, facts, people, mailed=mailed))
        return found or [News(kind, facts)]

    return tell


def publication_news(kind: str, permission: str) -> Callable[[Event], list[News]]:
    """News of that kind for who has the permission on the whole site or in the project, with who made it."""

    def tell(event: Event) -> list[News]:
        snapshot = Snapshot.get_or_none(Snapshot.id == int(event.subject.partition(":")[2]))
        if snapshot is None:
            return []
        project = snapshot.workspace.project
        facts = {"workspace": snapshot.workspace.name, "publication": snapshot.id, "by": event.by}
        everywhere = holders(permission) if permission == PUBLISH else ()
        found = {one.username: one for one in (*everywhere, *_members(project, permission))}
        if permission == PUBLISH and project.copilot:
            found[project.copilot.username] = project.copilot
        found.pop(event.by, None)
        return [News(kind, facts, tuple(found.values()))]

    return tell


def _request(event: Event) -> ReleaseRequest | None:
    found: ReleaseRequest | None = ReleaseRequest.get_or_none(
        ReleaseRequest.id == event.subject.partition(":")[2]
    )
    return found


def _facts(event: Event, request: ReleaseRequest) -> dict[str, Any]:
    data = json.loads(event.data)
    numbers = {name: data[name] for name in _NUMBERS if isinstance(data.get(name), int)}
    facts = {"workspace": request.workspace.name, "request": request.id, "by": event.by}
    return {"turn": request.turn, "files": 0, "whole": False, "attempts": 0, **facts, **numbers}


def _author(request: ReleaseRequest) -> Iterable[User]:
    return [request.author]


def _colleagues(request: ReleaseRequest) -> Iterable[User]:
    return _members(request.project, DEVELOP)


def _checkers(request: ReleaseRequest) -> Iterable[User]:
    side = {one.id for one in _colleagues(request)} | {request.author_id}
    return [one for one in holders(CHECK) if one.id not in side]


def _reviewers(request: ReleaseRequest) -> Iterable[User]:
    names = Review.select(Review.checker).where(Review.request == request, Review.superseded_at.is_null())
    return User.select().where(User.username.in_(names), User.is_active)


def _everyone(request: ReleaseRequest) -> Iterable[User]:
    return _members(request.project, SEE)


def _operators(request: ReleaseRequest) -> Iterable[User]:
    return holders(OPERATE)


def _members(project: Any, permission: str) -> list[User]:
    """The active members whose roles in the project give them the permission."""
    rows = (
        ProjectMembership.select(ProjectMembership, User)
        .join(User)
        .where(ProjectMembership.project == project, User.is_active)
    )
    return [one.user for one in rows if permission in permissions_of(one.roles)]


_NUMBERS = ("reviews", "needed", "files", "whole", "attempts")
_GROUPS: Mapping[str, Callable[[ReleaseRequest], Iterable[User]]] = {
    "author": _author,
    "colleagues": _colleagues,
    "checkers": _checkers,
    "reviewers": _reviewers,
    "members": _everyone,
    "operators": _operators,
}

_submitted = request_news("release-submitted", ("checkers", True), ("colleagues", False))
_reviewed = request_news("release-reviewed", ("author", False), ("colleagues", False), ("reviewers", False))

TELLERS: Mapping[str, Callable[[Event], list[News]]] = {
    "release:submitted": _submitted,
    "release:resubmitted": _submitted,
    "release:partially-reviewed": _reviewed,
    "release:reviewed": _reviewed,
    "release:returned": request_news(
        "release-returned", ("author", True), ("colleagues", False), ("reviewers", False)
    ),
    "release:rejected": request_news(
        "release-rejected", ("author", True), ("colleagues", True), ("reviewers", False)
    ),
    "release:withdrawn": request_news(
        "release-withdrawn", ("author", True), ("colleagues", True), ("reviewers", False)
    ),
    "release:released": request_news(
        "release-released", ("author", True), ("colleagues", True), ("reviewers", False)
    ),
    "release:revoked": request_news(
        "release-recalled", ("author", True), ("members", True), ("checkers", True), ("operators", True)
    ),
    "release:upload-stuck": request_news("release-stuck", ("operators", True), ("checkers", False)),
    "publication:drafted": publication_news("publication-drafted", PUBLISH),
    "publication:published": publication_news("publication-published", SEE),
    "publication:rejected": publication_news("publication-rejected", DRAFT),
    "publication:withdrawn": publication_news("publication-withdrawn", SEE),
}
"""Approval is told when the files have arrived: until its undo window ends it may be taken back."""
