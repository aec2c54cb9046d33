"""A job's outputs and log, from its working directory into the two stores, as one change."""

import errno
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from jobsite.core.files import (
    Copied,
    atomic_write,
    copy_beneath,
    link_beneath,
    make_directories,
    open_beneath,
)
from jobsite.core.flushing import flush, flushed_trees
from jobsite.store import manifest as manifests
from jobsite.store import metadata
from jobsite.store.collecting import Collected, CollectedFile
from jobsite.store.facts import JobFacts, Published
from jobsite.store.journal import (
    STAGED_LOG,
    STEPS_OF_OUTPUTS,
    Plan,
    carry_through,
    directories_of,
    fail_point,
    resume_workspace,
    roll_back,
    write_plan,
)
from jobsite.store.level4 import Level4Limits, Verdict, judge, note
from jobsite.store.logs import level4_log, log_summary, write_log
from jobsite.store.manifest import Manifest
from jobsite.store.matching import MODERATELY
from jobsite.store.metadata import record_of
from jobsite.store.roots import PUBLISHING, Roots, locked, log_path

LOG_FILE = "logs.txt"

# Attempts and the store on two file systems, or on one that has no second names.
_NO_SECOND_NAME = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK)


class ChangedWhileCopied(Exception):
    """A file is not what it was when it was collected; the text is a sentence that names it."""


def publish(
    roots: Roots,
    facts: JobFacts,
    work_dir: Path,
    collected: Collected,
    limits: Level4Limits,
    log: Iterable[bytes],
) -> dict[str, Published]:
    """Stores the outputs and log of a job that succeeded, and gives what was stored, by path.

    `log` are the lines of its log with their line ends; it is read once. Only one job of a workspace is published at a
    time. Readers see the old set of outputs or the new one. Cut off before the decision, nothing has happened, and after
    it, `resume` or the next publication of the workspace finishes; doing it again gives the same result.
    Raises ValueError when a pattern is unmatched or the job was cancelled, ChangedWhileCopied, DamagedManifest,
    UnsafePath and OSError (disk full); then readers see the old set.
    """
    if not collected.complete or facts.cancelled or facts.exit_code not in (0, None):
        raise ValueError("Only a job that succeeded, with a file for each of its patterns, is published.")
    _check_names(roots, facts)
    with locked(roots, facts.workspace):
        resume_workspace(roots, facts.workspace)
        old = manifests.read(roots.level4_of(facts.workspace), facts.workspace)
        fail_point("store.before_stage")
        with _rolled_back_on_error(roots, facts):
            with _flushed_staging(roots, facts):
                plan = _staged(roots, facts, work_dir, collected, limits, old)
                _stage_log(roots, facts, log, log_summary(facts, collected, plan.files))
                plan.record = record_of(facts, collected, plan.files)
                fail_point("store.after_stage")
            write_plan(roots, plan)
        carry_through(roots, plan, old)
    return dict(plan.files)


def record_log(
    roots: Roots, facts: JobFacts, log: Iterable[bytes], collected: Collected | None = None
) -> None:
    """Stores the log and record of a job that ended otherwise; outputs and manifest stay as they are (B22).

    `collected` is given when the job ran to its end but patterns were unmatched. The log of a cancelled job goes to its
    attempt only, not to the stores. Raises OSError.
    """
    _check_names(roots, facts)
    summary = log_summary(facts, collected, {})
    record = record_of(facts, collected, {})
    if facts.cancelled:
        write_log(_attempt_log(roots, facts), log, summary)
        metadata.write(roots, facts, record)
        return
    with locked(roots, facts.workspace):
        resume_workspace(roots, facts.workspace)
        with _rolled_back_on_error(roots, facts):
            plan = Plan(facts, {}, record, done=list(STEPS_OF_OUTPUTS))
            with _flushed_staging(roots, facts):
                _stage_log(roots, facts, log, summary)
            write_plan(roots, plan)
        carry_through(roots, plan)


def _check_names(roots: Roots, facts: JobFacts) -> None:
    """Raises UnsafePath when a name is none: before anything is written."""
    roots.staging_of(facts.workspace, facts.attempt)
    roots.attempt_of(facts.job, facts.attempt)
    log_path(facts.action)


@contextmanager
def _rolled_back_on_error(roots: Roots, facts: JobFacts) -> Iterator[None]:
    try:
        yield
    except BaseException:
        roll_back(roots, facts.workspace, facts.attempt)
        raise


def _attempt_log(roots: Roots, facts: JobFacts) -> Path:
    return make_directories(roots.jobs, f"{facts.job}/{facts.attempt}") / LOG_FILE


def _stage_log(roots: Roots, facts: JobFacts, log: Iterable[bytes], summary: str) -> None:
    """Writes logs.txt of the attempt, and what goes to both stores the same way as outputs (B27). That of the high
    store is the same file under a second name: neither is ever written again, only replaced."""
    path = _attempt_log(roots, facts)
    high, low = roots.staging_of(facts.workspace, facts.attempt)
    write_log(path, log, summary, flushed=False)
    with open_beneath(path.parent, path.name) as file:
        try:
            link_beneath(path.parent, path.name, high, STAGED_LOG, flushed=False)
        except OSError as problem:
            if problem.errno not in _NO_SECOND_NAME:
                raise
            copy_beneath(file, high, STAGED_LOG, flushed=False)
            flush([(path.parent, path.name)])
        atomic_write(low / STAGED_LOG, level4_log(file), flushed=False)


@contextmanager
def _flushed_staging(roots: Roots, facts: JobFacts) -> Iterator[None]:
    """Makes the staging directories in both stores; what is written there in the block is on disk after it, and so are
    the names of these directories and of logs.txt."""
    high, low = roots.staging_of(facts.workspace, facts.attempt)
    stores = (roots.high_of(facts.workspace), roots.level4_of(facts.workspace))
    for store, staging in zip(stores, (high, low), strict=True):
        make_directories(store, f"{PUBLISHING}/{staging.name}")
    names = [(store, PUBLISHING) for store in stores]
    with flushed_trees((high, low), *names, (roots.jobs, f"{facts.job}/{facts.attempt}")):
        yield


def _staged(
    roots: Roots, facts: JobFacts, work_dir: Path, collected: Collected, limits: Level4Limits, old: Manifest
) -> Plan:
    """Copies the outputs into the staging directories, judges them for level 4, and plans what becomes of the rest."""
    high, low = roots.staging_of(facts.workspace, facts.attempt)
    files: dict[str, Published] = {}
    verdicts: dict[str, Verdict] = {}
    for path, output in collected.outputs.items():
        _copy(work_dir, path, high, output)
        fail_point("store.after_first_copy")
        if output.level == MODERATELY:
            verdicts[path] = _judged(high, path, limits)
            if verdicts[path].reason is None:
                _copy(high / "files", path, low, output)
        files[path] = _published(output, verdicts.get(path))
    plan = Plan(facts, files, {})
    _plan_old_files(plan, old["outputs"])
    _stage_notes(plan, old["outputs"], verdicts, low)
    return plan


def _copy(source_root: Path, path: str, staged: Path, output: CollectedFile) -> None:
    """Copies to `files/` in a staging directory, and proves that the copy is what was collected."""
    with open_beneath(source_root, path) as source:
        copied = copy_beneath(source, staged, f"files/{path}", flushed=False)
    if copied != Copied(output.size, output.sha256):
        raise ChangedWhileCopied(f"{path} was changed while it was copied.")


def _judged(staged: Path, path: str, limits: Level4Limits) -> Verdict:
    with open_beneath(staged, f"files/{path}") as file:
        return judge(file, path, limits)


def _published(output: CollectedFile, verdict: Verdict | None) -> Published:
    reason, _, rows, columns = verdict or Verdict(None)
    timestamp = output.mtime_ns / 1e9
    return Published(output.level, output.size, timestamp, output.sha256, reason, rows, columns)


def _plan_old_files(plan: Plan, old: Mapping[str, Any]) -> None:
    """Plans the end of what the new files replace: kept by hash; its level-4 copy goes when the new one has none."""
    new = plan.files
    directories = directories_of(new)
    plan.displaced = [
        path for path in old if path in directories or not new.keys().isdisjoint(directories_of([path]))
    ]
    plan.level4 = [path for path, file in new.items() if file.at_level4]
    plan.gone = [path for path, file in new.items() if not file.at_level4]
    for path in (*plan.displaced, *(path for path in new if path in old)):
        entry = old[path] if isinstance(old[path], dict) else {}
        if manifests.is_sha256(entry.get("content_hash")):
            plan.kept[path] = entry["content_hash"]
            if manifests.at_level4(entry):
                plan.kept_level4[path] = entry["content_hash"]


def _stage_notes(plan: Plan, old: Mapping[str, Any], verdicts: Mapping[str, Verdict], low: Path) -> None:
    """Writes a note for each file kept out of level 4, and plans the end of older ones. No output loses its place to
    a note (B18), neither an old one nor one of this job."""
    taken = {*old, *plan.files} - set(plan.displaced)
    taken |= directories_of(taken)
    for path in plan.files:
        note_path = f"{path}.txt"
        if note_path in taken or len(PurePosixPath(note_path).name.encode()) > 255:
            continue
        verdict = verdicts.get(path)
        if verdict is not None and verdict.reason is not None:
            folder = make_directories(low, f"files/{note_path}".rpartition("/")[0])
            atomic_write(folder / PurePosixPath(note_path).name, note(path, verdict), flushed=False)
            plan.level4.append(note_path)
        else:
            plan.gone.append(note_path)
