"""What stands in the way of the next step of a request, thing by thing, each with where to go (2.2, T2 to T10)."""

from collections.abc import Collection, Iterator

from jobsite.core.wording import counted
from jobsite.releases.requests.answering import stops, unexplained
from jobsite.releases.requests.decisions import CONFLICTED, INCOMPLETE
from jobsite.releases.requests.models import RequestFile, RequestGroup
from jobsite.releases.requests.pages import Missing
from jobsite.releases.requests.rules import APPROVE, CHANGES, CHECKLIST, PUBLIC, REMOVED
from jobsite.releases.requests.whole import Whole


def before_submit(whole: Whole) -> list[Missing]:
    """What the author has to do before the request can be submitted, the checklist left out."""
    found = [] if whole.outputs else [Missing("Add at least one file as OUTPUT.")]
    for group in whole.groups:
        found += _in_group(whole, group)
    if whole.request.status == "RETURNED" and not whole.request.returned_early:
        found += [Missing(_ANSWER, slug) for slug in groups_to_answer(whole)]
    return found


_ANSWER = "Write a comment in this group: say what you changed, or why you did not."


def _in_group(whole: Whole, group: RequestGroup) -> Iterator[Missing]:
    files = [file for file in whole.files_in(group) if file.kind != REMOVED]
    if not files:
        return
    if not group.context.strip():
        yield Missing("Say what the files of this group show (context).", group.slug)
    if not group.controls.strip():
        yield Missing("Say what was done against disclosure (controls).", group.slug)
    is_said = group.context.strip() and group.controls.strip()
    for finding in group.findings:
        if finding["severity"] in ("stop", "fix") and (is_said or finding["rule"] != "X1"):
            yield Missing(finding["sentence"], group.slug)
    for file in files:
        findings = whole.findings(file)
        for finding in stops(findings):
            yield Missing(finding["sentence"], group.slug, file.path)
        left = unexplained(findings, whole.marks_on(file, "explanation"))
        if left:
            yield Missing(
                f"Mend or explain {counted(len(left), 'finding')}: {left[0]['sentence']}",
                group.slug,
                file.path,
            )


def groups_to_answer(whole: Whole) -> list[str]:
    """The slugs of groups in which the author side still has to comment in this turn (T3)."""
    asked = [group for group in whole.groups if _asks_for_an_answer(whole, group)]
    answered = _commented(whole, "AUTHOR", PUBLIC)
    return [group.slug for group in asked if group.id not in answered]


def _asks_for_an_answer(whole: Whole, group: RequestGroup) -> bool:
    outputs = [file for file in whole.outputs if file.group_id == group.id]
    without = any(whole.decision(file) != APPROVE for file in outputs)
    return without or group.changes_turn == whole.request.turn - 1 > 0


def why_not_checklist(ticked: Collection[int]) -> str | None:
    """Why the checklist is not ticked; `ticked` are the numbers of its lines from 0."""
    left = set(range(len(CHECKLIST))) - set(ticked)
    return f"Tick every line of the checklist: {counted(len(left), 'line')} to go." if left else None


def before_review(whole: Whole, checker: str) -> list[Missing]:
    """What this checker has to do before their review can be submitted (T5)."""
    votes = {file.id: whole.voted(file, checker) for file in whole.outputs}
    found = [
        Missing("Vote on this file.", file.group.slug, file.path)
        for file in whole.outputs
        if not votes[file.id]
    ]
    found += [
        Missing("Comment on the changes you ask for.", slug) for slug in groups_to_comment(whole, checker)
    ]
    if not whole.outputs:
        found.append(Missing("The request has no file to release."))
    return found


def groups_to_comment(whole: Whole, checker: str) -> list[str]:
    """The slugs of groups in which this checker asks for changes and has not commented in this turn."""
    asked = {file.group_id for file in whole.outputs if whole.voted(file, checker) == CHANGES}
    done = _commented(whole, "CHECKER", "", checker)
    return [group.slug for group in whole.groups if group.id in asked - done]


def before_return(whole: Whole) -> list[Missing]:
    """What checkers have to do before the request can be returned (T8): the author has to learn what is asked for."""
    asked = groups_with_changes(whole)
    done = _commented(whole, "CHECKER", PUBLIC)
    return [
        Missing("Write a public comment on the changes asked for.", group.slug)
        for group in asked
        if group.id not in done
    ]


def groups_with_changes(whole: Whole) -> list[RequestGroup]:
    """The groups with an output on which changes are asked for, or on which checkers disagree."""
    asked = {file.group_id for file in whole.outputs if whole.decision(file) in (CHANGES, CONFLICTED)}
    return [group for group in whole.groups if group.id in asked]


_UNDECIDED = {
    CHANGES: "Changes are requested here: an open objection blocks the release.",
    CONFLICTED: "Checkers disagree here: the objection has to be withdrawn or overruled.",
    INCOMPLETE: "This file does not have enough approvals of its present content.",
}


_LAPSED = "{lapsed} may not count any more, because who gave it may not review this request now: {left} more needed."


def before_approve(whole: Whole) -> list[Missing]:
    """What keeps the request from being approved (T10, OC1); the checks are run again beside it."""
    found = [] if whole.outputs else [Missing("The request has no file to release.")]
    left = whole.needed - len(whole.eligible_reviewers)
    if whole.lapsed and left > 0:
        found.append(Missing(_LAPSED.format(lapsed=counted(len(whole.lapsed), "review"), left=left)))
    for file in whole.outputs:
        decided = whole.decision(file)
        if decided == APPROVE and left <= 0 and _approvals(whole, file) < whole.needed:
            decided = INCOMPLETE
        if decided != APPROVE:
            found.append(Missing(_UNDECIDED[decided], file.group.slug, file.path))
        found += [Missing(one["sentence"], file.group.slug, file.path) for one in stops(whole.findings(file))]
    return found


def _approvals(whole: Whole, file: RequestFile) -> int:
    """How many approved the file of those whose review counts and who may still review."""
    votes = whole.votes_on(file)
    return sum(who in votes and votes[who].value == APPROVE for who in whole.eligible_reviewers)


def as_sentence(missing: Collection[Missing]) -> str | None:
    """The first things that are missing as the sentence of a refusal, None when nothing is."""
    if not missing:
        return None
    first = [
        f"{one.sentence.rstrip('.')} ({_where(one)})" if _where(one) else one.sentence for one in missing
    ]
    shown = ". ".join(sentence.rstrip(".") for sentence in first[:3])
    return f"{shown}. And {len(first) - 3} more." if len(first) > 3 else f"{shown}."


def _where(missing: Missing) -> str:
    return missing.path or missing.group


def _commented(whole: Whole, side: str, audience: str, writer: str = "") -> set[int]:
    """The ids of groups with a comment of this side in this turn that counts; "" stands for any audience, any writer."""
    files = {file.id: file.group_id for file in whole.files}
    found = set()
    for comment in whole.comments:
        counts = comment.turn == whole.request.turn and comment.side == side and comment.sealed_at is None
        if counts and audience in ("", comment.audience) and writer in ("", comment.writer):
            found.add(comment.group_id or files.get(comment.file_id, 0))
    return found
