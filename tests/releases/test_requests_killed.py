"""A process that acts on a request is stopped dead at every named point: nothing is half done, and doing it again goes on."""

import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobsite.core import clock
from jobsite.core.db import close_database, database
from jobsite.core.errors import Refused
from jobsite.core.events import verify
from jobsite.releases.requests import copies
from jobsite.releases.requests.adding import Wanted, add_files, update_file
from jobsite.releases.requests.comments import comment
from jobsite.releases.requests.models import ReleaseRequest, RequestFile
from jobsite.releases.requests.releasing import approve, recall
from jobsite.releases.requests.repeating import request_again
from jobsite.releases.requests.rules import CHANGES
from jobsite.releases.requests.steps import return_early, return_request, submit, submit_review
from jobsite.releases.requests.voting import vote

from .world import EVERYTHING, REASON, TABLE, World

A, B = "output/a.csv", "output/b.csv"
KILLED = 137
TABLES = (
    "release_request", "request_group", "request_file", "file_version", "vote", "review", "overrule", "comment",
    "explanation", "waiver", "pin", "opened", "sealed_record", "upload_step", "comment_change", "ticket",
)  # fmt: skip

Act = Callable[[World], Any]


def only(world: World) -> str:
    return ReleaseRequest.select().order_by(ReleaseRequest.id.desc()).get().id


def add(world: World) -> Any:
    return add_files(
        by=world.cast.ada, workspace="asthma", backend="local", group="tables", files=[Wanted(A), Wanted(B)]
    )


def released(world: World) -> None:
    world.approved()
    ReleaseRequest.update(status="RELEASED").execute()


def reviewed_by_one(world: World) -> None:
    request = world.submitted()
    world.review(world.cast.cat, request)
    world.review(world.cast.cyd, request, ends=False)


def updated_in_workspace(world: World) -> None:
    world.draft()
    world.publish({A: TABLE.replace("120", "125")})


def changed_since(world: World) -> None:
    world.approved()
    world.publish({A: TABLE.replace("120", "125")})


def asked_to_change(world: World) -> None:
    request = world.reviewed([B])
    comment(by=world.cast.cat, request_id=request.id, group="tables", text="Round it.", audience="PUBLIC")


# Act: how the world is prepared, the act, the points inside its transaction, the points behind it.
ACTS: dict[str, tuple[Act, Act, tuple[str, ...], tuple[str, ...]]] = {
    "add": (lambda world: None, add, ("after_copies", "after_settle", "before_add_commits"), ("after_add",)),
    "update": (
        updated_in_workspace,
        lambda world: update_file(by=world.cast.ada, request_id=only(world), path=A),
        ("after_copies", "after_settle", "before_update_commits"),
        (),
    ),
    "submit": (
        lambda world: world.draft(),
        lambda world: submit(by=world.cast.ada, request_id=only(world), checklist=EVERYTHING),
        ("before_submit_commits",),
        ("after_submit",),
    ),
    "vote": (
        lambda world: world.submitted(),
        lambda world: vote(by=world.cast.cat, request_id=only(world), path=A, value=CHANGES),
        ("before_vote_commits",),
        (),
    ),
    "review": (
        reviewed_by_one,
        lambda world: submit_review(by=world.cast.cyd, request_id=only(world)),
        ("before_review_commits",),
        (),
    ),
    "return early": (
        reviewed_by_one,
        lambda world: return_early(by=world.cast.cyd, request_id=only(world), reason=REASON),
        ("before_return_commits",),
        (),
    ),
    "return": (
        asked_to_change,
        lambda world: return_request(by=world.cast.cat, request_id=only(world), reason=REASON),
        ("before_return_commits",),
        (),
    ),
    "approve": (
        lambda world: world.reviewed(),
        lambda world: approve(by=world.cast.cyd, request_id=only(world)),
        ("before_approve_commits",),
        ("after_approve",),
    ),
    "recall": (
        released,
        lambda world: recall(
            by=world.cast.cat, request_id=only(world), public_reason=REASON, private_reason=REASON
        ),
        ("before_recall_commits",),
        (),
    ),
    "again": (
        changed_since,
        lambda world: request_again(by=world.cast.ben, request_id=only(world)),
        ("after_copies", "after_settle", "before_repeat_commits"),
        (),
    ),
}


def rows() -> dict[str, list[Any]]:
    """Everything that is stored of requests."""
    stored = {table: database.execute_sql(f"SELECT * FROM {table}").fetchall() for table in TABLES}  # noqa: S608
    about = "SELECT type, data FROM event WHERE subject LIKE 'release-request:%' ORDER BY id"
    return {**stored, "events": database.execute_sql(about).fetchall()}


def in_a_process(act: Act, world: World, point: str) -> int:
    """Do the act in a process of its own that stops dead at the point; its exit status."""
    close_database()
    child = os.fork()
    if child == 0:
        os.environ["JOBSITE_FAIL_AT"] = f"requests.{point}"
        status = 1
        try:
            act(world)
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def strays() -> list[copies.Stray]:
    with clock.at(clock.now() + timedelta(hours=2)):
        return copies.strays()


@pytest.mark.parametrize(
    ("name", "point"), [(name, point) for name, (_, _, inside, _) in ACTS.items() for point in inside]
)
def test_killed_before_the_end_nothing_has_happened(world: World, name: str, point: str) -> None:
    """OC7, OC30, OC49."""
    prepare, act, _, _ = ACTS[name]
    prepare(world)
    before = rows()
    assert in_a_process(act, world, point) == KILLED
    if name != "submit":  # what the checks found may be known already, but nothing is stored of it either
        assert rows() == before
    assert rows()["release_request"] == before["release_request"]
    left = strays()
    held = {file.sha256 for file in RequestFile.select()}
    assert {stray.name for stray in left}.isdisjoint(held)
    folder = world.instance / "releases" / "copies"
    there = {path.name for path in folder.iterdir()} if folder.exists() else set()
    assert held <= there and there - held <= {stray.name for stray in left}, (
        "what is no request's is reported"
    )
    act(world)
    assert rows() != before and verify()[1] is None
    with clock.at(clock.now() + timedelta(hours=2)):
        copies.remove_strays()
    assert {path.name for path in folder.iterdir()} == known()


def known() -> set[str]:
    """The contents that requests hold, earlier versions included."""
    return {sha for table in ("request_file", "file_version") for (sha,) in
            database.execute_sql(f"SELECT sha256 FROM {table}").fetchall()}  # noqa: S608  # fmt: skip


@pytest.mark.parametrize(
    ("name", "point"), [(name, point) for name, (_, _, _, behind) in ACTS.items() for point in behind]
)
def test_killed_behind_the_end_everything_has_happened(world: World, name: str, point: str) -> None:
    """OC8, OC49: the second click then changes nothing, or says that it is there."""
    prepare, act, _, _ = ACTS[name]
    prepare(world)
    assert in_a_process(act, world, point) == KILLED
    after = rows()
    try:
        act(world)
    except Refused as refused:
        assert "is in the request already" in str(refused)
    assert rows() == after and verify()[1] is None


def test_every_named_point_is_tried() -> None:
    folder = Path(copies.__file__).parent
    named = {
        point
        for path in folder.glob("*.py")
        for point in re.findall(r'fail_point\("requests\.([a-z_]+)"\)', path.read_text("utf-8"))
    }
    tried = {point for _, _, inside, behind in ACTS.values() for point in (*inside, *behind)}
    assert named == tried | {"copies_removed", "told"}, "those are tried in modules of their own"
