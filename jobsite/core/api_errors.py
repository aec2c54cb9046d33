"""Errors below `/api/`, `/controller/` and `/agent/` as programs read them: always JSON (specification 9.1; pipelines and jobs,
appendices A and B)."""

from collections.abc import Mapping
from http import HTTPStatus

from flask import Response, jsonify, request

API, CONTROLLER, AGENT = "/api/", "/controller/", "/agent/"

DETAILS = {
    400: "The request cannot be understood.",
    403: "You do not have permission to perform this action.",
    404: "Not found.",
    413: "The body of the request is too large.",
    429: "Too many attempts. Wait a little, then try again.",
    500: "Something went wrong here. It is our fault, and it has been noted.",
}


def asked_by_program() -> bool:
    """Whether this request is for an address of a programming interface."""
    return request.path.startswith((API, CONTROLLER, AGENT))


def error_as_json(status: int, sentence: str, headers: Mapping[str, str]) -> Response:
    """The error as JSON: the sentence, or what the status says. Below `/api/` it is the `detail`, elsewhere the `details` of an
    `error`: programs read just those."""
    said = sentence or _detail(status)
    below_api = request.path.startswith(API)
    response = jsonify(
        {"detail": said} if below_api else {"error": HTTPStatus(status).phrase, "details": said}
    )
    response.status_code = status
    response.headers.update(headers)
    return response


def _detail(status: int) -> str:
    if status == 405:
        return f'Method "{request.method}" not allowed.'
    if status == 415:
        return f'Unsupported media type "{request.mimetype[:100]}" in request.'
    return DETAILS.get(status, "This is not possible.")
