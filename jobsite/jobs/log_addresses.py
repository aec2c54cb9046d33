"""The addresses that the lines of a log lead to. They name the attempt, so that they mean the same for ever."""

from dataclasses import dataclass
from typing import Any

from flask import url_for

from jobsite.jobs.log_wanted import Wanted
from jobsite.jobs.models import Attempt, Job


@dataclass(frozen=True)
class Addresses:
    """Up to the number of a line: `line` shows it with lines around it, `whole` shows all of a long one, within the

    search that led there. `stream` is where lines come from as they are written.
    """

    line: str
    whole: str
    stream: str


def addresses(name: str, job: Job, attempt: Attempt, wanted: Wanted) -> Addresses:
    """The addresses of the lines of an attempt, in the look that is wanted."""

    def to(endpoint: str, **query: str) -> str:
        names = {"name": name, "number": job.job_request_id, "identifier": job.identifier}
        values: dict[str, Any] = {**names, "attempt": attempt.number, **wanted.kept, **query}
        return url_for(endpoint, **values)

    chosen = {"q": wanted.q, "case": wanted.case and "1", "regex": wanted.pattern and "1"}
    search = {key: str(value) for key, value in chosen.items() if wanted.q and value}
    return Addresses(
        line=f"{to('log.show_log')}&line=",
        whole=f"{to('log.show_log', **search)}&line=",
        stream=to("log.stream_log", **search, state=job.state),
    )
