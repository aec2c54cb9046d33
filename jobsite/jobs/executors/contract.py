"""What an executor is given, what it must do, and what it leaves behind (docs/executors.md).

Everything here is plain data: the server writes a spec, the supervisor of the attempt writes records, both
sides read them back from the attempt's folder. No process holds anything that a crash could lose.
"""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from jobsite.jobs.executors import records

STAGES = ("preparing", "prepared", "executing", "executed")

REASONS = ("exited", "cancelled", "time_limit", "out_of_memory", "disk_limit", "job_error", "platform")


@dataclass(frozen=True)
class InputFile:
    """A recorded output of another job that this job reads: `path` below /workspace, taken from the absolute
    file `source`, whose content must have this `sha256` (64 hex digits)."""

    path: str
    source: str
    sha256: str


@dataclass(frozen=True)
class Limits:
    """What an attempt may use. Bytes, whole or part CPUs, seconds. `grace_seconds` lie between the polite
    signal and the kill at a time limit; whoever cancels waits less."""

    memory_bytes: int = 4 * 1024**3
    cpus: float = 2.0
    processes: int = 512
    log_bytes: int = 1024**3
    disk_bytes: int = 100 * 1024**3
    time_seconds: float = 7 * 24 * 3600.0
    grace_seconds: float = 10.0


@dataclass(frozen=True)
class AttemptSpec:
    """One attempt of a job, complete: nothing else is looked up when it runs.

    `attempt_dir` (records and log) and `work_dir` (the job's files, /workspace inside) are absolute and
    distinct for every attempt (B44); `repo` is a bare git repository and `commit` a full object id. `argv[0]`
    is an absolute path of an interpreter or program of this machine; where `image` names an image, `argv` is
    what follows the image's own entry point. `engine` is the program that runs images (podman, docker), which
    fetches a missing one only if `pull`. `environment` is all the job sees beyond PATH, HOME, LANG and TZ; its
    values never appear on a command line. `network` is the way to the database for a database action: the name of the engine's
    network, in the sandbox what `database_network.ways` reads; "" is none. `read_only_binds` are further host paths the
    job may read. `is_database_action` and `labels` are recorded for people and for other executors. `task` is the order in the
    words of an agent that carries it out on another machine; then `repo` is an address, and nothing lies in `work_dir`.
    """

    attempt: str
    attempt_dir: str
    work_dir: str
    repo: str
    commit: str
    argv: tuple[str, ...]
    inputs: tuple[InputFile, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    read_only_binds: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    user: tuple[int, int] = (10000, 10000)
    executor: str = "sandbox"
    is_database_action: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    image: str = ""
    engine: str = ""
    pull: bool = False
    network: str = ""
    task: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The spec as plain data for spec.json; `from_json` gives an equal spec back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "AttemptSpec":
        """The spec that `as_json` wrote. Raises TypeError or KeyError for anything else."""
        return cls(
            **{
                **data,
                "argv": tuple(data["argv"]),
                "inputs": tuple(InputFile(**one) for one in data["inputs"]),
                "read_only_binds": tuple(data["read_only_binds"]),
                "limits": Limits(**data["limits"]),
                "user": (data["user"][0], data["user"][1]),
            }
        )


@dataclass(frozen=True)
class Exit:
    """How an attempt ended, as written once to exit.json.

    `reason` is one of REASONS. `exit_code` is the program's own (128 + number when a signal ended it; None
    when it never ran), `signal` the number of that signal. `sentence` is for the user of a `job_error`,
    `detail` for operators, `fault` the kind of a `platform` fault that is known to pass ("" for others). Times are microseconds since 1970, None when the program never started;
    `cpu_seconds` and `peak_memory_bytes` are what it used. `enforced` says by which means each limit held.
    `log_lines` counts the records of the log. `image` is the image of a container by its digest. `elsewhere` is what became of
    the outputs where an agent ran it (one of those in `agent`), "" where they are here.
    """

    reason: str
    exit_code: int | None = None
    signal: int | None = None
    sentence: str = ""
    detail: str = ""
    fault: str = ""
    started_at: int | None = None
    ended_at: int | None = None
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    limits: dict[str, Any] = field(default_factory=dict)
    enforced: dict[str, str] = field(default_factory=dict)
    log_lines: int = 0
    log_bytes: int = 0
    image: str = ""
    elsewhere: str = ""


@dataclass(frozen=True)
class Observation:
    """What can be known of an attempt now. `stage` is one of STAGES or None before the supervisor started,
    `times` the moment of each stage reached (microseconds since 1970). `alive`: its supervisor runs. `exit`:
    the record of its end. Neither alive nor exit: the supervisor was lost; `host_restarted` tells a reboot
    from a crash (B41)."""

    stage: str | None
    alive: bool
    exit: Exit | None
    times: dict[str, int] = field(default_factory=dict)
    host_restarted: bool = False


@dataclass(frozen=True)
class Sample:
    """Use of the machine at `time` (microseconds since 1970): CPU seconds since the start, bytes,
    processes."""

    time: int
    cpu_seconds: float
    memory_bytes: int
    processes: int


@dataclass(frozen=True)
class Sweep:
    """What a sweep did: names of removed folders, and (name, why not) of those it could not remove."""

    removed: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]


class Refused(Exception):
    """An executor cannot do what was asked; the text is a sentence for people, `fault` the kind of fault of a job that could
    not be launched."""

    fault = "not_launched"


class Executor(Protocol):
    """The verbs every executor has. All may be called at any time, repeatedly, after any crash.

    `launched` is what people read of a job until its supervisor has begun, "" for the usual.
    """

    launched: str

    def available(self) -> str | None:
        """1. None when jobs can run here, else a sentence that says what is missing and how to mend it."""

    def launch(self, spec: AttemptSpec) -> None:
        """2. Sees to it that the attempt has exactly one supervisor or an exit record. When it returns,
        `observe` finds one of the two. An attempt whose program had been started is never started a second
        time. Raises Refused when no supervisor could be started."""

    def observe(self, attempt_dir: str | os.PathLike[str]) -> Observation:
        """3. Reads the records; changes nothing; never fails for missing or half-made records."""

    def cancel(self, attempt_dir: str | os.PathLike[str]) -> None:
        """4. Asks for the end and returns at once. The wish is on disk: it holds for a supervisor that starts
        later. The polite signal goes first, the kill after the grace. `observe` gives an exit once every
        process is gone."""

    def kill_now(self, attempt_dir: str | os.PathLike[str]) -> None:
        """5. Like cancel without the grace, and returns only when no process of the attempt is left."""

    def clean(self, spec: AttemptSpec) -> None:
        """6. Removes the attempt's work directory and processes left behind. Never follows a link. Raises
        Refused while the attempt runs, or with the reason why something stays."""

    def sweep(
        self, work_root: str | os.PathLike[str], active: Callable[[], set[str]], *, dry_run: bool = False
    ) -> Sweep:
        """7. Cleans every directory of `work_root` that belongs to no attempt in `active()` (B26); with `dry_run`
        only says which. It is asked after the directories were listed, so one that is made meanwhile, for an
        attempt that is stored already, is never taken for an old one."""


def read_spec(attempt_dir: str | os.PathLike[str]) -> AttemptSpec:
    """The spec of the attempt. Raises Refused when there is none that can be read."""
    try:
        return AttemptSpec.from_json(records.read(attempt_dir, records.SPEC) or {})
    except (KeyError, TypeError, ValueError) as problem:
        raise Refused(f"spec.json of {Path(attempt_dir).name} cannot be read: {problem!r}") from None


def read_exit(attempt_dir: str | os.PathLike[str]) -> Exit | None:
    """The exit record, or None when there is none yet."""
    data = records.read(attempt_dir, records.EXIT)
    return (
        None
        if data is None
        else Exit(**{name: data[name] for name in Exit.__dataclass_fields__ if name in data})
    )


def read_samples(attempt_dir: str | os.PathLike[str], count: int = 1) -> list[Sample]:
    """The latest `count` samples, oldest first; empty before the first one. Reads only the end of the
    file."""
    lines = records.last_lines(attempt_dir, records.SAMPLES, count)
    return [Sample(*row) for row in lines if isinstance(row, list) and len(row) == 4]
