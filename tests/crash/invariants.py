"""What has to hold after any number of kills: each function gives what is wrong, as sentences."""

import hashlib
import json
from itertools import takewhile
from pathlib import Path

from jobsite.core import events
from jobsite.jobs.execution import attempt_dir
from jobsite.jobs.executors import records
from jobsite.jobs.logs.reader import LogReader
from jobsite.jobs.models import Job, JobOutput
from jobsite.jobs.rules import CODES
from jobsite.projects.models import Workspace

from .log_readers import Reader

HIGH, LEVEL4 = "highly_sensitive", "moderately_sensitive"
LINES = 25
"""What a run that ends by itself has written: that many numbered lines."""
ENDS = {f"job:{code}" for code, one in CODES.items() if one.state in ("succeeded", "failed", "cancelled")}
PLAUSIBLE = (
    "succeeded", "cancelled_by_user", "nonzero_exit", "dependency_failed", "internal_error",
)  # fmt: skip
"""How jobs without a fault of their own end where processes are killed; a killed program has a bad exit code."""


def wrong_end(job: Job) -> list[str]:
    """What is wrong with how a job ended: it ended once, and succeeded only by its last attempt."""
    told = [row.type for row in events.Event.select().where(events.Event.subject == f"job:{job.identifier}")]
    ends = [one for one in told if one in ENDS]
    wrong = [] if ends == [f"job:{job.status_code}"] else [f"{job.identifier} ended as {ends}"]
    if job.status_code not in PLAUSIBLE:
        wrong.append(f"{job.identifier} ended by no kill: {job.status_code}, {job.status_message}")
    good = [one.number for one in job.attempts if (one.exit_code, one.end_reason) == (0, "exited")]
    if job.state == "succeeded" and good[-1:] != [job.attempts_made]:
        wrong.append(f"{job.identifier} succeeded by another attempt than its last")
    return wrong


def wrong_logs(job: Job) -> list[str]:
    """Logs that are not the beginning of what was written, or of a success not all of it."""
    wrong = []
    for attempt in job.attempts:
        lines = lines_of(attempt_dir(job, attempt) / records.LOG)
        if lines != [f"line {number:04}" for number in range(len(lines))]:
            wrong.append(f"the log of {attempt.identifier} has a gap")
        if attempt.exit_code == 0 and len(lines) != LINES:
            wrong.append(f"{attempt.identifier} succeeded with {len(lines)} lines of {LINES}")
    return wrong


def lines_of(log: Path, written: str = "line ") -> list[str]:
    """What the program wrote, without the notes of its supervisor: they begin otherwise."""
    found: list[str] = []
    if not log.exists():
        return found
    with LogReader(log) as reader:
        at = 1
        while (window := reader.window(at, 1000)).lines:
            found += [one.text for one in window.lines if one.text.startswith(written)]
            at = window.next_line
    return found


def wrong_outputs(instance: Path, workspace: Workspace) -> list[str]:
    """Files without a row in the manifest, and rows that are not of the last good job or not of their file."""
    stores = {
        HIGH: instance / "workspaces/high" / workspace.name,
        LEVEL4: instance / "workspaces/level4" / workspace.name,
    }
    listed = stores[LEVEL4] / "metadata/manifest.json"
    manifest = json.loads(listed.read_text())["outputs"] if listed.exists() else {}
    wrong = []
    for store in stores.values():
        paths = [path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file()]
        there = [path for path in paths if not path.startswith("metadata/")]
        wrong += [f"{path} has no row" for path in there if path not in manifest]
    succeeded = {job.action for job in workspace.jobs if job.state == "succeeded"}
    wrong += [
        f"{name} succeeded and has no output"
        for name in succeeded - {one["action"] for one in manifest.values()}
    ]
    for path, row in manifest.items():
        content = (stores[HIGH] / path).read_bytes()
        good = Job.select().where((Job.action == row["action"]) & (Job.state == "succeeded"))
        last = good.where(Job.workspace == workspace).order_by(Job.completed_at.desc()).first()
        if last is None:
            wrong.append(f"{path} is of {row['job_id']}, and no such job succeeded")
            continue
        stored = JobOutput.get((JobOutput.job == last) & (JobOutput.path == path))
        hashes = {hashlib.sha256(content).hexdigest(), row["content_hash"], stored.sha256}
        wrong += [] if len(hashes) == 1 else [f"{path} has another content than its rows"]
        wrong += [] if row["job_id"] == last.identifier else [f"{path} is not of the last job that succeeded"]
        if row["level"] == LEVEL4 and (stores[LEVEL4] / path).read_bytes() != content:
            wrong.append(f"{path} differs between the stores")
    return wrong


def wrong_chain() -> list[str]:
    """The first event that does not fit to the one before."""
    broken = events.verify()[1]
    return [] if broken is None else [f"event {broken.id} does not fit the chain"]


def wrong_reading(log: Path, readers: list[Reader]) -> list[str]:
    """What somebody who read the log all the while did not see, saw twice or in another order."""
    with LogReader(log) as reader:
        content = b"".join(reader.raw())
    lines = lines_of(log, written="")
    *pages, download = readers
    wrong = [one for person in readers for one in person.wrong]
    for one in pages:
        at = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one.lines, lines, strict=False)))
        if one.lines != lines:
            wrong.append(
                f"{one.name}: {len(one.lines)} lines for {len(lines)}, another from line {at + 1} on"
            )
    return wrong if download.content == content else [*wrong, "the download has other bytes than the log"]
