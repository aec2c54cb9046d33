"""A request with a record of ACRO among its files: what columns are, and what its author has explained already (5.5, 5.7)."""

import json
from pathlib import Path

import pytest

from jobsite.core.consumer import open_queue
from jobsite.core.errors import Denied
from jobsite.core.events import Event
from jobsite.releases.requests import rechecking
from jobsite.releases.requests.adding import Wanted, add_files, update_file
from jobsite.releases.requests.findings import explain
from jobsite.releases.requests.groups import save_group
from jobsite.releases.requests.models import Explanation, ReleaseRequest, RequestFile
from jobsite.releases.requests.queries import file_page
from jobsite.releases.requests.rechecking import recheck
from jobsite.releases.requests.rules import SUPPORTING
from jobsite.releases.requests.steps import submit

from .world import CONTEXT, CONTROLS, EVERYTHING, World

TABLE, RECORD = "output/acro/output_0_0.csv", "output/acro/results.json"
REASON = "The regulator published this very table in May."
OWN = "Both areas are whole regions, and the table is public."


def results(exception: str, *, status: str = "fail") -> str:
    return json.dumps(
        {
            "version": "1.0.2",
            "results": {
                "output_0": {
                    "uid": "output_0", "status": status, "type": "table",
                    "files": [{"name": "output_0_0.csv", "sdc": {"summary": {}, "cells": {}}}],
                    "outcome": {"F": {"N": "ok", "S": "ok"}, "M": {"N": "ok", "S": "ok"}},
                    "command": "crosstab()", "exception": exception, "fair": {"statbarn": "Frequencies"},
                }
            },
        }
    )  # fmt: skip


def drafted(
    world: World, exception: str = "", table: str = "area,F,M\nN,20,25\nS,15,40\n", **record: str
) -> ReleaseRequest:
    world.publish({TABLE: table, RECORD: results(exception, **record)})
    request = world.draft(files=(TABLE,), supporting=(RECORD,))
    say(world, request, {"area": "label"})
    return request


def say(world: World, request: ReleaseRequest, columns: dict[str, str]) -> None:
    context = f"{CONTEXT} Columns F and M are women and men of each area."
    save_group(
        by=world.cast.ada, request_id=request.id, group="tables", name="tables", context=context, controls=CONTROLS,
        columns=columns,
    )  # fmt: skip


def found_in_table(world: World, request: ReleaseRequest) -> dict[str, tuple[str, str]]:
    shown = file_page(request.id, "tables", TABLE, world.cast.cat).findings
    return {one.rule: (one.severity, one.explanation) for one in shown}


def test_the_exception_asked_for_in_acro_is_the_explanation(world: World) -> None:
    request = drafted(world, REASON)
    submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING)
    assert found_in_table(world, request)["A1"] == ("fix", REASON)
    row = Explanation.get()
    assert (row.writer, row.file.path, row.superseded_at) == ("ada", TABLE, None)
    told = [event.data for event in Event.select().where(Event.type == "release:explained")]
    assert len(told) == 1 and REASON not in json.dumps(told) and TABLE not in json.dumps(told)


def test_without_an_exception_the_author_has_to_explain(world: World) -> None:
    request = drafted(world)
    with pytest.raises(Denied, match="ACRO failed"):
        submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING)
    assert not Explanation.select().exists()


def test_an_exception_too_short_for_an_explanation_is_none(world: World) -> None:
    request = drafted(world, "known")
    with pytest.raises(Denied, match="Mend or explain"):
        submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING)


def test_what_the_author_says_here_goes_before_what_they_said_to_acro(world: World) -> None:
    request = drafted(world, REASON)
    recheck(by=world.cast.ada, request_id=request.id)
    assert found_in_table(world, request)["A1"] == ("fix", REASON)
    finding = next(one for one in world.file(request, TABLE).findings if one["rule"] == "A1")
    explain(
        by=world.cast.ada, request_id=request.id, path=TABLE, text=OWN, fingerprint=finding["fingerprint"]
    )
    recheck(by=world.cast.ada, request_id=request.id)
    submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING)
    assert found_in_table(world, request)["A1"] == ("fix", OWN)
    assert [row.text for row in Explanation.select().where(Explanation.superseded_at.is_null())] == [OWN]


def test_the_dictionary_goes_before_the_record_and_the_record_before_a_guess(world: World) -> None:
    small = "area,F,M\nN,20,25\nS,15,3\n"
    request = drafted(world, table=small, status="pass")
    recheck(by=world.cast.ada, request_id=request.id)
    assert found_in_table(world, request)["C1"] == ("fix", "")
    say(world, request, {"area": "label", "m": "rate"})
    recheck(by=world.cast.ada, request_id=request.id)
    assert "C1" not in found_in_table(world, request)


def test_what_only_several_files_tell_is_found_as_soon_as_they_are_added(world: World) -> None:
    """5.1, stage A: before anybody submits, and again with every new version; what groups say is left for later."""
    drawn = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="2" height="2"/></svg>'
    world.publish({TABLE: "area,F,M\nN,20,25\nS,15,40\n", RECORD: results(""), "output/km.svg": drawn})
    files = [Wanted(TABLE), Wanted(RECORD, SUPPORTING), Wanted("output/km.svg")]
    request = add_files(by=world.cast.ada, workspace="asthma", backend="local", group="g", files=files)
    assert "A1" in rules_on(world, request, TABLE) and "G1" in rules_on(world, request, "output/km.svg")
    assert request.groups.get().findings == [], "an empty context is no finding before it is submitted"
    world.publish({TABLE: "area,F,M\nN,20,30\nS,15,40\n"})
    update_file(by=world.cast.ada, request_id=request.id, path=TABLE)
    assert "A1" in rules_on(world, request, TABLE)
    before = world.again(request).version
    world.publish({"output/km.csv": "month,n\n1,20\n2,25\n"})
    add_files(
        by=world.cast.ada, workspace="asthma", backend="local", group="g", files=[Wanted("output/km.csv", SUPPORTING)]
    )  # fmt: skip
    assert (
        "G1" not in rules_on(world, request, "output/km.svg") and world.again(request).version == before + 1
    )


def rules_on(world: World, request: ReleaseRequest, path: str) -> set[str]:
    return {one["rule"] for one in world.file(request, path).findings}


def test_of_many_files_what_takes_several_is_looked_at_in_the_background(
    world: World, instance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5.1, stage A: a figure without its data is told of before anybody submits, however many files there are."""
    tables = {f"output/many/{n}.csv": f"region,n\nNorth,{50 + 5 * n}\nSouth,85\n" for n in range(3)}
    world.publish({**tables, "output/lonely.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>"})
    monkeypatch.setattr(rechecking, "MOST_BESIDE", 2)
    queue = open_queue(instance / "huey.db")
    request = world.draft(files=[*tables, "output/lonely.svg"])

    def told() -> set[str]:
        rows = RequestFile.select().where(RequestFile.request == request.id)
        return {one["rule"] for row in rows for one in row.findings}

    assert "G1" not in told()
    assert queue.pending_count() >= 1
    while queued := queue.dequeue():
        queue.execute(queued)
    assert "G1" in told()
