"""The status of the backends: a page for people, plain text for monitors."""

from flask import Response

from jobsite.core.web import ANYONE, Routes, page
from jobsite.status.queries import backend_card, database_availability, last_contact, status_page

routes = Routes("status")

PLAIN = "text/plain; charset=utf-8"


@routes("/status/", needs=ANYONE)
def show_status() -> Response:
    return page("status/status.html", fragments=("live",), view=status_page())


@routes("/status/<slug>/", needs=ANYONE)
def backend_contact(slug: str) -> Response:
    text, status = last_contact(backend_card(slug))
    return Response(text, status, content_type=PLAIN)


@routes("/status/<slug>/db-availability/", needs=ANYONE)
def backend_database(slug: str) -> Response:
    return Response(database_availability(backend_card(slug).backend), content_type=PLAIN)
