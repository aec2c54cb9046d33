"""What a setting may be: each kind makes its value of text, or of what a TOML file holds.

What cannot be used raises ValueError or TypeError with the rest of a sentence: "must be …".
"""

import ipaddress
import json
import re
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from limits import parse

from jobsite.core.limits import NAMED

_DATABASE_HOSTS = (
    "must be addresses with ports, no names, such as 10.0.0.5:5432 or 127.0.0.1:5432=10.0.0.5:1433"
)


def setting(default: Any, help: str, parse: Callable[[Any], Any], *, secret: bool = False) -> Any:
    """One entry of the list: its default, a line of help, what makes its value, and whether to hide it."""
    metadata = {"help": help, "parse": parse, "secret": secret}
    return (
        field(default_factory=dict, metadata=metadata)
        if default == {}
        else field(default=default, metadata=metadata)
    )


def text(value: Any) -> str:
    """Text, without blanks around it."""
    if not isinstance(value, str):
        raise TypeError("must be text")
    return value.strip()


def line(value: Any) -> str:
    """One line of text that is not empty."""
    line = text(value)
    if not line or not line.isprintable():
        raise ValueError("must be one line of text")
    return line


def sender(value: Any) -> str:
    """An e-mail address, with or without a name before it in the form `Name <address>`, or nothing."""
    sender = text(value)
    if sender and not re.fullmatch(r"(?:[^<>\x00-\x1f\x7f]* <)?[^\s<>@,]+@[^\s<>@,]+>?", sender):
        raise ValueError(
            "must be an e-mail address, such as jobsite@example.org or Jobs <jobsite@example.org>"
        )
    if sender and ("<" in sender) != sender.endswith(">"):
        raise ValueError(
            "must be an e-mail address, such as jobsite@example.org or Jobs <jobsite@example.org>"
        )
    return sender


def webhook(value: Any) -> str:
    """An address of the web exactly as it is, or nothing."""
    address = text(value)
    if address:
        url(address)
    return address


def repo_name(value: Any) -> str:
    """`owner/name` of a repository, or nothing."""
    name = text(value)
    if name and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*/(?!\.{1,2}$)[A-Za-z0-9_.-]+", name):
        raise ValueError("must be a repository in the form owner/name")
    return name


def repo_names(value: Any) -> dict[str, str]:
    """A table of names and repositories, each `owner/name`."""
    return {str(name): repo_name(repo) for name, repo in (_table(value) if value else {}).items()}


def slug(value: Any) -> str:
    """The slug of a backend, or nothing."""
    slug = text(value)
    if not re.fullmatch(r"([a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?)?", slug):
        raise ValueError("must be a slug: lower-case letters, digits and hyphens")
    return slug


def wait(value: Any) -> timedelta:
    """A time of at most two minutes."""
    found = duration(value)
    if found > timedelta(minutes=2):
        raise ValueError("must be at most 2 min")
    return found


def choice(*words: str) -> Callable[[Any], str]:
    """One of these words."""

    def parse(value: Any) -> str:
        if value not in words:
            raise ValueError(f"must be {' or '.join(words)}")
        return str(value)

    return parse


def flag(value: Any) -> bool:
    """Yes or no: 1, true, yes, on; 0, false, no, off or nothing."""
    if str(value).lower() in ("1", "true", "yes", "on"):
        return True
    if str(value).lower() in ("0", "false", "no", "off", ""):
        return False
    raise ValueError("must be 1 or 0")


def number(low: float, high: float, kind: type = int) -> Callable[[Any], Any]:
    """A number from `low` to `high`, whole unless `kind` is float."""

    def parse(value: Any) -> Any:
        try:
            number = kind(str(value))
        except ValueError:
            number = None
        if isinstance(value, bool) or number is None or not low <= number <= high:
            raise ValueError(f"must be a {'whole ' if kind is int else ''}number from {low} to {high}")
        return number

    return parse


_UNITS = {"": 1, "s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZES = {"": 1, "b": 1, "k": 2**10, "kb": 2**10, "kib": 2**10, "m": 2**20, "mb": 2**20, "mib": 2**20}
_SIZES |= {"g": 2**30, "gb": 2**30, "gib": 2**30, "t": 2**40, "tb": 2**40, "tib": 2**40}


def _quantity(value: Any, units: Mapping[str, int], example: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", str(value).strip().lower())
    if isinstance(value, bool) or not found or found[2] not in units:
        raise ValueError(f"must be a positive number with a unit, such as {example}")
    return round(float(found[1]) * units[found[2]])


def duration(value: Any) -> timedelta:
    """A time with its unit, such as `30 min`; a bare number is seconds."""
    seconds = _quantity(value, _UNITS, "30 min, 1 h or 14 d")
    if not 0 < seconds <= 10 * 365 * 86400:
        raise ValueError("must be longer than nothing and shorter than ten years")
    return timedelta(seconds=seconds)


def age(value: Any) -> timedelta:
    """A time of at most a day, or 0 for none."""
    found = timedelta(0) if str(value).strip() in ("0", "") else duration(value)
    if found > timedelta(days=1):
        raise ValueError("must be at most 1 d, or 0 for none")
    return found


def size(value: Any) -> int:
    """Bytes, from a size with its unit, such as `16 MiB`."""
    return _quantity(value, _SIZES, "16 MiB or 4 GiB")


def url(value: Any) -> str:
    """An address of the web without final slash, or nothing."""
    address = text(value).rstrip("/")
    parts = urlsplit(address)
    if address and (parts.scheme not in ("http", "https") or not parts.netloc):
        raise ValueError("must be an address that begins with http:// or https://")
    return address


def project_page(value: Any) -> str:
    """An address of the web with `{number}` in it, or nothing."""
    address = url(value)
    if address and "{number}" not in address:
        raise ValueError("must have {number} where the number of the project goes")
    return address + "/" if address and text(value).endswith("/") else address


def scheme(*schemes: str) -> Callable[[Any], str]:
    """An address that begins with one of these schemes, or nothing."""

    def parse(value: Any) -> str:
        address = text(value)
        if address and urlsplit(address).scheme not in schemes:
            raise ValueError(f"must begin with {' or '.join(name + ':' for name in schemes)}")
        return address

    return parse


def database(value: Any) -> str:
    """The address of a SQLite file or of a PostgreSQL database, or nothing."""
    address = scheme("sqlite", "postgresql")(value)
    if address.startswith("postgresql:"):
        parts = urlsplit(address)
        with suppress(ValueError):  # of a port that is none
            if parts.port != 0 and re.fullmatch(r"/[^/]+", parts.path):
                return address
        raise ValueError("must be an address such as postgresql://user:password@host:5432/name")
    return address


def queue(value: Any) -> str:
    """The address of a SQLite file or of a Redis, or nothing."""
    address = scheme("sqlite", "redis", "rediss")(value)
    if address.startswith("redis"):
        parts = urlsplit(address)
        with suppress(ValueError):  # of a port that is none
            if parts.hostname and parts.port != 0 and re.fullmatch(r"/?[0-9]{0,4}", parts.path):
                return address
        raise ValueError("must be an address such as redis://:password@host:6379/0")
    return address


def path_of(address: str) -> Path | None:
    """The file of an address such as sqlite:////srv/jobsite.db; None of any other."""
    found = urlsplit(address)
    return Path(found.path.removeprefix("/")) if found.scheme == "sqlite" else None


def words(value: Any) -> tuple[str, ...]:
    """A list of words: in the environment with commas or blanks between them."""
    parts = re.split(r"[,\s]+", value) if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise TypeError("must be a list of words")
    return tuple(part for part in parts if part)


def some_of(*known: str) -> Callable[[Any], tuple[str, ...]]:
    """A list of these words."""

    def parse(value: Any) -> tuple[str, ...]:
        found = words(value)
        if odd := [word for word in found if word not in known]:
            raise ValueError(f"does not know {odd[0]!r}; it is a list of {', '.join(known)}")
        return found

    return parse


def _table(value: Any) -> dict[str, Any]:
    try:
        table = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        table = None
    if not isinstance(table, dict):
        raise TypeError('must be a table (in the environment: JSON, such as {"name": "value"})')
    return table


def variables(value: Any) -> dict[str, str]:
    """A table of names and texts."""
    return {str(name): str(text) for name, text in (_table(value) if value else {}).items()}


def runtimes(value: Any) -> dict[str, tuple[str, ...]]:
    """Image name (or name:tag) to the words of the local program that runs its commands."""
    found = {}
    for image, command in (_table(value) if value else {}).items():
        program = [command] if isinstance(command, str) else command if isinstance(command, list) else []
        if not program or not all(isinstance(word, str) and word for word in program):
            raise ValueError(f"must give a program for {image!r}, as text or as a list of words")
        found[image] = tuple(program)
    return found


def command(value: Any) -> tuple[str, ...]:
    """The words of a program: as a list, or as text with the quotes of a shell."""
    found = shlex.split(value) if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(word, str) and word for word in found):
        raise TypeError("must be a program with its words")
    return tuple(found)


def images(value: Any) -> str:
    """What stands before the name of an image, without final slash, or nothing."""
    prefix = text(value).rstrip("/")
    if prefix and not re.fullmatch(r"[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9][a-z0-9._-]*)*", prefix):
        raise ValueError(
            "must be the address of a registry or a folder of it, such as registry.example/images"
        )
    return prefix


def closed_network(value: Any) -> str:
    """The name of a network that operators have made, or nothing; none of those that lead everywhere."""
    name = text(value)
    everywhere = ("bridge", "default", "host", "pasta", "podman", "private", "slirp4netns")
    if name and (name in everywhere or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name)):
        raise ValueError("must be the name of a network made for the database, not one that leads everywhere")
    return name


def slurm_name(value: Any) -> str:
    """The name of a partition or account of a cluster, several with commas, or nothing."""
    name = text(value)
    if name and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.,@-]*", name):
        raise ValueError("must be a name of the cluster")
    return name


def slurm_options(value: Any) -> tuple[str, ...]:
    """Options of sbatch in their long form, each one word."""
    found = command(value)
    if wrong := [word for word in found if not re.fullmatch(r"--[a-z][a-z-]*(=.+)?", word)]:
        raise ValueError(f"must be long options, such as --qos=long, and not {wrong[0]}")
    return found


def database_hosts(value: Any) -> tuple[str, ...]:
    """Ways to databases, each as `127.0.0.1:PORT=ADDRESS:PORT`; `ADDRESS:PORT` alone keeps its port."""
    found: dict[int, str] = {}
    for word in words(value):
        inside, _, outside = word.rpartition("=")
        port = _address_and_port(inside)[1] if inside else _address_and_port(outside)[1]
        if port in found or (inside and not inside.startswith("127.0.0.1:")):
            raise ValueError(f"{_DATABASE_HOSTS}, each with another port of 127.0.0.1; {word!r} is not")
        address, its_port = _address_and_port(outside)
        found[port] = f"127.0.0.1:{port}={address}:{its_port}"
    return tuple(found.values())


def _address_and_port(place: str) -> tuple[str, int]:
    """The address, of IPv6 in brackets, and the port of a place such as 10.0.0.5:5432."""
    host, _, port = place.rpartition(":")
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise ValueError(f"{_DATABASE_HOSTS}; {place!r} is not") from None
    bracketed = f"[{address}]" if address.version == 6 else str(address)
    usable = not (address.is_unspecified or address.is_multicast or getattr(address, "scope_id", None))
    known = re.fullmatch(r"[1-9][0-9]{0,4}", port) and int(port) <= 65535
    if not known or not usable or host.startswith("[") != (address.version == 6):
        raise ValueError(f"{_DATABASE_HOSTS}; {place!r} is not")
    return bracketed, int(port)


def folder_of_repositories(value: Any) -> str:
    """The address of an organisation, or an absolute path, without final slash; or nothing."""
    place = text(value).rstrip("/")
    if place and not place.startswith("/"):
        return url(place)
    return place


def networks(value: Any) -> tuple[str, ...]:
    """A list of networks in the form address/length."""
    try:
        return tuple(str(ipaddress.ip_network(word)) for word in words(value))
    except (ValueError, TypeError):
        raise ValueError("must be a list of networks, such as 10.0.0.0/8") from None


def rate_limits(value: Any) -> dict[str, str]:
    """A table of names of limits and how many attempts they allow in which time."""
    found = {}
    for name, text in (_table(value) if value else {}).items():
        if name not in NAMED:
            raise ValueError(f"has no limit {name!r}; the limits are {', '.join(NAMED)}")
        try:
            parse(str(text))
        except ValueError:
            raise ValueError(f"must give {name!r} a limit such as 30 per 15 minutes") from None
        found[name] = str(text)
    return found


NEWS = words(
    "job-ended request-ended request-cancelled token-made token-used api-token-made email-confirm email-asked "
    "email-changed roles-changed member-added member-roles member-removed backend-member-added backend-member-removed "
    "org-member-added org-member-removed sign-off sign-off-outputs sign-off-internal backend-alert backend-cleared "
    "backend-missing backend-back copilot-given copilot-ending user-added catch-up release-submitted release-reviewed "
    "release-returned release-rejected release-withdrawn release-released release-recalled release-stuck "
    "review-submitted review-resubmitted review-reviewed review-returned review-approved review-released review-rejected "
    "review-withdrawn review-revoked release-elsewhere publication-drafted publication-published publication-rejected publication-withdrawn"
)
"""The kinds of news; a test holds them to those of the room notifications."""

WEBHOOK_NEWS = words(
    "user-added copilot-given copilot-ending sign-off backend-alert backend-cleared backend-missing backend-back "
    "release-submitted release-reviewed release-returned release-rejected release-withdrawn release-released "
    "release-recalled release-stuck publication-drafted review-resubmitted review-reviewed review-returned "
    "review-approved review-revoked release-elsewhere"
)
"""Those that go to a webhook where nobody chose."""
