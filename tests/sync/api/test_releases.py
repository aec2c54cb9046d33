"""What leaves Level 4 over the wire: announced, uploaded, reviewed, recalled, read again; each sentence that clients match."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite import settings as all_settings
from jobsite.accounts.api_tokens import make_api_token
from jobsite.core.events import Event
from jobsite.releases.models import Release, ReleaseFile, ReleaseFileReview

from .conftest import World

ID = "01HZ0000000000000000000000"
DATA = b"age,n\n1,5\n"
SHA256 = hashlib.sha256(DATA).hexdigest()
SignIn = Callable[[FlaskClient, str], FlaskClient]


def announced(*names: str, **changes: Any) -> dict[str, Any]:
    """The body that announces files of these names, all with `DATA` in them; `changes` are those of each file."""
    file = {
        "url": "x",
        "size": len(DATA),
        "sha256": SHA256,
        "date": "2026-01-01T00:00:00+00:00",
        "metadata": {"tool": "jobsite"},
        "review": None,
    }
    return {
        "files": [{**file, "name": name, **changes} for name in names or ("output/a.csv",)],
        "metadata": {"tool": "jobsite", "airlock_id": ID},
        "review": None,
    }


def create(world: World, body: Any, *, who: str = "cat", token: str = "", workspace: str = "asthma") -> Any:
    return world.call("POST", f"releases/workspace/{workspace}", token or world.near_token, body, OS_User=who)


def upload(
    world: World,
    data: bytes = DATA,
    *,
    name: str = "output/a.csv",
    who: str = "cat",
    token: str = "",
    **headers: str,
) -> Any:
    named = {
        "Content_Disposition": f'attachment; filename="{name}"',
        "Content_Type": "application/octet-stream",
    }
    return world.call(
        "POST", f"releases/release/{ID}", token or world.near_token, data, OS_User=who, **(named | headers)
    )


def test_a_release_is_announced_uploaded_and_read_again(world: World, sign_in: SignIn) -> None:
    made = create(world, announced("output/a.csv", "output/b.csv"))
    assert (made.status_code, made.headers["Release-Id"]) == (201, ID)
    assert made.json == {"release_id": ID, "release_url": f"http://localhost/asthma/releases/{ID}/"}
    assert create(world, announced("output/b.csv", "output/a.csv")).json == made.json
    assert Release.get().metadata == {"tool": "jobsite"} and Release.select().count() == 1
    sent = upload(world)
    file = ReleaseFile.get(name="output/a.csv")
    assert (sent.status_code, sent.data, sent.headers["File-Id"]) == (201, b"", file.id)
    assert sent.mimetype == "text/plain"
    assert sent.headers["Location"] == f"http://localhost/api/v2/releases/file/{file.id}"

    sign_in(world.client, "ben")
    item = {
        "name": "near/output/a.csv", "id": file.id, "url": f"/api/v2/releases/file/{file.id}", "user": "cat",
        "date": file.created_at.isoformat() + "+00:00", "sha256": SHA256, "size": len(DATA), "is_deleted": False,
        "backend": "Near", "metadata": {"tool": "jobsite"}, "review": None,
    }  # fmt: skip
    assert world.call("GET", "releases/workspace/asthma").json == {"files": [item]}
    listed = world.call("GET", f"releases/release/{ID}").json["files"]
    assert listed[0] == item | {"name": "output/a.csv"} and listed[1]["name"] == "output/b.csv"
    read = world.call("GET", f"releases/file/{file.id}")
    assert (read.data, read.content_type, read.headers["ETag"]) == (
        DATA,
        "text/csv; charset=utf-8",
        f'"{SHA256}"',
    )
    assert read.headers["Last-Modified"] and read.headers["Content-Security-Policy"].startswith("sandbox")
    waits = world.call("GET", f"releases/file/{listed[1]['id']}")
    assert (waits.status_code, waits.json) == (200, "File not yet uploaded")
    assert (
        "X-Accel-Redirect"
        not in world.call("GET", f"releases/file/{file.id}", Releases_Redirect="/x").headers
    )


ALREADY = "This version of 'output/a.csv' has already been uploaded from backend 'near'"
OTHER = "Contents of uploaded file does not match the file which a review was requested for"


def test_each_upload_that_is_not_what_was_announced_gets_its_sentence(world: World) -> None:
    assert upload(world).status_code == 404  # before anything of the caller is looked at
    create(world, announced())
    cases = [
        (upload(world, b""), "No data uploaded"),
        (upload(world, Content_Disposition="attachment"), "Missing filename. Request should include a Content-Disposition header with a filename parameter."),
        (upload(world, name="output/b.csv"), f"File output/b.csv not requested in release {ID}"),
        (upload(world, token=world.far_token), "Release is from backend near not far"),
        (upload(world, b"other"), OTHER),
        (upload(world, b"x" * (16 * 2**20 + 1)), "File is too large, it must be below 16.0Mb"),
    ]  # fmt: skip
    for answer, sentence in cases:
        assert (answer.status_code, answer.json) == (400, {"detail": sentence})
    assert upload(world).status_code == 201
    again = upload(world)
    assert (again.status_code, again.json) == (400, {"detail": ALREADY})
    assert upload(world, b"other").json == {"detail": OTHER}


@pytest.mark.parametrize(
    "header",
    [
        "attachment; filename=\"x.csv\"; filename*=UTF-8''output/caf%C3%A9%20%22q%22.csv",
        "attachment; filename*=UTF-8''output/caf%C3%A9%20%22q%22.csv; filename=\"x.csv\"",
        'attachment; filename="output/caf\u00c3\u00a9 \\"q\\".csv"',
    ],
)
def test_a_name_that_is_not_ascii_is_read_however_it_was_sent(world: World, header: str) -> None:
    create(world, announced('output/café "q".csv'))
    assert upload(world, Content_Disposition=header).status_code == 201


def test_what_cannot_be_announced_says_where_and_why(world: World) -> None:
    big = announced("output/big.csv", size=100 * 10**6)
    told = {"files": {"0": {"size": ["File size should be <16Mb. output/big.csv is 95.37Mb"]}}}
    assert create(world, big).json == told
    left_out = announced()
    del left_out["review"], left_out["files"][0]["sha256"]
    assert create(world, left_out).json["review"] == ["This field is required."]
    for wrong in ("/etc/passwd", "../up.csv", "a//b.csv", "a\\b.csv", "a\nb.csv", "."):
        answer = create(world, announced(wrong))
        assert answer.status_code == 400 and "files" in answer.json, wrong
    assert create(world, announced("output/a.csv", "output/a.csv")).status_code == 400
    assert create(world, announced(review={"status": "approved"})).json == {
        "files": {"0": {"review": {"status": ['"approved" is not a valid choice.']}}}
    }
    for body in (
        [],
        "x",
        None,
        {},
        {"files": 5, "metadata": [], "review": None},
        announced(size="8"),
        announced(size=True),
        announced(date="x"),
    ):
        assert create(world, body if body is not None else b"null", workspace="asthma").status_code in (
            400,
            415,
        )
    for over in (announced("x" * 1001), announced(url="x" * 1001), announced(metadata={"x": "y" * 30_000})):
        assert create(world, over).status_code == 400
    assert Release.select().count() == 0
    create(world, announced())
    other = {"detail": f"Requested files do not match files in existing release {ID}"}
    assert create(world, announced("output/c.csv")).json == other
    assert create(world, announced(), token=world.far_token).json == other


def test_only_who_may_release_there_is_let_in_and_the_sentence_is_always_the_same(world: World) -> None:
    create(world, announced())
    nothing = {"detail": "Authentication credentials were not provided."}
    for who in ("ada", "ben", "sam", "dan", "nobody", "", " "):
        for answer in (create(world, announced(), who=who), upload(world, who=who)):
            assert (answer.status_code, answer.json) == (403, nothing), who
    assert (
        create(world, {"wrong": "body"}, who="ada").status_code == 403
    )  # who calls is asked before what is sent
    assert create(world, announced(), who="  CAT ").status_code == 201
    unknown = create(world, announced(), workspace="nothing", token="x")
    assert (unknown.status_code, unknown.json) == (404, {"detail": "No Workspace matches the given query."})
    unknown = world.call("GET", "releases/release/nothing")
    assert (unknown.status_code, unknown.json) == (404, {"detail": "No Release matches the given query."})
    unknown = world.call("GET", "releases/file/nothing")
    assert (unknown.status_code, unknown.json) == (404, {"detail": "No ReleaseFile matches the given query."})


def test_reviews_are_stored_once_and_only_by_who_may_release(world: World, sign_in: SignIn) -> None:
    create(world, announced())
    said = announced(review={"status": "APPROVED", "comments": {"x": "Fine."}}) | {
        "review": {"status": "APPROVED"}
    }
    where = f"releases/release/{ID}/reviews"
    for _ in range(2):
        answer = world.call("POST", where, world.near_token, said, OS_User="cat")
        assert (answer.status_code, answer.data) == (200, b"")
    assert [(one.status, one.comments) for one in ReleaseFileReview.select()] == [
        ("APPROVED", {"x": "Fine."})
    ]
    assert Release.get().status == "APPROVED"
    for body in (
        announced("output/c.csv"),
        announced(sha256="0" * 64),
        announced(review={"status": "approved"}),
    ):
        assert world.call("POST", where, world.near_token, body, OS_User="cat").status_code == 400
    assert world.call("POST", where, world.far_token, said, OS_User="cat").json == {
        "detail": "Release is from backend near not far"
    }
    sign_in(world.client, "ada")
    assert world.call("POST", where, None, said).status_code == 403
    world.client = sign_in(world.client.application.test_client(), "cyd")
    refused = world.call("POST", where, None, said)
    assert (refused.status_code, refused.json["detail"][:11]) == (403, "CSRF Failed")


def test_a_release_is_recalled_with_a_reason_by_checkers_of_its_backend(world: World) -> None:
    create(world, announced())
    upload(world)
    where, why = (
        f"releases/release/{ID}/revoke",
        {"public_reason": "A small count was found in it.", "files": None},
    )
    assert world.call("POST", where, world.near_token, why, OS_User="ada").status_code == 403
    assert world.call("POST", where, world.far_token, why, OS_User="cat").status_code == 400
    assert (
        world.call("POST", where, world.near_token, {"public_reason": "x"}, OS_User="cat").status_code == 400
    )
    for _ in range(2):
        answer = world.call("POST", where, world.near_token, why, OS_User="cat")
        assert (answer.status_code, answer.json) == (200, {"status": "revoked"})
    file = ReleaseFile.get()
    assert file.deleted_at and world.call("GET", f"releases/file/{file.id}").status_code == 404


READS = ("releases/workspace/asthma", f"releases/release/{ID}", "releases/file/{file}")


def test_a_personal_token_reads_what_its_owner_may_see_and_nothing_else(world: World) -> None:
    create(world, announced())
    upload(world)
    ben, dan = (
        make_api_token(by="system", user=one, name="A program") for one in (world.cast.ben, world.cast.dan)
    )
    file = ReleaseFile.get().id
    told = {
        None: "Invalid user or token",
        f"dan:{dan}": "Invalid user or token for workspace asthma",
        f"nobody:{ben}": "Invalid user",
        f"ben:{ben[:-1]}": "You do not have permission to perform this action.",
        f"ben:{dan}": "You do not have permission to perform this action.",
        f"ben:{ben[:64]}-2020-01-01": "You do not have permission to perform this action.",
        world.near_token: "You do not have permission to perform this action.",
    }
    for path in READS:
        for header in (f"ben:{ben}", f"BEN:{ben}", f"Bearer {ben}"):
            assert world.call("GET", path.format(file=file), header).status_code == 200
        for header, sentence in told.items():
            answer = world.call("GET", path.format(file=file), header)
            assert (answer.status_code, answer.json) == (403, {"detail": sentence}), header


def test_a_publication_is_read_without_a_login_and_a_draft_is_not(
    world: World, sign_in: SignIn, csrf: Callable[..., str]
) -> None:
    create(world, announced())
    upload(world)
    file = ReleaseFile.get()
    where = "workspaces/asthma/snapshots"
    assert world.call("POST", where, None, {"file_ids": [file.id]}).json == {
        "detail": "Authentication credentials were not provided."
    }
    sign_in(world.client, "ada")
    token = csrf(world.client, "/settings/")
    assert world.call("POST", where, None, {"file_ids": [file.id]}).status_code == 403  # without X-CSRFToken
    post = lambda body: world.call("POST", where, None, body, X_CSRFToken=token)
    made = post({"file_ids": [file.id]})
    assert made.status_code == 201 and made.json["url"].startswith("/asthma/outputs/")
    number = made.json["url"].split("/")[-2]
    assert post({"file_ids": [file.id]}).json == made.json
    assert post({"file_ids": ["nothing"]}).json == {"detail": "Unknown file IDs: nothing"}
    assert (
        post({"file_ids": []}).status_code
        == post({}).status_code
        == post({"file_ids": [5]}).status_code
        == 400
    )
    assert (
        world.call("GET", f"{where}/{number}").json["files"][0]["url"] == f"/api/v2/releases/file/{file.id}"
    )
    publish = world.call("POST", f"{where}/{number}/publish", None, X_CSRFToken=token)
    assert publish.status_code == 403  # ada asks, publishers decide

    visitor = world.client.application.test_client()
    get = lambda path: visitor.get(f"/api/v2/{path}")
    assert (get(f"{where}/{number}").status_code, get(f"{where}/{number}").json) == (
        403,
        {"detail": "Invalid user or token"},
    )
    dan = sign_in(world.client.application.test_client(), "dan")
    assert dan.get(f"/api/v2/{where}/{number}").json == {
        "detail": f"Invalid user or token for snapshot pk={number}"
    }
    pat = sign_in(world.client.application.test_client(), "pat")
    named = {"X-CSRFToken": csrf(pat, "/settings/")}
    assert pat.get(f"/api/v2/{where}/{number}").status_code == 200  # it awaits a decision
    for _ in range(2):
        answer = pat.post(f"/api/v2/{where}/{number}/publish", headers=named)
        assert (answer.status_code, answer.data) == (200, b"")
    item = get(f"{where}/{number}").json["files"][0]
    assert (item["name"], item["url"]) == ("output/a.csv", f"/asthma/published/{file.id}/")
    assert visitor.get(item["url"], buffered=True).data == DATA
    for other in (f"{where}/999", f"workspaces/nothing/snapshots/{number}", f"{where}/{'9' * 400}"):
        assert get(other).status_code == 404


def test_the_number_of_queries_does_not_grow_with_files(world: World, queries: Callable[[], Any]) -> None:
    ben = "ben:" + make_api_token(by="system", user=world.cast.ben, name="A program")
    world.call("GET", "releases/workspace/asthma", ben)  # its last use is noted
    counts = []
    for number in (1, 60):
        body = announced(*(f"output/{number}-{n}.csv" for n in range(number)), review={"status": "APPROVED"})
        body["metadata"]["airlock_id"] = name = f"01HZ{number:022}"
        seen = []
        for method, path, token in (
            ("POST", "releases/workspace/asthma", world.near_token),
            ("GET", "releases/workspace/asthma", ben),
            ("GET", f"releases/release/{name}", ben),
        ):
            with queries() as asked:
                answer = world.call(method, path, token, body if method == "POST" else None, OS_User="cat")
            assert answer.status_code in (200, 201)
            seen.append(len(asked))
        counts.append(seen)
    assert counts[0] == counts[1] and max(counts[0]) <= 16, counts


def test_a_trusted_proxy_may_serve_the_bytes_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    create(world, announced())
    upload(world)
    ben = "ben:" + make_api_token(by="system", user=world.cast.ben, name="A program")
    path = f"releases/file/{ReleaseFile.get().id}"
    assert world.call("GET", path, ben, Releases_Redirect="/files").data == DATA
    monkeypatch.setattr(all_settings, "_current", replace(all_settings.current(), trusted_proxies=1))
    answer = world.call("GET", path, ben, Releases_Redirect="/files/")
    assert answer.data == b"" and answer.headers["X-Accel-Redirect"] == f"/files/asthma/{ID}/{SHA256}"
    assert answer.content_type == "text/csv; charset=utf-8" and answer.headers[
        "Content-Security-Policy"
    ].startswith("sandbox")
    assert world.call("GET", path, None, Releases_Redirect="/files/").status_code == 403
    assert world.call("GET", path, ben, If_None_Match=f'"{SHA256}"').status_code == 304


def test_no_event_of_the_wire_names_a_file(world: World) -> None:
    create(world, announced("output/secret_name.csv"))
    upload(world, name="output/secret_name.csv")
    assert "secret_name" not in "".join(event.data for event in Event.select())
