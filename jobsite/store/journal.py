"""The steps that make a staged publication visible. They are the same after a kill: each step may be done again.

A publication first lies whole, and verified, in `metadata/.publishing/<attempt>/` of both stores. The plan written there
last is the decision: without it the directories are thrown away, with it the steps are carried through. A reader goes
by the manifest and by content hash: old content keeps a name in `metadata/.content/` until the new manifest is there.

A kill loses nothing that was written, a power cut what was not flushed. So what is staged is flushed before the plan,
the plan at once, kept content before it loses its other name, a manifest before it replaces the only one, and all that
the steps have changed before the plan goes (`_settle`). In between nothing is flushed: the plan would do it again.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from jobsite.core.files import (
    UnsafePath,
    atomic_write,
    components,
    link_beneath,
    move_beneath,
    open_beneath,
    remove_beneath,
    remove_tree,
)
from jobsite.core.flushing import flush
from jobsite.store import manifest as manifests
from jobsite.store import metadata
from jobsite.store.facts import JobFacts, Published
from jobsite.store.identities import remember
from jobsite.store.manifest import DamagedManifest, Manifest
from jobsite.store.roots import CONTENT, METADATA, PUBLISHING, Roots, locked, log_path

PLAN = "plan.json"
STAGED_LOG = "log"
STEPS_OF_OUTPUTS = ("keep", "move", "list")  # for a job without outputs they are done from the start

# Where `JOBSITE_FAIL_AT` can make the process die, in the order in which they are passed.
FAIL_POINTS = (
    "store.before_stage",
    "store.after_first_copy",
    "store.after_stage",
    "store.after_plan",
    "store.after_keep",
    "store.after_first_move",
    "store.after_move",
    "store.after_manifest",
    "store.after_log",
    "store.after_record",
    "store.after_clean",
)


def fail_point(name: str) -> None:
    """Ends the process as a kill would, without any clean-up, when `JOBSITE_FAIL_AT` names this point (crash tests)."""
    if os.environ.get("JOBSITE_FAIL_AT") == name:
        os._exit(137)


@dataclass
class Plan:
    """A publication that is staged: what goes where.

    `files` are in the high store's staging directory, `level4` the paths (outputs and notes) in that of level 4;
    `gone` leave level 4; `displaced` are old outputs whose place is needed; `kept` and `kept_level4` are {path: hash} of old
    content that is replaced; `done` are the steps that it does not need.
    """

    facts: JobFacts
    files: Mapping[str, Published]
    record: Mapping[str, Any]
    level4: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    displaced: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    kept_level4: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)


class Resumed(NamedTuple):
    """A publication that a kill had cut off: finished, or else rolled back, or, with a `problem`, still to be finished."""

    workspace: str
    attempt: str
    finished: bool
    problem: str = ""


def write_plan(roots: Roots, plan: Plan) -> None:
    """Writes the plan into the staging directory, in one step."""
    data = asdict(plan)
    data["facts"]["actions"] = None if plan.facts.actions is None else sorted(plan.facts.actions)
    data["files"] = {path: file._asdict() for path, file in plan.files.items()}
    high, _ = roots.staging_of(plan.facts.workspace, plan.facts.attempt)
    atomic_write(high / PLAN, json.dumps(data))


def _read_plan(directory: Path) -> Plan | None:
    try:
        with open_beneath(directory, PLAN) as file:
            data = json.loads(file.read())
    except FileNotFoundError:
        return None
    actions = data["facts"]["actions"]
    data["facts"]["actions"] = None if actions is None else frozenset(actions)
    data["facts"] = JobFacts(**data["facts"])
    data["files"] = {path: Published(**file) for path, file in data["files"].items()}
    return Plan(**data)


def carry_through(roots: Roots, plan: Plan, old: Manifest | None = None) -> None:
    """Does the steps that a plan needs, and removes the staging directories. Raises OSError.

    `old` is the manifest as it is, for who has just read it; else it is read.
    """
    fail_point("store.after_plan")
    steps: dict[str, Callable[[Roots, Plan], None]] = {
        "keep": _keep,
        "move": _move,
        "list": partial(_list, old=old),
        "store_log": _store_log,
        "record": _record,
    }
    for name, step in steps.items():
        if name not in plan.done:
            step(roots, plan)
    _settle(roots, plan)
    _clean(roots, plan.facts.workspace, plan.facts.attempt)
    fail_point("store.after_clean")


def _both(roots: Roots, plan: Plan) -> tuple[Path, Path]:
    return roots.high_of(plan.facts.workspace), roots.level4_of(plan.facts.workspace)


def _keep(roots: Roots, plan: Plan) -> None:
    """Gives content that will be replaced a second name, for readers of the old manifest and for waiting jobs (B19)."""
    for root, kept in zip(_both(roots, plan), (plan.kept, plan.kept_level4), strict=True):
        for path, sha256 in kept.items():
            with suppress(FileNotFoundError, UnsafePath):
                link_beneath(root, path, root, f"{CONTENT}/{sha256}", flushed=False)
        if kept:
            flush([(root, CONTENT), (root, METADATA)])
    fail_point("store.after_keep")


def _move(roots: Roots, plan: Plan) -> None:
    high, level4 = _both(roots, plan)
    for path in plan.displaced:
        _remove_file(high, path)
    for path in (*plan.displaced, *plan.gone):
        _remove_file(level4, path)
    _move_all(high, plan.files, plan.facts.attempt)
    _move_all(level4, plan.level4, plan.facts.attempt)
    remember(high, {path: file.content_hash for path, file in plan.files.items()})
    fail_point("store.after_move")


def _remove_file(root: Path, path: str) -> None:
    with suppress(IsADirectoryError):
        remove_beneath(root, path)


def _move_all(root: Path, paths: Iterable[str], attempt: str) -> None:
    for path in paths:
        _clear_way(root, path)
        # Missing: moved before the kill. That all of them were staged is what the plan says.
        with suppress(FileNotFoundError):
            move_beneath(root, f"{PUBLISHING}/{attempt}/files/{path}", root, path, flushed=False)
        fail_point("store.after_first_move")


def _clear_way(root: Path, path: str) -> None:
    """Removes links and files that stand where a directory is needed, and a directory where the file will be."""
    names = components(path)
    for length in range(1, len(names)):
        _remove_file(root, "/".join(names[:length]))
    target = root / path
    if target.is_dir() and not target.is_symlink():
        remove_tree(target)


def _list(roots: Roots, plan: Plan, old: Manifest | None) -> None:
    _, level4 = _both(roots, plan)
    manifest = old or manifests.read(level4, plan.facts.workspace)
    manifests.write(level4, manifests.updated(manifest, plan.facts, plan.files, plan.displaced))
    fail_point("store.after_manifest")


def _store_log(roots: Roots, plan: Plan) -> None:
    staged = roots.staging_of(plan.facts.workspace, plan.facts.attempt)
    for source, root in zip(staged, _both(roots, plan), strict=True):
        with suppress(FileNotFoundError):
            move_beneath(source, STAGED_LOG, root, log_path(plan.facts.action), flushed=False)
    fail_point("store.after_log")


def _record(roots: Roots, plan: Plan) -> None:
    metadata.write(roots, plan.facts, plan.record, flushed=False)
    fail_point("store.after_record")


def _settle(roots: Roots, plan: Plan) -> None:
    """Flushes what the steps have changed: names in directories, and the record. Contents were flushed before."""
    high, level4 = _both(roots, plan)
    in_high = [METADATA, *directories_of([*plan.files, *plan.displaced])]
    in_level4 = [METADATA, *directories_of([*plan.level4, *plan.gone, *plan.displaced])]
    in_jobs = metadata.path_and_directories(plan.facts)
    flush(
        (root, path)
        for root, paths in ((high, in_high), (level4, in_level4), (roots.jobs, in_jobs))
        for path in paths
    )


def directories_of(paths: Iterable[str]) -> set[str]:
    """The directories above relative paths, at every depth; "" is the root."""
    names = [path.split("/") for path in paths]
    return {"/".join(one[:length]) for one in names for length in range(len(one))}


def _clean(roots: Roots, workspace: str, attempt: str) -> None:
    """Removes what only served the change; the plan goes last, so that a kill in between is noticed."""
    high, level4 = roots.staging_of(workspace, attempt)
    remove_tree(roots.level4_of(workspace) / CONTENT)
    remove_tree(level4)
    for name in ("files", STAGED_LOG):
        remove_tree(high / name)
    remove_tree(high)


def roll_back(roots: Roots, workspace: str, attempt: str) -> None:
    """Throws a publication away that has no plan: nothing of it can have been seen."""
    for directory in roots.staging_of(workspace, attempt):
        remove_tree(directory)


def resume(roots: Roots) -> list[Resumed]:
    """To be called at start: finishes or rolls back every publication that was cut off, in all workspaces.

    One workspace that cannot be put right (disk full, damaged manifest) does not keep the others from it.
    """
    resumed = []
    for workspace in roots.workspaces():
        try:
            with locked(roots, workspace):
                resumed += resume_workspace(roots, workspace)
        except (OSError, UnsafePath, DamagedManifest) as error:
            resumed.append(Resumed(workspace, "", False, str(error)))
    return resumed


def resume_workspace(roots: Roots, workspace: str) -> list[Resumed]:
    """`resume` for one workspace, whose lock the caller holds. Raises OSError, UnsafePath, DamagedManifest."""
    resumed = []
    attempts: set[str] = set()
    for root in (roots.high_of(workspace), roots.level4_of(workspace)):
        with suppress(FileNotFoundError):
            attempts.update(os.listdir(root / PUBLISHING))
    for attempt in sorted(attempts):
        high, _ = roots.staging_of(workspace, attempt)
        plan = _read_plan(high) if high.is_dir() else None
        if plan is None:
            roll_back(roots, workspace, attempt)
        else:
            carry_through(roots, plan)
        resumed.append(Resumed(workspace, attempt, plan is not None))
    return resumed
