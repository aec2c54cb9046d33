"""Why a line of an export cannot be taken, judged by itself: the rules of the rooms that would have made it."""

from collections.abc import Callable, Iterable, Mapping

from jobsite.accounts import rules as accounts
from jobsite.jobs.rules import CODES, JOB, REQUEST_STATUSES
from jobsite.projects import rules as projects
from jobsite.releases.rules import why_not_names
from jobsite.transfer.schema import Row

JOB_STATES = (*JOB.transitions, "unknown")


def _first(*reasons: str | None) -> str | None:
    return next((reason for reason in reasons if reason), None)


def _one_of(value: str, known: Iterable[str], what: str) -> str | None:
    return None if value in known else f"{value[:50]!r} is no {what}."


def _organisation(row: Row) -> str | None:
    return _first(projects.why_not_slug(row["slug"]), projects.why_not_name(row["name"], "organisation"))


def _person(row: Row) -> str | None:
    return _first(
        accounts.why_not_username(row["username"]),
        accounts.why_not_fullname(row["fullname"]),
        accounts.why_not_email(row["email"]) if row["email"] else None,
        accounts.why_not_roles(row["roles"], accounts.GLOBAL),
    )


def _backend(row: Row) -> str | None:
    return _first(
        accounts.why_not_slug(row["slug"]),
        accounts.why_not_backend_name(row["name"]),
        accounts.why_not_alert_timeout(row["alert_timeout"]),
        _one_of(row["dispatch"], accounts.DISPATCHES, "dispatch"),
        None
        if row["is_remote"] or row["dispatch"] != accounts.PUSH
        else "What is sent to the controller is not run here (is_remote).",
        "What an agent carries out is planned here (is_remote)."
        if row["has_agent"] and row["is_remote"]
        else None,
    )


def _project(row: Row) -> str | None:
    return _first(
        projects.why_not_slug(row["slug"]),
        projects.why_not_name(row["name"], "project"),
        projects.why_not_number(row["number"]) if row["number"] else None,
        projects.why_not_category(row["category"]),
        projects.why_not_status(row["status"]),
        None if row["organisations"] else "A project belongs to an organisation.",
    )


def _membership(row: Row) -> str | None:
    if sum(row[what] is not None for what in ("project", "organisation", "backend")) != 1:
        return "One of project, organisation and backend is expected."
    if row["project"] is None:
        return "Roles are for projects." if row["roles"] else None
    return accounts.why_not_roles(row["roles"], accounts.PROJECT)


def _permission(row: Row) -> str | None:
    return projects.why_not_data_permission(row["kind"], row["value"])


def _workspace(row: Row) -> str | None:
    return projects.why_not_workspace_name(row["name"])


def _request(row: Row) -> str | None:
    over = row["status"] in ("succeeded", "failed", "nothing_to_do")
    return _first(
        _one_of(row["status"], REQUEST_STATUSES, "status of a job request"),
        None
        if over == (row["completed_at"] is not None)
        else "completed_at is for what is over, and only for that.",
        None if row["requested_actions"] else "A request asks for an action.",
    )


def _job(row: Row) -> str | None:
    return _first(
        _one_of(row["state"], JOB_STATES, "state of a job"),
        _one_of(row["status_code"], ("", *CODES), "status code") if row["state"] != "unknown" else None,
    )


def _release(row: Row) -> str | None:
    return _first(
        _one_of(row["status"], ("REQUESTED", "APPROVED", "REJECTED"), "status of a release"),
        why_not_names(file["name"] for file in row["files"]),
    )


def _publication(row: Row) -> str | None:
    wrong = [
        one["decision"] for one in row["requests"] if one["decision"] not in ("", "approved", "rejected")
    ]
    return f"{wrong[0][:50]!r} is no decision." if wrong else None


WHY_NOT: Mapping[str, Callable[[Row], str | None]] = {
    "organisations": _organisation,
    "people": _person,
    "backends": _backend,
    "projects": _project,
    "memberships": _membership,
    "permissions": _permission,
    "workspaces": _workspace,
    "requests": _request,
    "jobs": _job,
    "releases": _release,
    "publications": _publication,
}
