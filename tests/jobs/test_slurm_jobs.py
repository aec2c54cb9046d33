"""Job requests on an instance whose jobs run on a cluster (setting EXECUTOR=slurm)."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jobsite.jobs.engine import Engine
from jobsite.jobs.executors import records
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.settings import Settings

from .conftest import Study, project_yaml
from .slurm_of_the_tests import IS_WANTED, NOT_WANTED, Cluster

if not IS_WANTED:
    pytest.skip(NOT_WANTED, allow_module_level=True)
pytestmark = pytest.mark.xdist_group("slurm")


@pytest.fixture
def settings(instance_of_a_cluster: Path) -> Settings:
    """Settings under which the study's actions run on the cluster."""
    return Settings(
        instance=instance_of_a_cluster / "instance",
        executor="slurm",
        slurm_partition="main",
        allowed_repos=(f"{instance_of_a_cluster}/repositories/",),
        runtimes={"python": (sys.executable,)},
    )


@pytest.fixture
def instance_of_a_cluster(tmp_path: Path, cluster: Cluster) -> Path:
    """Where the instance lies, once there is a cluster."""
    return tmp_path


def test_a_request_runs_on_the_cluster_and_a_job_ended_there_is_tried_again(
    cluster: Cluster,
    instance: Path,
    study: Study,
    engine: Engine,
    ask: Callable[..., JobRequest],
    run: Callable[[JobRequest], dict[str, Job]],
    run_until: Callable[[Callable[[], bool]], None],
) -> None:
    make = ("python:v2 make.py", [], {"moderately_sensitive": {"out": "out.txt"}})
    fail = ("python:v2 fail.py", ["make"], {"moderately_sensitive": {"out": "never.txt"}})
    study.commit(
        project__yaml=project_yaml(make=make, fail=fail),
        make__py="import time; time.sleep(3); open('out.txt', 'w').write('made on a node')",
        fail__py="raise SystemExit(3)",
    )
    request = ask("make", "fail")
    run_until(lambda: bool(Attempt.select().count()))
    attempt = Attempt.get()
    assert attempt.job.status_message == "Handed to the cluster, where it waits for room"
    folder = instance / "jobs" / attempt.job.identifier / attempt.identifier
    run_until(lambda: bool((records.read(folder, records.STAGE) or {}).get("stage") == "executing"))
    cluster.said("scancel", str(records.read(folder, records.CLUSTER)["number"]))
    jobs = run(request)
    assert jobs["make"].state == "succeeded", jobs["make"].status_message
    assert {one.read_text() for one in instance.rglob("out.txt")} == {"made on a node"}
    assert (jobs["fail"].state, jobs["fail"].status_code) == ("failed", "nonzero_exit")
    ends = Attempt.select().where(Attempt.job == jobs["make"]).order_by(Attempt.number)
    assert [one.fault for one in ends] == ["ended_from_outside", ""]
