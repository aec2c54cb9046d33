"""The whole interface: the endpoints of every topic, and the answer to whoever asks for another address below `/api/`."""

from functools import lru_cache
from importlib.metadata import version

from flask import Response, current_app, request
from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule

from jobsite.core.api_errors import API
from jobsite.core.web import ANYONE, Routes
from jobsite.releases.downloads import whole_address
from jobsite.sync.api import files, jobs, level4_log, people, releases, review_steps, runs, snapshots
from jobsite.sync.api.endpoints import ROOT, answer
from jobsite.sync.api.openapi import document

TOPICS = (
    jobs.api,
    people.api,
    releases.api,
    files.api,
    snapshots.api,
    runs.api,
    review_steps.api,
    level4_log.api,
)
ENDPOINTS = tuple(endpoint for topic in TOPICS for endpoint in topic.all)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

elsewhere = Routes("api")


@elsewhere(f"{ROOT}openapi.json", needs=ANYONE, side="public")
def describe() -> Response:
    """The OpenAPI document of this interface."""
    return answer(document(ENDPOINTS, site=whole_address(""), version=version("jobsite")))


@elsewhere("/api/<path:rest>", needs=ANYONE, side="public", methods=METHODS)
def not_here(rest: str) -> Response:
    """404 for an address that nobody has, 405 for one that does not take this method; both as JSON."""
    routes = (one for one in current_app.extensions["jobsite.routes"] if one.rule.startswith(API))
    known = tuple((one.rule, one.methods) for one in routes if one.methods != METHODS)
    _map_of(known).bind("").match(f"{API}{rest}", method=request.method)
    raise NotFound


@lru_cache(maxsize=2)
def _map_of(known: tuple[tuple[str, tuple[str, ...]], ...]) -> Map:
    return Map([Rule(rule, endpoint=rule, methods=methods) for rule, methods in known])


ROUTES = (*(topic.routes for topic in TOPICS), elsewhere)
WITHOUT_FORMS = (
    *(f"{one.answer.__module__}.{one.name}" for one in ENDPOINTS),
    f"{__name__}.{not_here.__name__}",
)
"""The views that no form of a page is sent to: what protects them from forgery is who may call them."""
