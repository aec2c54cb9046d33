"""How an attempt ended of which no supervisor has left a record: by what the cluster says of its job."""

from pathlib import Path

from jobsite.jobs.executors import records
from jobsite.jobs.executors.contract import AttemptSpec, Exit
from jobsite.jobs.executors.slurm_cluster import ClusterJob

_NODE = ("NODE_FAIL", "BOOT_FAIL")
_FROM_OUTSIDE = ("CANCELLED", "DEADLINE", "PREEMPTED", "REVOKED", "TIMEOUT")
_STOPPED = "A platform fault stopped it."
_NOT_STARTED = "A platform fault: the program could not be started."


def end_of(spec: AttemptSpec, job: ClusterJob | None) -> Exit | None:
    """The end, where `job` is what the cluster knows of the last order (None: nothing); None for an attempt that is to be
    given to the cluster: it has had no order, or the order is lost and its program had not been started."""
    stage = (records.read(spec.attempt_dir, records.STAGE) or {}).get("stage")
    started = stage in ("executing", "executed")
    if records.read(spec.attempt_dir, records.CANCEL) and not started:
        return _end("cancelled", "Stopped before it was started: it was cancelled.")
    if job is None:
        said = "the cluster does not know the job any more"
        return _end("platform", _STOPPED, said, "supervisor_lost") if started else None
    detail = f"job {job.number} of the cluster: {job.state} {job.nodes}".strip()
    if job.state == "OUT_OF_MEMORY" and started:
        gigabytes = spec.limits.memory_bytes / 1024**3
        return _end("out_of_memory", f"Job ran out of memory (limit was {gigabytes:.2f}GB).", detail)
    if job.state in _NODE:
        return _end("platform", _STOPPED, detail, "node_lost")
    if job.state in _FROM_OUTSIDE:
        return _end("platform", _STOPPED, detail, "ended_from_outside")
    if stage:
        return _end("platform", _STOPPED, detail, "supervisor_lost")
    return _end("platform", _NOT_STARTED, f"{detail}: {_last_words(spec)}", "not_launched")


def _end(reason: str, sentence: str, detail: str = "", fault: str = "") -> Exit:
    return Exit(reason, sentence=sentence, detail=detail, fault=fault, ended_at=records.now())


def _last_words(spec: AttemptSpec) -> str:
    """What the job wrote on the node before it had a log."""
    try:
        said = Path(spec.attempt_dir, records.NODE_OUTPUT).read_bytes()[-1000:]
    except OSError:
        return "it said nothing"
    return said.decode("utf-8", "replace").strip() or "it said nothing"
