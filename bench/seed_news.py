"""What a large site has told people, and what has changed on it: inboxes, the outbox, alerts, redirects, the log."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

from bench.rows import insert
from jobsite.accounts.models import ApiToken, Backend, BackendMembership, User
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.events import record
from jobsite.jobs.models import BackendAlert, Job, JobOutput, JobRequest
from jobsite.notifications.models import Delivery, Heartbeat, Notice
from jobsite.notifications.rules import GIVEN_UP, SENT, WAITING
from jobsite.projects.models import (
    Organisation,
    OrgMembership,
    Project,
    ProjectDataPermission,
    Redirect,
    Workspace,
)
from jobsite.settings import current
from jobsite.status.alerts import add_alert

NOTICES_EACH, OUTPUTS_EACH = 50, 3


def add_news(people: list[User], workspaces: list[Workspace], requests: list[int]) -> None:
    """Add it to the opened instance, in which these people, workspaces and requests are.

    ada has a notice for each of the requests, everybody else some; the newest requests have the files of their jobs.
    """
    _notices(people, requests)
    _deliveries(people, requests)
    _places(people, workspaces)
    if current().secure:
        _outputs(requests)
        _failures()
    _trouble()
    _changes(people, workspaces)


def _notices(people: list[User], requests: list[int]) -> None:
    then, others = now() - timedelta(days=100), [one for one in people if one.username != "ada"]
    ada = User.get(User.username == "ada")
    rows = [(ada, n, number) for n, number in enumerate(requests)]
    rows += [(one, n, number) for one in others for n, number in enumerate(requests[-NOTICES_EACH:])]
    insert(
        Notice,
        (
            {
                "user": user,
                "kind": "request-ended" if n % 3 else "token-used",
                "key": f"seed:{number}",
                "facts": _ended(number) if n % 3 else {"by": user.username, "username": user.username},
                "created_at": then + timedelta(minutes=n),
                "read_at": then + timedelta(days=1) if n % 10 else None,
                "held": False,
            }
            for user, n, number in rows
        ),
    )


def _ended(number: int) -> dict[str, Any]:
    done: dict[str, Any] = {"state": "succeeded", "total": 5, "succeeded": 5, "failed": []}
    return {"workspace": "first", "number": number, **done}


def _deliveries(people: list[User], requests: list[int]) -> None:
    """A mail for each request: nearly all are sent, a few wait, and some were given up."""
    then = now() - timedelta(days=3)
    insert(
        Delivery,
        (
            {
                "identifier": f"{number:032x}",
                "channel": "mail",
                "kind": "request-ended",
                "facts": _ended(number),
                "user": people[n % len(people)],
                "recipient": "",
                "state": WAITING if n % 200 == 0 else GIVEN_UP if n % 50 == 1 else SENT,
                "attempts": 1,
                "created_at": then,
                "next_try_at": then,
                "sent_at": None if n % 200 == 0 or n % 50 == 1 else then,
                "last_error": "The server refused it." if n % 50 == 1 else "",
            }
            for n, number in enumerate(requests)
        ),
    )


def _places(people: list[User], workspaces: list[Workspace]) -> None:
    """Who belongs where, what projects may use, tokens of programs, and addresses of old."""
    at: dict[str, Any] = {"created_at": now() - timedelta(days=400), "created_by": "system"}
    orgs, projects = list(Organisation.select()), list(Project.select())
    backends = list(Backend.select())
    insert(OrgMembership, ({**at, "org": orgs[n % len(orgs)], "user": one} for n, one in enumerate(people)))
    insert(
        BackendMembership,
        ({**at, "backend": backends[n % len(backends)], "user": one} for n, one in enumerate(people)),
    )
    names = ("icnarc", "ukrr", "isaric")
    insert(
        ProjectDataPermission,
        ({**at, "project": one, "kind": "dataset", "value": name} for one in projects for name in names),
    )
    later = now() + timedelta(days=365)
    insert(
        ApiToken,
        (
            {
                **at,
                "user": one,
                "name": f"cron {k}",
                "token_hash": f"{one.id * 10 + k:064x}",
                "expires_at": later,
            }
            for one in people
            for k in range(3)
        ),
    )
    insert(
        Redirect,
        ({**at, "old_url": f"/old-{one.name}/", "workspace": one, "expires_at": later} for one in workspaces),
    )


def _outputs(requests: list[int]) -> None:
    """The files of the jobs of the last hundred requests that have ended."""
    newest = JobRequest.select(JobRequest.id).where(
        JobRequest.id.in_(requests) & JobRequest.completed_at.is_null(False)
    )
    ended = newest.order_by(JobRequest.id.desc()).limit(100)
    insert(
        JobOutput,
        (
            {
                "job": job,
                "path": f"output/{job.action}_{k}.csv",
                "level": "moderately_sensitive",
                "sha256": f"{job.id:064x}",
                "size": 2_000,
            }
            for job in list(Job.select().where(Job.job_request.in_(ended)))
            for k in range(OUTPUTS_EACH)
        ),
    )


def _failures() -> None:
    """A backend that fails."""
    at, north = now(), Backend.get(Backend.slug == "north")
    with writing():
        BackendAlert.create(
            backend=north, kind="jobs", failures={"platform": 4}, first_at=at, last_at=at, raised_at=at
        )


def _trouble() -> None:
    """Signs of life of the ticks, and what staff tell everybody."""
    at = now()
    with writing():
        for name in ("read_news", "send_mail"):
            Heartbeat.get_or_create(name=name, defaults={"at": at, "seconds": 0.01})
    for level in ("info", "warning"):
        add_alert(by="system", title="Maintenance", message="The site *rests* on Sunday.", level=level)


def _changes(people: list[User], workspaces: list[Workspace]) -> None:
    """Ten changes for each workspace, by all kinds of people."""
    kinds = ("workspace:edited", "workspace:notifications", "workspace:archived", "workspace:unarchived")
    with writing():
        for round_ in range(5):
            for n, (one, other) in enumerate(pairwise([*workspaces, workspaces[0]])):
                by, user = people[(n + round_) % len(people)].username, people[n % len(people)].username
                record(kinds[(n + round_) % 4], by=by, subject=f"workspace:{one.name}")
                roles = ["ProjectDeveloper"]
                record("member:added", by=by, subject=f"project:{other.project.slug}", user=user, roles=roles)
