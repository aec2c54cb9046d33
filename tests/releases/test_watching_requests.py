"""The page of a request looks again by itself while there is something to wait for; looks and denials are counted as they should."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite.core import clock
from jobsite.core.events import Event
from jobsite.outputs.looks import denied
from jobsite.outputs.models import Look
from jobsite.releases.requests.findings import confirm, explain, waive
from jobsite.releases.requests.models import Opened, ReleaseRequest
from jobsite.releases.requests.queries import file_page
from jobsite.releases.requests.releasing import approve
from jobsite.releases.requests.statistics import counts_by_rule
from jobsite.releases.requests.steps import submit

from .test_desk import EXPLAINED, at, people, read, words_of  # noqa: F401
from .world import EVERYTHING, SMALL, World

A = "output/a.csv"
EVERY = re.compile(r'id="where"[^>]*hx-trigger="every (\d+)s"')


def test_the_page_looks_again_as_often_as_there_is_reason_to(
    world: World,
    people: Callable[[str], FlaskClient],  # noqa: F811
) -> None:
    """2 s while files go out, 30 s while somebody or something is waited for, never where nothing happens by itself (2.7)."""
    request = world.draft()

    def looks_every(who: str = "ada") -> str:
        found = EVERY.search(people(who).get(at(request)).text)
        return found[1] if found else ""

    assert looks_every() == "", "a draft"
    submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING)
    assert looks_every() == looks_every("cat") == "30"
    assert looks_every("sam") == "", "each look of an auditor is recorded"
    for checker in (world.cast.cat, world.cast.cyd):
        world.review(checker, request)
    approve(by=world.cast.cyd, request_id=request.id)
    for state, every in (("held", "30"), ("running", "2"), ("waiting", "30"), ("stuck", "")):
        ReleaseRequest.update(upload_state=state).where(ReleaseRequest.id == request.id).execute()
        assert looks_every() == every, state
    ReleaseRequest.update(status="RELEASED", upload_state="done").where(
        ReleaseRequest.id == request.id
    ).execute()
    assert looks_every() == "", "released"


def test_a_page_that_looks_again_tells_when_the_request_has_moved_on_and_stops(
    world: World,
    people: Callable[[str], FlaskClient],  # noqa: F811
) -> None:
    request, ada = world.submitted(), people("ada")
    address = re.search(r'id="where" hx-get="([^"]+)"', ada.get(at(request)).text)
    assert address is not None
    asked = {"HX-Request": "true", "HX-Target": "where", "HX-Together": "1"}
    same = ada.get(address[1].replace("&amp;", "&"), headers=asked)
    assert "moved on" not in same.text and EVERY.search(same.text) and 'id="upload"' in same.text
    world.review(world.cast.cat, request)
    later = ada.get(address[1].replace("&amp;", "&"), headers=asked)
    assert "1 of 2 reviews in" in later.text and "The request has moved on" in later.text
    assert not EVERY.search(later.text)


def test_a_head_opens_nothing(world: World, people: Callable[[str], FlaskClient]) -> None:  # noqa: F811
    """OC14: what the browser never got counts as opened for nobody."""
    request, cat = world.submitted(), people("cat")
    file, looks = at(request, "tables", A), Look.select().count()
    assert cat.head(file).status_code == 200
    assert not Opened.select().exists() and Look.select().count() == looks
    assert cat.post(file, data={"do": "approve"}).status_code == 403
    cat.get(file)
    assert Opened.select().count() == 1


def test_the_number_of_findings_leads_to_them(world: World, people: Callable[[str], FlaskClient]) -> None:  # noqa: F811
    world.publish({A: SMALL})
    request = world.draft()
    page = people("ada").get(at(request)).text
    assert page.count(f'href="{at(request, "tables", A)}#findings"') >= 2, (
        "in the list, and in the sum of all"
    )
    assert 'id="findings"' in people("ada").get(at(request, "tables", A)).text


def test_denials_that_follow_one_another_closely_are_one_row(world: World) -> None:
    dan, ben = world.cast.dan, world.cast.ben
    for _ in range(3):
        denied(by=dan, workspace=world.workspace)
    denied(by=ben, workspace=world.workspace)
    with clock.at(clock.now() + timedelta(seconds=61)):
        denied(by=dan, workspace=world.workspace)
    rows = Look.select(Look.person, Look.times).where(Look.is_denied).order_by(Look.id).tuples()
    assert list(rows) == [(dan.id, 3), (ben.id, 1), (dan.id, 1)]
    assert Event.select().where(Event.type == "level4:denied").count() == 3


def _explained(world: World) -> tuple[ReleaseRequest, list[Any]]:
    """A submitted request for a table with small counts, all explained, and its findings that a checker has to waive."""
    world.publish({A: SMALL})
    request, ada = world.draft(), world.cast.ada
    for rule in {
        one.rule for one in file_page(request.id, "tables", A, ada).findings if one.severity == "fix"
    }:
        explain(by=ada, request_id=request.id, path=A, text=EXPLAINED, rule=rule)
    submit(by=ada, request_id=request.id, checklist=EVERYTHING)
    found = file_page(request.id, "tables", A, world.cast.cat).findings
    return request, [one for one in found if one.severity == "fix"]


def test_auditors_read_what_became_of_the_findings_of_each_rule(world: World, read: Any, people: Any) -> None:  # noqa: F811
    request, findings = _explained(world)
    first, cat, cyd = findings[0], world.cast.cat, world.cast.cyd
    about = {"request_id": request.id, "path": A}
    for checker in (cat, cyd):
        for one in findings:
            code = "false-alarm" if one is first else "other"
            said = {"fingerprint": one.fingerprint, "code": code, "text": EXPLAINED}
            waive(by=checker, **about, **said)
        world.review(checker, request)
    confirm(by=world.cast.eve, **about, fingerprint=first.fingerprint)
    assert counts_by_rule() == (), "while it is open nothing is told of what checkers said"
    approve(by=cyd, request_id=request.id)
    counts = {one.rule: one for one in counts_by_rule()}
    of_rule = [one for one in findings if one.rule == first.rule]
    one = counts[first.rule]
    assert (one.fired, one.requests, one.explained) == (len(of_rule), 1, len(of_rule))
    assert (one.waived, one.false_alarms, one.confirmed) == (len(of_rule), 1, 1)
    assert one.share_of_false_alarms == round(100 / (len(of_rule) + 1))
    assert one.looks_for
    page = read("sam", "/requests/statistics/")
    assert f"{first.rule} {one.looks_for}" in page and "of those judged" in page
    assert "What the checks found" in words_of(people("sam").get("/requests/").text)
    for name in ("cat", "ada"):
        read(name, "/requests/statistics/", 403)


@pytest.mark.parametrize("turned_down", [True, False])
def test_only_decided_requests_count(world: World, turned_down: bool) -> None:
    request, findings = _explained(world)
    assert findings and counts_by_rule() == ()
    if turned_down:
        ReleaseRequest.update(status="REJECTED").where(ReleaseRequest.id == request.id).execute()
    assert bool(counts_by_rule()) == turned_down
