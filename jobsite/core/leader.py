"""Several servers of one instance, where the database is PostgreSQL: each hears what the others have stored, and exactly one
leads, which does the background work.

Who leads holds a lock of the database, on the same connection on which it hears. It loses the lock with the connection, at
the latest when its process ends, and the next who asks has it. Then it stops its work before it asks again.
"""

import logging
import os
import select
import socket
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing
from datetime import datetime
from typing import Any, NamedTuple, Self

from jobsite.core import hub
from jobsite.core.db import database
from jobsite.core.errors import Conflict
from jobsite.core.postgresql import CHANNEL, LEADER, Database, psycopg

LOOK = 0.5
"""Seconds between two looks whether the connection stands, and whether somebody has to lead."""
AGAIN = 1.0
"""Seconds between two attempts to connect."""
PATIENCE = 45.0
"""Seconds that a server which ends waits for its work to end, and for a database that hangs."""
LOST: dict[str, Any] = {
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}
"""A server takes a database that is silent for five seconds for lost, and stops its work."""
GIVEN_UP = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 4"
"""The database takes a machine for lost, and gives its lock to another, after 22 seconds: when its server has stopped long ago."""
KIND = "jobsite server "

log = logging.getLogger("jobsite.leader")


class Server(NamedTuple):
    """A server that runs: the machine and the address it listens on, since when it is connected, whether it leads."""

    name: str
    since: datetime
    leads: bool


class Leader:
    """One server among several: within the block it hears the others, and leads when nobody else does.

    `work()` is what who leads does, entered and left by a thread of its own; when it is left, nothing of it may go on.
    It raises `Conflict` while it cannot begin. `place` is where the server listens.
    """

    def __init__(self, address: str, place: str, work: Callable[[], AbstractContextManager[Any]]) -> None:
        self._address, self._work = address, work
        self._name = f"{KIND}{socket.gethostname()[:24]} {place}"
        self._stop, self._bell = threading.Event(), os.eventfd(0, os.EFD_CLOEXEC)
        self._leads, self._said = False, ""
        self._thread = threading.Thread(target=self._run, name="leader", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        os.eventfd_write(self._bell, 1)
        self._thread.join(PATIENCE)
        if not self._thread.is_alive():
            os.close(self._bell)

    def _run(self) -> None:
        """Take part until told to stop; a connection that is lost is made anew."""
        while not self._stop.is_set():
            try:
                with closing(self._connected()) as connection:
                    self._take_part(connection)
            except psycopg.Error as error:
                self._say_once(f"{str(error).splitlines()[0]}; it is tried again")
            except Exception:
                log.exception("this server cannot lead; it goes on")
            self._stop.wait(AGAIN)

    def _connected(self) -> Any:
        how = {"application_name": self._name, "connect_timeout": 5, **LOST}
        return psycopg.connect(self._address, autocommit=True, **how)

    def _take_part(self, connection: Any) -> None:
        """Hear, lead when it comes to that, and notice when the connection is lost, by an error of psycopg."""
        connection.add_notify_handler(_hear)
        connection.execute(f"{GIVEN_UP}; LISTEN {CHANNEL}")
        self._said = ""
        hub.ring()  # for whatever was said while nobody listened
        news = select.poll()
        for descriptor in (connection.fileno(), self._bell):
            news.register(descriptor, select.POLLIN)
        leading = ExitStack()
        try:
            while not self._stop.is_set():
                if self._leads:
                    connection.execute("SELECT 1")  # what has come in meanwhile is heard with the answer
                elif connection.execute(f"SELECT pg_try_advisory_lock({LEADER})").fetchone()[0]:
                    self._begin(leading)
                news.poll(LOOK * 1000)
        finally:
            self._end(leading)

    def _begin(self, leading: ExitStack) -> None:
        try:
            leading.enter_context(self._work())
        except Conflict as refusal:
            self._say_once(f"it cannot lead yet: {refusal}")
            return
        self._leads = True
        log.info("this server leads")

    def _end(self, leading: ExitStack) -> None:
        """End the work, if it was begun; it has nothing to do with why."""
        try:
            leading.close()
        finally:
            if self._leads:
                log.info("this server does not lead any more")
            self._leads = False

    def _say_once(self, what: str) -> None:
        """Log it, unless it was the last that was."""
        if self._said != what:
            log.warning("among the servers of the instance: %s", what)
        self._said = what


def servers() -> list[Server]:
    """The servers of this instance that are connected to its database, by their names; none are where it is a SQLite file.

    One query.
    """
    if not isinstance(database.obj, Database):
        return []
    rows = database.execute_sql(_SERVERS, (KIND + "%",)).fetchall()
    return [Server(name.removeprefix(KIND), since, leads) for name, since, leads in rows]


_SERVERS = f"""SELECT application_name, backend_start AT TIME ZONE 'UTC', EXISTS (
SELECT 1 FROM pg_locks WHERE pg_locks.pid = one.pid AND locktype = 'advisory' AND objid = {LEADER} AND granted)
FROM pg_stat_activity AS one WHERE datname = current_database() AND application_name LIKE %s ORDER BY 1, 2"""  # noqa: S608


def _hear(news: Any) -> None:
    """Something was stored that others may wait for; this process has heard of its own already."""
    if news.payload != hub.name():
        hub.ring()
