"""The life of a job and of a job request, as data and pure functions.

Coarse states are for machines, codes with a sentence and a next step are for people. Names are those the
field's programs already exchange; `cancelled` is a state of our own that goes on the wire as
`failed` with `cancelled_by_user`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobsite.core.states import Table

JOB = Table(
    name="job",
    transitions={
        "pending": ("running", "failed", "cancelled"),
        "running": ("succeeded", "failed", "cancelled", "pending"),
        "succeeded": (),
        "failed": (),
        "cancelled": (),
    },
    owners={
        "pending": "scheduler",
        "running": "executor",
        "succeeded": "nobody",
        "failed": "nobody",
        "cancelled": "nobody",
    },
)

REQUEST_ACTIVE = ("pending", "running", "unknown", "unknown_error_creating_jobs")
REQUEST_STATUSES = (*REQUEST_ACTIVE, "succeeded", "failed", "nothing_to_do")


@dataclass(frozen=True)
class Code:
    """A reason: the state it belongs to, its sentence, and what the person can do next ("" for nothing)."""

    state: str
    sentence: str
    advice: str = ""


CODES: Mapping[str, Code] = {
    "created": Code("pending", "Created", "It is looked at within a second."),
    "waiting_on_dependencies": Code(
        "pending", "Waiting on dependencies", "It starts when they have succeeded."
    ),
    "waiting_on_workers": Code(
        "pending", "Waiting on available workers", "It starts when a running job ends."
    ),
    "waiting_on_db_workers": Code(
        "pending", "Waiting on available database workers", "It starts when a running database job ends."
    ),
    "paused": Code("pending", "Backend is paused for maintenance; the job starts when this is over"),
    "waiting_db_maintenance": Code("pending", "Waiting for database to finish maintenance"),
    "waiting_on_reboot": Code("pending", "Stopped for a server restart; it runs again by itself"),
    "waiting_on_new_task": Code("pending", "A platform fault stopped it; it is tried again by itself"),
    "initiated": Code("running", "Job executing on the backend"),
    "preparing": Code("running", "Preparing its files"),
    "prepared": Code("running", "Ready to start"),
    "executing": Code("running", "Running"),
    "executed": Code("running", "Run ended"),
    "finalizing": Code("running", "Saving outputs"),
    "finalized": Code("running", "Outputs saved"),
    "succeeded": Code("succeeded", "Completed successfully"),
    "nonzero_exit": Code(
        "failed", "Job exited with an error", "Read the end of its log, correct the code, and run it again."
    ),
    "unmatched_patterns": Code(
        "failed",
        "Outputs matching expected patterns were not found. See job log for details.",
        "Compare the outputs in project.yaml with the files the action writes; the end of the log names the nearest.",
    ),
    "dependency_failed": Code(
        "failed", "Not starting as dependency failed", "Mend that action first; this one then runs with it."
    ),
    "cancelled_by_user": Code("cancelled", "Cancelled by user", "Run it again when you want to."),
    "killed_by_admin": Code("failed", "Stopped by an administrator"),
    "job_error": Code(
        "failed", "The job could not be run", "Correct what the message names, and run it again."
    ),
    "internal_error": Code(
        "failed", "A platform fault, not a fault of your code. The team has been told.", "Run it again."
    ),
    "stale_codelists": Code(
        "failed", "Codelists are out of date", "Run `opensafely codelists update` and commit."
    ),
}

STAGES = ("initiated", "preparing", "prepared", "executing", "executed", "finalizing", "finalized")
RESETS = ("waiting_db_maintenance", "waiting_on_reboot", "waiting_on_new_task")
STOPPED = ("cancelled_by_user", "killed_by_admin")
_HELD = (
    "waiting_on_dependencies",
    "waiting_on_workers",
    "waiting_on_db_workers",
    "paused",
    "waiting_db_maintenance",
)
_UNSTARTED = (*_HELD, "initiated", "dependency_failed", "internal_error", *STOPPED)
_ENDED_BADLY = ("nonzero_exit", "unmatched_patterns", "job_error", "internal_error", *STOPPED)


def _steps() -> dict[str, tuple[str, ...]]:
    steps: dict[str, tuple[str, ...]] = {
        code: _UNSTARTED for code, one in CODES.items() if one.state == "pending"
    }
    for place, stage in enumerate(STAGES):
        steps[stage] = (*STAGES[place + 1 :], "succeeded", *_ENDED_BADLY, *RESETS)
    steps["finalized"] = ("succeeded",)
    return steps | {code: () for code, one in CODES.items() if one.state not in JOB.active}


def saving_words(outputs: bool) -> str:
    """What `finalizing` says of a run: only one that went well has its outputs saved, any other its log alone."""
    return CODES["finalizing"].sentence if outputs else "Saving its log"


STEPS: Mapping[str, tuple[str, ...]] = _steps()
"""From each code to those that may follow. Stages never go backwards; what is final is never left."""


def why_not_step(before: str, after: str) -> str | None:
    """Why a job does not go from one code to another; the same code may get other words while it waits."""
    if after in STEPS.get(before, ()) or (before == after and CODES[after].state == "pending"):
        return None
    return f"A job does not go from {before} to {after}."


_COMMAND = (126, 127)
_DATABASE_EXITS = {
    2: "problem with the command line of your action; check that it runs locally",
    3: "a passing database error; contact support if it keeps failing",
    4: "new data is being imported; contact support if it keeps failing",
    5: "something is wrong with the database; contact support",
    6: "the query is valid but too complex for the database; ask support to help simplify it",
    10: "your ehrQL code could not be read; check that it runs locally",
    11: "problem with a supplied data file",
    12: "a permission that this project does not have is needed",
    13: "assurance tests failed",
    14: "progress was too slow to end well; ask support to help simplify it",
}


def nonzero_sentence(exit_code: int, *, database: bool) -> str:
    """What an exit code means, as the end of a sentence; "" when the log alone can tell."""
    if exit_code in _COMMAND:
        return "the command could not be started in this image"
    if database and exit_code in _DATABASE_EXITS:
        return _DATABASE_EXITS[exit_code]
    if exit_code == 137:
        return "killed by an administrator or by a memory limit"
    return ""


def nonzero_sentences() -> tuple[str, ...]:
    """All that `nonzero_sentence` can say."""
    codes = (*_COMMAND, 137)
    return (
        *_DATABASE_EXITS.values(),
        *dict.fromkeys(nonzero_sentence(code, database=False) for code in codes),
    )


def memory_sentence(limit: int, peak: int = 0) -> str:
    """Why a job that hit its memory limit ended; both in bytes, `peak` the most that was seen (0: unknown)."""
    used = f", {peak / 1e9:.2f}GB were in use" if peak else ""
    return f"Job ran out of memory (limit was {limit / 1e9:.2f}GB{used})"


def time_sentence(seconds: float) -> str:
    """Why a job that hit its time limit ended."""
    return f"stopped at the time limit of {timedelta(seconds=seconds)}"


def disk_sentence(limit: int) -> str:
    """Why a job that wrote too much ended; `limit` in bytes."""
    return f"it wrote more than the {limit / 1e9:.1f}GB of disk space a job may use"


def steps_table() -> str:
    """Which codes may follow which, as a Markdown table; codes with the same followers share a row."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for before, after in STEPS.items():
        rows.setdefault(after, []).append(before)
    lines = [
        f"| {_code_list(codes)} | {_code_list(after) or 'nothing: final'} |" for after, codes in rows.items()
    ]
    return "\n".join(["| from | to |", "|---|---|", *lines])


def _code_list(codes: Iterable[str]) -> str:
    return ", ".join(f"`{code}`" for code in codes)


def wire_state(state: str) -> str:
    """The state as other programs know it."""
    return "failed" if state == "cancelled" else state


def reported_state(status: str, code: str) -> str:
    """The state of a job that a runner elsewhere reports with this status and code: `unknown` for a word nobody knows."""
    if status == "failed" and code == "cancelled_by_user":
        return "cancelled"
    if status in JOB.transitions and status != "cancelled":
        return status
    return "unknown" if status else "pending"


def reported_status(before: str, statuses: Collection[str]) -> str:
    """The status of a job request from the statuses its runner reports of its jobs (specification 12.2).

    What has ended is never reopened; where nothing is reported, the status stays.
    """
    if before not in REQUEST_ACTIVE or not statuses:
        return before
    kinds = set(statuses)
    if len(kinds) == 1:
        return wire_state(reported_state(next(iter(kinds)), ""))
    if kinds & {"running", "pending"}:
        return "running"
    return "failed" if kinds == {"failed", "succeeded"} else "unknown"


def is_active(state: str) -> bool:
    """Whether the job still has something before it."""
    return state in JOB.active


def request_status(before: str, states: Collection[str]) -> str:
    """The status of a job request from the states of its jobs; a finished request is never reopened."""
    if before not in REQUEST_ACTIVE or not states:
        return before
    kinds = {wire_state(state) for state in states}
    if len(kinds) == 1:
        return next(iter(kinds))
    return "running" if kinds & {"running", "pending"} else "failed"


def only_cancelled(status: str, states: Collection[str]) -> bool:
    """Whether a request with that status and jobs in these states failed although no job did: some were cancelled."""
    return status == "failed" and "cancelled" in states and "failed" not in states


def request_words(status: str, states: Iterable[str], *, cancelling: bool) -> tuple[str, str]:
    """How a request is shown: the state for its pill, and the words in it."""
    found = list(states)
    succeeded = found.count("succeeded")
    if cancelling:
        return "cancelled", "Cancelling"
    if only_cancelled(status, found):
        return "cancelled", "Cancelled"
    if status == "failed" and succeeded:
        return "failed", f"Failed, {succeeded} of {len(found)} succeeded"
    return status, status.replace("_", " ").capitalize()


def job_words(state: str, *, cancelling: bool) -> tuple[str, str]:
    """How a job is shown: the state for its pill, and the word in it."""
    if cancelling and is_active(state):
        return "cancelled", "Cancelling"
    return state, state.capitalize()


def why_not_cancel(*, active: bool, already_asked: bool, may_cancel: bool) -> str | None:
    """Why a request or job cannot be cancelled, or None: its creator and the project's developers may."""
    if not active:
        return "It has already finished."
    if already_asked:
        return "It is being cancelled."
    if not may_cancel:
        return "Only the person who asked for it, or a developer of the project, can cancel it."
    return None


def why_not_window(start: datetime | None, until: datetime | None, at: datetime) -> str | None:
    """Why two times are not those of a maintenance to come, or None; None for both takes a plan back."""
    if start is None and until is None:
        return None
    if start is None or until is None:
        return "Give both times: from when, and until when."
    if until <= start:
        return "The end has to be later than the beginning."
    if until <= at:
        return "That time is over."
    return None
