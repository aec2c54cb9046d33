"""Round after round, the server, a supervisor or a job's program is killed at named and random moments while jobs run.

A round is the life of a server, which always ends by a kill. `ROUNDS` of them (20 if nothing else is said); `SEED`
repeats what failed. Afterwards every job has exactly one end, every output its row and its hash, every log is the
beginning of what was written, and the chain of events holds. People who read one log all the while have read each
line once and in order.
"""

import http.client
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from jobsite.accounts.actions import add_user
from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend, User
from jobsite.accounts.signing_in import make_token
from jobsite.core.db import close_database, writing
from jobsite.core.errors import Refused
from jobsite.instance import close_instance, open_instance
from jobsite.jobs.actions import Wish, cancel, submit
from jobsite.jobs.definitions import newest_definition
from jobsite.jobs.execution import attempt_dir
from jobsite.jobs.executors import processes, records
from jobsite.jobs.logs.reader import LogReader
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.models import Workspace
from jobsite.projects.workspaces import create_workspace
from jobsite.settings import load
from jobsite.store.journal import FAIL_POINTS

from ..conftest import csrf_of
from ..servers import Server, until
from .invariants import HIGH, LEVEL4, LINES, wrong_chain, wrong_end, wrong_logs, wrong_outputs, wrong_reading
from .log_readers import Downloading, Listening, Polling, Reader, Reloading

pytestmark = pytest.mark.crash

ROUNDS = int(os.environ.get("ROUNDS", "20"))
SEED = int(os.environ.get("SEED", time.time_ns() % 10**6))
WORKSPACES = ("asthma", "bones", "cough", "diabetes")
READ, READ_IN = "chatter", "endless"
LIFE = 0.1, 1.8
"""Seconds between the moment a server answers and its end: jobs of every age meet it."""
PATIENCE = 20.0
PAGES_SEEN = 40
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
ENDLESS = f"""
version: 5
actions:
  {READ}:
    run: python:v2 chatter.py
    outputs: {{{LEVEL4}: {{never: never.csv}}}}
"""
CHATTER = """
import itertools, time
for number in itertools.count():
    print(f"line {number:04}", flush=True)
    time.sleep(0.02)
"""
RUN = f"""
import hashlib, os, sys, time
for number in range({LINES}):
    print(f"line {{number:04}}", flush=True)
    time.sleep(0.005)
source = open(sys.argv[2], "rb").read() if len(sys.argv) > 2 else os.urandom(8)
open(sys.argv[1], "w").write("n\\n" + hashlib.sha256(source).hexdigest() + "\\n")
"""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Path]:
    """An instance whose study has three small actions; it stays open in this process beside the servers."""
    here = tmp_path / "instance"
    here.mkdir()
    study = committed(tmp_path / "study", {"project.yaml": PROJECT, "run.py": RUN})
    endless = committed(tmp_path / "endless", {"project.yaml": ENDLESS, "chatter.py": CHATTER})
    allowed, python = json.dumps([str(study), str(endless)]), json.dumps(sys.executable)
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
    create_workspace(by=ada, project=project, name=READ_IN, repo=str(endless), branch="main")
    yield here
    close_instance()


def committed(folder: Path, files: dict[str, str]) -> Path:
    """A repository with one commit of these files."""
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    who = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], [*who, "commit", "-qm", "Study"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def ask(action: str, workspaces: Sequence[str] = WORKSPACES) -> None:
    """One request in each workspace, for actions that run whether or not their outputs exist."""
    ada, backend = User.get(), Backend.get()
    for name in workspaces:
        workspace = Workspace.get(name=name)
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
    active = [one for one in JobRequest.select() if one.is_active and one.workspace.name != READ_IN]
    if active:
        with suppress(Refused):
            cancel(by=User.get(), request=chance.choice(active), may_cancel=True)


def supervisors() -> list[tuple[Job, dict[str, int]]]:
    """The live supervisors: the job of each, and which process it is."""
    found = []
    for attempt in Attempt.select(Attempt, Job).join(Job).where(Job.completed_at.is_null()):
        who = records.read(attempt_dir(attempt.job, attempt), records.SUPERVISOR)
        if who and processes.is_alive(who):
            found.append((attempt.job, who))
    return found


def kill_one(chance: random.Random, what: str) -> bool:
    """kill -9 of one live supervisor, or of a process below one; never of the job whose log is read. Whether there
    was one."""
    alive = [who for job, who in supervisors() if job.action != READ]
    if not alive:
        return False
    who = chance.choice(alive)
    below = [processes.identity(pid) for pid in processes.tree(who["pid"])[1:]]
    still = processes.tree(who["pid"])  # whoever is here before and after was never anybody else's process
    below = [one for one in below if one["pid"] in still and processes.is_alive(who)]
    victim = who if what == "supervisor" or not below else chance.choice(below)
    return processes.signal_if_alive(victim, signal.SIGKILL)


def let_go_on() -> None:
    """A job that waits out the pause after a fault goes on at once."""
    Job.update(retry_at=None).where(Job.retry_at.is_null(False)).execute()


def all_have_ended() -> bool:
    """Whether no job is active but the one whose log is read."""
    let_go_on()
    return not Job.select().where(Job.completed_at.is_null(), Job.action != READ).exists()


@dataclass
class Site:
    """The instance with the server of this moment, and those who read the log of the endless job."""

    instance: Path
    chance: random.Random
    port: int | None = None
    kills: int = 0
    readers: list[Reader] = field(default_factory=list)
    seen: Iterator[Reader | None] = field(default_factory=lambda: itertools.cycle([None]))

    def one_round(self) -> None:
        """Requests of two people at once, kills and a cancel, and in the end the server always dies."""
        point = {"JOBSITE_FAIL_AT": self.chance.choice(FAIL_POINTS)} if self.chance.random() < 0.3 else {}
        let_go_on()
        ask_twice_at_once()
        self.kills += 1
        try:
            server = Server(self.instance, **point)
        except AssertionError as ended:
            # It resumed a publication, and passed the named point before it was ready.
            assert point and "ended with 137" in str(ended), ended
            return
        with server:
            self._live(server, None if point else next(self.seen))
            server.kill()

    def _live(self, server: Server, reader: Reader | None) -> None:
        """A life of random length, in which some things happen at random moments; in any case until the reader has
        been answered."""
        self.port = urlsplit(server.address).port
        length = self.chance.uniform(*LIFE)
        events = self.chance.choices(["ask", "supervisor", "program", "cancel"], k=self.chance.randint(1, 4))
        due = sorted(self.chance.uniform(0, length) for _ in events)
        begun = time.monotonic()
        while server.process.poll() is None:
            now = time.monotonic() - begun
            if now >= length and (now > PATIENCE or reader is None or self.port in reader.served_by):
                break
            attempts = Counter(job.identifier for job, _ in supervisors())
            assert set(attempts.values()) <= {1}, f"two live attempts: {attempts.most_common(1)}"
            if due and due[0] <= now:
                due.pop(0)
                self._disturb(events.pop())
            time.sleep(0.03)
        self.port = None

    def _disturb(self, what: str) -> None:
        if what == "ask":
            ask_twice_at_once()
        elif what == "cancel":
            cancel_one(self.chance)
        else:
            self.kills += kill_one(self.chance, what)

    def read_a_log(self) -> None:
        """Start the job whose log is read, and those who read it."""
        ask(READ, [READ_IN])
        with Server(self.instance) as server:
            job = until(lambda: Job.get_or_none(action=READ, status_code="executing"))
            cookie = signed_in(self.instance, server)
            path = f"/{READ_IN}/{job.job_request_id}/{job.identifier}/log/"
            kinds = (Polling, Listening, Reloading, Downloading)
            self.readers = [kind(lambda: self.port, cookie, path) for kind in kinds]
            for one in self.readers:
                one.start()
            self.seen = itertools.cycle(one for reader in self.readers for one in (reader, None))
            server.kill()

    def end_it(self, server: Server) -> None:
        """Cancel the endless job; whoever reads its log comes to its end."""
        self.port = urlsplit(server.address).port
        cancel(by=User.get(), request=Job.get(action=READ).job_request, may_cancel=True)
        until(lambda: Job.get(action=READ).completed_at)
        *pages, download = self.readers
        until(lambda: not any(one.is_alive() for one in pages))
        with LogReader(log_of(READ)) as log:
            until(lambda: len(download.content) == log.raw_size or download.wrong)
        for one in self.readers:
            one.give_up().join()


@pytest.fixture
def site(instance: Path) -> Iterator[Site]:
    """The instance; nobody reads on and no job runs on when the test has ended."""
    made = Site(instance, random.Random(SEED))
    yield made
    for one in made.readers:
        one.give_up().join()
    for _, who in supervisors():
        processes.signal_if_alive(who, signal.SIGKILL)


def signed_in(instance: Path, server: Server) -> str:
    """The cookie of ada, who signs in as everybody does."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(server.address).port, timeout=60)
    connection.request("GET", "/login/")
    answer = connection.getresponse()
    form = {
        "user": "ada",
        "token": make_token(by="system", user=User.get()),
        "csrf_token": csrf_of(answer.read().decode()),
    }
    headers = {"Cookie": cookie_of(answer), "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/login-with-token/", urlencode(form), headers)
    answer = connection.getresponse()
    assert answer.status == 303, answer.read()
    connection.close()
    return cookie_of(answer)


def cookie_of(answer: http.client.HTTPResponse) -> str:
    return str(answer.getheader("Set-Cookie")).partition(";")[0]


def test_nothing_is_lost_however_often_something_is_killed(
    site: Site, instance: Path, record_property: Callable[[str, object], None]
) -> None:
    site.read_a_log()
    for _ in range(ROUNDS):
        site.one_round()
    with Server(instance) as server:
        until(all_have_ended, 60 + 5 * ROUNDS)
        site.end_it(server)
        requests = [f"/{one.workspace.name}/{one.id}/" for one in JobRequest.select()]
        seen = site.chance.sample(requests, min(len(requests), PAGES_SEEN))
        for page in ("/", "/event-log/", "/status/", *seen):
            assert server.get(page)[0] == 200, page
        assert server.stop() == 0
    with Server(instance):
        until(lambda: not any((instance / "work").iterdir()))
    jobs = list(Job.select())
    lost = [wrong for job in jobs for wrong in [*wrong_end(job), *wrong_logs(job)]]
    lost += [wrong for workspace in Workspace.select() for wrong in wrong_outputs(instance, workspace)]
    lost += wrong_chain() + wrong_reading(log_of(READ), site.readers)
    read = f"{len(site.readers)} readers cut off {sum(one.hung_up for one in site.readers)} times"
    kills = f"rounds: {ROUNDS}, kills: {site.kills}, jobs: {len(jobs)}"
    record_property("said", f"{kills}, {read}, lost: {len(lost)} (seed {SEED})")
    assert not lost, "\n".join([f"seed {SEED}", *lost])
    assert ROUNDS < 20 or all(len(one.served_by) > 1 for one in site.readers), "all have read on after a kill"


def log_of(action: str) -> Path:
    job = Job.get(action=action)
    return attempt_dir(job, job.attempts.get()) / records.LOG
