"""One's own release requests on a public side that stands alone: how they stand, in words. All else is at Level 4."""

from flask import Response, request
from flask_login import current_user

from jobsite.accounts.models import User
from jobsite.core.db import LARGEST_ID
from jobsite.core.web import LOGIN, Routes, page
from jobsite.notifications.told_pages import told_request, told_requests

ALONE = "public-alone"

routes = Routes("told")


@routes("/requests/", needs=LOGIN, side=ALONE)
def requests() -> Response:
    """My release requests, as far as their steps were told here."""
    asked = request.args.get("page", 1, type=int) or 1
    return page("requests/told.html", listed=told_requests(_me(), max(1, min(asked, LARGEST_ID // 100))))


@routes("/requests/<request_id>/", needs=LOGIN, side=ALONE)
def show(request_id: str) -> Response:
    """One of them: its status and when each step was."""
    return page("requests/told_request.html", shown=told_request(_me(), request_id))


def _me() -> User:
    return current_user._get_current_object()
