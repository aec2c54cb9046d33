"""One decision of the scheduler with many jobs."""

import random
import statistics
import time
from datetime import datetime, timedelta

from bench.figure import Figure
from jobsite.jobs.scheduler import Candidate, Capacity, choose, queue_order

AT = datetime(2026, 1, 1)
JOBS = 10_000
ROUNDS = 15


def figures() -> list[Figure]:
    """Medians of the decision which jobs start, and of the order of the whole queue."""
    jobs = _jobs()
    few, many = Capacity(16, 16), Capacity(200, 200)
    return [
        Figure("10,000 pending jobs: one decision", _median(lambda: choose(jobs, few, AT)) * 1000, "ms", 50),
        Figure("10,000 pending jobs: 400 starts", _median(lambda: choose(jobs, many, AT)) * 1000, "ms"),
        Figure("10,000 pending jobs: whole order", _median(lambda: queue_order(jobs, AT)) * 1000, "ms"),
    ]


def _median(decision) -> float:
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        decision()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _jobs() -> list[Candidate]:
    chance = random.Random(1)
    found = []
    for number in range(JOBS):
        project = chance.randrange(200)
        found.append(
            Candidate(
                id=number,
                project=project,
                workspace=project * 5 + chance.randrange(5),
                is_database_action=chance.random() < 0.4,
                created_at=AT - timedelta(minutes=chance.randrange(3000)),
                running=number < 20,
                ready=number >= 20,
                weight=chance.choice((0.5, 1.0, 1.0, 1.0, 4.0)),
                ready_at=AT - timedelta(minutes=chance.randrange(3000)),
            )
        )
    return found
