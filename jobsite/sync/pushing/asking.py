"""The controller is asked how jobs stand, and how its backends do (specification 10.1)."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from jobsite.accounts.contact import note_standing
from jobsite.core.clock import now
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.reported import Report, report_jobs
from jobsite.settings import current
from jobsite.store.journal import fail_point
from jobsite.sync.answers import NotNow
from jobsite.sync.api.shapes import Wrong
from jobsite.sync.client import Answer
from jobsite.sync.pushing.bodies import jobs_in, standings_in, unrecognised_in
from jobsite.sync.pushing.client import NO_CONTROLLER, Controller, sound
from jobsite.sync.pushing.contact import note_failure, note_success, pushed_backends
from jobsite.sync.pushing.creating import end_cancelled, found_there, refuse
from jobsite.sync.pushing.journal import change, change_all, to_ask
from jobsite.sync.pushing.models import SentRequest
from jobsite.sync.pushing.rules import LONGEST_DETAILS, UNKNOWN_ERROR, is_unwanted, one_line

AT_ONCE = 100
"""Requests of which one call asks."""
_BAD = (400, 413, 422)
NOT_KNOWN = "The controller does not know it (any more)."

log = logging.getLogger("jobsite.controller")


def ask_jobs(controller: Controller) -> None:
    """Ask how the jobs of every request stand that the controller may know and was not asked about within the interval.

    Raises `Unreachable`.
    """
    rows = to_ask(now() - current().controller_every)
    for start in range(0, len(rows), AT_ONCE):
        _ask(controller, rows[start : start + AT_ONCE])


def ask_backends(controller: Controller) -> None:
    """Ask how the backends stand whose requests are pushed, and note it of each. Raises `Unreachable`."""
    told, known = sound(controller.get("backend/status/")), {one.slug: one for one in pushed_backends()}
    try:
        standings = standings_in(told)
    except Wrong:
        raise _no_controller() from None
    note_success()
    for one in (one for one in standings if one["slug"] in known):
        note_standing(
            by=known[one["slug"]],
            seen_at=one["last_seen"],
            paused=_turn(one["paused"]),
            maintenance=_turn(one["db_maintenance"]),
            by_hand=one["db_maintenance"]["type"] == "manual",
        )


def _ask(controller: Controller, rows: Sequence[SentRequest]) -> None:
    """One call, and all that follows from its answer."""
    asked = {row.job_request.identifier: row for row in rows}
    answer = controller.post("rap/status/", {"rap_ids": list(asked)})
    if answer.status in _BAD:
        return _divide(controller, rows, answer)
    told = sound(answer)
    jobs = jobs_in(told, asked)
    if jobs is None:
        raise _no_controller()
    note_success()
    fail_point("pushing.told")
    change_all(rows, asked_at=now())
    known = {report.job_request_id for _, report in jobs}
    for identifier in known:
        if asked[identifier].answered_at is None:
            found_there(asked[identifier])
    _store(asked, jobs)
    for identifier in unrecognised_in(told, asked) - known:
        _unknown_there(asked[identifier])


def _divide(controller: Controller, rows: Sequence[SentRequest], answer: Answer) -> None:
    """Who refuses to tell of all of them is asked about each half, so that one of them keeps back no other."""
    if len(rows) == 1:
        told = answer.data if isinstance(answer.data, dict) else {}
        said = one_line(told.get("details"), LONGEST_DETAILS) or f"status {answer.status}"
        return change(rows[0], asked_at=now(), problem=f"The controller does not tell how it stands: {said}")
    middle = len(rows) // 2
    _ask(controller, rows[:middle])
    _ask(controller, rows[middle:])


def _store(asked: dict[str, SentRequest], jobs: Sequence[tuple[str, Report]]) -> None:
    """Take in the jobs of each backend; one that is told of another backend than its request was sent to is left alone."""
    found: dict[str, list[Report]] = defaultdict(list)
    for slug, report in jobs:
        if asked[report.job_request_id].job_request.backend.slug == slug:
            found[slug].append(report)
        else:
            log.warning("request %s is told of for another backend", report.job_request_id)
    backends = {row.job_request.backend.slug: row.job_request.backend for row in asked.values()}
    for slug, reports in found.items():
        report_jobs(by=backends[slug], reports=reports, whole=False)


def _unknown_there(row: SentRequest) -> None:
    """A request that may have arrived never has, unless it is to be sent again. One that the controller once had is noted, and
    ends when nobody wants it any more: there is nobody else who could end it."""
    if row.answered_at is None and row.not_before is None:
        change(row, answered_at=now(), problem=UNKNOWN_ERROR)
        refuse(row.job_request, UNKNOWN_ERROR, code="internal_error")
    elif row.answered_at is not None and _is_unwanted(row.job_request):
        end_cancelled(row.job_request)
    elif row.answered_at is not None and row.problem != NOT_KNOWN:
        log.error("the controller does not know job request %s (any more)", row.job_request.identifier)
        change(row, problem=NOT_KNOWN)


def _is_unwanted(request: JobRequest) -> bool:
    """Whether every job of it that is active was cancelled, or, where none is known, all that it asks for."""
    jobs = [job for job in Job.select().where(Job.job_request == request) if job.is_active]
    if jobs:
        return all(job.cancelling for job in jobs)
    return is_unwanted(request.requested_actions, request.cancelled_actions)


def _turn(flag: dict[str, Any]) -> tuple[bool, Any]:
    return flag["status"] == "on", flag["since"]


def _no_controller() -> NotNow:
    note_failure(NO_CONTROLLER)
    return NotNow(NO_CONTROLLER)
