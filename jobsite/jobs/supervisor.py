"""The small process that carries one attempt from its spec to its exit record (§4.3, §7).

It outlives the server: its own session, nothing shared but the attempt's folder. Exactly one exists for an
attempt (a lock held while it lives). If it dies, the sandbox dies with it. It imports nothing of the web or
the database, so that it starts in a few dozen milliseconds.
"""

import fcntl
import os
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from jobsite.jobs import preparing
from jobsite.jobs.executors import cgroups, containing, processes, records, seccomp, starting
from jobsite.jobs.executors.contract import AttemptSpec, Exit, read_exit, read_spec
from jobsite.jobs.executors.following import Follower, StopWish
from jobsite.jobs.faults import kind_of_error
from jobsite.jobs.logs.writer import LogWriter

_NO_ROOM = 1024 * 1024
_LAST_SIGNAL = 192
_START: dict[str, Callable[[AttemptSpec, cgroups.Group | None], starting.Started]] = {
    "sandbox": starting.start_sandbox,
    "unsafe": starting.start_unsafe,
    "container": containing.start_container,
    "slurm": starting.start_sandbox,
}


def main(attempt_dir: str) -> None:
    """Detaches from the caller, which gets exit status 0 once the attempt has a supervisor (this or an
    earlier one) or an exit record, and runs the attempt to its end. Problems before that go to standard error
    with status 1."""
    ready, say_ready = os.pipe()
    if os.fork():
        os.close(say_ready)
        os._exit(0 if os.read(ready, 1) else 1)
    os.close(ready)

    def say() -> None:
        os.write(say_ready, b"r")
        os.close(say_ready)

    carry(attempt_dir, say)


def carry(attempt_dir: str, say_ready: Callable[[], None]) -> None:
    """Runs the attempt to its end, in a process of its own session made for it, unless another one does. Calls
    `say_ready` once the attempt has a supervisor or an exit record. Raises OSError before that."""
    os.umask(0o027)
    lock = os.open(Path(attempt_dir, "supervisor.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    # Until StopWish takes over: who asks for the end leaves the wish on disk before it sends the signal.
    signal.signal(signal.SIGTERM, lambda *_: None)
    if _is_first(lock, attempt_dir):
        restarted = _lost_with_the_machine(attempt_dir)
        # Not flushed: a power cut leaves no supervisor to be found, and the stage tells of the machine's start.
        records.write(attempt_dir, records.SUPERVISOR, processes.identity(os.getpid()), flushed=False)
        _leave_caller(say_ready)
        _run(attempt_dir, "host_restarted" if restarted else "supervisor_lost")
    else:
        _leave_caller(say_ready)


def _is_first(lock: int, attempt_dir: str) -> bool:
    """Whether this process is to run the attempt. If another one is about to, waits until it can be
    observed."""
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return read_exit(attempt_dir) is None
        except BlockingIOError:
            if processes.is_alive(records.read(attempt_dir, records.SUPERVISOR)):
                return False
            time.sleep(0.01)


def _lost_with_the_machine(attempt_dir: str) -> bool:
    """Whether an earlier supervisor of the attempt ended because the machine did (B41)."""
    here = processes.boot_id()
    earlier = (records.read(attempt_dir, name) or {} for name in (records.SUPERVISOR, records.STAGE))
    return any(one.get("boot", here) != here for one in earlier)


def _leave_caller(say_ready: Callable[[], None]) -> None:
    say_ready()
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    os.chdir("/")


def _run(attempt_dir: str, lost_by: str) -> None:
    """The attempt from its spec to its exit record, whatever happens. `lost_by`: what ended an earlier supervisor,
    if there was one."""
    try:
        spec = read_spec(attempt_dir)
        wish = StopWish(spec)
        log = LogWriter(Path(attempt_dir, records.LOG), spec.limits.log_bytes)
        end = _carry_out(spec, wish, log, lost_by)
        log.note(end.sentence)
        log.close()
        end = replace(end, log_lines=log.lines, log_bytes=log.raw_size)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the record must say so
        starting.kill_descendants()
        fault = kind_of_error(problem)
        end = Exit("platform", detail=traceback.format_exc(), fault=fault, ended_at=records.now())
    records.write(attempt_dir, records.EXIT, asdict(end))


def _carry_out(spec: AttemptSpec, wish: StopWish, log: LogWriter, lost_by: str) -> Exit:
    """Prepares and runs the program, unless an earlier supervisor has already started it: nothing runs
    twice."""
    earlier = records.read(spec.attempt_dir, records.STAGE)
    if earlier:
        _end_left_behind(spec)
        if earlier.get("stage") in ("executing", "executed"):
            said = "the supervisor was lost while the program ran"
            return replace(_unstarted("platform", "A platform fault stopped it.", said), fault=lost_by)
    try:
        records.enter_stage(spec.attempt_dir, "preparing")
        if spec.executor == "container":
            spec = containing.with_pinned_image(spec, lambda: wish.grace() is not None)
        files, inputs = preparing.prepare(spec, lambda: wish.grace() is not None)
        records.enter_stage(spec.attempt_dir, "prepared")
        log.note(f"Prepared {files} files of commit {spec.commit[:12]} and {inputs} inputs.")
        if wish.grace() is not None:
            raise preparing.Stopped
        return _unless_disk_full(spec, _execute(spec, wish, log))
    except preparing.Stopped:
        return _unstarted("cancelled", "Stopped before it was started: it was cancelled.")
    except preparing.JobError as problem:
        return _unstarted("job_error", str(problem))
    except containing.ImageAway as problem:
        away = _unstarted("platform", "A platform fault: its image could not be fetched.", str(problem))
        return replace(away, fault=problem.fault)
    except starting.NotStarted as problem:
        if _ended_with_its_cluster(spec, wish):
            return _unstarted("cancelled", "Stopped while it was started: its job in the cluster was ended.")
        return _unstarted("platform", "A platform fault: the program could not be started.", str(problem))
    except starting.Lost as problem:
        lost = _unstarted("platform", "A platform fault stopped it.", str(problem))
        return replace(lost, fault="ended_from_outside")


def _unless_disk_full(spec: AttemptSpec, end: Exit) -> Exit:
    """The end of a program; where it failed beside a full disk of the server, that was the reason, and passes."""
    if end.reason != "exited" or end.exit_code == 0 or not _is_disk_full(spec.work_dir):
        return end
    said = f"the disk of the server was full when the program ended with exit code {end.exit_code}"
    sentence = "A platform fault: the disk of the server is full."
    return replace(end, reason="platform", fault="disk_full", sentence=sentence, detail=said)


def _is_disk_full(place: str) -> bool:
    disk = os.statvfs(place)
    return disk.f_bavail * disk.f_frsize < _NO_ROOM or (disk.f_files > 0 and disk.f_favail == 0)


def _end_left_behind(spec: AttemptSpec) -> None:
    """Ends what an earlier supervisor of the attempt has left running."""
    if spec.executor == "container":
        containing.end_left_behind(spec.engine, spec.work_dir)
    else:
        starting.kill_left_behind(spec.work_dir)


def _unstarted(reason: str, sentence: str, detail: str = "") -> Exit:
    return Exit(reason, sentence=sentence, detail=detail, ended_at=records.now())


def _execute(spec: AttemptSpec, wish: StopWish, log: LogWriter) -> Exit:
    group, cpus = _limit(spec)
    started, clock = records.now(), time.monotonic()
    # Before the program can run: who finds this stage without a supervisor knows that it must not be started
    # again.
    records.enter_stage(spec.attempt_dir, "executing")
    log.note(f"Running {_command_line(spec)}")
    log.flush()
    try:
        running = _START[spec.executor](spec, group)
        follower = Follower(spec, running, log, wish)
        follower.follow()
        code, cpu_seconds, largest = running.wait(follower.last_words)
        out_of_memory = code != 0 and running.ran_out_of_memory()
    finally:
        if group:
            group.remove()
    records.enter_stage(spec.attempt_dir, "executed")
    ended_with_it = code != 0 and _ended_with_its_cluster(spec, wish)
    why = "out_of_memory" if out_of_memory else "cancelled" if ended_with_it else "exited"
    reason = follower.reason or why
    seconds = time.monotonic() - clock
    return Exit(
        reason,
        exit_code=code,
        signal=code - 128 if 128 < code <= _LAST_SIGNAL else None,
        sentence=_sentence(spec, reason, code, seconds),
        started_at=started,
        ended_at=started + int(seconds * 1_000_000),
        cpu_seconds=round(cpu_seconds, 3),
        peak_memory_bytes=max(follower.peak_memory, largest),
        limits=asdict(spec.limits),
        enforced=_enforced(spec, running.group, cpus),
        image=spec.image,
    )


def _ended_with_its_cluster(spec: AttemptSpec, wish: StopWish) -> bool:
    """Whether a program that is gone was ended by its cluster: that signals all processes of a job at once, so that
    the program may be gone before the signal to the supervisor is looked at."""
    return spec.executor == "slurm" and wish.grace() is not None


def _limit(spec: AttemptSpec) -> tuple[cgroups.Group | None, str]:
    """The control group for the attempt and how its CPUs are limited; an engine of containers has its own."""
    if spec.executor == "container":
        return None, "cgroup"
    group = cgroups.make(spec.attempt, spec.limits)
    return group, "cgroup" if group and "cpu" in group.holds else starting.keep_to_cpus(spec.limits.cpus)


def _command_line(spec: AttemptSpec) -> str:
    first = spec.image if spec.executor == "container" else Path(spec.argv[0]).name
    return " ".join([first, *spec.argv[0 if spec.executor == "container" else 1 :]])


def _enforced(spec: AttemptSpec, group: cgroups.Group | None, cpus: str) -> dict[str, str]:
    """By which means each limit and wall holds for this attempt."""
    held = group.holds if group else ()
    walls = {"unsafe": "none", "container": spec.engine}.get(spec.executor, "bubblewrap")
    filters = walls != "bubblewrap" or seccomp.filter_program()
    return {
        "memory": "cgroup" if "memory" in held else "watch",
        "cpus": "none" if cpus == "cgroup" and "cpu" not in held else cpus,
        "processes": "cgroup" if "pids" in held else "rlimit",
        "disk": "watch",
        "walls": walls,
        "system_calls": "seccomp" if walls != "none" and filters else "none",
    }


def _sentence(spec: AttemptSpec, reason: str, code: int, seconds: float) -> str:
    limits = spec.limits
    return {
        "exited": f"Ended with exit code {code} after {seconds:.1f} s.",
        "cancelled": f"Stopped after {seconds:.1f} s: it was cancelled.",
        "time_limit": f"Stopped at the time limit of {limits.time_seconds:g} s.",
        "out_of_memory": f"Job ran out of memory (limit was {limits.memory_bytes / 1024**3:.2f}GB).",
        "disk_limit": f"Stopped: its files took more than the limit of {limits.disk_bytes:,} bytes.",
    }[reason]
