"""The executor of an instance some of whose backends have agents: their attempts are tasks, all others are run as set."""

import os
from collections.abc import Callable

from jobsite.jobs.executors.agent import AGENT, Agent, is_task
from jobsite.jobs.executors.contract import AttemptSpec, Executor, Observation, Sweep


class HandingOn:
    """Asks the agents' executor about attempts that were handed to one, and for all others the one of this server."""

    def __init__(self, here: Executor) -> None:
        self._here, self._agent = here, Agent()
        self.launched = here.launched

    def available(self) -> str | None:
        """Why no attempt can be run on this server, or None."""
        return self._here.available()

    def launch(self, spec: AttemptSpec) -> None:
        """By whom the order is for. Raises Refused."""
        (self._agent if spec.executor == AGENT else self._here).launch(spec)

    def observe(self, attempt_dir: str | os.PathLike[str]) -> Observation:
        """What the records say."""
        return self._of(attempt_dir).observe(attempt_dir)

    def cancel(self, attempt_dir: str | os.PathLike[str]) -> None:
        """Asks for the end and returns at once."""
        self._of(attempt_dir).cancel(attempt_dir)

    def kill_now(self, attempt_dir: str | os.PathLike[str]) -> None:
        """Ends what runs here; an agent is asked to."""
        self._of(attempt_dir).kill_now(attempt_dir)

    def clean(self, spec: AttemptSpec) -> None:
        """Removes what the attempt left here. Raises Refused."""
        self._of(spec.attempt_dir).clean(spec)

    def sweep(
        self, work_root: str | os.PathLike[str], active: Callable[[], set[str]], *, dry_run: bool = False
    ) -> Sweep:
        """Cleans up on this server."""
        return self._here.sweep(work_root, active, dry_run=dry_run)

    def _of(self, attempt_dir: str | os.PathLike[str]) -> Executor:
        return self._agent if is_task(attempt_dir) else self._here
