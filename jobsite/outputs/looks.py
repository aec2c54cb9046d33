"""Who looked at what at Level 4: a row and an event for every look at content and for every denial (OC16, OC27).

The event names nothing but hashes: the log of events may be read where file names may not.
"""

from datetime import timedelta

from jobsite.accounts.models import User
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.events import record
from jobsite.outputs.models import Look
from jobsite.projects.models import Workspace

PAGE, CONTENT, CODE, LOG = "page", "content", "code", "log"
ONE_DENIAL = timedelta(minutes=1)
"""Denials of one person at one workspace within so long are one."""


def looked(
    *, by: User, what: str, workspace: Workspace, path: str = "", sha256: str = "", release_request: str = ""
) -> None:
    """Note that a person is about to be shown something; stored when it returns, so before the first byte goes out.

    `what` is page, content, code or log. `path` stays in the row and goes into no event.
    """
    with writing():
        Look.insert(
            at=now(), person=by, workspace=workspace, what=what, sha256=sha256, path=path,
            release_request=release_request,
        ).execute()  # fmt: skip
        about = {"sha256": sha256} if sha256 else {}
        about |= {"request": release_request} if release_request else {}
        record("level4:looked", by=by.username, subject=f"workspace:{workspace.name}", what=what, **about)


def denied(*, by: User, workspace: Workspace) -> None:
    """Note that a person who may not look asked for something at Level 4 of a workspace.

    Whoever asks again within a minute is counted in the row that is there: one cannot fill the log by asking.
    """
    with writing():
        here = (Look.workspace == workspace) & (Look.person == by) & Look.is_denied
        again = Look.update(times=Look.times + 1).where(here, Look.at > now() - ONE_DENIAL)
        if again.execute():
            return
        Look.insert(at=now(), person=by, workspace=workspace, what="denied", is_denied=True).execute()
        record("level4:denied", by=by.username, subject=f"workspace:{workspace.name}")
