"""From the click on cancel to the moment when no process of the job is left, and to the state "cancelled"."""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.figure import Figure
from bench.running import engine_running, study_world
from jobsite.accounts.models import User
from jobsite.jobs.actions import Wish, cancel, submit
from jobsite.jobs.models import Job

ROUNDS = 10
TREE = 5
"""Processes of the job: each starts the next, and none of them heeds a polite signal."""

PROJECT = (
    "version: 5\nactions:\n  tree:\n    run: python:v2 tree.py\n    outputs: {highly_sensitive: {x: x.csv}}\n"
)
PROGRAM = f"""
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for number in range({TREE - 1}):
    if os.fork():
        break
    os.setsid()
open(f"{{number}}-{{os.getpid()}}.up", "w").close()
time.sleep(1000)
"""


def figures() -> list[Figure]:
    """Medians and worst cases of both, for a job of five processes that left the session and ignore the signal."""
    with tempfile.TemporaryDirectory() as folder:
        wish, ada = study_world(Path(folder), {"project.yaml": PROJECT, "tree.py": PROGRAM})
        with engine_running(Path(folder)):
            taken = [_cancelled(Path(folder), ada, wish(("tree",))) for _ in range(ROUNDS)]
    gone, ended = zip(*taken, strict=True)
    return [
        Figure("cancel of five processes: all gone, median", statistics.median(gone), "s", 2),
        Figure("cancel of five processes: all gone, longest", max(gone), "s", 2),
        Figure("cancel of five processes: cancelled, median", statistics.median(ended), "s", 2),
        Figure("cancel of five processes: cancelled, longest", max(ended), "s", 2),
    ]


def _cancelled(folder: Path, ada: User, wish: Wish) -> tuple[float, float]:
    """Seconds from the click to the end of the last process, and to the final state."""
    request, _ = submit(by=ada, wish=wish)
    job = Job.get(Job.job_request == request)
    work = folder / "instance" / "work" / f"{job.identifier}-001"
    while len(list(work.glob("*.up"))) < TREE:
        time.sleep(0.01)
    start = time.perf_counter()
    cancel(by=ada, request=request, may_cancel=True)
    gone = 0.0
    while Job.get_by_id(job.id).state != "cancelled":
        if not gone and not _processes_in(job.identifier):
            gone = time.perf_counter() - start
        time.sleep(0.005)
    ended = time.perf_counter() - start
    assert not _processes_in(job.identifier)
    return gone or ended, ended


def _processes_in(job: str) -> list[int]:
    """The processes of the sandbox of a job, and those of its program, which stand in its directory."""
    label = f"jobsite-sandbox:{job}-001:".encode()
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{name}/cmdline").read_bytes()
        except OSError:
            continue
        if words.startswith((label, sys.executable.encode() + b"\x00tree.py")):
            found.append(int(name))
    return found
