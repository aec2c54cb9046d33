"""Whether anybody can read a repository: asked in the background, kept with its age, unknown counted as private.

With `GITHUB_TOKEN` set, GitHub's API tells of the repositories at `GITHUB_URL`. Any other is public when its host
gives its branches to a stranger.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from jobsite import settings
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.events import record
from jobsite.core.outgoing import NoAnswer, exchange
from jobsite.projects import repositories
from jobsite.projects.models import Repo
from jobsite.projects.repositories import RepositoryError, RepositoryUnreachable

SECONDS = 20.0
OUTPUTS_TOPIC = "github-releases"
"""A repository with this topic keeps its outputs at GitHub (reference/jobs-site.md, section 3)."""


@dataclass(frozen=True)
class Visibility:
    """What was heard: None where nobody could tell, then with the `problem` as a sentence."""

    is_private: bool | None
    topics: list[str] = field(default_factory=list)
    problem: str = ""


def look(url: str) -> Visibility:
    """Ask now whether the repository at `url` can be read by anybody. Takes up to `SECONDS`; raises nothing."""
    try:
        if settings.current().github_token and _at_github(url):
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


def _at_github(url: str) -> bool:
    return url.startswith(f"{settings.current().github_url}/")


def _told_by_github(url: str) -> Visibility:
    status, answer = _get(_api_address(url), settings.current().github_token)
    if status == 200 and isinstance(answer, dict) and isinstance(answer.get("private"), bool):
        topics = answer.get("topics")
        known = [one for one in topics if isinstance(one, str)] if isinstance(topics, list) else []
        return Visibility(answer["private"], known)
    if status == 404:
        raise RepositoryUnreachable(f"GitHub does not know {url}, or this site's token may not see it.")
    raise RepositoryUnreachable(f"GitHub did not tell about {url}: status {status}.")


def _api_address(url: str) -> str:
    """Where GitHub's API tells of a repository: a host of its own for github.com, a path on a server of one's own."""
    github = settings.current().github_url
    path = url.removeprefix(github)
    return (
        f"https://api.github.com/repos{path}"
        if github == "https://github.com"
        else f"{github}/api/v3/repos{path}"
    )


def _get(address: str, token: str) -> tuple[int, object]:
    """Status and JSON of the answer, None for what is no JSON."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    try:
        answer = exchange(address, seconds=SECONDS, headers=headers)
    except NoAnswer as cause:
        raise RepositoryUnreachable(f"GitHub {cause}.") from None
    try:
        return answer.status, json.loads(answer.body)
    except (ValueError, RecursionError):
        return answer.status, None
