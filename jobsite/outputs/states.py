"""The state of a file at Level 4 for the person who looks (output checking, section 4). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from jobsite.store.reading import Entry

RELEASED, IN_REQUEST, UPDATED, WITHDRAWN = "released", "in-request", "updated", "withdrawn"
HELD_BACK, UNRELEASED, NOT_VALID = "held-back", "unreleased", "not-valid"


@dataclass(frozen=True)
class FileState:
    """`name` is one of the above; `words` are for people, `note` says more, `address` is where more stands.

    `sha256` is the content that the state is about: that of the copy in a request. `why_not_add` is why the file cannot be
    taken into a request, None when it can.
    """

    name: str
    words: str
    sha256: str = ""
    address: str = ""
    note: str = ""
    why_not_add: str | None = None


STATES: Mapping[str, tuple[str, str]] = {
    RELEASED: ("Released", "Exactly this content was released from this workspace before."),
    IN_REQUEST: ("In request", "Your open release request holds it as it is."),
    UPDATED: ("Updated", "Your open release request holds an older version of it."),
    WITHDRAWN: ("Withdrawn", "Your open release request holds it, but no longer asks for it."),
    HELD_BACK: (
        "Held back",
        "It may not be shown at Level 4 (size, kind, identifiers), or a finding says stop.",
    ),
    UNRELEASED: (
        "Unreleased",
        "No release request of yours holds it, and this content was not released before.",
    ),
    NOT_VALID: ("Out of date", "Its action is gone, or has been run again since without making it."),
}
"""Every state with its words and what it means."""

LOOKS: Mapping[str, str] = {
    RELEASED: "succeeded",
    IN_REQUEST: "review",
    UPDATED: "unknown",
    WITHDRAWN: "cancelled",
    HELD_BACK: "failed",
    UNRELEASED: "review",
    NOT_VALID: "paused",
}
"""The sign that each is shown with."""


def state_of(
    entry: Entry,
    counts: Mapping[str, int] | None,
    requested: FileState | None = None,
    released: FileState | None = None,
) -> FileState:
    """The state of an output. `counts` are its findings by severity, None when it has not been checked.

    `requested` is what the person's own request says of its path, `released` what releases say of its content.
    """
    if entry.excluded:
        note = f"Kept out of Level 4: {entry.message}."
        return _state(
            HELD_BACK, note, "This file was held back from Level 4, so that it cannot be asked for."
        )
    if not entry.current:
        return _not_valid(entry)
    if released is not None:
        return replace(released, name=RELEASED)
    if requested is not None and requested.name == RELEASED:
        return requested
    if requested is not None:
        return _requested(entry, requested)
    if counts and counts.get("stop"):
        return _state(
            HELD_BACK, "A finding says stop: the code has to be changed before this file can be released."
        )
    return _state(UNRELEASED, "")


def _requested(entry: Entry, requested: FileState) -> FileState:
    if requested.name == WITHDRAWN:
        return replace(requested, words=STATES[WITHDRAWN][0])
    if requested.name == UPDATED or (requested.sha256 and requested.sha256 != entry.content_hash):
        note = "The request keeps the older version until you take this one."
        return replace(_state(UPDATED, note), address=requested.address, why_not_add=_IN_IT)
    return replace(requested, why_not_add=_IN_IT)


def _not_valid(entry: Entry) -> FileState:
    if entry.out_of_date_action:
        return _state(
            NOT_VALID, "Its action is no longer in project.yaml.", "Its action is no longer in project.yaml."
        )
    return _state(
        NOT_VALID, "The last run of its action did not make it again.", "Its action did not make it again."
    )


def _state(name: str, note: str, why_not_add: str | None = None) -> FileState:
    return FileState(name, STATES[name][0], note=note, why_not_add=why_not_add)


_IN_IT = "It is in your open request already."
