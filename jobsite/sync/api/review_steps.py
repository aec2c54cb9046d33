"""Steps of release requests that are reviewed elsewhere (specification 9.6): answered 201 whatever they name, so that no
program waits for what will not come."""

from collections.abc import Mapping
from typing import Any

from flask import Response

from jobsite.accounts.queries import user_named
from jobsite.notifications.told_rules import STEPS, update_line
from jobsite.notifications.told_steps import Told, note_review, why_not_tell
from jobsite.projects.models import Workspace
from jobsite.setting_kinds import repo_name
from jobsite.sync.api.callers import BACKEND
from jobsite.sync.api.endpoints import Answer, Call, Endpoints, answer
from jobsite.sync.api.shapes import Many, Optional, OrNull, Shape, Text, Whole, described

api = Endpoints("api")

_LINE = Optional(OrNull(Text(1000, blank=True)))
UPDATE = Shape({"update": _LINE, "update_type": _LINE, "group": _LINE, "user": _LINE})
STEP = Shape(
    {
        "event_type": Text(100),
        "workspace": Text(),
        "request": Text(100),
        "request_author": Text(),
        "user": Text(),
        "updates": Optional(OrNull(Many(UPDATE))),
        "org": Optional(OrNull(Text(100, blank=True))),
        "repo": Optional(OrNull(Text(100, blank=True))),
        "turn": Optional(OrNull(Whole())),
    }
)
_TOLD = described(status={"enum": ["ok", "error"]})


@api("POST", "airlock/events/", caller=BACKEND, body=STEP, answers={201: Answer("it was taken", _TOLD)})
def review_step(call: Call) -> Response:
    """A step of a release request: people are told, and its issue is kept. What it names and is not here is told back."""
    told = call.body
    found, unknown = _found(told)
    if why_not := why_not_tell(call.backend, told["request"]):
        unknown.append(why_not)
    if unknown:
        return answer({"status": "error", "message": "; ".join(unknown)}, 201)
    lines = [
        update_line(one["update"] or one["update_type"] or "", one["group"], one["user"])
        for one in told["updates"] or []
    ]
    note_review(
        by=call.backend, told=Told(updates=lines, turn=told["turn"], request=told["request"], **found)
    )
    return answer({"status": "ok"}, 201)


def _found(told: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The step, the workspace, the people and the repository it names; and a sentence for each that is not here."""
    step = str(told["event_type"]).lower()
    found = {
        "step": step if step in STEPS else None,
        "workspace": Workspace.get_or_none(Workspace.name == told["workspace"]),
        "author": user_named(str(told["request_author"])),
        "user": user_named(str(told["user"])),
        "repo": _repo(told),
    }
    sentences = {
        "step": f"Unknown event type '{str(told['event_type'])[:100]}'",
        "workspace": f"Unknown workspace '{told['workspace']}'",
        "author": f"Unknown user '{told['request_author']}'",
        "user": f"Unknown user '{told['user']}'",
        "repo": "org and repo are no repository in the form owner/name",
    }
    return found, list(dict.fromkeys(sentences[name] for name, value in found.items() if value is None))


def _repo(told: Mapping[str, Any]) -> str | None:
    """The repository for the issue where the program names one, else ""; None for what is none."""
    if not (told["org"] and told["repo"]):
        return ""
    try:
        return repo_name(f"{told['org']}/{told['repo']}")
    except ValueError:
        return None
