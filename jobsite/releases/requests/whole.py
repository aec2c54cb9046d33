"""All rows of one request, read with few queries, and what follows from them: votes on the present content, decisions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from peewee import JOIN, fn

from jobsite.core.clock import now
from jobsite.core.db import database
from jobsite.releases.requests.answering import pinned
from jobsite.releases.requests.decisions import decision
from jobsite.releases.requests.models import (
    Comment,
    CommentChange,
    Overrule,
    ReleaseRequest,
    RequestFile,
    RequestGroup,
    Vote,
)
from jobsite.releases.requests.rules import AUTHOR, OUTPUT, REMOVED, UNDECIDED

_MARKS = """
    SELECT 'explanation', id, file_id, sha256, rule, rule_version, 0, fingerprint, '', '', writer, text, turn, at, '', ''
      FROM explanation WHERE request_id = :request AND superseded_at IS NULL
    UNION ALL
    SELECT 'waiver', id, file_id, sha256, rule, rule_version, policy_version, fingerprint, verdict, code, checker, text,
           turn, at, '', ''
      FROM waiver WHERE request_id = :request AND superseded_at IS NULL AND sealed_at IS NULL
    UNION ALL
    SELECT 'pin', id, file_id, sha256, 'M1', 1, 0, fingerprint, '', '', checker, sentence, turn, at, place, severity
      FROM pin WHERE request_id = :request AND sealed_at IS NULL
    UNION ALL
    SELECT 'opened', opened.id, file_id, opened.sha256, '', 0, 0, '', '', '', person, '', turn, at, '', ''
      FROM opened JOIN request_file ON request_file.id = opened.file_id
     WHERE request_file.request_id = :request AND turn = :turn
"""


@dataclass(frozen=True)
class Mark:
    """An explanation, a waiver, a pinned remark or an opening of a file: `what` says which. `writer` is who made it."""

    what: str
    id: int
    file_id: int
    sha256: str
    rule: str
    rule_version: int
    policy_version: int
    fingerprint: str
    verdict: str
    code: str
    writer: str
    text: str
    turn: int
    at: datetime
    place: Mapping[str, Any]
    severity: str

    @property
    def checker(self) -> str:
        """Who made it, as rules on waivers ask for it."""
        return self.writer

    @property
    def sentence(self) -> str:
        """What it says, as rules on pinned remarks ask for it."""
        return self.text


@dataclass(frozen=True)
class Change:
    """What became of a comment: `what` is EDITED, with the new text, SOLVED or REOPENED."""

    id: int
    what: str
    text: str
    writer: str
    side: str
    turn: int
    at: str
    is_sealed: bool


@dataclass(frozen=True)
class Declared:
    """What a checker who works on the workspace declared in writing; `at` as the database has it."""

    checker: str
    text: str
    at: str


@dataclass(frozen=True)
class Whole:
    """A request with its groups by position, its files by group and path, and what people said that still counts.

    `needed` is how many reviews it needs; `reviews` are those of this turn and of the one before, as (turn, checker).
    `lapsed` are reviewers of this turn who may not review it any more, known while it is being decided.
    """

    request: ReleaseRequest
    needed: int
    reviews: tuple[tuple[int, str], ...]
    groups: tuple[RequestGroup, ...]
    files: tuple[RequestFile, ...]
    votes: tuple[Vote, ...]
    overrules: Mapping[int, Overrule]
    comments: tuple[Comment, ...]
    marks: tuple[Mark, ...]
    lapsed: frozenset[str] = frozenset()

    @property
    def decided_turn(self) -> int:
        """The turn whose reviews count: this one, and in the author's turn that of the checkers before it."""
        return self.request.turn - 1 if self.request.phase == AUTHOR else self.request.turn

    @property
    def reviewers(self) -> list[str]:
        """Who submitted a review that counts, the earliest first."""
        return [checker for turn, checker in self.reviews if turn == self.decided_turn]

    @property
    def eligible_reviewers(self) -> list[str]:
        """Those of them who may still review it: their approvals alone count at the release."""
        return [checker for checker in self.reviewers if checker not in self.lapsed]

    @property
    def outputs(self) -> list[RequestFile]:
        """The files that are to be released."""
        return [file for file in self.files if file.kind == OUTPUT]

    def files_in(self, group: RequestGroup) -> list[RequestFile]:
        """The files of a group, withdrawn ones included."""
        return self._by_group.get(group.id, [])

    def votes_on(self, file: RequestFile) -> dict[str, Vote]:
        """The current votes on the content that the file has now, by checker."""
        return {vote.checker: vote for vote in self._by_file.get(file.id, []) if vote.sha256 == file.sha256}

    def decision(self, file: RequestFile) -> str:
        """The decision on a file, a key of `decisions.DECISIONS`."""
        votes = self.votes_on(file)
        overruled = [checker for checker, vote in votes.items() if vote.id in self.overrules]
        return decision(
            {checker: vote.value for checker, vote in votes.items()}, self.reviewers, overruled, self.needed
        )

    def findings(self, file: RequestFile) -> list[Mapping[str, Any]]:
        """What the checks found in the file, and what checkers pinned to it, whoever may see that yet."""
        found = [] if file.kind == REMOVED else list(file.findings)
        return [*found, *(pinned(mark, file.kind) for mark in self.pins(file))]

    def pins(self, file: RequestFile) -> list[Mark]:
        """What checkers pinned to the content that the file has now."""
        return [mark for mark in self.marks_on(file, "pin") if mark.sha256 == file.sha256]

    def marks_on(self, file: RequestFile, what: str) -> list[Mark]:
        """The marks of one sort on a file, the earliest first."""
        return self._by_mark.get((file.id, what), [])

    def is_opened(self, file: RequestFile, person: str) -> bool:
        """Whether they opened the content that the file has now in this turn."""
        opened = self.marks_on(file, "opened")
        return any(mark.writer == person and mark.sha256 == file.sha256 for mark in opened)

    def with_opening(self, file: RequestFile, person: str) -> "Whole":
        """The same once this person has opened the content that the file has now."""
        facts = ("opened", 0, file.id, file.sha256, "", 0, 0, "", "", "", person, "", self.request.turn)
        return replace(self, marks=(*self.marks, Mark(*facts, now(), {}, "")))

    def voted(self, file: RequestFile, checker: str) -> str:
        """The vote of this checker on the file, "" without one; one that was re-opened is none."""
        vote = self.votes_on(file).get(checker)
        return "" if vote is None or vote.value == UNDECIDED else vote.value

    @cached_property
    def slugs(self) -> dict[int, str]:
        """The slugs of its groups, by id."""
        return {group.id: group.slug for group in self.groups}

    @cached_property
    def paths(self) -> dict[int, str]:
        """The paths of its files, by id."""
        return {file.id: file.path for file in self.files}

    @cached_property
    def _by_group(self) -> dict[int, list[RequestFile]]:
        return _grouped(self.files, "group_id")

    @cached_property
    def _by_file(self) -> dict[int, list[Vote]]:
        return _grouped(self.votes, "file_id")

    @cached_property
    def _by_mark(self) -> dict[tuple[int, str], list[Mark]]:
        found: dict[tuple[int, str], list[Mark]] = {}
        for mark in self.marks:
            found.setdefault((mark.file_id, mark.what), []).append(mark)
        return found


def whole(
    request: ReleaseRequest, needed: int, reviews: Sequence[tuple[int, str]], lapsed: frozenset[str]
) -> Whole:
    """The request with all its rows: four queries whatever their number. `reviews` are those that
    count of this turn and the one before, the earliest first, as (turn, checker)."""
    groups, files = _groups_and_files(request)
    votes = list(_votes(request))
    overrules = {vote.id: vote.overrule for vote in votes if getattr(vote, "overrule", None)}
    return Whole(
        request=request,
        needed=needed,
        reviews=tuple(reviews),
        groups=tuple(groups),
        files=tuple(files),
        votes=tuple(votes),
        overrules=overrules,
        comments=tuple(_comments(request)),
        marks=tuple(_marks(request)),
        lapsed=lapsed,
    )


def _groups_and_files(request: ReleaseRequest) -> tuple[list[RequestGroup], list[RequestFile]]:
    rows = RequestGroup.select(RequestGroup, RequestFile).join(RequestFile, JOIN.LEFT_OUTER, attr="one_file")
    rows = rows.where(RequestGroup.request == request).order_by(RequestGroup.position, RequestFile.path)
    groups: dict[int, RequestGroup] = {}
    files = []
    for row in rows:
        group = groups.setdefault(row.id, row)
        file = getattr(row, "one_file", None)
        if file is not None and file.id is not None:
            file.group = group
            files.append(file)
    return list(groups.values()), files


def _votes(request: ReleaseRequest) -> Any:
    standing = (Overrule.vote == Vote.id) & Overrule.superseded_at.is_null()
    rows = Vote.select(Vote, Overrule).join(Overrule, JOIN.LEFT_OUTER, on=standing, attr="overrule")
    return rows.where(Vote.request == request, Vote.superseded_at.is_null()).order_by(Vote.id)


def _comments(request: ReleaseRequest) -> Any:
    told = fn.json_array(
        CommentChange.id, CommentChange.what, CommentChange.text, CommentChange.writer, CommentChange.side,
        CommentChange.turn, CommentChange.at, CommentChange.sealed_at.is_null(False),
    )  # fmt: skip
    changes = CommentChange.select(fn.json_group_array(told)).where(CommentChange.comment == Comment.id)
    rows = Comment.select(Comment, changes.alias("changed"))
    return rows.where(Comment.request == request).order_by(Comment.id)


def changes_of(comment: Comment) -> list[Change]:
    """What became of a comment of a whole request, the earliest first."""
    if comment.changed == "[]":  # of nearly all
        return []
    return [Change(*row) for row in sorted(json.loads(comment.changed))]


def _marks(request: ReleaseRequest) -> list[Mark]:
    cursor = database.execute_sql(_MARKS, {"request": request.id, "turn": request.turn})
    return [_mark(row) for row in sorted(cursor.fetchall(), key=lambda row: (row[0], row[1]))]


def _mark(row: tuple[Any, ...]) -> Mark:
    what, place, at = row[0], row[14], row[13]
    facts = (*row[:13], Comment.at.python_value(at), json.loads(place) if what == "pin" else {}, row[15])
    return Mark(*facts)


def _grouped(rows: tuple[Any, ...], key: str) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(getattr(row, key), []).append(row)
    return found
