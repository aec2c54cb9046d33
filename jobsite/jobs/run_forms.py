"""What the run-jobs form sends: read leniently, so that a script may leave out what a page fills in."""

import hashlib
import re
import secrets
from dataclasses import dataclass, field

from werkzeug.datastructures import MultiDict

LONGEST = 500
MOST_ACTIONS = 20_000

_COMMIT = re.compile(r"[0-9a-f]{40}")
_YES = ("true", "on", "1", "yes")
_CHOOSE = ("all", "none")


@dataclass(frozen=True)
class Answers:
    """The values of one form. `will_notify` is None where nothing was said about it.

    `wants_page` says that a button other than Submit was pressed: choose all, filter, preview, another commit;
    `move` is that other commit, as a person names it. `opened` is when the page was opened that now asks how
    the fetch goes, in seconds since 1970.
    """

    backend: str = ""
    actions: tuple[str, ...] = ()
    force: bool = False
    will_notify: bool | None = None
    sha: str = ""
    form_key: str = ""
    filter: str = ""
    choose: str = ""
    move: str = ""
    opened: int | None = None
    wants_page: bool = False
    errors: dict[str, str] = field(default_factory=dict)

    def key_of(self, person: int, workspace: int, backend: str, commit: str) -> str | None:
        """The name of this very request: the same form sent again by the same person with the same wishes.

        None for a form without a key. What was changed and sent from the same page is another request.
        """
        if not self.form_key:
            return None
        wishes = (person, workspace, backend, commit, self.force, *sorted(self.actions), self.form_key)
        return hashlib.sha256("\n".join(map(str, wishes)).encode()).hexdigest()


def read_answers(values: "MultiDict[str, str]") -> Answers:
    """The answers among the values of a query or a form. What cannot be used has its sentence in `errors`."""
    sha, errors = _text(values, "sha").lower(), {}
    if sha and not _COMMIT.fullmatch(sha):
        errors["sha"] = f"“{sha[:50]}” is not the full id of a commit: 40 digits and letters from a to f."
    actions = tuple(dict.fromkeys(name for name in values.getlist("requested_actions") if name))
    if len(actions) > MOST_ACTIONS:
        errors["requested_actions"] = f"More than {MOST_ACTIONS:,} actions cannot be asked for at once."
    choose = _text(values, "choose")
    return Answers(
        backend=_text(values, "backend"),
        actions=actions[:MOST_ACTIONS],
        force=_yes(values, "force_run_dependencies") is True,
        will_notify=_yes(values, "will_notify"),
        sha="" if errors.get("sha") else sha,
        form_key=_text(values, "form_key")[:64],
        filter=_text(values, "filter"),
        choose=choose if choose in _CHOOSE else "",
        move=_text(values, "move") or (_text(values, "at") if "move" in values else ""),
        opened=int(opened) if re.fullmatch(r"[0-9]{1,12}", opened := _text(values, "opened")) else None,
        wants_page=any(name in values for name in ("choose", "preview", "move")),
        errors=errors,
    )


def new_form_key() -> str:
    """A name for a form that is about to be shown."""
    return secrets.token_urlsafe(16)


def _text(values: "MultiDict[str, str]", name: str) -> str:
    """The last value of that name: a box that is ticked stands after the hidden field that says it is not."""
    found = values.getlist(name)
    return found[-1].strip()[:LONGEST] if found else ""


def _yes(values: "MultiDict[str, str]", name: str) -> bool | None:
    said = _text(values, name)
    return said.lower() in _YES if said else None
