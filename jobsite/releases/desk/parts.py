"""What the desk adds to other pages: the way to the requests in the menu, those that wait at home, a workspace's own, and the
button with which files of Level 4 are chosen."""

from jobsite.accounts.models import AnonymousPerson, Backend, User
from jobsite.projects.models import Workspace
from jobsite.projects.parts import MENU, Part
from jobsite.releases.desk.choosing import why_not_choose
from jobsite.releases.requests.listing import queue
from jobsite.releases.requests.models import ReleaseRequest
from jobsite.releases.requests.rules import COMPLETE, STATUSES
from jobsite.releases.requests.standing import CHECK, DEVELOP, OBSERVE
from jobsite.settings import current

SHOWN = 5
OWN = tuple(name for name, status in STATUSES.items() if status.owner == "author")


def frame_parts(*, person: User | AnonymousPerson) -> list[Part]:
    """The link to the release requests, on the side that has them. No query; nothing for visitors."""
    if not isinstance(person, User) or not current().secure:
        return []
    return [Part("requests/_menu.html", MENU, {})]


def home_parts(*, person: User | AnonymousPerson) -> list[Part]:
    """The requests that wait for this person: one's own drafts and returned ones, and for checkers what is to be reviewed."""
    if not isinstance(person, User) or not current().secure:
        return []
    mine = ReleaseRequest.select(ReleaseRequest, Workspace).join(Workspace)
    own = list(mine.where(ReleaseRequest.author == person, ReleaseRequest.status.in_(OWN)).limit(SHOWN))
    waiting = queue(person, "queue", {}, 1).rows[:SHOWN] if CHECK in person.permissions else ()
    return [Part("requests/_home.html", "waiting", {"own": own, "waiting": waiting})]


def workspace_parts(*, person: User | AnonymousPerson, workspace: Workspace) -> list[Part]:
    """The requests of a workspace for those who may look at its outputs. At most one query."""
    may_look = {DEVELOP, OBSERVE} & set(workspace.permissions)
    if not isinstance(person, User) or not may_look or not current().secure:
        return []
    newest = _newest_request(person, workspace)
    ended = newest is not None and newest.phase == COMPLETE
    return [Part("requests/_workspace.html", "requests", {"newest": newest, "ended": ended})]


def _newest_request(person: User, workspace: Workspace) -> ReleaseRequest | None:
    """This person's newest request in the workspace: the one under way, if there is one. One query."""
    theirs = ReleaseRequest.select().where(
        ReleaseRequest.author == person, ReleaseRequest.workspace == workspace
    )
    found: ReleaseRequest | None = theirs.order_by(ReleaseRequest.id.desc()).first()
    return found


def level4_parts(
    *, person: User, workspace: Workspace, backend: Backend, under_way: ReleaseRequest | None
) -> list[Part]:
    """The button below the list of Level 4 outputs, or why this person has none. No query.

    `under_way` is their request in this workspace, the workspace has been loaded for them.
    """
    why_not = why_not_choose(person, workspace, under_way)
    facts = {"workspace": workspace, "backend": backend, "why_not": why_not}
    return [Part("requests/_add.html", "select", facts)]


PARTS = {
    "frame": (frame_parts,),
    "home": (home_parts,),
    "workspace": (workspace_parts,),
    "level4-select": (level4_parts,),
}
