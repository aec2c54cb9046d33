"""The tables of the manual, made from the rules of the other rooms, so that none of them can grow old.

Each row has an anchor, so that a word anywhere on the site can lead to what it means.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jobsite.accounts.rules import GLOBAL, PERMISSIONS, PROJECT, ROLES, Role
from jobsite.jobs.rules import CODES, JOB, REQUEST_STATUSES
from jobsite.outputs.states import LOOKS
from jobsite.outputs.states import STATES as OF_OUTPUTS
from jobsite.projects.rules import STATUSES
from jobsite.releases.desk.keys import KEYS
from jobsite.releases.requests.rules import STATUSES as RELEASE_STATUSES
from jobsite.setting_origins import default_text
from jobsite.settings import SETTINGS


@dataclass(frozen=True)
class Row:
    """One thing explained: its anchor, the cells of its row, and the state whose pill the first cell shows, if any."""

    anchor: str
    cells: tuple[str, ...]
    state: str = ""

    @property
    def text(self) -> str:
        """Everything it says, for the search."""
        return " ".join(self.cells)


@dataclass(frozen=True)
class Listing:
    """A table: what its columns are called, and its rows. `code` tells that the first column holds names of programs."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...] = field(repr=False)
    code: bool = False


JOB_STATES = {
    "pending": "It waits to start. Its page says why, and how many jobs are before it.",
    "running": "It has been started on the backend and has not ended.",
    "succeeded": "It ended well, and its outputs are in the workspace.",
    "failed": "It did not do what was asked. The code beside it says why; earlier good outputs stay as they were.",
    "cancelled": "A person stopped it, or took it back before it started.",
}
REQUEST_STATES = {
    "pending": "None of its jobs has started.",
    "running": "Some of its jobs are still to end.",
    "unknown": "The backend has reported none of its jobs yet.",
    "unknown_error_creating_jobs": "The backend could not make jobs from it. Ask the people who run this site.",
    "succeeded": "All of its jobs succeeded.",
    "failed": "All have ended, and at least one did not succeed.",
    "nothing_to_do": "Everything that was asked for had run already, so no job was made.",
}
OTHER_STATES = (
    ("active", "Active", "A workspace in use, or a backend that takes job requests."),
    (
        "archived",
        "Archived",
        "A workspace that is kept to be read. No job runs in it until it is brought back.",
    ),
    ("cancelled", "Cancelling", "Somebody asked to stop it; its processes have not all ended."),
    ("missing", "Missing", "A backend that has not been in touch for longer than it should."),
    ("paused", "Paused", "A backend on which no new job starts for now. Those that run go on."),
    (
        "maintenance",
        "Database maintenance",
        "A backend whose database is being worked on. Database jobs wait; others run.",
    ),
    ("archived", "Takes no new requests", "A backend that finishes what it has and accepts nothing new."),
)
OUTPUT_STATES = tuple((LOOKS[name], words, meaning) for name, (words, meaning) in OF_OUTPUTS.items())
RELEASE_REQUESTS = {
    "PENDING": "Its author chooses files and writes about them. Nobody checks it yet.",
    "SUBMITTED": "It waits for checkers. The author can read it and change nothing.",
    "PARTIALLY_REVIEWED": "At least one review is in, and more are needed. Nobody sees the others' votes yet.",
    "REVIEWED": "All reviews that are needed are in. Checkers see each other's votes and decide.",
    "RETURNED": "The author is to change or answer something, then submits again.",
    "APPROVED": "Everything was approved. The files leave after a short time in which it can be stopped.",
    "RELEASED": "The files are under Released Outputs of the workspace.",
    "REJECTED": "It will not be released. The reason stands on its page.",
    "WITHDRAWN": "Its author took it back.",
    "REVOKED": "It was released and then taken back; a note stands in place of the files.",
}
SEVERITIES = (
    ("Stop", "cannot be added as an output", "cannot be submitted", "cannot be approved or waived"),
    (
        "Fix",
        "is shown",
        "has to be mended, withdrawn or explained",
        "has to be waived with a reason, or changes asked for",
    ),
    ("Look", "is shown", "nothing has to be done", "approving the file says that you have seen it"),
    ("Note", "is folded away", "nothing has to be done", "nothing has to be done"),
)
_SCOPES = {PROJECT: "in a project", GLOBAL: "for the whole site"}


def job_states() -> Listing:
    """The coarse states of a job."""
    return Listing(
        ("State", "Means"),
        tuple(_state(name, name.capitalize(), JOB_STATES[name]) for name in JOB.transitions),
    )


def request_states() -> Listing:
    """The statuses of a job request."""
    rows = ((name, name.replace("_", " ").capitalize(), REQUEST_STATES[name]) for name in REQUEST_STATUSES)
    return Listing(("Status", "Means"), tuple(_state(*row, of="request") for row in rows))


def other_states() -> Listing:
    """The states of workspaces and backends."""
    return Listing(("State", "Means"), tuple(_state(*row) for row in OTHER_STATES))


def output_states() -> Listing:
    """How files stand at Level 4."""
    return Listing(("State", "Means"), tuple(_state(*row, of="output") for row in OUTPUT_STATES))


def codes() -> Listing:
    """Every status code of a job."""
    rows = (
        Row(f"code-{name}", (name, one.state.capitalize(), one.sentence, one.advice))
        for name, one in CODES.items()
    )
    return Listing(("Code", "State", "Means", "What to do"), tuple(rows), code=True)


def project_statuses() -> Listing:
    """The statuses of a project, with what its description should say."""
    rows = (_state(name, one.label, one.asks, of="project") for name, one in STATUSES.items())
    return Listing(("Status", "What to write"), tuple(rows))


def roles() -> Listing:
    """Every role with what it permits."""
    return Listing(("Role", "Given", "For", "May"), tuple(_role(role) for role in ROLES.values()))


def permissions() -> Listing:
    """Every permission with the roles that give it."""
    rows = (
        Row(
            f"permission-{name}",
            (
                _sentence(one.what),
                ", ".join(role.label for role in ROLES.values() if name in role.permissions),
            ),
        )
        for name, one in PERMISSIONS.items()
    )
    return Listing(("What may be done", "By the roles"), tuple(rows))


def words() -> Listing:
    """The words of the site: the table of the document that people who change the code keep to."""
    here = Path(__file__).parent
    found = next(
        path for path in (here / "words.md", here.parents[1] / "docs" / "words.md") if path.is_file()
    )
    lines = [line for line in found.read_text("utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip().replace("`", "") for cell in line.strip("| ").split("|")] for line in lines[1:]]
    return Listing(
        ("Word", "Means"), tuple(Row(f"word-{_anchor(word)}", (word, means)) for word, means in cells)
    )


def settings() -> Listing:
    """Every setting of an installation."""
    rows = (
        Row(f"setting-{one.name}", (one.name.upper(), default_text(one) or "(empty)", one.metadata["help"]))
        for one in SETTINGS
    )
    return Listing(("Setting", "Without it", "What it is"), tuple(rows), code=True)


def release_request_statuses() -> Listing:
    """The statuses of a release request."""
    rows = (
        _state(name, one.label, RELEASE_REQUESTS[name], of="release-request")
        for name, one in RELEASE_STATUSES.items()
    )
    return Listing(("Status", "Means"), tuple(rows))


def severities() -> Listing:
    """How serious a finding of the checks is, and what follows from it."""
    rows = (Row(f"severity-{_anchor(cells[0])}", cells) for cells in SEVERITIES)
    return Listing(("Finding", "On adding the file", "On submitting", "On approving"), tuple(rows))


def desk_keys() -> Listing:
    """The keys of the review desk."""
    rows = (Row(f"key-{number}", (" then ".join(keys), what)) for number, (keys, what) in enumerate(KEYS, 1))
    return Listing(("Key", "Does"), tuple(rows), code=True)


LISTINGS: Mapping[str, Callable[[], Listing]] = {
    "job-states": job_states,
    "request-states": request_states,
    "other-states": other_states,
    "output-states": output_states,
    "codes": codes,
    "project-statuses": project_statuses,
    "roles": roles,
    "permissions": permissions,
    "words": words,
    "release-request-statuses": release_request_statuses,
    "severities": severities,
    "desk-keys": desk_keys,
    "settings": settings,
}


def _state(name: str, words: str, means: str, *, of: str = "state") -> Row:
    return Row(f"{of}-{_anchor(words)}", (words, means), state=name)


def _role(role: Role) -> Row:
    where = " or ".join(words for scope, words in _SCOPES.items() if scope in role.scopes)
    may = "; ".join(one.what for name, one in PERMISSIONS.items() if name in role.permissions)
    return Row(f"role-{role.name}", (role.label, where, role.description, _sentence(may)))


def _anchor(words: str) -> str:
    return re.sub("[^a-z0-9]+", "-", words.lower())


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
