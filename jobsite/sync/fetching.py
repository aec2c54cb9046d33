"""Job requests are fetched from the public side and become jobs here.

What has been stored is not fetched twice: the identifier of a request is the same on both sides, and so are those of its
jobs. A request that leaves the list changes nothing. Requests of one workspace are taken one after the other, those of
others beside them, so that a repository that does not answer holds up nobody else, and no cancellation.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from jobsite.accounts.models import Backend
from jobsite.core import hub
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import Conflict, Invalid
from jobsite.jobs.beside import Beside
from jobsite.jobs.models import JobRequest
from jobsite.jobs.refusals import PLATFORM, UNREACHABLE, Refusal
from jobsite.jobs.taken import Order, cancel_taken, refuse_order, take
from jobsite.projects.repositories import RepositoryUnreachable
from jobsite.sync.answers import NotNow, sound
from jobsite.sync.client import PublicSide
from jobsite.sync.flags import flags_header
from jobsite.sync.models import FetchedRequest
from jobsite.sync.orders import identifier_of, order_of
from jobsite.sync.own_backend import learnt_backend, own_backend

AT_ONCE = 8
"""Workspaces whose requests are taken at the same time."""
MOST = 10_000
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=10), timedelta(minutes=15)
GIVE_UP_AFTER, FEWEST_TRIES = timedelta(days=1), 20
PLATFORM_TRIES = 3
SAY_AGAIN = timedelta(minutes=1)

log = logging.getLogger("jobsite.sync")


class Fetching:
    """Fetches the job requests of this backend. `poll` is one look at the list, `begin` starts to take what waits."""

    def __init__(self, side: PublicSide) -> None:
        self._side = side
        self._beside = Beside()
        self._waiting: dict[str, list[Order]] = {}

    def poll(self) -> int:
        """Look at the whole list, cancel what is cancelled there, and begin to take what is new.

        Gives how many requests were listed. Raises `Unreachable`.
        """
        items = self._listed()
        backend = learnt_backend(self._side, items)
        if backend is None:
            return 0
        mine = [one for one in items if identifier_of(one) and one.get("backend") == backend.slug]
        rows = _journal([one["identifier"] for one in mine])
        new: dict[str, list[Order]] = defaultdict(list)
        for item in reversed(mine):  # the oldest first: what was asked for later may lean on it
            row = rows[item["identifier"]]
            _tell_again(row)
            order = _readable(row, item)
            if order is None or row.is_hopeless:
                continue
            if row.job_request_id:
                if order.cancelled:
                    cancel_taken(row.job_request, order.cancelled)
            elif row.not_before is None or row.not_before <= now():
                new[order.workspace.name].append(order)
        if not self._beside.under_way():
            _forget_all_but(rows)
        self._waiting = new
        self.begin()
        return len(mine)

    def begin(self) -> None:
        """Take what waits, beside this thread and as much of it at once as there is room for. Rings the hub at each end."""
        backend = own_backend() if self._waiting else None
        for workspace in list(self._waiting):
            if backend is None or self._beside.under_way() >= AT_ONCE:
                return
            orders = self._waiting.pop(workspace)
            self._beside.start(workspace, partial(take_in_turn, orders, backend))

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to be taken, and nothing is being taken."""
        return not self._waiting and not self._beside.under_way()

    def wait(self, seconds: float) -> None:
        """Return when nothing is being taken any more, at the latest after so many seconds."""
        self._beside.wait(seconds)

    def _listed(self) -> list[Any]:
        """Every item of the list, newest first, all pages."""
        own = own_backend()
        headers = flags_header(own) if own else {}
        found: list[Any] = []
        while len(found) < MOST:
            # With our token and without a limit all come at once, where the other side knows that rule.
            wanted = {"limit": len(found), "offset": len(found)} if found else {}
            page = sound(self._side.get("job-requests/", params=wanted, headers=headers))
            results = page.get("results")
            if not isinstance(results, list):
                raise NotNow("The public side lists no job requests where it should.")
            found += results
            if not results or not page.get("next"):
                break
        return found


def take_in_turn(orders: Sequence[Order], backend: Backend) -> None:
    """Take these orders of one workspace, one after the other, and note what became of each."""
    for order in orders:
        try:
            row = FetchedRequest.get(FetchedRequest.identifier == order.identifier)
            if (made := _taken(order, backend, row)) is not None:
                _note(row, job_request=made, problem="", not_before=None)
        except Exception:
            name = order.identifier
            log.exception("job request %s can be neither taken nor refused now; the next look finds it", name)
            return


def _taken(order: Order, backend: Backend, row: FetchedRequest) -> JobRequest | None:
    """The request that an order became; None for one that is tried again later."""
    try:
        return take(order, backend)
    except RepositoryUnreachable as away:
        hopeless = now() - row.first_seen_at >= GIVE_UP_AFTER and row.tries >= FEWEST_TRIES
        return _given_up(order, backend, row, UNREACHABLE, str(away), hopeless=hopeless)
    except (Invalid, Conflict) as problem:
        log.error("job request %s cannot be taken: %s", order.identifier, problem)
        _note(row, tries=row.tries + 1, not_before=None, problem=str(problem))
        return None
    except Exception as fault:
        log.exception("job request %s could not be turned into jobs", order.identifier)
        hopeless = row.tries + 1 >= PLATFORM_TRIES
        return _given_up(order, backend, row, PLATFORM, type(fault).__name__, hopeless=hopeless)


def _given_up(
    order: Order, backend: Backend, row: FetchedRequest, refusal: Refusal, detail: str, *, hopeless: bool
) -> JobRequest | None:
    if hopeless:
        return refuse_order(order, backend, refusal, detail)
    _postpone(row, detail)
    return None


def _journal(identifiers: Sequence[str]) -> dict[str, FetchedRequest]:
    """The rows of the journal of these requests; one is made for each that was not known."""
    wanted = FetchedRequest.identifier.in_(list(identifiers))
    known = {row.identifier: row for row in FetchedRequest.select().where(wanted)}
    new = [one for one in dict.fromkeys(identifiers) if one not in known]
    if new:
        rows = [{"identifier": one, "first_seen_at": now()} for one in reversed(new)]
        with writing():
            FetchedRequest.insert_many(rows).execute()
        known |= {row.identifier: row for row in FetchedRequest.select().where(wanted)}
    return known


def _forget_all_but(listed: Collection[str]) -> None:
    """Drop from the journal what became no request and is not listed any more: nobody wants it now."""
    gone = FetchedRequest.job_request.is_null() & FetchedRequest.identifier.not_in(list(listed))
    if FetchedRequest.select().where(gone).exists():
        with writing():
            FetchedRequest.delete().where(gone).execute()


def _readable(row: FetchedRequest, item: dict[str, Any]) -> Order | None:
    try:
        return order_of(item)
    except Invalid as problem:
        if row.problem != str(problem):
            log.error("job request %s cannot be read: %s", row.identifier, problem)
            _note(row, problem=str(problem))
            hub.ring()
        return None


def _tell_again(row: FetchedRequest) -> None:
    """Where the other side has forgotten how a request ended, as after the restore of an older backup, see to it that it is
    told again."""
    if row.is_settled and (row.accepted_at is None or now() - row.accepted_at >= SAY_AGAIN):
        log.info("job request %s has ended here and not there: it is told again", row.identifier)
        _note(row, is_settled=False, accepted="")
        hub.ring()


def _postpone(row: FetchedRequest, problem: str) -> None:
    wait = min(FIRST_WAIT * 2 ** min(row.tries, 10), LONGEST_WAIT)
    _note(row, tries=row.tries + 1, not_before=now() + wait, problem=problem)


def _note(row: FetchedRequest, **values: Any) -> None:
    with writing():
        FetchedRequest.update(values).where(FetchedRequest.id == row.id).execute()
