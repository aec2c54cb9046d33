"""What a secure side has to tell after a day without its public side, and how long that takes: 2,000 jobs of 200 requests that went
through 10,000 states meanwhile, and 50 releases. Both sides are real servers; the secure side starts when the way is open.
"""

import sqlite3
import tempfile
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.figure import Figure
from bench.rows import insert
from bench.serving import processor, started
from jobsite.accounts.actions import add_user
from jobsite.accounts.backends import rotate_token
from jobsite.accounts.models import User
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.events import record
from jobsite.instance import close_instance, open_instance
from jobsite.jobs.models import Job, JobRequest, ProjectFile
from jobsite.projects.actions import add_member
from jobsite.settings import Settings
from jobsite.sync.models import FetchedRequest
from tests.releases.world import World, make_people, make_world

REQUESTS, JOBS_EACH, STATES, RELEASES = 200, 10, 5, 50
PATIENCE = 150.0
LEFT = timedelta(hours=24)

DONE = {
    "jobs": ("public", "SELECT count(*) FROM job WHERE completed_at IS NOT NULL", REQUESTS * JOBS_EACH),
    "releases": ("secure", "SELECT count(*) FROM release_request WHERE status = 'RELEASED'", RELEASES),
    "messages": (
        "secure",
        "SELECT count(*) FROM release_message WHERE event_type = 'request_released' AND done_at IS NOT NULL",
        RELEASES,
    ),
}
"""When all of a kind is told: what gives which number in whose database."""


def figures() -> list[Figure]:
    """Seconds until all jobs, releases and messages are there, jobs a second, and what that took of the processor."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        token = _public(here)
        _secure(here)
        with started(here / "public", JOBSITE_SIDE="public") as (public, address, _):
            link = {"JOBSITE_SIDE": "secure", "JOBSITE_PUBLIC_URL": address, "JOBSITE_BACKEND_TOKEN": token}
            begun = time.monotonic()
            used = processor(public.pid)
            with started(here / "secure", **link) as (secure, _, first_page):
                seconds = _until_all_is_told(here, begun)
                used = processor(public.pid) - used
                own = processor(secure.pid)
    name = f"a day apart, {REQUESTS * JOBS_EACH:,} jobs of {REQUESTS} requests in {STATES} states each and {RELEASES} releases"
    return [
        Figure(f"{name}: all jobs are told after", seconds["jobs"], "s", 30),
        Figure(f"{name}: all releases are there after", seconds["releases"], "s", 60),
        Figure(f"{name}: all messages are told after", seconds["messages"], "s", 90),
        Figure(f"{name}: of which the start of the secure side until its first page", first_page, "s", 3),
        Figure(f"{name}: processor of the public side", used, "s"),
        Figure(f"{name}: processor of the secure side, with its start", own, "s"),
    ]


def _public(here: Path) -> str:
    """The public side before that day; gives the token of its backend."""
    open_instance(Settings(instance=here / "public", side="public"))
    world = make_people(here / "public")
    _authors(world)
    token = rotate_token(by="system", backend=world.backend)
    _requests(world)
    close_instance()
    return token


def _secure(here: Path) -> None:
    """The secure side after it: what is there is not told yet."""
    open_instance(Settings(instance=here / "secure", side="secure", backend="local"))
    world = make_world(here / "secure")
    _requests(world)
    rows = list(JobRequest.select())
    ended = now() - timedelta(hours=1)
    JobRequest.update(
        status="succeeded", completed_at=ended, jobs_total=JOBS_EACH, jobs_succeeded=JOBS_EACH
    ).execute()
    insert(Job, (_job(one, number, ended) for one in rows for number in range(JOBS_EACH)))
    insert(
        FetchedRequest,
        ({"identifier": one.identifier, "job_request": one, "first_seen_at": now() - LEFT} for one in rows),
    )
    for _ in range(STATES):
        with writing():
            for job in Job.select(Job.identifier):
                record("job:executing", by="system", subject=f"job:{job.identifier}")
    for number, author in enumerate(_authors(world)):
        path = f"output/table-{number}.csv"
        world.publish({path: f"region,n\nNorth of {number},120\nSouth of {number},85\n"}, alone=True)
        world.approved(by=author, files=(path,))
    close_instance()


def _authors(world: World) -> list[User]:
    """Developers of the study, one for each release: nobody has two open requests for a workspace."""
    names = [f"author{number}" for number in range(RELEASES)]
    people = [add_user(by="system", username=name, fullname=name.title()) for name in names]
    for person in people:
        add_member(by="system", project=world.project, user=person, roles=["ProjectDeveloper"])
    return people


def _requests(world: World) -> None:
    file = ProjectFile.create(sha256="0" * 64, text="version: 5\n")
    insert(
        JobRequest,
        (
            {
                "identifier": f"day{number:013}",
                "workspace": world.workspace,
                "backend": world.backend,
                "requested_actions": ["run_all"],
                "commit": f"{number:040x}",
                "project_file": file,
                "created_at": now() - LEFT,
                "created_by": world.cast.ada,
            }
            for number in range(REQUESTS)
        ),
    )


def _job(request: JobRequest, number: int, ended: Any) -> dict[str, Any]:
    """A job that has ended."""
    return {
        "identifier": f"{request.id:08}{number:08}",
        "job_request": request,
        "workspace": request.workspace_id,
        "backend": request.backend_id,
        "action": f"action_{number}",
        "position": number,
        "run_command": f"python:v2 action_{number}.py",
        "state": "succeeded",
        "status_code": "succeeded",
        "status_message": "Completed successfully",
        "created_at": now() - LEFT,
        "started_at": ended - timedelta(minutes=9),
        "completed_at": ended,
        "updated_at": ended,
        "status_code_updated_at": ended,
    }


def _until_all_is_told(here: Path, begun: float) -> dict[str, float]:
    """After how many seconds each was so. Raises RuntimeError when it takes too long."""
    seconds: dict[str, float] = {}
    while len(seconds) < len(DONE):
        if time.monotonic() - begun > PATIENCE:
            raise RuntimeError(f"only these were told in time: {seconds}")
        time.sleep(0.05)
        for kind, (side, statement, number) in DONE.items():
            if kind not in seconds and _number(here / side / "jobsite.db", statement) == number:
                seconds[kind] = time.monotonic() - begun
    return seconds


def _number(database: Path, statement: str) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        return int(opened.execute(statement).fetchone()[0])
