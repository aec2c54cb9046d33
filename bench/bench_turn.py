"""One turn of the engine: 1,000 active jobs, of which 8 run and a third wait for others, beside 1,000,000 that ended."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.figure import Figure
from bench.rows import insert
from jobsite.accounts.actions import add_user
from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend, User
from jobsite.core.clock import now
from jobsite.core.db import database, writing
from jobsite.instance import open_instance
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import attempt_dir, executor
from jobsite.jobs.executors import processes, records
from jobsite.jobs.models import Attempt, Job, JobRequest, ProjectFile
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.models import Workspace
from jobsite.projects.workspaces import create_workspace
from jobsite.settings import Settings

ENDED = 1_000_000
ACTIVE = 1_000
RUNNING = 8
ROUNDS = 30
PROJECTS, WORKSPACES = 10, 50


def figures() -> list[Figure]:
    """Medians of the processor time of one turn: when nothing has changed, and when 50 jobs have."""
    with tempfile.TemporaryDirectory() as folder:
        _world(Path(folder))
        engine = Engine(executor(), finish=lambda _: None)
        engine.turn()
        engine.turn()
        assert Job.select().where(Job.state == "running").count() == RUNNING
        quiet = statistics.median(_turn(engine) for _ in range(ROUNDS))
        busy = statistics.median(_turn_after_changes(engine) for _ in range(ROUNDS))
    name = "engine turn, 1,000 active and 1,000,000 ended jobs"
    return [
        Figure(f"{name}: nothing changed", quiet * 1000, "ms", 100),
        Figure(f"{name}: 50 jobs changed", busy * 1000, "ms", 100),
    ]


def _turn(engine: Engine) -> float:
    start = time.thread_time()
    engine.turn()
    return time.thread_time() - start


def _turn_after_changes(engine: Engine) -> float:
    with writing():
        some = Job.select(Job.id).where(Job.state == "pending").limit(50)
        Job.update(updated_at=now()).where(Job.id.in_(some)).execute()
    return _turn(engine)


def _world(folder: Path) -> None:
    study = folder / "study"
    study.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", study], check=True)
    own = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(["git", *own, "commit", "-qm", "x", "--allow-empty"], cwd=study, check=True)
    open_instance(
        Settings(
            instance=folder / "instance",
            allowed_repos=(str(study),),
            runtimes={"python": (sys.executable,)},
            max_workers=RUNNING,
        )
    )
    ada = add_user(by="system", username="ada", fullname="Ada")
    backend = add_backend(by="system", slug="local", name="Local")
    workspaces = _workspaces(ada, str(study))
    text = ProjectFile.create(sha256="0" * 64, text="version: 5\nactions: {}\n")
    insert(JobRequest, _requests(workspaces, backend, ada, text))
    _add_active(workspaces, backend)
    _add_ended()


def _workspaces(ada: User, repo: str) -> list[Workspace]:
    org = add_organisation(by="system", name="O")
    found = []
    for number in range(PROJECTS):
        project = add_project(by="system", name=f"P{number}", orgs=[org])
        add_member(by="system", project=project, user=ada, roles=["ProjectDeveloper"])
        names = (f"w{number}-{each}" for each in range(WORKSPACES // PROJECTS))
        found += [
            create_workspace(by=ada, project=project, name=one, repo=repo, branch="main") for one in names
        ]
    return found


def _requests(
    workspaces: list[Workspace], backend: Backend, ada: User, text: ProjectFile
) -> Iterator[dict[str, Any]]:
    for number, workspace in enumerate(workspaces):
        yield {
            "identifier": f"r{number:015}",
            "workspace": workspace.id,
            "backend": backend.id,
            "requested_actions": ["a"],
            "commit": "c" * 40,
            "project_file": text.id,
            "created_at": now(),
            "created_by": ada.id,
        }


def _add_active(workspaces: list[Workspace], backend: Backend) -> None:
    """Active jobs, each third waiting for the one before; the first of them run, as far as their records tell."""
    insert(Job, (_job(number, workspaces[number % len(workspaces)], backend) for number in range(ACTIVE)))
    for job in Job.select().where(Job.state == "running"):
        name = f"{job.identifier}-001"
        attempt = Attempt.create(job=job, number=1, identifier=name, created_at=job.created_at)
        place = attempt_dir(job, attempt)
        place.mkdir(parents=True)
        records.write(place, records.SUPERVISOR, processes.identity(os.getpid()))
        records.enter_stage(place, "executing")


def _job(number: int, workspace: Workspace, backend: Backend) -> dict[str, Any]:
    at = now() - timedelta(seconds=ACTIVE - number)
    runs = number < RUNNING
    return {
        "identifier": f"j{number:015}",
        "job_request": JobRequest.get(JobRequest.workspace == workspace),
        "workspace": workspace.id,
        "backend": backend.id,
        "action": f"action{number}",
        "run_command": "python:v2 a.py",
        "needs": {} if runs or number % 3 else {"a": f"j{max(0, number - WORKSPACES):015}"},
        "outputs": {"highly_sensitive": {"x": f"{number}/*.csv"}},
        "state": "running" if runs else "pending",
        "status_code": "executing" if runs else "created",
        "attempts_made": int(runs),
        "created_at": at,
        "updated_at": at,
        "status_code_updated_at": at,
        "started_at": at if runs else None,
    }


def _add_ended() -> None:
    """Ended jobs with their attempts, made of the first waiting one."""
    changed = {
        "id": f"{ACTIVE} + n",
        "identifier": "printf('e%015d', n)",
        "state": "'succeeded'",
        "status_code": "'succeeded'",
        "action": "'action' || (n % 100)",
        "completed_at": "updated_at",
    }
    names = Job._meta.sorted_field_names
    columns = {Job._meta.fields[name].column_name: changed.get(name) for name in names}
    values = ", ".join(value or f"job.{column}" for column, value in columns.items())
    copied = (
        "WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < :ended) "  # noqa: S608 - ours
        f"SELECT {values} FROM count, job WHERE job.id = {ACTIVE}"
    )
    attempts = (
        "INSERT INTO attempt (job_id, number, identifier, created_at, end_reason, peak_memory, cpu_seconds, detail, "
        "fault) SELECT id, 1, identifier || '-001', created_at, 'exited', 0, 0, '', '' FROM job WHERE id > :active"
    )
    with writing():
        database.execute_sql(f"INSERT INTO job ({', '.join(columns)}) {copied}", {"ended": ENDED})
        database.execute_sql(attempts, {"active": ACTIVE})
