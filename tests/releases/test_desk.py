"""The pages of release requests: what each person sees on them and may press, and that nothing typed is ever lost."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from jobsite.outputs.models import Look
from jobsite.releases.desk import prompts
from jobsite.releases.requests.models import Comment, ReleaseRequest, Vote
from jobsite.releases.requests.rules import CHECKLIST, STATUSES

from ..test_page_laws import broken_laws
from .world import CONTEXT, CONTROLS, REASON, SMALL, World

Press = Callable[..., TestResponse]
ALL = [str(number) for number in range(len(CHECKLIST))]
EXPLAINED = "The three people are in a public register already, so nothing is given away."


@pytest.fixture
def people(world: World, app: Flask, sign_in: Callable[..., FlaskClient]) -> Callable[[str], FlaskClient]:
    """`people("ada")`: the browser of somebody who is logged in. Forms need no CSRF field; another test holds that."""
    browsers: dict[str, FlaskClient] = {}

    def browser(name: str) -> FlaskClient:
        if name not in browsers:
            app.config["WTF_CSRF_ENABLED"] = True
            browsers[name] = sign_in(app.test_client(), name)
        app.config["WTF_CSRF_ENABLED"] = False
        return browsers[name]

    return browser


@pytest.fixture
def read(people: Callable[[str], FlaskClient]) -> Callable[..., str]:
    """`read("ada", address)`: the words of a page, which keeps the laws of all pages."""

    def page(name: str, address: str, status: int = 200) -> str:
        answer = people(name).get(address)
        assert answer.status_code == status, (name, address, words_of(answer.text)[-300:])
        assert broken_laws(answer.text) == [], (name, address)
        assert answer.headers["Cache-Control"] == "no-store"
        return words_of(answer.text)

    return page


@pytest.fixture
def press(people: Callable[[str], FlaskClient]) -> Press:
    """`press("ada", address, do=…)`: send a form of a page; what comes back has the status, 303 unless said."""

    def send(who: str, address: str, status: int = 303, /, **form: Any) -> TestResponse:
        answer = people(who).post(address, data=form)
        assert answer.status_code == status, (who, address, form, words_of(answer.text)[-400:])
        return answer

    return send


def words_of(page: str) -> str:
    """What a reader reads, with what stands in fields."""
    main = page[page.find("<main") :]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def at(request: ReleaseRequest, *parts: str) -> str:
    return f"/requests/{request.id}/" + "/".join(parts)


def only_request() -> ReleaseRequest:
    return ReleaseRequest.select().get()


def test_files_of_level_4_become_a_submitted_request_page_by_page(
    world: World, read: Any, press: Press
) -> None:
    new = "/requests/new/asthma/local/"
    chosen = read("ada", f"{new}?path=output/a.csv&path=output/plot.csv&path=output/none.csv")
    assert "output/a.csv" in chosen and "output/none.csv" not in chosen
    answer = press(
        "ada", new, path=["output/a.csv", "output/plot.csv"], kind=["OUTPUT", "SUPPORTING"], group="Regions"
    )
    request = only_request()
    assert answer.location == at(request, "regions", "")
    assert {file.path: file.kind for file in request.files} == {
        "output/a.csv": "OUTPUT",
        "output/plot.csv": "SUPPORTING",
    }

    group = read("ada", answer.location)
    assert "a.csv: 3 rows × 2 columns (region, n), made by tables." in group, (
        "the context is drafted from the file"
    )
    assert "region:" in group and "Counts from 1 to 7 are hidden" in group, (
        "columns and an example are offered"
    )
    submit = at(request, "-", "submit", "")
    assert "What still stands in the way" in read("ada", submit)
    assert "tick" in words_of(press("ada", submit, 422).text).lower(), "the checklist has to be ticked"
    press("ada", submit, 403, check=ALL)

    said = {
        "name": "By region",
        "context": CONTEXT,
        "controls": CONTROLS,
        "columns": "region: label\nn: count\nmonth: label",
    }
    press("ada", answer.location, do="save", **said, population="adults, 245", rounding="5")
    saved = request.groups.get()
    assert (saved.name, saved.slug, saved.context) == ("By region", "regions", CONTEXT)
    assert saved.columns == {"region": "label", "n": "count", "month": "label"}
    assert saved.statements == {"population": "adults, 245", "rounding": "5"}
    press("ada", submit, check=ALL)
    assert only_request().status == "SUBMITTED"
    assert "Submitted, waiting for reviews" in read("ada", at(request))


def test_an_exception_says_why_it_has_to_stay_and_why_the_risk_is_low(
    world: World, read: Any, press: Press
) -> None:
    """14: two questions with an example beside them; what is typed into one alone comes back with the refusal."""
    world.publish({"output/a.csv": SMALL})
    request = world.draft(files=["output/a.csv"])
    file = at(request, "tables", "output/a.csv")
    rule = next(
        one["rule"] for one in world.file(request, "output/a.csv").findings if one["severity"] == "fix"
    )
    about = {"do": "explain", "rule": rule, "all": "1"}
    example = prompts.explanation_example(rule)
    page = read("ada", file)
    assert example and all(words in page for words in example) and "Why the risk is low" in page
    finding = next(one for one in world.file(request, "output/a.csv").findings if one["rule"] == rule)
    refused = press("ada", file, 422, **about, finding=finding["fingerprint"], risk="No one.", text="").text
    assert re.search(rf'<textarea id="risk-{finding["fingerprint"][:16]}"[^>]*>No one.<', refused)
    press("ada", file, **about, text="The protocol promises this row.", risk="It counts hospitals.")
    said = "Why it has to stay: The protocol promises this row. Why the risk is low: It counts hospitals."
    assert said in read("ada", file)


def test_what_was_typed_comes_back_with_every_refusal(world: World, read: Any, press: Press) -> None:
    world.publish({"output/a.csv": SMALL})
    request = world.draft(files=["output/a.csv"])
    file, short = at(request, "tables", "output/a.csv"), "Too few words."
    finding = next(one for one in world.file(request, "output/a.csv").findings if one["severity"] == "fix")
    page = press(
        "ada", file, 422, do="explain", finding=finding["fingerprint"], rule=finding["rule"], text=short
    ).text
    box = re.search(rf'<textarea id="text-{finding["fingerprint"][:16]}"[^>]*>([^<]*)<', page)
    assert box and box[1] == short and "at least 20 characters" in page
    assert broken_laws(page) == []

    kept = press(
        "ada",
        at(request, "tables", ""),
        422,
        do="save",
        name="",
        context="Kept context",
        controls="Kept controls",
    )
    assert "Kept context" in kept.text and "Kept controls" in kept.text and broken_laws(kept.text) == []
    kept = press("ada", at(request), 422, do="comment-public", text="w" * 5001)
    assert "w" * 5001 in kept.text
    kept = press("ada", at(request, "-", "withdraw", ""), 422, reason="k" * 2001)
    assert "k" * 2001 in kept.text and only_request().status == "PENDING"
    kept = press(
        "ada", "/requests/new/asthma/local/", 422, path="output/b.csv", kind="OUTPUT", group="n" * 81
    )
    assert "n" * 81 in kept.text
    closed = at(world.submitted(by=world.cast.ben, files=["output/b.csv"]))
    kept = press("ben", closed, 403, do="comment-public", text="Words that may not be said now")
    assert "Words that may not be said now" in kept.text and broken_laws(kept.text) == []


def test_a_file_comes_with_its_findings_and_an_explained_one_goes_to_the_checker(
    world: World, read: Any, press: Press
) -> None:
    world.publish({"output/a.csv": SMALL})
    request = world.draft(files=["output/a.csv"])
    file = at(request, "tables", "output/a.csv")
    assert "3 is a count of 1 to 7" in read("ada", file)
    for rule in {
        one["rule"] for one in world.file(request, "output/a.csv").findings if one["severity"] == "fix"
    }:
        press("ada", file, do="explain", rule=rule, all="1", text=EXPLAINED)
    press("ada", at(request, "-", "submit", ""), check=ALL)

    assert f"“{EXPLAINED}” Ada Adewale" in read("cat", file)
    press("cat", file, 403, do="approve")
    rules = {one["rule"] for one in world.file(request, "output/a.csv").findings if one["severity"] == "fix"}
    for rule in rules:
        press(
            "cat", file, do="waive", rule=rule, all="1", code="already-public", text="It is in the register."
        )
    page = read("cat", file)
    assert "Already public: It is in the register." in page and "findings to waive 0" in page
    press("cat", file, do="approve")
    assert Vote.get(Vote.checker == "cat").value == "APPROVED"
    first = next(one for one in world.file(request, "output/a.csv").findings if one["severity"] == "fix")
    press("cat", file, do="unwaive", finding=first["fingerprint"], rule=first["rule"])
    assert "findings to waive 1" in read("cat", file), (
        "what was said to all of a rule is taken back from any of them"
    )
    press("cat", file, 403, do="approve")
    press(
        "cat",
        file,
        do="waive",
        rule=first["rule"],
        all="1",
        code="already-public",
        text="It is in the register.",
    )
    assert "It is in the register." not in read("cyd", file), "waivers are as blind as votes"


def test_checkers_are_blind_to_each_other_until_all_reviews_are_in(
    world: World, read: Any, press: Press
) -> None:
    request = world.submitted()
    a, b = at(request, "tables", "output/a.csv"), at(request, "tables", "output/b.csv")
    secret, open_words = "Said by cat to checkers", "Said by cat to everybody"
    for address in (a, b):
        read("cat", address)
        press("cat", address, do="changes" if address == b else "approve")
    press("cat", b, do="comment", text=secret)
    press("cat", at(request, "tables", ""), do="comment-public", text=open_words)
    press("cat", at(request, "-", "my-review", ""))
    pages = [at(request), at(request, "tables", ""), a, b, at(request, "-", "audit", "")]
    for who in ("cyd", "ada", "ben"):
        seen = " ".join(read(who, address) for address in pages)
        assert secret not in seen and open_words not in seen, who
        assert "1 of 2 reviews in" in seen, who
        assert "Cat Castell changes" not in seen, who

    world.review(world.cast.cyd, request)
    for_checkers = " ".join(read("cyd", address) for address in pages)
    assert secret in for_checkers and open_words in for_checkers
    assert "Disagreements" in for_checkers and "Cat Castell changes" in for_checkers
    for who in ("ada", "ben"):
        seen = " ".join(read(who, address) for address in pages)
        assert secret not in seen and open_words not in seen and "Cat Castell changes" not in seen, who

    press("cyd", at(request, "-", "return", ""), reason=REASON)
    seen = " ".join(read("ada", address) for address in pages)
    assert open_words in seen and REASON in seen and secret not in seen
    assert "disagreement" not in seen and "changes" in seen and "Cat Castell changes" not in seen


def test_every_comment_box_says_who_will_read_it_and_from_when(world: World, read: Any) -> None:
    address = at(world.draft())
    assert "Read by the author's side now, and by checkers once the request is submitted." in read(
        "ada", address
    )
    address = at(world.reviewed(by=world.cast.ben))
    assert "Read by checkers now; by the author when the request is returned or decided." in read(
        "cat", address
    )
    assert "Read by checkers; never by the author's side." in read("cat", address)
    assert "Comments can be written while the request is" in read("ben", address)


def test_only_an_opened_file_can_be_approved_and_the_next_one_without_a_vote_follows(
    world: World, read: Any, press: Press
) -> None:
    request = world.submitted(files=["output/a.csv", "output/b.csv", "output/plot.csv"])
    a, b, plot = (at(request, "tables", f"output/{name}.csv") for name in ("a", "b", "plot"))
    press("cat", a, 403, do="approve")
    assert "not opened 2" in read("cat", a)
    assert press("cat", a, do="approve").location == b
    read("cat", b)
    assert press("cat", b, do="approve", stay="1").location == b
    assert "voted 2 of 3" in read("cat", b)
    assert press("cat", b, do="approve", stay="1").location == b, "a second press has the same answer"
    assert Vote.select().where(Vote.checker == "cat").count() == 2
    asked = press("cat", plot, do="changes")
    assert asked.location == f"{plot}#text", "the comment is the next thing to write"
    missing = read("cat", at(request, "-", "my-review", ""))
    assert "What is missing 1" in missing
    press("cat", at(request, "-", "my-review", ""), 403)
    press("cat", at(request, "tables", ""), do="comment", text="The figure needs its data.")
    press("cat", at(request, "-", "my-review", ""))
    assert only_request().status == "PARTIALLY_REVIEWED"


def test_the_queue_has_a_clock_says_who_is_on_it_and_how_far_one_is(
    world: World, read: Any, press: Press
) -> None:
    request = world.submitted()
    assert "5 working days left" in read("cat", "/requests/")
    press("cat", at(request), do="take")
    read("cat", at(request, "tables", "output/a.csv"))
    press("cat", at(request, "tables", "output/a.csv"), do="approve")
    queue = read("cyd", "/requests/")
    assert "Cat Castell" in queue and "0 of 2" in queue and "Your turn" in queue
    assert "your review 1 of 2" in read("cat", "/requests/?view=queue")
    press("cat", at(request), do="let-go")
    assert "Cat Castell" not in read("cyd", "/requests/")
    assert "Clear the filters" in read("cat", "/requests/?q=nothing-of-that-name")
    assert "The filter colour is not known here" in read("cat", "/requests/?colour=red")
    assert "asthma" in read("ada", "/requests/?view=mine") and "Nothing waits for a review." in read(
        "ada", "/requests/?view=queue"
    )
    assert "Release requests that wait for you" in read("cyd", "/")


def test_steps_are_asked_for_on_pages_of_their_own(
    world: World, people: Any, read: Any, press: Press
) -> None:
    step = lambda name: at(only_request(), "-", name, "")
    world.submitted()
    assert "Return this request early" in read("cat", step("return"))
    press("cat", step("return"), 422, reason="too short")
    press("cat", step("return"), reason=REASON)
    assert only_request().status == "RETURNED" and REASON in read("ada", at(only_request()))
    press("ada", step("submit"), check=ALL)
    for checker in (world.cast.cat, world.cast.cyd):
        world.review(checker, only_request())
    assert "cannot be undone" in read("cat", step("reject"))
    press("cat", step("reject"), 422, category="", reason=REASON)
    assert "Approve and release" in read("cyd", step("release"))
    press("cyd", step("release"))
    request = only_request()
    assert request.status == "APPROVED"
    assert people("ada").get(at(request, "-", "record.json")).json["request"] == request.id
    assert "uploaded 0 of" in read("ada", at(request)) and "Stop the release" in read("cat", at(request))
    press("ada", step("stop-release"), 403, reason=REASON)
    press("cat", step("stop-release"), reason=REASON)
    assert only_request().status == "REVIEWED"
    press("cat", step("reject"), category="patient-level", reason=REASON)
    assert only_request().status == "REJECTED"
    press("cat", step("dance"), 404)
    read("cat", step("return-early"), 404)


def test_a_checker_may_overrule_an_objection_and_its_owner_restore_it(
    world: World, read: Any, press: Press
) -> None:
    request = world.submitted()
    world.review(world.cast.cat, request, ["output/b.csv"])
    world.review(world.cast.cyd, request)
    file = at(request, "tables", "output/b.csv")
    assert "Why do you overrule this objection?" in read("cyd", file)
    press("cyd", file, 422, do="overrule", objector="cat", reason="no")
    press("cyd", file, do="overrule", objector="cat", reason=REASON)
    assert f"Your objection was overruled by Cyd Cleary: {REASON}" in read("cat", file)
    press("cat", file, do="restore")
    assert "Disagreements" in read("cat", at(request))


def test_an_author_changes_files_and_takes_a_new_version_after_a_look_at_it(
    world: World, read: Any, press: Press
) -> None:
    request = world.draft(supporting=["output/plot.csv"])
    a, plot = at(request, "tables", "output/a.csv"), at(request, "tables", "output/plot.csv")
    world.publish({"output/a.csv": "region,n\nNorth,125\nSouth,85\nEast,40\n"})
    assert "Changed in the workspace" in read("ada", at(request))
    difference = read("ada", f"{a}?against=workspace")
    assert "1 cell changed" in difference and "120" in difference and "125" in difference
    press("ada", a, do="update")
    assert "Changed in the workspace" not in read("ada", a)
    assert "Earlier versions in this request" in read("ada", a)
    press("ada", plot, do="type", kind="OUTPUT")
    assert world.file(request, "output/plot.csv").kind == "OUTPUT"
    assert press("ada", plot, do="move", to="Figures").location.startswith(
        at(request, "figures", "output/plot.csv")
    )
    press("ada", at(request, "figures", "output/plot.csv"), do="withdraw-file")
    assert world.file(request, "output/plot.csv").kind == "WITHDRAWN"


def test_who_may_not_open_a_request_learns_nothing_of_it(world: World, people: Any, read: Any) -> None:
    request = world.reviewed()
    file = world.file(request, "output/a.csv")
    pages = [
        at(request),
        at(request, "tables", ""),
        at(request, "tables", "output/a.csv"),
        at(request, "-", "audit", ""),
    ]
    pages += [
        at(request, "-", "content", str(file.id)),
        at(request, "-", "submit", ""),
        at(request, "-", "my-review", ""),
    ]
    for address in pages:
        for who in ("dan", "pat"):
            answer = people(who).get(address)
            assert answer.status_code == 404 and "asthma" not in answer.text, (who, address)
        assert people("dan").post(address, data={"do": "approve"}).status_code in (404, 405)
    assert {(one.person.username, one.is_denied) for one in Look.select()} == {("dan", True), ("pat", True)}
    assert sum(one.times for one in Look.select()) > 2 * len(pages) and Look.select().count() == 2
    assert "asthma" not in read("dan", "/requests/?view=done")
    assert people("cat").get(f"/requests/{request.id}/-/content/999").status_code == 404
    assert people("cat").get("/requests/01ARZ3NDEKTSV4RRFFQ69G5FAV/").status_code == 404
    for address in (at(request), "/requests/"):
        assert people("ada").application.test_client().get(address).location.startswith("/login/")


def test_controls_that_are_off_say_why(world: World, people: Any, read: Any) -> None:
    request = world.submitted()
    page = people("fay").get(at(request)).text
    assert "You work on this workspace yourself, so another checker has to review its requests." in page
    assert "My review" not in page
    assert "/-/submit/" not in people("ben").get(at(request)).text
    assert "Only output checkers may vote on its files." in read("ben", at(request, "tables", "output/a.csv"))
    assert "A request can be withdrawn while the request is a draft" in read("ada", at(request))
    world.review(world.cast.cat, request)
    file = read("cat", at(request, "tables", "output/a.csv"))
    assert "Clear my vote" in file and "change your votes instead of clearing them" in file
    draft = world.draft(by=world.cast.ben, files=["output/plot.csv"])
    assert "Only the author of this request may submit it." in read("ada", at(draft))
    assert 'value="approve"' not in people("ben").get(at(request, "tables", "output/a.csv")).text
    assert "Add to a release request" in read("ada", "/asthma/level-4/local/")


@pytest.mark.parametrize(
    "name", ["a/b", "..", "-", 'Tab\'le "1" <b>&amp;', "🫀 heart", "é" * 80, "100%", "?x=1#y"]
)
def test_any_name_of_a_group_or_file_gives_working_pages(
    world: World, read: Any, press: Press, name: str
) -> None:
    path = "output/what's 100% #1? <i>&.csv"
    world.publish({path: "region,n\nNorth,120\n"})
    group = press("ada", "/requests/new/asthma/local/", path=path, kind="OUTPUT", group=name).location
    assert name in read("ada", group)
    request = only_request()
    slug = request.groups.get().slug
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", slug)
    link = re.search(r'href="(/requests/[^"]+\.csv)"', press("ada", group, 422, do="nothing").text)
    assert link and path in read("ada", unescape(link[1]))


def test_content_is_sent_in_a_sandbox_and_the_look_is_recorded(world: World, people: Any) -> None:
    """OC25, OC27."""
    world.publish({"output/f.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>"})
    request = world.draft(files=["output/f.svg", "output/a.csv"])
    answer = people("cat").get(at(request, "-", "content", str(world.file(request, "output/f.svg").id)))
    assert answer.status_code == 200 and answer.mimetype == "image/svg+xml"
    assert (
        answer.headers["Content-Security-Policy"].startswith("sandbox;")
        and answer.headers["Cache-Control"] == "no-store"
    )
    table = people("cat").get(at(request, "-", "content", str(world.file(request, "output/a.csv").id)))
    answer.close()
    assert table.status_code == 404, "a table is shown in its page and never sent"


def test_htmx_gets_the_parts_of_the_desk_that_changed(world: World, people: Any, read: Any) -> None:
    request = world.submitted()
    file = at(request, "tables", "output/a.csv")
    read("cat", file)
    asked = {"HX-Request": "true", "HX-Target": "judge", "HX-Together": "1"}
    answer = people("cat").post(file, data={"do": "comment", "text": "Heard"}, headers=asked)
    assert answer.status_code == 200 and "<html" not in answer.text
    for part in ('id="judge"', 'id="progress"', 'id="files"'):
        assert answer.text.count(part) == 1, part
    assert "Heard" in answer.text and Comment.select().count() == 1
    refused = people("cat").post(file, data={"do": "comment", "text": " "}, headers=asked)
    assert refused.status_code == 422 and "Write a comment." in refused.text and "<html" not in refused.text


def test_every_status_has_a_row_in_the_manual(world: World, people: Any) -> None:
    page = people("dan").get("/manual/release-requests/").text
    assert [status.label for status in STATUSES.values() if status.label not in unescape(page)] == []
    assert "waive this finding" in people("dan").get("/manual/checking/").text


def test_what_was_requested_last_time_is_requested_again_in_one_step(
    world: World, read: Any, press: Press
) -> None:
    request = world.submitted(files=["output/a.csv", "output/b.csv"])
    press("cat", at(request, "-", "return", ""), reason=REASON)
    press("ada", at(request, "-", "withdraw", ""))
    assert "Request again what you asked for last." in read("ada", "/asthma/")
    world.publish({"output/a.csv": "region,n\nNorth,125\nSouth,85\n"})
    again = at(request, "-", "again", "")
    page = read("ada", again)
    assert (
        "output/a.csv tables Output Changed since" in page
        and "output/b.csv tables Output The same as then" in page
    )
    press("cat", again, 403)
    address = press("ada", again).location
    page = read("ada", address)
    assert (
        "Draft" in page and "earlier request" in page and "output/a.csv tables Output Changed since" in page
    )
    repeated = ReleaseRequest.get(ReleaseRequest.repeats == request.id)
    assert address == at(repeated) and repeated.groups.get().context == CONTEXT
    press("ada", again, 403)
