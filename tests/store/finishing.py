"""A process that finishes one job, or resumes what was cut off, for tests that kill it: `finishing.py INSTANCE [JOB]`."""

import sys
from pathlib import Path

from jobsite.store.collecting import collect
from jobsite.store.facts import JobFacts
from jobsite.store.journal import resume
from jobsite.store.level4 import Level4Limits
from jobsite.store.publish import publish
from jobsite.store.roots import Roots


def finish(instance, job):
    attempt = f"{job}-001"
    work_dir = instance / "work" / attempt
    collected = collect(work_dir, {}, {"moderately_sensitive": {"all": "output/*.csv"}}, {})
    facts = JobFacts(
        workspace="ws",
        job=job,
        request="request-1",
        attempt=attempt,
        action="tables",
        user="ada",
        repo="https://example.org/study",
        commit="c" * 40,
        actions=frozenset({"tables"}),
        exit_code=0,
    )
    publish(Roots.of(instance), facts, work_dir, collected, Level4Limits(), [f"log of {job}\n".encode()])


if __name__ == "__main__":
    instance = Path(sys.argv[1])
    if len(sys.argv) > 2:
        finish(instance, sys.argv[2])
    else:
        resume(Roots.of(instance))
