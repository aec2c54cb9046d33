"""Release requests as the desk shows them: 100 files in 10 groups, two reviews, 200 votes, 300 comments, 2,000 findings and
5,000 rows of the audit (section 13 of the specification). Pages and acts go through the whole application, as cat asks.
"""

import itertools
import tempfile
from pathlib import Path

from flask import Flask

from bench.asking import Answer, Goals, Person, page_figures
from bench.figure import Figure
from bench.rows import insert
from jobsite.accounts.models import User
from jobsite.accounts.queries import user_or_stop
from jobsite.application import create_app
from jobsite.checks import LOOK, Finding, Place
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.events import record
from jobsite.instance import close_instance
from jobsite.releases.requests.models import (
    Comment,
    Opened,
    ReleaseRequest,
    RequestFile,
    RequestGroup,
    Review,
    Vote,
)
from jobsite.releases.requests.rechecking import recheck
from jobsite.releases.requests.rules import CHECKLIST
from jobsite.settings import Settings
from tests.releases.world import World, make_world

GROUPS, FILES_EACH, COMMENTS, FINDINGS, AUDIT, WAITING = 10, 10, 300, 2_000, 5_000, 50
PATH = "output/t7.csv"


def figures() -> list[Figure]:
    """95th percentiles in milliseconds, queries and kilobytes, with the rules' results known."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(instance=Path(folder) / "instance")
        app = create_app(settings)
        try:
            world = make_world(settings.instance)
            request = _large(world)
            found = _submitted(app, world, request)
            files = _reviewed(world, request)
            _others_wait(request)
            return [*found, *_pages(app, request), *_acts(app, request), *_released(app, request, files)]
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


def _submitted(app: Flask, world: World, request: ReleaseRequest) -> list[Figure]:
    """Submitting can be done once: it is timed once."""
    recheck(by=world.cast.ada, request_id=request.id)
    page, ada = f"/requests/{request.id}/-/submit/", Person(app, "ada")
    [form] = ada.forms(page, "checklist")
    ticked = {"check": [str(n) for n in range(len(CHECKLIST))]}
    return page_figures("requests: submit", Goals(300, 40), lambda: ada.send(page, {**form, **ticked}), 1)


def _reviewed(world: World, request: ReleaseRequest) -> list[RequestFile]:
    """Two reviews with votes, comments, findings and audit, written as rows: what is measured is how they are read.

    Gives the files as they were before.
    """
    request = world.again(request)
    facts = {"request": request, "turn": request.turn, "at": request.moved_at}
    files = list(RequestFile.select().where(RequestFile.request == request).order_by(RequestFile.id))
    for checker in ("cat", "cyd"):
        insert(
            Vote,
            (
                {**facts, "file": one, "checker": checker, "value": "APPROVED", "sha256": one.sha256}
                for one in files
            ),
        )
        seen = {"turn": request.turn, "at": request.moved_at, "person": checker}
        insert(Opened, ({**seen, "file": one, "sha256": one.sha256} for one in files))
    said = {**facts, "writer": "cat", "side": "CHECKER", "audience": "PRIVATE"}
    in_turn = itertools.islice(itertools.cycle(files), COMMENTS)
    insert(
        Comment,
        ({**said, "file": one, "group": one.group_id, "text": f"About {one.path}."} for one in in_turn),
    )
    with writing():
        for one in files:
            RequestFile.update(findings=_findings(one), worst=LOOK).where(RequestFile.id == one.id).execute()
        for checker in ("cat", "cyd"):
            Review.create(**facts, checker=checker)
        ReleaseRequest.update(status="REVIEWED").where(ReleaseRequest.id == request.id).execute()
        for number in range(AUDIT):
            record(
                "release:commented", by="cat", subject=f"release-request:{request.id}",
                file=files[number % len(files)].path, turn=request.turn, audience="PRIVATE",
            )  # fmt: skip
    return files


def _findings(file: RequestFile) -> list[dict[str, object]]:
    return [
        Finding(
            "C3",
            1,
            "default",
            1,
            LOOK,
            file.path,
            file.sha256,
            Place(row=row, col=2, header="n"),
            "Is this rounded?",
        ).as_json()
        for row in range(1, FINDINGS // (GROUPS * FILES_EACH) + 1)
    ]


def _others_wait(request: ReleaseRequest) -> None:
    """Requests of others wait with this one, so that the queue is full."""
    row = ReleaseRequest.select().where(ReleaseRequest.id == request.id).dicts().get()
    about = {"date_joined": now(), "created_by": "system"}
    insert(User, ({"username": f"a{n}", "fullname": f"Author {n}", **about} for n in range(1, WAITING)))
    group = {"slug": "tables", "name": "tables", "context": "Counts.", "controls": "Rounded.", "position": 0}
    file = RequestFile.select().where(RequestFile.request == request).dicts().first()
    for number in range(1, WAITING):
        new = f"{number:026}"
        insert(
            ReleaseRequest, [{**row, "id": new, "status": "SUBMITTED", "author": user_or_stop(f"a{number}")}]
        )
        insert(RequestGroup, [{**group, "request": new}])
        its = RequestGroup.get(RequestGroup.request == new)
        insert(RequestFile, [{**{k: v for k, v in file.items() if k != "id"}, "request": new, "group": its}])


def _pages(app: Flask, request: ReleaseRequest) -> list[Figure]:
    cat, at = Person(app, "cat"), f"/requests/{request.id}/"
    rows = (
        ("overview", at, Goals(100, 12, 40)),
        ("group page", f"{at}group-0/", Goals(80, 10, 40)),
        ("file page with its content", f"{at}group-0/{PATH}", Goals(80, 12 + 3, 40)),
        ("queue of 50", "/requests/?tab=queue", Goals(80, 6, 30)),
        ("audit of 5,000 rows", f"{at}-/audit/", Goals(None)),
    )
    return [
        figure
        for name, address, goals in rows
        for figure in page_figures(f"requests: {name}", goals, lambda address=address: cat.get(address))  # type: ignore[misc]
    ]


def _acts(app: Flask, request: ReleaseRequest) -> list[Figure]:
    cat, page = Person(app, "cat"), f"/requests/{request.id}/group-0/{PATH}"
    votes, goals = itertools.cycle(("changes", "approve")), Goals(60, 15)
    [form, *_] = cat.forms(page, 'value="changes"')
    findings = iter(
        [
            (address, {**one, "do": "waive", "code": "other", "text": "These counts were rounded before."})
            for address in (f"/requests/{request.id}/group-0/output/t{n}.csv" for n in range(FILES_EACH))
            for one in cat.forms(address, 'value="waive"')
        ]
    )

    def comment() -> Answer:
        return cat.send(page, {**form, "do": "comment", "text": "Fine.", "audience": "PRIVATE"})

    def vote() -> Answer:
        return cat.send(page, {**form, "do": next(votes), "text": "Round it."})

    def waive() -> Answer:
        return cat.send(*next(findings))

    acts = (("vote", vote), ("comment", comment), ("waive", waive))
    return [figure for name, act in acts for figure in page_figures(f"requests: {name}", goals, act)]


def _released(app: Flask, request: ReleaseRequest, found: list[RequestFile]) -> list[Figure]:
    """Approving can be done once: it is timed once, with the findings that the rules had found."""
    with writing():
        for one in found:
            RequestFile.update(findings=one.findings, worst=one.worst).where(
                RequestFile.id == one.id
            ).execute()
    cyd, page = Person(app, "cyd"), f"/requests/{request.id}/-/release/"
    [form, *_] = cyd.forms(page, "csrf_token")
    return page_figures("requests: release", Goals(300, 40), lambda: cyd.send(page, form), 1)
