"""Asks a codelist service whether the codelists of a study are those that it has now.

The interface is that of OpenCodelists: POST /api/v1/check/ with the form fields `codelists` and `manifest`; the answer
is JSON whose `status` is "ok" or "error".
"""

import json
from urllib.parse import urlencode, urlsplit

from jobsite.core.outgoing import NoAnswer, exchange

CHECK = "/api/v1/check/"
_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}


class ServiceFailed(Exception):
    """The service gave no verdict; the text names it and says what happened, without a full stop."""


def ask(address: str, listed: bytes, recorded: bytes, *, seconds: float) -> bool:
    """Whether the service at `address` finds the two files up to date: codelists.txt and codelists.json.

    Takes at most `seconds` in all, apart from looking up the name of the host. Follows no redirect, so that no
    other host ever gets the files. Raises `ServiceFailed`.
    """
    body = urlencode({"codelists": listed, "manifest": recorded}).encode()
    try:
        answer = exchange(address + CHECK, seconds=seconds, method="POST", headers=_HEADERS, body=body)
        cause = _why_no_verdict(answer.status, answer.body)
    except NoAnswer as error:
        cause = str(error)
    if cause:
        raise ServiceFailed(f"the codelist service {urlsplit(address).hostname} {cause}")
    return _status(answer.body) == "ok"


def _why_no_verdict(status: int, data: bytes) -> str:
    if status != 200:
        return f"answered with status {status}"
    return "" if _status(data) in ("ok", "error") else "gave an answer that cannot be understood"


def _status(data: bytes) -> object:
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return answer.get("status") if isinstance(answer, dict) else None
