"""From Submit to the first line of the job's output on an idle server, jobs in a row, and many jobs at once."""

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench.figure import Figure
from jobsite.accounts.actions import add_user
from jobsite.accounts.backends import add_backend
from jobsite.core import hub
from jobsite.core.queue import nudge, open_queue
from jobsite.instance import open_instance
from jobsite.jobs.actions import Wish, submit
from jobsite.jobs.definitions import newest_definition
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import attempt_dir, executor
from jobsite.jobs.logs.reader import LogReader
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.outputs.tasks import finish_and_check
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.workspaces import create_workspace
from jobsite.settings import Settings

ROUNDS = 15
MANY = tuple(f"many{number}" for number in range(200))
PROJECT = "version: 5\nactions:\n" + "".join(
    f"  {name}:\n    run: python:v2 hello.py {name}\n    needs: [{need}]\n"
    f"    outputs: {{highly_sensitive: {{x: {name}.csv}}}}\n"
    for name, need in (("a", ""), ("b", "a"), ("c", "b"), *((name, "") for name in MANY))
)
HELLO = "import sys\nprint('hello', flush=True)\nopen(sys.argv[1] + '.csv', 'w').write('a\\n1\\n')\n"


def figures() -> list[Figure]:
    """Median and 95th percentile of the first line, and of three jobs in a row."""
    with tempfile.TemporaryDirectory() as folder:
        return _measured(Path(folder))


def _measured(folder: Path) -> list[Figure]:
    wish, ada = _world(folder)
    stop = threading.Event()
    consumer = open_queue(folder / "instance" / "huey.db").consumer(workers=4)
    engine = Engine(executor(), finish=lambda job_id: nudge(finish_and_check, job_id))
    thread = threading.Thread(target=engine.run, args=(stop,))
    consumer.start()
    thread.start()
    try:
        first = sorted(_first_line(ada, wish(("a",))) for _ in range(ROUNDS))
        row = sorted(_seconds_until_ended(ada, wish(("a", "b", "c"), force=True)) for _ in range(5))
        many = _seconds_until_ended(ada, wish(MANY, force=True), look_every=0.05)
    finally:
        stop.set()
        hub.ring()
        thread.join()
        consumer.stop(graceful=True)
    return [
        Figure("submit to first line, median", statistics.median(first), "s", 0.2),
        Figure("submit to first line, 95th percentile", first[int(ROUNDS * 0.95)], "s", 0.4),
        Figure("three jobs in a row, median", statistics.median(row), "s", 1.2),
        Figure("200 jobs with 8 workers", len(MANY) / many, "jobs/s", 20, more_is_better=True),
    ]


def _world(folder: Path):
    study = folder / "study"
    study.mkdir()
    (study / "project.yaml").write_text(PROJECT)
    (study / "hello.py").write_text(HELLO)
    for words in (
        ["init", "-q", "-b", "main"],
        ["add", "-A"],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], cwd=study, check=True)
    open_instance(
        Settings(
            instance=folder / "instance",
            allowed_repos=(str(study),),
            runtimes={"python": (sys.executable,)},
            max_workers=8,
        )
    )
    ada = add_user(by="system", username="ada", fullname="Ada")
    backend = add_backend(by="system", slug="local", name="Local")
    project = add_project(by="system", name="P", orgs=[add_organisation(by="system", name="O")])
    add_member(by="system", project=project, user=ada, roles=["ProjectDeveloper"])
    workspace = create_workspace(by=ada, project=project, name="w", repo=str(study), branch="main")
    return lambda actions, **more: Wish(
        workspace, backend, newest_definition(workspace), actions, **more
    ), ada


def _first_line(ada, wish) -> float:
    start = time.perf_counter()
    request, _ = submit(by=ada, wish=wish)
    while True:
        attempt = Attempt.select(Attempt, Job).join(Job).where(Job.job_request == request).first()
        log = attempt_dir(attempt.job, attempt) / "log" if attempt else None
        if log and log.exists() and _has_line(log):
            break
        time.sleep(0.002)
    taken = time.perf_counter() - start
    _until_ended(request)
    return taken


def _has_line(log: Path) -> bool:
    with LogReader(log) as reader:
        return any(line.text == "hello" for line in reader.window(1, 50).lines)


def _seconds_until_ended(ada, wish, look_every: float = 0.005) -> float:
    start = time.perf_counter()
    request, _ = submit(by=ada, wish=wish)
    _until_ended(request, look_every)
    return time.perf_counter() - start


def _until_ended(request: JobRequest, look_every: float = 0.005) -> None:
    ended = JobRequest.select(JobRequest.id).where(
        JobRequest.id == request.id, JobRequest.completed_at.is_null(False)
    )
    while not ended.clone().exists():
        time.sleep(look_every)
