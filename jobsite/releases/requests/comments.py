"""What people write on a request, a group or a file: kept for ever, shown when its time has come (2.4, 2.6, OC4, OC5)."""

from collections.abc import Mapping
from typing import Any

from jobsite.accounts.models import User
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import Denied, NotFound, refuse, require
from jobsite.releases.record import sha256_of
from jobsite.releases.requests.models import Comment, CommentChange
from jobsite.releases.requests.places import place_of
from jobsite.releases.requests.rules import AUTHOR, EDITED, PRIVATE, PUBLIC, why_not_comment
from jobsite.releases.requests.seeing import item_of_comment
from jobsite.releases.requests.standing import Acting, acting, change, file_of, group_of, tell
from jobsite.releases.requests.visibility import visible


def comment(
    *,
    by: User,
    request_id: str,
    text: str,
    audience: str = "",
    group: str = "",
    path: str = "",
    place: Mapping[str, Any] | None = None,
) -> Comment:
    """Write a comment on the request, on the group with the slug `group`, or on the file at `path`, at a `place` in it.

    `audience` is PUBLIC or PRIVATE; "" is the usual one of this side in this phase. Raises `Denied`, `NotFound`, `Invalid`.
    """
    with writing():
        found = acting(by, request_id, "comment")
        audience = audience or usual_audience(found)
        refuse(text=why_not_comment(text), audience=why_not_audience(found, audience))
        file = file_of(found.request, path) if path else None
        on = group_of(found.request, group) if group else (file.group if file else None)
        where: dict[str, Any] = {
            "group": on,
            "file": file,
            "place": place_of(place) or None if place and file else None,
        }
        return written(found, text=text, audience=audience, **where)


def written(found: Acting, *, text: str, audience: str, happened: str = "commented", **where: Any) -> Comment:
    """Store a comment of this person with its event. Only inside a transaction, once it has been judged."""
    new = Comment.create(
        request=found.request,
        writer=found.person.username,
        side=found.side,
        audience=audience,
        turn=found.request.turn,
        at=now(),
        text=text.strip().replace("\r\n", "\n"),
        **where,
    )
    change(found.request)
    facts = {"side": found.side, "digest": sha256_of(new.text)}
    tell(found.request, happened, by=found.person, audience=audience, **facts)
    return new


def usual_audience(found: Acting) -> str:
    """Whom a comment is for unless its writer says otherwise: checkers write for checkers while they review."""
    return PRIVATE if found.facts.is_eligible and found.request.phase != AUTHOR else PUBLIC


def why_not_audience(found: Acting, audience: str) -> str | None:
    """Why a comment cannot be for these readers, or None."""
    if audience not in (PUBLIC, PRIVATE):
        return "Choose who reads the comment."
    if audience == PUBLIC:
        return None
    if not found.facts.is_eligible:
        return "Comments of the author's side are read by checkers too."
    return "In the author's turn checkers write for everybody." if found.request.phase == AUTHOR else None


def take_back(*, by: User, request_id: str, comment_id: int) -> None:
    """The writer takes a comment of this turn back: nobody else reads it any more. Twice changes nothing (OC5).

    Raises `Denied`, `NotFound`.
    """
    with writing():
        found = acting(by, request_id, "take_back")
        mine = own_comment(found, comment_id)
        if mine.taken_back_at is not None:
            return
        require(why_not_take_back(found, mine))
        taken = Comment.update(sealed_at=now(), taken_back_at=now()).where(Comment.id == mine.id)
        taken.execute()
        change(found.request)
        tell(found.request, "comment-taken-back", by=by, audience=mine.audience, side=mine.side)


def why_not_take_back(found: Acting, mine: Comment) -> str | None:
    """Why its writer cannot take this comment back, or None."""
    if mine.reason_for:
        return "The reason of a step cannot be taken back."
    if mine.turn != found.request.turn:
        return "Only comments of this turn can be taken back."
    return "This comment is sealed already." if mine.sealed_at else None


def make_public(*, by: User, request_id: str, comment_id: int) -> Comment:
    """The writer opens a private comment of this turn for the author's side, as a new comment; the old one stays.

    Raises `Denied`, `NotFound`.
    """
    with writing():
        found = acting(by, request_id, "make_public")
        mine = own_comment(found, comment_id)
        require(why_not_make_public(found, mine))
        taken = Comment.update(sealed_at=now()).where(Comment.id == mine.id)
        taken.execute()
        return _again(found, mine, PUBLIC, "comment-published")


def why_not_make_public(found: Acting, mine: Comment) -> str | None:
    """Why its writer cannot make this comment public, or None."""
    if mine.audience == PUBLIC:
        return "The comment is public already."
    if mine.sealed_at is not None:
        return "This comment is sealed: post it again instead."
    return None if mine.turn == found.request.turn else "Only comments of this turn can be made public."


def repost(*, by: User, request_id: str, comment_id: int) -> Comment:
    """The writer posts a comment again that an early return sealed. Raises `Denied`, `NotFound`."""
    with writing():
        found = acting(by, request_id, "repost")
        mine = own_comment(found, comment_id)
        require(why_not_repost(found, mine))
        return _again(found, mine, mine.audience, "commented")


def why_not_repost(found: Acting, mine: Comment) -> str | None:
    """Why its writer cannot post this comment again, or None."""
    if mine.turn in found.request.stale_turns and mine.sealed_at and not mine.taken_back_at:
        return None
    return "Only comments that an early return sealed can be posted again."


def _again(found: Acting, old: Comment, audience: str, happened: str) -> Comment:
    where = {"group": old.group_id, "file": old.file_id, "place": old.place}
    return written(found, text=text_of(old), audience=audience, happened=happened, **where)


def text_of(written: Comment) -> str:
    """What a comment says now: its last edit, else what was written first. One query."""
    edits = CommentChange.select(CommentChange.text).where(CommentChange.comment == written)
    newest = edits.where(CommentChange.what == EDITED).order_by(CommentChange.id.desc())
    return newest.scalar() or written.text


def own_comment(found: Acting, comment_id: int) -> Comment:
    """The comment, for its writer. Raises `NotFound`, `Denied`."""
    comment = shown_comment(found, comment_id)
    if comment.writer != found.person.username:
        raise Denied("Only its writer may do this with a comment.")
    return comment


def shown_comment(found: Acting, comment_id: int) -> Comment:
    """The comment, for who may see it. Raises `NotFound`."""
    comment = Comment.get_or_none(id=comment_id, request=found.request)
    if comment is None or not visible(item_of_comment(comment), found.viewer, found.moment):
        raise NotFound("There is no such comment.")
    return comment
