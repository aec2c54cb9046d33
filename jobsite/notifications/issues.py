"""An issue at GitHub for each repository that was signed off, in the repository of the setting SIGN_OFF_REPO."""

import json
from typing import Any

from jobsite.core.outgoing import Answer, NoAnswer, exchange
from jobsite.notifications.deadlines import Undelivered
from jobsite.notifications.models import Delivery
from jobsite.notifications.rules import LOGGED, SENT
from jobsite.notifications.sentences import Worded
from jobsite.notifications.sites import link_to, place
from jobsite.notifications.wording import worded
from jobsite.settings import current

OK, MADE = 200, 201
MOST_BYTES = 8 * 2**20


def send_issue(delivery: Delivery) -> str:
    """Make the issue of a delivery, once: before a second try it is looked for. Raises `Undelivered`."""
    settings = current()
    if not (settings.sign_off_repo and settings.github_token):
        return LOGGED
    if delivery.attempts > 1 and _is_there(settings.sign_off_repo, delivery):
        return SENT
    words = worded(delivery.kind, delivery.facts, place())
    issue = {"title": words.subject, "body": body_of(words, delivery.identifier)}
    answer = ask_github(settings.sign_off_repo, "POST", "", json.dumps(issue).encode())
    if answer.status != MADE:
        raise Undelivered(f"GitHub answered with status {answer.status}.")
    return SENT


def body_of(words: Worded, identifier: str) -> str:
    """The text of an issue in Markdown. What people chose stands as code, so that it calls nobody and formats nothing."""
    rows = [f"- {label}: {code(value)}" for label, value in words.table]
    return "\n\n".join(
        [code(words.lines[0]), *words.lines[1:], "\n".join(rows), link_to(words.path), mark(identifier)]
    )


def _is_there(repo: str, delivery: Delivery) -> bool:
    """Whether a try before this one made the issue and died before it could note that."""
    answer = ask_github(repo, "GET", "?state=all&sort=created&direction=desc&per_page=100")
    found = _list_in(answer.body)
    if answer.status != OK or found is None:
        raise Undelivered(f"GitHub answered with status {answer.status}, and no list of issues.")
    sign = mark(delivery.identifier)
    return any(isinstance(issue, dict) and sign in str(issue.get("body")) for issue in found)


def ask_github(
    repo: str, method: str, path: str, body: bytes | None = None, *, of: str = "/issues"
) -> Answer:
    """Ask GitHub for something of a repository: `path` goes on after its issues. Raises `Undelivered` where nobody answers."""
    settings = current()
    headers = {"Authorization": f"Bearer {settings.github_token}", "X-GitHub-Api-Version": "2022-11-28"}
    headers |= {"Accept": "application/vnd.github+json", "Content-Type": "application/json"}
    address = f"{_api(settings.github_url)}/repos/{repo}{of}{path}"
    seconds = settings.delivery_timeout.total_seconds()
    try:
        return exchange(address, seconds=seconds, method=method, headers=headers, body=body, most=MOST_BYTES)
    except NoAnswer as cause:
        raise Undelivered(f"GitHub {cause}.", unreachable=True) from None


def _list_in(body: bytes) -> list[Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None


def _api(address: str) -> str:
    """Where the interface of a GitHub is: on a host of its own, or below the address of an Enterprise server."""
    return "https://api.github.com" if address == "https://github.com" else f"{address}/api/v3"


def code(text: str) -> str:
    """What people chose, as code in Markdown."""
    return f"`{text.replace('`', '')}`"


def mark(identifier: str) -> str:
    """What stands at the end of a text of ours, so that it is found again."""
    return f"jobsite delivery {identifier}"
