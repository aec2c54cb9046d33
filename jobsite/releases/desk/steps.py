"""The steps of a request that are asked for on a page of their own: what each says, what it wants to be told, its button.

Pure. A step that cannot be undone says so; a step that needs a reason has a box for it and says who reads it
(specification 2.2, 6 and 10; OC3, OC15).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from jobsite.releases.requests.rules import CATEGORIES


@dataclass(frozen=True)
class Ask:
    """A field of a step: text to be written, or with `choices` one to be chosen. `hint` says who reads it."""

    name: str
    label: str
    hint: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    is_optional: bool = False


@dataclass(frozen=True)
class Step:
    """One step: the name of its action, what the page says, its fields, its button, and what is said when it is done."""

    action: str
    title: str
    says: tuple[str, ...]
    button: str
    done: str
    fields: tuple[Ask, ...] = ()
    tone: str = "primary"


_TO_AUTHOR = Ask("reason", "Reason", "The author and everybody who may open the request read it, at once.")
_EVERYBODY = "Everybody who may open the request reads it."

STEPS: Mapping[str, Step] = {
    "withdraw": Step(
        "withdraw",
        "Withdraw this request",
        (
            "Nothing of it will be checked or released. It stays readable.",
            "This cannot be undone; you can request the same files again.",
        ),
        "Withdraw the request",
        "The request has been withdrawn.",
        (Ask("reason", "Reason", f"You may leave it empty. {_EVERYBODY}", is_optional=True),),
        "danger",
    ),
    "return-early": Step(
        "return_early",
        "Return this request early",
        (
            "The request goes back to its author before all reviews are in.",
            "All votes of this turn are set aside, and what checkers wrote is sealed: only its writers can read it, and post it again later.",
        ),
        "Return it to the author",
        "The request has been returned to its author.",
        (_TO_AUTHOR,),
    ),
    "return": Step(
        "return_request",
        "Return this request",
        (
            "The request goes back to its author, who sees which files need changes, and your public comments.",
            "Approvals of files that do not change stay.",
        ),
        "Return it to the author",
        "The request has been returned to its author.",
        (_TO_AUTHOR,),
    ),
    "reject": Step(
        "reject",
        "Reject this request",
        ("It ends here and nothing of it is released. This cannot be undone.",),
        "Reject the request",
        "The request has been rejected.",
        (Ask("category", "Kind of reason", choices=tuple(CATEGORIES.items())), _TO_AUTHOR),
        "danger",
    ),
    "release": Step(
        "approve",
        "Approve and release",
        (
            "All files are checked and hashed once more. Then they leave Level 4 and become readable for the members of the project.",
            "For a short time after that it can be stopped. Later it can only be recalled, and nobody knows who has read the files meanwhile.",
        ),
        "Approve and release",
        "The request has been approved. Its files leave when the time to stop it has passed.",
    ),
    "again": Step(
        "request_again",
        "Request this again",
        (
            "A new draft asks for the same files as the workspace has them now, in the same groups, with what you said about them.",
            "What was released with exactly these bytes is left out, and so is what is gone. Read context and controls again before you submit.",
        ),
        "Request again",
        "The new draft has been made. Compare what changed, mend what you said, and submit it.",
    ),
    "stop-release": Step(
        "stop_release",
        "Stop this release",
        ("The approval is taken back before any file has left. The request is to be decided again.",),
        "Stop the release",
        "The release has been stopped.",
        (Ask("reason", "Reason", "Checkers and the author read it."),),
        "danger",
    ),
    "recall": Step(
        "recall",
        "Recall this release",
        (
            "The files you tick disappear for everybody, and a note with your public reason stands in their place.",
            "It cannot be known who has read or copied them. This cannot be undone.",
        ),
        "Recall",
        "The release has been recalled.",
        (
            Ask(
                "public_reason",
                "Reason for everybody",
                "Stands in place of the files, for everybody who could read them.",
            ),
            Ask("private_reason", "Reason for the record", "Checkers and auditors read it."),
        ),
        "danger",
    ),
}
"""By their names in the address. An early return stands at the same address as a return: the status decides."""
