"""What only a cluster does: it waits, loses, forgets and is away, and still nothing runs twice (docs/executors.md, Slurm)."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from jobsite.jobs.executors import records
from jobsite.jobs.executors.contract import AttemptSpec, Refused
from jobsite.jobs.executors.slurm import Slurm
from jobsite.jobs.executors.slurm_cluster import submit
from jobsite.jobs.executors.slurm_order import instance_name

from ..slurm_of_the_tests import IS_WANTED, NOT_WANTED, Cluster
from .conftest import Study, ended, log_shows, output, run, until

if not IS_WANTED:
    pytest.skip(NOT_WANTED, allow_module_level=True)
pytestmark = pytest.mark.xdist_group("slurm")
HELD = ("--hold",)
FOR_EVER = "import time\nprint('up', flush=True)\ntime.sleep(1000)\n"


@pytest.fixture
def slurm(cluster: Cluster, study: Study) -> Slurm:
    """The executor on the cluster of the tests."""
    study.executor = Slurm()
    return study.executor


def number(spec: AttemptSpec) -> int:
    """The number of the attempt's job."""
    return records.read(spec.attempt_dir, records.CLUSTER)["number"]


def state(cluster: Cluster, job: int) -> str:
    """Slurm's word for what has become of it."""
    return cluster.said("squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T")


def not_alive(executor: Slurm, spec: AttemptSpec) -> bool:
    """Whether the attempt is known to run no more."""
    return not executor.observe(spec.attempt_dir).alive


def test_an_order_whose_answer_was_lost_is_found_again(slurm: Slurm, study: Study, cluster: Cluster) -> None:
    spec = study.script("print('ran')")
    Slurm(options=HELD).launch(spec)
    job = number(spec)
    order = records.read(spec.attempt_dir, records.CLUSTER)
    records.write(spec.attempt_dir, records.CLUSTER, {**order, "number": None})
    slurm.launch(spec)
    assert slurm.observe(spec.attempt_dir).alive
    name = instance_name(os.path.dirname(spec.work_dir))
    assert cluster.said("squeue", "--noheader", f"--name={name}", "--format=%A").split() == [str(job)]
    cluster.said("scontrol", "release", str(job))
    assert ended(slurm, spec).exit_code == 0
    assert output(spec) == b"ran\n"


def test_an_order_that_comes_late_does_not_run_beside_the_new_one(
    slurm: Slurm, study: Study, cluster: Cluster
) -> None:
    spec = study.script("print('ran')")
    Slurm(options=HELD).launch(spec)
    late = number(spec)
    order = records.read(spec.attempt_dir, records.CLUSTER)
    unknown = {**order, "number": None, "label": "as if the cluster did not have it yet"}
    records.write(spec.attempt_dir, records.CLUSTER, unknown)
    until(lambda: not_alive(slurm, spec))
    slurm.launch(spec)
    assert number(spec) != late
    cluster.said("scontrol", "release", str(late))
    until(lambda: state(cluster, late) == "FAILED")
    end = ended(slurm, spec)
    assert (end.reason, end.exit_code) == ("exited", 0)
    assert output(spec) == b"ran\n"


def test_a_job_that_waits_in_the_queue_is_cancelled_there(
    slurm: Slurm, study: Study, cluster: Cluster
) -> None:
    spec = study.script("print('ran')")
    Slurm(options=HELD).launch(spec)
    assert slurm.observe(spec.attempt_dir).alive
    with pytest.raises(Refused, match="still runs"):
        slurm.clean(spec)
    slurm.cancel(spec.attempt_dir)
    until(lambda: not_alive(slurm, spec))
    assert state(cluster, number(spec)) == "CANCELLED"
    slurm.launch(spec)
    end = slurm.observe(spec.attempt_dir).exit
    assert (end.reason, end.exit_code) == ("cancelled", None)
    assert output(spec) == b""


def test_what_somebody_else_ends_is_not_the_users_fault(slurm: Slurm, study: Study, cluster: Cluster) -> None:
    spec = study.script("print('ran')")
    Slurm(options=HELD).launch(spec)
    cluster.said("scancel", str(number(spec)))
    until(lambda: not_alive(slurm, spec))
    end = run(slurm, spec)
    assert (end.reason, end.fault) == ("platform", "ended_from_outside")
    assert "CANCELLED" in end.detail


def test_an_order_that_the_cluster_refuses_is_refused_in_its_words(slurm: Slurm, study: Study) -> None:
    spec = study.script("")
    with pytest.raises(Refused, match=r"does not take job1-001: .*invalid partition"):
        Slurm(partition="nowhere").launch(spec)
    assert slurm.observe(spec.attempt_dir).alive is False
    assert run(slurm, spec).exit_code == 0, "it may be tried again"


def test_what_fails_on_the_node_before_the_log_is_told(slurm: Slurm, study: Study) -> None:
    spec = study.script("")
    Slurm(options=HELD).launch(spec)
    order = records.read(spec.attempt_dir, records.CLUSTER)
    node_output = f"{spec.attempt_dir}/{records.NODE_OUTPUT}"
    name = f"--job-name={order['name']}"
    broken = submit("#!/bin/sh\necho no Python here\nexit 127\n", [name, f"--output={node_output}"])
    slurm.kill_now(spec.attempt_dir)
    Path(spec.attempt_dir, records.CANCEL).unlink()
    records.write(spec.attempt_dir, records.CLUSTER, {**order, "number": broken, "label": ""})
    until(lambda: not_alive(slurm, spec))
    end = run(slurm, spec)
    assert (end.reason, end.fault) == ("platform", "not_launched")
    assert "FAILED" in end.detail
    assert "no Python here" in end.detail


def test_the_cluster_is_asked_once_for_all_jobs(
    slurm: Slurm, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = [study.script("") for _ in range(4)]
    for spec in specs:
        Slurm(options=HELD).launch(spec)
    asked = tmp_path / "asked"
    (tmp_path / "squeue").write_text(f'#!/bin/sh\necho >>{asked}\nexec /usr/bin/squeue "$@"\n')
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    looks = 0
    while not asked.exists() or asked.read_text().count("\n") < 2:
        assert all(slurm.observe(spec.attempt_dir).alive for spec in specs)
        looks += 1
    assert looks > 20, "two questions answered all of these"
    assert slurm.sweep(study.root / "work", active=set).failed == ()
    until(lambda: all(not_alive(slurm, spec) for spec in specs))


def test_while_the_controller_is_away_nothing_fails_and_afterwards_all_goes_on(
    slurm: Slurm, study: Study, cluster: Cluster
) -> None:
    running = study.script("print('up', flush=True); import time; time.sleep(5)")
    to_cancel, new = study.script(FOR_EVER), study.script("print('new')")
    for spec in (running, to_cancel):
        slurm.launch(spec)
    until(lambda: log_shows(running, b"up") and log_shows(to_cancel, b"up"))
    cluster.kill("slurmctld", signal.SIGTERM)
    try:
        slurm.launch(new)
        slurm.cancel(to_cancel.attempt_dir)
        with pytest.raises(Refused, match="does not answer"):
            slurm.clean(to_cancel)
        assert ended(slurm, running).exit_code == 0, "records need no controller"
        seen = slurm.observe(new.attempt_dir)
        assert (seen.alive, seen.exit) == (True, None)
        assert slurm.observe(to_cancel.attempt_dir).alive
    finally:
        cluster.start_controller()
    assert ended(slurm, to_cancel).reason == "cancelled"
    until(lambda: not_alive(slurm, new))
    assert run(slurm, new).exit_code == 0
    assert output(new) == b"new\n"


def test_a_job_that_the_controller_has_lost_is_given_to_it_again(
    slurm: Slurm, study: Study, cluster: Cluster
) -> None:
    spec = study.script("print('ran')")
    Slurm(options=HELD).launch(spec)
    cluster.kill("slurmctld")
    for kept in (cluster.folder / "state").glob("job_state*"):
        kept.unlink()
    cluster.start_controller()
    until(lambda: not_alive(slurm, spec))
    end = run(slurm, spec)
    assert (end.reason, end.exit_code) == ("exited", 0)
    assert output(spec) == b"ran\n"


def test_a_lost_node_is_a_fault_that_passes(slurm: Slurm, study: Study, cluster: Cluster) -> None:
    spec = study.script(FOR_EVER)
    slurm.launch(spec)
    until(lambda: log_shows(spec, b"up"))
    node = cluster.said("squeue", "--noheader", f"--jobs={number(spec)}", "--format=%N")
    supervisor = records.read(spec.attempt_dir, records.SUPERVISOR)["pid"]
    step = int(Path(f"/proc/{supervisor}/stat").read_text().rpartition(")")[2].split()[1])
    cluster.kill(f"slurmd_{node}")
    os.kill(step, signal.SIGKILL)  # it would tell the controller that the job has ended
    os.kill(supervisor, signal.SIGKILL)
    try:
        cluster.until(lambda: not_alive(slurm, spec))
        end = run(slurm, spec)
        assert (end.reason, end.fault) == ("platform", "node_lost")
        assert f"NODE_FAIL {node}" in end.detail
        assert output(spec) == b"up\n"
    finally:
        cluster.start_node(node)
        cluster.until(lambda: cluster.said("sinfo", "-h", "-n", node, "-o", "%T") == "idle")


def test_an_order_names_its_limits(slurm: Slurm, study: Study, cluster: Cluster) -> None:
    spec = study.script("", limits={"cpus": 1.5, "memory_bytes": 100 * 2**20, "time_seconds": 3600.0})
    Slurm(partition="main", options=(*HELD, "--mem=1G", "--nice=5")).launch(spec)
    told = subprocess.run(
        ["scontrol", "show", "job", str(number(spec))], capture_output=True, text=True, check=True
    ).stdout
    for words in ("NumCPUs=2", "mem=228M", "TimeLimit=01:16:00", "Partition=main", "Nice=5", "Requeue=0"):
        assert words in told
    assert f"Comment={spec.attempt}:" in told
