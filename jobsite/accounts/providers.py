"""What sign-in with GitHub and with OpenID Connect share: the start, the way back, the exchange of the code.

The protocol is Authlib's (RFC 6749, 7636), the network `core.outgoing`'s. Coming back from a provider is the one page
that waits for the network, for at most `LOGIN_TIMEOUT` a question: nobody can be let in before the provider has answered.
"""

import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobsite import settings
from jobsite.core.errors import Refused
from jobsite.core.outgoing import NoAnswer, exchange

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
NOT_BEGUN = "This login was not started in this browser, or more than 10 minutes ago. Nothing has happened: start again."


class ProviderFailed(Refused):
    """The provider cannot be reached, or what it says cannot be relied on; nobody is signed in."""


class NotAllowed(Refused):
    """The person or the provider said no."""


@dataclass(frozen=True)
class Client:
    """What a provider knows this site by: its name in words, our id and secret there, where the code is exchanged."""

    name: str
    id: str
    secret: str
    token_endpoint: str
    method: str


@dataclass(frozen=True)
class Profile:
    """Who a provider says somebody is. `uid` never changes there; all else may be "".

    `login` is a username that the provider guarantees to be theirs, `proposed` what one can be made of; `email` is
    set only when the provider has checked it. `way` names the provider in words.
    """

    provider: str
    uid: str
    way: str
    login: str
    proposed: str
    name: str
    email: str


def start(authorise: str, client: Client, return_to: str, **more: str) -> tuple[str, dict[str, str]]:
    """Where to send the browser, and what to keep in its session until it comes back: state, PKCE verifier."""
    # Loaded at the first sign-in: with what they need, Authlib and joserfc take 20 MB.
    from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    kept = {"state": secrets.token_urlsafe(32), "verifier": secrets.token_urlsafe(48)}
    address = prepare_grant_uri(
        authorise,
        client_id=client.id,
        response_type="code",
        redirect_uri=return_to,
        state=kept["state"],
        code_challenge=create_s256_code_challenge(kept["verifier"]),
        code_challenge_method="S256",
        **more,
    )
    return address, kept


def code_of(name: str, kept: Mapping[str, str], given: Mapping[str, str]) -> str:
    """The code with which a browser came back. Raises `ProviderFailed` when it is not the one that was sent."""
    if not hmac.compare_digest(kept["state"].encode(), given.get("state", "").encode("utf-8", "replace")):
        raise ProviderFailed(NOT_BEGUN)
    if given.get("error") == "access_denied":
        raise NotAllowed(f"{name} says that you did not agree to log in here. Nothing has happened.")
    if "error" in given or not given.get("code"):
        raise ProviderFailed(f"{name} did not let you in. Try again, or ask the people who run this site.")
    return given["code"]


def exchanged(client: Client, code: str, verifier: str, return_to: str) -> dict[str, Any]:
    """What the provider gives for the code: a dict with `access_token`. Raises `ProviderFailed`."""
    from authlib.oauth2.auth import ClientAuth
    from authlib.oauth2.rfc6749.parameters import prepare_token_request

    body = prepare_token_request(
        "authorization_code", redirect_uri=return_to, code=code, code_verifier=verifier
    )
    auth = ClientAuth(client.id, client.secret, client.method)
    address, headers, body = auth.prepare("POST", client.token_endpoint, dict(FORM), body)
    answer = asked(client.name, address, method="POST", headers=headers, body=body.encode())
    if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
        raise ProviderFailed(f"{client.name} did not accept this login. Start again.")
    return answer


def asked(name: str, address: str, *, statuses: tuple[int, ...] = (200, 400, 401), **more: Any) -> Any:
    """The JSON of an answer with one of these statuses. Raises `ProviderFailed`, which names the provider."""
    try:
        answer = exchange(address, seconds=settings.current().login_timeout.total_seconds(), **more)
        if answer.status not in statuses:
            raise NoAnswer(f"answered with status {answer.status}")
        return json.loads(answer.body)
    except NoAnswer as failure:
        raise ProviderFailed(f"{name} {failure}. {_advice()}") from None
    except (ValueError, RecursionError):
        raise ProviderFailed(f"{name} gave an answer that cannot be understood. {_advice()}") from None


def bearer(token: str) -> dict[str, str]:
    """The header that shows an access token."""
    return {"Authorization": f"Bearer {token}"}


def text(facts: Mapping[str, Any], name: str, most: int = 254) -> str:
    """A text among what a provider says, on one line and of at most so many characters; "" for anything else."""
    value = facts.get(name)
    return value.strip() if isinstance(value, str) and value.isprintable() and len(value) <= most else ""


def _advice() -> str:
    return "Try again in a minute" + (
        f", or write to {settings.current().support}." if settings.current().support else "."
    )
