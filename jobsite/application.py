"""The web application: one function makes it from settings, and mounts the rooms of its side."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import peewee
from flask import Flask, Response, current_app, g, request, session, url_for
from flask_login import LoginManager, current_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from htmx_flask import Htmx
from jinja2 import StrictUndefined
from werkzeug.datastructures import MultiDict
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.security import safe_join

from jobsite.accounts import signing_in
from jobsite.accounts.api_views import routes as token_api
from jobsite.accounts.models import AnonymousPerson, User
from jobsite.accounts.provider_views import routes as providers
from jobsite.accounts.sessions import person_of
from jobsite.accounts.settings_views import routes as own_settings
from jobsite.accounts.views import routes as accounts
from jobsite.accounts.web import Cookies
from jobsite.core.clock import now
from jobsite.core.compression import init_compression
from jobsite.core.db import close_database
from jobsite.core.limits import Limits
from jobsite.core.redis import Redis
from jobsite.core.sides import exists_on
from jobsite.core.web import MOST_FIELDS, error_page, init_web
from jobsite.instance import open_instance, secret_key
from jobsite.jobs.log_views import routes as logs
from jobsite.jobs.parts import PARTS as job_parts
from jobsite.jobs.run_views import routes as run
from jobsite.jobs.views import routes as jobs
from jobsite.manual.finding import explained
from jobsite.manual.gallery import routes as gallery
from jobsite.manual.views import routes as manual
from jobsite.notifications.parts import OF_PEOPLE, OF_REQUESTS_ELSEWHERE
from jobsite.notifications.parts import PARTS as notification_parts
from jobsite.notifications.told_views import routes as told
from jobsite.notifications.views import routes as notifications
from jobsite.outputs.parts import PARTS as output_parts
from jobsite.outputs.policy_views import routes as policies
from jobsite.outputs.views import routes as outputs
from jobsite.projects.member_views import routes as members
from jobsite.projects.parts import Adds, frame, parts
from jobsite.projects.people_views import routes as user_pages
from jobsite.projects.settings_parts import PARTS as project_parts
from jobsite.projects.sign_off_views import routes as sign_off
from jobsite.projects.views import routes as projects
from jobsite.publishing.parts import PARTS as publishing_parts
from jobsite.publishing.views import routes as publishing
from jobsite.releases.desk.add_views import routes as desk_additions
from jobsite.releases.desk.parts import PARTS as desk_parts
from jobsite.releases.desk.statistics_views import routes as desk_statistics
from jobsite.releases.desk.step_views import routes as desk_steps
from jobsite.releases.desk.views import routes as desk
from jobsite.releases.parts import PARTS as release_parts
from jobsite.releases.requests.level4_parts import PARTS as level4_parts
from jobsite.releases.views import routes as releases
from jobsite.search.views import routes as search
from jobsite.settings import Settings, current
from jobsite.staff.parts import OF_PLACES
from jobsite.staff.parts import PARTS as staff_parts
from jobsite.staff.views import routes as staff
from jobsite.status.alerts import OF_PEOPLE as IF_ALERTS
from jobsite.status.alerts import PARTS as alert_parts
from jobsite.status.views import routes as status
from jobsite.sync import gate, people
from jobsite.sync.api.mounting import ROUTES as api
from jobsite.sync.api.mounting import WITHOUT_FORMS
from jobsite.sync.controller.views import WITHOUT_FORMS as OF_CONTROLLER
from jobsite.sync.controller.views import routes as controller
from jobsite.sync.parts import PARTS as sync_parts
from jobsite.sync.tasks.views import WITHOUT_FORMS as OF_AGENTS
from jobsite.sync.tasks.views import routes as agents

ROOMS = (
    accounts,
    providers,
    token_api,
    own_settings,
    projects,
    members,
    user_pages,
    sign_off,
    jobs,
    run,
    logs,
    outputs,
    policies,
    releases,
    desk,
    desk_steps,
    desk_additions,
    desk_statistics,
    publishing,
    notifications,
    told,
    *api,
    controller,
    agents,
    status,
    staff,
    manual,
    gallery,
    search,
)
PARTS: tuple[tuple[str, Mapping[str, tuple[Any, ...]]], ...] = (
    ("any", project_parts),
    ("any", job_parts),
    ("any", output_parts),
    ("public", release_parts),
    ("secure", desk_parts),
    ("secure", level4_parts),
    ("public", publishing_parts),
    ("any", notification_parts),
    ("public-alone", OF_REQUESTS_ELSEWHERE),
    ("any", alert_parts),
    ("any", staff_parts),
    ("secure", sync_parts),
    ("public", OF_PLACES),
)
"""What each room adds to pages, with the side on which it does."""

UNSUBSCRIBE = "jobsite.notifications.views.unsubscribe_at_once"
"""Posted by mail programs, without a cookie (RFC 8058): its signed address is what protects it from forgery."""

TEMPLATES = {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True, "autoescape": True}
YEAR = 365 * 24 * 3600
SIGN_IN = ("accounts.login_with_token", "accounts.start_github", "accounts.start_oidc")
FORM_TOO_OLD = (
    "The form was open for too long, or was not sent from a page of this site. Nothing has been changed."
)
LOGIN_ENDED = "You are not logged in any more, so nothing has been changed. Copy what you typed, then log in."


class Jobsite(Flask):
    """The Flask application of jobsite."""

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """A year for an asset asked for by its content hash; anything else is asked for again each time.

        So is another content under that name: a server of the version before or after this one may have made the page.
        """
        wanted = request.args.get("v") if request.endpoint == "static" else None
        place = safe_join(str(_folder("static")), filename or "") if wanted else None
        return YEAR if place and wanted == _version(Path(place)) else None


def create_app(settings: Settings) -> Flask:
    """The application of one instance, which is made or opened first.

    Raises `SettingsError`, `Refused` or `DatabaseTooNew` when that is not possible. Serves the rooms of `settings.side`.
    """
    open_instance(settings)
    app = Jobsite("jobsite", template_folder=str(_folder("templates")), static_folder=str(_folder("static")))
    app.jinja_options = {**app.jinja_options, **TEMPLATES}
    app.config.update(_config(settings))
    app.extensions["jobsite.redis"] = redis = _redis(settings)
    app.extensions["jobsite.limits"] = Limits(settings.rate_limits, redis)
    app.extensions["jobsite.parts"] = _gathered(settings.side)
    app.extensions["jobsite.sign_in"] = people.sign_in if settings.is_apart else signing_in.sign_in
    init_compression(app)
    init_web(app)  # before CSRFProtect, which reads forms: some are to be refused unread
    csrf = CSRFProtect(app)
    for view in (UNSUBSCRIBE, *WITHOUT_FORMS, *OF_CONTROLLER, *OF_AGENTS):
        csrf.exempt(view)
    Htmx(app)
    _init_login(app)
    _init_templates(app, settings)
    if settings.is_apart:
        app.before_request(gate.gate)  # after CSRFProtect: nobody is asked about a forged form
    app.register_error_handler(CSRFError, _form_refused)
    app.teardown_appcontext(lambda error: close_database())
    for routes in ROOMS:
        routes.register(app, settings.side)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def _redis(settings: Settings) -> Redis | None:
    """The Redis that the servers of this instance share, if one is set. It tells instances apart by their keys."""
    if not settings.huey_url.startswith("redis"):
        return None
    name = hashlib.sha256(secret_key(settings).encode()).hexdigest()[:12]
    return Redis(settings.huey_url, f"jobsite:{name}")


def _folder(name: str) -> Path:
    """Where templates and static files lie: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    return next(folder for folder in (package / name, package.parent / name) if folder.is_dir())


def _gathered(side: str) -> dict[str, tuple[Adds, ...]]:
    """What all rooms of a side add to each page, in the order of the rooms."""
    rooms = [room for kind, room in PARTS if exists_on(kind, side)]
    pages = {page for room in rooms for page in room}
    return {page: tuple(add for room in rooms for add in room.get(page, ())) for page in pages}


def _config(settings: Settings) -> dict[str, Any]:
    secure = settings.base_url.startswith("https:")
    return {
        "SECRET_KEY": secret_key(settings),
        "SESSION_COOKIE_NAME": "__Host-jobsite" if secure else "jobsite",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_REFRESH_EACH_REQUEST": False,
        "PERMANENT_SESSION_LIFETIME": settings.session_idle,
        "WTF_CSRF_TIME_LIMIT": None,  # a form is good as long as the session: people leave pages open
        "MAX_CONTENT_LENGTH": 2 * 2**20,
        "MAX_FORM_MEMORY_SIZE": 500_000,
        "MAX_FORM_PARTS": MOST_FIELDS,
        "PREFERRED_URL_SCHEME": "https" if secure else "http",
    }


def _init_login(app: Flask) -> None:
    app.session_interface = Cookies()
    # Without init_app: it would read the session on every answer, of assets too, to look after a cookie we do not use.
    app.login_manager = login = LoginManager()  # type: ignore[attr-defined]
    app.context_processor(lambda: {"current_user": current_user})
    login.anonymous_user = AnonymousPerson
    login.session_protection = None  # it would tie a session to an address and a browser version
    login.user_loader(_person)


def _person(token: object) -> User | None:
    """The person of this request's session. When the database fails, the page that says so shows nobody."""
    if not isinstance(token, str) or "session_unreadable" in g or g.get("site_fails"):
        return None
    apart = current().is_apart
    try:
        person = person_of(token, OF_PEOPLE | IF_ALERTS | (gate.KNOWN if apart else {}))
    except peewee.PeeweeException:
        g.session_unreadable = True
        raise
    if person is not None and person.session_renewed:
        session.modified = True  # the cookie slides along with the session
    if person is not None and apart and not gate.may_look(person):
        g.unconfirmed = True
        return None
    return person


def _form_refused(error: CSRFError) -> Response:
    ended = not current_user.is_authenticated and request.endpoint not in SIGN_IN
    return error_page(400, LOGIN_ENDED if ended else FORM_TOO_OLD)


def _init_templates(app: Flask, settings: Settings) -> None:
    site = {
        "public": settings.public,
        "public_url": settings.public_url if settings.is_apart else "",
        "secure": settings.secure,
        "support": settings.support,
        "mails": bool(settings.smtp_url),
        "job_creation": settings.job_creation,
        "version": version("jobsite"),
    }
    app.jinja_env.globals.update(
        asset=_asset,
        explained=explained,
        frame=frame,
        has_page=_has_page,
        here=_here,
        now=now,
        parts_of=parts,
        served=_served,
        site=site,
    )
    for template in app.jinja_env.list_templates(filter_func=lambda name: name.startswith("parts/")):
        app.jinja_env.globals[Path(template).stem] = app.jinja_env.get_template(template).module


def _served(path: str) -> bool:
    """Whether this side has a page at an address without variables."""
    known = current_app.extensions.get("jobsite.addresses")
    if known is None:
        known = frozenset(rule.rule for rule in current_app.url_map.iter_rules())
        current_app.extensions["jobsite.addresses"] = known
    return path in known


def _has_page(endpoint: str) -> bool:
    """Whether this side has the page of this name."""
    return endpoint in current_app.view_functions


def _asset(name: str) -> str:
    """The address of a static file, looked up once a request: a list names the picture of the icons in every row."""
    known: dict[str, str] = g.setdefault("assets", {})
    if name not in known:
        known[name] = _hashed(name)
    return known[name]


def _hashed(name: str) -> str:
    """The address of a static file, with the hash of its content, so that it can be kept for a year."""
    return _address(name, _version(_folder("static") / name), request.script_root)


@lru_cache(maxsize=256)
def _address(name: str, version: str | None, root: str) -> str:
    """The address of a version of a static file. It begins with the `root` of the request, as all addresses do."""
    return url_for("static", filename=name, v=version)


def _version(path: Path) -> str | None:
    """The hash of a file's content, short; None where there is none."""
    try:
        return _digest(path, path.stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache
def _digest(path: Path, stamp: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _here(**changes: Any) -> str:
    """The address of this page with some query values changed; None leaves one out, a list repeats it."""
    query = MultiDict(request.args)
    for name, value in changes.items():
        query.poplist(name)
        query.setlist(name, [] if value is None else value if isinstance(value, list) else [str(value)])
    return url_for(request.endpoint or "", **{**(request.view_args or {}), **_lists(query)})


def _lists(query: "MultiDict[str, Any]") -> Mapping[str, list[Any]]:
    return {name: values for name, values in query.lists() if values}
