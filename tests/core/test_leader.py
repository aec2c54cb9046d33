"""One of several servers leads: never two at once, always one soon, and all hear what any of them stores."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from jobsite.core import hub, leader
from jobsite.core.db import close_connections, database, open_database, writing
from jobsite.core.leader import Leader, servers
from jobsite.core.postgresql import CHANNEL
from jobsite.jobs.lock import InstanceLock

from ..cluster import Cluster, programs
from ..servers import until

pytestmark = [
    pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed"),
    pytest.mark.xdist_group("postgresql"),
]


@pytest.fixture
def address(postgresql: Cluster, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a new database without tables."""
    monkeypatch.setattr(leader, "LOOK", 0.02)
    monkeypatch.setattr(leader, "AGAIN", 0.02)
    name = f"new_{uuid4().hex[:8]}"
    with psycopg.connect(f"{postgresql.address}/postgres", autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    return f"{postgresql.address}/{name}"


class Work:
    """What who leads does, in an instance: it notes who begins and ends it, and that nobody is alone at it."""

    def __init__(self, instance: Path) -> None:
        self.instance = instance
        self.said: list[str] = []

    def of(self, name: str) -> Callable[[], AbstractContextManager[None]]:
        """The work of the server of that name."""

        @contextmanager
        def work() -> Iterator[None]:
            with InstanceLock(self.instance):
                self.said.append(f"{name} begins")
                yield
                self.said.append(f"{name} ends")

        return work

    @property
    def leads(self) -> str:
        """Who is at it; "" for nobody."""
        last = self.said[-1:]
        return last[0].removesuffix(" begins") if last and last[0].endswith(" begins") else ""

    @property
    def by_turns(self) -> bool:
        """Whether each has ended before another began."""
        begins, ends = self.said[::2], self.said[1::2]
        return [one.replace("begins", "ends") for one in begins[: len(ends)]] == ends


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path)


@pytest.fixture
def join(address: str, work: Work) -> Iterator[Callable[[str], ExitStack]]:
    """`join("first")`: a server of that name takes part until what is given is closed, or the test ends."""
    with ExitStack() as all_of_them:

        def one(name: str) -> ExitStack:
            made = all_of_them.enter_context(ExitStack())
            made.enter_context(Leader(address, name, work.of(name)))
            return made

        yield one


def break_connections(address: str) -> None:
    """The connections over which servers hear each other are lost."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'jobsite server%'"
            " AND datname = current_database()"
        )


def test_when_who_leads_ends_another_does(work: Work, join: Callable[[str], ExitStack]) -> None:
    first = join("first")
    until(lambda: work.leads)
    second = join("second")
    first.close()
    until(lambda: work.leads == "second")
    second.close()
    assert work.said == ["first begins", "first ends", "second begins", "second ends"]


def test_who_loses_the_connection_ends_its_work_before_anybody_begins(
    address: str, work: Work, join: Callable[[str], ExitStack]
) -> None:
    for name in ("first", "second", "third"):
        join(name)
    for times in range(1, 4):
        until(lambda: work.leads)
        break_connections(address)
        until(lambda times=times: sum("ends" in one for one in work.said) >= times)
    until(lambda: work.leads)
    assert work.by_turns


def test_who_is_killed_leads_no_more(address: str, work: Work, join: Callable[[str], ExitStack]) -> None:
    begin = (
        "import sys, time; from contextlib import nullcontext; from jobsite.core.leader import Leader\n"
        "with Leader(sys.argv[1], 'killed', nullcontext): time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", begin, address]) as other:
        held = database.obj
        try:
            open_database(address)
            until(lambda: [one.leads for one in servers()] == [True])
            join("next")
            until(lambda: [one.leads for one in servers()] == [True, False])
            assert not work.said
            os.kill(other.pid, signal.SIGKILL)
            until(lambda: work.leads == "next")
            (found,) = servers()
            assert found.name.endswith(" next") and found.leads
        finally:
            other.kill()
            close_connections()
            database.initialize(held)


def test_while_the_instance_is_taken_nobody_begins(work: Work, join: Callable[[str], ExitStack]) -> None:
    with InstanceLock(work.instance):
        join("first")
        threading.Event().wait(0.2)
        assert not work.said
    until(lambda: work.leads == "first")


def test_a_database_that_comes_back_is_led_again(
    postgresql: Cluster, work: Work, join: Callable[[str], ExitStack]
) -> None:
    join("first")
    until(lambda: work.leads)
    postgresql.stop()
    until(lambda: not work.leads)
    postgresql.start()
    until(lambda: work.leads)
    assert work.by_turns


def test_what_another_process_stores_rings_here_and_what_this_one_does_only_once(
    address: str, work: Work, join: Callable[[str], ExitStack]
) -> None:
    join("first")
    until(lambda: work.leads)
    held = database.obj
    with psycopg.connect(address, autocommit=True) as other:
        heard = hub.heard()
        other.execute(f"NOTIFY {CHANNEL}, 'another process'")
        assert hub.wait(heard, 60.0) == heard + 1
        try:
            open_database(address)
            heard = hub.heard()
            with writing():
                database.after_commit(hub.ring)
            other.execute(f"NOTIFY {CHANNEL}, 'another process'")
            until(lambda: hub.heard() >= heard + 2)
            assert hub.heard() == heard + 2
        finally:
            close_connections()
            database.initialize(held)
