"""What is made of the words of a cluster, and which words it is told: no cluster is needed to know that."""

from pathlib import Path

import pytest

from jobsite.jobs.executors import records
from jobsite.jobs.executors.contract import AttemptSpec
from jobsite.jobs.executors.slurm import Slurm
from jobsite.jobs.executors.slurm_cluster import ClusterJob, accounted
from jobsite.jobs.executors.slurm_ending import end_of
from jobsite.jobs.executors.slurm_order import cluster_options, script
from jobsite.jobs.faults import RETRIES
from jobsite.settings import SettingsError, load


def spec_in(folder: Path) -> AttemptSpec:
    """An attempt with records in this folder."""
    return AttemptSpec("job1-001", str(folder), str(folder / "work"), str(folder), "1" * 40, ("/bin/true",))


@pytest.mark.parametrize(
    ("stage", "state", "reason", "fault"),
    [
        ("executing", "NODE_FAIL", "platform", "node_lost"),
        ("preparing", "BOOT_FAIL", "platform", "node_lost"),
        (None, "PREEMPTED", "platform", "ended_from_outside"),
        ("executing", "TIMEOUT", "platform", "ended_from_outside"),
        ("executing", "FAILED", "platform", "supervisor_lost"),
        ("executing", None, "platform", "supervisor_lost"),
        ("executed", "COMPLETED", "platform", "supervisor_lost"),
        (None, "FAILED", "platform", "not_launched"),
        ("executing", "OUT_OF_MEMORY", "out_of_memory", ""),
    ],
)
def test_an_attempt_without_a_record_ends_as_the_cluster_says(
    tmp_path: Path, stage: str | None, state: str | None, reason: str, fault: str
) -> None:
    if stage:
        records.enter_stage(tmp_path, stage)
    job = ClusterJob(7, state, "n1", "job1-001:a") if state else None
    end = end_of(spec_in(tmp_path), job)
    assert end is not None
    assert (end.reason, end.fault) == (reason, fault)
    assert not fault or fault in RETRIES
    assert job is None or f"job 7 of the cluster: {state} n1" in end.detail


@pytest.mark.parametrize("stage", [None, "preparing", "prepared"])
def test_what_had_not_started_is_given_again_when_its_order_is_lost_unless_it_was_cancelled(
    tmp_path: Path, stage: str | None
) -> None:
    if stage:
        records.enter_stage(tmp_path, stage)
    assert end_of(spec_in(tmp_path), None) is None
    records.write(tmp_path, records.CANCEL, {"grace": None})
    end = end_of(spec_in(tmp_path), None)
    assert end is not None
    assert end.reason == "cancelled"


@pytest.mark.parametrize(
    ("row", "job"),
    [
        ("7|NODE_FAIL|n1|", ClusterJob(7, "NODE_FAIL", "n1", "")),
        ("7|CANCELLED by 1000|None assigned|", ClusterJob(7, "CANCELLED", "None assigned", "")),
        ("", None),
    ],
)
def test_what_the_controller_has_forgotten_the_accounting_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str, job: ClusterJob | None
) -> None:
    (tmp_path / "sacct").write_text(f"#!/bin/sh\necho '{row}'\n")  # as Slurm 22.05 with slurmdbd says it
    (tmp_path / "sacct").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert accounted(7) == job


def test_our_options_stand_after_those_of_the_operators_and_paths_are_literal(tmp_path: Path) -> None:
    folder = tmp_path / "50% of it"
    options = cluster_options("long", "air", ("--mem=1M", "--qos=high"))
    words = script(spec_in(folder), name="jobsite-1", label="job1-001:a", options=options).options
    assert words[:4] == ("--mem=1M", "--qos=high", "--partition=long", "--account=air")
    assert [one for one in words if one.startswith("--mem=")][-1] == "--mem=4224M"
    assert any(one.startswith("--output=") and "50%% of it" in one for one in words)


def test_missing_programs_of_the_cluster_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    refusal = Slurm().available()
    assert refusal is not None
    assert "sbatch, squeue, scancel" in refusal


def test_settings_of_the_cluster_are_options_and_names(tmp_path: Path) -> None:
    given = {"JOBSITE_EXECUTOR": "slurm", "JOBSITE_SLURM_OPTIONS": "--qos=long '--exclude=n1,n2'"}
    settings = load(tmp_path, {**given, "JOBSITE_SLURM_PARTITION": "long,short"})
    assert settings.slurm_options == ("--qos=long", "--exclude=n1,n2")
    assert settings.slurm_partition == "long,short"
    for name, wrong in (("OPTIONS", "script.sh"), ("OPTIONS", "-p x"), ("ACCOUNT", "a b")):
        with pytest.raises(SettingsError, match=f"SLURM_{name}"):
            load(tmp_path, {f"JOBSITE_SLURM_{name}": wrong})
