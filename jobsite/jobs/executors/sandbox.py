"""The executor `sandbox`: programs of this machine behind bubblewrap, each under a supervisor process of its
own.

The verbs and what they promise are those of `contract.Executor`.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from jobsite.jobs.executors import bubblewrap, cgroups, processes, records, starting
from jobsite.jobs.executors.contract import AttemptSpec, Exit, Observation, Refused, Sweep, read_exit
from jobsite.jobs.executors.launching import start_supervisor
from jobsite.jobs.preparing import remove_tree

_LAST_WORD = 10.0


class Sandbox:
    """Runs attempts on this machine. Holds no state: any number of them, in any process, act on the same
    records."""

    name = "sandbox"
    launched = ""

    def available(self) -> str | None:
        """A sentence why no sandbox can be made here, or None."""
        if bubblewrap.path() is None:
            return "Bubblewrap is missing, so no job can be run here; install it with: apt-get install bubblewrap."
        said = starting.try_sandbox()
        return said and (
            f"No sandbox can be made on this machine ({said}). Jobs need bubblewrap 0.8 or later, and user namespaces "
            "(sysctl user.max_user_namespaces) or root."
        )

    def launch(self, spec: AttemptSpec) -> None:
        """Gives the attempt its supervisor, unless it has one or has ended. Raises Refused."""
        if not all(map(os.path.isabs, (spec.attempt_dir, spec.work_dir, spec.repo, *self._programs(spec)))):
            raise Refused(f"The paths in the spec of {spec.attempt} must be absolute.")
        folder = Path(spec.attempt_dir)
        folder.mkdir(parents=True, exist_ok=True)
        if read_exit(folder) or processes.is_alive(records.read(folder, records.SUPERVISOR)):
            return
        # Not flushed: an attempt that a power cut has lost is launched with the same order made again.
        records.write(folder, records.SPEC, replace(spec, executor=self.name).as_json(), flushed=False)
        code, said = start_supervisor(folder)
        if code != 0:
            said = said.strip()[-1000:]
            raise Refused(
                f"The supervisor of {spec.attempt} could not be started: {said or 'it said nothing'}"
            )

    def observe(self, attempt_dir: str | os.PathLike[str]) -> Observation:
        """What the records say now."""
        who = records.read(attempt_dir, records.SUPERVISOR)
        alive = processes.is_alive(who)
        stage = records.read(attempt_dir, records.STAGE) or {}
        # After `alive`: a supervisor that ended in between has left its record.
        end = read_exit(attempt_dir)
        here = processes.boot_id()
        restarted = not alive and end is None and (who or stage).get("boot", here) != here
        return Observation(stage.get("stage"), alive, end, stage.get("times", {}), restarted)

    def cancel(self, attempt_dir: str | os.PathLike[str]) -> None:
        """Asks for the end, with the grace of the spec."""
        self._ask(attempt_dir, None)

    def kill_now(self, attempt_dir: str | os.PathLike[str]) -> None:
        """Ends the attempt and all its processes before it returns."""
        who = self._ask(attempt_dir, 0.0)
        if not _wait_until_gone(who, _LAST_WORD):
            processes.signal_if_alive(who, signal.SIGKILL)
            _wait_until_gone(who, _LAST_WORD)
        spec = records.read(attempt_dir, records.SPEC)
        if spec and isinstance(spec.get("work_dir"), str):
            self._end_left_behind(spec["work_dir"])

    def clean(self, spec: AttemptSpec) -> None:
        """Removes what the attempt left but its records. Raises Refused."""
        end = read_exit(spec.attempt_dir)
        # With its exit record written, a supervisor has nothing left to do but to end.
        patience = _LAST_WORD if end else 0.0
        if not _wait_until_gone(records.read(spec.attempt_dir, records.SUPERVISOR), patience):
            raise Refused(f"{spec.attempt} still runs.")
        if self._may_have_left(end):
            self._end_left_behind(spec.work_dir)
            cgroups.remove_abandoned()
        try:
            remove_tree(Path(spec.work_dir))
        except OSError as problem:
            raise Refused(f"The work directory of {spec.attempt} stays: {problem}.") from None

    def sweep(
        self, work_root: str | os.PathLike[str], active: Callable[[], set[str]], *, dry_run: bool = False
    ) -> Sweep:
        """Removes the directories of `work_root`, named like their attempts, that no active attempt owns."""
        names = set(_names(work_root))
        left_behind = sorted(names - active())
        if dry_run:
            return Sweep(tuple(left_behind), ())
        cgroups.remove_abandoned()
        removed: list[str] = []
        failed: list[tuple[str, str]] = []
        for name in left_behind:
            try:
                self._end_left_behind(os.path.join(work_root, name))
                remove_tree(Path(work_root, name))
                removed.append(name)
            except (OSError, Refused) as problem:
                failed.append((name, str(problem)))
        return Sweep(tuple(removed), tuple(failed))

    def _programs(self, spec: AttemptSpec) -> tuple[str, ...]:
        """The programs of this machine that the spec names."""
        return spec.argv[:1]

    def _may_have_left(self, end: Exit | None) -> bool:
        """Whether something of an attempt with this end may still run."""
        # Any other end is only recorded by a supervisor that has seen all processes of the attempt end.
        return end is None or end.reason == "platform"

    def _end_left_behind(self, work_dir: str) -> None:
        """Ends what a lost supervisor has left running around this directory. Raises Refused."""
        starting.kill_left_behind(work_dir)

    def _ask(self, attempt_dir: str | os.PathLike[str], grace: float | None) -> dict | None:
        leave_wish(attempt_dir, grace)
        who = records.read(attempt_dir, records.SUPERVISOR)
        processes.signal_if_alive(who, signal.SIGTERM)
        return who


def leave_wish(attempt_dir: str | os.PathLike[str], grace: float | None) -> None:
    """Puts on disk that an attempt which has not ended should do so; `grace` in seconds, None for the usual one."""
    if read_exit(attempt_dir) is None:
        Path(attempt_dir).mkdir(parents=True, exist_ok=True)
        records.write(attempt_dir, records.CANCEL, {"grace": grace, "time": records.now()})


def _wait_until_gone(who: dict | None, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while processes.is_alive(who):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def _names(folder: str | os.PathLike[str]) -> Iterator[str]:
    try:
        yield from os.listdir(folder)
    except FileNotFoundError:
        return
