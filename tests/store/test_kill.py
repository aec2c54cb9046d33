"""The process that publishes is killed at every named point, in reality, and the next one puts things right."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobsite.store.content import has_outputs, input_files
from jobsite.store.journal import FAIL_POINTS, Resumed, resume
from jobsite.store.metadata import published_before
from jobsite.store.reading import NotAtLevel4, listing, open_level4
from jobsite.store.roots import Roots

from .conftest import digest
from .finishing import finish

SCRIPT = Path(__file__).with_name("finishing.py")
CHECKOUT = Path(__file__).parents[2]
OLD = {"output/a.csv": "n\n1\n", "output/gone.csv": "n\n1\n", "output/same.csv": "n\n0\n"}
NEW = {
    "output/a.csv": "n\n2\n",
    "output/gone.csv": "patient_id\n1\n",
    "output/same.csv": "n\n0\n",
    "output/b.csv": "n\n3\n",
}
DECIDED = FAIL_POINTS[FAIL_POINTS.index("store.after_plan") :]
SHOWN = FAIL_POINTS[FAIL_POINTS.index("store.after_manifest") :]
RECORDED = {path: digest(data) for path, data in OLD.items()}


def start(instance, *job, fail_at=""):
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "JOBSITE_FAIL_AT": fail_at}
    return subprocess.Popen([sys.executable, str(SCRIPT), str(instance), *job], env=environment)


def end_of(process):
    with process:
        return process.wait()


@pytest.fixture
def instance(study):
    """A workspace with the outputs of job 1, and job 2 that is to be finished."""
    study.write(study.instance / "work/1-001", OLD)
    study.write(study.instance / "work/2-001", NEW)
    finish(study.instance, "1")
    return study.instance


@pytest.fixture
def untouched(instance, tmp_path):
    """The same, with job 2 finished by a process that nobody killed."""
    other = tmp_path / "untouched"
    shutil.copytree(instance, other)
    finish(other, "2")
    return other


def seen(instance):
    """What a reader gets: each listed file's content, or why it is held back; and the state of its entry."""
    found = {}
    for entry in listing(Roots.of(instance), "ws").entries:
        try:
            with open_level4(Roots.of(instance), "ws", entry.path).file as file:
                found[entry.path] = (file.read().decode(), entry.out_of_date_output)
        except NotAtLevel4 as held_back:
            found[entry.path] = (str(held_back), entry.out_of_date_output)
    return found


def on_disk(instance):
    """Everything in the workspace but times, inodes and the lock."""
    folder = instance / "workspaces"
    files = [path for path in folder.rglob("*") if path.is_file()]
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return {
        path: without_times(data) if path.endswith(".json") else data
        for path, data in found.items()
        if not path.endswith((".lock", ".identities.json"))
    }


def without_times(data):
    document = json.loads(data)
    for entry in document.get("outputs", {}).values():
        entry.pop("timestamp")
    return document


@pytest.mark.crash
@pytest.mark.parametrize("point", FAIL_POINTS)
def test_killed_anywhere_readers_see_the_old_set_or_the_new_one_and_it_is_finished(
    instance, untouched, point
):
    roots, old, new = Roots.of(instance), seen(instance), seen(untouched)
    assert end_of(start(instance, "2", fail_at=point)) == 137
    assert seen(instance) == (new if point in SHOWN else old)
    # A job that waits for job 1's outputs still gets them, whatever has happened.
    for file in input_files(roots, "ws", RECORDED):
        assert file.source.read_text() == OLD[file.path]

    pending = (
        []
        if point in ("store.before_stage", "store.after_clean")
        else [Resumed("ws", "2-001", point in DECIDED)]
    )
    assert resume(roots) == pending
    assert resume(roots) == []
    assert seen(instance) == (new if point in DECIDED else old)
    assert (published_before(roots, "2", "2-001") is not None) == (point in DECIDED)
    assert has_outputs(roots, "ws", RECORDED) == (point not in DECIDED)

    finish(instance, "2")
    assert seen(instance) == new
    kept = {path: data for path, data in on_disk(instance).items() if "/.content/" not in path}
    assert kept == {path: data for path, data in on_disk(untouched).items() if "/.content/" not in path}


@pytest.mark.crash
@pytest.mark.parametrize("point", DECIDED[1:-1])
def test_killed_again_while_it_resumes_it_is_finished_the_next_time(instance, untouched, point):
    assert end_of(start(instance, "2", fail_at="store.after_plan")) == 137
    assert end_of(start(instance, fail_at=point)) == 137
    assert end_of(start(instance)) == 0
    assert seen(instance) == seen(untouched)


@pytest.mark.crash
def test_the_next_publication_of_the_workspace_finishes_what_was_cut_off(instance):
    assert end_of(start(instance, "2", fail_at="store.after_first_move")) == 137
    study_files = {"output/a.csv": "n\n4\n"}
    (instance / "work/3-001/output").mkdir(parents=True)
    (instance / "work/3-001/output/a.csv").write_text(study_files["output/a.csv"])
    assert end_of(start(instance, "3")) == 0
    found = seen(instance)
    assert found["output/a.csv"] == ("n\n4\n", False)
    assert found["output/b.csv"] == ("n\n3\n", True)


@pytest.mark.crash
def test_kill_at_any_moment_leaves_what_can_be_finished(instance, untouched):
    old, new = seen(instance), seen(untouched)
    for delay in range(8):
        process = start(instance, "2")
        time.sleep(0.03 + 0.01 * delay)
        process.send_signal(signal.SIGKILL)
        end_of(process)
        assert seen(instance) in (old, new)
        resume(Roots.of(instance))
        assert seen(instance) in (old, new)
    assert end_of(start(instance, "2")) == 0
    assert seen(instance) == new


@pytest.mark.crash
def test_one_workspace_that_cannot_be_resumed_does_not_keep_others_from_it(instance):
    assert end_of(start(instance, "2", fail_at="store.after_move")) == 137
    shutil.copytree(instance / "workspaces/high/ws", instance / "workspaces/high/aa")
    shutil.copytree(instance / "workspaces/level4/ws", instance / "workspaces/level4/aa")
    plan = instance / "workspaces/high/aa/metadata/.publishing/2-001/plan.json"
    plan.write_text(plan.read_text().replace('"workspace": "ws"', '"workspace": "aa"'))
    (instance / "workspaces/level4/aa/metadata/manifest.json").write_text("{")
    stuck, finished = resume(Roots.of(instance))
    assert stuck.workspace == "aa" and stuck.problem.startswith("The manifest of workspace aa cannot be read")
    assert finished == Resumed("ws", "2-001", True)
    assert [again.workspace for again in resume(Roots.of(instance))] == ["aa"]


def test_the_page_about_the_store_names_every_point_at_which_it_can_be_killed():
    page = (CHECKOUT / "docs/store.md").read_text()
    assert [point for point in FAIL_POINTS if f"`{point}`" not in page] == []


@pytest.mark.crash
def test_the_lock_goes_with_a_killed_process(instance):
    assert end_of(start(instance, "2", fail_at="store.before_stage")) == 137
    assert end_of(start(instance, "2")) == 0


@pytest.mark.crash
def test_a_failed_job_killed_while_its_log_is_stored_leaves_outputs_alone(instance):
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from jobsite.store.facts import JobFacts;"
        "from jobsite.store.publish import record_log; from jobsite.store.roots import Roots;"
        "record_log(Roots.of(Path(sys.argv[2])), JobFacts('ws', '3', 'r', '3-001', 'tables', 'ada', 'u', 'c' * 40,"
        " exit_code=1), [b'failed run'])"
    )
    before = seen(instance)
    for point in ("store.after_plan", "store.after_log", "store.after_record"):
        command = [sys.executable, "-c", script, str(CHECKOUT), str(instance)]
        result = subprocess.run(command, env={**os.environ, "JOBSITE_FAIL_AT": point}, check=False)
        assert result.returncode == 137
        resume(Roots.of(instance))
        assert seen(instance) == before
        assert "failed run" in (instance / "workspaces/level4/ws/metadata/tables.log").read_text()
