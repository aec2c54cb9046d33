"""The log of a job: pages that show a window of it and follow it as it grows, and its bytes.

On the secure side only, for people who may view unreleased outputs.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from flask import Response, request
from htmx_flask import request as htmx_request

from jobsite.core.channels import connection_of
from jobsite.core.clock import now
from jobsite.core.errors import NotFound
from jobsite.core.web import CONTENT_POLICY, Routes, page
from jobsite.jobs.execution import attempt_dir
from jobsite.jobs.executors.records import LOG
from jobsite.jobs.job_rows import JobRow
from jobsite.jobs.log_addresses import addresses
from jobsite.jobs.log_feeds import Feed, Seat, feeds, situation_of
from jobsite.jobs.log_pages import WINDOW, log_page
from jobsite.jobs.log_stream import RETRY, Viewer, deliver, events
from jobsite.jobs.log_wanted import wanted_of
from jobsite.jobs.logs.reader import LogReader
from jobsite.jobs.models import Attempt, Job
from jobsite.jobs.queries import LOG_PERMISSION, job_in
from jobsite.projects.queries import workspace_or_stop
from jobsite.settings import current

routes = Routes("log")

NUMBER = "<int(max=9007199254740991):number>"
BLOCK = 64 * 1024
REGIONS = ("follow", "status", "announce")


@routes(f"/<name>/{NUMBER}/<identifier>/log/", needs=LOG_PERMISSION, side="secure")
def show_log(name: str, number: int, identifier: str) -> Response:
    workspace = workspace_or_stop(name, LOG_PERMISSION)
    job, attempts = job_in(workspace, number, identifier)
    shown = _shown(job, attempts)
    if _is_poll() and shown["follows"] and not shown["log"].size and not shown["announce"]:
        return Response(status=204)
    return page("jobs/log.html", fragments=REGIONS, level4=True, workspace=workspace, **shown)


@routes(f"/<name>/{NUMBER}/<identifier>/log/raw", needs=LOG_PERMISSION, side="secure")
def raw_log(name: str, number: int, identifier: str) -> Response:
    workspace = workspace_or_stop(name, LOG_PERMISSION)
    job, attempts = job_in(workspace, number, identifier)
    attempt = _attempt(attempts)
    try:
        reader = LogReader(_path(job, attempt))
    except FileNotFoundError:
        raise NotFound(f"{job.action} has no log yet.") from None
    return _bytes(reader, f"{re.sub('[^A-Za-z0-9_.-]', '_', job.action)}-{job.identifier}.log")


@routes(f"/<name>/{NUMBER}/<identifier>/log/stream", needs=LOG_PERMISSION, side="secure")
def stream_log(name: str, number: int, identifier: str) -> Response:
    workspace = workspace_or_stop(name, LOG_PERMISSION)
    job, attempts = job_in(workspace, number, identifier)
    attempt = _attempt(attempts)
    if attempt is None:
        return Response(status=204)
    path, ask = _path(job, attempt), partial(situation_of, job.id, attempt.number)
    wanted = wanted_of(request.args)
    viewer = Viewer(path, wanted, addresses(workspace.name, job, attempt, wanted))
    seat = feeds.take_seat(attempt.identifier, lambda: Feed(path, ask), current().sse_viewers)
    if seat is None:  # the page asks by itself, as it does without events
        return Response(status=204)
    return _stream(seat, viewer)


def _stream(seat: Seat, viewer: Viewer) -> Response:
    """The events: handed over where the server can, so that nobody who follows takes a thread."""
    connection = connection_of(request.environ) if request.method == "GET" else None
    response = Response(
        iter([RETRY]) if connection else events(seat, viewer), content_type="text/event-stream"
    )
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(partial(deliver, seat, viewer, connection) if connection else seat.leave)
    return response


def _shown(job: Job, attempts: list[Attempt]) -> dict[str, Any]:
    """What the page shows. The job was read before its log, so the log of a job that has ended is whole."""
    attempt, wanted = _attempt(attempts), wanted_of(request.args)
    log = log_page(_path(job, attempt), wanted)
    live = job.is_active and (attempt is None or attempt is attempts[-1])
    is_news = request.args.get("state", job.state) != job.state
    return {
        "log": log,
        "at": addresses(job.workspace.name, job, attempt, wanted) if attempt else None,
        "wanted": wanted,
        "window": WINDOW,
        "row": JobRow(job, now()),
        "attempt": attempt,
        "attempts": attempts,
        "live": live,
        "follows": (wanted.follow or log.at_end) and (live or not log.at_end),
        "announce": f"{job.action}: {job.words[1]}." if is_news else "",
    }


def _bytes(reader: LogReader, filename: str) -> Response:
    """What the program wrote, as text that nothing interprets; a part of it where a Range asks for one."""
    size = reader.raw_size
    asked = request.range
    one_part = asked is not None and asked.units == "bytes" and len(asked.ranges) == 1
    wanted = asked.range_for_length(size) if asked and one_part else None
    if one_part and wanted is None:
        reader.close()
        return Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    start, end = wanted or (0, size)
    response = Response(
        _blocks(reader, start, end), 206 if wanted else 200, content_type="text/plain; charset=utf-8"
    )
    if wanted:
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    how = "attachment" if "download" in request.args else "inline"
    response.headers["Content-Disposition"] = f'{how}; filename="{filename}"'
    response.headers["Content-Length"] = str(end - start)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Security-Policy"] = CONTENT_POLICY
    response.call_on_close(reader.close)
    return response


def _blocks(reader: LogReader, start: int, end: int) -> Iterator[bytes]:
    """The bytes in blocks of some size: a write for each line of the log would be slow."""
    block = bytearray()
    for part in reader.raw(start, end):
        block += part
        if len(block) >= BLOCK:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def _attempt(attempts: list[Attempt]) -> Attempt | None:
    """The attempt that is asked for, else the last one; None before the first. Raises `NotFound`."""
    wanted = request.args.get("attempt", "")
    if not wanted and not attempts:
        return None
    asked = [one for one in attempts if str(one.number) == wanted] if wanted else attempts[-1:]
    if not asked:
        raise NotFound(f"There is no attempt {wanted} of this job.")
    if asked[0].by_agent:
        raise NotFound("This log is on the machine of the agent that carried out the job. Log in there.")
    return asked[0]


def _path(job: Job, attempt: Attempt | None) -> Path:
    """Where the log lies; a path where nothing is, before the first attempt."""
    return attempt_dir(job, attempt) / LOG if attempt else Path("/nonexistent")


def _is_poll() -> Any:
    return htmx_request.htmx and htmx_request.htmx.target == "follow"
