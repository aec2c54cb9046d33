"""The disclosure checks as requests need them: a new content before it is added, and all files together (5.1).

What was found is kept on the rows of the request, so that pages show what the request was checked by, and when.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from jobsite.checks import Finding, Recorded, Statement, recorded_in, worst
from jobsite.core.errors import Conflict
from jobsite.outputs.checking import Together, Wanted, check_now, check_together, findings_of
from jobsite.outputs.models import PolicyVersion
from jobsite.releases.requests.copies import DAMAGED, Staged, open_content, open_staged
from jobsite.releases.requests.models import ReleaseRequest, RequestFile, RequestGroup
from jobsite.releases.requests.rules import OUTPUT, REMOVED
from jobsite.releases.requests.whole import Whole

MOST_EARLIER = 200
"""So many released tables of a workspace and its project are compared with, the newest first."""

ROLES = ("count", "rate", "statistic", "model", "label")
"""What the author's dictionary may say of a column in one word, for the rules to go by; other words are for readers."""


class Reviews(NamedTuple):
    """What a policy says of reviews: how many are `needed`, whether `colleagues` may review, the undo window in seconds."""

    needed: int
    colleagues: str
    undo_seconds: int


class Found(NamedTuple):
    """What the checks found in a request: by id of the file, and by id of the group for what concerns it as a whole.

    `contents` are the SHA-256 of the files it was found in, by id: who stores it makes sure that they are still those.
    `exceptions` are the reasons that ACRO records give for files to stay as they are, by id.
    """

    policy: PolicyVersion
    contents: Mapping[int, str]
    of_files: Mapping[int, tuple[Finding, ...]]
    of_groups: Mapping[int, tuple[Finding, ...]]
    exceptions: Mapping[int, str]


def reviews_of(policy: PolicyVersion) -> Reviews:
    """The part of a policy that is about reviews."""
    part = policy.document["reviews"]
    return Reviews(part["needed"], part["colleagues"], part["undo_seconds"])


def judged_by(policy: PolicyVersion) -> dict[str, Any]:
    """The columns of a request that say what it is checked under, and how many reviews it asks for."""
    return {"policy": policy.policy, "policy_version": policy.version, "needed": reviews_of(policy).needed}


def found_in_staged(path: str, kind: str, staged: Staged, policy: PolicyVersion) -> tuple[Finding, ...]:
    """What the rules for one file find in a content that is to be added under this path. Outside of transactions."""
    wanted = Wanted(path, staged.sha256, kind, open=partial(open_staged, staged))
    return check_now(wanted, policy).findings


def found_in_copy(file: RequestFile, kind: str, policy: PolicyVersion) -> tuple[Finding, ...]:
    """What the rules for one file find in it when it is of this kind. Raises `Conflict` where its copy is gone."""
    try:
        return check_now(_wanted(file, kind), policy).findings
    except OSError:
        raise Conflict(DAMAGED) from None


def found_in_request(state: Whole, policy: PolicyVersion) -> Found:
    """What all rules find in all files of a request. Outside of transactions. Raises `Conflict` where a copy is damaged."""
    try:
        return _found(state, policy)
    except OSError:
        raise Conflict(DAMAGED) from None


def _found(state: Whole, policy: PolicyVersion) -> Found:
    asked_for = [file for file in state.files if file.kind != REMOVED]
    recorded = _recorded(asked_for)
    columns = _dictionaries(state.groups, asked_for, recorded)
    earlier, checked = _released_before(state.request), _alone(asked_for, columns, policy)
    groups = [group for group in state.groups if any(file.group_id == group.id for file in asked_for)]
    together = check_together([_together(group, asked_for, columns, earlier) for group in groups], policy)
    of_groups = {
        group.id: tuple(finding for finding in found if not finding.file)
        for group, found in zip(groups, together, strict=True)
    }
    of_files = dict(checked)
    for group, found in zip(groups, together, strict=True):
        for file in asked_for:
            if file.group_id == group.id:
                of_files[file.id] += tuple(finding for finding in found if finding.file == file.path)
    contents = {file.id: file.sha256 for file in asked_for}
    exceptions = {number: said.exception for number, said in recorded.items() if said.exception}
    return Found(policy, contents, of_files, of_groups, exceptions)


def keep(state: Whole, found: Found) -> None:
    """Put what was found on the rows of the request's files and groups, where it is new. Only inside a transaction."""
    keep_in_files(state, found)
    for group in state.groups:
        findings = documents(found.of_groups.get(group.id, ()))["findings"]
        if group.findings != findings:
            group.findings = findings
            group.save(only=[RequestGroup.findings])


def keep_in_files(state: Whole, found: Found) -> None:
    """The same for the files alone: what groups say of themselves is checked when they are submitted (5.1)."""
    for file in state.files:
        facts = documents(found.of_files.get(file.id, ()))
        if file.kind != REMOVED and file.findings != facts["findings"]:
            file.findings, file.worst = facts["findings"], facts["worst"]
            file.save(only=[RequestFile.findings, RequestFile.worst])


def documents(findings: Iterable[Finding]) -> dict[str, Any]:
    """The columns `findings` and `worst` of a file in which these were found."""
    found = list(findings)
    return {"findings": [finding.as_json() for finding in found], "worst": worst(found) or ""}


def _recorded(asked_for: list[RequestFile]) -> dict[int, Recorded]:
    """What the ACRO records in a group say of the other files in it, by id."""
    found: dict[int, Recorded] = {}
    for group in {file.group_id for file in asked_for}:
        files = [file for file in asked_for if file.group_id == group]
        said = recorded_in([(file.path, partial(open_content, file.sha256)) for file in files])
        found |= {file.id: said[file.path] for file in files if file.path in said}
    return found


def _dictionaries(
    groups: Iterable[RequestGroup], asked_for: list[RequestFile], recorded: Mapping[int, Recorded]
) -> dict[int, Mapping[str, str]]:
    """What the columns of each file are, by id: as an ACRO record says, and before that as the author does (5.5)."""
    by_author = {
        group.id: {header: word for header, word in group.columns.items() if word in ROLES}
        for group in groups
    }
    by_record = {number: said.roles for number, said in recorded.items()}
    return {file.id: {**by_record.get(file.id, {}), **by_author[file.group_id]} for file in asked_for}


def _alone(
    files: Iterable[RequestFile], columns: Mapping[int, Mapping[str, str]], policy: PolicyVersion
) -> dict[int, tuple[Finding, ...]]:
    """What the rules for one file find in each, by id: what is kept, with one query, else by running them."""
    wanted = {file.id: _wanted(file, file.kind, columns[file.id]) for file in files}
    kept = findings_of(wanted.values(), policy)
    return {
        number: (kept.get((one.sha256, one.path)) or check_now(one, policy)).findings
        for number, one in wanted.items()
    }


def _together(
    group: RequestGroup,
    asked_for: list[RequestFile],
    columns: Mapping[int, Mapping[str, str]],
    earlier: list[tuple[Wanted, str]],
) -> Together:
    files = [_wanted(file, file.kind, columns[file.id]) for file in asked_for if file.group_id == group.id]
    related = [_wanted(file, file.kind) for file in asked_for if file.group_id != group.id]
    statement = Statement(
        group=group.name,
        context=group.context,
        controls=group.controls,
        differs=group.statements.get("differs", ""),
        described=frozenset(group.columns),
    )
    return Together(files, statement, related, earlier)


def _wanted(file: RequestFile, kind: str, columns: Mapping[str, str] | None = None) -> Wanted:
    return Wanted(file.path, file.sha256, kind, columns or {}, open=partial(open_content, file.sha256))


def _released_before(request: ReleaseRequest) -> list[tuple[Wanted, str]]:
    """The tables that were released from this workspace and its project on this backend, the newest first (rule D3)."""
    rows = RequestFile.select().join(ReleaseRequest).where(
        ReleaseRequest.project == request.project_id,
        ReleaseRequest.backend == request.backend_id,
        RequestFile.request != request,
        RequestFile.released_at.is_null(False),
        RequestFile.cols.is_null(False),
        ReleaseRequest.copies_removed_at.is_null(),
    )  # fmt: skip
    newest = rows.order_by(RequestFile.released_at.desc()).limit(MOST_EARLIER)
    return [(_wanted(file, OUTPUT), f"on {_day(file.released_at)}") for file in newest]


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
