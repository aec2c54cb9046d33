"""Two servers on one instance: it makes no difference which one somebody asks, one leads at a time, and when it ends the
other does, whereby no job is lost or run twice."""

import http.client
import itertools
import json
import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from jobsite.accounts.actions import add_user
from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import User
from jobsite.accounts.signing_in import make_token
from jobsite.core.db import close_database, database, writing
from jobsite.core.leader import servers
from jobsite.instance import close_instance, open_instance
from jobsite.jobs.executors import processes
from jobsite.jobs.models import Job
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.workspaces import create_workspace
from jobsite.settings import load

from ..cluster import Cluster, programs
from ..end_to_end.browsing import Browser
from ..redis_server import PROGRAM, RedisServer
from ..servers import Server, jobsite, until
from .invariants import wrong_chain, wrong_end, wrong_logs, wrong_outputs
from .test_matrix import (
    CHATTER,
    ENDLESS,
    PROJECT,
    READ,
    READ_IN,
    RUN,
    WORKSPACES,
    ask,
    committed,
    supervisors,
)

pytestmark = [
    pytest.mark.crash,
    pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed"),
    pytest.mark.xdist_group("postgresql"),
]

ENDLESS_WORK = """
import threading
from jobsite import serve
from jobsite.cli import main
serve.PATIENCE = 0.2
serve.WORKERS = (serve.Worker("endless", "any", lambda stop: threading.Event().wait()),)
main()
"""


@dataclass
class Site:
    """An instance on PostgreSQL, open in this process beside its servers, which share a Redis where one is installed."""

    instance: Path
    environ: dict[str, str]

    def server(self, **others: Any) -> Server:
        """One more server."""
        return Server(self.instance, **{**self.environ, **others})


@pytest.fixture
def site(tmp_path: Path, postgresql: Cluster) -> Iterator[Site]:
    here, held = tmp_path / "instance", database.obj
    here.mkdir()
    study = committed(tmp_path / "study", {"project.yaml": PROJECT, "run.py": RUN})
    endless = committed(tmp_path / "endless", {"project.yaml": ENDLESS, "chatter.py": CHATTER})
    name = f"new_{uuid4().hex[:8]}"
    with psycopg.connect(f"{postgresql.address}/postgres", autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    with ExitStack() as until_the_end:
        environ = {"JOBSITE_DATABASE_URL": f"{postgresql.address}/{name}"}
        if PROGRAM:
            environ["JOBSITE_HUEY_URL"] = until_the_end.enter_context(RedisServer(tmp_path)).address
        (here / "jobsite.toml").write_text(
            f"allowed_repos = {json.dumps([str(study), str(endless)])}\n"
            f"runtimes = {{ python = {json.dumps(sys.executable)} }}\nmax_workers = 3\n"
        )
        open_instance(load(here, environ))
        make_people_and_workspaces(str(study), str(endless))
        yield Site(here, environ)
        for _, who in supervisors():
            processes.signal_if_alive(who, signal.SIGKILL)
        close_instance()
        if held is not None:
            database.initialize(held)


def make_people_and_workspaces(study: str, endless: str) -> None:
    with writing():
        roles = ["StaffAreaAdministrator"]
        ada = add_user(by="system", username="ada", fullname="Ada", email="ada@example.org", roles=roles)
    add_backend(by="system", slug="local", name="Local")
    project = add_project(by="system", name="Air", orgs=[add_organisation(by="system", name="Northfield")])
    add_member(by="system", project=project, user=ada, roles=["ProjectDeveloper"])
    for name in WORKSPACES:
        create_workspace(by=ada, project=project, name=name, repo=study, branch="main")
    create_workspace(by=ada, project=project, name=READ_IN, repo=endless, branch="main")
    close_database()


def leads(server: Server) -> bool:
    """Whether that server leads, and nobody else."""
    at = server.address.removeprefix("http://")
    return [one.name.endswith(f" {at}") for one in servers() if one.leads] == [True]


def break_connections() -> None:
    """The connections over which servers hear each other, and lead, are lost."""
    like = "application_name LIKE 'jobsite server%'"
    database.execute_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {like}")  # noqa: S608


def ended() -> int:
    """How many jobs have ended."""
    return int(Job.select().where(Job.completed_at.is_null(False)).count())


class Ada(Browser):
    """Her browser, which sends the same cookies to whichever server it asks."""

    def at(self, server: Server) -> "Ada":
        """The browser, to ask this server."""
        self.address = server.address
        return self

    def follows(self, job: Job, enough: Callable[[str], bool]) -> None:
        """Read the log of a job as it comes, until a line of the answer is enough."""
        path = f"/{READ_IN}/{job.job_request_id}/{job.identifier}/log/stream?state=running&from=1"
        with self._opener.open(self.address + path, timeout=60) as stream:
            assert any(enough(line.decode()) for line in stream), "it ended before"


class Visitor(threading.Thread):
    """Asks for pages all the while, of the servers by turns as a proxy does: another one when one lets nobody in."""

    def __init__(self, *servers: Server) -> None:
        super().__init__()
        self._servers = itertools.cycle(urlsplit(one.address).netloc for one in servers)
        self.goes, self.answers = threading.Event(), Counter[str]()

    def run(self) -> None:
        while not self.goes.wait(0.01):
            connection = http.client.HTTPConnection(next(self._servers), timeout=60)
            with closing(connection), suppress(ConnectionRefusedError):
                connection.connect()
                self.answers[self._asked(connection)] += 1

    def _asked(self, connection: http.client.HTTPConnection) -> str:
        try:
            connection.request("GET", "/login/")
            answer = connection.getresponse()
            return f"{answer.status} and {'all' if answer.read().endswith(b'</html>') else 'not all'}"
        except OSError as error:
            return type(error).__name__

    def leave(self) -> Counter[str]:
        """Ask no more; what became of it all."""
        self.goes.set()
        self.join()
        return self.answers


def test_whom_one_asks_makes_no_difference_and_one_leads_after_the_other(site: Site) -> None:
    with site.server() as first, site.server() as second:
        until(lambda: leads(first))
        until(lambda: len(servers()) == 2)
        assert jobsite(site.instance, "doctor", **site.environ).stdout.count(first.address[7:]) == 2
        told = dict(
            re.findall(r'^jobsite_server_leads\{.*:(\d+)"} (.*)$', second.get("/metrics")[1], re.MULTILINE)
        )
        assert sorted(told.values()) == ["0.0", "1.0"] and told[first.address.rpartition(":")[2]] == "1.0"

        browser = Ada(second.address)
        assert browser.signs_in("ada", make_token(by="system", user=User.get()))
        what_is_started_at_one_is_followed_at_both(browser, leader=first, other=second)

        ask("run_all")
        until(lambda: ended() > 3)
        first.kill()
        until(lambda: leads(second))
        until(lambda: ended() == Job.select().count())
        with site.server() as third:
            ask("run_all")
            until(lambda: Job.get_or_none(status_code="executing"))
            visitor = Visitor(second, third)
            visitor.start()
            until(lambda: visitor.answers.total() > 5)
            assert second.stop() == 0
            until(lambda: leads(third))
            assert set(visitor.leave()) == {"200 and all"}
            until(lambda: ended() == Job.select().count())
            said = browser.at(third).text("/staff/health/")
            assert f"{third.address.removeprefix('http://')} Leads, started" in said, said

            break_connections()
            ask("other")
            until(lambda: ended() == Job.select().count())
            assert third.process.poll() is None
    nothing_is_wrong(site.instance)


def test_who_leads_no_more_and_cannot_end_its_work_ends_itself_and_starts_without_redis(site: Site) -> None:
    nobody = {"JOBSITE_HUEY_URL": "redis://127.0.0.1:1/0"}
    with site.server(command=(sys.executable, "-c", ENDLESS_WORK), **nobody) as server:
        until(lambda: leads(server))
        assert [line for line in server.lines if "Redis at 127.0.0.1:1 does not answer" in line]
        assert server.get("/login/")[0] == 200
        break_connections()
        assert server.process.wait(timeout=60) == os.EX_TEMPFAIL
    log = (site.instance.parent / f"{site.instance.name}-server.log").read_text()
    assert "endless did not end in time: the server ends itself, for another may lead" in log


def what_is_started_at_one_is_followed_at_both(browser: Ada, *, leader: Server, other: Server) -> None:
    """She starts a job at the server that does not lead, and cancels it there. Its log grows and ends at both."""
    browser.at(other).send(f"/{READ_IN}/run-jobs/", backend="local", requested_actions=READ)
    job = until(lambda: Job.get_or_none(action=READ, status_code="executing"))
    for server in (other, leader):
        browser.at(server).follows(job, lambda line: "line 0009" in line)
    browser.at(other).send(f"/{READ_IN}/{job.job_request_id}/cancel/")
    for server in (other, leader):
        browser.at(server).follows(job, lambda line: line == "event: end\n")
    assert Job.get_by_id(job.id).status_code == "cancelled_by_user"


def nothing_is_wrong(instance: Path) -> None:
    """Every job ended once, by its only attempt, with its whole log and its outputs; the events are a chain."""
    jobs = list(Job.select().where(Job.action != READ))
    assert Counter((job.status_code, job.attempts_made) for job in jobs) == {("succeeded", 1): len(jobs)}
    wrong = [one for job in jobs for one in (*wrong_end(job), *wrong_logs(job))]
    places = {job.workspace.name: job.workspace for job in jobs}
    assert [*wrong, *wrong_chain()] == []
    assert [one for place in places.values() for one in wrong_outputs(instance, place)] == []
