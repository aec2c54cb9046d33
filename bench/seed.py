"""A site as large as the goals name: 20 organisations, 200 projects, 1,000 workspaces, 300 people, 20,000 job requests
of 5 jobs each, and an event for each job. The rows are those the verbs write, many at once. `bench.seed_news` adds what
people were told.
"""

import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from peewee import chunked, fn

from bench.rows import insert
from bench.seed_news import add_news
from jobsite.accounts.actions import add_user
from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend, User
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.events import record
from jobsite.instance import open_instance
from jobsite.jobs.models import Attempt, Job, JobRequest, ProjectFile
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.models import ProjectMembership, Repo, Workspace
from jobsite.projects.workspaces import create_workspace
from jobsite.settings import Settings, current

JOBS = 5
"""Jobs of each request."""

ACTIONS = ("extract_cohort", "clean_cohort", "describe_cohort", "fit_model", "plot_figure")
TOPICS = (
    "asthma",
    "statins",
    "frailty",
    "vaccines",
    "anxiety",
    "cancer",
    "stroke",
    "kidney",
    "antibiotics",
    "falls",
)
PIPELINE = "version: 5\nactions:\n" + "".join(
    f"  {name}:\n    run: python:v2 {name}.py\n    outputs: {{highly_sensitive: {{x: {name}.csv}}}}\n"
    for name in ACTIONS
)


@dataclass(frozen=True)
class Size:
    """How much there is of each; every other number follows from these."""

    orgs: int
    projects: int
    workspaces: int
    people: int
    requests: int


LARGE = Size(orgs=20, projects=200, workspaces=1_000, people=300, requests=20_000)


def large_site(folder: Path, side: str = "both") -> None:
    """Make the instance `folder/instance`, and the study its repositories stand for. It stays open here."""
    study = commit_study(folder / "study")
    open_instance(
        Settings(
            instance=folder / "instance",
            side=side,
            allowed_repos=(str(study),),
            runtimes={"python": (sys.executable,)},
        )
    )
    fill(study, LARGE)


def fill(study: Path, size: Size) -> None:
    """Add a site of that size to the opened instance, which may have people, backends and more already.

    ada and sam are there afterwards; `study` is a repository that the instance allows.
    """
    people = _people(size)
    workspaces = _workspaces(study, size, people)
    newest = _requests(workspaces, size, people)
    add_news(people, workspaces, newest)


def commit_study(study: Path) -> Path:
    """A repository at `study` with the pipeline of the site's workspaces; gives its place."""
    study.mkdir()
    (study / "project.yaml").write_text(PIPELINE)
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), (*identity, "commit", "-qm", "x")):
        subprocess.run(["git", *words], cwd=study, check=True)
    return study


def _people(size: Size) -> list[User]:
    known = {user.username for user in User.select(User.username)}
    if "ada" not in known:
        add_user(by="system", username="ada", fullname="Ada Researcher", email="ada@example.org")
    if "sam" not in known:
        roles = ["StaffAreaAdministrator", "ServiceAdministrator"]
        add_user(by="system", username="sam", fullname="Sam Staff", roles=roles)
    then = now() - timedelta(days=700)
    insert(
        User,
        (
            {
                "username": f"person{n}",
                "fullname": f"Person Number {n}",
                "email": f"person{n}@example.org",
                "date_joined": then,
                "created_by": "system",
            }
            for n in range(size.people - 2)
        ),
    )
    return list(User.select().order_by(User.id))


def _workspaces(study: Path, size: Size, people: list[User]) -> list[Workspace]:
    orgs = [add_organisation(by="system", name=f"University {n}") for n in range(size.orgs)]
    projects = [
        add_project(
            by="system",
            name=f"A study of {TOPICS[n % 10]} {n}",
            orgs=[orgs[n % size.orgs]],
            number=str(n + 1),
        )
        for n in range(size.projects)
    ]
    ada = User.get(User.username == "ada")
    for project in projects[:5]:
        add_member(by="system", project=project, user=ada, roles=["ProjectDeveloper"])
    then, strangers = now() - timedelta(days=600), people[-(size.people - 2) :]
    insert(
        ProjectMembership,
        (
            {
                "project": project,
                "user": strangers[(n * 7 + k) % len(strangers)],
                "roles": ["ProjectDeveloper"] if k else ["ProjectCollaborator"],
                "created_at": then,
                "created_by": "system",
            }
            for n, project in enumerate(projects)
            for k in range(5)
        ),
    )
    create_workspace(by=ada, project=projects[0], name="first", repo=str(study), branch="main")
    repo = Repo.get(Repo.url == str(study))
    insert(
        Workspace,
        (
            {
                "name": f"{TOPICS[n % 10]}-{n}",
                "project": projects[n % size.projects],
                "repo": repo,
                "branch": "main",
                "purpose": f"To look at {TOPICS[n % 10]}.",
                "created_by": people[n % len(people)].username,
                "updated_by": "system",
            }
            for n in range(1, size.workspaces)
        ),
    )
    return list(Workspace.select().where(Workspace.project.in_(projects)))


def _requests(workspaces: list[Workspace], size: Size, people: list[User]) -> list[int]:
    """Request after request, evenly over two years; the last few run or wait. Gives the numbers of the requests."""
    backends = _backends()
    first = (JobRequest.select(fn.MAX(JobRequest.id)).scalar() or 0) + 1
    file = ProjectFile.create(sha256=sha256(PIPELINE.encode()).hexdigest(), text=PIPELINE)
    start, step = now() - timedelta(days=730), timedelta(days=730) / size.requests
    requests, jobs = [], []
    for n in range(size.requests):
        at, last = start + n * step, n >= size.requests - 30
        about = {"workspace": workspaces[n % len(workspaces)], "backend": backends[n % 3], "created_at": at}
        failed = n % 9 == 0
        status = ("running" if n % 2 else "pending") if last else "failed" if failed else "succeeded"
        requests.append(
            {
                **about,
                "id": first + n,
                "identifier": f"request{n:09}",
                "requested_actions": ["run_all"],
                "commit": f"{n:040x}",
                "project_file": file,
                "status": status,
                "jobs_total": JOBS,
                "jobs_succeeded": 0 if last else JOBS - failed,
                "created_by": people[n % len(people)],
                "started_at": at if status != "pending" else None,
                "completed_at": None if last else at + timedelta(minutes=20),
            }
        )
        jobs += [_job(n, k, {**about, "job_request": first + n}, status, at) for k in range(JOBS)]
    insert(JobRequest, requests)
    insert(Job, jobs)
    _attempts_and_events(first)
    return [request["id"] for request in requests]


def _backends() -> list[Backend]:
    known = {backend.slug: backend for backend in Backend.select()}
    return [
        known.get(slug) or add_backend(by="system", slug=slug, name=slug.title())
        for slug in ("local", "north", "south")
    ]


def _job(n: int, k: int, about: dict[str, Any], status: str, at: datetime) -> dict[str, Any]:
    ended = status in ("succeeded", "failed")
    state = status if status != "failed" or k == JOBS - 1 else "succeeded"
    if status == "running":
        state = "running" if k == 0 else "pending"
    code = {"succeeded": "succeeded", "failed": "nonzero_exit", "running": "executing", "pending": "created"}[
        state
    ]
    return {
        **about,
        "identifier": f"job{n * JOBS + k:013}",
        "action": ACTIONS[k],
        "position": k,
        "run_command": f"python:v2 {ACTIONS[k]}.py",
        "state": state,
        "status_code": code,
        "status_message": "Job exited with an error" if state == "failed" else "",
        "updated_at": at,
        "status_code_updated_at": at,
        "started_at": at if state != "pending" else None,
        "completed_at": at + timedelta(minutes=4 * (k + 1)) if ended else None,
    }


def _attempts_and_events(first: int) -> None:
    rows = Job.select(Job.id, Job.identifier, Job.started_at, Job.state, Job.completed_at).where(
        Job.started_at.is_null(False) & (Job.job_request >= first)
    )
    attempts = rows if current().secure else ()
    insert(
        Attempt,
        (
            {
                "job": job.id,
                "number": 1,
                "identifier": f"{job.identifier}-001",
                "created_at": job.started_at,
                "started_at": job.started_at,
                "ended_at": job.completed_at,
                "end_reason": "exited" if job.completed_at else "",
                "exit_code": 0 if job.state == "succeeded" else None,
                "peak_memory": 2**28,
                "cpu_seconds": 12.5,
            }
            for job in attempts
        ),
    )
    for batch in chunked(rows, 5000):
        with writing():
            for job in batch:
                record(f"job:{job.state}", by="system", subject=f"job:{job.identifier}")
