"""What the interface reads of requests, jobs and people, as it goes over the wire. A fixed number of queries each."""

import json
from datetime import timedelta
from functools import partial
from typing import Any

from peewee import fn

from jobsite.accounts.models import Backend, User
from jobsite.accounts.rules import PUSH, permissions_of
from jobsite.core.clock import moment_of, now, wire
from jobsite.core.db import unindexed
from jobsite.core.prepared import Prepared, place
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.rules import JOB, REQUEST_ACTIVE, wire_state
from jobsite.projects.models import (
    Organisation,
    Project,
    ProjectCollaboration,
    ProjectMembership,
    Repo,
    Workspace,
)

FORGOTTEN = timedelta(days=365)
"""A request of that age is not fetched any more, unless a job of it waits or runs."""


def active_requests(backend: Backend | None, *, limit: int, offset: int) -> tuple[int, list[dict[str, Any]]]:
    """How many job requests are active, of this backend or of all, and a page of them, newest first. One query, a second
    where there are more than the page holds.

    A backend whose requests are sent to the controller has none to fetch: they would run twice.
    """
    if backend is not None and backend.dispatch == PUSH:
        return 0, []
    values = _STATES | {"since": JobRequest.created_at.db_value(now() - FORGOTTEN)}
    if backend is not None:
        values["backend"] = backend.id
    page, count = _LISTS[backend is not None]
    found = [_item(*row) for row in page.run(**values, limit=limit, offset=offset)]
    is_all = not offset and len(found) < limit
    return len(found) if is_all else count.run(**values).fetchone()[0], found


_STATES = dict(zip("abcdefgh", (*REQUEST_ACTIVE, *JOB.active), strict=False))
"""The states looked for, each with the name of its place."""


def _active(*, of_one: bool) -> Any:
    """The ids of requests that are active and not forgotten, or have a job that waits or runs: two stretches of indexes, so
    that the many that have ended cost nothing."""
    one, places = JobRequest.alias(), [place(name) for name in _STATES]
    young = one.status.in_(places[: len(REQUEST_ACTIVE)]) & (one.created_at > place("since"))
    busy = Job.state.in_(places[len(REQUEST_ACTIVE) :])
    if of_one:
        young &= one.backend == place("backend")
        busy &= unindexed(Job.backend) == place("backend")  # few are busy, many are its
    return one.select(one.id).where(young) | Job.select(Job.job_request).where(busy)


def _page(*, of_one: bool) -> Any:
    """What `_item` takes of each request, newest first."""
    rows = (
        JobRequest.select(
            JobRequest.identifier,
            JobRequest.commit,
            JobRequest.force_run_dependencies,
            JobRequest.requested_actions,
            JobRequest.cancelled_actions,
            JobRequest.created_at,
            JobRequest.codelists_ok,
            User.username,
            Backend.slug,
            Workspace.name,
            Repo.url,
            Workspace.branch,
            Workspace.created_by,
            Workspace.created_at,
            Project.slug,
            _orgs(),
        )
        .join_from(JobRequest, Workspace)
        .join_from(Workspace, Repo)
        .join_from(Workspace, Project)
        .join_from(JobRequest, Backend)
        .join_from(JobRequest, User)
        .where(JobRequest.id.in_(_active(of_one=of_one)))
        .order_by(JobRequest.created_at.desc(), JobRequest.id.desc())
    )
    return rows.limit(place("limit")).offset(place("offset"))


def _count(*, of_one: bool) -> Any:
    return JobRequest.select(fn.COUNT(JobRequest.id)).where(JobRequest.id.in_(_active(of_one=of_one)))


_LISTS = {
    of_one: (Prepared(partial(_page, of_one=of_one)), Prepared(partial(_count, of_one=of_one)))
    for of_one in (False, True)
}
"""A page and the number of requests, of all backends and of one."""


def memberships_of(user: User) -> dict[str, Any]:
    """Permissions and roles of a person, on the whole site and by project. One query."""
    rows = ProjectMembership.select(Project.slug, ProjectMembership.roles).join(Project)
    held = list(rows.where(ProjectMembership.user == user.id).order_by(Project.slug).tuples())
    return {
        "permissions": {
            "global": sorted(permissions_of(user.roles)),
            "projects": [
                {"slug": slug, "permissions": sorted(permissions_of(roles))} for slug, roles in held
            ],
        },
        "roles": {
            "global": sorted(user.roles),
            "projects": [{"slug": slug, "roles": sorted(roles)} for slug, roles in held],
        },
    }


def statuses_of(workspace: Workspace, backend: str) -> dict[str, str]:
    """The status of the latest job of each action of a workspace, of one backend unless its slug is "". One query."""
    age = fn.ROW_NUMBER().over(partition_by=[Job.action], order_by=[Job.created_at.desc(), Job.id.desc()])
    ranked = Job.select(Job.action, Job.state, age.alias("age")).where(Job.workspace == workspace.id)
    if backend:
        ranked = ranked.join(Backend).where(Backend.slug == backend)
    latest = Job.select(ranked.c.action, ranked.c.state).from_(ranked).where(ranked.c.age == 1)
    return {action: wire_state(state) for action, state in latest.tuples()}


def _orgs() -> Any:
    """The slugs of the organisations of a request's project, the lead first, as JSON."""
    rows = Organisation.select(Organisation.slug).join(ProjectCollaboration)
    rows = rows.where(ProjectCollaboration.project == Project.id)
    rows = rows.order_by(ProjectCollaboration.is_lead.desc(), ProjectCollaboration.id)
    return Organisation.select(fn.json_group_array(rows.c.slug)).from_(rows).alias("orgs")


def _item(
    identifier: str,
    commit: str,
    forced: int,
    actions: str,
    cancelled: str,
    at: Any,
    codelists_ok: int,
    *rest: Any,
) -> dict[str, Any]:
    username, backend, name, url, branch, created_by, created_at, project, orgs = rest
    return {
        "backend": backend,
        "sha": commit,
        "identifier": identifier,
        "force_run_dependencies": bool(forced),
        "requested_actions": JobRequest.requested_actions.python_value(actions),
        "cancelled_actions": JobRequest.cancelled_actions.python_value(cancelled),
        "created_by": username,
        "created_at": wire(moment_of(at)),
        "workspace": {
            "name": name,
            "repo": url,
            "branch": branch,
            "created_by": created_by,
            "created_at": wire(moment_of(created_at)),
        },
        "database_name": "default",
        "project": project,
        "orgs": json.loads(orgs),
        "codelists_ok": bool(codelists_ok),
    }
