"""Whether anybody can read a repository: asked in the background, kept with its age, unknown counted as private.

With `GITHUB_TOKEN` set, GitHub's API tells of the repositories at `GITHUB_URL`. Any other is public when its host
gives its branches to a stranger.
"""

from dataclasses import dataclass, field
from typing import Any

from jobsite import settings
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.events import record
from jobsite.projects import github, repositories
from jobsite.projects.addresses import why_not_repo
from jobsite.projects.models import Repo
from jobsite.projects.repositories import RepositoryError, RepositoryUnreachable

SECONDS = 20.0  # for a host that is asked as a stranger
OUTPUTS_TOPIC = "github-releases"
"""A repository with this topic keeps its outputs at GitHub (specification 3)."""


@dataclass(frozen=True)
class Visibility:
    """What was heard: None where nobody could tell, then with the `problem` as a sentence."""

    is_private: bool | None
    topics: list[str] = field(default_factory=list)
    problem: str = ""


def look(url: str) -> Visibility:
    """Ask now whether the repository at `url` can be read by anybody. Takes up to `SECONDS`; raises nothing."""
    try:
        if github.is_asked() and github.knows(url):
            return _told_by_github(url)
        return Visibility(is_private=not repositories.is_open(url, seconds=SECONDS))
    except RepositoryError as problem:
        return Visibility(None, problem=str(problem))


def note(repo: Repo, heard: Visibility) -> None:
    """Keep what was heard of a repository; what nobody could tell leaves what was known. A change is an event."""
    change: dict[str, Any] = {"visibility_problem": heard.problem}
    if heard.is_private is not None:
        change |= {"is_private": heard.is_private, "visibility_checked_at": now(), "topics": heard.topics}
        change |= {"has_github_outputs": OUTPUTS_TOPIC in heard.topics}
    with writing():
        before = Repo.get_or_none(Repo.id == repo.id)
        if before is None:
            return
        Repo.update(**change).where(Repo.id == repo.id).execute()
        if None not in (before.is_private, heard.is_private) and before.is_private != heard.is_private:
            kind = "repo:made-private" if heard.is_private else "repo:made-public"
            record(kind, by="system", subject=f"repo:{before.url}")


def note_listed(owner: str) -> None:
    """Keep every repository that GitHub lists for an owner, so that new workspaces can offer it, with who can read it.

    Raises `RepositoryUnreachable`.
    """
    heard = {
        url: said
        for row in github.repositories_of(owner)
        if (url := _address(row, owner)) and (said := _said(row))
    }
    known = {repo.url: repo for repo in Repo.select().where(Repo.url.in_(list(heard)))}
    with writing():
        for url, said in heard.items():
            if url not in known:
                change = {
                    "is_private": said.is_private,
                    "visibility_checked_at": now(),
                    "topics": said.topics,
                }
                Repo.create(url=url, has_github_outputs=OUTPUTS_TOPIC in said.topics, **change)
        Repo.update(visibility_checked_at=now(), visibility_problem="").where(
            Repo.url.in_(list(known))
        ).execute()
    for url, repo in known.items():
        if (repo.is_private, repo.topics) != (heard[url].is_private, heard[url].topics):
            note(repo, heard[url])


def _address(row: dict[str, object], owner: str) -> str | None:
    """The address of a listed repository, where it is one that a workspace could use and it is that owner's."""
    name = row.get("full_name")
    if not isinstance(name, str) or name.partition("/")[0].lower() != owner.lower():
        return None
    url = f"{settings.current().github_url}/{name}"
    return None if why_not_repo(url, settings.current().allowed_repos) else url


def _said(row: dict[str, object]) -> Visibility | None:
    """What GitHub says of a repository, None where it is not what it says of one."""
    is_private, topics = row.get("private"), row.get("topics")
    if not isinstance(is_private, bool):
        return None
    return Visibility(
        is_private, [one for one in topics if isinstance(one, str)] if isinstance(topics, list) else []
    )


def _told_by_github(url: str) -> Visibility:
    status, answer = github.repository(url)
    if status == 200 and isinstance(answer, dict) and (said := _said(answer)):
        return said
    if status == 404:
        raise RepositoryUnreachable(f"GitHub does not know {url}, or this site's token may not see it.")
    raise RepositoryUnreachable(f"GitHub did not tell about {url}: status {status}.")
