"""The web in one way: routes that say what they need, pages with fragments, refusals as pages.

A route cannot be added without saying which permission it needs and on which side it exists (`Routes`).
A view whose permission was never granted while it ran answers 500 instead of its page: deny by default.
"""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import peewee
from flask import Flask, Response, current_app, g, make_response, render_template, request, url_for
from flask_login import current_user
from flask_wtf import FlaskForm
from htmx_flask import request as htmx_request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.routing import RequestRedirect
from werkzeug.urls import iri_to_uri

from jobsite.core.api_errors import asked_by_program, error_as_json
from jobsite.core.errors import Conflict, Denied, Invalid, NotFound
from jobsite.core.limits import TooMany
from jobsite.core.sides import exists_on

ANYONE = "anyone"
LOGIN = "login"

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
CONTENT_POLICY = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)

MOST_FIELDS = 4000
"""Fields of one form."""
FROM_ELSEWHERE = "Another site asked for this in your name, so nothing has been done."

View = Callable[..., Any]


@dataclass(frozen=True)
class Route:
    """One address: what it needs (`anyone`, `login` or a permission) and on which sides it exists."""

    rule: str
    methods: tuple[str, ...]
    view: View
    needs: str
    side: str
    endpoint: str


class Routes:
    """The addresses of one room. Every one declares permission and side; there is no other way to add one."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.all: list[Route] = []

    def __call__(
        self, rule: str, *, needs: str, side: str = "any", methods: tuple[str, ...] = ("GET",)
    ) -> Any:
        """Decorator: serve `rule` with this view."""

        def add(view: View) -> View:
            endpoint = f"{self.room}.{view.__name__}"
            self.all.append(Route(rule, methods, view, needs, side, endpoint))
            return view

        return add

    def register(self, app: Flask, side: str) -> None:
        """Add the routes that exist on this side to the app."""
        for route in self.all:
            if exists_on(route.side, side):
                app.add_url_rule(route.rule, route.endpoint, _guarded(route), methods=list(route.methods))
                app.extensions.setdefault("jobsite.routes", []).append(route)


class LoginNeeded(Exception):
    """An anonymous visitor asked for a page that needs a login."""


def granted(permission: str) -> None:
    """Note that the permission was checked and held; called by the loaders of things, nowhere else."""
    g.setdefault("granted", set()).add(permission)


def login_needed() -> None:
    """Raise `LoginNeeded` for an anonymous visitor."""
    if not current_user.is_authenticated:
        raise LoginNeeded


def page(template: str, *, fragments: tuple[str, ...] = (), status: int = 200, **data: Any) -> Response:
    """The whole page, or only the named block when htmx asks for one of the ids in `fragments`.

    The block of an element id has underscores for its hyphens. The ids are fixed by the view, never sent by
    the client. `Vary` keeps caches from mixing the two.
    """
    g.fragments = fragments  # a test asks for each of them on its own
    target = fragment_asked(fragments)
    if target is not None:
        html = render_block(template, (target, *_companions(fragments, target)), data)
    else:
        html = render_template(template, **data)
    response = make_response(html, status)
    response.vary.update(("HX-Request", "HX-Target"))
    return response


def fragment_asked(fragments: tuple[str, ...]) -> str | None:
    """The one of these ids that htmx asks for alone, None when the whole page is wanted."""
    htmx = htmx_request.htmx
    whole = not htmx or htmx.boosted or htmx.history_restore_request
    return None if whole or htmx.target not in fragments else htmx.target


def render_block(template: str, ids: tuple[str, ...], data: Mapping[str, Any]) -> str:
    """The named blocks of a template, one after the other."""
    loaded = current_app.jinja_env.get_template(template)
    context = {**data}
    current_app.update_template_context(context)
    blocks = (loaded.blocks[name.replace("-", "_")] for name in ids)
    return "".join(part for block in blocks for part in block(loaded.new_context(context)))


def see(endpoint: str, **values: Any) -> Response:
    """303: where to look after a POST."""
    return redirect_here(url_for(endpoint, **values))


def redirect_here(path: str) -> Response:
    """303 to a path of this site; htmx follows it as a whole page."""
    address = iri_to_uri(path)
    if htmx_request.htmx:
        return Response(status=204, headers={"HX-Redirect": address})
    return Response(status=303, headers={"Location": address})


def safe_next(default: str) -> str:
    """The `next` of this request if it is a path on this site, else `default`."""
    wanted = request.values.get("next", "")
    own = re.match(r"/(?!/)", wanted) and wanted.isprintable() and "\\" not in wanted
    return wanted if own else default


def show_refusal(form: FlaskForm, refusal: Invalid) -> None:
    """Put the sentences of a refused verb to the fields of the form."""
    for name, sentence in refusal.fields.items():
        form[name].errors = [sentence]


def init_web(app: Flask) -> None:
    """Headers, error pages and refusals for the whole app."""
    app.before_request(_stop_other_sites)
    app.before_request(_limit_form)
    app.after_request(_headers)
    for kind, handler in _HANDLERS.items():
        app.register_error_handler(kind, handler)


def _guarded(route: Route) -> View:
    @functools.wraps(route.view)
    def view(**values: Any) -> Any:
        if route.needs != ANYONE:
            login_needed()
        response = make_response(route.view(**values))
        if route.needs not in (ANYONE, LOGIN, *g.get("granted", ())) and response.status_code < 400:
            raise RuntimeError(f"{route.endpoint} answered without having checked {route.needs}")
        return response

    return view


def _stop_other_sites() -> Response | None:
    """Refuse what a page of another site makes the browser ask for, except to go to a page of ours in full view.

    The browser itself says where a request comes from (Fetch Metadata, W3C); where it says nothing the CSRF field and the
    cookie's `SameSite` stand alone. The button of a mail program (RFC 8058) carries no such header.
    """
    if request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin"):
        return None
    goes_there = request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    in_full_view = request.headers.get("Sec-Fetch-Dest", "document") == "document"
    if request.method in ("GET", "HEAD") and goes_there and in_full_view:
        return None
    return error_page(403, FROM_ELSEWHERE)


def _limit_form() -> None:
    """Forms that cost much to read are refused: werkzeug itself has these limits for forms with files only."""
    if request.method != "POST" or request.mimetype != "application/x-www-form-urlencoded":
        return
    if (request.content_length or 0) > (request.max_form_memory_size or 0):
        raise RequestEntityTooLarge
    if sum(len(values) for values in request.form.listvalues()) > MOST_FIELDS:
        raise RequestEntityTooLarge


def _companions(fragments: tuple[str, ...], target: str) -> tuple[str, ...]:
    """The other blocks of the page when the region that polls asks for all of them (`HX-Together`)."""
    return tuple(name for name in fragments if name != target) if "HX-Together" in request.headers else ()


def _headers(response: Response) -> Response:
    if isinstance(request.routing_exception, RequestRedirect):
        response.location = _path_of(request.routing_exception.new_url)
        response.set_data(b"")
        if asked_by_program() and request.method in ("GET", "HEAD"):
            response.status_code = 301  # what programs know (specification 9.1)
    response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    response.headers.setdefault(
        "Permissions-Policy",
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    )
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    return response


def _path_of(address: str) -> str:
    """Path and query of an address: the host that werkzeug puts before it is whatever the client named."""
    parts = urlsplit(address)
    return f"/{parts.path.lstrip('/')}" + (f"?{parts.query}" if parts.query else "")


def error_page(status: int, sentence: str = "", **headers: str) -> Response:
    """The page of an error: its number, its name, what happened in a sentence, what to do. Programs get it as JSON."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    if asked_by_program():
        return error_as_json(status, sentence, named)
    name, advice = ADVICE.get(status, ADVICE[500])
    g.site_fails = status >= 500  # then the frame asks no room for anything that could fail again
    html = render_template("error.html", status=status, name=name, sentence=sentence, advice=advice)
    return Response(html, status, named)


ADVICE = {
    400: ("Bad request", "Go back, reload the page, and send the form again."),
    403: (
        "Not allowed",
        "If you think you should be allowed, ask a person who manages the project, or staff.",
    ),
    404: (
        "Page not found",
        "Check the address, or start from the home page.",
    ),
    405: ("Not possible this way", "Open the page by its link, not by resending a form."),
    409: ("Somebody was quicker", "Reload the page to see how things stand now."),
    413: ("Too large", "Send less at once."),
    422: ("This cannot be used", "Go back and correct what is named above."),
    429: ("Too many attempts", "Wait a little, then try again."),
    503: ("Not possible at the moment", "Nothing has been changed. Try again in a minute."),
    500: (
        "Something went wrong here",
        "It is our fault, not yours, and it has been noted. Try again in a minute.",
    ),
}

FAILURES = {
    "is full": "The disk of this site's server is full, so that nothing can be saved.",
    "is locked": "The database of this site is busy.",
    "readonly": "The database of this site cannot be written at the moment.",
    "read-only": "The database of this site cannot be written at the moment.",
    "disk I/O error": "The disk of this site's server fails, so that nothing can be read or saved.",
    "unable to open": "The database of this site cannot be opened at the moment.",
    "No space left": "The disk of this site's database is full, so that nothing can be saved.",
    "index row size": "A name or path in it is longer than the database of this site can look up.",
    "lock timeout": "The database of this site is busy.",
    "too many clients": "The database of this site is busy.",
    "connection slots": "The database of this site is busy.",
    "connection": "The database of this site cannot be reached at the moment.",
    "the database system": "The database of this site cannot be reached at the moment.",
}


def _not_found(error: NotFound) -> Response:
    return error_page(404, str(error))


def _denied(error: Denied) -> Response:
    _note("refused", error)
    return error_page(403, str(error))


def _note(what: str, error: Exception) -> None:
    """A line for whoever runs the site: who was kept from what. `%r` keeps what a stranger wrote on that line."""
    who = current_user.username or request.remote_addr
    current_app.logger.warning(
        "%s was %s: %s %r: %s", who, what, request.method, request.path[:200], str(error)
    )


def _conflict(error: Conflict) -> Response:
    return error_page(409, str(error))


def _invalid(error: Invalid) -> Response:
    return error_page(422, str(error))


def _too_many(error: TooMany) -> Response:
    _note("held back", error)
    return error_page(429, str(error), Retry_After=str(error.retry_after))


def _login_needed(error: LoginNeeded) -> Response:
    here = request.full_path.rstrip("?") if request.method == "GET" else "/"
    target = f"{url_for('accounts.login')}?next={quote(here)}"
    if htmx_request.htmx:
        return Response(status=204, headers={"HX-Redirect": target})
    return Response(status=302, headers={"Location": target})


def _no_database(error: peewee.OperationalError) -> Response:
    sentence = next((words for cause, words in FAILURES.items() if cause in str(error)), None)
    if sentence is None:
        raise error
    current_app.logger.error("%s %s: the database failed: %s", request.method, request.path, error)
    return error_page(503, sentence, Retry_After="60")


def _http(error: HTTPException) -> Response:
    if error.code is not None and 300 <= error.code < 400:
        return Response(status=error.code, headers=dict(error.get_headers(request.environ)))
    response = error_page(error.code or 500)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


_HANDLERS: dict[type[Exception], Callable[[Any], Response]] = {
    NotFound: _not_found,
    Denied: _denied,
    Conflict: _conflict,
    Invalid: _invalid,
    TooMany: _too_many,
    LoginNeeded: _login_needed,
    peewee.OperationalError: _no_database,
    HTTPException: _http,
}
