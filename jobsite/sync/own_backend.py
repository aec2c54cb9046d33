"""Which backend this secure side is: by its setting, by its only row, or by what the public side says."""

from collections.abc import Sequence
from typing import Any

from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend
from jobsite.accounts.rules import SYSTEM
from jobsite.settings import current
from jobsite.sync.client import PublicSide


def own_backend() -> Backend | None:
    """The backend that this side is; None as long as nobody has said its slug."""
    slug = current().backend
    if slug:
        return Backend.get_or_none(Backend.slug == slug) or add_backend(by=SYSTEM, slug=slug, name=slug)
    rows = list(Backend.select().limit(2))
    return rows[0] if len(rows) == 1 else None


def learnt_backend(side: PublicSide, items: Sequence[Any] = ()) -> Backend | None:
    """The same; where nobody has said its slug the public side is asked, and one that has no such question is believed
    by its list of job requests, which with our token are all ours. Raises `Unreachable`."""
    known = own_backend()
    if known is not None:
        return known
    answer = side.get("backend/")
    said = answer.data if answer.status == 200 and isinstance(answer.data, dict) else {}
    listed = next((item["backend"] for item in items if isinstance(item, dict) and "backend" in item), None)
    slug = said.get("slug") or listed
    if not isinstance(slug, str) or not slug:
        return None
    name = said.get("name")
    return add_backend(by=SYSTEM, slug=slug, name=name if isinstance(name, str) and name.strip() else slug)
