"""Which content a registry has under the name and tag of an image: its digest, which pins the image for an agent.

The interface is that of the OCI distribution specification. A registry that wants a token gives one to anybody for images
that anybody may fetch; others have to be open to this server.
"""

import json
import re
from urllib.parse import urlencode, urlsplit

from jobsite.core.outgoing import Answer, NoAnswer, exchange
from jobsite.jobs.executors.contract import Refused

SECONDS = 20.0
_MANIFESTS = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PARAMETER = re.compile(r'([a-z]+)="([^"]*)"')
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class NoSuchImage(Exception):
    """The registry has no image of this name and tag; the text is a sentence."""


class RegistryAway(Refused):
    """The registry gives no digest at the moment; the text is a sentence."""

    fault = "image_store"


def digest_of(image: str) -> str:
    """The digest, as `sha256:…`, of `registry/folder/name:tag`. Asks the network, for a minute at most: never within a
    transaction. Raises `NoSuchImage` and `RegistryAway`."""
    registry, _, rest = image.partition("/")
    path, _, tag = rest.rpartition(":")
    address = f"{_origin(registry)}/v2/{path}/manifests/{tag}"
    answer = _ask(address, image, {})
    if answer.status == 401:
        token = _token(answer.headers.get("WWW-Authenticate", ""), image)
        answer = _ask(address, image, {"Authorization": f"Bearer {token}"})
    if answer.status == 404:
        raise NoSuchImage(f"There is no image {image}; check its name and version.")
    digest = answer.headers.get("Docker-Content-Digest", "")
    if answer.status != 200 or not _DIGEST.fullmatch(digest):
        raise RegistryAway(f"The registry of {image} gives no digest (status {answer.status}).")
    return digest


def _origin(registry: str) -> str:
    """Registries of this machine alone speak plain HTTP, as the engines of containers have it."""
    is_here = registry.rpartition(":")[0] in _LOOPBACK or registry in _LOOPBACK
    return f"{'http' if is_here else 'https'}://{registry}"


def _ask(address: str, image: str, headers: dict[str, str]) -> Answer:
    sent = {"Accept": _MANIFESTS, **headers}
    try:
        return exchange(address, seconds=SECONDS, method="HEAD", headers=sent)
    except NoAnswer as cause:
        raise RegistryAway(f"The registry of {image} {cause}.") from None


def _token(challenge: str, image: str) -> str:
    """The token that the registry has for anybody, from where it says."""
    told = dict(_PARAMETER.findall(challenge)) if challenge.startswith("Bearer ") else {}
    realm = told.pop("realm", "")
    parts = urlsplit(realm)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise RegistryAway(f"The registry of {image} is not open to this server.")
    asked = {name: told[name] for name in ("service", "scope") if name in told}
    try:
        answer = exchange(f"{realm}?{urlencode(asked)}", seconds=SECONDS)
        given = json.loads(answer.body) if answer.status == 200 else {}
    except (NoAnswer, ValueError, RecursionError):
        given = {}
    token = (given.get("token") or given.get("access_token")) if isinstance(given, dict) else None
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise RegistryAway(f"The registry of {image} gives no token to this server.")
    return token
