"""The copies of a request's files go some time after it has ended (`COPIES_KEPT`; specification 11); all that was said stays."""

from datetime import datetime

from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.queue import every
from jobsite.releases.requests.copies import needed_by_others, remove
from jobsite.releases.requests.models import FileVersion, ReleaseRequest, RequestFile
from jobsite.releases.requests.rules import ENDED
from jobsite.releases.requests.standing import change, tell
from jobsite.releases.requests.tickets import forget_old_tickets
from jobsite.settings import current
from jobsite.store.journal import fail_point

AT_ONCE = 100
"""So many requests at most lose their copies in one run, the oldest first."""


def kept_until(request: ReleaseRequest) -> datetime | None:
    """When the copies of a request that has ended go; None for others and where they have gone."""
    ended = request.status in ENDED and request.copies_removed_at is None
    return request.moved_at + current().copies_kept if ended else None


def remove_old_copies() -> int:
    """Remove the copies of requests that ended long enough ago, but for those that another request needs; how many went.

    A run that is cut off leaves copies that are gone and a request that still says they are there: the next goes on.
    """
    longest_ago = ReleaseRequest.moved_at < now() - current().copies_kept
    due = ReleaseRequest.select(ReleaseRequest.id).where(ReleaseRequest.status.in_(ENDED), longest_ago)
    due = due.where(ReleaseRequest.copies_removed_at.is_null()).order_by(ReleaseRequest.moved_at)
    return sum(_remove_copies(request_id) for (request_id,) in due.limit(AT_ONCE).tuples())


def _remove_copies(request_id: str) -> int:
    with writing():  # nobody adds the same content meanwhile
        request = ReleaseRequest.get_by_id(request_id)
        until = kept_until(request)
        if until is None or now() < until:
            return 0
        going = sorted(_contents(request) - needed_by_others(request))
        for sha256 in going:
            remove(sha256)
        fail_point("requests.copies_removed")
        change(request, copies_removed_at=now())
        tell(request, "copies-removed", by="system", files=len(going))
    return len(going)


def _contents(request: ReleaseRequest) -> set[str]:
    files = RequestFile.select(RequestFile.sha256).where(RequestFile.request == request)
    versions = FileVersion.select(FileVersion.sha256).join(RequestFile).where(RequestFile.request == request)
    return {sha256 for (sha256,) in (*files.tuples(), *versions.tuples())}


@every(minutes=60, side="secure")
def tidy_up_requests() -> None:
    """Remove copies that were kept long enough, and tickets that nobody will send any more."""
    remove_old_copies()
    forget_old_tickets()
