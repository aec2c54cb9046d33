"""The lock on an instance: at most one process runs its jobs and serves its pages."""

import fcntl
import os
from pathlib import Path
from types import TracebackType

from jobsite.core.errors import Conflict


class InstanceLock:
    """The one running server of an instance: a lock that the system drops when its process ends.

    Entering raises `Conflict` with a sentence when another process has it.
    """

    def __init__(self, instance: Path) -> None:
        self._path = instance / "server.lock"

    def __enter__(self) -> None:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise Conflict(
                f"Another jobsite server is already running on the instance {self._path.parent}. Stop it first."
            ) from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
