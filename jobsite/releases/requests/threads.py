"""What becomes of comments: answered, edited for a quarter of an hour, marked solved by the other side (specification 6, 11).

A comment's own row stays as it was written: an edit is a row beside it. Whoever may see the comment reads the newest text and
that it was edited; earlier texts are for their writer and auditors.
"""

from jobsite.accounts.models import User
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import refuse, require
from jobsite.releases.record import sha256_of
from jobsite.releases.requests.comments import own_comment, shown_comment, text_of, why_not_audience, written
from jobsite.releases.requests.models import Comment, CommentChange
from jobsite.releases.requests.rules import (
    EDITABLE,
    EDITED,
    PRIVATE,
    PUBLIC,
    REOPENED,
    SOLVED,
    why_not_comment,
)
from jobsite.releases.requests.seeing import item_of_change
from jobsite.releases.requests.standing import Acting, acting, change, tell
from jobsite.releases.requests.visibility import visible
from jobsite.releases.requests.whole import Change


def reply(*, by: User, request_id: str, comment_id: int, text: str, audience: str = "") -> Comment:
    """Answer a comment, for its own readers or with `audience` PRIVATE for checkers alone. An answer to an answer stands
    below the first of them. Raises `Denied`, `NotFound`, `Invalid`.
    """
    with writing():
        found = acting(by, request_id, "comment")
        asked = shown_comment(found, comment_id)
        require(why_not_reply(found, asked))
        for_whom = audience or asked.audience if asked.audience == PUBLIC else PRIVATE
        require(why_not_audience(found, for_whom))
        refuse(reply=why_not_comment(text))
        where = {"group": asked.group_id, "file": asked.file_id, "answers": asked.answers_id or asked.id}
        return written(found, text=text, audience=for_whom, **where)


def why_not_reply(found: Acting, asked: Comment) -> str | None:
    """Why nobody on this side can answer this comment now, or None; apart from who may comment at all."""
    if asked.sealed_at is not None:
        return "This comment is sealed: nobody would read the answer."
    return why_not_audience(found, asked.audience)


def edit(*, by: User, request_id: str, comment_id: int, text: str) -> None:
    """The writer puts another text in place of a comment, in the quarter of an hour after it was written.

    The same text again changes nothing. Raises `Denied`, `NotFound`, `Invalid`.
    """
    with writing():
        found = acting(by, request_id, "edit_comment")
        mine = own_comment(found, comment_id)
        require(why_not_edit(found, mine))
        refuse(edited=why_not_comment(text))
        new = text.strip().replace("\r\n", "\n")
        if new != text_of(mine):
            _note(found, mine, EDITED, "comment-edited", new)


def why_not_edit(found: Acting, mine: Comment) -> str | None:
    """Why its writer cannot edit this comment, or None."""
    if mine.reason_for:
        return "The reason of a step stays as it was given."
    if mine.sealed_at is not None:
        return "This comment is sealed already."
    if mine.turn != found.request.turn:
        return "Only comments of this turn can be edited."
    minutes = int(EDITABLE.total_seconds() // 60)
    late = f"A comment can be edited for {minutes} minutes after it was written: write another one."
    return late if now() - mine.at > EDITABLE else None


def solve(*, by: User, request_id: str, comment_id: int) -> None:
    """Mark what the other side wrote as solved. Twice changes nothing. Raises `Denied`, `NotFound`."""
    _mark(by, request_id, comment_id, SOLVED, "comment-solved")


def reopen_comment(*, by: User, request_id: str, comment_id: int) -> None:
    """Take back that a comment is solved. Twice changes nothing. Raises `Denied`, `NotFound`."""
    _mark(by, request_id, comment_id, REOPENED, "comment-reopened")


def _mark(by: User, request_id: str, comment_id: int, what: str, happened: str) -> None:
    with writing():
        found = acting(by, request_id, "solve")
        asked = shown_comment(found, comment_id)
        require(why_not_solve(found, asked))
        if is_solved(found, _changes(asked)) != (what == SOLVED):
            _note(found, asked, what, happened)


def why_not_solve(found: Acting, asked: Comment) -> str | None:
    """Why this side cannot mark a comment solved, or open it again, or None."""
    if asked.side == found.side:
        return "Only the other side marks a comment solved."
    if asked.answers_id is not None:
        return "Mark the comment that this one answers."
    return "This comment is sealed already." if asked.sealed_at else None


def is_solved(found: Acting, changes: list[Change]) -> bool:
    """Whether a comment counts as solved for this person: the newest mark that they may see decides."""
    marks = [one.what for one in changes if one.what != EDITED and _sees(found, one)]
    return bool(marks) and marks[-1] == SOLVED


def _sees(found: Acting, one: Change) -> bool:
    return visible(item_of_change(one), found.viewer, found.moment)


def _changes(asked: Comment) -> list[Change]:
    rows = CommentChange.select().where(CommentChange.comment == asked).order_by(CommentChange.id)
    facts = ("id", "what", "text", "writer", "side", "turn")
    return [
        Change(
            **{name: getattr(row, name) for name in facts},
            at=str(row.at),
            is_sealed=row.sealed_at is not None,
        )
        for row in rows
    ]


def _note(found: Acting, about: Comment, what: str, happened: str, text: str = "") -> None:
    CommentChange.create(
        request=found.request,
        comment=about,
        what=what,
        text=text,
        writer=found.person.username,
        side=found.side,
        turn=found.request.turn,
        at=now(),
    )
    change(found.request)
    told = {"side": found.side, **({"digest": sha256_of(text)} if text else {})}
    tell(found.request, happened, by=found.person, audience=about.audience, **told)
