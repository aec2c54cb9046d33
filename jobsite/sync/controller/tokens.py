"""Tokens with which sites elsewhere have jobs run here, each for some backends (pipelines and jobs, appendix A)."""

import secrets
from collections.abc import Sequence

from jobsite.accounts.models import Backend, User, token_hash, username_of
from jobsite.accounts.queries import runs_here
from jobsite.accounts.rules import why_not_slug
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import Invalid, NotFound, refuse, require
from jobsite.core.events import record
from jobsite.settings import current
from jobsite.sync.controller.models import ControllerToken

OF_ITSELF = (
    "This site takes job requests of its own, and decides itself who may ask for jobs. Sites elsewhere drive a secure side "
    "(setting SIDE)."
)


def add_controller_token(*, by: User | str, name: str, backends: Sequence[Backend]) -> str:
    """A new token of 64 hexadecimal digits for the site `name` (as slugs are), given back this once.

    Raises `Denied` on a site of both sides: its projects and people are its own, and no other site's to say. Raises
    `Invalid` for a name or a backend that cannot be.
    """
    require(OF_ITSELF if current().public else None)
    why_not = why_not_slug(name, "The name of a token")
    elsewhere = [backend.slug for backend in backends if not runs_here(backend)]
    token = secrets.token_hex(32)
    with writing():
        if why_not is None and ControllerToken.get_or_none(ControllerToken.name == name):
            why_not = f"There is a token {name} already."
        refuse(
            name=why_not, backend=f"Its jobs do not run here: {', '.join(elsewhere)}." if elsewhere else None
        )
        if not backends:
            raise Invalid({"backend": "Name a backend that the token is for."})
        slugs = sorted({backend.slug for backend in backends})
        made = {"token_hash": token_hash(token), "backends": slugs, "created_at": now()}
        ControllerToken.create(name=name, created_by=username_of(by), **made)
        _record("made", by, name, backends=slugs)
    return token


def revoke_controller_token(*, by: User | str, name: str) -> None:
    """End the token of a site at once. Raises `NotFound` for a name that no token has."""
    with writing():
        if not ControllerToken.delete().where(ControllerToken.name == name).execute():
            raise NotFound(f"There is no token {name}.")
        _record("revoked", by, name)


def controller_tokens() -> list[ControllerToken]:
    """All tokens, by name. One query."""
    return list(ControllerToken.select().order_by(ControllerToken.name))


def site_with_token(token: str) -> ControllerToken | None:
    """Whose token this is, or None."""
    return ControllerToken.get_or_none(ControllerToken.token_hash == token_hash(token))


def backend_for(site: ControllerToken, slug: str) -> Backend | None:
    """The active backend of that slug whose jobs run here, where the site may use it; None for every other."""
    found = Backend.get_or_none(Backend.slug == slug, Backend.is_active) if slug in site.backends else None
    return found if found is not None and runs_here(found) else None


def _record(what: str, by: User | str, name: str, **facts: object) -> None:
    record(f"controller-token:{what}", by=username_of(by), subject=f"controller-token:{name}", **facts)
