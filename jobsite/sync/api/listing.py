"""What the interface reads of requests, jobs and people, as it goes over the wire. A fixed number of queries each."""

import json
from datetime import timedelta
from typing import Any

from peewee import SQL, NodeList, fn

from jobsite.accounts.models import Backend, User
from jobsite.accounts.rules import PUSH, permissions_of
from jobsite.core.clock import now, wire
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
    """How many job requests are active, of this backend or of all, and a page of them, newest first. Two queries.

    A backend whose requests are sent to the controller has none to fetch: they would run twice.
    """
    if backend is not None and backend.dispatch == PUSH:
        return 0, []
    wanted = JobRequest.id.in_(_active(backend))
    rows = (
        JobRequest.select(JobRequest, Workspace, Repo, Project, Backend, User, _orgs())
        .join_from(JobRequest, Workspace)
        .join_from(Workspace, Repo)
        .join_from(Workspace, Project)
        .join_from(JobRequest, Backend)
        .join_from(JobRequest, User)
        .where(wanted)
        .order_by(JobRequest.created_at.desc(), JobRequest.id.desc())
    )
    found = [_item(row) for row in rows.limit(limit).offset(offset)]
    return JobRequest.select().where(wanted).count(), found


def _active(backend: Backend | None) -> Any:
    """The ids of requests that are active and not forgotten, or have a job that waits or runs: two stretches of indexes, so
    that the many that have ended cost nothing."""
    one = JobRequest.alias()
    young = one.status.in_(REQUEST_ACTIVE) & (one.created_at > now() - FORGOTTEN)
    busy = Job.state.in_(JOB.active)
    if backend is not None:
        young &= one.backend == backend.id
        busy &= (
            NodeList((SQL("+"), Job.backend)) == backend.id
        )  # not by its index: few are busy, many are its
    return one.select(one.id).where(young) | Job.select(Job.job_request).where(busy)


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


def _item(row: JobRequest) -> dict[str, Any]:
    workspace = row.workspace
    return {
        "backend": row.backend.slug,
        "sha": row.commit,
        "identifier": row.identifier,
        "force_run_dependencies": row.force_run_dependencies,
        "requested_actions": row.requested_actions,
        "cancelled_actions": row.cancelled_actions,
        "created_by": row.created_by.username,
        "created_at": wire(row.created_at),
        "workspace": {
            "name": workspace.name,
            "repo": workspace.repo.url,
            "branch": workspace.branch,
            "created_by": workspace.created_by,
            "created_at": wire(workspace.created_at),
        },
        "database_name": "default",
        "project": workspace.project.slug,
        "orgs": json.loads(row.orgs),
        "codelists_ok": row.codelists_ok,
    }
