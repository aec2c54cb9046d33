"""Votes are opened again when what they were about has changed (specification 2.5, OC2). Only inside a transaction."""

from collections.abc import Collection

from jobsite.core.clock import now
from jobsite.releases.requests.models import ReleaseRequest, RequestFile, RequestGroup, Vote
from jobsite.releases.requests.rules import REMOVED, UNDECIDED

WHY = {
    "content": "The file has another content now.",
    "type": "The file has another type now.",
    "group": "The file is in another group now.",
    "text": "Context or controls of the group changed.",
    "outputs": "The outputs of the group changed.",
    "waiver": "What you said to a finding changed.",
    "checks": "The checks found something new.",
    "returned": "The request was returned: the objection is to be looked at again.",
}
"""Why a vote was opened again, as stored in `Vote.reopened_for`, and as a sentence."""


def reopen(
    request: ReleaseRequest, files: Collection[RequestFile], why: str, *, only: str = "", of: str = ""
) -> int:
    """Make the votes on these files UNDECIDED; how many there were. `only` those of one value, `of` one checker.

    The old votes are kept, superseded; the open ones are on the content that the files have now. `why` is a key of `WHY`.
    """
    contents = {file.id: file.sha256 for file in files}
    opened = (Vote.file.in_(list(contents))) & Vote.superseded_at.is_null() & (Vote.value != UNDECIDED)
    opened &= (Vote.value == only) if only else (Vote.value != "")
    votes = list(Vote.select().where(opened & ((Vote.checker == of) if of else (Vote.checker != ""))))
    if votes:
        moment = now()
        ended = Vote.id.in_([vote.id for vote in votes])
        Vote.update(superseded_at=moment).where(ended).execute()
        again = {"request": request, "value": UNDECIDED, "turn": request.turn, "at": moment}
        again |= {"reopened_for": why}
        Vote.insert_many(
            [
                {
                    **again,
                    "file": vote.file_id,
                    "checker": vote.checker,
                    "before": vote.value,
                    "sha256": contents[vote.file_id],
                }
                for vote in votes
            ]
        ).execute()
    return len(votes)


def reopen_group(request: ReleaseRequest, group: RequestGroup, why: str) -> int:
    """`reopen` for all files of a group that are asked for."""
    return reopen(request, list(group.files.where(RequestFile.kind != REMOVED)), why)


def forget_texts(group: RequestGroup) -> None:
    """What the checks said of the texts of a group (rules X) may not hold for its files of now: it is gone until they run again."""
    left = [one for one in group.findings if not one["rule"].startswith("X")]
    if len(left) < len(group.findings):
        RequestGroup.update(findings=left).where(RequestGroup.id == group.id).execute()
