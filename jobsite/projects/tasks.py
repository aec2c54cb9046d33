"""Background work of projects: mirrors of repositories, who can read them, which there are. Each may run twice or late."""

import logging

from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.queue import every, nudge, task
from jobsite.projects import github, repositories, visibility
from jobsite.projects.models import Organisation, Repo, Workspace

log = logging.getLogger("jobsite.projects")


@task(side="public")
def refresh_repository(repo_id: int) -> None:
    """Fetch one repository and note its branches, or why it could not be fetched."""
    repo = Repo.get_or_none(Repo.id == repo_id)
    if repo is None:
        return
    try:
        repositories.refresh(repo.url)
        heard = {"branches": repositories.branches(repo.url), "problem": ""}
    except repositories.RepositoryError as problem:
        heard = {"problem": str(problem)}
    with writing():
        Repo.update(checked_at=now(), **heard).where(Repo.id == repo_id).execute()
    repositories.tidy(repo.url)


@every(15, side="public")
def refresh_repositories() -> None:
    """Fetch every repository that a workspace in use has; one that fails does not keep the others waiting."""
    in_use = Workspace.select(Workspace.repo).where(~Workspace.is_archived).distinct()
    for row in in_use.tuples():
        nudge(refresh_repository, row[0])


@task(side="public")
def check_visibility(repo_id: int) -> None:
    """Ask whether anybody can read one repository, and note the answer."""
    repo = Repo.get_or_none(Repo.id == repo_id)
    if repo is not None and not repo.is_local:
        visibility.note(repo, visibility.look(repo.url))


@every(60, side="public")
def check_visibilities() -> None:
    """Ask about every repository that a workspace has, archived ones too: they are signed off at the end."""
    for repo in Repo.select().where(Repo.id.in_(Workspace.select(Workspace.repo))):
        if not repo.is_local:
            nudge(check_visibility, repo.id)


@task(side="public")
def list_repositories(org_id: int) -> None:
    """Keep which repositories the owners at GitHub of one organisation have."""
    org = Organisation.get_or_none(Organisation.id == org_id)
    for owner in org.github_orgs if org else ():
        try:
            visibility.note_listed(owner)
        except repositories.RepositoryError as problem:
            log.warning("%s", problem)


@every(15, side="public")
def list_all_repositories() -> None:
    """Ask for the repositories of every organisation, where there is a token to ask with."""
    if github.is_asked():
        for org in Organisation.select():
            nudge(list_repositories, org.id)
