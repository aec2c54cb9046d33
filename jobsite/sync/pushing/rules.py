"""What is said to the controller and what its answers mean (specification 10.1). Pure.

Whatever it says in words is one line of limited length: it is shown to researchers, and nothing of a log belongs there.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jobsite.jobs.rules import CODES
from jobsite.pipelines.planning import RUN_ALL

MADE, NOTHING, REFUSED, UNCLEAR = "made", "nothing to do", "refused", "unclear"

LONGEST_DETAILS = 1000
LONGEST_MESSAGE = 300
MOST_UNANSWERED = 3
"""After so many calls without an answer a request is not sent again: the next question how its jobs stand settles it."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=5)

UNKNOWN_ERROR = "Unknown error creating jobs"
"""What is said of a request that the controller did not answer to and does not know (10.1)."""
NO_WORDS = "The controller refused it without saying why (status {})"

_SCOPES = (
    ("dataset", "dataset_permissions"),
    ("population", "population_permissions"),
    ("component", "component_access"),
)
_COMPONENTS = ("event_level_data",)
"""Those that the interface has a word for."""

MEASURES = 40
LONGEST_TRACE = 200


@dataclass(frozen=True)
class Outcome:
    """What became of a request at the controller: `kind` is one of the four words above, `count` how many jobs."""

    kind: str
    details: str = ""
    count: int = 0


def outcome_of(status: int, data: Any, rap_id: str) -> Outcome:
    """What the answer to a creation means: its status, and its JSON (None: it has none).

    Unclear is what is no JSON, what speaks of another request, and a success that does not say of how many jobs.
    """
    if data is None:
        return Outcome(UNCLEAR, f"The controller gave no answer that can be used (status {status})")
    told = data if isinstance(data, dict) else {}
    if not 200 <= status < 300:
        said = one_line(told.get("details"), LONGEST_DETAILS) or one_line(told.get("error"), LONGEST_DETAILS)
        return Outcome(REFUSED, said or NO_WORDS.format(status))
    count = _count(told.get("count"))
    if told.get("rap_id", rap_id) != rap_id or count is None:
        return Outcome(UNCLEAR, "The controller gave an answer that does not say what became of it")
    return Outcome(MADE if count else NOTHING, one_line(told.get("details"), LONGEST_DETAILS), count)


def one_line(text: Any, longest: int) -> str:
    """A text of somebody else as one line of at most so many characters; "" for what is none."""
    if not isinstance(text, str):
        return ""
    shown = "".join(one if one.isprintable() else " " for one in text[: 4 * longest])
    line = " ".join(shown.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def message_of(code: str, message: str) -> str:
    """What is kept of the message of a job. What is longer than a line, or a long one, may be of a log: the sentence of its
    code stands for it."""
    line = one_line(message, LONGEST_MESSAGE)
    if line == message.strip():
        return line
    known = CODES.get(code)
    return known.sentence if known else ""


def measures_of(metrics: Any) -> dict[str, float] | None:
    """The numbers among the measures of a job, each with a name; nothing else is kept of them."""
    given = metrics if isinstance(metrics, dict) else {}
    found = {name: value for name, value in given.items() if len(name) <= 50 and _is_number(value)}
    return dict(list(found.items())[:MEASURES]) or None


def trace_of(context: Any) -> dict[str, str] | None:
    """Where the trace of a job is, as the two headers of W3C Trace Context say it."""
    given = context if isinstance(context, dict) else {}
    found = {name: one_line(given.get(name), LONGEST_TRACE) for name in ("traceparent", "tracestate")}
    return {name: value for name, value in found.items() if value} or None


def scope_of(allowed: Collection[tuple[str, str]]) -> dict[str, list[str]]:
    """What a project may use of the data that needs a permission, as the interface names it; empty lists are left out.

    `allowed` are pairs of kind and value. Of SQL Runner it knows nothing: that was judged here.
    """
    found = {
        name: sorted(
            value for its, value in allowed if its == kind and (kind != "component" or value in _COMPONENTS)
        )
        for kind, name in _SCOPES
    }
    return {name: values for name, values in found.items() if values}


def is_unwanted(requested: Sequence[str], cancelled: Collection[str]) -> bool:
    """Whether everything that a request asks for was cancelled before anybody knew of it."""
    return bool(cancelled) and set(requested) - {RUN_ALL} <= set(cancelled)


def wait_after(unanswered: int) -> timedelta:
    """How long to wait after so many calls without an answer: doubled each time."""
    return min(FIRST_WAIT * 2 ** min(max(unanswered - 1, 0), 10), LONGEST_WAIT)


def not_there(data: Any) -> list[str]:
    """The actions of which an answer to a cancellation says that the request has none such."""
    told = data.get("not_found") if isinstance(data, Mapping) else None
    return [one for one in told if isinstance(one, str)] if isinstance(told, list) else []


def _count(value: Any) -> int | None:
    is_one = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    return value if is_one else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53
