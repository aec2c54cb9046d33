"""News: what is told of an event, and whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobsite.accounts.models import User


@dataclass(frozen=True)
class News:
    """News of one kind for some people (or for nobody in particular: then only for webhook and issue).

    `key` says what it is about, so that it is told once; empty means this very event. `mailed` False keeps it to the
    inbox. `address` is where the mail goes instead of to a person's own address, and then it is in no inbox.
    """

    kind: str
    facts: Mapping[str, Any]
    people: tuple[User, ...] = ()
    key: str = ""
    mailed: bool = True
    address: str = field(default="", repr=False)
