"""The server: web, background tasks and the scheduler of jobs in one process. With PostgreSQL there may be several for one
instance: each serves pages, and the one that leads (`core/leader.py`) does the rest.

Stopping takes no new requests, finishes those in flight, ends what is followed, and leaves jobs running: their supervisors are
processes of their own, and the next start finds them.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType

from jobsite.application import create_app
from jobsite.core import hub
from jobsite.core.consumer import Huey, open_queue
from jobsite.core.leader import Leader
from jobsite.core.queue import nudge
from jobsite.core.redis import Redis
from jobsite.core.sides import exists_on
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import executor, why_no_jobs
from jobsite.jobs.lock import InstanceLock
from jobsite.notifications.reading import follow_events
from jobsite.outputs.tasks import finish_and_check, follow_ends
from jobsite.releases.requests.sending import send
from jobsite.releases.requests.uploading import follow_uploads
from jobsite.settings import Settings, current
from jobsite.sync.events import follow_steps
from jobsite.sync.following import fetch_requests, push_jobs
from jobsite.sync.people import follow_people
from jobsite.sync.pushing.following import follow_controller
from jobsite.sync.uploads import send as send_over_http
from jobsite.web_server import answer_until_stopped, stop_on_signals, web_server

PATIENCE = 20.0
"""Seconds that the background has to end in."""

log = logging.getLogger("jobsite.serve")


def serve(settings: Settings, *, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. `say` gets the lines for people, last of all `ready on http://H:N`.

    Raises `Conflict` when another server has the instance, unless the database lets several share it, and OSError when the
    address is taken.
    """
    with ExitStack() as alone:
        if not is_shared(settings):
            alone.enter_context(InstanceLock(settings.instance))
        app = create_app(settings)
        stop_on_signals()
        server = web_server(app, settings, host=host, port=port)
        redis = app.extensions["jobsite.redis"]
        for sentence in warnings(settings, redis):
            say(sentence)
        queue = open_queue(redis or settings.queue_path, settings.side)
        with _background(settings, queue, f"{host}:{server.effective_port}"):
            say(f"ready on http://{host}:{server.effective_port}")
            answer_until_stopped(server)


def is_shared(settings: Settings) -> bool:
    """Whether several servers may run on the instance: the database is PostgreSQL."""
    return isinstance(settings.database, str)


def _background(settings: Settings, queue: Huey, place: str) -> AbstractContextManager[object]:
    """Within it what has to be done beside the pages is done, here or by another server that leads."""
    if not is_shared(settings):
        return Workers(settings, queue)
    return Leader(settings.database_url, place, lambda: _leading(settings, queue))


@contextmanager
def _leading(settings: Settings, queue: Huey) -> Iterator[None]:
    """The work of the server that leads. Nobody can begin it before this has ended: whoever would, needs the lock."""
    with InstanceLock(settings.instance):
        workers = Workers(settings, queue)
        with workers:
            yield
        if workers.still_at_work:
            log.critical(
                "%s did not end in time: the server ends itself, for another may lead",
                ", ".join(workers.still_at_work),
            )
            os._exit(0 if hub.stopping() else os.EX_TEMPFAIL)


@dataclass(frozen=True)
class Worker:
    """A thread of the server: its name, the side it runs on (`any`, `public` or `secure`), and what it does until told to
    stop. `apart`: only on a secure side whose public side is elsewhere; `drives`: only where a controller is called."""

    name: str
    side: str
    run: Callable[[threading.Event], None]
    apart: bool = False
    drives: bool = False

    def works_for(self, settings: Settings) -> bool:
        """Whether a server with these settings has this thread."""
        wanted = (settings.is_apart or not self.apart) and (settings.drives or not self.drives)
        return exists_on(self.side, settings.side) and wanted


def run_jobs(stop: threading.Event) -> None:
    """The scheduler of jobs, until `stop` is set."""
    Engine(executor(), finish=lambda job_id: nudge(finish_and_check, job_id)).run(stop)


def upload(stop: threading.Event) -> None:
    """The uploader of releases, until `stop` is set: to this installation, or over HTTP where the public side is elsewhere."""
    follow_uploads(stop, send if current().public else send_over_http)


WORKERS = (
    Worker("notifications", "any", follow_events),
    Worker("scheduler", "secure", run_jobs),
    Worker("checks", "secure", follow_ends),
    Worker("uploads", "secure", upload),
    Worker("job requests", "secure", fetch_requests, apart=True),
    Worker("reports", "secure", push_jobs, apart=True),
    Worker("controller", "public", follow_controller, drives=True),
    Worker("people", "secure", follow_people, apart=True),
    Worker("release steps", "secure", follow_steps, apart=True),
)


class Workers:
    """The background of a server: the consumer of the queue and the threads of its side."""

    def __init__(self, settings: Settings, queue: Huey) -> None:
        self._stop = threading.Event()
        self._consumer = queue.consumer(workers=4)
        self._threads = [self._thread(one.name, one.run) for one in WORKERS if one.works_for(settings)]

    def __enter__(self) -> None:
        self._consumer.start()
        for thread in self._threads:
            thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        hub.ring()
        until = time.monotonic() + PATIENCE
        for thread in self._threads:
            thread.join(timeout=max(0.0, until - time.monotonic()))
        self._consumer.stop(graceful=True)

    @property
    def still_at_work(self) -> list[str]:
        """The names of the threads that have not ended."""
        return [thread.name for thread in (*self._threads, *self._consumer.threads) if thread.is_alive()]

    def _thread(self, name: str, target: Callable[[threading.Event], None]) -> threading.Thread:
        return threading.Thread(target=target, args=(self._stop,), name=name, daemon=True)


def warnings(settings: Settings, redis: Redis | None) -> Iterator[str]:
    """What a server with these settings lacks, in sentences: it starts all the same."""
    if redis and (why_away := redis.why_away()):
        yield why_away
    if settings.secure and (why_not := why_no_jobs()):
        yield f"Jobs do not run here: {why_not}"
    if settings.side == "secure" and not settings.public_url:
        yield "No job requests are fetched and nobody can log in: PUBLIC_URL is not set."
    elif settings.is_apart and not settings.backend_token:
        yield "The public side lets nobody in without a token: BACKEND_TOKEN is not set."
    if settings.drives and not settings.controller_token:
        yield "The controller answers nobody without a token: CONTROLLER_TOKEN is not set."
