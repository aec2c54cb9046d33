"""The log of a running job, written as its supervisor writes it, and its page as a reader sees it."""

import html
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from jobsite.core.clock import now
from jobsite.jobs.actions import move
from jobsite.jobs.execution import attempt_dir
from jobsite.jobs.logs.writer import LogWriter
from jobsite.jobs.models import Attempt, Job, JobRequest

from .conftest import Study, project_yaml

MODERATE = "moderately_sensitive"
SignIn = Callable[[FlaskClient, str], FlaskClient]
POLL = {"HX-Request": "true", "HX-Target": "follow", "HX-Together": "1"}


class Log:
    """The log of a running job, written as its supervisor writes it."""

    def __init__(self, job: Job, number: int = 1) -> None:
        self.job = job
        attempt = Attempt.create(
            job=job, number=number, identifier=f"{job.identifier}-{number:03}", created_at=now()
        )
        folder = attempt_dir(job, attempt)
        folder.mkdir(parents=True)
        self.writer = LogWriter(folder / "log")

    def write(self, text: str | bytes, stream: str = "stdout") -> None:
        data = text.encode() if isinstance(text, str) else text
        self.writer.feed(stream, data)
        self.writer.flush()

    def lines(self, first: int, last: int) -> None:
        self.write("".join(f"line {number}\n" for number in range(first, last + 1)))

    @property
    def path(self) -> str:
        return f"/asthma/{self.job.job_request_id}/{self.job.identifier}/log/"


@pytest.fixture
def waiting(study: Study, ask: Callable[..., JobRequest]) -> Job:
    """A job that has not started."""
    study.commit(project__yaml=project_yaml(only=("python:v2 only.py", [], {MODERATE: {"out": "out.csv"}})))
    return Job.get(Job.job_request == ask("only"))


@pytest.fixture
def log(waiting: Job) -> Log:
    """The empty log of a job that runs."""
    move(waiting, "initiated")
    return Log(waiting)


@pytest.fixture
def ada(client: FlaskClient, log: Log, sign_in: SignIn) -> FlaskClient:
    """ada, who may read the log."""
    return sign_in(client, "ada")


def numbers(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'<li class="l[^"]*" id="L(\d+)"', page)]


def texts(page: str) -> list[str]:
    """The text of each line as a reader sees it, without the sign for hidden words."""
    found = re.findall(r'<span class="t">(.*?)</span></li>', page, re.DOTALL)
    plain = [re.sub(r'<span class="vh no-copy">.*?</span>|<[^>]+>', "", one) for one in found]
    return [html.unescape(one) for one in plain]


def next_poll(page: str) -> str | None:
    found = re.search(r'id="follow"[^>]* hx-get="([^"]+)"', page)
    return html.unescape(found[1]) if found else None
