"""What the cluster has said of the jobs of one instance: one question for all of them, never one for each."""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from jobsite.jobs.executors.slurm_cluster import ClusterJob, Unreachable, jobs_named

_EVERY = 1.0
_AFTER_FAILURE = 5.0


@dataclass(frozen=True)
class Snapshot:
    """The jobs as they were at some time after `begun`, a moment of the monotonic clock."""

    begun: float
    jobs: tuple[ClusterJob, ...]

    def find(self, number: int | None, label: str) -> ClusterJob | None:
        """The job with this number, or where that is not known with this label."""
        return next((one for one in self.jobs if one.number == number or one.label == label), None)


class Queue:
    """The jobs of this name. Any thread may ask; those who ask at once share an answer."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._last: Snapshot | None = None
        self._asking = threading.Lock()
        self._not_before = 0.0

    def after(self, moment: float) -> Snapshot:
        """A snapshot begun after this moment of the monotonic clock. Raises Unreachable; takes up to half a minute."""
        with self._asking:
            if self._last is None or self._last.begun <= moment:
                begun = time.monotonic()
                self._last = Snapshot(begun, tuple(jobs_named(self._name)))
            return self._last

    def known(self, moment: float) -> Snapshot | None:
        """The last snapshot if it was begun after this moment, else None. Returns at once: where it is old, or there is
        none, the cluster is asked beside."""
        last, now = self._last, time.monotonic()
        if (last is None or last.begun <= moment or now - last.begun > _EVERY) and now >= self._not_before:
            self._not_before = now + _AFTER_FAILURE
            threading.Thread(target=self._ask, args=(now,), name="asks the cluster", daemon=True).start()
        return last if last and last.begun > moment else None

    def _ask(self, moment: float) -> None:
        with suppress(Unreachable):
            self.after(moment)
            self._not_before = 0.0


@lru_cache(maxsize=64)
def queue(name: str) -> Queue:
    """The one of this process for the jobs of this name."""
    return Queue(name)
