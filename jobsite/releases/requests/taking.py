"""Who is on a request: taken softly for a working day, let go; declared by who works on the workspace (6, 3)."""

from datetime import datetime, timedelta

from jobsite.accounts.models import User
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import refuse
from jobsite.releases.requests.models import Declaration, ReleaseRequest
from jobsite.releases.requests.rules import PRIVATE, TAKING_WORKING_DAYS, why_not_reason
from jobsite.releases.requests.standing import acting, change, tell

SATURDAY = 5


def take(*, by: User, request_id: str) -> ReleaseRequest:
    """Tell the others "I am taking this", for a working day; nobody is kept from anything. Raises `Denied`."""
    with writing():
        request = acting(by, request_id, "take").request
        change(request, taken_by=by.username, taken_until=after_working_days(now(), TAKING_WORKING_DAYS))
        tell(request, "taken", by=by, audience=PRIVATE)
    return request


def let_go(*, by: User, request_id: str) -> ReleaseRequest:
    """Take it back; letting go what somebody else took changes nothing. Raises `Denied`."""
    with writing():
        request = acting(by, request_id, "let_go").request
        if request.taken_by == by.username:
            change(request, taken_by="", taken_until=None)
            tell(request, "let-go", by=by, audience=PRIVATE)
    return request


def declare(*, by: User, request_id: str, text: str) -> None:
    """A checker who works on the workspace says so in writing, where the policy lets them review then. Raises `Denied`, `Invalid`."""
    with writing():
        request = acting(by, request_id, "declare").request
        refuse(text=why_not_reason(text))
        if Declaration.get_or_none(request=request, checker=by.username) is None:
            Declaration.create(request=request, checker=by.username, text=text.strip(), at=now())
            change(request)
            tell(request, "declared", by=by, audience=PRIVATE)


def after_working_days(moment: datetime, days: int) -> datetime:
    """The moment so many working days later; Saturdays and Sundays do not count."""
    while days > 0:
        moment += timedelta(days=1)
        days -= moment.weekday() < SATURDAY
    return moment


def working_days_between(begin: datetime, end: datetime) -> int:
    """The whole working days from one moment to a later one."""
    days, moment = 0, begin
    while (moment := moment + timedelta(days=1)) <= end:
        days += moment.weekday() < SATURDAY
    return days
