"""The comments and declarations of a request as this viewer may see them (specification 2.4, 3 and 6)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from jobsite.releases.requests import comments as writing
from jobsite.releases.requests import threads
from jobsite.releases.requests.lines import Sight
from jobsite.releases.requests.models import Comment
from jobsite.releases.requests.pages import CommentShown, DeclarationShown, Person
from jobsite.releases.requests.rules import EDITED, why_not
from jobsite.releases.requests.seeing import (
    item_of_change,
    item_of_comment,
    item_of_declaration,
    item_of_earlier_text,
)
from jobsite.releases.requests.whole import Change, changes_of

NOT_YOURS = "Only its writer may do this with a comment."
RULES = ("take_back", "make_public", "repost", "edit_comment", "comment", "solve")


def comments_seen(
    sight: Sight, group: int | None = None, file: int | None = None
) -> tuple[CommentShown, ...]:
    """The comments on the request, or on the group or file of this id, that they may see, the earliest first, each with its
    answers behind it; of one taken back only that it was."""
    here = [
        one
        for one in sight.state.comments
        if one.file_id == file and (one.group_id == group or file is not None)  # a file may have moved since
    ]
    why = {name: why_not(name, sight.acting.facts) for name in RULES}
    found = []
    for comment in here:
        item = item_of_comment(comment)
        if sight.sees(item):
            found.append(_shown(sight, comment, why))
        elif comment.taken_back_at and sight.sees(replace(item, is_sealed=False)):
            told = _shown(sight, comment, why)
            found.append(replace(told, text="", place=None, earlier=(), is_taken_back=True))
    seen = {one.id for one in found}
    found = [one if one.answers in seen else replace(one, answers=None) for one in found]
    return tuple(sorted(found, key=lambda one: (one.answers or one.id, one.id)))


def declarations_seen(sight: Sight) -> tuple[DeclarationShown, ...]:
    """What checkers who work on the workspace declared, for who may read it."""
    return tuple(
        DeclarationShown(sight.named(one.checker), one.text, datetime.fromisoformat(one.at))
        for one in sight.acting.declared
        if sight.sees(item_of_declaration(one))
    )


def _shown(sight: Sight, comment: Comment, why: Mapping[str, str | None]) -> CommentShown:
    acting, changes = sight.acting, changes_of(comment)
    texts = [comment.text, *(one.text for one in changes if one.what == EDITED)]
    not_mine = None if comment.writer == sight.me else NOT_YOURS
    return CommentShown(
        id=comment.id,
        writer=sight.named(comment.writer),
        audience=comment.audience,
        turn=comment.turn,
        at=comment.at,
        text=texts[-1],
        group=sight.state.slugs.get(comment.group_id, ""),
        path=sight.state.paths.get(comment.file_id, ""),
        place=comment.place,
        reason_for=comment.reason_for,
        answers=comment.answers_id,
        is_taken_back=comment.taken_back_at is not None,
        is_sealed=comment.sealed_at is not None,
        is_edited=len(texts) > 1,
        earlier=tuple(texts[:-1]) if sight.sees(item_of_earlier_text(comment)) else (),
        solved_by=_solved_by(sight, changes),
        why_not_take_back=not_mine or why["take_back"] or writing.why_not_take_back(acting, comment),
        why_not_make_public=not_mine or why["make_public"] or writing.why_not_make_public(acting, comment),
        why_not_repost=not_mine or why["repost"] or writing.why_not_repost(acting, comment),
        why_not_edit=not_mine or why["edit_comment"] or threads.why_not_edit(acting, comment),
        why_not_reply=why["comment"] or threads.why_not_reply(acting, comment),
        why_not_solve=why["solve"] or threads.why_not_solve(acting, comment),
    )


def _solved_by(sight: Sight, changes: list[Change]) -> Person | None:
    """Who marked it solved, where that is the newest mark that this viewer may see."""
    if not threads.is_solved(sight.acting, changes):
        return None
    marks = [one for one in changes if one.what != EDITED and sight.sees(item_of_change(one))]
    return sight.named(marks[-1].writer)
