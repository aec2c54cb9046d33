"""What the public side says of a person, read from its answers (specification of the site, 9.2 and 9.4). Pure.

Whatever is missing or of another kind grants nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jobsite.accounts.rules import GLOBAL, PROJECT, ROLES, permissions_of, roles_in

DEVELOP, CHECK, OBSERVE = "unreleased_outputs_view", "release_file_upload", "airlock_readonly_access"
DEVELOPER, CHECKER, OBSERVER = "ProjectDeveloper", "OutputChecker", "DeploymentAdministrator"
"""The roles for which these permissions stand where nothing more exact is said."""


@dataclass(frozen=True)
class WorkspaceSeen:
    """What a person may know of a workspace: its project's name, whether that is ongoing, its organisations' names."""

    project: str
    is_ongoing: bool
    orgs: tuple[str, ...]
    is_archived: bool


@dataclass(frozen=True)
class Roles:
    """Roles by name: for the whole site, and by the slug of each project."""

    everywhere: tuple[str, ...] = ()
    projects: Mapping[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class PersonThere:
    """A person as the public side has them. `workspaces`: where they may look at Level 4 outputs as developers; `copiloted`:
    those they look after. `roles` are None where it was not said exactly: then those known here stand.
    """

    username: str
    fullname: str
    workspaces: Mapping[str, WorkspaceSeen]
    copiloted: Mapping[str, WorkspaceSeen]
    is_checker: bool
    is_observer: bool
    roles: Roles | None

    def everywhere(self, known: Iterable[str]) -> list[str]:
        """Their roles for the whole site; `known` are those they have here."""
        found = list(known) if self.roles is None else list(self.roles.everywhere)
        found = _with(found, CHECK, CHECKER) if self.is_checker else _without(found, CHECK)
        return _with(found, OBSERVE, OBSERVER) if self.is_observer else _without(found, OBSERVE)

    def in_project(self, slug: str, known: Iterable[str], *, develops: bool) -> list[str]:
        """Their roles in a project; `known` are those they have here, `develops` whether one of `workspaces` is in it."""
        said = known if self.roles is None else (self.roles.projects or {}).get(slug, ())
        return _with(list(said), DEVELOP, DEVELOPER) if develops else _without(said, DEVELOP)


def person_there(data: object, roles: Roles | None) -> PersonThere | None:
    """The person of a user object; None for anything else."""
    if not isinstance(data, dict) or not isinstance(data.get("username"), str) or not data["username"]:
        return None
    if not isinstance(data.get("workspaces"), dict):
        return None
    fullname = data.get("fullname")
    return PersonThere(
        username=data["username"],
        fullname=fullname if isinstance(fullname, str) else "",
        workspaces=_workspaces(data["workspaces"]),
        copiloted=_workspaces(data.get("copiloted_workspaces")),
        is_checker=data.get("output_checker") is True,
        is_observer=data.get("readonly_access") is True,
        roles=roles,
    )


def roles_there(data: object) -> Roles | None:
    """The roles in the answer to `users/⟨name⟩/`, those that this program knows; None for anything else."""
    roles = data.get("roles") if isinstance(data, dict) else None
    if not isinstance(roles, dict):
        return None
    rows = [row for row in _list(roles.get("projects")) if isinstance(row, dict)]
    projects = {
        row["slug"]: _known(row.get("roles"), PROJECT) for row in rows if isinstance(row.get("slug"), str)
    }
    return Roles(_known(roles.get("global"), GLOBAL), projects)


def _workspaces(value: object) -> dict[str, WorkspaceSeen]:
    rows = value if isinstance(value, dict) else {}
    return {name: _seen(row) for name, row in rows.items() if isinstance(row, dict)}


def _seen(row: Mapping[str, object]) -> WorkspaceSeen:
    details = row.get("project_details")
    details = details if isinstance(details, dict) else {}
    name, orgs = details.get("name"), _list(details.get("orgs"))
    return WorkspaceSeen(
        project=name if isinstance(name, str) else "",
        is_ongoing=details.get("ongoing") is True,
        orgs=tuple(org for org in orgs if isinstance(org, str)),
        is_archived=row.get("archived") is not False,
    )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _known(value: object, scope: str) -> tuple[str, ...]:
    names = {role.name for role in roles_in(scope)}
    return tuple(name for name in _list(value) if isinstance(name, str) and name in names)


def _with(roles: list[str], permission: str, role: str) -> list[str]:
    return roles if permission in permissions_of(roles) else [*roles, role]


def _without(roles: Iterable[str], permission: str) -> list[str]:
    return [name for name in roles if name in ROLES and permission not in ROLES[name].permissions]
