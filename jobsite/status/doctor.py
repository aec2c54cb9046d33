"""What an operator looks at first: whether jobs can run here, and what will stop them soon."""

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from peewee import fn

from jobsite.accounts.models import Backend
from jobsite.accounts.queries import runs_here
from jobsite.accounts.rules import PUSH
from jobsite.core.clock import now
from jobsite.core.db import database
from jobsite.core.errors import Conflict
from jobsite.core.events import Event
from jobsite.core.leader import servers
from jobsite.core.wording import counted
from jobsite.jobs.execution import why_no_jobs, why_none_handed_out
from jobsite.jobs.lock import InstanceLock
from jobsite.jobs.models import BackendAlert
from jobsite.jobs.weights import read_weights, weights_path
from jobsite.settings import Settings
from jobsite.sync.link import link
from jobsite.sync.pushing.state import drive
from jobsite.sync.tasks.tokens import agent_tokens

LEAST_FREE = 2**30
LEAST_SHARE = 0.05
CLOCK_SLACK = timedelta(seconds=5)


class Finding(NamedTuple):
    """What was looked at, whether it is as it should be, and a sentence about it."""

    name: str
    ok: bool
    sentence: str


def examination(settings: Settings) -> Iterator[Finding]:
    """Everything that is looked at, in order. Nothing is changed, and nobody is asked over the network."""
    yield _server(settings)
    yield _database()
    yield _disk(settings)
    yield _clock()
    if settings.side == "secure":
        yield from _public_side()
    if (found := drive(list(Backend.select()))) is not None:
        yield Finding("controller", found.is_well, found.sentence)
    if settings.secure:
        yield _executor()
        yield from _runtimes(settings)
    for backend in Backend.select().where(Backend.is_active).order_by(Backend.slug):
        yield from _backend(settings, backend)


def _server(settings: Settings) -> Finding:
    if running := servers():
        leads = next((one.name for one in running if one.leads), None)
        told = (
            f"{counted(len(running), 'server')} on this instance: {', '.join(one.name for one in running)}."
        )
        return Finding("server", leads is not None, f"{told} {leads or 'None'} leads.")
    try:
        with InstanceLock(settings.instance):
            return Finding("server", False, "No server runs on this instance, so no job starts.")
    except Conflict:
        return Finding("server", True, "A server runs on this instance.")


def _database() -> Finding:
    if said := database.why_damaged():
        return Finding("database", False, f"The database is damaged ({said}). Restore a backup.")
    return Finding("database", True, database.LOOKED_AT)


def _disk(settings: Settings) -> Finding:
    use = shutil.disk_usage(settings.instance)
    told = f"{use.free / 2**30:.1f} GiB of {use.total / 2**30:.1f} GiB are free for the instance."
    return Finding("disk", use.free >= max(LEAST_FREE, use.total * LEAST_SHARE), told)


def _clock() -> Finding:
    newest = Event.select(fn.MAX(Event.at)).scalar(as_tuple=False)
    ahead = newest - now() if newest else timedelta(0)
    if ahead > CLOCK_SLACK:
        return Finding("clock", False, f"The clock was set back: the newest event is {ahead} ahead of it.")
    return Finding("clock", True, "The clock is not behind the newest event.")


def _public_side() -> Iterator[Finding]:
    """How it stands with the public side, as the server wrote down; nobody is asked now."""
    found = link()
    if found is None:
        yield Finding(
            "public side", False, "None is set (PUBLIC_URL), so that nothing can be fetched or sent."
        )
        return
    yield Finding("public side", found.is_well, f"{found.url}: {found.sentence}")
    yield Finding("waiting", not found.stuck, found.waits)


def _executor() -> Finding:
    refusal = why_no_jobs()
    return Finding("executor", refusal is None, refusal or "Jobs can be run here.")


def _runtimes(settings: Settings) -> Iterator[Finding]:
    """The programs of the runtimes; images of containers are found out about when a job needs one."""
    if settings.executor == "container":
        prefix = settings.container_images
        told = f"Images are those of {prefix}." if prefix else "No image can run (setting CONTAINER_IMAGES)."
        yield Finding("images", bool(prefix), told)
        return
    if not settings.runtimes:
        yield Finding("runtimes", False, "No action can run (setting RUNTIMES).")
    for name, words in sorted(settings.runtimes.items()):
        found = shutil.which(words[0])
        told = f"{name} is {found}." if found else f"The program {words[0]} of {name} is not there."
        yield Finding(f"runtime {name}", bool(found) and os.access(found or "", os.X_OK), told)


def _backend(settings: Settings, backend: Backend) -> Iterator[Finding]:
    name = f"backend {backend.slug}"
    for problem in read_weights(weights_path(settings.instance, backend.slug)).problems:
        yield Finding(name, False, problem)
    if backend.dispatch == PUSH and settings.public:
        yield _seen(name, backend)
    elif not (settings.secure and runs_here(backend)):
        yield _link(name, backend)
    elif backend.has_agent:
        yield _agent(name, backend)
    standing = (BackendAlert.backend == backend) & BackendAlert.raised_at.is_null(False)
    alerts = BackendAlert.select().where(standing & BackendAlert.cleared_at.is_null())
    for alert in alerts if settings.secure else ():
        count = sum(alert.failures.values())
        yield Finding(name, False, f"An alert stands for its {alert.kind}: {count} failures.")
    flags = {"paused": backend.is_paused, "in database maintenance": backend.is_in_maintenance_mode}
    said = [words for words, is_on in flags.items() if is_on]
    yield Finding(name, True, f"{backend.name} is {' and '.join(said) or 'not held up'}.")


def _link(name: str, backend: Backend) -> Finding:
    """How the other side is heard of: by its token, and not longer ago than its threshold."""
    if backend.auth_token_hash is None:
        return Finding(name, False, f"It has no token: `jobsite backend token {backend.slug}` makes one.")
    return _seen(name, backend)


def _agent(name: str, backend: Backend) -> Finding:
    """Whether an agent can fetch the jobs of the backend, and when it did."""
    if refusal := why_none_handed_out():
        return Finding(name, False, refusal)
    if not agent_tokens(backend):
        return Finding(
            name, False, f"Its agent has no token: `jobsite agent-token add {backend.slug} NAME` makes one."
        )
    return _seen(name, backend)


def _seen(name: str, backend: Backend) -> Finding:
    """When it was last heard of, by whichever way."""
    if backend.last_seen_at is None:
        return Finding(name, False, "It was never in contact.")
    silence = now() - backend.last_seen_at
    told = f"It was in contact {int(silence.total_seconds())} seconds ago."
    return Finding(name, silence <= timedelta(seconds=backend.alert_timeout), told)
