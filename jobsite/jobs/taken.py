"""Job requests that come from elsewhere: proved, planned and stored under the identifier that they have there.

The secure side believes nothing that it can look up (B56): the repository has to be one that may be used here, the commit
has to be on the branch, and `project.yaml` is read at that commit and planned against the jobs of this server. A request
that cannot be turned into jobs is stored as failed, with the reason, and one with nothing to run as just that.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from jobsite.accounts.models import Backend
from jobsite.accounts.queries import executes_here
from jobsite.accounts.rules import SYSTEM
from jobsite.core import hub
from jobsite.core.clock import now
from jobsite.core.db import database, writing
from jobsite.core.errors import Conflict, Invalid
from jobsite.core.events import record
from jobsite.jobs.actions import ask_cancel, refuse_unusable
from jobsite.jobs.data_needs import Uses, reached, uses_of, why_not_data
from jobsite.jobs.definitions import Definition, definition
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.planning import plan_request
from jobsite.jobs.refusals import (
    ACTIONS,
    ARCHIVED,
    BAD_FILE,
    DATA,
    NO_BRANCH,
    NO_COMMIT,
    NO_FILE,
    NOT_ALLOWED,
    STALE,
    Refusal,
)
from jobsite.jobs.reusable import Resolved, is_reusable, resolved
from jobsite.jobs.storing import Wish, moment_after_all_that_wait, planned, store_jobs, store_request
from jobsite.pipelines.parsing import parse
from jobsite.pipelines.planning import Plan
from jobsite.pipelines.wording import join
from jobsite.projects import repositories
from jobsite.projects.addresses import why_not_repo
from jobsite.projects.mirror import WorkspaceThere, mirrored, mirrored_username
from jobsite.projects.models import Workspace
from jobsite.projects.repositories import BranchMissing, RepositoryError, RepositoryUnreachable
from jobsite.settings import current


@dataclass(frozen=True)
class Order:
    """A job request as the public side tells of it; `cancelled` are the actions that are not wanted any more. `allowed` is
    what its project may use of the data that needs a permission; None where that was judged before."""

    identifier: str
    commit: str
    actions: tuple[str, ...]
    cancelled: tuple[str, ...]
    force: bool
    codelists_ok: bool
    created_by: str
    created_at: datetime
    workspace: WorkspaceThere
    allowed: Uses | None = None


class _Refused(Exception):
    """The order cannot be turned into jobs: why, and the details, which stay on this side."""

    def __init__(self, refusal: Refusal, detail: str = "") -> None:
        super().__init__(refusal.sentence)
        self.refusal, self.detail = refusal, detail


def take(order: Order, backend: Backend) -> JobRequest:
    """The job request of an order, stored with its jobs if it was not there; the same order again changes nothing.

    May ask the network for the repository: never within a transaction. Raises `RepositoryUnreachable` when that is
    away, to be tried again later, `Invalid` for what can be no request here, and `Conflict` when one of the same
    identifier is there that asks for something else.
    """
    if (made := _already(order)) is not None:
        return made
    workspace = mirrored(order.workspace)
    try:
        code = _proved(order, workspace)
        return _stored(order, backend, workspace, code)
    except _Refused as refused:
        return refuse_order(order, backend, refused.refusal, refused.detail)


def refuse_order(order: Order, backend: Backend, refusal: Refusal, detail: str = "") -> JobRequest:
    """Store an order as a failed request without jobs, with the reason; `detail` stays on this side.

    Raises `Invalid` for what can be no request here.
    """
    said = f"{refusal.sentence} {detail}".strip()
    unread = Definition(order.commit, "", parse(b""))
    workspace = mirrored(order.workspace)
    at = _asked_at(order)
    failed = {"status": "failed", "status_message": said, "completed_at": max(at, now())}
    with writing():
        return _already(order) or _store(order, Wish(workspace, backend, unread, order.actions), at, failed)


def cancel_taken(request: JobRequest, actions: Collection[str]) -> int:
    """Ask for the end of the active jobs of these actions, as the public side wants; gives how many it touched.

    Asking again changes nothing, and neither do names of no job.
    """
    with writing():
        rows = Job.select().where((Job.job_request == request) & Job.state.in_(("pending", "running")))
        wanted = [job for job in rows.order_by(Job.id) if job.action in actions and not job.cancelling]
        if wanted:
            ask_cancel(SYSTEM, JobRequest.get_by_id(request.id), wanted)
    return len(wanted)


def _already(order: Order) -> JobRequest | None:
    made = JobRequest.get_or_none(JobRequest.identifier == order.identifier)
    if made is not None and (made.workspace.name, made.commit) != (order.workspace.name, order.commit):
        raise Conflict(
            f"Inconsistent request data: {order.identifier} is here for another workspace or commit."
        )
    return made


def _proved(order: Order, workspace: Workspace) -> Resolved:
    """What the commit says, with its reusable actions. Raises `_Refused` and `RepositoryUnreachable`."""
    url = workspace.repo.url
    if why_not := why_not_repo(url, current().allowed_repos):
        raise _Refused(NOT_ALLOWED, why_not)
    if workspace.is_archived:
        raise _Refused(ARCHIVED)
    repositories.refresh(url)
    try:
        if not repositories.commit_on_branch(url, order.commit, workspace.branch):
            raise _Refused(NO_COMMIT)
        found = definition(url, order.commit)
    except RepositoryUnreachable:
        raise
    except BranchMissing as problem:
        raise _Refused(NO_BRANCH, str(problem)) from None
    except RepositoryError as problem:
        raise _Refused(NO_FILE, str(problem)) from None
    if found.report.problems:
        first = found.report.problems[0]
        raise _Refused(BAD_FILE, f"Line {first.line}: {first.message}")
    _fetch_reusable(found, order.actions)
    return resolved(found, order.actions, asks=False)


def _fetch_reusable(found: Definition, wanted: Collection[str]) -> None:
    """Fetch the repositories of the reusable actions that are needed. Raises `RepositoryUnreachable`."""
    images = {one.image for one in reached(found.pipeline, wanted) if is_reusable(one.image)}
    for image in sorted(images):
        repositories.refresh(f"{current().actions_org}/{image}")


def _stored(order: Order, backend: Backend, workspace: Workspace, code: Resolved) -> JobRequest:
    """The request with its jobs, in one transaction. Raises `_Refused`."""
    wish = Wish(workspace, backend, code.definition, order.actions, order.force)
    uses = {} if order.allowed is None else uses_of(workspace, code.definition, order.actions)
    with writing():
        if (made := _already(order)) is not None:
            return made
        plan = _plan(order, wish, code)
        _check_data(order, uses, plan)
        at = _asked_at(order)
        request = _store(order, wish, at, planned(plan, max(at, now())))
        store_jobs(request, code, plan, moment_after_all_that_wait())
        cancel_taken(request, order.cancelled)
    return request


def _plan(order: Order, wish: Wish, code: Resolved) -> Plan:
    try:
        plan = plan_request(wish.workspace, wish.backend, code.definition, wish.actions, force=wish.force)
        refuse_unusable(code, plan, here=executes_here(wish.backend))
    except Invalid as refusal:
        raise _Refused(ACTIONS, str(refusal)) from None
    actions = code.definition.pipeline.actions
    reading = [name for name in plan.new if actions[name].is_database_action]
    if reading and not order.codelists_ok:
        raise _Refused(STALE, f"They are required by {join(reading)}.")
    return plan


def _check_data(order: Order, uses: dict[str, Uses], plan: Plan) -> None:
    for name in plan.new:
        if why_not := why_not_data(name, uses.get(name, frozenset()), order.allowed or frozenset()):
            raise _Refused(DATA, why_not)


def _store(order: Order, wish: Wish, at: datetime, facts: dict[str, Any]) -> JobRequest:
    """The row of the request and its event. In a transaction."""
    by = mirrored_username(order.created_by)
    request = store_request(
        by, wish, at, identifier=order.identifier, codelists_ok=order.codelists_ok, **facts
    )
    about = partial(record, "request:fetched", by=by.username, subject=f"request:{request.id}")
    about(identifier=order.identifier, jobs=request.jobs_total)
    database.after_commit(hub.ring)
    return request


def _asked_at(order: Order) -> datetime:
    """When it was asked for; by this clock that was not in the future."""
    return min(order.created_at, now())
