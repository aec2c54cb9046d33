"""The words of every kind of news, made from its facts alone: the same for inbox, mail, webhook and issue.

Facts are ids, names that public pages show, numbers and codes. The subjects are those of the specification
(reference/jobs-site.md, section 11.2). Nothing here reads a database or a request.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobsite.notifications.rules import ACCESS, JOBS, SECURITY, SITE

Facts = Mapping[str, Any]
MOST_NAMES = 10


@dataclass(frozen=True)
class Worded:
    """News in words: subject, sentences, a table of labels and values, and the path of what it is about.

    `link` is what the link to that path says; no path, no link.
    """

    subject: str
    lines: tuple[str, ...]
    path: str = ""
    link: str = ""
    table: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Kind:
    """A kind of news: its group, its name in filters, why a person gets it, and what makes its words."""

    name: str
    group: str
    label: str
    why: str
    words: Callable[[Facts], Worded] = field(repr=False)


@dataclass(frozen=True)
class Place:
    """What the words of a site need to know of it: how the platform is called, and whom to ask for help."""

    platform: str = "OpenSAFELY"
    support: str = ""

    @property
    def whom_to_ask(self) -> str:
        """Whom to ask, as the end of a sentence."""
        return self.support or "the people who run this site"


def worded(kind: str, facts: Facts, place: Place = Place()) -> Worded:
    """The words of news. A kind that this version does not know, of a later one, is said to be unknown."""
    known = KINDS.get(kind)
    if known is None:
        return Worded("Something happened that this version cannot tell", ())
    return known.words({**facts, "place": place})


def one_line(text: object, longest: int = 200) -> str:
    """Text as one line without control characters: what a header may hold."""
    kept = "".join(character if character.isprintable() else " " for character in str(text))
    line = " ".join(kept.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _job_ended(facts: Facts) -> Worded:
    state, action, workspace = facts["state"], facts["action"], facts["workspace"]
    elapsed = facts.get("seconds")
    return Worded(
        f"{state}: [os {workspace}] {action}",
        (f"The job {action} of the workspace {workspace} has ended: {state}.",),
        f"/{workspace}/{facts['number']}/{facts['job']}/",
        "Open the job",
        (
            ("Action", action),
            ("Status", state),
            ("Message", facts["message"]),
            ("Elapsed", "-" if elapsed is None else f"{elapsed} seconds"),
        ),
    )


def _request_ended(facts: Facts) -> Worded:
    workspace, number = facts["workspace"], facts["number"]
    done = f"{facts['succeeded']} of {_count(facts['total'], 'job')} succeeded"
    failed = _named(facts["failed"])
    return Worded(
        f"{facts['state']}: [os {workspace}] request {number}, {done}",
        (f"Job request {number} of the workspace {workspace} has ended: {done}.",),
        f"/{workspace}/{number}/",
        "Open the request",
        (("Status", facts["state"]), ("Actions that did not succeed", failed or "none")),
    )


def _request_cancelled(facts: Facts) -> Worded:
    workspace, number = facts["workspace"], facts["number"]
    jobs = _count(facts["jobs"], "job")
    return Worded(
        f"cancelled: [os {workspace}] request {number}, by {facts['by']}",
        (f"{_by(facts)} asked for the end of {jobs} of your job request {number} in {workspace}.",),
        f"/{workspace}/{number}/",
        "Open the request",
    )


def _token_made(facts: Facts) -> Worded:
    return Worded(
        f"New {facts['place'].platform} login token generated",
        ("A new single-use token was generated for your account.", _if_not_you(facts)),
        "/settings/",
        "Open your settings",
    )


def _token_used(facts: Facts) -> Worded:
    return Worded(
        f"{facts['place'].platform} account login with token",
        ("Somebody logged in to your account with a single-use token.", _if_not_you(facts)),
        "/settings/",
        "See your logins",
    )


def _api_token_made(facts: Facts) -> Worded:
    return Worded(
        f"New {facts['place'].platform} API token made",
        ("An API token was made for your account: programs can act for you with it.", _if_not_you(facts)),
        "/settings/",
        "Open your settings",
    )


def _email_confirm(facts: Facts) -> Worded:
    return Worded(
        "Confirm your new e-mail address",
        (
            f"The account {facts['username']} asks to use this address for its e-mails.",
            "Follow the link to confirm it. Until then nothing changes.",
            "If you do not know that account, there is nothing to do.",
        ),
        facts.get("path", "/settings/"),
        "Confirm the address",
    )


def _email_asked(facts: Facts) -> Worded:
    return Worded(
        "Another e-mail address was asked for",
        (
            "Somebody asked to use another e-mail address for your account.",
            "It counts once the link sent to it has been followed.",
            _if_not_you(facts),
        ),
        "/settings/",
        "Open your settings",
    )


def _email_changed(facts: Facts) -> Worded:
    return Worded(
        "Your e-mail address was changed",
        ("Messages of your account now go to another e-mail address.", _if_not_you(facts)),
        "/settings/",
        "Open your settings",
    )


def _roles(facts: Facts) -> Worded:
    given = _without(facts["after"], facts["before"])
    taken = _without(facts["before"], facts["after"])
    return Worded(
        "Your roles were changed",
        (f"{_by(facts)} changed your roles on the whole site.",),
        "/settings/",
        "See what you may do",
        _changes(given, taken),
    )


def _member_added(facts: Facts) -> Worded:
    return Worded(
        f"You were added to the project {facts['name']}",
        (f"{_by(facts)} made you a member of the project {facts['name']}.",),
        f"/projects/{facts['project']}/",
        "Open the project",
        (("Roles", _named(facts["roles"]) or "none"),),
    )


def _member_roles(facts: Facts) -> Worded:
    given = _without(facts["after"], facts["before"])
    taken = _without(facts["before"], facts["after"])
    return Worded(
        f"Your roles in the project {facts['name']} were changed",
        (f"{_by(facts)} changed your roles in the project {facts['name']}.",),
        f"/projects/{facts['project']}/",
        "Open the project",
        _changes(given, taken),
    )


def _member_removed(facts: Facts) -> Worded:
    return Worded(
        f"You were removed from the project {facts['name']}",
        (f"{_by(facts)} ended your membership of the project {facts['name']}.",),
        f"/projects/{facts['project']}/",
        "Open the project",
    )


def _backend_member_added(facts: Facts) -> Worded:
    return Worded(
        f"You may use the backend {facts['name']}",
        (f"{_by(facts)} gave you access to the backend {facts['name']}.",),
        f"/status/{facts['backend']}/",
        "See its status",
    )


def _backend_member_removed(facts: Facts) -> Worded:
    return Worded(
        f"You may no longer use the backend {facts['name']}",
        (f"{_by(facts)} ended your access to the backend {facts['name']}.",),
        "/settings/",
        "See what you may do",
    )


def _org_member_added(facts: Facts) -> Worded:
    return Worded(
        f"You were added to the organisation {facts['name']}",
        (f"{_by(facts)} noted that you belong to {facts['name']}.",),
        f"/orgs/{facts['org']}/",
        "Open the organisation",
    )


def _org_member_removed(facts: Facts) -> Worded:
    return Worded(
        f"You were removed from the organisation {facts['name']}",
        (f"{_by(facts)} noted that you no longer belong to {facts['name']}.",),
        f"/orgs/{facts['org']}/",
        "Open the organisation",
    )


def _backend_alert(facts: Facts) -> Worded:
    return Worded(
        f"The backend {facts['name']} needs somebody",
        (f"Failures on {facts['name']} that are not the users' were counted. Its status says which.",),
        f"/status/{facts['backend']}/",
        "See its status",
    )


def _backend_cleared(facts: Facts) -> Worded:
    return Worded(
        f"The backend {facts['name']} works again",
        (f"What was wrong with {facts['name']} has passed.",),
        f"/status/{facts['backend']}/",
        "See its status",
    )


def _sign_off(facts: Facts) -> Worded:
    return Worded(
        f"Repository signed off: {facts['repo']}",
        (
            f"{_by(facts)} signed off the repository {facts['repo']}.",
            "Next, staff look at it, and its owner makes it public.",
        ),
        facts["path"],
        "Open the sign-off",
        (("Projects", _named(facts["projects"]) or "none"),),
    )


def _sign_off_outputs(facts: Facts) -> Worded:
    return Worded(
        f"Repository with outputs signed off: {facts['repo']}",
        (
            f"{_by(facts)} signed off the repository {facts['repo']}, which holds outputs.",
            f"Questions go to {facts['place'].whom_to_ask}.",
        ),
        facts["path"],
        "Open the sign-off",
        (("Projects", _named(facts["projects"]) or "none"),),
    )


def _sign_off_internal(facts: Facts) -> Worded:
    return Worded(
        f"Make the repository {facts['repo']} public",
        (
            f"{_by(facts)} signed off the repository {facts['repo']}.",
            "An owner of it can now make it public.",
        ),
        facts["path"],
        "Open the sign-off",
        (("Projects", _named(facts["projects"]) or "none"),),
    )


def _user_added(facts: Facts) -> Worded:
    return Worded(
        f"New user: {facts['username']}",
        (f"{facts['username']} can now log in to this site.",),
        f"/users/{facts['username']}/",
        "Open the page of this person",
    )


def _catch_up(facts: Facts) -> Worded:
    things = _count(sum(facts["counts"].values()), "thing")
    table = tuple((_label(kind), str(count)) for kind, count in facts["counts"].items())
    return Worded(
        f"{things} happened while no messages were sent",
        (f"From {facts['first']} to {facts['last']} no messages were sent. All of it is in your inbox.",),
        "/inbox/",
        "Open your inbox",
        table,
    )


def _label(kind: str) -> str:
    return KINDS[kind].label if kind in KINDS else "Other"


def _by(facts: Facts) -> str:
    return "Staff" if facts["by"] == "system" else facts["by"]


def _if_not_you(facts: Facts) -> str:
    return f"If this was not you, write to {facts['place'].whom_to_ask} at once."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _named(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    shown = ", ".join(names[:MOST_NAMES])
    return f"{shown} and {more} more" if more > 0 else shown


def _without(these: list[str], those: list[str]) -> list[str]:
    return [name for name in these if name not in those]


def _changes(given: list[str], taken: list[str]) -> tuple[tuple[str, str], ...]:
    rows = (("Given", _named(given)), ("Taken away", _named(taken)))
    return tuple((label, names) for label, names in rows if names)


_ASKED = "You ticked “E-mail me when it is done” for this job request, or its workspace does by default."
_YOURS = "It is about your own account."
_MEMBER = "It is about your own roles and memberships."
_STAFF = "You manage backends."

KINDS = {
    kind.name: kind
    for kind in (
        Kind("job-ended", JOBS, "Jobs that ended", _ASKED, _job_ended),
        Kind("request-ended", JOBS, "Requests that ended", _ASKED, _request_ended),
        Kind(
            "request-cancelled",
            JOBS,
            "Requests cancelled by others",
            "You asked for these jobs.",
            _request_cancelled,
        ),
        Kind("token-made", SECURITY, "Tokens generated", _YOURS, _token_made),
        Kind("token-used", SECURITY, "Logins with a token", _YOURS, _token_used),
        Kind("api-token-made", SECURITY, "API tokens made", _YOURS, _api_token_made),
        Kind("email-confirm", SECURITY, "Addresses to confirm", _YOURS, _email_confirm),
        Kind("email-asked", SECURITY, "New addresses asked for", _YOURS, _email_asked),
        Kind("email-changed", SECURITY, "Changes of address", _YOURS, _email_changed),
        Kind("roles-changed", ACCESS, "Changes of roles", _MEMBER, _roles),
        Kind("member-added", ACCESS, "Added to a project", _MEMBER, _member_added),
        Kind("member-roles", ACCESS, "Roles in a project", _MEMBER, _member_roles),
        Kind("member-removed", ACCESS, "Removed from a project", _MEMBER, _member_removed),
        Kind("backend-member-added", ACCESS, "Access to backends", _MEMBER, _backend_member_added),
        Kind("backend-member-removed", ACCESS, "Access to backends ended", _MEMBER, _backend_member_removed),
        Kind("org-member-added", ACCESS, "Added to an organisation", _MEMBER, _org_member_added),
        Kind("org-member-removed", ACCESS, "Removed from an organisation", _MEMBER, _org_member_removed),
        Kind("sign-off", ACCESS, "Repositories signed off", "You made a workspace of it.", _sign_off),
        Kind(
            "sign-off-outputs",
            ACCESS,
            "Repositories with outputs",
            "It is this site's address for that.",
            _sign_off_outputs,
        ),
        Kind(
            "sign-off-internal",
            ACCESS,
            "Repositories to make public",
            "Staff signed it off.",
            _sign_off_internal,
        ),
        Kind("backend-alert", SITE, "Backends in trouble", _STAFF, _backend_alert),
        Kind("backend-cleared", SITE, "Backends that work again", _STAFF, _backend_cleared),
        Kind("user-added", SITE, "New users", "It is sent to the webhook of this site.", _user_added),
        Kind(
            "catch-up",
            SECURITY,
            "Summaries of old news",
            "These messages would have come one by one.",
            _catch_up,
        ),
    )
}
