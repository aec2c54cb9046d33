"""Release requests: what pages read and verbs do on a request of 100 files with two reviews (section 13 of the specification)."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.figure import Figure
from jobsite.core.db import database, writing
from jobsite.instance import close_instance, open_instance
from jobsite.releases.requests.comments import comment
from jobsite.releases.requests.listing import queue
from jobsite.releases.requests.models import Comment, Opened, ReleaseRequest, RequestFile, Review, Vote
from jobsite.releases.requests.queries import file_page, group_page, overview
from jobsite.releases.requests.rechecking import recheck
from jobsite.releases.requests.releasing import approve
from jobsite.releases.requests.steps import submit
from jobsite.releases.requests.voting import vote
from jobsite.settings import Settings
from tests.releases.world import EVERYTHING, World, make_world

GROUPS, FILES_EACH, COMMENTS = 10, 10, 300
CALLS = 40
PATH = "output/t7.csv"


def figures() -> list[Figure]:
    """95th percentiles in milliseconds and numbers of queries, with the rules' results known."""
    with tempfile.TemporaryDirectory() as folder:
        open_instance(Settings(instance=Path(folder) / "instance"))
        try:
            world = make_world(Path(folder) / "instance")
            request = _large(world)
            found = _verbs_of_the_author(world, request)
            _reviewed(world, request)
            return [*found, *_pages(world, request), *_verbs_of_a_checker(world, request)]
        finally:
            close_instance()


def _large(world: World) -> ReleaseRequest:
    tables = {
        f"output/t{n}.csv": f"region,n\nNorth,{50 + 5 * n}\nSouth,85\n" for n in range(GROUPS * FILES_EACH)
    }
    world.publish(tables)
    paths = list(tables)
    for number in range(GROUPS):
        some = tuple(paths[number * FILES_EACH : (number + 1) * FILES_EACH])
        request = world.draft(files=some, group=f"group {number}")
    return request


def _verbs_of_the_author(world: World, request: ReleaseRequest) -> list[Figure]:
    ada = world.cast.ada
    recheck(by=ada, request_id=request.id)
    return [*_once("submit", 300, 40, lambda: submit(by=ada, request_id=request.id, checklist=EVERYTHING))]


def _reviewed(world: World, request: ReleaseRequest) -> None:
    """Two reviews, 200 votes and 300 comments, written as rows: what is measured is how they are read."""
    request = world.again(request)
    facts = {"request": request, "turn": request.turn, "at": request.moved_at}
    files = list(RequestFile.select().where(RequestFile.request == request))
    with writing():
        for checker in ("cat", "cyd"):
            Vote.insert_many(
                [
                    {**facts, "file": file, "checker": checker, "value": "APPROVED", "sha256": file.sha256}
                    for file in files
                ]
            ).execute()
            Opened.insert_many(
                [
                    {
                        "file": file,
                        "sha256": file.sha256,
                        "person": checker,
                        "turn": request.turn,
                        "at": request.moved_at,
                    }
                    for file in files
                ]
            ).execute()
            Review.create(**facts, checker=checker)
        said = {**facts, "writer": "cat", "side": "CHECKER", "audience": "PRIVATE"}
        Comment.insert_many(
            [
                {**said, "file": files[n % 100], "group": files[n % 100].group_id, "text": f"Comment {n}."}
                for n in range(COMMENTS)
            ]
        ).execute()
        ReleaseRequest.update(status="REVIEWED").where(ReleaseRequest.id == request.id).execute()


def _pages(world: World, request: ReleaseRequest) -> list[Figure]:
    cat = world.cast.cat
    return [
        *_often("overview", 100, 12, lambda: overview(request.id, cat)),
        *_often("group page", 80, 10, lambda: group_page(request.id, "group-0", cat)),
        *_often("file page without content", 80, 12, lambda: file_page(request.id, "group-0", PATH, cat)),
        *_often("queue", 80, 6, lambda: queue(cat, "queue")),
    ]


def _verbs_of_a_checker(world: World, request: ReleaseRequest) -> list[Figure]:
    cat, values = world.cast.cat, iter(["CHANGES_REQUESTED", "APPROVED"] * CALLS)
    act: dict[str, Any] = {"by": cat, "request_id": request.id, "path": PATH}
    return [
        *_often("vote", 60, 15, lambda: vote(**act, value=next(values)), calls=CALLS - 1),
        *_often("comment", 60, 15, lambda: comment(**act, text="Fine.")),
        *_once("release", 300, 40, lambda: approve(by=world.cast.cyd, request_id=request.id)),
    ]


def _often(
    name: str, milliseconds: float, queries: int, act: Callable[[], object], calls: int = CALLS
) -> list[Figure]:
    """The 95th percentile over many calls, and the queries of one."""
    with _counted() as asked:
        act()
    took = []
    for _ in range(calls):
        begun = time.perf_counter()
        act()
        took.append(time.perf_counter() - begun)
    slowest = sorted(took)[int(len(took) * 0.95) - 1] * 1000
    return [
        Figure(f"requests: {name}, 100 files", slowest, "ms", milliseconds),
        Figure(f"requests: {name}, queries", len(asked), "", queries),
    ]


def _once(name: str, milliseconds: float, queries: int, act: Callable[[], object]) -> list[Figure]:
    """How long the one call takes, and its queries."""
    begun = time.perf_counter()
    with _counted() as asked:
        act()
    took = (time.perf_counter() - begun) * 1000
    return [
        Figure(f"requests: {name}, 100 files", took, "ms", milliseconds),
        Figure(f"requests: {name}, queries", len(asked), "", queries),
    ]


@contextmanager
def _counted() -> Iterator[list[str]]:
    asked: list[str] = []

    def note(event: Any, *_: Any, **__: Any) -> None:
        if "PRAGMA" not in str(event):
            asked.append(str(event))

    database.obj.query_hooks.append(note)
    try:
        yield asked
    finally:
        database.obj.query_hooks.remove(note)
