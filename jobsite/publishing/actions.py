"""What is done to publications: draft, describe, publish, reject, withdraw. One transaction and one event each."""

from collections.abc import Collection

from jobsite.accounts.models import User
from jobsite.core.clock import now
from jobsite.core.db import changed_one, writing
from jobsite.core.errors import Conflict, Invalid, NotFound, refuse, require
from jobsite.core.events import record
from jobsite.projects.models import Workspace
from jobsite.projects.queries import permissions_in
from jobsite.publishing import rules
from jobsite.publishing.models import PublishRequest, Snapshot, SnapshotFile
from jobsite.releases.models import ReleaseFile
from jobsite.store.journal import fail_point

FAIL_POINTS = ("publishing.drafted", "publishing.decided")
"""Where `JOBSITE_FAIL_AT` can make the process die: inside the transactions, before their events."""

DECIDED = "Somebody else has decided about this draft in the meantime."


def draft(
    *, by: User, workspace: Workspace, file_ids: Collection[str], title: str = "", summary: str = ""
) -> Snapshot:
    """Ask for files of a workspace to be published. Deleted ones are left out; the same set is the same snapshot.

    A snapshot that waits or is published already is given back as it is; a rejected one is asked for again.
    Raises `Denied`, `Invalid` (`files`: unknown ids, other workspaces' files, nothing left; `title`, `summary`).
    """
    require(rules.why_not_draft(permissions_in(by, workspace.project_id), is_archived=workspace.is_archived))
    refuse(title=rules.why_not_title(title), summary=rules.why_not_summary(summary))
    with writing():
        files = _files(workspace, file_ids)
        snapshot, is_new = _snapshot(by, workspace, files, title.strip(), summary.strip())
        newest = newest_request(snapshot)
        if newest is None or newest.decision == rules.REJECTED:
            if not is_new:
                _describe(snapshot, title.strip() or snapshot.title, summary.strip() or snapshot.summary)
            _ask(by, snapshot)
            fail_point("publishing.drafted")
            _note("publication:drafted", by, snapshot, files=len(files))
    return snapshot


def describe(*, by: User, snapshot: Snapshot, title: str, summary: str) -> None:
    """Give a draft its title and its summary. Raises `Denied`, `Invalid` with the field's sentence."""
    refuse(title=rules.why_not_title(title), summary=rules.why_not_summary(summary))
    with writing():
        held = permissions_in(by, snapshot.workspace.project_id)
        require(rules.why_not_describe(held, _decision(snapshot)))
        _describe(snapshot, title.strip(), summary.strip())
        _note("publication:described", by, snapshot)


def publish(*, by: User, snapshot: Snapshot) -> None:
    """Open a draft to everybody. What is published already stays as it is. Raises `Denied`, `Conflict`."""
    with writing():
        newest = _newest(snapshot)
        held = permissions_in(by, snapshot.workspace.project_id)
        require(rules.why_not_publish(held, newest.decision, readable=_readable(snapshot)))
        if newest.decision == rules.PENDING:
            _decide(newest, by, rules.APPROVED)
            _note("publication:published", by, snapshot)


def reject(*, by: User, snapshot: Snapshot, reason: str) -> None:
    """Decide against a draft. Raises `Denied`, `Invalid` without a reason, `Conflict` when it has been decided."""
    refuse(reason=rules.why_not_reason(reason))
    with writing():
        newest = _newest(snapshot)
        held = permissions_in(by, snapshot.workspace.project_id)
        if rules.PUBLISH in held and newest.decision != rules.PENDING:
            raise Conflict(DECIDED)
        require(rules.why_not_reject(held, newest.decision))
        _decide(newest, by, rules.REJECTED, reason.strip())
        _note("publication:rejected", by, snapshot)


def withdraw(*, by: User, snapshot: Snapshot, reason: str) -> None:
    """Close a publication again: only members see it from now on. Raises `Denied`, `Invalid`, `Conflict`."""
    refuse(reason=rules.why_not_reason(reason))
    with writing():
        newest = _newest(snapshot)
        held = permissions_in(by, snapshot.workspace.project_id)
        if rules.PUBLISH in held and newest.decision != rules.APPROVED:
            raise Conflict("Somebody else has withdrawn this publication already.")
        require(rules.why_not_withdraw(held, newest.decision))
        _decide(_ask(by, snapshot), by, rules.REJECTED, reason.strip())
        _note("publication:withdrawn", by, snapshot)


def newest_request(snapshot: Snapshot) -> PublishRequest | None:
    """The newest publish request of a snapshot: it says whether the snapshot is published."""
    its = PublishRequest.select().where(PublishRequest.snapshot == snapshot.id)
    return its.order_by(PublishRequest.id.desc()).first()


def _newest(snapshot: Snapshot) -> PublishRequest:
    found = newest_request(snapshot)
    if found is None:
        raise NotFound("There is no such publication.")
    return found


def _decision(snapshot: Snapshot) -> str:
    return _newest(snapshot).decision


def _files(workspace: Workspace, file_ids: Collection[str]) -> list[ReleaseFile]:
    """The named files that are still there. Raises `Invalid` for one that is not of this workspace."""
    wanted = sorted(set(file_ids))
    its = (ReleaseFile.workspace == workspace.id) & ReleaseFile.id.in_(wanted) & ~ReleaseFile.is_record
    found = list(ReleaseFile.select().where(its))
    unknown = [one for one in wanted if one not in {file.id for file in found}]
    if unknown:
        raise Invalid({"files": f"Unknown file IDs: {', '.join(unknown[:20])}"})
    here = [file for file in found if file.is_here]
    refuse(files=rules.why_not_files(len(here)))
    return here


def _snapshot(
    by: User, workspace: Workspace, files: list[ReleaseFile], title: str, summary: str
) -> tuple[Snapshot, bool]:
    contents = rules.contents_of(file.id for file in files)
    found = Snapshot.get_or_none(workspace=workspace, contents=contents)
    if found is not None:
        return found, False
    facts = {"title": title, "summary": summary, "created_at": now(), "created_by": by.username}
    snapshot = Snapshot.create(workspace=workspace, contents=contents, **facts)
    SnapshotFile.insert_many([{"snapshot": snapshot, "file": file} for file in files]).execute()
    return snapshot, True


def _describe(snapshot: Snapshot, title: str, summary: str) -> None:
    snapshot.title, snapshot.summary = title, summary
    change = Snapshot.update(title=title, summary=summary).where(Snapshot.id == snapshot.id)
    changed_one(change, "This publication is no longer there.")


def _ask(by: User, snapshot: Snapshot) -> PublishRequest:
    return PublishRequest.create(
        snapshot=snapshot, workspace=snapshot.workspace_id, created_at=now(), created_by=by.username
    )


def _decide(request: PublishRequest, by: User, decision: str, reason: str = "") -> None:
    facts = {"decision": decision, "decision_at": now(), "decision_by": by.username, "reason": reason}
    waits = (PublishRequest.id == request.id) & (PublishRequest.decision == rules.PENDING)
    changed_one(PublishRequest.update(facts).where(waits), DECIDED)
    fail_point("publishing.decided")


def _readable(snapshot: Snapshot) -> int:
    files = SnapshotFile.select().join(ReleaseFile).where(SnapshotFile.snapshot == snapshot.id)
    return files.where(ReleaseFile.uploaded_at.is_null(False), ReleaseFile.deleted_at.is_null()).count()


def _note(kind: str, by: User, snapshot: Snapshot, **facts: int) -> None:
    workspace = snapshot.workspace.name
    record(kind, by=by.username, subject=f"publication:{snapshot.id}", workspace=workspace, **facts)
