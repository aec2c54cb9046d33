"""What happens after a fault that is not the user's: which kind it is, and when the job is tried again."""

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)
AT_ONCE = timedelta(0)
BACK_OFF = (MINUTE, 5 * MINUTE, 15 * MINUTE)
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Retry:
    """How one kind of fault is treated: what happened in words, and the pauses before each further try."""

    sentence: str
    pauses: Sequence[timedelta]


RETRIES: Mapping[str, Retry] = {
    "disk_full": Retry("The disk of the server was full", BACK_OFF),
    "files": Retry("Its files could not be read or written for a moment", BACK_OFF),
    "image_store": Retry("The store of images could not be reached", BACK_OFF),
    "not_launched": Retry("The server could not start it", BACK_OFF),
    "supervisor_lost": Retry("The process that looked after it was lost", BACK_OFF),
    "host_restarted": Retry("The server was restarted while it ran", (AT_ONCE,) * 5),
    "node_lost": Retry("The node of the cluster it ran on was lost", (AT_ONCE,) * 5),
    "agent_failed": Retry("The agent of the backend could not carry it out", (AT_ONCE,)),
    "agent_lost": Retry("The agent of the backend was lost", (AT_ONCE,) * 5),
    "ended_from_outside": Retry("The server ended it", (AT_ONCE,) * 5),
    "database_passing": Retry("A passing database error stopped it", BACK_OFF),
    "database_import": Retry("New data is being imported into the database", (timedelta(hours=1),) * 6),
    "platform": Retry("A platform fault stopped it", (AT_ONCE,)),
}
"""Transient faults pass by themselves and get their back-off; `platform` is all that nobody foresaw."""

DATABASE_PROBLEMS: Mapping[str, str] = {
    "no_program": "The program of DATABASE_STATUS_COMMAND could not be started",
    "failed": "The check of the database ended with an error",
    "too_slow": "The check of the database gave no answer in time",
    "unknown_answer": "The check of the database gave an answer that is none of those allowed",
    "no_image": "The image that checks the database could not be found (setting AGENT_DATABASE_IMAGE)",
    "behind": "The data of the database end earlier than expected",
}
"""Why a check of the database says nothing."""

REPORT_PROBLEMS: Mapping[str, str] = {
    "report_refused": "The public side refused what was told of a job request",
}
"""Why the public side does not know what became of a job."""

DATABASE_EXITS = {3: "database_passing", 4: "database_import", 5: "platform"}
"""Exit codes of database jobs that are not the user's fault (specification §6)."""


@dataclass(frozen=True)
class NextTry:
    """A further attempt: its number among those of this kind of fault, how many there are at most, and its time."""

    number: int
    most: int
    at: datetime
    pause: timedelta

    def sentence(self, kind: str) -> str:
        """What happened and when it goes on, for people."""
        when = f"at {self.at:%H:%M} UTC" if self.pause else "now"
        return f"{RETRIES[kind].sentence}; attempt {self.number} of {self.most} starts {when}"


def kind_of_error(problem: BaseException) -> str:
    """The kind of fault that an exception of ours means."""
    if isinstance(problem, OSError):
        return "disk_full" if problem.errno in FULL else "files"
    return "platform"


def next_try(kind: str, before: Sequence[str], at: datetime) -> NextTry | None:
    """The further attempt after a fault of `kind`; `before` are the kinds of the job's earlier faults.

    None when the tries for this kind are used up.
    """
    pauses = RETRIES[kind].pauses
    used = sum(one == kind for one in before)
    if used >= len(pauses):
        return None
    return NextTry(used + 2, len(pauses) + 1, at + pauses[used], pauses[used])


def final_sentence(kind: str) -> str:
    """How a job that was tried for the last time ends, when the last fault was of this kind."""
    return f"{RETRIES[kind].sentence}; all {len(RETRIES[kind].pauses) + 1} attempts are used up"
