"""The records in an attempt's folder: JSON files that are whole or absent (B59)."""

import json
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from jobsite.jobs.executors.processes import boot_id

SPEC = "spec.json"
STAGE = "stage.json"
PREPARED = "prepared.json"
EXIT = "exit.json"
SUPERVISOR = "supervisor.json"
CANCEL = "cancel.json"
SAMPLES = "samples"
LOG = "log"
CLUSTER = "cluster.json"
NODE_OUTPUT = "node-output"
TASK = "task.json"
FETCHED = "fetched.json"

_SAMPLE_WIDTH = 120


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def write(attempt_dir: str | os.PathLike[str], name: str, data: Any, *, flushed: bool = True) -> None:
    """Replaces the record: flushed to disk under another name, then renamed. Raises OSError (disk full).

    Without `flushed` a power cut, not a kill, may leave an empty one, which reads like none.
    """
    path = os.path.join(attempt_dir, name)
    half = os.path.join(attempt_dir, f".{name}.{threading.get_native_id()}")
    text = json.dumps(data, separators=(",", ":"))  # `dump` takes far longer
    with open(half, "wb", buffering=0) as file:
        _write_all(file.fileno(), text.encode("ascii"))
        if flushed:
            os.fsync(file.fileno())
    os.replace(half, path)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def read(attempt_dir: str | os.PathLike[str], name: str) -> dict[str, Any] | None:
    """The record, or None when it is absent or is not a JSON object."""
    try:
        with open(os.path.join(attempt_dir, name), "rb") as file:
            data = json.loads(file.read())
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def enter_stage(attempt_dir: str | os.PathLike[str], stage: str) -> None:
    """Records that `stage` was reached now, beside the times of the stages before it, and since which start of the
    machine it runs.

    Only "executing" forbids something: to start the program again. After a power cut an attempt that has not come so
    far is prepared anew, and one that has come further ends as one whose machine stopped, whether this is known or not.
    """
    times = (read(attempt_dir, STAGE) or {}).get("times", {})
    document = {"stage": stage, "times": {**times, stage: now()}, "boot": boot_id()}
    write(attempt_dir, STAGE, document, flushed=stage == "executing")


def append_sample(attempt_dir: str | os.PathLike[str], row: list[float]) -> None:
    """Adds one row to the samples; a row lost to a full disk is no loss to the job (B62)."""
    try:
        path = os.path.join(attempt_dir, SAMPLES)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:
        return
    with suppress(OSError), open(handle, "wb", buffering=0) as file:
        file.write(f"{json.dumps(row)}\n".encode("ascii"))


def last_lines(attempt_dir: str | os.PathLike[str], name: str, count: int) -> list[Any]:
    """The values on the last `count` whole lines of a file of JSON lines, read from its end."""
    try:
        with Path(attempt_dir, name).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - count * _SAMPLE_WIDTH))
            lines = file.read().split(b"\n")[:-1]
    except OSError:
        return []
    values = []
    for line in lines[-count:]:
        try:
            values.append(json.loads(line))
        except ValueError:
            continue
    return values
