"""Waiting for a request to end from a command: by watching a running server, or by running the jobs itself."""

import time

from jobsite.accounts.queries import runs_here
from jobsite.core.errors import Conflict
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import executor
from jobsite.jobs.finishing import finish
from jobsite.jobs.lock import InstanceLock
from jobsite.jobs.models import JobRequest
from jobsite.settings import current

PAUSE = 0.2


def wait_for(request: JobRequest) -> JobRequest:
    """The request once it has ended. Where no server runs on this instance, its jobs are run from here meanwhile, if
    they run here at all."""
    while (now := JobRequest.get_by_id(request.id)).is_active:
        if not runs_here(now.backend):
            time.sleep(PAUSE)
            continue
        try:
            with InstanceLock(current().instance):
                _run_here(request)
        except Conflict:
            time.sleep(PAUSE)
    return now


def _run_here(request: JobRequest) -> None:
    engine = Engine(executor(), finish=finish)
    engine.begin()
    while JobRequest.get_by_id(request.id).is_active:
        engine.turn()
        time.sleep(PAUSE)
