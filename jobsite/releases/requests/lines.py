"""Files, groups, findings, votes and comments of a request as this viewer may see them (specification 2.4)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from jobsite.checks import Finding, Place
from jobsite.releases.requests.answering import (
    answers,
    confirmed_by,
    counted_by_severity,
    pinned,
    to_waive,
    unexplained,
    waived_by,
)
from jobsite.releases.requests.decisions import shown, why_not_overruled
from jobsite.releases.requests.missing import groups_to_answer, groups_to_comment
from jobsite.releases.requests.models import RequestFile, RequestGroup, Vote
from jobsite.releases.requests.pages import FileLine, FindingShown, GroupLine, VoteShown
from jobsite.releases.requests.people import Named
from jobsite.releases.requests.rules import APPROVE, CHANGES, OUTPUT, REMOVED, UNDECIDED, why_not
from jobsite.releases.requests.seeing import (
    DECIDED,
    item_of_pin,
    item_of_vote,
    item_of_waiver,
)
from jobsite.releases.requests.standing import Acting
from jobsite.releases.requests.visibility import Item, visible
from jobsite.releases.requests.whole import Mark, Whole

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Sight:
    """A request through the eyes of one person. `present` maps the paths of the workspace to their SHA-256 now."""

    acting: Acting
    state: Whole
    named: Named
    present: Mapping[str, str]

    @property
    def me(self) -> str:
        """Whose eyes."""
        return self.acting.person.username

    @property
    def is_eligible(self) -> bool:
        """Whether they may review the request."""
        return self.acting.facts.is_eligible

    def sees(self, item: Item) -> bool:
        """Whether they may see it now."""
        return visible(item, self.acting.viewer, self.acting.moment)

    @cached_property
    def decided(self) -> bool:
        """Whether they may know the decisions on files."""
        return bool(self.state.reviewers) and self.sees(DECIDED)

    def documents(self, file: RequestFile) -> list[Document]:
        """The findings on a file with the remarks they may see."""
        found = [] if file.kind == REMOVED else list(file.findings)
        return [
            *found,
            *(
                pinned(mark, file.kind)
                for mark in self.state.pins(file)
                if self.sees(item_of_pin(mark.turn, mark.writer))
            ),
        ]

    @property
    def to_waive(self) -> int:
        """How many findings that they see they would have to waive to approve all that they ask no changes on."""
        files = (file for file in self.state.outputs if self.state.voted(file, self.me) != CHANGES)
        return sum(len(self._open(file, self.documents(file))) for file in files)

    def group_line(self, group: RequestGroup) -> GroupLine:
        """A group with its files."""
        files = tuple(self.file_line(file) for file in self.state.files_in(group))
        return GroupLine(
            slug=group.slug,
            name=group.name,
            context=group.context,
            controls=group.controls,
            columns=group.columns,
            statements=group.statements,
            files=files,
            needs_comment=group.slug in self._needing_comment,
            findings=tuple(_plain(one) for one in group.findings),
        )

    @cached_property
    def _needing_comment(self) -> list[str]:
        if self.is_eligible:
            return groups_to_comment(self.state, self.me)
        returned = self.state.request.status == "RETURNED" and not self.state.request.returned_early
        return groups_to_answer(self.state) if returned else []

    def file_line(self, file: RequestFile) -> FileLine:
        """A file as lists show it."""
        documents = self.documents(file)
        mine = self.state.votes_on(file).get(self.me)
        decided = self.state.decision(file) if self.decided and file.kind == OUTPUT else ""
        again = mine is not None and mine.value == APPROVE and mine.turn < self.state.request.turn
        return FileLine(
            id=file.id,
            group=file.group.slug,
            path=file.path,
            kind=file.kind,
            sha256=file.sha256,
            size=file.size,
            rows=file.rows,
            cols=file.cols,
            action=file.action,
            decision=shown(decided, to_checkers=self.is_eligible) if decided else "",
            my_vote=self.state.voted(file, self.me),
            is_opened=self.state.is_opened(file, self.me),
            findings=counted_by_severity(documents),
            open_findings=len(self._open(file, documents)),
            workspace_has=self._workspace_has(file),
            unchanged_since=mine.at if again and mine else None,
            released_at=file.released_at,
        )

    def _workspace_has(self, file: RequestFile) -> str:
        if file.path not in self.present:
            return "gone"
        return "same" if self.present[file.path] == file.sha256 else "updated"

    def _open(self, file: RequestFile, documents: list[Document]) -> list[Document]:
        """The findings that still ask something of this person."""
        if self.is_eligible:
            waivers = self.state.marks_on(file, "waiver")
            return to_waive(documents, waivers, self.me) if file.kind == OUTPUT else []
        return unexplained(documents, self.state.marks_on(file, "explanation"))

    def findings(self, file: RequestFile) -> tuple[FindingShown, ...]:
        """The findings on a file with what they may know of what was said to them."""
        documents = self.documents(file)
        still_open = {one["fingerprint"] for one in self._open(file, documents)}
        said = [mark for mark in self.state.marks_on(file, "waiver") if self.sees(item_of_waiver(mark))]
        explained = self.state.marks_on(file, "explanation")
        rule = why_not("waive", self.acting.facts)
        return tuple(
            self._finding(one, said, explained, one["fingerprint"] in still_open, rule) for one in documents
        )

    def _finding(
        self, one: Document, said: list[Mark], explained: list[Mark], is_open: bool, rule: str | None
    ) -> FindingShown:
        case = next((mark for mark in reversed(explained) if answers(mark, one)), None)
        words = [mark for mark in said if answers(mark, one)]
        mine = next((mark for mark in reversed(words) if mark.writer == self.me), None)
        shown_word = mine or (words[-1] if words else None)
        waived = waived_by(one, words)
        stop = "This finding stops the release: nobody can waive it." if one["severity"] == "stop" else None
        return replace(
            _plain(one),
            explanation=case.text if case else "",
            explained_by=self.named(case.writer) if case else None,
            is_waived=self.me in waived if self.is_eligible else bool(waived),
            waived_by=tuple(self.named(checker) for checker in waived),
            waiver_code=shown_word.code if shown_word else "",
            waiver_text=shown_word.text if shown_word else "",
            is_confirmed=bool(confirmed_by(one, words)),
            is_mine=mine is not None,
            is_open=is_open,
            why_not_waive=rule or stop,
        )

    def votes(self, file: RequestFile) -> list[VoteShown]:
        """The votes on the present content that they may see, their own first."""
        seen = [vote for vote in self.state.votes_on(file).values() if self.sees(item_of_vote(vote))]
        return sorted((self._vote(file, vote) for vote in seen), key=lambda vote: not vote.is_mine)

    def _vote(self, file: RequestFile, vote: Vote) -> VoteShown:
        overruled = self.state.overrules.get(vote.id)
        objects = vote.value == CHANGES and vote.checker in self.state.reviewers
        return VoteShown(
            checker=self.named(vote.checker),
            value=vote.value,
            at=vote.at,
            reopened_for=vote.reopened_for if vote.value == UNDECIDED else "",
            before=vote.before,
            is_mine=vote.checker == self.me,
            is_open_objection=objects and overruled is None,
            overruled_by=self.named(overruled.checker) if overruled else None,
            overruled_because=overruled.reason if overruled else "",
            why_not_overrule=self._why_not_overrule(file, vote),
            why_not_restore=self._why_not_restore(vote),
        )

    def _why_not_overrule(self, file: RequestFile, vote: Vote) -> str | None:
        if vote.value != CHANGES:
            return "There is no objection to overrule."
        return why_not("overrule", self.acting.facts) or why_not_overruled(
            is_own=vote.checker == self.me,
            has_reviewed=self.me in self.acting.reviewers,
            has_approved=self.state.voted(file, self.me) == APPROVE,
            is_overruled=vote.id in self.state.overrules,
        )

    def _why_not_restore(self, vote: Vote) -> str | None:
        overruled = vote.id in self.state.overrules and vote.checker == self.me
        none = None if overruled else "No objection of yours to this file is overruled."
        return why_not("restore", self.acting.facts) or none


def as_finding(one: Document, path: str) -> Finding:
    """A finding of the checks from its document, for the viewer of the file at `path`."""
    facts = {name: one[name] for name in ("rule", "rule_version", "policy", "policy_version", "severity")}
    return Finding(
        **facts,
        file=path,
        file_sha256=one["file_sha256"],
        place=Place(**one["place"]),
        sentence=one["sentence"],
    )


def _plain(one: Document) -> FindingShown:
    names = ("fingerprint", "rule", "rule_version", "severity", "sentence", "place")
    return FindingShown(**{name: one[name] for name in names})
