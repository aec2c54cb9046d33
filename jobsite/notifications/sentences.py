"""What each kind of news says, made from its facts alone.

Facts are ids, names that public pages show, numbers and codes. The subjects are those of the specification
(section 11.2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobsite.accounts.rules import labels_of
from jobsite.core.wording import counted

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
class Place:
    """What the words of a site need to know of it: how the platform is called, and whom to ask for help."""

    platform: str = "OpenSAFELY"
    support: str = ""

    @property
    def whom_to_ask(self) -> str:
        """Whom to ask, as the end of a sentence."""
        return self.support or "the people who run this site"


def job_ended(facts: Facts) -> Worded:
    """A job of a request has ended."""
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


def request_ended(facts: Facts) -> Worded:
    """All jobs of a request have ended."""
    workspace, number = facts["workspace"], facts["number"]
    done = f"{facts['succeeded']} of {counted(facts['total'], 'job')} succeeded"
    failed = _named(facts["failed"])
    why = (("Message", facts["message"]),) if not facts["total"] else ()
    return Worded(
        f"{facts['state']}: [os {workspace}] request {number}, {done}",
        (f"Job request {number} of the workspace {workspace} has ended: {done}.",),
        f"/{workspace}/{number}/",
        "Open the request",
        (("Status", facts["state"]), *why, ("Actions that did not succeed", failed or "none")),
    )


def request_cancelled(facts: Facts) -> Worded:
    """Somebody else asked for the end of one's jobs."""
    workspace, number = facts["workspace"], facts["number"]
    jobs = counted(facts["jobs"], "job")
    return Worded(
        f"cancelled: [os {workspace}] request {number}, by {facts['by']}",
        (f"{_by(facts)} asked for the end of {jobs} of your job request {number} in {workspace}.",),
        f"/{workspace}/{number}/",
        "Open the request",
    )


def token_made(facts: Facts) -> Worded:
    """A single-use token was generated."""
    return Worded(
        f"New {facts['place'].platform} login token generated",
        ("A new single-use token was generated for your account.", _if_not_you(facts)),
        "/settings/",
        "Open your settings",
    )


def token_used(facts: Facts) -> Worded:
    """Somebody logged in with a single-use token."""
    return Worded(
        f"{facts['place'].platform} account login with token",
        ("Somebody logged in to your account with a single-use token.", _if_not_you(facts)),
        "/settings/",
        "See your logins",
    )


def api_token_made(facts: Facts) -> Worded:
    """An API token was made."""
    return Worded(
        f"New {facts['place'].platform} API token made",
        ("An API token was made for your account: programs can act for you with it.", _if_not_you(facts)),
        "/settings/",
        "Open your settings",
    )


def email_confirm(facts: Facts) -> Worded:
    """For a new address: the link that confirms it."""
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


def email_asked(facts: Facts) -> Worded:
    """For the address there is: another one was asked for."""
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


def email_changed(facts: Facts) -> Worded:
    """The address was changed."""
    return Worded(
        "Your e-mail address was changed",
        ("Messages of your account now go to another e-mail address.", _if_not_you(facts)),
        "/settings/",
        "Open your settings",
    )


def roles(facts: Facts) -> Worded:
    """Global roles were given or taken away."""
    given = _without(facts["after"], facts["before"])
    taken = _without(facts["before"], facts["after"])
    return Worded(
        "Your roles were changed",
        (f"{_by(facts)} changed your roles on the whole site.",),
        "/settings/",
        "See what you may do",
        _changes(given, taken),
    )


def member_added(facts: Facts) -> Worded:
    """Somebody became a member of a project."""
    return Worded(
        f"You were added to the project {facts['name']}",
        (f"{_by(facts)} made you a member of the project {facts['name']}.",),
        f"/projects/{facts['project']}/",
        "Open the project",
        (("Roles", _named(labels_of(facts["roles"])) or "none"),),
    )


def member_roles(facts: Facts) -> Worded:
    """Roles in a project were given or taken away."""
    given = _without(facts["after"], facts["before"])
    taken = _without(facts["before"], facts["after"])
    return Worded(
        f"Your roles in the project {facts['name']} were changed",
        (f"{_by(facts)} changed your roles in the project {facts['name']}.",),
        f"/projects/{facts['project']}/",
        "Open the project",
        _changes(given, taken),
    )


def member_removed(facts: Facts) -> Worded:
    """A membership of a project has ended."""
    return Worded(
        f"You were removed from the project {facts['name']}",
        (f"{_by(facts)} ended your membership of the project {facts['name']}.",),
        f"/projects/{facts['project']}/",
        "Open the project",
    )


def backend_member_added(facts: Facts) -> Worded:
    """Access to a backend was given."""
    return Worded(
        f"You may use the backend {facts['name']}",
        (f"{_by(facts)} gave you access to the backend {facts['name']}.",),
        f"/status/{facts['backend']}/",
        "See its status",
    )


def backend_member_removed(facts: Facts) -> Worded:
    """Access to a backend has ended."""
    return Worded(
        f"You may no longer use the backend {facts['name']}",
        (f"{_by(facts)} ended your access to the backend {facts['name']}.",),
        "/settings/",
        "See what you may do",
    )


def org_member_added(facts: Facts) -> Worded:
    """Somebody belongs to an organisation."""
    return Worded(
        f"You were added to the organisation {facts['name']}",
        (f"{_by(facts)} noted that you belong to {facts['name']}.",),
        f"/orgs/{facts['org']}/",
        "Open the organisation",
    )


def org_member_removed(facts: Facts) -> Worded:
    """Somebody no longer belongs to an organisation."""
    return Worded(
        f"You were removed from the organisation {facts['name']}",
        (f"{_by(facts)} noted that you no longer belong to {facts['name']}.",),
        f"/orgs/{facts['org']}/",
        "Open the organisation",
    )


def backend_alert(facts: Facts) -> Worded:
    """A backend needs somebody."""
    what = facts.get("what", "")
    return Worded(
        f"The backend {facts['name']} needs somebody",
        (f"Failures on {facts['name']} that are not the users' were counted.",),
        f"/status/{facts['backend']}/",
        "See its status",
        (("What failed", what),) if what else (),
    )


def backend_missing(facts: Facts) -> Worded:
    """A backend has not been heard of for too long."""
    return Worded(
        f"The backend {facts['name']} is missing",
        (f"Nothing has been heard of {facts['name']} for longer than it may be silent.",),
        f"/status/{facts['backend']}/",
        "See its status",
    )


def backend_back(facts: Facts) -> Worded:
    """A backend that was missing reports again."""
    return Worded(
        f"The backend {facts['name']} is back",
        (f"{facts['name']} reports again.",),
        f"/status/{facts['backend']}/",
        "See its status",
    )


def copilot_given(facts: Facts) -> Worded:
    """A project has a co-pilot from now on."""
    return Worded(
        f"{facts['copilot']} is co-pilot of {facts['name']}",
        (f"{_by(facts)} made {facts['copilot']} the co-pilot of the project {facts['name']}.",),
        f"/projects/{facts['project']}/",
        "Open the project",
    )


def copilot_ending(facts: Facts) -> Worded:
    """The support of a co-pilot ends soon."""
    return Worded(
        f"Support of {facts['name']} ends on {facts['day']}",
        (f"The support of the project {facts['name']} by {facts['copilot']} ends on {facts['day']}.",),
        f"/projects/{facts['project']}/",
        "Open the project",
    )


def backend_cleared(facts: Facts) -> Worded:
    """A backend works again."""
    return Worded(
        f"The backend {facts['name']} works again",
        (f"What was wrong with {facts['name']} has passed.",),
        f"/status/{facts['backend']}/",
        "See its status",
    )


def sign_off(facts: Facts) -> Worded:
    """Researchers signed off a repository."""
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


def sign_off_outputs(facts: Facts) -> Worded:
    """The same, where outputs are kept in it."""
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


def sign_off_internal(facts: Facts) -> Worded:
    """Staff signed off a repository: its owner can make it public."""
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


def user_added(facts: Facts) -> Worded:
    """A person was added."""
    return Worded(
        f"New user: {facts['username']}",
        (f"{facts['username']} can now log in to this site.",),
        f"/users/{facts['username']}/",
        "Open the page of this person",
    )


def catch_up(facts: Facts) -> Worded:
    """Old news of many kinds, counted."""
    things = counted(sum(facts["counts"].values()), "thing")
    table = tuple((facts["labels"].get(kind, "Other"), str(count)) for kind, count in facts["counts"].items())
    return Worded(
        f"{things} happened while no messages were sent",
        (f"From {facts['first']} to {facts['last']} no messages were sent. All of it is in your inbox.",),
        "/inbox/",
        "Open your inbox",
        table,
    )


def _by(facts: Facts) -> str:
    return "Staff" if facts["by"] == "system" else facts["by"]


def _if_not_you(facts: Facts) -> str:
    return f"If this was not you, write to {facts['place'].whom_to_ask} at once."


def _named(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    shown = ", ".join(names[:MOST_NAMES])
    return f"{shown} and {more} more" if more > 0 else shown


def _without(these: list[str], those: list[str]) -> list[str]:
    return [name for name in these if name not in those]


def _changes(given: list[str], taken: list[str]) -> tuple[tuple[str, str], ...]:
    rows = (("Given", _named(labels_of(given))), ("Taken away", _named(labels_of(taken))))
    return tuple((label, names) for label, names in rows if names)
