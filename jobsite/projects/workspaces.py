"""What is done to workspaces, and to what is known of their repositories."""

from typing import Any

from jobsite import settings
from jobsite.accounts.models import User, permissions_everywhere, username_of
from jobsite.core.clock import now
from jobsite.core.db import changed_one, writing
from jobsite.core.errors import refuse, require
from jobsite.core.events import record
from jobsite.core.queue import nudge
from jobsite.projects import redirects, repositories
from jobsite.projects.addresses import normal_url, why_not_repo
from jobsite.projects.models import Project, Repo, Workspace
from jobsite.projects.queries import has_org, permissions_in, workspace_named
from jobsite.projects.repositories import ASK_SECONDS, RepositoryError
from jobsite.projects.rules import (
    LONGEST_PURPOSE,
    tidy,
    why_not_change_workspace,
    why_not_create_workspace,
    why_not_permitted,
    why_not_text,
    why_not_workspace_name,
)
from jobsite.projects.tasks import check_visibility, refresh_repository

_GONE = "This workspace is no longer there."


def create_workspace(
    *, by: User | str, project: Project, name: str, repo: str, branch: str, purpose: str = ""
) -> Workspace:
    """Make a workspace of one branch of the repository at the address `repo`; the name is lower-cased.

    Asks git once (at most `ASK_SECONDS`), before the transaction, whether the branch is there. Raises `Invalid`
    with the sentence of `name`, `repo`, `branch` or `purpose`, and `Denied`.
    """
    require(why_not_create_workspace(permissions_in(by, project), has_org=has_org(by)))
    name, branch, purpose = name.strip().lower(), branch.strip(), tidy(purpose)
    refuse(
        name=why_not_workspace_name(name) or _why_name_taken(name),
        repo=why_not_repo(normal(repo), settings.current().allowed_repos),
        branch=None if branch else "Choose the branch to run.",
        purpose=why_not_text(purpose, LONGEST_PURPOSE),
    )
    known = ask_branches(by=by, repo=repo)
    refuse(repo=known.problem, branch=None if branch in known.branches else f"Missing branch: '{branch}'")
    with writing():
        require(why_not_create_workspace(permissions_in(by, project), has_org=has_org(by)))
        refuse(name=_why_name_taken(name))
        who = username_of(by)
        workspace = Workspace.create(
            name=name,
            project=project,
            repo=known,
            branch=branch,
            purpose=purpose,
            created_by=who,
            updated_by=who,
        )
        facts = {"project": project.slug, "repo": known.url, "branch": branch}
        record("workspace:created", by=who, subject=f"workspace:{name}", **facts)
        nudge(refresh_repository, known.id)
        nudge(check_visibility, known.id)
    return workspace


def edit_workspace(*, by: User | str, workspace: Workspace, purpose: str) -> Workspace:
    """Write what the jobs of a workspace are for. Raises `Invalid`, `Denied`."""
    purpose = tidy(purpose)
    with writing():
        require(why_not_change_workspace("workspace_create", permissions_in(by, workspace.project_id)))
        refuse(purpose=why_not_text(purpose, LONGEST_PURPOSE))
        _change(by, workspace, "workspace:edited", purpose=purpose)
    return Workspace.get_by_id(workspace.id)


def set_archived(*, by: User | str, workspace: Workspace, is_archived: bool) -> None:
    """Archive a workspace (no jobs run in it any more) or bring it back. Raises `Conflict` when it is so already."""
    event = "workspace:archived" if is_archived else "workspace:unarchived"
    already = f"{workspace.name} is {'archived' if is_archived else 'active'} already."
    with writing():
        require(why_not_change_workspace("workspace_archive", permissions_in(by, workspace.project_id)))
        _change(by, workspace, event, Workspace.is_archived != is_archived, already, is_archived=is_archived)


def set_notifications(*, by: User | str, workspace: Workspace, should_notify: bool) -> None:
    """Set whether the run form of a workspace offers e-mail by default. Raises `Conflict` when it is so already."""
    already = f"Notifications of {workspace.name} are {'on' if should_notify else 'off'} already."
    differs = Workspace.should_notify != should_notify
    with writing():
        permissions = permissions_in(by, workspace.project_id)
        require(why_not_permitted("workspace_toggle_notifications", permissions))
        _change(by, workspace, "workspace:notifications", differs, already, should_notify=should_notify)


def move_workspace(*, by: User | str, workspace: Workspace, project: Project) -> Workspace:
    """Give a workspace to another project, with all that it holds; its members there may use it from now on.

    The address `/⟨old project⟩/⟨workspace⟩/…` goes on leading to it for a year. Raises `Conflict` when it is there
    already, `Denied`.
    """
    already = f"{workspace.name} belongs to {project.name} already."
    with writing():
        require(why_not_permitted("project_create", permissions_everywhere(by)))
        before = Workspace.get_by_id(workspace.id).project
        moved = {"project": project, "updated_at": now(), "updated_by": username_of(by)}
        here = (Workspace.id == workspace.id) & (Workspace.project != project)
        changed_one(Workspace.update(**moved).where(here), already)
        old = f"/{before.slug}/{workspace.name}/"
        redirects.moved(by=by, old=old, new=f"/{project.slug}/{workspace.name}/", workspace=workspace)
        facts = {"before": before.slug, "after": project.slug}
        record("workspace:moved", by=username_of(by), subject=f"workspace:{workspace.name}", **facts)
    return workspace_named(workspace.name)


def ask_branches(*, by: User | str, repo: str, seconds: float = ASK_SECONDS) -> Repo:
    """Ask the repository for its branches now, and keep the answer, or the problem, with its time.

    Never called within a transaction. Raises `Invalid` for an address that may not be used here.
    """
    url = normal(repo)
    refuse(repo=why_not_repo(url, settings.current().allowed_repos))
    try:
        heard: dict[str, Any] = {
            "branches": repositories.remote_branches(url, seconds=seconds),
            "problem": "",
        }
    except RepositoryError as problem:
        heard = {"problem": str(problem)}
    with writing():
        known, is_new = Repo.get_or_create(url=url, defaults={"checked_at": now(), **heard})
        if is_new:
            record("repo:added", by=username_of(by), subject=f"repo:{url}")
        else:
            Repo.update(checked_at=now(), **heard).where(Repo.id == known.id).execute()
    return Repo.get_by_id(known.id)


def normal(repo: str) -> str:
    """The address of a repository in its one spelling."""
    return normal_url(repo, settings.current().github_url)


def _why_name_taken(name: str) -> str | None:
    if Workspace.select().where(Workspace.name == name).exists():
        return f"There is already a workspace {name}: choose another name."
    return None


def _change(
    by: User | str, workspace: Workspace, event: str, when: Any = True, otherwise: str = _GONE, **fields: Any
) -> None:
    change = {**fields, "updated_at": now(), "updated_by": username_of(by)}
    changed_one(Workspace.update(**change).where((Workspace.id == workspace.id) & when), otherwise)
    record(event, by=username_of(by), subject=f"workspace:{workspace.name}", **fields)
