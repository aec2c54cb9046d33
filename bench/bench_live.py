"""200 people follow one log that grows: how soon a line is there, what it costs, and how pages fare meanwhile.

Each has a login of their own, so that what they may is looked at for each of them. The server is a process of its
own, on an instance with one running job whose log this process writes as a supervisor does. Delays are on the clock;
cost is the server's processor time.
"""

import re
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench.figure import Figure
from bench.serving import memory, processor, server, sign_in
from jobsite.accounts.actions import add_user
from jobsite.accounts.backends import add_backend
from jobsite.accounts.sessions import start
from jobsite.application import create_app
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.instance import open_instance
from jobsite.jobs.actions import Wish, move, submit
from jobsite.jobs.definitions import newest_definition
from jobsite.jobs.execution import attempt_dir
from jobsite.jobs.logs.writer import LogWriter
from jobsite.jobs.models import Attempt, Job
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.models import Project
from jobsite.projects.workspaces import create_workspace
from jobsite.settings import Settings, current

WATCHERS = 200
LINES_A_SECOND = 4
SECONDS = 20
PROJECT = "version: 5\nactions:\n  a:\n    run: python:v2 a.py\n    outputs: {highly_sensitive: {x: a.csv}}\n"
STAMP = re.compile(rb"at (\d+\.\d+)")


@dataclass
class Delays:
    """Seconds from writing a line to having it."""

    by_events: list[float] = field(default_factory=list)
    by_asking: list[float] = field(default_factory=list)
    of_pages: list[float] = field(default_factory=list)


def figures() -> list[Figure]:
    """Delays of lines by events and by asking, the cost of 200 watchers, and of other pages meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        job, log = _running_job(Path(folder))
        with server(Path(folder) / "instance") as (process, address):
            return _measured(process.pid, address, job, log)


def _measured(pid: int, address: str, job: Job, log: LogWriter) -> list[Figure]:
    cookie = sign_in(address, "ada")
    path = f"/w/{job.job_request_id}/{job.identifier}/log/"
    for _ in range(20):
        _get(address, path, cookie)
    before = memory(pid)
    delays, stop = Delays(), threading.Event()
    threads = [
        threading.Thread(target=_ask, args=(address, path, cookie, delays, stop)),
        threading.Thread(target=_visit, args=(address, cookie, delays, stop)),
    ]
    for thread in threads:
        thread.start()
    base = _share(pid, SECONDS / 2)
    watchers = [
        _watch(address, f"{path}stream?state=running&from=1", f"jobsite={one}") for one in _logins(WATCHERS)
    ]
    threads.append(threading.Thread(target=_receive, args=(watchers, delays, stop)))
    threads[-1].start()
    time.sleep(2)
    idle = _share(pid, SECONDS / 2) - base
    used, began = processor(pid), time.perf_counter()
    for number in range(SECONDS * LINES_A_SECOND):
        log.feed("stdout", b"line %d at %.6f\n" % (number, time.monotonic()))
        log.flush()
        time.sleep(max(0.0, began + (number + 1) / LINES_A_SECOND - time.perf_counter()))
    share = (processor(pid) - used) / (time.perf_counter() - began) * 100 - base
    grown = memory(pid) - before
    time.sleep(1)
    stop.set()
    for thread in threads:
        thread.join()
    return _figures(delays, share, idle, grown)


def _figures(delays: Delays, share: float, idle: float, grown: float) -> list[Figure]:
    events, asked = sorted(delays.by_events), sorted(delays.by_asking)
    received = len(events) / (WATCHERS * SECONDS * LINES_A_SECOND) * 100
    name = f"{WATCHERS} watchers of a log, {LINES_A_SECOND} lines/s: "
    return [
        Figure(f"{name}line by events, median", statistics.median(events) * 1000, "ms"),
        Figure(f"{name}line by events, 95th percentile", events[int(len(events) * 0.95)] * 1000, "ms", 300),
        Figure(f"{name}lines missed by events", 100 - received, "%", 0),
        Figure(f"{name}line by asking beyond the seats, slowest", asked[-1] * 1000, "ms", 2000),
        Figure(f"{name}processor for the watchers (one core)", share, "%", 10),
        Figure(f"{name}the same while the log rests", idle, "%"),
        Figure(f"{name}memory of the server grows by", grown, "MB", 20),
        Figure(f"{name}other page meanwhile, median", statistics.median(delays.of_pages) * 1000, "ms", 20),
    ]


def _receive(watchers: list[socket.socket], delays: Delays, stop: threading.Event) -> None:
    with selectors.DefaultSelector() as selector:
        for watcher in watchers:
            selector.register(watcher, selectors.EVENT_READ)
        while not stop.is_set():
            for key, _ in selector.select(0.2):
                data = key.fileobj.recv(65536)
                here = time.monotonic()
                delays.by_events += [here - float(stamp) for stamp in STAMP.findall(data)]
    for watcher in watchers:
        watcher.close()


def _ask(address: str, path: str, cookie: str, delays: Delays, stop: threading.Event) -> None:
    """What a page does that got no seat: it asks every second from where it is."""
    start = 1
    while not stop.is_set():
        headers = {"HX-Request": "true", "HX-Target": "follow"}
        data = _get(address, f"{path}?follow=1&state=running&from={start}", cookie, headers)
        here = time.monotonic()
        delays.by_asking += [here - float(stamp) for stamp in STAMP.findall(data)]
        start += len(STAMP.findall(data))
        stop.wait(1)


def _visit(address: str, cookie: str, delays: Delays, stop: threading.Event) -> None:
    while not stop.is_set():
        start = time.perf_counter()
        _get(address, "/w/", cookie)
        delays.of_pages.append(time.perf_counter() - start)
        stop.wait(0.25)


def _watch(address: str, path: str, cookie: str) -> socket.socket:
    where = urlsplit(address)
    connection = socket.create_connection((where.hostname, where.port))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\nCookie: {cookie}\r\n\r\n".encode())
    assert connection.recv(15).endswith(b"200 OK"), "no seat"
    return connection


def _get(address: str, path: str, cookie: str, headers: dict[str, str] | None = None) -> bytes:
    asked = urllib.request.Request(address + path, headers={"Cookie": cookie, **(headers or {})})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return answer.read()


def _logins(count: int) -> list[str]:
    """The cookies of so many people who may read the log, each in a login of their own."""
    app = create_app(current())
    signed, project = app.session_interface.get_signing_serializer(app), Project.get()
    cookies = []
    for number in range(count):
        person = add_user(by="system", username=f"person{number}", fullname=f"Person {number}")
        add_member(by="system", project=project, user=person, roles=["ProjectDeveloper"])
        with writing():
            token = start(person=person, way="token", user_agent="")
        cookies.append(signed.dumps({"_user_id": token}))
    return cookies


def _running_job(folder: Path) -> tuple[Job, LogWriter]:
    study = folder / "study"
    study.mkdir()
    (study / "project.yaml").write_text(PROJECT)
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), (*identity, "commit", "-qm", "x")):
        subprocess.run(["git", *words], cwd=study, check=True)
    open_instance(
        Settings(
            instance=folder / "instance", allowed_repos=(str(study),), runtimes={"python": (sys.executable,)}
        )
    )
    ada = add_user(by="system", username="ada", fullname="Ada")
    backend = add_backend(by="system", slug="local", name="Local")
    project = add_project(by="system", name="P", orgs=[add_organisation(by="system", name="O")])
    add_member(by="system", project=project, user=ada, roles=["ProjectDeveloper"])
    workspace = create_workspace(by=ada, project=project, name="w", repo=str(study), branch="main")
    request, _ = submit(by=ada, wish=Wish(workspace, backend, newest_definition(workspace), ("a",)))
    job = Job.get(Job.job_request == request)
    move(job, "initiated")
    attempt = Attempt.create(job=job, number=1, identifier=f"{job.identifier}-001", created_at=now())
    where = attempt_dir(job, attempt)
    where.mkdir(parents=True)
    return job, LogWriter(where / "log")


def _share(pid: int, seconds: float) -> float:
    """How much of one core a process uses, in percent."""
    used, start = processor(pid), time.perf_counter()
    time.sleep(seconds)
    return (processor(pid) - used) / (time.perf_counter() - start) * 100
