"""Addresses of old: where a thing that was renamed or moved is now, for a year.

They are looked up only for addresses that nothing else answers (specification 3 and 6). The public side alone keeps them.
"""

from datetime import timedelta

from peewee import JOIN, ModelSelect, fn

from jobsite.accounts.models import User, permissions_everywhere, username_of
from jobsite.core.clock import now
from jobsite.core.db import changed_one, writing
from jobsite.core.errors import require
from jobsite.core.events import record
from jobsite.projects.models import Organisation, Project, Redirect, Workspace
from jobsite.projects.rules import why_not_permitted
from jobsite.settings import current

LIFETIME = timedelta(days=365)
EXEMPT = ("api", "staff")
DEEPEST = 20  # parts of an address that are looked at


def target_of(path: str) -> str | None:
    """Where the thing at this path of old is now, with the rest of the path; None when no redirect tells.

    The longest address of old that the path begins with decides. One query, none for `/api` and `/staff`.
    """
    parts = [part for part in path.split("/") if part][:DEEPEST]
    if not parts or parts[0] in EXEMPT or not current().public:
        return None
    prefixes = ["/" + "/".join(parts[:count]) + "/" for count in range(1, len(parts) + 1)]
    found = (
        _redirects()
        .where(Redirect.old_url.in_(prefixes), Redirect.expires_at > now())
        .order_by(fn.LENGTH(Redirect.old_url).desc())
        .first()
    )
    return found.target + path[len(found.old_url) :] if found else None


def listed() -> ModelSelect:
    """All redirects with what they lead to (`target`), the newest first. One query."""
    return _redirects().order_by(Redirect.id.desc())


def remove(*, by: User | str, redirect: Redirect) -> None:
    """End a redirect: its address of old leads nowhere. Raises `Conflict` when it is gone already, `Denied`."""
    with writing():
        require(why_not_permitted("project_create", permissions_everywhere(by)))
        changed_one(Redirect.delete().where(Redirect.id == redirect.id), "This redirect is no longer there.")
        record(
            "redirect:removed", by=username_of(by), subject=f"redirect:{redirect.old_url}", to=redirect.target
        )


def moved(*, by: User | str, old: str, new: str, **thing: Organisation | Project | Workspace) -> None:
    """Let the address `old` lead to a thing, `organisation=`, `project=` or `workspace=`, that is at `new` now.

    Part of the change that moves it: within its transaction, told by its event. Nothing when both are the same.
    """
    if old == new or not current().public:
        return
    settled(new)
    Redirect.delete().where(Redirect.old_url == old).execute()
    Redirect.create(old_url=old, created_by=username_of(by), expires_at=now() + LIFETIME, **thing)


def settled(path: str) -> None:
    """Something new is at this address: nothing of old leads away from it any more."""
    if current().public:
        Redirect.delete().where(Redirect.old_url == path).execute()


def _redirects() -> ModelSelect:
    rows = Redirect.select(Redirect, Organisation, Project, Workspace)
    for model in (Organisation, Project, Workspace):
        rows = rows.join_from(Redirect, model, JOIN.LEFT_OUTER)
    return rows
