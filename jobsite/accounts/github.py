"""Sign-in with GitHub, or a GitHub Enterprise server (`GITHUB_URL`): OAuth with the scope `user:email`."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from jobsite import settings
from jobsite.accounts.providers import (
    Client,
    Profile,
    ProviderFailed,
    asked,
    bearer,
    code_of,
    exchanged,
    start,
    text,
)

PUBLIC = "https://github.com"
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


def name() -> str:
    """How people call it; "" where it is not set up."""
    return "GitHub" if settings.current().github_client_id else ""


def origins() -> tuple[str, ...]:
    """Where the sign-in page may send the browser."""
    parts = urlsplit(settings.current().github_url)
    return (f"{parts.scheme}://{parts.netloc}",)


def begin(return_to: str) -> tuple[str, dict[str, str]]:
    """Where to send the browser, and what to keep until it comes back."""
    authorise = f"{settings.current().github_url}/login/oauth/authorize"
    return start(authorise, _client(), return_to, scope="user:email")


def finish(kept: Mapping[str, str], given: Mapping[str, str], return_to: str) -> Profile:
    """Who came back, by GitHub's number. Raises `ProviderFailed` or `NotAllowed`."""
    code = code_of("GitHub", kept, given)
    token = exchanged(_client(), code, kept["verifier"], return_to)["access_token"]
    headers = {**_HEADERS, **bearer(token)}
    user = asked("GitHub", f"{_api()}/user", headers=headers, statuses=(200,))
    number = user.get("id") if isinstance(user, dict) else None
    login = text(user, "login", 39) if isinstance(user, dict) else ""
    if type(number) is not int or not login:
        raise ProviderFailed("GitHub did not say who you are. Start again.")
    emails = asked("GitHub", f"{_api()}/user/emails", headers=headers, statuses=(200, 403, 404))
    return Profile(
        provider="github" if settings.current().github_url == PUBLIC else settings.current().github_url,
        uid=str(number),
        way="GitHub",
        login=login,
        proposed=login,
        name=text(user, "name", 100),
        email=_verified(emails),
    )


def _verified(emails: Any) -> str:
    """The primary address, if GitHub has checked it."""
    listed = [one for one in emails if isinstance(one, dict)] if isinstance(emails, list) else []
    checked = [one for one in listed if one.get("verified") is True and one.get("primary") is True]
    return text(checked[0], "email").lower() if checked else ""


def _client() -> Client:
    current = settings.current()
    address = f"{current.github_url}/login/oauth/access_token"
    return Client(
        "GitHub", current.github_client_id, current.github_client_secret, address, "client_secret_post"
    )


def _api() -> str:
    address = settings.current().github_url
    return "https://api.github.com" if address == PUBLIC else f"{address}/api/v3"
