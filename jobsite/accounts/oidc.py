"""Sign-in with any OpenID Connect provider: discovery, authorization code with PKCE and nonce, a signed ID token.

What the provider says of itself and its keys are kept for an hour; an ID token signed with a key that is not among
them has the keys asked for again, so a provider may change them at any time.
"""

import re
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC
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
from jobsite.accounts.rules import why_not_username
from jobsite.core.clock import now

KEPT_FOR = 3600
LEEWAY = 60
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
)
"""All with a public key: with a shared secret anybody who knows it could say who somebody is."""

_ASK = "Ask the people who run this site."
_kept: dict[str, tuple[float, dict[str, Any]]] = {}


def name() -> str:
    """How people call the provider; "" where none is set up."""
    current = settings.current()
    if not (current.oidc_issuer and current.oidc_client_id):
        return ""
    return current.oidc_name or urlsplit(current.oidc_issuer).hostname or "OpenID Connect"


def origins() -> tuple[str, ...]:
    """Where the sign-in page may send the browser, as far as is known without asking the provider."""
    issuer = settings.current().oidc_issuer
    known = text(_kept.get(_discovery(), (0.0, {}))[1], "authorization_endpoint", 2000)
    addresses = [urlsplit(address) for address in (issuer, known) if _safe(address, issuer)]
    return tuple(dict.fromkeys(f"{parts.scheme}://{parts.netloc}" for parts in addresses))


def begin(return_to: str) -> tuple[str, dict[str, str]]:
    """Where to send the browser, and what to keep until it comes back. Raises `ProviderFailed`."""
    about = _about()
    more = {"scope": "openid profile email", "nonce": secrets.token_urlsafe(32)}
    address, kept = start(about["authorization_endpoint"], _client(about), return_to, **more)
    return address, {**kept, "nonce": more["nonce"]}


def finish(kept: Mapping[str, str], given: Mapping[str, str], return_to: str) -> Profile:
    """Who came back, by the provider's `sub`. Raises `ProviderFailed` or `NotAllowed`."""
    code = code_of(name(), kept, given)
    about = _about()
    if given.get("iss", about["issuer"]) != about["issuer"]:  # RFC 9207: another provider's answer
        raise ProviderFailed(f"{name()} gave the answer of another provider. Start again.")
    tokens = exchanged(_client(about), code, kept["verifier"], return_to)
    claims = _claims(about, tokens, kept["nonce"])
    claims |= _more(about, claims, tokens["access_token"])
    login = text(claims, "preferred_username", 39)
    exact = login if why_not_username(login) is None else ""
    address = text(claims, "email").lower()
    return Profile(
        provider=about["issuer"],
        uid=claims["sub"],
        way=name(),
        login=exact,
        proposed=login or address.partition("@")[0] or text(claims, "given_name", 39),
        name=text(claims, "name", 100),
        email=address if claims.get("email_verified") in (True, "true") else "",
    )


def _about() -> dict[str, Any]:
    """What the provider says of itself (OpenID Connect Discovery), held to the issuer that is set."""
    about = _asked_or_kept(_discovery())
    issuer = settings.current().oidc_issuer
    endpoints = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    if text(about, "issuer").rstrip("/") != issuer:
        why_not = "calls itself by another address than OIDC_ISSUER"
    elif not all(_safe(text(about, endpoint, 2000), issuer) for endpoint in endpoints):
        why_not = "does not say where to log in"
    else:
        return about
    _kept.pop(_discovery(), None)  # once it is mended there, it works here
    raise ProviderFailed(f"{name()} {why_not}. {_ASK}")


def _safe(address: str, issuer: str) -> bool:
    """Whether an address may be used: over https, as the issuer is, unless that is not (a provider on this machine)."""
    schemes = "https?" if issuer.startswith("http:") else "https"
    return bool(re.fullmatch(rf"{schemes}://[A-Za-z0-9.-]+(:[0-9]+)?(/\S*)?", address))


def _discovery() -> str:
    return f"{settings.current().oidc_issuer}/.well-known/openid-configuration"


def _asked_or_kept(address: str, again: bool = False) -> dict[str, Any]:
    since, answer = _kept.get(address, (0.0, {}))
    if again or not answer or time.monotonic() - since > KEPT_FOR:
        answer = asked(name(), address, statuses=(200,))
        if not isinstance(answer, dict):
            raise ProviderFailed(f"{name()} gave an answer that cannot be understood. {_ASK}")
        _kept[address] = (time.monotonic(), answer)
    return answer


def _client(about: Mapping[str, Any]) -> Client:
    current = settings.current()
    methods = about.get("token_endpoint_auth_methods_supported")
    listed = methods if isinstance(methods, list) else []
    posts = "client_secret_post" in listed and "client_secret_basic" not in listed
    method = "client_secret_post" if posts else "client_secret_basic"
    method = method if current.oidc_client_secret else "none"
    return Client(name(), current.oidc_client_id, current.oidc_client_secret, about["token_endpoint"], method)


def _claims(about: Mapping[str, Any], tokens: Mapping[str, Any], nonce: str) -> dict[str, Any]:
    """What the ID token says, once its signature, issuer, audience, times and nonce hold (OpenID Connect Core 3.1.3.7)."""
    from authlib.oidc.core import CodeIDToken
    from joserfc.errors import JoseError

    wanted = {"iss": {"value": about["issuer"]}, "aud": {"value": settings.current().oidc_client_id}}
    known = {"nonce": nonce, "client_id": settings.current().oidc_client_id}
    try:
        token = _verified(about, tokens["id_token"])
        known["access_token"] = tokens["access_token"]
        claims = CodeIDToken(token.claims, token.header, wanted, known)
        claims.validate(int(now().replace(tzinfo=UTC).timestamp()), LEEWAY)
        if not text(claims, "sub", 255):
            raise ValueError("no subject")
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProviderFailed(f"What {name()} says of you cannot be relied on. Start again.") from error
    return dict(claims)


def _verified(about: Mapping[str, Any], signed: str) -> Any:
    """The token, once one of the provider's keys fits. Raises JoseError or ValueError."""
    from joserfc import jwt
    from joserfc.errors import JoseError

    for again in (False, True):
        with suppress(JoseError, ValueError):
            return jwt.decode(signed, _keys(about, again), list(ALGORITHMS))
    raise ValueError("no key fits")


def _keys(about: Mapping[str, Any], again: bool) -> Any:
    """The provider's keys for signatures; a key of a kind that is not known is left out."""
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry, KeySet

    found = []
    listed = _asked_or_kept(about["jwks_uri"], again).get("keys")
    for key in listed[:100] if isinstance(listed, list) else []:
        with suppress(JoseError, ValueError, TypeError, KeyError, AttributeError):
            if key.get("kty") != "oct" and key.get("use", "sig") == "sig":
                found.append(JWKRegistry.import_key(key))
    return KeySet(found)


def _more(about: Mapping[str, Any], claims: Mapping[str, Any], access_token: str) -> dict[str, Any]:
    """What only the userinfo endpoint says: many providers keep name and address out of the ID token."""
    wanted = ("name", "preferred_username", "email", "email_verified")
    address = text(about, "userinfo_endpoint", 2000)
    if all(claim in claims for claim in wanted) or not _safe(address, about["issuer"]):
        return {}
    said = asked(name(), address, headers=bearer(access_token), statuses=(200,))
    if not isinstance(said, dict) or said.get("sub") != claims["sub"]:
        raise ProviderFailed(f"What {name()} says of you cannot be relied on. Start again.")
    if "email_verified" not in claims:  # of an address and that it was checked, both come from one place
        claims = {name: value for name, value in claims.items() if name != "email"}
    return {claim: said[claim] for claim in (*wanted, "given_name") if claim in said and claim not in claims}
