"""Who acts on which request: the request is loaded for a person, with what they are to it now (OC12, OC18)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from peewee import JOIN, ModelSelect, fn

from jobsite.accounts.models import Backend, BackendMembership, User
from jobsite.accounts.queries import backends_reached, membership_asked_for
from jobsite.accounts.rules import permissions_of
from jobsite.core.clock import now
from jobsite.core.db import changed_one
from jobsite.core.errors import Conflict, NotFound, require
from jobsite.core.events import record
from jobsite.outputs.models import PolicyVersion
from jobsite.outputs.policies import policy_of
from jobsite.projects.models import Project, ProjectMembership, Workspace
from jobsite.releases.requests.checking import reviews_of
from jobsite.releases.requests.models import Declaration, ReleaseRequest, RequestFile, RequestGroup, Review
from jobsite.releases.requests.rules import COMPLETE, CONSOLIDATING, PUBLIC, Facts, why_not, why_not_create
from jobsite.releases.requests.tickets import keep_ticket
from jobsite.releases.requests.visibility import Moment, Viewer
from jobsite.releases.requests.whole import Declared, Whole, whole
from jobsite.store.journal import fail_point

DEVELOP = "unreleased_outputs_view"
CHECK = "release_file_upload"
OBSERVE = "airlock_readonly_access"
AUDIT = "staff_area_access"
ONGOING = ("ongoing", "ongoing-and-linked")

FASTER = "Somebody was faster: the request has changed since this page was made. Look at it again."


@dataclass(frozen=True)
class Acting:
    """A request and a person: what they are to it, the policy it is judged by, the reviews given (turn, checker) of this
    turn and the one before, and what checkers declared, each with the earliest first."""

    request: ReleaseRequest
    person: User
    facts: Facts
    policy: PolicyVersion
    reviews: Sequence[tuple[int, str]]
    declared: Sequence[Declared] = ()

    def require(self, action: str) -> None:
        """Raise `Denied` with the sentence where they may not do this now (an action of `rules.ACTIONS`)."""
        require(why_not(action, self.facts))

    @property
    def viewer(self) -> Viewer:
        """The person for the visibility rules."""
        facts = self.facts
        return Viewer(self.person.username, facts.on_author_side, facts.is_eligible, facts.is_auditor)

    @property
    def moment(self) -> Moment:
        """The request for the visibility rules."""
        return Moment(self.request.phase, self.request.turn)

    @property
    def needed(self) -> int:
        """How many reviews the request needs."""
        return reviews_of(self.policy).needed

    @property
    def reviewers(self) -> list[str]:
        """Who submitted a review in this turn."""
        return [checker for turn, checker in self.reviews if turn == self.request.turn]

    def whole(self) -> Whole:
        """The request with all its rows. Four queries, and one more where the reviews are looked at for a decision."""
        lapsed = self._lapsed() if self.request.phase == CONSOLIDATING else frozenset()
        return whole(self.request, self.needed, self.reviews, lapsed)

    def _lapsed(self) -> frozenset[str]:
        """Who submitted a review in this turn and may not review the request any more. One query."""
        project, backend = self.request.workspace.project_id, self.request.backend_id
        theirs = (ProjectMembership.project == project) & (ProjectMembership.user == User.id)
        rows = User.select(User, _roles_there()).where(User.username.in_(self.reviewers), User.is_active)
        rows = rows.join(ProjectMembership, JOIN.LEFT_OUTER, on=theirs)
        if membership_asked_for():
            members = BackendMembership.select(BackendMembership.user)
            rows = rows.where(User.id.in_(members.where(BackendMembership.backend == backend)))
        return frozenset(self.reviewers) - {person.username for person in rows if self._may_review(person)}

    def _may_review(self, person: User) -> bool:
        facts = Facts(
            is_author=self.request.author == person,
            is_developer=DEVELOP in permissions_of(json.loads(person.roles_there)),
            is_checker=CHECK in person.permissions,
            colleagues=self.facts.colleagues,
            has_declared=any(one.checker == person.username for one in self.declared),
        )
        return facts.is_eligible

    @property
    def side(self) -> str:
        """On which side they write: AUTHOR or CHECKER."""
        return "CHECKER" if self.facts.is_eligible else "AUTHOR"


def standing(person: User, request_id: str) -> Acting:
    """The request with what this person is to it. Two queries. Raises `NotFound` for who may not know of it."""
    request = _as_seen_by(person).where(ReleaseRequest.id == request_id).first()
    if request is None:
        raise NotFound("There is no release request of this number.")
    policy = policy_of(request.workspace.project)
    reviews = [(turn, checker) for _, turn, checker in sorted(json.loads(request.reviews_given))]
    declared = tuple(Declared(*one[1:]) for one in sorted(json.loads(request.declared)))
    facts = _facts_of(person, request, policy, reviews, declared)
    if not facts.may_open:
        raise NotFound("There is no release request of this number.")
    return Acting(request, person, facts, policy, reviews, declared)


def _as_seen_by(person: User) -> ModelSelect:
    """`with_all`, of the backends that this person reaches, with their roles in its project, the reviews of this turn and
    the one before that count, and what checkers declared; the lists as JSON."""
    theirs = (ProjectMembership.project == Project.id) & (ProjectMembership.user == person)
    counts = (Review.request == ReleaseRequest.id) & Review.superseded_at.is_null()
    review = fn.json_array(Review.id, Review.turn, Review.checker)
    reviews = Review.select(fn.json_group_array(review)).where(counts, Review.turn >= ReleaseRequest.turn - 1)
    declaration = fn.json_array(Declaration.id, Declaration.checker, Declaration.text, Declaration.at)
    declared = Declaration.select(fn.json_group_array(declaration))
    more = (
        _roles_there(),
        reviews.alias("reviews_given"),
        declared.where(Declaration.request == ReleaseRequest.id).alias("declared"),
    )
    rows = with_all().select_extend(*more)
    rows = rows.join_from(Project, ProjectMembership, JOIN.LEFT_OUTER, on=theirs)
    return rows.where(ReleaseRequest.backend.in_(backends_reached(person).select(Backend.id)))


def acting(person: User, request_id: str, action: str) -> Acting:
    """`standing` for who may do this action (of `rules.ACTIONS`) now. Raises `NotFound`, or `Denied` with the sentence."""
    found = standing(person, request_id)
    found.require(action)
    return found


def with_all() -> ModelSelect:
    """Requests with backend, author, workspace and the project this belongs to now, in one query."""
    requests = ReleaseRequest.select(ReleaseRequest, Workspace, Project, Backend, User)
    requests = requests.join_from(ReleaseRequest, Workspace).join_from(Workspace, Project)
    return requests.join_from(ReleaseRequest, Backend).join_from(ReleaseRequest, User)


def _roles_there() -> Any:
    """The roles in the project, as JSON, of whom a membership is joined."""
    return fn.COALESCE(ProjectMembership.roles.cast("text"), "[]").coerce(False).alias("roles_there")


def _facts_of(
    person: User,
    request: ReleaseRequest,
    policy: PolicyVersion,
    reviews: Sequence[tuple[int, str]],
    declared: Sequence[Declared],
) -> Facts:
    held = person.permissions if person.is_active else frozenset()
    develops = person.is_active and DEVELOP in permissions_of(json.loads(request.roles_there))
    is_author, is_checker = request.author == person, CHECK in held
    return Facts(
        status=request.status,
        is_author=is_author,
        is_developer=develops,
        is_checker=is_checker,
        is_observer=OBSERVE in held
        or (person.is_active and request.workspace.project.copilot_id == person.id),
        is_auditor=AUDIT in held and not (develops or is_author or is_checker),
        colleagues=reviews_of(policy).colleagues,
        has_declared=any(one.checker == person.username for one in declared),
        has_reviewed=(request.turn, person.username) in reviews,
        is_archived=request.workspace.is_archived,
        is_ongoing=is_ongoing(request.workspace.project),
        undo_open=undo_open(request),
    )


def is_developer(person: User, project: Project) -> bool:
    """Whether a role in the project lets them look at its Level 4 outputs; a role for the whole site does not count."""
    if not person.is_active:
        return False
    membership = ProjectMembership.get_or_none(project=project, user=person)
    return membership is not None and DEVELOP in permissions_of(membership.roles)


def is_ongoing(project: Project) -> bool:
    """Whether outputs of the project may still be released (specification 8.2)."""
    return project.status in ONGOING


def why_not_begin(person: User, workspace: Workspace) -> str | None:
    """Why this person may not ask for files of the workspace to be released, or None; whatever they have asked for before."""
    return why_not_create(
        is_developer=is_developer(person, workspace.project),
        is_archived=workspace.is_archived,
        is_ongoing=is_ongoing(workspace.project),
        active="",
    )


def undo_open(request: ReleaseRequest) -> bool:
    """Whether the undo window of an approved request is open."""
    return request.status == "APPROVED" and request.undo_until is not None and now() < request.undo_until


def change(request: ReleaseRequest, **values: Any) -> None:
    """Store these values where the request is as this object saw it. Raises `Conflict` (OC8)."""
    unchanged = (ReleaseRequest.id == request.id) & (ReleaseRequest.version == request.version)
    values |= {"version": request.version + 1}
    changed_one(ReleaseRequest.update(values).where(unchanged), FASTER)
    for name, value in values.items():
        setattr(request, name, value)


def refuse_changed(request: ReleaseRequest, seen: ReleaseRequest) -> None:
    """Raise `Conflict` when the request has changed since it was `seen` (OC8)."""
    if request.version != seen.version:
        raise Conflict(FASTER)


def tell(
    request: ReleaseRequest, happened: str, *, by: User | str, audience: str = PUBLIC, **facts: Any
) -> None:
    """Write the event `release:<happened>`. Its data has no name of a file or group and no text (specification 12).

    With it goes the ticket of the form that asked for it. Raises `UsedBefore`.
    """
    if happened != "recheck-failed":  # whoever asked for the release is refused all the same
        keep_ticket(request)
    data = {"workspace": request.workspace.name, "status": request.status, "turn": request.turn}
    username = by if isinstance(by, str) else by.username
    subject = f"release-request:{request.id}"
    record(f"release:{happened}", by=username, subject=subject, audience=audience, **data, **facts)
    fail_point("requests.told")


def file_of(request: ReleaseRequest, path: str) -> RequestFile:
    """The file of that path with its group. Raises `NotFound`."""
    rows = RequestFile.select(RequestFile, RequestGroup).join(RequestGroup)
    found = rows.where(RequestFile.request == request, RequestFile.path == path).first()
    if found is None:
        raise NotFound("There is no file of this name in this request.")
    return found


def group_of(request: ReleaseRequest, slug: str) -> RequestGroup:
    """The group of that slug. Raises `NotFound`."""
    found = RequestGroup.get_or_none(request=request, slug=slug)
    if found is None:
        raise NotFound("There is no group of this name in this request.")
    return found


def active_request(person: User, workspace: Workspace) -> ReleaseRequest | None:
    """This person's request in the workspace that is under way, if there is one (specification 2.1)."""
    theirs = with_all().where(ReleaseRequest.author == person, ReleaseRequest.workspace == workspace)
    newest = theirs.order_by(ReleaseRequest.id.desc())
    return next((found for found in newest if found.phase != COMPLETE or undo_open(found)), None)
