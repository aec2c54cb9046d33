"""Why can't I? For a person and a thing: step by step which rule refuses, in the very sentences of the rules.

Every sentence that refuses is what the rule itself gives, so this page cannot say something else than the site does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from flask import current_app
from werkzeug.exceptions import HTTPException

from jobsite import settings
from jobsite.accounts.models import Backend, User
from jobsite.accounts.queries import backends_of, membership_asked_for, why_no_token
from jobsite.accounts.rules import GLOBAL, PERMISSIONS, PROJECT, ROLES, permissions_of, why_not_log_in
from jobsite.core.limits import Limits, TooMany
from jobsite.core.web import ANYONE, LOGIN, Route
from jobsite.core.wording import joined
from jobsite.jobs.actions import why_not_submit
from jobsite.projects import data_permissions
from jobsite.projects.models import Organisation, Project, ProjectMembership, Workspace
from jobsite.projects.queries import has_org, workspaces
from jobsite.projects.rules import why_not_create_workspace, why_not_permitted, why_not_run_jobs
from jobsite.staff.rules import roles_with, why_not_staff

OK, NO, WAIT, NOTE = "ok", "no", "wait", "note"
LOG_IN, TOKEN = "log-in", "token"
WISHES: Mapping[str, str] = {
    LOG_IN: "log in",
    TOKEN: "make and use a single-use token",
    **{name: permission.what for name, permission in PERMISSIONS.items()},
}
"""What may be asked about: a key, and the words that go on after "may"."""

_STAFF_ONLY = frozenset(name for name in PERMISSIONS if not roles_with(name, PROJECT))
_STAFF_PAGES = ("staff_area_access", "user_manage", "backend_manage")


@dataclass(frozen=True)
class Step:
    """One thing that was looked at: how it stands ("ok", "no", "wait", "note"), the sentence, and the way out.

    `way` is what would make it possible, in words, and the address where it is done; None where nothing has to be.
    """

    title: str
    verdict: str
    sentence: str
    way: tuple[str, str] | None = None


@dataclass(frozen=True)
class Thing:
    """What somebody wants to do something with. `route` is set for the address of a page."""

    words: str = ""
    project: Project | None = None
    workspace: Workspace | None = None
    backend: Backend | None = None
    org: Organisation | None = None
    route: Route | None = None


@dataclass
class Case:
    """A person, what they want, and with what; the facts that several steps need are read once."""

    user: User
    wish: str
    thing: Thing
    limits: Limits
    steps: list[Step] = field(default_factory=list)

    @cached_property
    def membership(self) -> ProjectMembership | None:
        """Their membership of the project concerned."""
        if self.thing.project is None:
            return None
        return ProjectMembership.get_or_none(project=self.thing.project, user=self.user)

    @cached_property
    def held(self) -> frozenset[str]:
        """What their roles permit there, were they active."""
        here = permissions_of(self.membership.roles) if self.membership else frozenset()
        return self.user.permissions | here

    @cached_property
    def backends(self) -> list[Backend]:
        """The active backends they may use."""
        return backends_of(self.user)

    @property
    def page(self) -> str:
        """The address of their page in the staff area."""
        return f"/staff/users/{self.user.username}/"

    @property
    def refusals(self) -> list[Step]:
        """The steps that refuse."""
        return [step for step in self.steps if step.verdict == NO]


def thing_named(text: str) -> Thing | None:
    """What a text names: the address of a page, `kind:name`, or the bare name of a workspace, project or backend.

    None when there is no such thing; a `Thing` of nothing for an empty text. At most four queries.
    """
    text = text.strip()
    if not text:
        return Thing()
    if text.startswith("/"):
        return _page_at(text.partition("?")[0].partition("#")[0])
    kind, _, name = text.rpartition(":")
    looks = {kind: _LOOKS[kind]} if kind in _LOOKS else {} if kind else _LOOKS
    return next((found for look in looks.values() if (found := look(name.strip()))), None)


def explained(user: User, wish: str, thing: Thing, limits: Limits) -> Case:
    """Every step for this person, this wish (a key of `WISHES`) and this thing, in the order of the rules."""
    case = Case(user, wish, thing, limits)
    for look in (
        _account,
        _side,
        _roles,
        _organisation,
        _archived,
        _backend,
        _submitting,
        _data,
        _token,
        _limit,
    ):
        case.steps += look(case)
    return case


def wish_of(route: Route) -> str:
    """What the page at a route asks for: its permission, or to be logged in, or nothing ("")."""
    return {ANYONE: "", LOGIN: LOG_IN}.get(route.needs, route.needs)


def _workspace(name: str) -> Thing | None:
    found = workspaces().where(Workspace.name == name.lower()).first()
    return Thing(f"workspace {found.name}", project=found.project, workspace=found) if found else None


def _project(slug: str) -> Thing | None:
    found = Project.get_or_none((Project.slug == slug.lower()) | (Project.number == slug))
    return Thing(f"project {found.title}", project=found) if found else None


def _backend_named(slug: str) -> Thing | None:
    found = Backend.get_or_none(Backend.slug == slug.lower())
    return Thing(f"backend {found.name}", backend=found) if found else None


def _org(slug: str) -> Thing | None:
    found = Organisation.get_or_none(Organisation.slug == slug.lower())
    return Thing(f"organisation {found.name}", org=found) if found else None


_LOOKS: Mapping[str, Callable[[str], Thing | None]] = {
    "workspace": _workspace,
    "project": _project,
    "backend": _backend_named,
    "organisation": _org,
}


_SHAPES = (
    ("/<name>/", "workspace", "name"),
    ("/projects/<slug>/", "project", "slug"),
    ("/orgs/<slug>/", "organisation", "slug"),
    ("/status/<slug>/", "backend", "slug"),
)
"""How an address begins, and what it is about."""

_ANYTHING = "/<first>/<path:rest>"  # answers what nothing else does, with a redirect or 404


def _page_at(path: str) -> Thing | None:
    """The page at an address, and the workspace, project or backend that the address names."""
    try:
        endpoint, values = current_app.url_map.bind("").match(path, method="GET")
    except HTTPException:
        return None
    route = next((one for one in current_app.extensions["jobsite.routes"] if one.endpoint == endpoint), None)
    if route is None or route.rule == _ANYTHING:
        return None
    shape = next((one for one in _SHAPES if route.rule.startswith(one[0])), None)
    if shape is None:
        return Thing(f"page {path}", route=route)
    named = _LOOKS[shape[1]](str(values[shape[2]]))
    return replace(named, words=f"page {path}", route=route) if named else None


def _account(case: Case) -> list[Step]:
    logging_in = case.wish in (LOG_IN, TOKEN)
    sentence = why_not_log_in(case.user.is_active, case.user.is_bot and logging_in)
    if sentence is None:
        return [Step("Account", OK, f"{case.user.username} is active.")]
    way = None if case.user.is_active else ("Let this person in again", f"{case.page}reactivate/")
    return [Step("Account", NO, sentence, way)]


def _side(case: Case) -> list[Step]:
    """Whether the page exists here and for whom."""
    route = case.thing.route
    if route is not None and route.needs == ANYONE:
        return [Step("Page", OK, "Everybody may open this page, also without logging in.")]
    if case.wish == "unreleased_outputs_view" and not settings.current().secure:
        return [
            Step(
                "Side", NO, "Level 4 is looked at on the secure side. This is the public side: log in there."
            )
        ]
    return []


def _roles(case: Case) -> list[Step]:
    if case.wish not in PERMISSIONS:
        return []
    giving = [ROLES[name].label for name in case.user.roles if _grants(name, case.wish)]
    if giving:
        return [Step("Roles", OK, f"{' and '.join(giving)} permits this everywhere.")]
    if case.wish in _STAFF_ONLY:
        return [_global_role(case)]
    if case.thing.project is None:
        return [_somewhere(case)]
    return [_project_role(case, case.thing.project)]


def _global_role(case: Case) -> Step:
    """What is lacking where only a role on the whole site would do."""
    own = why_not_staff(case.held, case.wish) if case.wish in _STAFF_PAGES else None
    sentence = own or why_not_permitted(case.wish, case.held) or ""
    way = f"Give them the role {joined(roles_with(case.wish, GLOBAL), 'or')}"
    return Step("Roles", NO, sentence, (way, f"{case.page}#roles"))


def _somewhere(case: Case) -> Step:
    """Where the project is not known: in which of their projects they may."""
    rows = ProjectMembership.select(ProjectMembership, Project).join(Project)
    names = [
        row.project.slug
        for row in rows.where(ProjectMembership.user == case.user)
        if case.wish in permissions_of(row.roles)
    ]
    if names:
        return Step("Roles", NOTE, f"This depends on the project. They may in: {', '.join(names)}.")
    sentence = why_not_permitted(case.wish, case.held) or ""
    return Step("Roles", NO, sentence, ("Make them a member of a project", "/staff/projects/"))


def _project_role(case: Case, project: Project) -> Step:
    wanted = joined(roles_with(case.wish, PROJECT), "or")
    if case.membership is None:
        way = (f"Add them to {project.name} as {wanted}", _add_address(case, project))
        return Step("Roles", NO, _refused(case), way)
    giving = [ROLES[name].label for name in case.membership.roles if _grants(name, case.wish)]
    if giving:
        return Step("Roles", OK, f"{' and '.join(giving)} in {project.name} permits this.")
    way = (
        f"Give them the role {wanted} in {project.name}",
        f"/staff/projects/{project.slug}/members/{case.user.username}/",
    )
    return Step("Roles", NO, _refused(case), way)


def _refused(case: Case) -> str:
    """The sentence that the person reads where their roles do not suffice."""
    if case.wish == "job_run":
        return why_not_run_jobs(case.held, is_archived=False, has_backend=True) or ""
    return why_not_permitted(case.wish, case.held) or ""


def _add_address(case: Case, project: Project) -> str:
    return f"/staff/projects/{project.slug}/members/?users={case.user.username}"


def _grants(role: str, permission: str) -> bool:
    return permission in permissions_of([role])


def _organisation(case: Case) -> list[Step]:
    if case.wish != "workspace_create":
        return []
    if has_org(case.user):
        known = (
            "They belong to an organisation."
            if membership_asked_for()
            else "No organisation is asked for here."
        )
        return [Step("Organisation", OK, known)]
    sentence = why_not_create_workspace({"workspace_create"}, has_org=False) or ""
    return [Step("Organisation", NO, sentence, ("Add them to an organisation", f"{case.page}#organisations"))]


def _archived(case: Case) -> list[Step]:
    workspace = case.thing.workspace
    if case.wish != "job_run" or workspace is None:
        return []
    if not workspace.is_archived:
        return [Step("Workspace", OK, f"{workspace.name} is not archived.")]
    sentence = why_not_run_jobs({"job_run"}, is_archived=True, has_backend=True) or ""
    return [Step("Workspace", NO, sentence, ("Bring it back", f"/staff/workspaces/{workspace.name}/"))]


def _backend(case: Case) -> list[Step]:
    if case.wish != "job_run":
        return []
    wanted = case.thing.backend
    mine = [one for one in case.backends if wanted is None or one == wanted]
    if mine:
        names = ", ".join(one.name for one in mine)
        return [Step("Backends", OK, f"They may use {names}.")]
    if wanted is not None and not wanted.is_active:
        way = ("Make it active", f"/staff/backends/{wanted.slug}/edit/")
        return [Step("Backends", NO, f"{wanted.name} is not active, so nobody can use it.", way)]
    sentence = why_not_run_jobs({"job_run"}, is_archived=False, has_backend=False) or ""
    return [Step("Backends", NO, sentence, ("Give them a backend", f"{case.page}#backends"))]


def _submitting(case: Case) -> list[Step]:
    """What keeps any request out, whoever asks, on each backend they may use; and what only makes it wait."""
    if case.wish != "job_run":
        return []
    steps = []
    workspace = case.thing.workspace
    for backend in (one for one in case.backends if case.thing.backend in (None, one)):
        way = ("Look at the backend", f"/staff/backends/{backend.slug}/")
        archived = workspace is not None and workspace.is_archived
        if workspace is not None and not archived and (sentence := why_not_submit(workspace, backend)):
            steps.append(Step(backend.name, NO, sentence, way))
        elif backend.is_paused or backend.is_in_maintenance_mode:
            state = "paused" if backend.is_paused else "in database maintenance"
            steps.append(
                Step(backend.name, WAIT, f"{backend.name} is {state}: jobs can be asked for and wait.", way)
            )
    return steps


def _data(case: Case) -> list[Step]:
    """What the project may use beyond what all may: a run that needs more is refused when its code is known."""
    project = case.thing.project
    if case.wish != "job_run" or project is None:
        return []
    names = ", ".join(one.value for one in data_permissions.of(project))
    sentence = f"{project.name} may use beyond what every project may: {names or 'nothing'}."
    way = ("Data permissions", f"/staff/projects/{project.slug}/data-permissions/")
    return [Step("Data", NOTE, f"{sentence} A run that needs more is refused.", way)]


def _token(case: Case) -> list[Step]:
    """Whether they get a single-use token, and have one; the other ways to log in are theirs."""
    if case.wish not in (LOG_IN, TOKEN) or case.refusals:
        return []
    sentence = why_no_token(case.user)
    if sentence:
        way = None if case.backends else ("Give them a backend", f"{case.page}#backends")
        return [Step("Token", NO if case.wish == TOKEN else NOTE, sentence, way)]
    has = case.user.login_token_hash is not None
    words = (
        "They have a single-use token; it may be too old." if has else "They have no single-use token now."
    )
    return [Step("Token", NOTE, words, ("Make one for them", f"{case.page}token/"))]


def _limit(case: Case) -> list[Step]:
    """Whether a rate limit of this process stops them at the moment."""
    named = {
        "job_run": ("requests per person", case.user.username),
        TOKEN: ("tokens per person", case.user.username),
        LOG_IN: ("sign-in per account", f"user:{case.user.id}"),
    }
    if case.wish not in named:
        return []
    name, key = named[case.wish]
    try:
        case.limits.check(name, key)
    except TooMany as refusal:
        return [Step("Limit", NO, f"{refusal} (the limit “{name}”)")]
    return [Step("Limit", OK, "No rate limit stops them at the moment.")]
