"""What the addresses of the interface name: found before it is asked who calls, and 404 in the words that clients know."""

from collections.abc import Mapping
from typing import TypeVar

from peewee import Model

from jobsite.accounts.models import User
from jobsite.accounts.queries import user_named
from jobsite.core.errors import NotFound
from jobsite.projects.models import Workspace
from jobsite.projects.queries import workspaces

Row = TypeVar("Row", bound=Model)


def workspace_of(values: Mapping[str, str]) -> Workspace:
    """The workspace that an address names, with project and repository. Raises `NotFound`."""
    return there(workspaces().where(Workspace.name == values["name"]).first(), "Workspace")


def workspace_if_any(values: Mapping[str, str]) -> Workspace | None:
    """The same, None for a name that no workspace has."""
    return Workspace.get_or_none(Workspace.name == values["name"])


def user_of(values: Mapping[str, str]) -> User:
    """The person whose username stands in the address. Raises `NotFound`."""
    found = user_named(values["username"])
    if found is None:
        raise NotFound("Not found.")
    return found


def there(found: Row | None, kind: str) -> Row:
    """What was found. Raises `NotFound` with the sentence for this kind of thing when it was not."""
    if found is None:
        raise NotFound(f"No {kind} matches the given query.")
    return found
