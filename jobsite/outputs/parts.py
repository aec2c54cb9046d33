"""What Level 4 adds to the pages of jobs and workspaces: how many findings wait there, for those who may look."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from jobsite.checks import SEVERITIES
from jobsite.jobs.models import Job
from jobsite.outputs.access import LOOK, LOOK_ANYWHERE, outputs_of
from jobsite.outputs.checking import Wanted, counts_of
from jobsite.outputs.policies import policy_of
from jobsite.projects.models import Workspace
from jobsite.projects.parts import Part
from jobsite.settings import current
from jobsite.store.reading import Entry


def workspace_parts(*, person: Any, workspace: Workspace) -> list[Part]:
    """How many outputs a workspace has and what was found in them. At most two queries; none where nobody may look."""
    if not _may_look(workspace):
        return []
    entries = [one for one in outputs_of(workspace).entries if one.current]
    if not entries:
        return []
    found = _counts(workspace, entries)
    total = sum((Counter(counts) for counts in found.values()), Counter())
    held = sum(one.excluded for one in entries)
    facts = {"files": len(entries), "held": held, "counts": {name: total[name] for name in SEVERITIES}}
    facts["unchecked"] = len(entries) - held - len(found)
    return [Part("outputs/_workspace.html", "level-4", facts)]


def job_parts(*, person: Any, workspace: Workspace, job: Job) -> list[Part]:
    """What was found in the outputs of a job, the gravest first. At most two queries; none where nobody may look."""
    if not _may_look(workspace) or job.is_active:
        return []
    entries = [one for one in outputs_of(workspace).entries if one.job == job.identifier]
    if not entries:
        return []
    found = _counts(workspace, entries)
    rows = [(one.path, found.get(one.path), one.excluded) for one in entries]
    rows.sort(key=lambda row: [-(row[1] or {}).get(name, 0) for name in SEVERITIES])
    return [Part("outputs/_job.html", "findings", {"rows": rows[:50], "total": len(rows)})]


def _counts(workspace: Workspace, entries: list[Entry]) -> Mapping[str, Mapping[str, int]]:
    """The findings by severity of each path that has been checked."""
    wanted = [Wanted(one.path, one.content_hash) for one in entries if not one.excluded]
    found = counts_of(wanted, policy_of(workspace.project))
    return {path: counts for (_, path), counts in found.items()}


def _may_look(workspace: Workspace) -> bool:
    return current().secure and bool({LOOK, LOOK_ANYWHERE} & set(workspace.permissions))


PARTS = {"workspace": (workspace_parts,), "job": (job_parts,)}
