"""Who sees what, when: one function for comments, votes, waivers, reviews, decisions and audit rows. Pure (2.4)."""

from dataclasses import dataclass

from jobsite.releases.requests.rules import AUTHOR, COMPLETE, CONSOLIDATING, INDEPENDENT, PUBLIC

COMMENT, BY_NAME, DECISION, OPEN, WATCH = "comment", "by name", "decision", "open", "watch"
"""Kinds of items: what somebody wrote; votes, waivers, reviews, objections and remarks, which name a checker; the decision
on a file; what all may see who may open the request (files, findings, explanations, the number of reviews, steps); and
looks, downloads and denials, which are for auditors."""


@dataclass(frozen=True)
class Item:
    """One thing that may be shown. `writer` is a username, "" where nobody wrote it; `by_checker` says on which side."""

    kind: str
    turn: int = 0
    audience: str = PUBLIC
    writer: str = ""
    by_checker: bool = False
    is_sealed: bool = False


@dataclass(frozen=True)
class Viewer:
    """Who looks. All of them may open the request; who is neither author side, eligible nor auditor is an observer."""

    username: str
    is_author_side: bool = False
    is_eligible: bool = False
    is_auditor: bool = False


@dataclass(frozen=True)
class Moment:
    """Where the request stands."""

    phase: str
    turn: int


def visible(item: Item, viewer: Viewer, request: Moment) -> bool:
    """Whether the viewer may see the item now."""
    if viewer.is_auditor or (item.writer and item.writer == viewer.username):
        return True
    if item.is_sealed or item.kind == WATCH:
        return False
    if item.kind == OPEN:
        return True
    if item.kind == DECISION:
        return _decision(viewer, request)
    if item.kind == BY_NAME:
        return viewer.is_eligible and request.phase != INDEPENDENT
    return _public(item, viewer, request) if item.audience == PUBLIC else _private(item, viewer, request)


def _decision(viewer: Viewer, request: Moment) -> bool:
    if request.phase == INDEPENDENT:
        return False
    return viewer.is_eligible if request.phase == CONSOLIDATING else True


def _public(item: Item, viewer: Viewer, request: Moment) -> bool:
    if item.turn < request.turn or request.phase == COMPLETE:
        return True
    if request.phase == AUTHOR:
        return item.by_checker or viewer.is_author_side
    return viewer.is_eligible and request.phase == CONSOLIDATING


def _private(item: Item, viewer: Viewer, request: Moment) -> bool:
    if not viewer.is_eligible:
        return False
    return item.turn < request.turn or request.phase != INDEPENDENT


def readers(phase: str, *, by_checker: bool, audience: str) -> str:
    """Who will read a comment that is written now, and from when: the words beside its box."""
    if not by_checker:
        return "Read by the author's side now, and by checkers once the request is submitted."
    if audience != PUBLIC:
        if phase == INDEPENDENT:
            return "Read by you alone until all reviews are in, then by checkers; never by the author's side."
        return "Read by checkers; never by the author's side."
    if phase == INDEPENDENT:
        return "Read by you alone until all reviews are in, then by checkers; by the author when the request is returned or decided."
    if phase == CONSOLIDATING:
        return "Read by checkers now; by the author when the request is returned or decided."
    return "Read by everybody who may open this request, now."
