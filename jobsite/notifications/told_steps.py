"""Steps of release requests that are reviewed elsewhere: noted once, then told like any other news (specification 9.6)."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from jobsite.accounts.models import Backend, User
from jobsite.core.db import writing
from jobsite.core.events import record
from jobsite.notifications.told_models import ToldReview
from jobsite.projects.models import Workspace
from jobsite.releases.models import Release
from jobsite.releases.requests.models import ReleaseRequest
from jobsite.settings import current


@dataclass(frozen=True)
class Told:
    """What a backend tells: the step, whose request it is and who took it, lines of text, and where its issue goes."""

    step: str
    workspace: Workspace
    request: str
    author: User
    user: User
    updates: Sequence[str] = ()
    turn: int | None = None
    repo: str = ""


def why_not_tell(by: Backend, request: str) -> str | None:
    """Why this backend tells nothing of a request: another one does, or released it. Two queries."""
    others = Backend.select(Backend.id).where(Backend.id != by.id)  # by name of each, as the index wants it
    told = ToldReview.backend.in_(others) & (ToldReview.request == request)
    released = (Release.id == request) & (Release.backend != by)
    is_theirs = ToldReview.select().where(told).exists() or Release.select().where(released).exists()
    return f"Release request '{request}' is of another backend" if is_theirs else None


def note_review(*, by: Backend, told: Told) -> None:
    """Note a step of a release request. Told again, nothing is noted: the step of a turn comes once.

    A request of this very site is told of by its own events, so of that nothing is noted.
    """
    if current().secure and ReleaseRequest.get_or_none(ReleaseRequest.id == told.request) is not None:
        return
    said = (told.step, told.turn, told.user.username, list(told.updates))
    digest = hashlib.sha256(json.dumps(said).encode()).hexdigest()
    with writing():
        if _is_known(by, told, digest):
            return
        row = ToldReview.create(
            backend=by,
            workspace=told.workspace,
            author=told.author,
            request=told.request,
            turn=told.turn,
            step=told.step,
            by=told.user.username,
            updates=list(told.updates),
            repo=told.repo,
            digest=digest,
        )
        facts = {"step": told.step, "workspace": told.workspace.name, "told": row.id}
        record(
            "release-request:told", by=told.user.username, subject=f"release-request:{told.request}", **facts
        )


def _is_known(by: Backend, told: Told, digest: str) -> bool:
    its = ToldReview.select().where(ToldReview.backend == by, ToldReview.request == told.request)
    if told.turn is not None:
        return bool(its.where(ToldReview.turn == told.turn, ToldReview.step == told.step).exists())
    last = its.order_by(ToldReview.id.desc()).first()
    return last is not None and last.digest == digest
