"""What the address of a repository may look like, and which are allowed. The only look at the disk is at links."""

import os
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

LONGEST = 255


def normal_url(url: str, github: str) -> str:
    """The one spelling of a repository's address: no blanks, no final slash, and at `github` (a setting) no `.git`."""
    url = url.strip().rstrip("/")
    if url.lower().startswith(f"{github}/"):
        return github + url[len(github) :].removesuffix(".git")
    return url


def why_not_repo(url: str, allowed: Sequence[str]) -> str | None:
    """Why a repository at `url` may not be used where `allowed` (the setting ALLOWED_REPOS) are the prefixes.

    A prefix holds on a path boundary: `https://host/org` allows `https://host/org/name`, not `https://host/organ/x`.
    Only https, exactly owner and name, no credentials; an absolute path only below a listed one, links resolved.
    """
    if not url:
        return "Give the address of the repository."
    if len(url) > LONGEST or not url.isprintable() or " " in url:
        return "This is no address of a repository: it is too long, or has blanks or control characters."
    if url.startswith("/"):
        return _why_not_path(url, [prefix for prefix in allowed if prefix.startswith("/")])
    if not url.startswith("https://") or not _splits(url):
        return "The address of a repository begins with https://, such as https://github.com/owner/name."
    parts = urlsplit(url)
    if parts.username is not None or "@" in parts.netloc:
        return "The address of a repository must not contain a user name, password or token."
    if not re.fullmatch(r"(/[A-Za-z0-9_.][A-Za-z0-9_.-]*){2}", parts.path) or parts.query or parts.fragment:
        return "The address of a repository has an owner and a name, such as https://github.com/owner/name."
    if any(part in (".", "..") for part in parts.path.split("/")):
        return "The address of a repository must not contain “.” or “..” as a part."
    if not any(_begins_with(url, prefix) for prefix in allowed):
        return f"Repositories at this address may not be used here. {_listed(allowed)}"
    return None


def _why_not_path(path: str, allowed: Sequence[str]) -> str | None:
    if os.path.normpath(path) != path or path.startswith("//"):
        return "The path of a repository must be written in full, without “.”, “..” or double slashes."
    real = os.path.realpath(path)
    if any(_begins_with(path, prefix) and _begins_with(real, os.path.realpath(prefix)) for prefix in allowed):
        return None
    return "Repositories at this path may not be used here."


def _begins_with(url: str, prefix: str) -> bool:
    return url == prefix or url.startswith(prefix.rstrip("/") + "/")


def _listed(allowed: Sequence[str]) -> str:
    """The prefixes in a sentence; paths of this machine are not told to people."""
    shown = [prefix for prefix in allowed if not prefix.startswith("/")]
    return f"Allowed are those at {', '.join(shown)}." if shown else "No address is allowed."


def _splits(url: str) -> bool:
    """Whether the address has a host and, if any, a port that is a number."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
