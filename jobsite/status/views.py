"""The status of the backends: a page for people, plain text for monitors."""

from flask import Response, request
from flask_login import current_user
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from jobsite import settings
from jobsite.core.errors import require
from jobsite.core.web import ANYONE, Routes, page
from jobsite.jobs.backend_alerts import open_alerts
from jobsite.status.metrics import metrics
from jobsite.status.queries import backend_card, database_availability, last_contact, status_page
from jobsite.status.rules import why_not_metrics
from jobsite.sync.link import Link, link

routes = Routes("status")

STAFF = "staff_area_access"
PLAIN = "text/plain; charset=utf-8"


@routes("/status/", needs=ANYONE)
def show_status() -> Response:
    view = status_page(_number("running"), _number("waiting"))
    alerts = open_alerts() if STAFF in current_user.permissions else ()
    return page("status/status.html", fragments=("live",), view=view, alerts=alerts, link=_link())


def _link() -> Link | None:
    """How it stands with the public side, for those who are logged in on a side of its own."""
    return link() if current_user.is_authenticated else None


def _number(name: str) -> int:
    """The number of a page in the address; the first for what is none."""
    asked = request.args.get(name, "1")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1


@routes("/metrics", needs=ANYONE)
def show_metrics() -> Response:
    require(why_not_metrics(request.remote_addr or "", settings.current().metrics_networks))
    return Response(metrics(), content_type=CONTENT_TYPE_LATEST)


@routes("/status/<slug>/", needs=ANYONE)
def backend_contact(slug: str) -> Response:
    text, status = last_contact(backend_card(slug))
    return Response(text, status, content_type=PLAIN)


@routes("/status/<slug>/db-availability/", needs=ANYONE)
def backend_database(slug: str) -> Response:
    return Response(database_availability(backend_card(slug).backend), content_type=PLAIN)
