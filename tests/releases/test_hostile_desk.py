"""Whatever is typed into a request, or stands in a name or a table of it, is text on every page of the desk."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.outputs.models import PolicyVersion
from jobsite.releases.requests.comments import comment
from jobsite.releases.requests.findings import explain, pin, waive
from jobsite.releases.requests.models import Comment, ReleaseRequest, RequestFile, RequestGroup
from jobsite.releases.requests.steps import return_request, submit
from jobsite.releases.requests.voting import mark_opened, overrule

from ..test_hostile import ONE_LINE, TEXT, acting
from .test_desk import at, people  # noqa: F401
from .world import EVERYTHING, World

TYPED = "".join(letter for letter in TEXT if letter == "\n" or letter.isprintable())
"""What rules let through: they refuse letters that control."""
PATH = "output/<img src=x onerror=alert(1)>'&{{4711*1000}}.csv"
TABLE = f'"<svg/onload=alert(7)>","n"\n"{ONE_LINE.replace(chr(34), chr(34) * 2)}",3\nSouth,85\n'
STEPS = [
    "submit",
    "my-review",
    "withdraw",
    "return-early",
    "return",
    "reject",
    "release",
    "stop-release",
    "recall",
    "again",
    "add",
]


@pytest.fixture
def hostile(world: World) -> ReleaseRequest:
    """A request in which everybody wrote what would act: in the second turn, reviewed, with a disagreement."""
    cast = world.cast
    world.publish({PATH: TABLE})
    request = world.draft(files=(PATH, "output/a.csv"), group="<b>group</b>")
    RequestGroup.update(context=TYPED, controls=TEXT, name=ONE_LINE[:80]).execute()
    for rule in {one["rule"] for one in world.file(request, PATH).findings}:
        explain(by=cast.ada, request_id=request.id, path=PATH, rule=rule, text=TYPED)
    comment(by=cast.ada, request_id=request.id, text=TYPED)
    submit(by=cast.ada, request_id=request.id, checklist=EVERYTHING)
    place = {"kind": "cell", "row": 1, "col": 1, "header": "<svg/onload=alert(7)>"}
    for checker in (cast.cat, cast.cyd):
        mark_opened(by=checker, request_id=request.id, path=PATH)
        for rule in {one["rule"] for one in world.file(request, PATH).findings if one["severity"] == "fix"}:
            waive(by=checker, request_id=request.id, path=PATH, rule=rule, code="other", text=TYPED)
        comment(by=checker, request_id=request.id, path=PATH, text=TYPED, audience="PRIVATE", place=place)
        comment(by=checker, request_id=request.id, text=TYPED, audience="PUBLIC")
        pin(
            by=checker,
            request_id=request.id,
            path=PATH,
            place=place,
            severity="look",
            sentence=TYPED.splitlines()[0][:500],
        )
    world.review(cast.cat, request)
    world.review(cast.cyd, request, asks_for=(PATH,))
    overrule(by=cast.cat, request_id=request.id, path=PATH, objector="cyd", reason=TYPED[:2000])
    PolicyVersion.update(note=TEXT, author=ONE_LINE).execute()
    return world.again(request)


def test_nothing_that_is_typed_or_named_acts_on_a_page_of_the_desk(
    world: World,
    hostile: ReleaseRequest,
    people: Callable[[str], FlaskClient],  # noqa: F811
    app: Flask,
) -> None:
    """OC24: for author, colleague, both checkers, auditor, and a stranger."""
    file, slug = world.file(hostile, PATH), RequestGroup.get().slug
    views = ("", "?view=source", "?view=diff", "?cell=1,1", f"?q={ONE_LINE}", f"?sort={ONE_LINE}&against=x")
    pages = [
        "/requests/", f"/requests/?q={ONE_LINE}", "/requests/?view=queue", at(hostile), at(hostile, slug, ""),
        *(at(hostile, slug, PATH) + view for view in views),
        *(at(hostile, "-", step, "") for step in STEPS), at(hostile, "-", "audit", ""),
        at(hostile, "-", "record.json"), at(hostile, "-", "content", str(file.id)), "/policy/", "/policy/default/1/",
        *(f"/asthma/level-4/local/{path}" for path in ("", f"?q={ONE_LINE}", "?view=tree", PATH)),
    ]  # fmt: skip

    def read(shown: set[str], *names: str) -> None:
        for name in names:
            for page in pages:
                answer = people(name).get(page, buffered=True)
                assert answer.status_code < 500 and "<img" not in str(answer.headers), (name, page)
                if answer.mimetype == "text/html":
                    assert acting(answer.text) == [], (name, page)
                    assert "4711000" not in answer.text, (name, page)
                    shown |= {name} if "&lt;img src=x" in answer.text else set()

    shown: set[str] = set()
    read(shown, "ada", "cat", "cyd", "sam", "dan")
    return_request(by=world.cast.cat, request_id=hostile.id, reason=TYPED[:2000])
    read(shown, "ben")
    assert shown >= {"ada", "ben", "cat", "cyd", "sam"}
    assert Comment.select().where(Comment.text == TYPED).count() >= 5


REFUSED: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "nothing selected": ("ada", "/requests/new/asthma/local/", {"group": "tables"}, 422),
    "a path that is not there": (
        "ada", "/requests/new/asthma/local/", {"group": "g", "kind": "OUTPUT", "path": "output/none.csv"}, 422,
    ),
    "a path outside": (
        "ada", "/requests/new/asthma/local/", {"group": "g", "kind": "OUTPUT", "path": "../../jobsite.db"}, 422,
    ),
    "not a checker": ("ben", "{file}", {"do": "approve"}, 403),
    "no member of the backend": ("dan", "{file}", {"do": "approve"}, 404),
    "a wrong status": ("cat", "{request}-/release/", {}, 403),
    "a step that is none": ("cat", "{request}-/nonsense/", {}, 404),
    "a verb that is none": ("cat", "{file}", {"do": "nonsense"}, 422),
    "a finding that is none": ("cat", "{file}", {"do": "waive", "finding": "x", "code": "other", "text": "y" * 30}, 404),
    "an unknown group": ("cat", "{request}none/", {"do": "comment", "text": "Hello."}, 404),
    "a number beyond all": ("cat", "{request}", {"do": "take-back", "comment": "9" * 30}, 404),
}  # fmt: skip


def test_what_cannot_be_is_refused_with_a_sentence(
    world: World,
    people: Callable[[str], FlaskClient],  # noqa: F811
) -> None:
    """OC29: one map from errors to answers, 4xx with a page that says what it was."""
    request = world.submitted(files=("output/a.csv",))
    before = (RequestFile.select().count(), Comment.select().count(), request.version)
    file = at(request, "tables", "output/a.csv")
    for what, (who, where, form, status) in REFUSED.items():
        answer = people(who).post(where.format(request=at(request), file=file), data=form)
        assert answer.status_code == status, (what, answer.text[-500:])
        assert answer.mimetype == "text/html" and "<h1" in answer.text, what
        after = (RequestFile.select().count(), Comment.select().count(), world.again(request).version)
        assert after == before, what


def test_filters_that_nobody_knows_and_manifests_that_are_broken_are_pages(
    world: World,
    people: Callable[[str], FlaskClient],  # noqa: F811
) -> None:
    """OC29."""
    world.draft()
    for query in ("?view=nonsense", "?status=NONSENSE&workspace=none", "?page=x"):
        assert people("cat").get(f"/requests/{query}").status_code == 200, query
    manifest = world.instance / "workspaces" / "level4" / "asthma" / "metadata" / "manifest.json"
    for content in (b"", b"{", b"[]", b'{"outputs": {"a": 3}}', b"\xff\xfe", None):
        manifest.unlink() if content is None else manifest.write_bytes(content)
        page = people("ada").get("/asthma/level-4/local/?state=nonsense&kind=none&severity=no")
        assert page.status_code == 200 and "<h1" in page.text, content
        assert people("ada").get("/asthma/level-4/local/output/a.csv").status_code in (200, 404), content
