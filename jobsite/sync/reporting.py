"""The states of jobs are pushed to the public side: of each request that changed all jobs, until it has accepted them.

What was last accepted stands in the journal, so that days of separation are caught up and nothing that is known is sent
again. To send twice does no harm: a report is the whole truth about its request, and what has ended stays as it is.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from peewee import JOIN, fn

from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.events import record
from jobsite.jobs.backend_alerts import JOBS, count_failure
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.refusals import IMPOSSIBLE
from jobsite.jobs.reports import failed_report, reports_of
from jobsite.store.journal import fail_point
from jobsite.sync.answers import sound
from jobsite.sync.client import Answer, PublicSide
from jobsite.sync.flags import flags_header
from jobsite.sync.models import FetchedRequest
from jobsite.sync.own_backend import own_backend

AT_ONCE = 200
"""Jobs after which a call holds no further request; one request is never divided."""
SIGN_OF_LIFE, REPEATED = timedelta(minutes=1), timedelta(minutes=10)
"""After so long a request of which a job runs is told of again, and any other that has not ended: the public side may have
been restored from a backup, or have got an older report after the last."""
REFUSED_AGAIN = timedelta(minutes=10)
_BAD = (400, 413, 422)

log = logging.getLogger("jobsite.sync")


@dataclass(frozen=True)
class Report:
    """All jobs of one request as they go out; `ended`: there is nothing to tell after it."""

    row: FetchedRequest
    jobs: list[dict[str, Any]]
    digest: str
    ended: bool


class Reporting:
    """Pushes the jobs of this backend. `push` is one round."""

    def __init__(self, side: PublicSide) -> None:
        self._side = side
        self._seen: dict[int, str] = {}
        self._refused: dict[int, datetime] = {}

    def push(self) -> int:
        """Send what the public side does not know, oldest request first; gives how many jobs went out.

        Raises `Unreachable`.
        """
        sent, batch = 0, list[Report]()
        for report in self._due():
            batch.append(report)
            if sum(len(one.jobs) for one in batch) >= AT_ONCE:
                sent, batch = sent + self._send(batch), []
        return sent + (self._send(batch) if batch else 0)

    def _due(self) -> Iterator[Report]:
        yield from (_hopeless(row) for row in _untold() if self._refused.get(row.id, datetime.min) <= now())
        rows = _unsettled()
        self._seen = {row.id: self._seen[row.id] for row in rows if row.id in self._seen}
        for row in rows:
            is_known = bool(row.accepted) and self._seen.get(row.id) == _stamp(row)
            again = row.accepted_at is None or now() - row.accepted_at >= _patience(row)
            if (is_known and not again) or self._refused.get(row.id, datetime.min) > now():
                continue
            report = _report(row)
            if report.digest == row.accepted and not again:
                self._accept([report], row.accepted_at)
            elif report.jobs:
                yield report

    def _send(self, reports: Sequence[Report]) -> int:
        """One call; where it is refused for what it holds, two with half of it each, so that one bad job stops no other."""
        backend = own_backend()
        headers = flags_header(backend) if backend else {}
        jobs = [job for report in reports for job in report.jobs]
        answer = self._side.post("jobs/", json=jobs, headers=headers)
        if answer.status in _BAD:
            return self._divide(reports, answer)
        sound(answer)
        fail_point("reporting.sent")
        self._accept(reports, now())
        return len(jobs)

    def _divide(self, reports: Sequence[Report], answer: Answer) -> int:
        if len(reports) == 1:
            self._refuse(reports[0], answer)
            return 0
        middle = len(reports) // 2
        return self._send(reports[:middle]) + self._send(reports[middle:])

    def _accept(self, reports: Sequence[Report], at: datetime | None) -> None:
        """Note that the public side knows these; in one transaction."""
        with writing():
            for report in reports:
                known = {"accepted": report.digest, "accepted_at": at, "refusal": ""}
                rows = FetchedRequest.update(**known, is_settled=report.ended)
                rows.where(FetchedRequest.id == report.row.id).execute()
        for report in reports:
            if report.row.job_request_id:
                self._seen[report.row.id] = _stamp(report.row)
            self._refused.pop(report.row.id, None)

    def _refuse(self, report: Report, answer: Answer) -> None:
        """Note that the public side refuses the report of one request. It is told of once, and tried again later."""
        self._refused[report.row.id] = now() + REFUSED_AGAIN
        said = f"status {answer.status}: {answer.detail}"[:200]
        if report.row.refusal == said:
            return
        log.error("the public side refuses the report of job request %s: %s", report.row.identifier, said)
        backend, request = own_backend(), report.row.job_request_id
        with writing():
            FetchedRequest.update(refusal=said).where(FetchedRequest.id == report.row.id).execute()
            if backend and request:
                count_failure(backend.id, JOBS, "report_refused", at_once=True)
                subject = f"request:{request}"
                record("request:report-refused", by="system", subject=subject, status=answer.status)


def _untold() -> list[FetchedRequest]:
    """The requests that can become none here, of which the public side does not know that. One query."""
    rows = FetchedRequest.select().where(FetchedRequest.job_request.is_null(), FetchedRequest.problem != "")
    return [row for row in rows if row.is_hopeless and not row.is_settled]


def _hopeless(row: FetchedRequest) -> Report:
    return Report(row, [failed_report(row.identifier, IMPOSSIBLE, now())], "told", ended=True)


def _unsettled() -> list[FetchedRequest]:
    """The requests of the journal whose end the public side does not know, oldest first, with their requests, when a job
    of each last `changed` and how many are `running`. One query."""
    rows = (
        FetchedRequest.select(
            FetchedRequest,
            JobRequest,
            fn.MAX(Job.updated_at).alias("changed"),
            fn.COUNT(fn.NULLIF(Job.state != "running", True)).alias("running"),
        )
        .join(JobRequest)
        .join(Job, JOIN.LEFT_OUTER)
        .where(FetchedRequest.is_settled == False)
        .group_by(FetchedRequest.id, JobRequest.id)
        .order_by(JobRequest.id)
    )
    return list(rows)


def _stamp(row: FetchedRequest) -> str:
    """What is another text whenever anything has changed that is told of a request."""
    return f"{row.changed} {row.job_request.status}"


def _patience(row: FetchedRequest) -> timedelta:
    return SIGN_OF_LIFE if row.running else REPEATED


def _report(row: FetchedRequest) -> Report:
    request = row.job_request
    jobs = reports_of(request, now())
    lasting = [{name: value for name, value in job.items() if name != "updated_at"} for job in jobs]
    digest = sha256(json.dumps(lasting, sort_keys=True).encode()).hexdigest()
    return Report(row, jobs, digest, ended=request.completed_at is not None)
