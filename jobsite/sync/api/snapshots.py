"""Publications for programs: drafts are made of released files, published, and read, without a login once they are
public (specification 9.5)."""

from flask import Response, url_for

from jobsite.core.db import LARGEST_ID
from jobsite.core.errors import Denied, Invalid
from jobsite.projects.queries import permissions_in
from jobsite.publishing import actions, rules
from jobsite.publishing.models import Snapshot
from jobsite.publishing.queries import publication
from jobsite.sync.api.callers import DRAFTER, NOBODY, PUBLISHER, READER_OR_ANYBODY
from jobsite.sync.api.endpoints import Answer, Call, Endpoints, answer
from jobsite.sync.api.files import INDEX, address_of, index
from jobsite.sync.api.shapes import Many, Shape, Text, described
from jobsite.sync.api.things import snapshot_of, workspace_of

api = Endpoints("api")

SNAPSHOT = f"workspaces/<name>/snapshots/<int(max={LARGEST_ID}):number>"


@api(
    "POST",
    "workspaces/<name>/snapshots",
    caller=DRAFTER,
    thing=workspace_of,
    body=Shape({"file_ids": Many(Text(26), fewest=1)}),
    answers={201: Answer("the draft", described(url=str))},
)
def make_draft(call: Call) -> Response:
    """Ask for released files of a workspace to be published. The same files are the same snapshot."""
    try:
        made = actions.draft(by=call.person, workspace=call.thing, file_ids=call.body["file_ids"])
    except Invalid as refusal:
        raise Invalid({"detail": str(refusal)}) from None
    return answer({"url": url_for("publishing.snapshot", workspace=call.thing.name, number=made.id)}, 201)


@api("GET", SNAPSHOT, caller=READER_OR_ANYBODY, thing=snapshot_of, answers={200: INDEX})
def snapshot(call: Call) -> Response:
    """The files of a publication; of a draft only for those who may see it."""
    shown, person = call.thing, call.caller.person
    newest = actions.newest_request(shown)
    is_published = newest is not None and newest.is_published
    if not is_published:
        _require_sight(call, shown, newest.decision if newest else rules.REJECTED)
    found = publication(
        shown.workspace, shown.id, permissions_in(person, shown.workspace.project_id) if person else ()
    )
    return answer(
        index(
            (
                file.name,
                f"/{shown.workspace.name}/published/{file.id}/" if is_published else address_of(file),
                file,
            )
            for file in found.files
        )
    )


@api(
    "POST", f"{SNAPSHOT}/publish", caller=PUBLISHER, thing=snapshot_of, answers={200: Answer("it is public")}
)
def publish(call: Call) -> Response:
    """Open a draft to everybody; what is public stays so."""
    actions.publish(by=call.person, snapshot=call.thing)
    return answer()


def _require_sight(call: Call, shown: Snapshot, decision: str) -> None:
    if call.caller.person is None:
        raise Denied(NOBODY)
    held = permissions_in(call.caller.person, shown.workspace.project_id)
    if not rules.may_see(held, decision):
        raise Denied(f"{NOBODY} for snapshot pk={shown.id}")
