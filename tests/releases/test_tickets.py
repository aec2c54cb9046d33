"""A form of the desk that is sent twice does what it does once, and both get the same answer (specification 6, OC8)."""

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite.core import clock
from jobsite.core.db import close_connections
from jobsite.core.events import Event
from jobsite.releases.requests.comments import comment
from jobsite.releases.requests.models import Comment, Pin, ReleaseRequest, Ticket, Vote
from jobsite.releases.requests.tickets import UsedBefore, forget_old_tickets, keep_ticket, new_ticket, once

from .test_desk import ALL, EXPLAINED, at, people  # noqa: F401
from .world import REASON, World

FIELD = re.compile(r'name="ticket" value="([^"]+)"')
FORM = re.compile(r'<form[^>]*method="post".*?</form>', re.DOTALL)
A = "output/a.csv"


def tickets(browser: FlaskClient, address: str) -> list[str]:
    """The tickets of the forms of a page."""
    return FIELD.findall(browser.get(address).text)


def twice(browser: FlaskClient, address: str, **form: Any) -> int:
    """Send a form of a page twice with the ticket it came with; both answers are the same, and their status comes back."""
    form["ticket"] = tickets(browser, address)[0]
    first, second = (browser.post(address, data=form) for _ in range(2))
    assert (first.status_code, first.location) == (second.status_code, second.location), second.text[-500:]
    return first.status_code


def test_every_form_of_the_desk_carries_a_ticket_of_its_own(world: World, people: Any) -> None:  # noqa: F811
    new = "/requests/new/asthma/local/?path=output/plot.csv"
    draft = world.draft()
    pages = [("ada", new)] + [("ada", at(draft, *parts)) for parts in
             ((), ("tables", ""), ("tables", A), ("-", "submit", ""), ("-", "withdraw", ""))]  # fmt: skip
    seen: list[str] = []
    for who, address in pages:
        seen += _tickets_of_forms(people(who), address)
    submitted = world.submitted(by=world.cast.ben, files=["output/plot.csv"], group="figure")
    world.review(world.cast.cyd, submitted, ends=False)
    for parts in (
        (),
        ("figure", ""),
        ("figure", "output/plot.csv"),
        ("-", "my-review", ""),
        ("-", "return", ""),
    ):
        seen += _tickets_of_forms(people("cat"), at(submitted, *parts))
    assert len(seen) == len(set(seen)) > 18


def _tickets_of_forms(browser: FlaskClient, address: str) -> list[str]:
    page = browser.get(address).text
    forms = FORM.findall(page[page.find("<main") :])
    assert forms, address
    found = [FIELD.findall(form) for form in forms]
    assert all(len(one) == 1 for one in found), (address, found)
    return [one[0] for one in found]


def test_a_second_click_changes_nothing_and_gets_the_same_answer(world: World, people: Any) -> None:  # noqa: F811
    new = "/requests/new/asthma/local/"
    form = {"path": ["output/plot.csv"], "kind": ["OUTPUT"], "group": "Figure"}
    ben, ada, cat = people("ben"), people("ada"), people("cat")
    form["ticket"] = tickets(ben, f"{new}?path=output/plot.csv")[0]
    answers = [ben.post(new, data=form) for _ in range(2)]
    assert {(one.status_code, one.location) for one in answers} == {(303, answers[0].location)}
    assert ReleaseRequest.select().where(ReleaseRequest.author == world.cast.ben).count() == 1

    request = world.draft()
    assert twice(ada, at(request), do="comment-public", text="One comment") == 303
    assert twice(ada, at(request, "-", "submit", ""), check=ALL) == 303
    file = at(request, "tables", A)
    assert twice(cat, file, do="comment", text="Another") == 303
    assert twice(cat, file, do="approve") == 303
    assert twice(cat, file, do="pin", severity="look", sentence="What does the first column mean?") == 303
    assert [one.text for one in Comment.select().order_by(Comment.id)] == ["One comment", "Another"]
    assert Pin.select().count() == 1 == Vote.select().count()
    assert twice(cat, at(request, "-", "return", ""), reason=REASON) == 303
    assert (world.again(request).status, world.again(request).turn) == ("RETURNED", 2)
    assert twice(ada, at(request, "-", "withdraw", ""), reason=REASON) == 303
    repeated = twice(ada, at(request, "-", "again", ""))
    assert (
        repeated == 303 and ReleaseRequest.select().where(ReleaseRequest.repeats == request.id).count() == 1
    )


def test_an_old_form_sent_again_does_not_undo_what_came_after(world: World, people: Any) -> None:  # noqa: F811
    request, cat = world.submitted(), people("cat")
    file = at(request, "tables", A)
    early = {"do": "approve", "stay": "1", "ticket": tickets(cat, file)[0]}
    assert cat.post(file, data=early).status_code == 303
    assert cat.post(file, data={"do": "changes", "ticket": tickets(cat, file)[0]}).status_code == 303
    assert cat.post(file, data=early).status_code == 303
    assert Vote.get(Vote.superseded_at.is_null()).value == "CHANGES_REQUESTED"


def test_an_old_form_with_another_text_is_another_form(world: World, people: Any) -> None:  # noqa: F811
    """A browser may show the page again as it was: what is typed then is not lost."""
    request, cat = world.submitted(), people("cat")
    form = {"do": "comment", "ticket": tickets(cat, at(request))[0]}
    for text in ("First", "Second", "First"):
        assert cat.post(at(request), data={**form, "text": text}).status_code == 303
    assert [one.text for one in Comment.select().order_by(Comment.id)] == ["First", "Second"]


def test_a_form_that_was_refused_may_be_sent_again(world: World, people: Any) -> None:  # noqa: F811
    request, cat = world.submitted(), people("cat")
    review, file = at(request, "-", "my-review", ""), at(request, "tables", A)
    form = {"ticket": tickets(cat, file)[0]}
    assert [cat.post(review, data=form).status_code for _ in range(2)] == [403, 403]
    assert not Ticket.select().exists()
    world.review(world.cast.cat, request, ends=False)
    assert cat.post(review, data=form).status_code == 303
    assert world.again(request).status == "PARTIALLY_REVIEWED"


def test_two_clicks_at_the_same_moment_do_one_thing(world: World) -> None:
    """The verb's own transaction stores the ticket: who comes second takes everything back."""
    request, ticket = world.submitted(), new_ticket()
    ready, found = threading.Barrier(4), []

    def click() -> None:
        ready.wait(60)
        say = {"by": world.cast.cat, "request_id": request.id, "text": "At once"}
        found.append(once(by=world.cast.cat, ticket=ticket, verb=lambda: comment(**say)))
        close_connections()

    clicks = [threading.Thread(target=click) for _ in range(4)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join(60)
    assert len(found) == 4 and Comment.select().count() == 1
    assert Event.select().where(Event.type == "release:commented").count() == 1
    assert sum(isinstance(one, ReleaseRequest) and one.id == request.id for one in found) == 3


def test_a_ticket_is_its_person_s_and_is_forgotten_in_time(world: World) -> None:
    request, ticket = world.submitted(), new_ticket()
    say = {"request_id": request.id, "text": "Mine"}
    once(by=world.cast.cat, ticket=ticket, verb=lambda: comment(by=world.cast.cat, **say))
    with pytest.raises(UsedBefore):
        once(by=world.cast.cyd, ticket=ticket, verb=lambda: comment(by=world.cast.cyd, **say))
    assert Comment.select().count() == 1
    assert once(by=world.cast.cyd, ticket="made up", verb=lambda: 5) == 5, "no ticket of ours"
    keep_ticket(request)
    assert Ticket.select().count() == 1, "without a form there is no ticket to keep"
    assert forget_old_tickets() == 0
    with clock.at(clock.now() + timedelta(days=3)):
        assert forget_old_tickets() == 1
