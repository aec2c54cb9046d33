"""Staff: job requests of everybody, narrowed and cancelled; drafts that wait for a publisher."""

from flask import Response, flash, request

from jobsite.accounts.queries import holders
from jobsite.core.errors import Denied
from jobsite.core.web import page, redirect_here
from jobsite.core.wording import counted
from jobsite.jobs import actions
from jobsite.jobs.listing import filters_in, page_in, requests_page
from jobsite.jobs.queries import whole_request
from jobsite.jobs.rules import REQUEST_STATUSES
from jobsite.publishing.queries import waiting
from jobsite.staff.area import question, routes, staff, sure


@routes("/staff/requests/", needs="staff_area_access")
def requests() -> Response:
    """Job requests, newest first, with the filters of `jobs.listing`."""
    staff()
    listing = requests_page(filters_in(request.args), page_in(request.args))
    return page("staff/requests.html", fragments=("listed",), listing=listing, statuses=REQUEST_STATUSES)


@routes("/staff/requests/<int:number>/cancel/", needs="staff_area_access", methods=("GET", "POST"))
def cancel_request(number: int) -> Response:
    """Ask, then cancel the jobs of a request that have not ended."""
    person = staff()
    found = whole_request(str(number))
    address = f"/{found.workspace.name}/{found.id}/"
    if not sure():
        says = [
            (
                f"The jobs of request {found.id} in {found.workspace.name} that have not ended would be cancelled. Jobs that "
                "wait are cancelled at once; one that runs gets a few seconds to end, and its outputs are not saved."
            ),
            f"{found.created_by.display_name} asked for it.",
        ]
        title = f"Cancel job request {found.id}?"
        return question(title=title, says=says, label="Cancel the job request", back="/staff/requests/")
    try:
        count = actions.cancel(by=person, request=found, may_cancel=True)
    except Denied as refusal:
        flash(str(refusal), "warn")
    else:
        flash(f"Job request {found.id}: {counted(count, 'job')} cancelled.", "good")
    return redirect_here(address)


@routes("/staff/publishing/", needs="staff_area_access", side="public")
def publishing() -> Response:
    """The drafts that wait for a publisher, oldest first. What they are called is for those who may see them."""
    staff()
    publishers = list(holders("snapshot_publish"))
    return page("staff/publishing.html", rows=waiting(), publishers=publishers)
