"""Background work of projects: bringing the mirrors of repositories up to date. Each may run twice or late."""

from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.queue import every, nudge, task
from jobsite.projects import repositories
from jobsite.projects.models import Repo, Workspace


@task
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


@every(15)
def refresh_repositories() -> None:
    """Fetch every repository that a workspace in use has; one that fails does not keep the others waiting."""
    in_use = Workspace.select(Workspace.repo).where(~Workspace.is_archived).distinct()
    for row in in_use.tuples():
        nudge(refresh_repository, row[0])
