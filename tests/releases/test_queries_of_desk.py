"""What the desk asks of the database: the numbers of the specification (section 13, OC37), login and frame included."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite import settings
from jobsite.accounts.models import BackendMembership
from jobsite.core.clock import now
from jobsite.releases.requests.adding import Wanted, add_files
from jobsite.releases.requests.findings import explain, waive
from jobsite.releases.requests.models import ReleaseRequest
from jobsite.releases.requests.queries import file_page
from jobsite.releases.requests.rechecking import recheck
from jobsite.releases.requests.rules import CHECKLIST, OUTPUT
from jobsite.releases.requests.tickets import new_ticket

from .test_desk import EXPLAINED, at, people  # noqa: F401
from .world import SMALL, World

S = "output/s.csv"
ALL = [str(number) for number in range(len(CHECKLIST))]
PARTS = {"HX-Request": "true", "HX-Target": "judge", "HX-Together": "1"}
LOOK = 3
"""A look at content is a row and a link of the chain of events, stored before the first byte is shown."""

Count = Callable[..., None]


@pytest.fixture
def count(people: Callable[[str], FlaskClient], queries: Callable[[], Any]) -> Count:  # noqa: F811
    """`count(most, "ada", address)`: the page asks at most so much; with `do` a form is sent, with its ticket."""

    def at_most(
        most: int, who: str, address: str, form: Mapping[str, Any] | None = None, **headers: str
    ) -> None:
        browser = people(who)
        with queries() as seen:
            if form is None:
                answer = browser.get(address, headers=headers)
            else:
                answer = browser.post(address, data={"ticket": new_ticket(), **form}, headers=headers)
        assert answer.status_code in (200, 303), answer.text[-500:]
        assert len(seen) <= most, (address, len(seen), "\n".join(map(str, seen)))

    return at_most


@pytest.fixture
def large(world: World, people: Callable[[str], FlaskClient]) -> ReleaseRequest:  # noqa: F811
    """A draft of ada's with 12 files in a group and one with findings in another that says nothing yet.

    People are members of the backend one by one, as where a provider is set up: that costs no more.
    """
    for name in ("ada", "cat", "cyd", "sam"):
        people(name)
    for person in vars(world.cast).values():
        BackendMembership.create(backend=world.backend, user=person, created_at=now(), created_by="sam")
    settings.use(replace(settings.current(), github_client_id="a", github_client_secret="b"))
    files = {f"output/f{number}.csv": f"region,n\nNorth,{number * 5 + 100}\n" for number in range(12)}
    world.publish({**files, S: SMALL})
    request = world.draft(files=list(files), group="many")
    wanted = [Wanted(S, OUTPUT)]
    add_files(by=world.cast.ada, workspace="asthma", backend="local", group="small", files=wanted)
    return request


def test_no_page_and_no_button_of_the_desk_asks_for_more(
    world: World, large: ReleaseRequest, count: Count
) -> None:
    many, small, file = at(large, "many", ""), at(large, "small", ""), at(large, "many", "output/f3.csv")
    count(12, "ada", at(large))
    count(10, "ada", many)
    count(10, "ada", small)  # its context is empty: a draft is offered
    count(12 + LOOK, "ada", file)
    _describe(world, large)
    count(40, "ada", at(large, "-", "submit", ""), {"check": ALL})

    count(6, "cat", "/requests/")
    count(12, "cat", at(large))
    count(10, "cat", many)
    count(12 + LOOK + 8, "cat", file)  # that a checker opens it is noted, once in a turn
    count(12 + LOOK, "cat", file)
    count(12, "cat", file, **PARTS)
    count(15, "cat", file, {"do": "approve"})
    count(15, "cat", file, {"do": "changes"})
    for address in (at(large), many, file):
        count(15, "cat", address, {"do": "comment", "text": "Look at this"})
    [finding, *others] = [
        one for one in file_page(large.id, "small", S, world.cast.cat).findings if one.is_open
    ]
    word = {"do": "waive", "finding": finding.fingerprint, "code": "other", "text": EXPLAINED}
    count(15, "cat", at(large, "small", S), word)
    count(15 + 12, "cat", at(large, "small", S), word, **PARTS)  # with the parts of the page that changed

    for checker in (world.cast.cat, world.cast.cyd):
        for one in (finding, *others):
            said = {"fingerprint": one.fingerprint, "code": "other", "text": EXPLAINED}
            waive(by=checker, request_id=large.id, path=S, **said)
        world.review(checker, large)
    for page in ("release", "my-review", "audit"):
        count(12, "cyd", at(large, "-", page, ""))
    count(40, "cyd", at(large, "-", "release", ""))
    count(40, "cyd", at(large, "-", "release", ""), {})
    assert world.again(large).status == "APPROVED"
    count(12, "cat", at(large))
    count(12 + LOOK, "sam", at(large))  # that an auditor looks is recorded


def _describe(world: World, request: ReleaseRequest) -> None:
    """What the author says of the second group; the checks have run, so that submitting finds their results."""
    ada = world.cast.ada
    world.describe(ada, request, "small", "small")
    recheck(by=ada, request_id=request.id)
    for rule in {
        one.rule for one in file_page(request.id, "small", S, ada).findings if one.severity == "fix"
    }:
        explain(by=ada, request_id=request.id, path=S, text=EXPLAINED, rule=rule)


def test_a_list_of_fifty_requests_asks_six_times(world: World, count: Count) -> None:
    request = world.submitted()
    for number in range(50):
        facts = request.__data__ | {"id": f"{number:026}", "author": world.cast.eve.id}
        ReleaseRequest.insert(facts | {"status": "RELEASED", "released_at": now()}).execute()
    count(6, "cat", "/requests/")
    count(6, "cat", "/requests/?view=done&q=asthma")
