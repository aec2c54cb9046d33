"""A disk that is really full, at each place where a job needs it: nothing is cut off, and all goes on afterwards."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from jobsite.core import clock
from jobsite.core.events import verify
from jobsite.jobs.execution import attempt_dir, executor
from jobsite.jobs.models import Attempt, Job, JobOutput, JobRequest

from .conftest import Study, project_yaml
from .stages import HIGH, job

Ask = Callable[..., JobRequest]
Until = Callable[[Callable[[], bool]], None]
SMALL = 6
"""Megabytes of a disk that is full soon."""


@pytest.fixture(autouse=True)
def nothing_left(instance: Path) -> Iterator[None]:
    """Whatever a test started is ended, before its disk goes."""
    yield
    for attempt in Attempt.select(Attempt, Job).join(Job):
        executor().kill_now(attempt_dir(attempt.job, attempt))


@contextmanager
def small_disk(place: Path) -> Iterator[Callable[[int], None]]:
    """Within the block a disk of a few megabytes lies at `place`; gives what makes it larger (megabytes)."""
    place.mkdir(parents=True, exist_ok=True)
    mode = place.stat().st_mode & 0o777
    how = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}m,mode={mode:o}", "tmpfs", str(place)]
    made = subprocess.run(how, check=False, capture_output=True, text=True) if os.geteuid() == 0 else None
    if made is None or made.returncode:
        pytest.skip(f"a disk of its own needs root and mount: {made.stderr if made else 'not root'}")
    try:
        yield lambda size: subprocess.run(["mount", "-o", f"remount,size={size}m", str(place)], check=True)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def commit(study: Study, **codes: str) -> None:
    """Actions with this code, each with an output of its name."""
    steps = {name: (f"python:v2 {name}.py", [], {HIGH: {"out": f"{name}.csv"}}) for name in codes}
    study.commit(project__yaml=project_yaml(**steps), **{f"{name}__py": code for name, code in codes.items()})


def once_more(action: str) -> None:
    """As if the pause before the next attempt were over."""
    Job.update(retry_at=clock.now()).where(Job.action == action).execute()


def test_a_full_disk_while_the_log_is_written_is_a_passing_fault_and_the_job_is_tried_again(
    instance: Path, study: Study, ask: Ask, run_until: Until, client: FlaskClient
) -> None:
    commit(study, talks="print(('x' * 1000 + '\\n') * 20_000); open('talks.csv', 'w').write('x')")
    with small_disk(instance / "jobs") as enlarge:
        request = ask("talks")
        run_until(lambda: job("talks").status_code == "waiting_on_new_task")
        assert Attempt.get().fault == "disk_full"
        assert "The disk of the server was full; attempt 2 of 4 starts at" in job("talks").status_message
        assert client.get(f"/asthma/{request.id}/").status_code == 200
        enlarge(400)
        once_more("talks")
        run_until(lambda: not job("talks").is_active)
    assert job("talks").status_code == "succeeded"
    assert verify()[1] is None


def test_a_full_disk_while_outputs_are_saved_keeps_the_good_ones_and_is_tried_again(
    instance: Path, study: Study, ask: Ask, run_until: Until
) -> None:
    with small_disk(instance / "workspaces") as enlarge:
        commit(study, big="open('big.csv', 'w').write('good')", other="open('other.csv', 'w').write('x')")
        ask("big")
        run_until(lambda: not job("big").is_active)
        place = instance / "workspaces" / "high" / "asthma"
        assert (place / "big.csv").read_text() == "good"
        commit(
            study,
            big="open('big.csv', 'w').write('x' * 12_000_000)",
            other="open('other.csv', 'w').write('y')",
        )
        ask("big")
        run_until(lambda: job("big").status_code == "waiting_on_new_task")
        assert Attempt.select().order_by(Attempt.id.desc()).get().fault == "disk_full"
        assert (place / "big.csv").read_text() == "good"
        assert [row.size for row in JobOutput.select()] == [4]
        assert [path.name for path in (place / "metadata" / ".publishing").iterdir()] == []
        ask("other")
        run_until(lambda: job("other").status_code == "succeeded")
        enlarge(400)
        once_more("big")
        run_until(lambda: not job("big").is_active)
        assert job("big").status_code == "succeeded"
        assert (place / "big.csv").stat().st_size == 12_000_000


def test_a_full_disk_under_the_directory_of_a_job_ends_that_one_and_no_other(
    instance: Path, study: Study, ask: Ask, run_until: Until
) -> None:
    commit(
        study,
        fills="open('fills.csv', 'wb').write(b'x' * 50_000_000)",
        small="import time; time.sleep(1); open('small.csv', 'w').write('x')",
    )
    with small_disk(instance / "work") as enlarge:
        ask("fills")
        run_until(lambda: job("fills").status_code != "created" and job("fills").state != "running")
        assert job("fills").status_code == "waiting_on_new_task", job("fills").status_message
        assert Attempt.get().fault == "disk_full"
        ask("small")
        run_until(lambda: job("small").status_code == "succeeded")
        enlarge(400)
        once_more("fills")
        run_until(lambda: not job("fills").is_active)
    assert job("fills").status_code == "succeeded"
