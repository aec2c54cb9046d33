"""Groups of a request: found or made by name, and what the author says of them (specification 2.5, 10, OC2)."""

from collections.abc import Mapping
from typing import Any

from jobsite.accounts.models import User
from jobsite.core.db import writing
from jobsite.core.errors import refuse
from jobsite.core.wording import counted
from jobsite.releases.requests.models import ReleaseRequest, RequestGroup
from jobsite.releases.requests.reopening import reopen_group
from jobsite.releases.requests.rules import (
    LONGEST_CONTEXT,
    MOST_COLUMNS,
    MOST_GROUPS,
    group_slug,
    why_not_account,
    why_not_group_name,
)
from jobsite.releases.requests.standing import acting, change, group_of, tell


def group_named(request: ReleaseRequest, name: str) -> RequestGroup:
    """The group of that name, ignoring case; made when there is none. Only inside a transaction. Raises `Invalid`."""
    groups = list(
        RequestGroup.select().where(RequestGroup.request == request).order_by(RequestGroup.position)
    )
    name = " ".join(name.split())
    known = next((group for group in groups if group.name.casefold() == name.casefold()), None)
    if known is not None:
        return known
    too_many = (
        f"A request has at most {counted(MOST_GROUPS, 'group')}." if len(groups) >= MOST_GROUPS else None
    )
    refuse(group=why_not_group_name(name, {}) or too_many)
    slug = group_slug(name, frozenset(group.slug for group in groups))
    return RequestGroup.create(request=request, slug=slug, name=name, position=len(groups) + 1)


def save_group(
    *,
    by: User,
    request_id: str,
    group: str,
    name: str,
    context: str,
    controls: str,
    columns: Mapping[str, str] | None = None,
    statements: Mapping[str, str] | None = None,
) -> None:
    """Store what the author says of the group with the slug `group`; the votes on its files are opened again.

    `columns` and `statements` stay as they are where they are None. Saving what is there already changes nothing. What the
    checks said of the old texts (rules X) is gone until they run again.
    Raises `Denied`, `NotFound`, `Invalid` with a sentence by field.
    """
    with writing():
        request = acting(by, request_id, "save_group").request
        found = group_of(request, group)
        said: dict[str, Any] = {"context": context.strip(), "controls": controls.strip()}
        said |= {"columns": found.columns if columns is None else dict(columns)}
        said |= {"statements": found.statements if statements is None else dict(statements)}
        renamed = " ".join(name.split())
        _refuse(request, found, renamed, said)
        is_text = any(getattr(found, field) != value for field, value in said.items())
        if not is_text and found.name == renamed:
            return
        left = [one for one in found.findings if not is_text or not one["rule"].startswith("X")]
        RequestGroup.update(name=renamed, **said, findings=left).where(RequestGroup.id == found.id).execute()
        reopened = reopen_group(request, found, "text") if is_text else 0
        change(request)
        tell(request, "group-edited", by=by, group=found.position, reopened=reopened)


def _refuse(request: ReleaseRequest, group: RequestGroup, name: str, said: Mapping[str, object]) -> None:
    others = RequestGroup.select().where(RequestGroup.request == request, RequestGroup.id != group.id)
    columns, statements = said["columns"], said["statements"]
    refuse(
        name=why_not_group_name(name, {other.name.casefold(): other.slug for other in others}),
        context=why_not_account("context", str(said["context"])),
        controls=why_not_account("text on controls", str(said["controls"])),
        columns=_why_not_words("columns", columns),
        statements=_why_not_words("statements", statements),
    )


def _why_not_words(what: str, words: object) -> str | None:
    if not isinstance(words, dict) or len(words) > MOST_COLUMNS:
        return f"There are too many {what}: at most {MOST_COLUMNS:,}."
    if sum(len(key) + len(value) for key, value in words.items()) > 2 * LONGEST_CONTEXT:
        return f"The {what} are too long: at most {2 * LONGEST_CONTEXT:,} characters together."
    return next((why for key, value in words.items() if (why := why_not_account(what, key + value))), None)
