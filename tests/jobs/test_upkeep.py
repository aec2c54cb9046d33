"""What operators type to look after what jobs leave: sweep, manifest, archive."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jobsite.cli import main
from jobsite.core.db import close_database
from jobsite.core.events import since
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import attempt_dir, executor
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.settings import Settings, use
from jobsite.store import manifest as manifests

from .conftest import Study, project_yaml
from .stages import commit_pair, wait

Command = Callable[..., Result]
MODERATELY = "moderately_sensitive"


@pytest.fixture
def jobsite(settings: Settings, local: object) -> Command:
    """`jobsite("sweep", …)`: run a command on this test's instance."""

    def command(*words: str) -> Result:
        close_database()
        result = CliRunner().invoke(main, [*words, "--instance", str(settings.instance)])
        use(settings)
        return result

    return command


@pytest.fixture
def published(study: Study, ask: Callable[..., JobRequest], run: Callable[..., dict[str, Job]]) -> Job:
    """A job that has left a table at Level 4, twice, and a file that was held back."""
    outputs = {MODERATELY: {"table": "table.csv", "held": "held.csv"}}
    code = "open('table.csv', 'w').write('a,b\\n1,2\\n'); open('held.csv', 'w').write('patient_id\\n1\\n')"
    study.commit(project__yaml=project_yaml(only=("python:v2 a.py", [], outputs)), a__py=code)
    run(ask("only"))
    return run(ask("only"))["only"]


@pytest.fixture
def level4(instance: Path) -> Path:
    return instance / "workspaces" / "level4" / "asthma"


def test_a_sweep_takes_what_nobody_owns_and_a_dry_run_only_says_it(jobsite: Command, instance: Path) -> None:
    orphan = instance / "work" / "0000000000000000-001"
    orphan.mkdir(parents=True)
    dry = jobsite("sweep", "--dry-run")
    assert (dry.exit_code, dry.output) == (0, f"{orphan.name}  would go\n")
    assert orphan.exists() and not [event for event in since(0) if event.type == "instance:swept"]
    swept = jobsite("sweep", "--json")
    assert json.loads(swept.output) == {"dry_run": False, "removed": [orphan.name], "failed": {}}
    assert not orphan.exists()
    assert [json.loads(event.data) for event in since(0) if event.type == "instance:swept"] == [
        {"removed": [orphan.name]}
    ]
    assert jobsite("sweep").output == "Nothing is left behind.\n"


def test_a_sweep_leaves_what_runs_alone(
    jobsite: Command, study: Study, ask: Callable[..., JobRequest], engine: Engine, instance: Path
) -> None:
    commit_pair(study, "import time; print('started', flush=True); time.sleep(600)")
    ask("only")
    wait(lambda: engine.turn() and any((instance / "work").iterdir()))
    attempt = Attempt.select(Attempt, Job).join(Job).get()
    try:
        assert jobsite("sweep").output == "Nothing is left behind.\n"
        assert (instance / "work" / attempt.identifier).exists()
    finally:
        executor().kill_now(attempt_dir(attempt.job, attempt))


def test_an_attempt_that_begins_while_a_sweep_looks_keeps_its_directory(instance: Path) -> None:
    work = instance / "work"
    (work / "old-001").mkdir(parents=True)

    def active() -> set[str]:
        (work / "new-001").mkdir()
        return set()

    assert executor().sweep(work, active).removed == ("old-001",)
    assert (work / "new-001").exists()


def test_a_sound_manifest_is_told_and_nothing_is_written(
    jobsite: Command, published: Job, level4: Path
) -> None:
    before = (level4 / "metadata" / "manifest.json").stat()
    checked = jobsite("manifest", "check", "asthma")
    assert (checked.exit_code, checked.output) == (
        0,
        "The manifest of asthma, its files and the records of its jobs say the same.\n",
    )
    assert jobsite("manifest", "repair", "asthma").exit_code == 0
    assert (level4 / "metadata" / "manifest.json").stat().st_mtime_ns == before.st_mtime_ns


def test_a_lost_manifest_is_written_again_as_it_was(jobsite: Command, published: Job, level4: Path) -> None:
    path = level4 / "metadata" / "manifest.json"
    whole = path.read_text()
    path.unlink()
    checked = jobsite("manifest", "check", "asthma", "--json")
    assert checked.exit_code == 1
    repaired = jobsite("manifest", "repair", "asthma")
    assert repaired.exit_code == 0, repaired.output
    assert path.read_text() == whole
    assert [json.loads(e.data) for e in since(0) if e.type == "workspace:manifest-repaired"] == [
        {"mended": 2, "lost_records": 0}
    ]
    assert jobsite("manifest", "check", "asthma").exit_code == 0


@pytest.mark.parametrize("damage", ["{", '{"outputs": 3}'])
def test_a_damaged_manifest_is_written_again(
    jobsite: Command, published: Job, level4: Path, damage: str
) -> None:
    path = level4 / "metadata" / "manifest.json"
    whole = path.read_text()
    path.write_text(damage)
    assert jobsite("manifest", "repair", "asthma").exit_code == 0
    assert path.read_text() == whole


def test_what_a_manifest_says_wrongly_is_mended_and_what_others_wrote_in_it_stays(
    jobsite: Command, published: Job, level4: Path
) -> None:
    there = manifests.read(level4, "asthma")
    there["outputs"]["table.csv"].update(level="highly_sensitive", theirs=1)
    there["outputs"]["no.csv"] = {"level": MODERATELY, "content_hash": "0" * 64}
    there["own"] = "kept"
    manifests.write(level4, there)
    told = jobsite("manifest", "check", "asthma").output
    assert "The manifest is wrong about table.csv: level." in told
    assert "The manifest has no.csv, which no record proves." in told
    assert jobsite("manifest", "repair", "asthma").exit_code == 0
    mended = manifests.read(level4, "asthma")
    assert set(mended["outputs"]) == {"table.csv", "held.csv"} and mended["own"] == "kept"
    assert mended["outputs"]["table.csv"]["level"] == MODERATELY
    assert mended["outputs"]["table.csv"]["theirs"] == 1


def test_files_that_are_not_as_recorded_are_named_and_left(
    jobsite: Command, published: Job, level4: Path, instance: Path
) -> None:
    (level4 / "table.csv").write_text("a,b\n9,9\n")
    (level4 / "held.csv").write_text("patient_id\n1\n")
    (instance / "workspaces" / "high" / "asthma" / "held.csv").unlink()
    checked = jobsite("manifest", "check", "asthma")
    assert checked.exit_code == 1
    assert checked.output.splitlines()[:3] == [
        "held.csv is missing in the high-privacy store, or not as it was recorded.",
        "table.csv is missing at Level 4, or not as it was recorded.",
        "held.csv lies at Level 4 without right.",
    ]
    assert jobsite("manifest", "repair", "asthma").exit_code == 1
    assert (level4 / "table.csv").read_text() == "a,b\n9,9\n"


def test_entries_of_a_job_whose_record_is_lost_stay(
    jobsite: Command, published: Job, level4: Path, instance: Path
) -> None:
    for attempt in Attempt.select(Attempt, Job).join(Job):
        (instance / "jobs" / attempt.job.identifier / attempt.identifier / "metadata.json").unlink()
    whole = (level4 / "metadata" / "manifest.json").read_text()
    repaired = jobsite("manifest", "repair", "asthma")
    assert repaired.exit_code == 1 and f"The record of job {published.identifier} is lost" in repaired.output
    assert (level4 / "metadata" / "manifest.json").read_text() == whole


def test_a_workspace_is_archived_only_when_no_job_is_active(
    jobsite: Command, study: Study, ask: Callable[..., JobRequest]
) -> None:
    commit_pair(study, "pass")
    ask("only")
    refused = jobsite("workspace", "archive", "asthma")
    assert (refused.exit_code, refused.output) == (1, "asthma has 1 active job: wait, or cancel first.\n")
    Job.update(state="failed", status_code="killed_by_admin").execute()
    assert jobsite("workspace", "archive", "asthma").output == "asthma is archived: no jobs run in it.\n"
    assert jobsite("workspace", "restore", "asthma").output == "asthma is active again.\n"
    archived = json.loads(jobsite("workspace", "archive", "asthma", "--json").stdout)
    assert (archived["name"], archived["is_archived"], archived["archive"]) == ("asthma", True, "")
    restored = json.loads(jobsite("workspace", "restore", "asthma", "--json").stdout)
    assert not restored["is_archived"]
    assert jobsite("workspace", "restore", "asthma").output == "asthma is active.\n"


def test_the_files_of_an_archived_workspace_are_in_one_file_and_come_back(
    jobsite: Command, published: Job, level4: Path, instance: Path
) -> None:
    before = {path.relative_to(level4): path.read_bytes() for path in level4.rglob("*") if path.is_file()}
    told = json.loads(jobsite("workspace", "archive", "asthma", "--json").stdout)
    assert (told["archive"], told["files"] > len(before) - 1) == ("archives/asthma.tar", True)
    assert not level4.exists() and not (instance / "workspaces" / "high" / "asthma").exists()
    again = json.loads(jobsite("workspace", "archive", "asthma", "--json").stdout)
    assert (again["is_archived"], again["archive"]) == (True, "archives/asthma.tar")
    assert json.loads(jobsite("workspace", "restore", "asthma", "--json").stdout)["files"] == told["files"]
    assert {
        path.relative_to(level4): path.read_bytes() for path in level4.rglob("*") if path.is_file()
    } == before
    assert not (instance / "archives" / "asthma.tar").exists()
    assert jobsite("manifest", "check", "asthma").exit_code == 0
