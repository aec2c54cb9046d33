"""The pages of release requests: the queue, a request, a group of it, a file of it."""

from typing import Any

from flask import Response, request, session

from jobsite.core.errors import Conflict, Denied, Invalid, NotFound, Refused
from jobsite.core.web import CONTENT_POLICY, LOGIN, Routes, fragment_asked, page
from jobsite.outputs.access import LOOK
from jobsite.outputs.serving import content_answer
from jobsite.releases.desk import acts
from jobsite.releases.desk.contents import opened, opened_page
from jobsite.releases.desk.groups import draft_of, group_of
from jobsite.releases.desk.keys import KEYS
from jobsite.releases.desk.pages import answer, back, fragment_wanted, known, loaded, me, pressed
from jobsite.releases.desk.prompts import explanation_example
from jobsite.releases.desk.uploads import looks_every, seen_as, upload_of
from jobsite.releases.requests import listing, queries
from jobsite.releases.requests.reopening import WHY
from jobsite.releases.requests.rules import WAIVER_CODES
from jobsite.releases.requests.sealing import record_text

routes = Routes("desk")

REQUEST = "/requests/<request_id>/"
GROUP = f"{REQUEST}<group>/"
FILE = f"{GROUP}<path:path>"
VIEWS = {
    "mine": "Yours",
    "queue": "To review",
    "returned": "Returned",
    "uploading": "Uploading",
    "done": "Done",
}
SHOWN = 10
"""Rows of activity on the page of a request; the rest has a page of its own."""
PARTS_OF_DESK = ("judge", "progress", "files", "announce")


@routes("/requests/", needs=LOGIN, side="secure")
def queue() -> Response:
    filters = {name: text for name, text in request.args.items() if name not in ("view", "page")}
    found = listing.queue(me(), request.args.get("view", ""), filters, request.args.get("page", 1, type=int))
    return page("requests/queue.html", fragments=("requests",), queue=found, views=VIEWS, level4=True)


@routes(REQUEST, needs=LOOK, side="secure")
def show_request(request_id: str, refusal: Refused | None = None) -> Response:
    shown = loaded(queries.overview, request_id)
    upload, stood = upload_of(shown.head), seen_as(shown.head)
    moved_on = request.args.get("seen", stood) != stood
    data: dict[str, Any] = {
        "shown": shown,
        "upload": upload,
        "seen_as": stood,
        "moved_on": moved_on,
        "every": 0 if moved_on and upload is None else looks_every(shown.head, upload),
        "most": SHOWN,
        "changes": shown.changes,
        "fields": {"text", "declaration"},
    }
    return answer(
        "requests/overview.html", shown.head, refusal=refusal, fragments=("where", "upload"), **data
    )


@routes(REQUEST, needs=LOOK, side="secure", methods=("POST",))
def act_on_request(request_id: str) -> Response:
    try:
        act = pressed(acts.ON_REQUEST, request_id)
    except (Invalid, Denied, Conflict) as refusal:
        return show_request(request_id, refusal)
    return back("desk.show_request", act.anchor, request_id=request_id)


@routes(f"{REQUEST}-/audit/", needs=LOOK, side="secure")
def activity(request_id: str) -> Response:
    shown = loaded(queries.overview, request_id)
    return answer("requests/activity.html", shown.head, shown=shown)


@routes(f"{REQUEST}-/record.json", needs=LOOK, side="secure")
def record(request_id: str) -> Response:
    """The release record as it was sealed: the newest that stands."""
    known(request_id)
    text = record_text(request_id)
    if text is None:
        raise NotFound("There is no release record before the request has been approved.")
    headers = {"Content-Security-Policy": CONTENT_POLICY}
    return Response(text, headers=headers, content_type="application/json; charset=utf-8")


@routes(GROUP, needs=LOOK, side="secure")
def show_group(request_id: str, group: str, refusal: Refused | None = None) -> Response:
    shown = loaded(queries.group_page, request_id, group)
    data: dict[str, Any] = {
        "shown": shown,
        "group": shown.group,
        "draft": draft_of(shown) if shown.head.why["save_group"] is None else None,
    }
    fields = {"text", "name", "context", "controls", "columns", *acts.STATEMENTS}
    return answer("requests/group.html", shown.head, refusal=refusal, fields=fields, **data)


@routes(GROUP, needs=LOOK, side="secure", methods=("POST",))
def act_on_group(request_id: str, group: str) -> Response:
    try:
        act = pressed(acts.ON_GROUP, request_id, group)
    except (Invalid, Denied, Conflict) as refusal:
        return show_group(request_id, group, refusal)
    return back("desk.show_group", act.anchor, request_id=request_id, group=group)


@routes(FILE, needs=LOOK, side="secure")
def show_file(request_id: str, group: str, path: str, refusal: Refused | None = None) -> Response:
    if fragment_asked(PARTS_OF_DESK) or request.method == "HEAD":  # nobody has opened what they are not shown
        shown, seen = loaded(queries.file_page, request_id, group, path), None
    else:
        shown, seen = loaded(opened_page, request_id, group, path, request.args)
    data: dict[str, Any] = {
        "shown": shown,
        "file": shown.file,
        "view": seen,
        "keys": KEYS,
        "codes": WAIVER_CODES,
        "example": explanation_example,
        "reopened": WHY,
    }
    return answer(
        "requests/file.html",
        shown.head,
        refusal=refusal,
        fragments=PARTS_OF_DESK,
        stays=session.get("desk_stays", False),
        fields={"text", "risk", "sentence", "reason", "to", "code"},
        **data,
    )


@routes(FILE, needs=LOOK, side="secure", methods=("POST",))
def act_on_file(request_id: str, group: str, path: str) -> Response:
    try:
        act = pressed(acts.ON_FILE, request_id, group, path)
    except (Invalid, Denied, Conflict) as refusal:
        return show_file(request_id, group, path, refusal)
    go_to = _after(request_id, group, path)
    if fragment_wanted() and go_to == (group, path):
        return show_file(request_id, group, path)
    values = {"request_id": request_id, "group": go_to[0], "path": go_to[1]}
    return back("desk.show_file", act.anchor if go_to[1] == path else "", **values)


@routes(f"{REQUEST}-/content/<int:number>", needs=LOOK, side="secure")
def content(request_id: str, number: int) -> Response:
    """The bytes of a file of a request for a frame or an image, which run nothing."""
    file, row = loaded(opened, request_id, number, request.args.get("against", ""))
    return content_answer(file, row.path)


def _after(request_id: str, group: str, path: str) -> tuple[str, str]:
    """Where to go when a button of a file was pressed: on to the next without a vote after an approval, unless they stay."""
    here = (group, path)
    if request.form["do"] == "move":
        return group_of(request_id, path), path
    if request.form["do"] != "approve":
        return here
    session["desk_stays"] = "stay" in request.form
    stays = session["desk_stays"]
    return (None if stays else queries.next_without_vote(request_id, path, me().username)) or here
