"""The checks are run again on a request, and what they find anew opens the votes that were given without it (2.5, 5.3)."""

from contextlib import suppress

from jobsite.accounts.models import User
from jobsite.accounts.queries import user_or_stop
from jobsite.core.db import writing
from jobsite.core.errors import Conflict, Refused
from jobsite.core.queue import nudge, task
from jobsite.releases.requests.answering import stops, to_waive
from jobsite.releases.requests.checking import found_in_request, judged_by, keep, keep_in_files
from jobsite.releases.requests.findings import explain_exceptions
from jobsite.releases.requests.models import ReleaseRequest, RequestFile
from jobsite.releases.requests.reopening import reopen
from jobsite.releases.requests.rules import APPROVE
from jobsite.releases.requests.standing import acting, change, refuse_changed, tell
from jobsite.releases.requests.whole import Whole

MOST_BESIDE = 40
"""Files of a request that are checked together while somebody who adds one waits; more are in the background."""


def recheck(*, by: User, request_id: str) -> ReleaseRequest:
    """Run all checks on the request as it is, under the policy of today; what they find is kept on its rows.

    Raises `Denied`, `NotFound`, `Conflict` when the request changed meanwhile.
    """
    seen = acting(by, request_id, "recheck")
    found = found_in_request(seen.whole(), seen.policy)
    with writing():
        current = acting(by, request_id, "recheck")
        request = current.request
        refuse_changed(request, seen.request)
        state = current.whole()
        keep(state, found)
        explain_exceptions(current, state, found.exceptions)
        reopened = reopen(request, with_news(state), "checks")
        change(request, **judged_by(found.policy))
        tell(request, "rechecked", by=by, reopened=reopened, policy_version=found.policy.version)
    return request


def check_beside(*, by: User, request_id: str) -> None:
    """Run the rules that look at several files once some came in (5.1, stage A): what they find stands on the files.

    The request itself stays as it is. Where somebody changed it meanwhile, or a copy is damaged, the next check tells; where
    there are so many files that it would take seconds, it is done in the background.
    """
    if RequestFile.select().where(RequestFile.request == request_id).count() > MOST_BESIDE:
        nudge(check_many_beside, by.username, request_id)
    else:
        _check_beside(by, request_id)


@task(side="secure")
def check_many_beside(username: str, request_id: str) -> None:
    """Look at the files of a large request together; nothing is done where that is not possible any more."""
    with suppress(Refused):
        _check_beside(user_or_stop(username), request_id)


def _check_beside(by: User, request_id: str) -> None:
    seen = acting(by, request_id, "add_files")
    state = seen.whole()
    try:
        found = found_in_request(state, seen.policy)
    except Conflict:
        return
    with writing():
        current = acting(by, request_id, "add_files")
        if current.request.version == seen.request.version:
            keep_in_files(current.whole(), found)


def with_news(state: Whole) -> list[RequestFile]:
    """The outputs with a finding that stops them, or one that somebody who approved them has not waived."""
    return [file for file in state.outputs if _has_news(state, file)]


def _has_news(state: Whole, file: RequestFile) -> bool:
    findings, waivers = state.findings(file), state.marks_on(file, "waiver")
    approvers = [checker for checker, vote in state.votes_on(file).items() if vote.value == APPROVE]
    return bool(approvers) and bool(
        stops(findings) or any(to_waive(findings, waivers, checker) for checker in approvers)
    )
