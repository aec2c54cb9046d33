"""What staff read of people: lists with filters, one person whole, and people to choose from.

Each function asks a fixed number of queries, said in its docstring.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from peewee import JOIN, SQL, Expression, ModelSelect, fn
from werkzeug.datastructures import MultiDict

from jobsite.accounts.models import Backend, BackendMembership, Identity, Session, User
from jobsite.accounts.queries import holders
from jobsite.accounts.rules import GLOBAL, PROJECT, ROLES, Role, labels_of, roles_in
from jobsite.core.db import with_words
from jobsite.projects.lists import may
from jobsite.projects.models import Organisation, OrgMembership, Project, ProjectMembership

NAMES = (User.username, User.fullname, User.email)
LONGEST_TEXT = 200
MOST_FOUND = 20
MOST_CHOSEN = 50
ORDERS = {
    "name": fn.LOWER(User.fullname),
    "projects": SQL('"projects"'),
    "orgs": SQL('"orgs"'),
    "backends": SQL('"backends"'),
    "login": User.last_login,
}
"""By what the list of people can be sorted."""
MISSING = {"backend": "No backend", "org": "No organisation", "project": "No project"}
WORKING = {"yes": "Active", "no": "Deactivated"}
HAVING = {"yes": "Any role", "no": "No role"}


@dataclass(frozen=True)
class Filters:
    """What the list of people is narrowed to; empty means no limit. `backend` and `org` are slugs, `role` a role."""

    q: str = ""
    backend: str = ""
    org: str = ""
    role: str = ""
    any_role: str = ""
    missing: str = ""
    active: str = ""

    def __bool__(self) -> bool:
        return any((self.q, self.backend, self.org, self.role, self.any_role, self.missing, self.active))


def filters_in(args: "MultiDict[str, str]") -> Filters:
    """The filters of a query string, by the names of `Filters`."""
    return Filters(
        **{name: args.get(name, "").strip()[:LONGEST_TEXT] for name in Filters.__dataclass_fields__}
    )


def found(filters: Filters) -> ModelSelect:
    """The people who pass all filters, by name, each with `projects`, `orgs` and `backends`: how many they have."""
    rows = User.select(
        User,
        _count(ProjectMembership).alias("projects"),
        _count(OrgMembership).alias("orgs"),
        _count(BackendMembership).alias("backends"),
    ).order_by(fn.LOWER(User.fullname), fn.LOWER(User.username))
    rows = with_words(rows, filters.q, *NAMES)
    for condition in _conditions(filters):
        rows = rows.where(condition)
    return rows


def _conditions(filters: Filters) -> list[Expression]:
    conditions = []
    if filters.backend:
        members = BackendMembership.select(BackendMembership.user).join(Backend)
        conditions.append(User.id.in_(members.where(Backend.slug == filters.backend)))
    if filters.org:
        members = OrgMembership.select(OrgMembership.user).join(Organisation)
        conditions.append(User.id.in_(members.where(Organisation.slug == filters.org)))
    if filters.role:
        conditions.append(_with_role(filters.role))
    if filters.any_role in HAVING:
        conditions.append(_with_any_role() if filters.any_role == "yes" else ~_with_any_role())
    if filters.missing in MISSING:
        table = {"backend": BackendMembership, "org": OrgMembership, "project": ProjectMembership}
        conditions.append(User.id.not_in(table[filters.missing].select(table[filters.missing].user)))
    if filters.active in WORKING:
        conditions.append(User.is_active == (filters.active == "yes"))
    return conditions


def _with_role(name: str) -> Expression:
    """People who hold a role of that name, everywhere or in a project."""
    quoted = f'"{name}"'
    held = ProjectMembership.roles.cast("text").contains(quoted)
    return User.roles.cast("text").contains(quoted) | User.id.in_(
        ProjectMembership.select(ProjectMembership.user).where(held)
    )


def _with_any_role() -> Expression:
    held = ProjectMembership.roles.cast("text") != "[]"
    return (User.roles.cast("text") != "[]") | User.id.in_(
        ProjectMembership.select(ProjectMembership.user).where(held)
    )


def _count(table: type[ProjectMembership] | type[OrgMembership] | type[BackendMembership]) -> ModelSelect:
    return table.select(fn.COUNT(table.id)).where(table.user == User.id)


@dataclass(frozen=True)
class Held:
    """A global role, and whether the person holds it. `known` is false for a name that is no role any more."""

    role: Role | None
    name: str
    holds: bool

    @property
    def label(self) -> str:
        """The role in words."""
        return self.role.label if self.role else self.name


def global_roles(names: Sequence[str]) -> list[Held]:
    """Every global role and whether it is among `names`; then the names that are no roles any more."""
    offered = [Held(role, role.name, role.name in names) for role in roles_in(GLOBAL)]
    return offered + [Held(None, name, True) for name in names if name not in ROLES]


def project_roles() -> list[tuple[str, str, str]]:
    """Every role of projects: its name, what it is called, and what it permits, in a sentence."""
    return [(role.name, role.label, f"May {'; '.join(may(role))}.") for role in roles_in(PROJECT)]


def labels(names: Sequence[str]) -> str:
    """Roles in words; a name that is no role any more as it is."""
    return ", ".join(labels_of(names))


@dataclass(frozen=True)
class Place:
    """A backend or an organisation, and whether the person belongs to it."""

    slug: str
    name: str
    belongs: bool
    note: str = ""


def backends_for(user: User) -> list[Place]:
    """Every backend, and whether the person is a member of it. One query."""
    mine = (BackendMembership.backend == Backend.id) & (BackendMembership.user == user)
    rows = Backend.select(Backend, BackendMembership.id.alias("membership")).join(
        BackendMembership, JOIN.LEFT_OUTER, on=mine
    )
    rows = rows.order_by(fn.LOWER(Backend.name), Backend.slug).objects()
    return [
        Place(row.slug, row.name, row.membership is not None, "" if row.is_active else "not active")
        for row in rows
    ]


def organisations_for(user: User) -> list[Place]:
    """Every organisation, and whether the person belongs to it. One query."""
    mine = (OrgMembership.org == Organisation.id) & (OrgMembership.user == user)
    rows = Organisation.select(Organisation, OrgMembership.id.alias("membership")).join(
        OrgMembership, JOIN.LEFT_OUTER, on=mine
    )
    return [
        Place(row.slug, row.name, row.membership is not None)
        for row in rows.order_by(fn.LOWER(Organisation.name)).objects()
    ]


def memberships_of(user: User) -> list[ProjectMembership]:
    """The projects a person is a member of, by name. One query."""
    rows = ProjectMembership.select(ProjectMembership, Project).join(Project)
    return list(rows.where(ProjectMembership.user == user).order_by(fn.LOWER(Project.name)))


def standing(user: User) -> tuple[int, str]:
    """How many logins of a person have not been ended, and who they are elsewhere, in words. One query."""
    sessions = Session.select(fn.COUNT(Session.id)).where(
        (Session.user == user) & Session.ended_at.is_null() & (Session.epoch == user.session_epoch)
    )
    known = Identity.provider.concat(": ").concat(Identity.name_there)
    elsewhere = Identity.select(fn.GROUP_CONCAT(known)).where(Identity.user == user)
    row = User.select(sessions.alias("open"), elsewhere.alias("elsewhere")).where(User.id == user.id)
    found = next(iter(row.tuples()))
    return found[0], found[1] or ""


def other_administrators(user: User) -> int:
    """How many active people besides this one may use the staff area and manage people. One query."""
    return holders("user_manage").where(User.id != user.id).count()


def copilots() -> list[User]:
    """The active people who may be chosen as co-pilot (specification, section 4: staff), by name. One query."""
    return list(holders("staff_area_access"))


@dataclass(frozen=True)
class Choice:
    """People to choose from: those whose names contain `find`, and before them those who are chosen already."""

    find: str
    chosen: frozenset[str]
    people: list[User]
    more: bool


def choice(find: str, chosen: Collection[str], members: ModelSelect) -> Choice:
    """Up to `MOST_FOUND` active people whose name contains `find` and whose ids are not in `members`. One query.

    Those in `chosen` (usernames) are kept at the top. Without a text there are the first people by name.
    """
    find, kept = find.strip()[:LONGEST_TEXT], frozenset(list(chosen)[:MOST_CHOSEN])
    others = with_words(User.select(User.id).where(User.is_active), find, *NAMES)
    wanted = User.username.in_(kept) | User.id.in_(others)
    rows = User.select().where(wanted & User.id.not_in(members))
    by_name = (fn.LOWER(User.fullname), fn.LOWER(User.username))
    order = (User.username.not_in(kept), *by_name) if kept else by_name
    people = list(rows.order_by(*order).limit(len(kept) + MOST_FOUND + 1))
    return Choice(find, kept, people[: len(kept) + MOST_FOUND], len(people) > len(kept) + MOST_FOUND)


def people_named(usernames: Collection[str]) -> list[User]:
    """The people of these usernames, by name; unknown ones are left out. One query."""
    names = list(usernames)[:MOST_CHOSEN]
    return list(User.select().where(User.username.in_(names)).order_by(fn.LOWER(User.fullname)))
