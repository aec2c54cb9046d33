"""Staff: the first page with its search, the dashboards, the health of the installation, and "Why can't I?"."""

from typing import Any

from flask import Response, current_app, flash, request

from jobsite.accounts.queries import user_named
from jobsite.core.errors import NotFound
from jobsite.core.leader import servers
from jobsite.core.web import page, see
from jobsite.jobs.backend_alerts import open_alerts
from jobsite.jobs.listing import page_in
from jobsite.notifications.actions import retry
from jobsite.notifications.queries import backlog, delivery_or_stop, failed_deliveries, heartbeats
from jobsite.projects.lists import Page
from jobsite.settings import current
from jobsite.staff import health, places, searching, why
from jobsite.staff.area import ROWS, asked, listed, routes, staff
from jobsite.staff.dashboards import DASHBOARDS, sorted_rows
from jobsite.sync.link import link
from jobsite.sync.pushing.state import drive


@routes("/staff/", needs="staff_area_access")
def index() -> Response:
    """Where everything is, and one box that searches all of it (`q`)."""
    person = staff()
    found = searching.found(asked("q"), people="user_manage" in person.permissions)
    data: dict[str, Any] = {"found": found, "dashboards": DASHBOARDS if current().public else {}}
    return page("staff/index.html", fragments=("found",), q=asked("q"), **data)


@routes("/staff/dashboards/<dashboard>/", needs="staff_area_access", side="public")
def dashboard(dashboard: str) -> Response:
    """One of the overviews, sorted by `sort`: a column, downwards with a minus before it."""
    staff()
    if dashboard not in DASHBOARDS:
        raise NotFound(f"There is no dashboard {dashboard}.")
    shown = DASHBOARDS[dashboard]
    rows, sort = sorted_rows(shown, asked("sort"))
    data: dict[str, Any] = {"dashboard": shown, "sort": sort, "listed": listed(rows, 50)}
    return page("staff/dashboard.html", others=DASHBOARDS, **data)


@routes("/staff/health/", needs="staff_area_access")
def show_health() -> Response:
    """The installation: workers, deliveries, backends, disk."""
    staff()
    sends, there = current().public, places.backends()
    failed, total = failed_deliveries(number=page_in(request.args), size=ROWS) if sends else ([], 0)
    data: dict[str, Any] = {
        "sends": sends,
        "disk": health.disk(),
        "servers": servers(),
        "link": link(),
        "drive": drive(there),
        "cards": health.cards(there),
        "alerts": open_alerts(),
        "beats": heartbeats(),
        "backlog": backlog() if sends else (),
        "failed": Page(failed, page_in(request.args), ROWS, total),
    }
    return page("staff/health.html", **data)


@routes(
    "/staff/health/deliveries/<identifier>/retry/",
    needs="staff_area_access",
    side="public",
    methods=("POST",),
)
def retry_delivery(identifier: str) -> Response:
    """Have a delivery that was given up tried again."""
    person = staff()
    retry(by=person, delivery=delivery_or_stop(identifier))
    flash("It is tried again now.", "good")
    return see("staff.show_health")


@routes("/staff/why/", needs="user_manage", side="public")
def why_not() -> Response:
    """Why a person (`user`) may not do something (`permission`) with a thing (`object`)."""
    staff("user_manage")
    given: dict[str, Any] = {name: asked(name) for name in ("user", "permission", "object")}
    case, problems = _case(given) if "permission" in request.args or given["object"] else (None, {})
    data: dict[str, Any] = {"given": given, "wishes": why.WISHES, "case": case, "problems": problems}
    return page("staff/why.html", status=422 if problems else 200, **data)


def _case(given: dict[str, str]) -> tuple[why.Case | None, dict[str, str]]:
    """The explanation that was asked for, or what is wrong with the question, by field."""
    user, thing = user_named(given["user"]), why.thing_named(given["object"])
    wish = given["permission"] or (why.wish_of(thing.route) if thing and thing.route else "")
    problems = {
        "user": "" if user else f"There is no user “{given['user'][:60]}”.",
        "object": "" if thing else f"There is nothing here called “{given['object'][:60]}”.",
        "permission": ""
        if wish in why.WISHES or (thing and thing.route and not given["permission"])
        else "Choose what they want to do, or give the address of a page.",
    }
    if user is None or thing is None or any(problems.values()):
        return None, {name: sentence for name, sentence in problems.items() if sentence}
    return why.explained(user, wish, thing, current_app.extensions["jobsite.limits"]), {}
