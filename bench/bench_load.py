"""How much one process on SQLite bears: a public side of a large site with 20 backends that poll and push 50 jobs a call, while
more and more pages are asked by people who are logged in, up to 500 a second.

The table of all rates is `bench/results/load.tsv`. The knee is the highest rate that was served: 95 of 100 answers in time,
no error, and a 95th percentile below half a second. The calls come from this process: it needs a core of its own.
"""

import json
import os
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from peewee import fn

from bench.figure import Figure
from bench.offering import Ask, Line, Served, as_fast_as_it_goes, offer
from bench.rows import insert
from bench.seed import ACTIONS, large_site
from bench.serving import memory, processor, sign_in, started
from jobsite.accounts.backends import add_backend, rotate_token
from jobsite.accounts.models import Backend, User
from jobsite.core.clock import now, wire
from jobsite.core.events import Event
from jobsite.instance import close_instance
from jobsite.jobs.models import Job, JobRequest, ProjectFile
from jobsite.notifications.models import Reading
from jobsite.projects.models import Workspace

RATES = (20, 40, 60, 80, 100, 120, 160, 200, 300, 500)
SECONDS = float(os.environ.get("LOAD_SECONDS", "5"))
"""Each rate for so long."""
BACKENDS, REQUESTS_EACH, POLL_EVERY = 20, 10, 5.0
"""Each request has the five jobs of the site's pipeline: 50 jobs a call."""
PEOPLE = 20
SLOW = 500.0
"""Milliseconds beyond which a page is not served but suffered."""
KNOWN = 0.95
BEGUN = now()


class Runner:
    """A backend as the site sees it: its token, its requests, and how far their jobs have come."""

    def __init__(self, backend: Backend, requests: list[str]) -> None:
        token = rotate_token(by="system", backend=backend)
        self._headers = {"Authorization": token, "Content-Type": "application/json"}
        self._requests = requests
        self._turn = 0

    def poll(self) -> Ask:
        """Ask for the active requests."""
        return Ask("/api/v2/job-requests/", self._headers)

    def push(self) -> Ask:
        """Report all jobs, the five of one request newer than the last time: as a backend at work does."""
        self._turn += 1
        return self._report([self._turn + n for n in range(len(self._requests))])

    def push_new(self) -> Ask:
        """Report all jobs, each of them in another state than the last time."""
        self._turn += len(self._requests)
        return self._report([self._turn] * len(self._requests))

    def push_same(self) -> Ask:
        """Report all jobs as they are."""
        return self._report([self._turn] * len(self._requests))

    def _report(self, ages: list[int]) -> Ask:
        jobs = [
            _job(request, action, age // len(self._requests))
            for request, age in zip(self._requests, ages, strict=True)
            for action in ACTIONS
        ]
        return Ask("/api/v2/jobs/", self._headers, json.dumps(jobs).encode())


def figures() -> list[Figure]:
    """The knee, what is served beyond it, the interface by itself, memory, and how long a restart takes."""
    with tempfile.TemporaryDirectory() as folder:
        large_site(Path(folder), side="public")
        Reading.update(cursor=Event.select(fn.MAX(Event.id)).scalar()).execute()  # its news is not new
        runners = _runners()
        pages = pages_of_people()
        instance = Path(folder) / "instance"
        first_start, _ = _start_and_stop(instance)
        with started(instance, JOBSITE_SIDE="public") as (process, address, _):
            asks = asks_of_people(address, pages)
            close_instance()
            offer(address, asks, 20, len(asks) / 20)  # whatever is read once has been read
            rest = memory(process.pid)
            alone = _interface(address, process.pid, runners)
            rows, calls = _ramp(address, process.pid, asks, runners)
            full = memory(process.pid)
        restart, stopping = _start_and_stop(instance)
    _keep(rows)
    return [
        *alone,
        *_knee(rows),
        Figure(f"load, {BACKENDS} backends: calls of backends meanwhile", calls.a_second, "calls/s", 7.5, more_is_better=True),
        Figure(f"load, {BACKENDS} backends: calls of backends meanwhile, 95th percentile", calls.wait(KNOWN), "ms", 5000),
        Figure(f"load, {BACKENDS} backends: calls of backends that failed", calls.errors, "", 0),
        Figure(f"load, {BACKENDS} backends: memory at rest", rest, "MB"),
        Figure(f"load, {BACKENDS} backends: memory after 500 pages a second were asked", full, "MB", 250),
        Figure(f"load, {BACKENDS} backends: start until the first page", max(first_start, restart), "s", 3),
        Figure(f"load, {BACKENDS} backends: stop", stopping, "s", 5),
    ]  # fmt: skip


def _runners() -> list[Runner]:
    """Twenty backends, each with requests that were just made and whose jobs nobody has reported yet."""
    known = {one.slug: one for one in Backend.select()}
    slugs = [*known, *(f"site{n}" for n in range(BACKENDS - len(known)))]
    backends = [known.get(slug) or add_backend(by="system", slug=slug, name=slug.title()) for slug in slugs]
    workspaces, file, people = list(Workspace.select()), ProjectFile.get(), list(User.select())
    names = {
        backend.id: [f"load{number:02}{n:010}" for n in range(REQUESTS_EACH)]
        for number, backend in enumerate(backends)
    }
    insert(
        JobRequest,
        (
            {
                "identifier": name,
                "workspace": workspaces[(backend * 37 + n) % len(workspaces)],
                "backend": backend,
                "requested_actions": ["run_all"],
                "commit": f"{n:040x}",
                "project_file": file,
                "created_at": now(),
                "created_by": people[n],
            }
            for backend, its in names.items()
            for n, name in enumerate(its)
        ),
    )
    return [Runner(backend, names[backend.id]) for backend in backends]


def _job(request: str, action: str, age: int) -> dict[str, Any]:
    """A job as it is reported: by turns it waits, runs and has succeeded."""
    at = now()
    code = ("created", "executing", "succeeded")[age % 3]
    status = {"created": "pending", "executing": "running"}.get(code, code)
    return {
        "job_request_id": request,
        "identifier": f"{request}-{action}",
        "action": action,
        "run_command": f"python:v2 {action}.py",
        "status": status,
        "status_code": code,
        "status_message": f"{code.title()} at step {age}",
        "created_at": wire(BEGUN),
        "updated_at": wire(BEGUN + timedelta(seconds=age)),
        "started_at": None if status == "pending" else wire(BEGUN),
        "completed_at": wire(at) if status == "succeeded" else None,
    }


def pages_of_people() -> dict[str, list[str]]:
    """What twenty people look at, each with other workspaces, requests and jobs: by username."""
    people = [one.username for one in User.select().order_by(User.id).limit(PEOPLE)]
    jobs = list(Job.select().where(Job.position == 0).order_by(Job.id.desc()).limit(PEOPLE * 50))[::50]
    return {
        person: [
            "/",
            "/event-log/",
            f"/event-log/?workspace={job.workspace.name}",
            "/status/",
            f"/projects/{job.workspace.project.slug}/",
            f"/{job.workspace.name}/",
            f"/{job.workspace.name}/logs/",
            *[f"/{job.workspace.name}/{job.job_request_id}/"] * 2,
            f"/{job.workspace.name}/{job.job_request_id}/{job.identifier}/",
        ]
        for person, job in zip(people, jobs, strict=True)
    }


def asks_of_people(address: str, pages: dict[str, list[str]]) -> list[Ask]:
    """The pages of all people by turns, each asked as a browser does."""
    cookies = {person: sign_in(address, person) for person in pages}
    return [
        Ask(path, {"Cookie": cookies[person], "Accept-Encoding": "gzip"})
        for paths in zip(*pages.values(), strict=True)
        for person, path in zip(pages, paths, strict=True)
    ]


def _interface(address: str, pid: int, runners: list[Runner]) -> list[Figure]:
    """The calls of backends with nobody else there, as fast as they are answered."""
    found = []
    jobs = REQUESTS_EACH * len(ACTIONS)
    kinds = {
        "first pushes, all jobs new": ([one.push_same for one in runners], 0.1),
        "polls": ([one.poll for one in runners], SECONDS),
        "pushes, all jobs in another state": ([one.push_new for one in runners], SECONDS),
        "pushes, one request of ten moved on": ([one.push for one in runners], SECONDS),
    }
    for name, (calls, seconds) in kinds.items():
        used = processor(pid)
        served = as_fast_as_it_goes(address, calls, seconds)
        each = (processor(pid) - used) / max(1, len(served.waits)) * 1000
        if served.errors:
            raise RuntimeError(f"{name}: {served.errors} calls failed")
        name = f"load, {BACKENDS} backends: {name}"
        found.append(Figure(f"{name}, calls", served.a_second, "calls/s"))
        if "jobs" in name or "request" in name:
            found.append(Figure(f"{name}, jobs", served.a_second * jobs, "jobs/s"))
        found.append(Figure(f"{name}, processor", each, "ms/call"))
    return found


@dataclass(frozen=True)
class Row:
    """What was served of a rate, with the share of one core and the memory that it took."""

    served: Served
    share: float
    held: float

    @property
    def is_borne(self) -> bool:
        """Whether the rate was served."""
        asked = self.served.rate * self.served.seconds
        return (
            not self.served.errors
            and len(self.served.waits) >= KNOWN * asked
            and self.served.wait(KNOWN) < SLOW
        )

    @property
    def line(self) -> str:
        """Its row in the table."""
        one = self.served
        late = int(one.rate * one.seconds) - len(one.waits) - one.errors
        times = f"{one.wait(0.5):.0f}\t{one.wait(KNOWN):.0f}"
        return f"{one.rate:g}\t{one.a_second:.1f}\t{times}\t{one.errors}\t{late}\t{self.share:.0f}\t{self.held:.0f}"


def _ramp(address: str, pid: int, asks: list[Ask], runners: list[Runner]) -> tuple[list[Row], Served]:
    """Rate after rate, and what became of the backends' calls meanwhile."""
    rows, calls, stop = [], Served(0, 0), threading.Event()
    threads = [
        threading.Thread(target=_at_work, args=(address, one, n, calls, stop))
        for n, one in enumerate(runners)
    ]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for rate in RATES:
        used, start = processor(pid), time.monotonic()
        served = offer(address, asks, rate, SECONDS)
        share = (processor(pid) - used) / (time.monotonic() - start) * 100
        rows.append(Row(served, share, memory(pid)))
    stop.set()
    for thread in threads:
        thread.join()
    calls.ended = time.monotonic() - begun
    return rows, calls


def _at_work(address: str, runner: Runner, number: int, calls: Served, stop: threading.Event) -> None:
    """A backend that polls and pushes every few seconds; the twenty do so one after the other."""
    due = time.monotonic() + number * POLL_EVERY / BACKENDS
    with Line(address) as line:
        while not stop.wait(max(0.0, due - time.monotonic())):
            for ask in (runner.poll(), runner.push()):
                start = time.monotonic()
                if line.send(ask):
                    calls.waits.append(time.monotonic() - start)
                else:
                    calls.errors += 1
            due += POLL_EVERY


def _knee(rows: list[Row]) -> list[Figure]:
    name = f"load, {BACKENDS} backends and pages: "
    borne = [row.served for row in rows if row.is_borne]
    knee = borne[-1] if borne else Served(0, SECONDS)
    most, last = max(row.served.a_second for row in rows), rows[-1].served
    return [
        Figure(f"{name}the knee", knee.rate, "pages/s"),
        Figure(f"{name}median at the knee", knee.wait(0.5), "ms"),
        Figure(f"{name}95th percentile at the knee", knee.wait(KNOWN), "ms", SLOW),
        Figure(f"{name}most that were served", most, "pages/s"),
        Figure(f"{name}served of {last.rate:g} asked a second", last.a_second, "pages/s"),
        Figure(f"{name}95th percentile of those", last.wait(KNOWN), "ms"),
        Figure(f"{name}errors at all rates", sum(row.served.errors for row in rows), "", 0),
    ]


def _keep(rows: list[Row]) -> None:
    heads = "offered/s\tserved/s\tmedian, ms\t95th percentile, ms\terrors\tnot in time\tprocessor, %\tmemory, MB\n"
    table = heads + "".join(f"{row.line}\n" for row in rows)
    Path("bench/results/load.tsv").write_text(table)
    print(table.expandtabs(22))


def _start_and_stop(instance: Path) -> tuple[float, float]:
    """Seconds until a first page is answered, and seconds that it takes to stop."""
    with started(instance, JOBSITE_SIDE="public") as (process, _, seconds):
        begun = time.monotonic()
        process.terminate()
        process.wait(timeout=60)
        return seconds, time.monotonic() - begun
