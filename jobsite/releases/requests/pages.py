"""What the pages of a request are given: plain data, already filtered by who may see what, a sentence for every control.

`why` maps the names of actions (`rules.ACTIONS`) to None or the sentence why this viewer may not do it now.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobsite.checks import Finding
from jobsite.releases.requests.rules import OUTPUT, REMOVED

Why = Mapping[str, str | None]


@dataclass(frozen=True)
class Person:
    """A person by username, with how pages call them."""

    username: str
    name: str


@dataclass(frozen=True)
class Missing:
    """One thing that stands in the way of a step: a sentence, and where to go; `group` is a slug."""

    sentence: str
    group: str = ""
    path: str = ""


@dataclass(frozen=True)
class Progress:
    """How far this checker is in this turn: files voted on of those to vote on, `missing` before the review can go in."""

    outputs: int
    voted: int
    to_waive: int
    not_opened: int
    groups_needing_comment: tuple[str, ...]
    missing: tuple[Missing, ...]
    has_reviewed: bool


@dataclass(frozen=True)
class VoteShown:
    """A vote that this viewer may see. `value` is UNDECIDED where a vote was re-opened; `before` is what it was then."""

    checker: Person
    value: str
    at: datetime
    reopened_for: str = ""
    before: str = ""
    is_mine: bool = False
    is_open_objection: bool = False
    overruled_by: Person | None = None
    overruled_because: str = ""
    why_not_overrule: str | None = None
    why_not_restore: str | None = None


@dataclass(frozen=True)
class CommentShown:
    """A comment that this viewer may see; `text` is empty and `is_taken_back` set where only that it was is told.

    `answers` is the id of the comment it answers, where this viewer may see that one. `earlier` are its texts before it was
    edited, for who may read them. `solved_by` marked it solved.
    """

    id: int
    writer: Person
    audience: str
    turn: int
    at: datetime
    text: str
    group: str = ""
    path: str = ""
    place: Mapping[str, Any] | None = None
    reason_for: str = ""
    answers: int | None = None
    is_taken_back: bool = False
    is_sealed: bool = False
    is_edited: bool = False
    earlier: tuple[str, ...] = ()
    solved_by: Person | None = None
    why_not_take_back: str | None = None
    why_not_make_public: str | None = None
    why_not_repost: str | None = None
    why_not_edit: str | None = None
    why_not_reply: str | None = None
    why_not_solve: str | None = None


@dataclass(frozen=True)
class DeclarationShown:
    """A checker declared that they work on the workspace."""

    checker: Person
    text: str
    at: datetime


@dataclass(frozen=True)
class FindingShown:
    """A finding on a file, with what author and checkers said of it. `place` is as in the specification 5.6.

    `is_open`: something is still to be done about it before this viewer's next step. `waived_by` has only those whom the
    viewer may see.
    """

    fingerprint: str
    rule: str
    rule_version: int
    severity: str
    sentence: str
    place: Mapping[str, Any]
    explanation: str = ""
    explained_by: Person | None = None
    is_waived: bool = False
    waived_by: tuple[Person, ...] = ()
    waiver_code: str = ""
    waiver_text: str = ""
    is_confirmed: bool = False
    is_mine: bool = False
    is_open: bool = False
    why_not_waive: str | None = None


@dataclass(frozen=True)
class FileLine:
    """A file in lists. `decision` is "" where this viewer may not know it, `my_vote` "" without one.

    `workspace_has`: "same", "updated" or "gone". `findings` counts those of each severity; `open_findings` those that
    still ask something of this viewer. `unchanged_since` is when this checker approved exactly this content earlier.
    """

    id: int
    group: str
    path: str
    kind: str
    sha256: str
    size: int
    rows: int | None
    cols: int | None
    action: str
    decision: str
    my_vote: str
    is_opened: bool
    findings: Mapping[str, int]
    open_findings: int
    workspace_has: str
    unchanged_since: datetime | None = None
    released_at: datetime | None = None

    @property
    def is_output(self) -> bool:
        """Whether it is asked to be released."""
        return self.kind == OUTPUT

    @property
    def is_withdrawn(self) -> bool:
        """Whether it is no longer asked for."""
        return self.kind == REMOVED

    @property
    def worst(self) -> str:
        """The worst severity of its findings, "" where it has none."""
        return next((name for name in ("stop", "fix", "look", "note") if self.findings.get(name)), "")


@dataclass(frozen=True)
class GroupLine:
    """A group with its files. `needs_comment`: this viewer has to comment on it before their next step."""

    slug: str
    name: str
    context: str
    controls: str
    columns: Mapping[str, str]
    statements: Mapping[str, str]
    files: tuple[FileLine, ...]
    needs_comment: bool
    findings: tuple[FindingShown, ...] = ()


@dataclass(frozen=True)
class Head:
    """What every page of a request shows on top. `label` has the number of reviews in it; `since` is when it came there.

    `reviews_lapsed` do not count at the release any more, known to who decides. `copies_until` is when the copies of its files go, known once it has ended.
    """

    id: str
    workspace: str
    project: str
    project_slug: str
    backend: str
    author: Person
    status: str
    label: str
    owner: str
    phase: str
    turn: int
    since: datetime
    submitted_at: datetime | None
    approved_at: datetime | None
    approved_by: Person | None
    released_at: datetime | None
    undo_until: datetime | None
    undo_open: bool
    upload_state: str
    is_forced: bool
    category: str
    policy: str
    policy_version: int
    newest_policy_version: int
    reviews_in: int
    reviews_needed: int
    reviews_lapsed: int
    taken_by: Person | None
    repeats: str
    copies_until: datetime | None
    copies_removed_at: datetime | None
    next: str
    is_author: bool
    on_author_side: bool
    is_eligible: bool
    is_auditor: bool
    why: Why


@dataclass(frozen=True)
class Activity:
    """Something that happened to the request, in words. `type` is the part of the event's type behind `release:`."""

    at: datetime
    by: Person
    type: str
    sentence: str
    turn: int


@dataclass(frozen=True)
class Change:
    """What becomes of one path when a request is made again: new, changed, same or gone."""

    path: str
    group: str
    kind: str
    change: str
    before: str
    after: str


@dataclass(frozen=True)
class Overview:
    """The page of a request. `in_the_way` maps the steps that are this viewer's to take (submit, submit_review,
    return_request, approve) to what is missing before them; `step` is the one to take next, "" without one. `changes` are
    those since the request that this one repeats. `findings_at` is for each severity the first (group, path) with such a
    finding; a finding on a group itself has no path.
    """

    head: Head
    groups: tuple[GroupLine, ...]
    comments: tuple[CommentShown, ...]
    findings: Mapping[str, int]
    progress: Progress | None
    step: str
    in_the_way: Mapping[str, tuple[Missing, ...]]
    activity: tuple[Activity, ...]
    declarations: tuple[DeclarationShown, ...] = ()
    changes: tuple[Change, ...] = ()
    disagreements: tuple[FileLine, ...] = ()
    findings_at: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class GroupPage:
    """The page of a group. `counts` is the part of the policy in force that tells what to hide and how to round."""

    head: Head
    group: GroupLine
    comments: tuple[CommentShown, ...]
    counts: Mapping[str, Any]


@dataclass(frozen=True)
class VersionShown:
    """Earlier content of a file in this request."""

    sha256: str
    size: int
    turn: int
    at: datetime


@dataclass(frozen=True)
class Provenance:
    """Where a file comes from, and which other requests hold this path or this content: (id, status label, same content)."""

    job: str
    action: str
    commit: str
    repo: str
    user: str
    modified_at: datetime
    added_at: datetime
    elsewhere: tuple[tuple[str, str, bool], ...]


@dataclass(frozen=True)
class FilePage:
    """The page of a file. `groups` are all groups with their files for the list beside it; addresses are (slug, path).

    `last_reviewed` and `last_released` are the SHA-256 of the content that was reviewed or released last, "" without one.
    `marked` are the findings once more, for the viewer of the content.
    """

    head: Head
    groups: tuple[GroupLine, ...]
    group: GroupLine
    file: FileLine
    findings: tuple[FindingShown, ...]
    votes: tuple[VoteShown, ...]
    my_vote: VoteShown | None
    comments: tuple[CommentShown, ...]
    versions: tuple[VersionShown, ...]
    provenance: Provenance
    progress: Progress | None
    why_not_approve: str | None
    marked: tuple[Finding, ...]
    previous: tuple[str, str] | None
    next: tuple[str, str] | None
    next_unvoted: tuple[str, str] | None
    last_reviewed: str = ""
    last_released: str = ""


@dataclass(frozen=True)
class QueueRow:
    """A request in a list. `days_left` of the promised working days, below 0 when it is late, None where nobody waits."""

    id: str
    workspace: str
    author: Person
    status: str
    label: str
    owner: str
    turn: int
    since: datetime
    days_left: int | None
    files: int
    worst: str
    reviews_in: int
    reviews_needed: int
    voted: int
    outputs: int
    has_reviewed: bool
    taken_by: Person | None
    is_my_turn: bool
    upload_state: str


@dataclass(frozen=True)
class Queue:
    """A page of requests: 50 `rows` of `total`. `counts` says how many each view has; `ignored` are filters not understood."""

    view: str
    rows: tuple[QueueRow, ...]
    total: int
    page: int
    pages: int
    counts: Mapping[str, int]
    ignored: tuple[str, ...] = ()
    filters: Mapping[str, str] = field(default_factory=dict)
