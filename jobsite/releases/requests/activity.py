"""What happened to a request, from the event log, as far as this person may see it (OC6)."""

import json
from collections.abc import Mapping
from typing import Any

from jobsite.core.events import Event
from jobsite.releases.requests.lines import Sight
from jobsite.releases.requests.pages import Activity, Person
from jobsite.releases.requests.rules import PUBLIC
from jobsite.releases.requests.seeing import item_of_event, names_its_checker

PER_PAGE = 50

SENTENCES: Mapping[str, str] = {
    "created": "made the request",
    "added": "added {files} files",
    "updated": "took a new version of {files} files",
    "file-withdrawn": "withdrew {files} files",
    "moved": "moved {files} files to another group",
    "type-changed": "changed the type of {files} files",
    "group-edited": "edited what is said of group {group}",
    "explained": "explained findings of the rule {rule}",
    "submitted": "submitted {files} outputs",
    "resubmitted": "submitted {files} outputs again",
    "withdrawn": "withdrew the request",
    "taken": "took the request",
    "let-go": "let the request go",
    "declared": "declared that they work on the workspace",
    "opened": "opened a file",
    "voted": "voted",
    "vote-cleared": "cleared a vote",
    "waived": "waived findings of the rule {rule}",
    "unwaived": "took back a waiver of the rule {rule}",
    "confirmed": "confirmed findings of the rule {rule}",
    "pinned": "pinned a remark",
    "commented": "commented",
    "comment-edited": "edited a comment",
    "comment-solved": "marked a comment solved",
    "comment-reopened": "opened a comment again",
    "comment-taken-back": "took a comment back",
    "comment-published": "made a comment public",
    "partially-reviewed": "submitted a review: {reviews} of {needed}",
    "reviewed": "submitted a review: all {needed} are in",
    "reviewed-again": "submitted a further review",
    "returned": "returned the request",
    "rejected": "rejected the request",
    "overruled": "overruled an objection",
    "objection-restored": "restored an objection",
    "rechecked": "had the files checked again",
    "recheck-failed": "asked for the release; the checks found something new in {files} files",
    "approved": "approved the release of {files} files",
    "stopped": "stopped the release",
    "released": "released the files",
    "upload-stuck": "could not upload a file: somebody has to look at it",
    "recall-unknown": "could not recall the release: the people who run the public side have to be asked to remove the files",
    "upload-retried": "started the upload again",
    "upload-continued": "goes on with the upload",
    "revoked": "recalled {files} files",
    "copies-removed": "removed the copies of {files} files, which were kept long enough",
    "given": "became the author, by an operator",
    "repeated": "made the request from an earlier one",
}
"""What each event `release:…` of a request says of who did it."""

AUTHOR_SIDE = frozenset(
    ("created", "added", "updated", "file-withdrawn", "moved", "type-changed", "group-edited", "explained",
     "submitted", "resubmitted", "withdrawn", "repeated")
)  # fmt: skip


def activity(sight: Sight, events: list[Event]) -> tuple[Activity, ...]:
    """These events, as far as the person may see them, the newest first."""
    return tuple(one for event in events if (one := _shown(sight, event)) is not None)


def events_of(request_id: str, page: int = 1) -> list[Event]:
    """A page of the events of a request, the newest first. One query."""
    rows = Event.select().where(Event.subject == f"release-request:{request_id}")
    return list(rows.order_by(Event.id.desc()).paginate(page, PER_PAGE))


def _shown(sight: Sight, event: Event) -> Activity | None:
    data, happened = json.loads(event.data), event.type.removeprefix("release:")
    request = sight.state.request
    turn = int(data.get("turn", 0))
    item = item_of_event(
        happened,
        turn=turn,
        audience=data.get("audience", PUBLIC),
        by=event.by,
        by_checker=data.get("side", "CHECKER") == "CHECKER" and happened not in AUTHOR_SIDE,
        stale=turn in request.stale_turns,
    )
    if not sight.sees(item):
        return None
    return Activity(event.at, _who(sight, event, happened), happened, _sentence(happened, data), turn)


def _who(sight: Sight, event: Event, happened: str) -> Person:
    """Who did it; a review is given without its name to those who may not know whose it is."""
    if not names_its_checker(happened) or event.by == sight.me:
        return sight.named(event.by)
    phase = sight.state.request.phase
    if (sight.is_eligible and phase != "INDEPENDENT") or sight.acting.facts.is_auditor:
        return sight.named(event.by)
    return Person("", "A checker")


def _sentence(happened: str, data: Mapping[str, Any]) -> str:
    words = SENTENCES.get(happened, happened.replace("-", " "))
    said = words.format_map(
        {"files": "several", "group": "", "rule": "", "reviews": "", "needed": ""} | dict(data)
    )
    said = said.replace(" 1 files", " 1 file").replace(" 1 outputs", " 1 output")
    if data.get("forced"):
        return f"{said}, forced by an operator"
    return f"{said} early" if happened == "returned" and data.get("early") else said
