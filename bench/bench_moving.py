"""A large site moves to another installation: 100,000 jobs are exported, and imported into an instance that is empty."""

import os
import resource
import sqlite3
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

from bench.figure import Figure
from bench.seed import LARGE, large_site
from bench.serving import COMMAND
from jobsite.accounts.backends import rotate_token
from jobsite.accounts.models import Backend
from jobsite.instance import close_instance


def figures() -> list[Figure]:
    """Seconds and jobs a second of an export and an import, memory of the import."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        large_site(here, side="public")
        for backend in Backend.select():  # a runner elsewhere goes on with what is not over
            rotate_token(by="system", backend=backend)
        close_instance()
        export = _seconds("export", here / "instance", here / "moved")
        taking = _seconds("import", here / "new", here / "moved")
        again = _seconds("import", here / "new", here / "moved")
        jobs = _jobs(here / "new")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        name = f"moving over, {jobs:,} jobs of {LARGE.requests:,} requests"
        return [
            Figure(f"{name}: export", export, "s", 60),
            Figure(f"{name}: import into an empty instance", taking, "s", 120),
            Figure(f"{name}: import, jobs a second", jobs / taking, "jobs/s", 1000, more_is_better=True),
            Figure(f"{name}: import again, when all is here", again, "s", 120),
            Figure(f"{name}: memory at the peak of it", peak, "MB"),
        ]


def _seconds(verb: str, instance: Path, folder: Path) -> float:
    words = [*COMMAND, verb, str(folder), "--instance", str(instance)]
    begun = time.monotonic()
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env={**os.environ, "JOBSITE_SIDE": "public"}
    )
    if done.returncode:
        raise RuntimeError(f"{verb}: {done.stderr[-1000:]}")
    return time.monotonic() - begun


def _jobs(instance: Path) -> int:
    with closing(sqlite3.connect(f"file:{instance}/jobsite.db?mode=ro", uri=True)) as opened:
        return int(opened.execute("SELECT count(*) FROM job").fetchone()[0])
