"""What an attempt used over time, and the small chart of it."""

import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from jobsite.application import create_app
from jobsite.jobs.execution import attempt_dir
from jobsite.jobs.executors import records
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.jobs.samples import HEIGHT, WIDTH, thinned, usage
from jobsite.settings import Settings

from ..sided import public_side_of
from .conftest import Study, project_yaml

MIB = 2**20


def write(folder: Path, rows: list[tuple[float, float, int]]) -> None:
    """Samples at seconds, with the CPU seconds until then and bytes of memory."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps([int(1e12 + at * 1e6), cpu, memory, 2]) for at, cpu, memory in rows)
    (folder / records.SAMPLES).write_text("".join(f"{line}\n" for line in lines))


def points(d: str) -> list[tuple[float, float]]:
    return [tuple(map(float, pair.split())) for pair in re.split("[ML]", d) if pair]  # type: ignore[misc]


def test_cpu_is_what_was_used_between_two_samples_and_memory_what_was_there(tmp_path: Path) -> None:
    write(tmp_path, [(0, 0, 100 * MIB), (10, 20, 300 * MIB), (20, 25, 200 * MIB)])
    found = usage(tmp_path)
    assert found is not None
    assert (found.memory_peak, found.memory_mean, found.seconds) == (300 * MIB, 200 * MIB, 20)
    assert (found.cpu_peak, found.cpu_mean) == (2.0, 1.25)
    assert [x for x, _ in points(found.memory.d)] == [0, WIDTH / 2, WIDTH]
    heights = [y for _, y in points(found.memory.d)]
    assert min(heights) == heights[1] and all(0 <= y <= HEIGHT for y in heights)


def test_a_peak_near_its_limit_is_drawn_against_the_limit(tmp_path: Path) -> None:
    write(tmp_path, [(0, 0, 100 * MIB), (10, 1, 300 * MIB)])
    records.write(
        tmp_path,
        records.SPEC,
        {
            **{name: "x" for name in ("attempt", "attempt_dir", "work_dir", "repo", "commit")},
            "argv": ["/bin/true"],
            "inputs": [],
            "read_only_binds": [],
            "limits": {"memory_bytes": 400 * MIB, "cpus": 8.0},
            "user": [1, 1],
        },
    )
    found = usage(tmp_path)
    assert found is not None and found.memory_limit == 400 * MIB and found.share == 75
    assert found.memory.top == 400 * MIB
    assert found.cpu.top < 1, "far below its limit: drawn by its own peak"


@pytest.mark.parametrize("rows", [[], [(0, 0, 1)], [(5, 0, 1), (5, 0, 1)], [(9, 0, 1), (5, 0, 1)]], ids=len)
def test_too_few_samples_make_no_chart(tmp_path: Path, rows: list[tuple[float, float, int]]) -> None:
    write(tmp_path, rows)
    assert usage(tmp_path) is None
    assert usage(tmp_path / "nowhere") is None


def test_what_is_no_sample_is_passed_over_and_a_clock_set_back_breaks_nothing(tmp_path: Path) -> None:
    write(tmp_path, [(0, 0, MIB), (4, 4, MIB), (2, 5, MIB), (10, 6, MIB)])
    with (tmp_path / records.SAMPLES).open("a") as file:
        file.write('nonsense\n{"a": 1}\n[1, 2]\n[100')
    found = usage(tmp_path)
    assert found is not None and found.seconds == 10
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points(found.cpu.d))


def test_a_week_of_samples_is_thinned_and_keeps_its_ends(tmp_path: Path) -> None:
    write(tmp_path, [(2 * n, n / 2, n * 1000) for n in range(50_000)])
    found = thinned(tmp_path)
    assert 200 <= len(found) <= 245
    assert (found[0].memory_bytes, found[-1].memory_bytes) == (0, 49_999_000)
    gaps = [late.time - early.time for early, late in pairwise(found)]
    assert max(gaps) < 3 * sum(gaps) / len(gaps)


@pytest.mark.parametrize(
    ("person", "side", "seen"),
    [(None, "both", False), ("dan", "both", False), ("ben", "both", True), ("ada", "public", False)],
)
def test_people_with_a_role_see_the_chart_where_the_job_ran(
    settings: Settings,
    study: Study,
    ask: Callable[..., JobRequest],
    sign_in: Callable[[FlaskClient, str], FlaskClient],
    person: str | None,
    side: str,
    seen: bool,
) -> None:
    study.commit(
        project__yaml=project_yaml(one=("python:v2 a.py", [], {"moderately_sensitive": {"out": "a.csv"}}))
    )
    job = Job.get(Job.job_request == ask("one"))
    attempt = Attempt.create(job=job, number=1, identifier=f"{job.identifier}-001", created_at=job.created_at)
    write(attempt_dir(job, attempt), [(0, 0, 100 * MIB), (60, 90, 300 * MIB)])
    client = create_app(public_side_of(settings) if side == "public" else settings).test_client()
    if person:
        sign_in(client, person)
    page = client.get(f"/asthma/{job.job_request_id}/{job.identifier}/").text
    assert page.count('<svg class="chart"') == (2 if seen else 0)
    assert ("at most <strong>300.0 MiB</strong>" in page) == seen
