"""The executor `slurm`: each attempt is a job of an existing cluster, where its supervisor makes the sandbox (settings
EXECUTOR and SLURM_…). Instance, jobsite and runtimes lie at the same paths on all nodes.

The verbs and what they promise are those of `contract.Executor`. What the cluster was asked stands in `cluster.json`
before it is asked, with a ticket that a supervisor must have to begin: so an order may be given again when nobody
knows what became of it, and the program still runs once.
"""

import fcntl
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from jobsite.jobs.executors import processes, records, slurm_cluster
from jobsite.jobs.executors.contract import AttemptSpec, Observation, Refused, Sweep, read_exit
from jobsite.jobs.executors.sandbox import Sandbox, leave_wish
from jobsite.jobs.executors.slurm_cluster import ClusterJob, NotTaken, Unreachable
from jobsite.jobs.executors.slurm_ending import end_of
from jobsite.jobs.executors.slurm_order import cluster_options, instance_name, script
from jobsite.jobs.executors.slurm_queue import queue
from jobsite.jobs.logs.writer import LogWriter

_LAST_WORD = 20.0
_KILLED = 60.0
_RECORD_ON_ITS_WAY = 60.0
_ASK_AGAIN = 5.0
_LOOK = 0.1


@dataclass(frozen=True)
class Order:
    """What was asked of the cluster for an attempt: under which name and label, with which ticket, after which moment
    (monotonic clock of this start of the machine), and the number of the job once it is known."""

    name: str
    label: str
    ticket: str
    moment: float
    boot: str
    number: int | None = None

    @property
    def since(self) -> float:
        """The moment after which the cluster must have been asked for the answer to be about this order."""
        return self.moment if self.boot == processes.boot_id() else 0.0


class Slurm(Sandbox):
    """Runs attempts on a cluster. Holds no state, as the sandbox does not."""

    name = "slurm"
    launched = "Handed to the cluster, where it waits for room"

    def __init__(self, partition: str = "", account: str = "", options: tuple[str, ...] = ()) -> None:
        self._options = cluster_options(partition, account, options)

    def available(self) -> str | None:
        """A sentence that names what is missing on this machine, or None, also while the cluster does not answer."""
        missing = slurm_cluster.missing_programs()
        return (
            f"Slurm's {', '.join(missing)} cannot be found, so no job can be run here; install them with: "
            "apt-get install slurm-client."
            if missing
            else None
        )

    def launch(self, spec: AttemptSpec) -> None:
        """Hands the attempt to the cluster, unless that has it or it has ended. While the cluster does not answer nothing
        is decided: the attempt counts as alive, and is launched again. Raises Refused when it is not taken."""
        if not all(map(os.path.isabs, (spec.attempt_dir, spec.work_dir, spec.repo, *self._programs(spec)))):
            raise Refused(f"The paths in the spec of {spec.attempt} must be absolute.")
        folder = Path(spec.attempt_dir)
        folder.mkdir(parents=True, exist_ok=True)
        spec = replace(spec, executor=self.name)
        with _one_at_a_time(folder), suppress(Unreachable):
            before = _order(folder)
            job = _now(before) if before else None
            if read_exit(folder) or (job and job.may_run) or self._settled(spec, before, job):
                return
            self._submit(spec, folder)

    def observe(self, attempt_dir: str | os.PathLike[str]) -> Observation:
        """What the records say now, and the cluster said last. Never waits for the cluster."""
        order = None if read_exit(attempt_dir) else _order(attempt_dir)
        may_run = order is not None and _may_run(order)
        stage = records.read(attempt_dir, records.STAGE) or {}
        # After the cluster: a supervisor that ended in between has left its record.
        end = read_exit(attempt_dir)
        return Observation(stage.get("stage"), may_run and end is None, end, stage.get("times", {}))

    def cancel(self, attempt_dir: str | os.PathLike[str]) -> None:
        """Asks for the end; goes on asking beside until the cluster has heard it and the attempt has ended."""
        leave_wish(attempt_dir, None)
        if _order(attempt_dir):
            _insist_beside(attempt_dir)

    def kill_now(self, attempt_dir: str | os.PathLike[str]) -> None:
        """Ends the attempt and all its processes before it returns, if the cluster answers within half a minute or so."""
        leave_wish(attempt_dir, 0.0)
        order = _order(attempt_dir)
        if order is None or read_exit(attempt_dir):
            return
        with suppress(Unreachable):
            _deliver(order)
            if not _wait(lambda: read_exit(attempt_dir) or not _runs_now(order), _LAST_WORD):
                _kill(order.name, lambda label: label == order.label)

    def clean(self, spec: AttemptSpec) -> None:
        """Removes what the attempt left but its records. Raises Refused."""
        order = _order(spec.attempt_dir)
        try:
            if order and read_exit(spec.attempt_dir) is None and _runs_now(order):
                raise Refused(f"{spec.attempt} still runs.")
        except Unreachable as problem:
            raise Refused(f"{spec.attempt} may still run: the cluster does not answer ({problem}).") from None
        super().clean(spec)

    def sweep(
        self, work_root: str | os.PathLike[str], active: Callable[[], set[str]], *, dry_run: bool = False
    ) -> Sweep:
        """Ends the jobs of the cluster that no active attempt owns, then removes the directories."""
        name = instance_name(os.fspath(work_root))
        failed: list[tuple[str, str]] = []
        left_behind: set[str] = set()
        try:
            found = {_attempt(one.label) for one in queue(name).after(time.monotonic()).jobs if one.may_run}
            left_behind = found - active()
            if left_behind and not dry_run:
                _kill(name, lambda label: _attempt(label) in left_behind)
        except (Unreachable, Refused) as problem:
            failed.append(("cluster", str(problem)))
        swept = super().sweep(work_root, active, dry_run=dry_run)
        removed = {*swept.removed, *left_behind} if dry_run else swept.removed
        return Sweep(tuple(sorted(removed)), (*failed, *swept.failed))

    def _submit(self, spec: AttemptSpec, folder: Path) -> None:
        """Raises Refused, and Unreachable when it is not known whether the cluster has taken it."""
        ticket = secrets.token_hex(8)
        name = instance_name(os.path.dirname(spec.work_dir))
        boot = processes.boot_id()
        order = Order(name, f"{spec.attempt}:{ticket}", ticket, time.monotonic(), boot)
        records.write(folder, records.SPEC, spec.as_json(), flushed=False)
        records.write(folder, records.CLUSTER, asdict(order))
        words = script(spec, name=name, label=order.label, options=self._options)
        try:
            number = slurm_cluster.submit(f"#!/bin/sh\nexec {words.command} {ticket}\n", words.options)
        except NotTaken as problem:
            (folder / records.CLUSTER).unlink()
            raise Refused(f"The cluster does not take {spec.attempt}: {problem}.") from None
        order = replace(order, number=number, moment=time.monotonic())
        records.write(folder, records.CLUSTER, asdict(order))
        if records.read(folder, records.CANCEL):
            _insist_beside(folder)

    def _settled(self, spec: AttemptSpec, order: Order | None, job: ClusterJob | None) -> bool:
        """Writes the end of an attempt that the cluster does not run and that must not be given to it again; whether it
        was so. Raises Unreachable."""
        folder = Path(spec.attempt_dir)
        if order and job and job.state == "COMPLETED":
            # It has left its record; a shared file system may show it a little later.
            _wait(lambda: os.listdir(folder) and read_exit(folder), _RECORD_ON_ITS_WAY)
        if read_exit(folder):
            return True
        if order and job is None and order.number is not None:
            job = slurm_cluster.accounted(order.number)
        end = end_of(spec, job)
        if end is None:
            return False
        if order:  # a supervisor that comes late must not begin
            records.write(folder, records.CLUSTER, asdict(replace(order, ticket="")))
        records.write(folder, records.SPEC, spec.as_json(), flushed=False)
        log = LogWriter(folder / records.LOG, spec.limits.log_bytes)
        log.note(end.sentence)
        log.close()
        end = replace(end, log_lines=log.lines, log_bytes=log.raw_size)
        records.write(folder, records.EXIT, asdict(end))
        return True

    def _end_left_behind(self, work_dir: str) -> None:
        super()._end_left_behind(work_dir)
        attempt = os.path.basename(work_dir)
        try:
            _kill(instance_name(os.path.dirname(work_dir)), lambda label: _attempt(label) == attempt)
        except Unreachable as problem:
            raise Refused(f"{attempt} may still run: the cluster does not answer ({problem}).") from None


def _order(attempt_dir: str | os.PathLike[str]) -> Order | None:
    found: dict[str, Any] | None = records.read(attempt_dir, records.CLUSTER)
    try:
        return Order(**found) if found else None
    except TypeError:
        return None


def _attempt(label: str) -> str:
    return label.partition(":")[0]


def _now(order: Order) -> ClusterJob | None:
    """What the cluster knows of the order at this moment. Raises Unreachable."""
    return queue(order.name).after(time.monotonic()).find(order.number, order.label)


def _runs_now(order: Order) -> bool:
    job = _now(order)
    return job is not None and job.may_run


def _may_run(order: Order) -> bool:
    """Whether it runs or waits by what is known; while that is not known, yes."""
    seen = queue(order.name).known(order.since)
    if seen is None:
        return True
    job = seen.find(order.number, order.label)
    return job is not None and job.may_run


def _deliver(order: Order) -> None:
    """Tells the supervisor that there is a wish to read, or takes the job out of the queue. Raises Unreachable."""
    job = _now(order)
    if job and job.may_run:
        slurm_cluster.end_waiting(job.number)
        slurm_cluster.ask_to_end(job.number)


def _insist_beside(attempt_dir: str | os.PathLike[str]) -> None:
    threading.Thread(target=_insist, args=(attempt_dir,), name="cancels", daemon=True).start()


def _insist(attempt_dir: str | os.PathLike[str]) -> None:
    """Delivers the wish until the attempt has ended: the cluster may be away, or the job on its way to a node."""
    while read_exit(attempt_dir) is None and (order := _order(attempt_dir)) and _may_run(order):
        with suppress(Unreachable):
            _deliver(order)
        time.sleep(_ASK_AGAIN)


def _kill(name: str, is_meant: Callable[[str], bool]) -> None:
    """Ends the jobs with these labels. Raises Unreachable, and Refused when the cluster does not get them ended."""

    def left() -> list[ClusterJob]:
        return [
            one for one in queue(name).after(time.monotonic()).jobs if one.may_run and is_meant(one.label)
        ]

    for job in left():
        slurm_cluster.kill(job.number)
    if not _wait(lambda: not left(), _KILLED):
        raise Refused("The cluster has not ended a job yet.")


def _wait(condition: Callable[[], object], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK)
    return True


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Others who launch the same attempt wait: here, not on the nodes."""
    handle = os.open(folder / "launch.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
