"""From Submit to the first line of the job's output on an idle server, jobs in a row, and many jobs at once."""

import statistics
import tempfile
import time
from pathlib import Path

from bench.figure import Figure
from bench.processor import counted_together
from bench.running import engine_running, study_world
from jobsite.jobs.actions import submit
from jobsite.jobs.execution import attempt_dir
from jobsite.jobs.logs.reader import LogReader
from jobsite.jobs.models import Attempt, Job, JobRequest

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
    wish, ada = study_world(folder, {"project.yaml": PROJECT, "hello.py": HELLO})
    with counted_together() as used, engine_running(folder):
        first = sorted(_first_line(ada, wish(("a",))) for _ in range(ROUNDS))
        row = sorted(_seconds_until_ended(ada, wish(("a", "b", "c"), force=True)) for _ in range(5))
        before = used() if used else 0.0
        many = _seconds_until_ended(ada, wish(MANY, force=True), look_every=0.05)
        cost = used() - before if used else 0.0
    figures = [
        Figure("submit to first line, median", statistics.median(first), "s", 0.2),
        Figure("submit to first line, 95th percentile", first[int(ROUNDS * 0.95)], "s", 0.4),
        Figure("three jobs in a row, median", statistics.median(row), "s", 1.2),
        Figure("200 jobs with 8 workers", len(MANY) / many, "jobs/s", 20, more_is_better=True),
    ]
    if used:
        name = "200 jobs with 8 workers: processor time of each, all processes together"
        figures.append(Figure(name, cost / len(MANY) * 1000, "ms", 60))
    return figures


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
