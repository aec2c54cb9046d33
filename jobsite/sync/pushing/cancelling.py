"""The controller is told which actions of a request nobody wants any more (specification 10.1)."""

from jobsite.accounts.rules import SYSTEM
from jobsite.core import hub
from jobsite.core.db import database, writing
from jobsite.core.events import record
from jobsite.jobs.models import JobRequest
from jobsite.jobs.rules import REQUEST_ACTIVE
from jobsite.store.journal import fail_point
from jobsite.sync.answers import NotNow
from jobsite.sync.client import Answer
from jobsite.sync.pushing.client import NO_CONTROLLER, Controller
from jobsite.sync.pushing.contact import note_failure, note_success
from jobsite.sync.pushing.journal import change, not_told, to_cancel
from jobsite.sync.pushing.models import SentRequest
from jobsite.sync.pushing.rules import LONGEST_DETAILS, NO_WORDS, not_there, one_line

NOT_CANCELLED = "request:cancel-refused"


def cancel_due(controller: Controller) -> None:
    """Tell of every cancellation that the controller has not heard of. Raises `Unreachable`."""
    for row in to_cancel():
        _cancel(controller, row)


def _cancel(controller: Controller, row: SentRequest) -> None:
    """One action that it has not refuses all: it is asked again without those that it says it has not."""
    wanted = not_told(row)
    while wanted:
        answer = _ask(controller, row, wanted)
        if answer.status == 200:
            return _note(row, wanted)
        missing = sorted(set(not_there(answer.data)) & set(wanted)) if answer.status == 404 else []
        if not missing:
            return _refused(row, wanted, answer)
        _note(row, missing)
        wanted = [one for one in wanted if one not in missing]


def _ask(controller: Controller, row: SentRequest, actions: list[str]) -> Answer:
    """The answer, which is one of a controller. Raises `Unreachable`."""
    answer = controller.post("rap/cancel/", {"rap_id": row.job_request.identifier, "actions": actions})
    fail_point("pushing.cancelled")
    if not isinstance(answer.data, dict) or answer.status >= 500:
        note_failure(NO_CONTROLLER)
        raise NotNow(NO_CONTROLLER)
    note_success()
    return answer


def _note(row: SentRequest, actions: list[str]) -> None:
    """The controller knows that these are not wanted. How the jobs stand is asked for at once."""
    change(row, cancelled=sorted({*row.cancelled, *actions}), asked_at=None)


def _refused(row: SentRequest, actions: list[str], answer: Answer) -> None:
    """The controller cancels none of it, and says why: that is shown, and not asked for again."""
    said = one_line(answer.data.get("details") or answer.data.get("error"), LONGEST_DETAILS)
    sentence = f"It could not be cancelled: {said or NO_WORDS.format(answer.status)}"
    with writing():
        _note(row, actions)
        change(row, problem=sentence)
        active = (JobRequest.id == row.job_request_id) & JobRequest.status.in_(REQUEST_ACTIVE)
        JobRequest.update(status_message=sentence).where(active).execute()
        record(NOT_CANCELLED, by=SYSTEM, subject=f"request:{row.job_request_id}", actions=actions)
        database.after_commit(hub.ring)
