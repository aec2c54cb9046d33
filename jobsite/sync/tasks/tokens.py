"""Tokens with which agents fetch the tasks of one backend (pipelines and jobs, appendix B)."""

import secrets

from jobsite.accounts.models import Backend, User, permissions_everywhere, token_hash, username_of
from jobsite.accounts.queries import runs_here
from jobsite.accounts.rules import why_not_manage_backends, why_not_slug
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import NotFound, refuse, require
from jobsite.core.events import record
from jobsite.sync.tasks.actions import carried_out
from jobsite.sync.tasks.models import AgentToken


def add_agent_token(*, by: User | str, backend: Backend, name: str) -> str:
    """A new token of 64 hexadecimal digits for the agent of a backend, given back this once. `name` (as slugs are) tells it
    from the others of the backend, which go on working. Raises `Invalid` for a name that cannot be or is taken."""
    require(why_not_manage_backends(permissions_everywhere(by)))
    why_not = why_not_slug(name, "The name of a token")
    token = secrets.token_hex(32)
    with writing():
        if why_not is None and AgentToken.get_or_none(backend=backend, name=name):
            why_not = f"The agent of {backend.slug} has a token {name} already."
        refuse(name=why_not)
        made = {"token_hash": token_hash(token), "created_at": now(), "created_by": username_of(by)}
        AgentToken.create(backend=backend, name=name, **made)
        _record("token-made", by, backend, name)
    return token


def revoke_agent_token(*, by: User | str, backend: Backend, name: str) -> None:
    """End a token at once. Raises `NotFound` for a name that no token of the backend has."""
    require(why_not_manage_backends(permissions_everywhere(by)))
    with writing():
        its = (AgentToken.backend == backend) & (AgentToken.name == name)
        if not AgentToken.delete().where(its).execute():
            raise NotFound(f"The agent of {backend.slug} has no token {name}.")
        _record("token-revoked", by, backend, name)


def agent_tokens(backend: Backend | None = None) -> list[AgentToken]:
    """The tokens of the agent of a backend, or of all, with their backends, by backend and name. One query."""
    rows = AgentToken.select(AgentToken, Backend).join(Backend)
    if backend is not None:
        rows = rows.where(AgentToken.backend == backend)
    return list(rows.order_by(Backend.slug, AgentToken.name))


def backend_with_agent(slug: str) -> Backend | None:
    """The active backend of that slug whose jobs are planned here and carried out by an agent, or were until now, and some
    still are; None for every other."""
    found = Backend.get_or_none(Backend.slug == slug, Backend.is_active)
    if found is None or not runs_here(found):
        return None
    return found if found.has_agent or carried_out(found) else None


def is_token_of(backend: Backend, token: str) -> bool:
    """Whether this is a token of the agent of the backend. Looked up by its hash, so that time tells nothing."""
    its = (AgentToken.backend == backend) & (AgentToken.token_hash == token_hash(token))
    return AgentToken.select().where(its).exists()


def _record(what: str, by: User | str, backend: Backend, name: str) -> None:
    record(f"agent:{what}", by=username_of(by), subject=f"backend:{backend.slug}", name=name)
