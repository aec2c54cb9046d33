"""`jobsite requests …`: what operators see of release requests, and may do to one in a person's name (OC30, OC48)."""

from typing import Any

import click

from jobsite.accounts.queries import user_or_stop
from jobsite.accounts.rules import SYSTEM
from jobsite.core.clock import wire
from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.core.errors import NotFound
from jobsite.core.wording import counted
from jobsite.projects.models import Workspace
from jobsite.releases.requests import copies
from jobsite.releases.requests.forcing import ENDS, force, give
from jobsite.releases.requests.models import ReleaseRequest, RequestFile, Review
from jobsite.releases.requests.rules import CATEGORIES, REMOVED, STATUSES
from jobsite.releases.requests.standing import with_all
from jobsite.settings import Settings

_ACTIVE = tuple(status.name for status in STATUSES.values() if status.owner in ("author", "checkers"))


@click.group()
def requests() -> None:
    """Release requests: what researchers ask to have released from Level 4."""


@instance_command(
    click.option("--status", type=click.Choice(tuple(STATUSES)), help="Only requests of this status."),
    click.option("--workspace", default="", metavar="NAME", help="Only requests of this workspace."),
    click.option("--all", "everything", is_flag=True, help="Those that have ended too."),
    as_json,
    name="list",
    side="secure",
)
def list_requests(
    settings: Settings, status: str | None, workspace: str, everything: bool, json_wanted: bool
) -> None:
    """List release requests, the newest first: those under way unless more is asked for."""
    rows = with_all().order_by(ReleaseRequest.id.desc())
    if status or not everything:
        rows = rows.where(ReleaseRequest.status.in_([status] if status else _ACTIVE))
    if workspace:
        rows = rows.where(Workspace.name == workspace)
    if json_wanted:
        return print_json([_facts(row) for row in rows])
    for row in rows:
        author = row.author.username
        click.echo(f"{row.id}  {row.status}  {row.workspace.name}  {author}  since {wire(row.moved_at)}")


@instance_command(click.argument("request_id", metavar="REQUEST"), as_json, name="show", side="secure")
def show(settings: Settings, request_id: str, json_wanted: bool) -> None:
    """Show one release request: where it stands, and how many files and reviews it has. No file is named."""
    request = _request(request_id)
    facts = _facts(request) | {
        "turn": request.turn,
        "submitted_at": wire(request.submitted_at),
        "approved_at": wire(request.approved_at),
        "released_at": wire(request.released_at),
        "forced": request.is_forced,
        "policy": f"{request.policy} {request.policy_version}",
        "files": _count(RequestFile, request, RequestFile.kind != REMOVED),
        "reviews": _count(Review, request, (Review.turn == request.turn) & Review.superseded_at.is_null()),
        "upload": request.upload_state,
    }
    if json_wanted:
        return print_json(facts)
    for name, value in facts.items():
        click.echo(f"{name}: {'' if value is None else value}")


@instance_command(
    click.argument("request_id", metavar="REQUEST"),
    click.argument("status", type=click.Choice(ENDS)),
    click.option(
        "--by", "actor", required=True, metavar="USERNAME", help="The person in whose name it is done."
    ),
    click.option("--reason", required=True, help="Why; everybody who may open the request reads it."),
    click.option("--category", type=click.Choice(tuple(CATEGORIES)), default="other", show_default=True),
    name="force",
    side="secure",
)
def force_request(
    settings: Settings, request_id: str, status: str, actor: str, reason: str, category: str
) -> None:
    """End an active release request, in the name of a person and for a reason. Its page says that it was forced."""
    person = user_or_stop(actor)
    force(by=SYSTEM, request_id=request_id, actor=person, status=status, reason=reason, category=category)
    click.echo(f"{request_id} is {status}, in the name of {person.username}.")


@instance_command(
    click.argument("request_id", metavar="REQUEST"),
    click.argument("username"),
    click.option("--reason", required=True, help="Why; everybody who may open the request reads it."),
    name="give",
    side="secure",
)
def give_request(settings: Settings, request_id: str, username: str, reason: str) -> None:
    """Make the colleague USERNAME the author of an active release request whose author has left."""
    person = user_or_stop(username)
    give(by=SYSTEM, request_id=request_id, to=person, reason=reason)
    click.echo(f"{person.username} is the author of {request_id}.")


@instance_command(
    click.option("--remove", is_flag=True, help="Remove them."),
    as_json,
    name="copies",
    side="secure",
)
def stray_copies(settings: Settings, remove: bool, json_wanted: bool) -> None:
    """List copies of files that belong to no release request: what an addition that was cut off left."""
    found = copies.strays()
    if json_wanted:
        print_json([{"name": stray.name, "bytes": stray.size} for stray in found])
    else:
        for stray in found:
            click.echo(f"{stray.name}  {counted(stray.size, 'byte')}")
    if remove:
        removed = copies.remove_strays()
        click.echo(f"{counted(removed, 'copy' if removed == 1 else 'copie')} removed.", err=json_wanted)


def _request(request_id: str) -> ReleaseRequest:
    found = ReleaseRequest.get_or_none(id=request_id)
    if found is None:
        raise NotFound(f"There is no release request {request_id}.")
    return found


def _facts(request: ReleaseRequest) -> dict[str, Any]:
    return {
        "id": request.id,
        "status": request.status,
        "workspace": request.workspace.name,
        "backend": request.backend.slug,
        "author": request.author.username,
        "since": wire(request.moved_at),
        "taken_by": request.taken_by,
    }


def _count(model: Any, request: ReleaseRequest, condition: Any) -> int:
    return int(model.select().where(model.request == request, condition).count())


for command in (list_requests, show, force_request, give_request, stray_copies):
    requests.add_command(command)

COMMANDS = (requests,)
