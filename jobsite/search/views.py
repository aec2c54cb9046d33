"""The search page: results as one types, and a plain page underneath."""

from flask import Response, current_app, request
from flask_login import current_user

from jobsite.accounts.rules import neighbourhood
from jobsite.core.limits import Limits
from jobsite.core.web import ANYONE, Routes, page
from jobsite.search.queries import found, is_enough, tidy

routes = Routes("search")

LIMIT = "searches per visitor"


@routes("/search/", needs=ANYONE, side="public")
def search() -> Response:
    """What `q` finds, grouped by kind. Visitors may search so often and no more."""
    text = tidy(request.args.get("q", ""))
    if text and not current_user.is_authenticated:
        limits: Limits = current_app.extensions["jobsite.limits"]
        visitor = neighbourhood(request.remote_addr or "")
        limits.check(LIMIT, visitor)
        limits.count(LIMIT, visitor)
    groups = found(text)
    return page("search/search.html", fragments=("found",), q=text, groups=groups, enough=is_enough(text))
