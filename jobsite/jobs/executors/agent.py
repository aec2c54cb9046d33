"""The executor `agent`: an attempt is a task that a program on another machine fetches and carries out (docs/agents.md).

What a supervisor writes for other executors is written here of what the agent tells (`sync/tasks`), under a lock of the
attempt's folder: the stage never goes back, and of all that is told of an end the first stands.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jobsite.jobs.executors import records
from jobsite.jobs.executors.contract import AttemptSpec, Exit, Observation, Refused, Sweep, read_exit

TOLD = ("preparing", "prepared", "executing", "executed", "finalizing")
"""The stages that an agent tells of and that move a job on."""

AGENT = "agent"
NOTHING, SAVED, EXCLUDED, UNMATCHED = "nothing", "saved", "excluded", "unmatched"
"""What became of the outputs on the machine of the agent (`Exit.elsewhere`): excluded are some from Level 4."""

OVERDUE = "time_limit"
"""Why an attempt is asked to end, where its time is up and nobody has asked."""


class Agent:
    """Hands attempts to agents. Holds no state, as the sandbox does not."""

    name = AGENT
    launched = "Handed to the agent of the backend, which has not begun"

    def available(self) -> str | None:
        """None: whether there is an agent is known from its calls alone."""
        return None

    def launch(self, spec: AttemptSpec) -> None:
        """Puts the task where the agent gets it, unless it was there before. What was cancelled before ends unseen."""
        folder = Path(spec.attempt_dir)
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            if is_task(folder):
                return
            records.write(folder, records.SPEC, replace(spec, executor=self.name).as_json())
            records.write(folder, records.TASK, spec.task)
            _end_unseen(folder)

    def observe(self, attempt_dir: str | os.PathLike[str]) -> Observation:
        """What the agent told last. One that is silent counts as alive: nobody knows that its job has ended."""
        stage = records.read(attempt_dir, records.STAGE) or {}
        end = read_exit(attempt_dir)
        alive = end is None and is_task(attempt_dir)
        return Observation(stage.get("stage"), alive, end, stage.get("times", {}))

    def cancel(self, attempt_dir: str | os.PathLike[str]) -> None:
        """Leaves the wish, which the agent gets as a task of its own. What it never fetched ends at once."""
        ask_end(attempt_dir)

    def kill_now(self, attempt_dir: str | os.PathLike[str]) -> None:
        """The same: only the agent reaches the processes, and until it has told that they are gone they are alive."""
        ask_end(attempt_dir)

    def clean(self, spec: AttemptSpec) -> None:
        """Has nothing to remove here. Raises Refused while the attempt runs."""
        if self.observe(spec.attempt_dir).alive:
            raise Refused(f"{spec.attempt} still runs.")

    def sweep(
        self, work_root: str | os.PathLike[str], active: Callable[[], set[str]], *, dry_run: bool = False
    ) -> Sweep:
        """Has nothing to remove here."""
        return Sweep((), ())


@dataclass(frozen=True)
class Offer:
    """What an agent is to do with an attempt: carry out the `definition`, or end it, as was wished at `cancel_at`
    (microseconds since 1970; None: nobody wishes that)."""

    definition: dict[str, Any]
    cancel_at: int | None = None


def is_task(attempt_dir: str | os.PathLike[str]) -> bool:
    """Whether the attempt of this folder was handed to an agent."""
    return os.path.exists(os.path.join(attempt_dir, records.TASK))


def offer(attempt_dir: str | os.PathLike[str]) -> Offer | None:
    """What the agent has to do with the attempt now; None before it was handed over and after its end.

    From the first call on it counts as fetched, so that only the agent can end it.
    """
    folder = Path(attempt_dir)
    if not is_task(folder):
        return None
    with _alone(folder):
        definition = records.read(folder, records.TASK)
        if definition is None or read_exit(folder):
            return None
        if records.read(folder, records.FETCHED) is None:
            records.write(folder, records.FETCHED, {"time": records.now()})
        wish = records.read(folder, records.CANCEL)
        return Offer(definition, wish["time"] if wish else None)


def ask_end(attempt_dir: str | os.PathLike[str], why: str = "") -> None:
    """Ask for the end of an attempt that has not ended; `why` is `OVERDUE` or "" for a wish of people.

    A wish is never replaced by one without people, and is not made anew.
    """
    folder = Path(attempt_dir)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        before = records.read(folder, records.CANCEL)
        if read_exit(folder) is None and (before is None or (before.get("why") and not why)):
            at = before["time"] if before else records.now()
            records.write(folder, records.CANCEL, {"grace": None, "time": at, "why": why})
        if is_task(folder):
            _end_unseen(folder)


def is_overdue(attempt_dir: str | os.PathLike[str], at: int) -> bool:
    """Whether the program of an attempt runs at the moment `at` for longer than its time limit, and nobody has asked for
    its end."""
    stage = records.read(attempt_dir, records.STAGE) or {}
    if stage.get("stage") != "executing" or records.read(attempt_dir, records.CANCEL):
        return False
    spec = records.read(attempt_dir, records.SPEC) or {}
    return at - stage["times"]["executing"] > spec["limits"]["time_seconds"] * 1_000_000


def note_stage(attempt_dir: str | os.PathLike[str], stage: str, at: int) -> None:
    """Note that a stage of `TOLD` was reached at `at` (microseconds since 1970; what lies ahead is now, and what lies before
    the task was fetched is then: the clock there is wrong). One that was reached before, or came before the present one,
    changes nothing, and neither does anything after the end."""
    with _alone(Path(attempt_dir)):
        if read_exit(attempt_dir) is None:
            _note(attempt_dir, stage, at)


def note_end(
    attempt_dir: str | os.PathLike[str], of: Callable[[AttemptSpec, dict[str, int], bool], Exit]
) -> bool:
    """Record the end that `of` makes of the order, the times of the stages and whether its time was up. Gives whether
    this was the first of it: any later one changes nothing."""
    with _alone(Path(attempt_dir)):
        if read_exit(attempt_dir) is not None:
            return False
        spec = AttemptSpec.from_json(records.read(attempt_dir, records.SPEC) or {})
        times = (records.read(attempt_dir, records.STAGE) or {}).get("times", {})
        overdue = (records.read(attempt_dir, records.CANCEL) or {}).get("why") == OVERDUE
        records.write(attempt_dir, records.EXIT, of(spec, times, overdue).__dict__)
        return True


def _note(attempt_dir: str | os.PathLike[str], stage: str, at: int) -> None:
    before = records.read(attempt_dir, records.STAGE) or {"stage": None, "times": {}}
    if before["stage"] is not None and TOLD.index(stage) <= TOLD.index(before["stage"]):
        return
    fetched = (records.read(attempt_dir, records.FETCHED) or {}).get("time", 0)
    earliest = max(before["times"].values(), default=fetched)
    times = {**before["times"], stage: max(min(at, records.now()), earliest)}
    records.write(attempt_dir, records.STAGE, {"stage": stage, "times": times})


def _end_unseen(folder: Path) -> None:
    """End an attempt whose end is wished and that no agent has fetched. Within the lock."""
    wished = records.read(folder, records.CANCEL) is not None
    if wished and records.read(folder, records.FETCHED) is None and read_exit(folder) is None:
        end = Exit("cancelled", ended_at=records.now(), elsewhere=NOTHING, detail="no agent had fetched it")
        records.write(folder, records.EXIT, end.__dict__)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Within the block nobody else changes the records of the attempt; the lock ends with its holder."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
