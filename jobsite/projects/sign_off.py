"""Signing off a repository: its workspaces one by one, then the wish that it be public, then staff.

The site never changes who can read a repository (specification 7.11): the events tell those who can.
"""

from dataclasses import dataclass
from urllib.parse import unquote

from peewee import ModelSelect, fn

from jobsite import settings
from jobsite.accounts.models import User, permissions_everywhere, username_of
from jobsite.accounts.rules import permissions_of
from jobsite.core.clock import now
from jobsite.core.db import changed_one, writing
from jobsite.core.errors import NotFound, require
from jobsite.core.events import record
from jobsite.projects.addresses import normal_url
from jobsite.projects.models import Project, ProjectMembership, Repo, Workspace
from jobsite.projects.queries import workspaces
from jobsite.projects.rules import (
    why_not_request_public,
    why_not_sign_off_internally,
    why_not_sign_off_workspace,
)


@dataclass(frozen=True)
class SignOff:
    """A repository with its workspaces by name, and what the person who looks may do.

    `reasons` says by workspace why they may not sign it off, `why_not_public` and `why_not_internal` the same for
    the last two steps. `unused` are branches that no workspace has. `permissions` are theirs, by the id of the project.
    """

    repo: Repo
    spaces: list[Workspace]
    reasons: dict[str, str | None]
    unused: list[str]
    why_not_public: str | None
    why_not_internal: str | None
    permissions: dict[int, frozenset[str]]

    def may(self, permission: str, project: Project) -> bool:
        """Whether the person who looks holds a permission in one of the projects."""
        return permission in self.permissions[project.id]

    @property
    def projects(self) -> list[Project]:
        """The projects that use it, each once, in the order of the workspaces."""
        return list({space.project_id: space.project for space in self.spaces}.values())


def repo_named(part: str) -> Repo | None:
    """The repository of that part of an address (already decoded once), or None."""
    return Repo.get_or_none(Repo.url == url_in(part))


def url_in(part: str) -> str:
    """The address of the repository that a part of an address (already decoded once) names, in its one spelling."""
    return normal_url(unquote(part), settings.current().github_url)


def sign_off_or_stop(by: User, part: str) -> SignOff:
    """The sign-off of a repository for a member of a project that uses it, or staff. Raises `NotFound` for all else.

    Four queries.
    """
    repo = repo_named(part)
    spaces = list(_spaces(repo)) if repo else []
    mine = _my_projects(by)
    inside = any(space.project_id in mine for space in spaces)
    if repo is None or not spaces or not (inside or "staff_area_access" in by.permissions):
        raise NotFound("There is no repository here that you could sign off.")
    taken = {space.branch for space in spaces}
    return SignOff(
        repo=repo,
        spaces=spaces,
        reasons={
            space.name: why_not_sign_off_workspace(space, is_member=space.project_id in mine)
            for space in spaces
        },
        unused=[branch for branch in repo.branches if branch not in taken],
        why_not_public=why_not_request_public(repo, spaces, is_member=inside),
        why_not_internal=why_not_sign_off_internally(repo, by.permissions),
        permissions={
            space.project_id: by.permissions | permissions_of(mine.get(space.project_id, ()))
            for space in spaces
        },
    )


def sign_off_workspace(*, by: User | str, workspace: Workspace) -> None:
    """Sign off one workspace: its purpose is written, its work is done. Once.

    Raises `Conflict` when it is signed off already, `Denied` without a purpose or for somebody outside its project.
    """
    with writing():
        fresh = Workspace.get_by_id(workspace.id)
        require(why_not_sign_off_workspace(fresh, is_member=_is_member(by, [fresh]), again=True))
        signed = {"signed_off_at": now(), "signed_off_by": username_of(by)}
        changed_one(
            Workspace.update(**signed).where(Workspace.id == workspace.id, Workspace.signed_off_at.is_null()),
            f"{workspace.name} has been signed off already.",
        )
        facts = {"project": fresh.project.slug, "repo": fresh.repo.url}
        record("workspace:signed-off", by=username_of(by), subject=f"workspace:{workspace.name}", **facts)


def request_public(*, by: User | str, repo: Repo) -> None:
    """Ask that the repository be made public, when all its workspaces are signed off. Once.

    The event names the people who made the workspaces and the co-pilots, who are to be told. Raises `Conflict` when
    that was asked already, `Denied` with the reason.
    """
    with writing():
        fresh, spaces = Repo.get_by_id(repo.id), list(_spaces(repo))
        require(why_not_request_public(fresh, spaces, is_member=_is_member(by, spaces), again=True))
        signed = {"researcher_signed_off_at": now(), "researcher_signed_off_by": username_of(by)}
        changed_one(
            Repo.update(**signed).where(Repo.id == repo.id, Repo.researcher_signed_off_at.is_null()),
            "This repository has been signed off already.",
        )
        copilots = User.select().join(Project, on=Project.copilot == User.id)
        copilots = copilots.where(Project.id.in_({space.project_id for space in spaces})).distinct()
        record(
            "repo:signed-off",
            by=username_of(by),
            subject=f"repo:{repo.url}",
            repo=repo.name,
            url=repo.url,
            workspaces=[space.name for space in spaces],
            creators=sorted({space.created_by for space in spaces}),
            copilots=sorted(person.username for person in copilots),
            has_github_outputs=fresh.has_github_outputs,
        )


def sign_off_internally(*, by: User | str, repo: Repo) -> None:
    """Staff's own sign-off, after the researchers' one; its event opens an issue for an owner at GitHub. Once.

    A repository whose outputs are at GitHub needs the permission for that. Raises `Conflict`, `Denied`.
    """
    with writing():
        fresh = Repo.get_by_id(repo.id)
        require(why_not_sign_off_internally(fresh, permissions_everywhere(by), again=True))
        signed = {"internal_signed_off_at": now(), "internal_signed_off_by": username_of(by)}
        changed_one(
            Repo.update(**signed).where(Repo.id == repo.id, Repo.internal_signed_off_at.is_null()),
            "This repository has been signed off internally already.",
        )
        facts = {"repo": repo.name, "url": repo.url, "has_github_outputs": fresh.has_github_outputs}
        record("repo:signed-off-internally", by=username_of(by), subject=f"repo:{repo.url}", **facts)


def _spaces(repo: Repo) -> ModelSelect:
    return workspaces().where(Workspace.repo == repo).order_by(fn.LOWER(Workspace.name))


def _my_projects(by: User | str) -> dict[int, list[str]]:
    """The ids of the projects somebody belongs to, each with their roles there."""
    if isinstance(by, str) or not by.is_active:
        return {}
    mine = ProjectMembership.select().where(ProjectMembership.user == by)
    return {row.project_id: row.roles for row in mine}


def _is_member(by: User | str, spaces: list[Workspace]) -> bool:
    """Whether somebody belongs to a project of these workspaces; a command acts for everybody."""
    mine = _my_projects(by)
    return isinstance(by, str) or any(space.project_id in mine for space in spaces)
