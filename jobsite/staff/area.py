"""The door of the staff area, and what its views share: who comes in, lists by pages, forms that are refused."""

from collections.abc import Callable
from typing import Any

from flask import Response, request
from flask_login import current_user
from flask_wtf import FlaskForm
from peewee import ModelSelect

from jobsite.accounts.models import User
from jobsite.core.errors import Conflict, Invalid, require
from jobsite.core.web import Routes, granted, login_needed, page, see
from jobsite.jobs.listing import page_in
from jobsite.projects.lists import Page, paged
from jobsite.staff.rules import STAFF, why_not_staff

LONGEST_TEXT = 200
ROWS = 25

routes = Routes("staff")


def staff(permission: str = STAFF) -> User:
    """The member of staff who is asking, who may do what `permission` allows.

    Read with the session on every request, so a role taken away is gone at the next one. Raises `LoginNeeded`
    for a visitor and `Denied` with the sentence that names the role that is missing.
    """
    login_needed()
    person = current_user._get_current_object()
    require(why_not_staff(person.permissions, permission))
    granted(STAFF)
    granted(permission)
    return person


def asked(name: str) -> str:
    """A text of the query string, tidied and not too long."""
    return request.args.get(name, "").strip()[:LONGEST_TEXT]


def listed(rows: ModelSelect, size: int = ROWS) -> Page:
    """The page of these rows that the query string asks for. Two queries."""
    return paged(rows, page_in(request.args), size)


def tried(form: FlaskForm, act: Callable[[], Response]) -> tuple[Response | None, int]:
    """What a form leads to: the answer of `act` when it was sent and not refused, else None and the status.

    A refusal stands at its fields, what was typed stays, and the status is 422.
    """
    if request.method != "POST":
        return None, 200
    try:
        return act(), 303
    except Invalid as refusal:
        for name, sentence in refusal.fields.items():
            _tell(form, name, sentence)
    except Conflict as refusal:
        _tell(form, "", str(refusal))
    return None, 422


def _tell(form: FlaskForm, name: str, sentence: str) -> None:
    """Put a sentence to its field, or above the form when the form has no such field."""
    if name in form:
        form[name].errors = [*form[name].errors, sentence]
    else:
        form.form_errors.append(sentence)


def people_asked_for(endpoint: str, **values: str) -> Response | None:
    """Where the press of "Find" in a form of people leads: to its page, with who was found and who was ticked.

    None when another button was pressed. The address has nothing else of the form in it.
    """
    if request.form.get("step") != "find":
        return None
    kept: dict[str, Any] = {name: request.form.getlist(name) for name in ("users", "roles")}
    return see(endpoint, find=request.form.get("find", "")[:LONGEST_TEXT], **kept, **values)


def question(
    *, title: str, says: list[str], label: str, back: str, tone: str = "danger", **fields: object
) -> Response:
    """A page that asks before something grave is done; its button sends the same address again with `sure`.

    `fields` are sent along, lists as repeated values.
    """
    hidden = [
        (name, one)
        for name, value in fields.items()
        for one in (value if isinstance(value, list) else [value])
    ]
    data: dict[str, Any] = {
        "title": title,
        "says": says,
        "label": label,
        "tone": tone,
        "back": back,
        "hidden": hidden,
    }
    return page("staff/question.html", **data)


def sure() -> bool:
    """Whether the question has been answered with the button."""
    return request.method == "POST" and request.form.get("sure") == "yes"
