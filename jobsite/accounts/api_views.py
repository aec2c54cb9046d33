"""What an API token is: whose, until when, what for (specification 9.1). All answers are JSON."""

from flask import Response, jsonify, request

from jobsite.accounts.api_tokens import person_with_token
from jobsite.accounts.rules import neighbourhood
from jobsite.accounts.web import limits
from jobsite.core.clock import wire
from jobsite.core.errors import Denied
from jobsite.core.limits import TooMany
from jobsite.core.web import ANYONE, Routes

MISSING = "Authorization header is missing"

routes = Routes("accounts")


@routes("/api/v2/token/", needs=ANYONE, side="public")
def api_token() -> Response:
    """Whose token this is, when it ends, what it may do. Every failure is 403 with `detail`."""
    where = neighbourhood(request.remote_addr or "")
    header = request.headers.get("Authorization")
    try:
        limits().check("wrong API tokens per address", where)
        if header is None:
            raise Denied(MISSING)
        person = person_with_token(header)
    except TooMany as refusal:
        return _refused(str(refusal), {"Retry-After": str(refusal.retry_after)})
    except Denied as refusal:
        limits().count("wrong API tokens per address", where)
        return _refused(str(refusal))
    facts = {"username": person.username, "name": person.api_token.name, "bot": person.is_bot}
    may = {"roles": sorted(person.roles), "permissions": sorted(person.permissions)}
    return jsonify({**facts, "expires_at": wire(person.api_token.expires_at), **may})


def _refused(sentence: str, headers: dict[str, str] | None = None) -> Response:
    response = jsonify({"detail": sentence})
    response.status_code = 403
    response.headers.update(headers or {})
    return response
