"""Round after round, the server, a supervisor or a job's program is killed at named and random moments while jobs run.

`ROUNDS` rounds (3 in the suite, 20 by `make crash`); `SEED` repeats what failed. Afterwards every job has exactly one
end, every output its row and its hash, every log is the beginning of what was written, and the chain of events holds.
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jobsite.accounts.actions import add_user
from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend, User
from jobsite.core import events
from jobsite.core.db import close_database, writing
from jobsite.core.errors import Refused
from jobsite.instance import close_instance, open_instance
from jobsite.jobs.actions import Wish, cancel, submit
from jobsite.jobs.definitions import newest_definition
from jobsite.jobs.execution import attempt_dir
from jobsite.jobs.executors import processes, records
from jobsite.jobs.logs.reader import LogReader
from jobsite.jobs.models import Attempt, Job, JobOutput, JobRequest
from jobsite.jobs.rules import CODES
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.models import Workspace
from jobsite.projects.workspaces import create_workspace
from jobsite.settings import load
from jobsite.store.journal import FAIL_POINTS

from ..servers import Server, until

pytestmark = pytest.mark.crash

ROUNDS = int(os.environ.get("ROUNDS", "3"))
SEED = int(os.environ.get("SEED", time.time_ns() % 10**6))
WORKSPACES = ("asthma", "bones", "cough", "diabetes")
LINES = 25
HIGH, LEVEL4 = "highly_sensitive", "moderately_sensitive"
PROJECT = f"""
version: 5
actions:
  rows:
    run: python:v2 run.py rows.csv
    outputs: {{{HIGH}: {{rows: rows.csv}}}}
  table:
    run: python:v2 run.py table.csv rows.csv
    needs: [rows]
    outputs: {{{LEVEL4}: {{table: table.csv}}}}
  other:
    run: python:v2 run.py other.csv
    outputs: {{{LEVEL4}: {{other: other.csv}}}}
"""
RUN = f"""
import hashlib, os, sys, time
for number in range({LINES}):
    print(f"line {{number:04}}", flush=True)
    time.sleep(0.01)
source = open(sys.argv[2], "rb").read() if len(sys.argv) > 2 else os.urandom(8)
open(sys.argv[1], "w").write("n\\n" + hashlib.sha256(source).hexdigest() + "\\n")
"""
WRITTEN = [f"line {number:04}" for number in range(LINES)]
ENDS = {f"job:{code}" for code, one in CODES.items() if one.state in ("succeeded", "failed", "cancelled")}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Path]:
    """An instance whose study has three small actions; it stays open in this process beside the servers."""
    study, here = tmp_path / "study", tmp_path / "instance"
    study.mkdir()
    here.mkdir()
    (study / "project.yaml").write_text(PROJECT)
    (study / "run.py").write_text(RUN)
    who = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], [*who, "commit", "-qm", "Study"]):
        subprocess.run(["git", *words], cwd=study, check=True)
    allowed, python = json.dumps([str(study)]), json.dumps(sys.executable)
    (here / "jobsite.toml").write_text(
        f"allowed_repos = {allowed}\nruntimes = {{ python = {python} }}\nmax_workers = 6\n"
    )
    open_instance(load(here))
    with writing():
        ada = add_user(by="system", username="ada", fullname="Ada", email="ada@example.org")
    add_backend(by="system", slug="local", name="Local")
    project = add_project(by="system", name="Air", orgs=[add_organisation(by="system", name="Northfield")])
    add_member(by="system", project=project, user=ada, roles=["ProjectDeveloper"])
    for name in WORKSPACES:
        create_workspace(by=ada, project=project, name=name, repo=str(study), branch="main")
    yield here
    close_instance()


def ask(action: str) -> None:
    """One request in each workspace, for actions that run whether or not their outputs exist."""
    ada, backend = User.get(), Backend.get()
    for workspace in list(Workspace.select()):  # read to its end: an open cursor would hold an old snapshot
        submit(by=ada, wish=Wish(workspace, backend, newest_definition(workspace), (action,), force=True))
    close_database()


def ask_twice_at_once() -> None:
    """Two people press Submit at the same time."""
    threads = [threading.Thread(target=ask, args=(name,)) for name in ("run_all", "table")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def cancel_one(chance: random.Random) -> None:
    """Cancel a request that is under way; one that ends just then refuses with a sentence."""
    active = [request for request in JobRequest.select() if request.is_active]
    if active:
        with suppress(Refused):
            cancel(by=User.get(), request=chance.choice(active), may_cancel=True)


def supervisors() -> list[tuple[str, dict[str, int]]]:
    """The live supervisors: the job of each, and which process it is."""
    found = []
    for attempt in Attempt.select(Attempt, Job).join(Job).where(Job.completed_at.is_null()):
        who = records.read(attempt_dir(attempt.job, attempt), records.SUPERVISOR)
        if who and processes.is_alive(who):
            found.append((attempt.job.identifier, who))
    return found


def kill_one(chance: random.Random, what: str) -> None:
    """kill -9 of one live supervisor, or of a process below one."""
    alive = supervisors()
    if not alive:
        return
    _, who = chance.choice(alive)
    below = processes.tree(who["pid"])[1:]
    if what == "supervisor":
        processes.signal_if_alive(who, signal.SIGKILL)
    elif below:
        processes.signal_if_alive(processes.identity(chance.choice(below)), signal.SIGKILL)


def all_have_ended() -> bool:
    """Whether no job is active; one that waits out the pause after a fault is let go on at once."""
    Job.update(retry_at=None).where(Job.retry_at.is_null(False)).execute()
    return not Job.select().where(Job.completed_at.is_null()).exists()


def one_round(instance: Path, chance: random.Random) -> None:
    """Two requests at once, and a kill; the server always dies in the end."""
    victim = chance.choice(["server", "supervisor", "program", "named point", "cancel"])
    point = {"JOBSITE_FAIL_AT": chance.choice(FAIL_POINTS)} if victim == "named point" else {}
    ask_twice_at_once()
    try:
        server = Server(instance, **point)
    except (
        AssertionError
    ) as ended:  # it resumed a publication, and passed the named point before it was ready
        assert point and "ended with 137" in str(ended), ended
        return
    with server:
        end = time.monotonic() + chance.uniform(0.1, 3.0)
        while time.monotonic() < end and server.process.poll() is None:
            most = Counter(job for job, _ in supervisors()).most_common(1)
            assert not most or most[0][1] == 1, f"two live attempts of {most[0][0]}"
            time.sleep(0.05)
        if victim == "cancel":
            cancel_one(chance)
        elif victim in ("supervisor", "program"):
            kill_one(chance, victim)
            time.sleep(chance.uniform(0, 0.5))
        server.kill()


def test_nothing_is_lost_however_often_something_is_killed(
    instance: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(SEED)
    for _ in range(ROUNDS):
        one_round(instance, chance)
    with Server(instance) as server:
        until(all_have_ended, 60 + 5 * ROUNDS)
        requests = [f"/{one.workspace.name}/{one.id}/" for one in JobRequest.select()]
        for page in ("/", "/event-log/", "/status/", *requests):
            assert server.get(page)[0] == 200, page
        assert server.stop() == 0
    with Server(instance):
        until(lambda: not any((instance / "work").iterdir()))
    jobs = list(Job.select())
    lost = [wrong for job in jobs for wrong in [*wrong_end(job), *wrong_logs(job)]]
    lost += [wrong for workspace in Workspace.select() for wrong in wrong_outputs(instance, workspace)]
    lost += wrong_chain()
    with capsys.disabled():
        print(f"\nrounds: {ROUNDS}, jobs: {len(jobs)}, lost: {len(lost)} (seed {SEED})")
    assert lost == [], f"seed {SEED}"


def wrong_end(job: Job) -> list[str]:
    """What is wrong with how a job ended: it ended once, and succeeded only by its last attempt."""
    told = [row.type for row in events.Event.select().where(events.Event.subject == f"job:{job.identifier}")]
    ends = [one for one in told if one in ENDS]
    wrong = [] if ends == [f"job:{job.status_code}"] else [f"{job.identifier} ended as {ends}"]
    good = [one.number for one in job.attempts if (one.exit_code, one.end_reason) == (0, "exited")]
    if job.state == "succeeded" and good[-1:] != [job.attempts_made]:
        wrong.append(f"{job.identifier} succeeded by another attempt than its last")
    return wrong


def wrong_logs(job: Job) -> list[str]:
    """Logs that are not the beginning of what was written, or of a success not all of it."""
    wrong = []
    for attempt in job.attempts:
        lines = lines_of(attempt_dir(job, attempt) / records.LOG)
        if lines != WRITTEN[: len(lines)]:
            wrong.append(f"the log of {attempt.identifier} has a gap")
        if attempt.exit_code == 0 and lines != WRITTEN:
            wrong.append(f"{attempt.identifier} succeeded with {len(lines)} lines of {LINES}")
    return wrong


def lines_of(log: Path) -> list[str]:
    """What the program wrote, without the notes of its supervisor."""
    if not log.exists():
        return []
    with LogReader(log) as reader:
        return [one.text for one in reader.window(1, 1000).lines if one.text.startswith("line ")]


def wrong_outputs(instance: Path, workspace: Workspace) -> list[str]:
    """Files without a row in the manifest, and rows that are not of the last good job or not of their file."""
    stores = {
        HIGH: instance / "workspaces/high" / workspace.name,
        LEVEL4: instance / "workspaces/level4" / workspace.name,
    }
    listed = stores[LEVEL4] / "metadata/manifest.json"
    manifest = json.loads(listed.read_text())["outputs"] if listed.exists() else {}
    wrong = []
    for store in stores.values():
        paths = [path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file()]
        there = [path for path in paths if not path.startswith("metadata/")]
        wrong += [f"{path} has no row" for path in there if path not in manifest]
    succeeded = {job.action for job in workspace.jobs if job.state == "succeeded"}
    wrong += [
        f"{name} succeeded and has no output"
        for name in succeeded - {one["action"] for one in manifest.values()}
    ]
    for path, row in manifest.items():
        content = (stores[HIGH] / path).read_bytes()
        good = Job.select().where((Job.action == row["action"]) & (Job.state == "succeeded"))
        last = good.where(Job.workspace == workspace).order_by(Job.completed_at.desc()).get()
        stored = JobOutput.get((JobOutput.job == last) & (JobOutput.path == path))
        hashes = {hashlib.sha256(content).hexdigest(), row["content_hash"], stored.sha256}
        wrong += [] if len(hashes) == 1 else [f"{path} has another content than its rows"]
        wrong += [] if row["job_id"] == last.identifier else [f"{path} is not of the last job that succeeded"]
        if row["level"] == LEVEL4 and (stores[LEVEL4] / path).read_bytes() != content:
            wrong.append(f"{path} differs between the stores")
    return wrong


def wrong_chain() -> list[str]:
    """The first event that does not fit to the one before."""
    broken = events.verify()[1]
    return [] if broken is None else [f"event {broken.id} does not fit the chain"]
