"""Asking GitHub's API, at github.com or at a server of one's own (`GITHUB_URL`), with `GITHUB_TOKEN`. Reads only."""

import json

from jobsite import settings
from jobsite.core.outgoing import NoAnswer, exchange
from jobsite.projects.repositories import RepositoryUnreachable

API = "https://api.github.com"
"""Where github.com answers programs; a server of one's own does so below its own address."""

SECONDS = 20.0
MOST_BYTES = 8 * 2**20
A_PAGE = 100
MOST_PAGES = 100


def is_asked() -> bool:
    """Whether there is a token to ask with."""
    return bool(settings.current().github_token)


def knows(url: str) -> bool:
    """Whether a repository's address is one of GitHub's."""
    return url.startswith(f"{settings.current().github_url}/")


def repository(url: str) -> tuple[int, object]:
    """Status and JSON (None for what is none) of the answer about one repository. Raises `RepositoryUnreachable`."""
    return _get(f"/repos{url.removeprefix(settings.current().github_url)}")


def repositories_of(owner: str) -> list[dict[str, object]]:
    """All repositories of an organisation, or else of a person, as GitHub tells of them. Raises `RepositoryUnreachable`."""
    found: list[dict[str, object]] = []
    kind = "orgs"
    for number in range(1, MOST_PAGES + 1):
        status, rows = _get(f"/{kind}/{owner}/repos?per_page={A_PAGE}&page={number}")
        if status == 404 and kind == "orgs":
            kind = "users"
            status, rows = _get(f"/{kind}/{owner}/repos?per_page={A_PAGE}&page={number}")
        if status != 200 or not isinstance(rows, list):
            raise RepositoryUnreachable(f"GitHub did not list the repositories of {owner}: status {status}.")
        found += [row for row in rows if isinstance(row, dict)]
        if len(rows) < A_PAGE:
            break
    return found


def _get(path: str) -> tuple[int, object]:
    github, token = settings.current().github_url, settings.current().github_token
    base = API if github == "https://github.com" else f"{github}/api/v3"
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    try:
        answer = exchange(base + path, seconds=SECONDS, headers=headers, most=MOST_BYTES)
    except NoAnswer as cause:
        raise RepositoryUnreachable(f"GitHub {cause}.") from None
    try:
        return answer.status, json.loads(answer.body)
    except (ValueError, RecursionError):
        return answer.status, None
