"""The pages of publications, as members, publishers and everybody else see them."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.accounts.models import Backend
from jobsite.projects.models import Workspace
from jobsite.publishing import actions
from jobsite.publishing.models import Snapshot
from jobsite.releases.actions import delete_file, revoke
from jobsite.releases.models import ReleaseFile
from tests.publishing.conftest import COMMIT, Release, words

TABLE = b"age,n\n18 to 39,402115\n40 to 59,431790\n"
FIGURE = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0H9"/></svg>'
FILES = {"output/table.csv": TABLE, "figures/km.svg": FIGURE, "output/notes.txt": b"Rounded to 5.\n"}
HOSTILE = '</script><script>alert(1)</script>"><b>'
REASON = "The title says too much."


@pytest.fixture
def people(
    app: Flask, cast: SimpleNamespace, sign_in: Callable[..., FlaskClient]
) -> Callable[[str], FlaskClient]:
    """`people("ada")`: a browser of ada's."""
    app.config["WTF_CSRF_ENABLED"] = False
    return lambda name: sign_in_plainly(app, sign_in, name)


def sign_in_plainly(app: Flask, sign_in: Callable[..., FlaskClient], name: str) -> FlaskClient:
    app.config["WTF_CSRF_ENABLED"] = True
    client = sign_in(app.test_client(), name)
    app.config["WTF_CSRF_ENABLED"] = False
    return client


@pytest.fixture
def files(release: Release) -> dict[str, ReleaseFile]:
    return release(FILES)


@pytest.fixture
def draft(cast: SimpleNamespace, workspace: Workspace, files: dict[str, ReleaseFile]) -> Snapshot:
    ids = [file.id for file in files.values()]
    summary = "Sooner in *polluted* areas. <script>alert(1)</script>"
    return actions.draft(
        by=cast.ada, workspace=workspace, file_ids=ids, title="Air and asthma", summary=summary
    )


@pytest.fixture
def publication(draft: Snapshot, cast: SimpleNamespace) -> Snapshot:
    actions.publish(by=cast.pat, snapshot=draft)
    return draft


def addresses(snapshot: Snapshot, file: ReleaseFile) -> list[str]:
    base = f"/asthma/outputs/{snapshot.id}/"
    inside = [f"{base}{file.name}", f"{base}-/{file.id}/", f"{base}download/", f"{base}cite.bib", base]
    return [*inside, f"/asthma/published/{file.id}/"]


def test_a_draft_is_seen_by_members_and_publishers_alone(
    draft: Snapshot, files: dict[str, ReleaseFile], people: Callable[[str], FlaskClient], client: FlaskClient
) -> None:
    seen = addresses(draft, files["output/table.csv"])
    for name, status in {"ada": 200, "ben": 200, "pat": 200, "cat": 200, "dan": 404, "": 404}.items():
        browser = people(name) if name else client
        for address in seen[:-1]:
            assert browser.get(address, buffered=True).status_code == status, (name, address)
        assert browser.get(seen[-1]).status_code == 404, name
        listed = browser.get("/asthma/outputs/").text
        assert ("Air and asthma" in listed) == (name in ("ada", "ben", "cat")), name
    assert (
        "Air and asthma"
        not in client.get("/").text + client.get("/asthma/").text + client.get("/publications/").text
    )


def test_what_is_published_is_everybodys(
    publication: Snapshot, files: dict[str, ReleaseFile], client: FlaskClient
) -> None:
    for address in addresses(publication, files["output/table.csv"]):
        assert client.get(address, buffered=True).status_code == 200, address
    for listed in (
        "/asthma/outputs/",
        "/asthma/",
        "/",
        "/publications/",
        "/projects/asthma-and-air-quality/",
    ):
        assert "Air and asthma" in client.get(listed).text, listed
    assert "1 open to everybody" in words(client.get("/asthma/").text)
    assert "Air and asthma" in client.get("/publications/?q=quality+air").text
    assert "No publication has these words" in client.get("/publications/?q=nonsense").text


def test_the_page_can_be_read_cited_and_followed_to_its_code(
    publication: Snapshot, files: dict[str, ReleaseFile], client: FlaskClient
) -> None:
    page = client.get(f"/asthma/outputs/{publication.id}/").text
    read = words(page)
    for said in ("Air and asthma", "Ada", "University of Northfield", "402115", COMMIT[:7], "make_tables"):
        assert said in read, said
    assert f'src="/asthma/outputs/{publication.id}/-/{files["figures/km.svg"].id}/"' in page
    assert "<em>polluted</em>" in page
    assert "<script>alert" not in page
    assert files["output/notes.txt"].sha256 in page
    described = json.loads(re.findall(r'ld\+json">(.*?)</script>', page, re.DOTALL)[0])
    assert (described["@type"], described["name"]) == ("Dataset", "Air and asthma")
    assert {part["sha256"] for part in described["distribution"]} == {file.sha256 for file in files.values()}
    assert described["isBasedOn"][0]["version"] == COMMIT
    entry = client.get(f"/asthma/outputs/{publication.id}/cite.bib").text
    assert entry.startswith("@misc{asthma-outputs-")
    assert "title = {{Air and asthma}}" in entry


def test_no_citation_and_no_zip_follows_the_host_that_a_client_names(
    publication: Snapshot, files: dict[str, ReleaseFile], client: FlaskClient, cast: SimpleNamespace
) -> None:
    gone, base = files["output/table.csv"], f"/asthma/outputs/{publication.id}/"
    delete_file(
        by=cast.cat, release_id=gone.release_id, file_id=gone.id, reason="A count of three was left in."
    )
    for where in (base, f"{base}cite.bib", f"{base}download/"):
        answer = client.get(where, headers={"Host": "evil.example"}, buffered=True)
        assert answer.status_code == 200, where
        assert b"evil.example" not in answer.data, where
    assert f"http://localhost{base}" in client.get(base).text


def test_bytes_are_sent_so_that_they_never_run_here(
    publication: Snapshot, files: dict[str, ReleaseFile], client: FlaskClient
) -> None:
    for file in files.values():
        answer = client.get(f"/asthma/published/{file.id}/", buffered=True)
        assert answer.data == FILES[file.name]
        assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_deleted_file_is_gone_from_everywhere_and_its_place_says_so(
    publication: Snapshot, files: dict[str, ReleaseFile], client: FlaskClient, cast: SimpleNamespace
) -> None:
    gone = files["output/table.csv"]
    delete_file(
        by=cast.cat, release_id=gone.release_id, file_id=gone.id, reason="A count of three was left in it."
    )
    for address in addresses(publication, gone)[1:2] + addresses(publication, gone)[-1:]:
        assert client.get(address).status_code == 404, address
    page = client.get(f"/asthma/outputs/{publication.id}/").text
    assert "402115" not in page
    assert "<del>output/table.csv</del>" in page
    assert "A count of three" not in page
    zipped = client.get(f"/asthma/outputs/{publication.id}/download/", buffered=True).data
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        assert archive.read("output/notes.txt") == FILES["output/notes.txt"]
        said = archive.read("output/table.csv").decode()
    assert said.startswith("This file was redacted on ") and "Cat Castell" not in said


def test_a_recalled_release_says_why_to_whoever_could_read_it(
    publication: Snapshot,
    files: dict[str, ReleaseFile],
    client: FlaskClient,
    cast: SimpleNamespace,
    local: Backend,
) -> None:
    reason, release_id = "The table counted some people twice.", files["output/table.csv"].release_id
    revoke(by=cast.cat, backend=local, release_id=release_id, public_reason=reason)
    assert words(client.get(f"/asthma/outputs/{publication.id}/").text).count(reason) == len(FILES)


def test_a_draft_is_made_in_the_browser_from_the_latest_files(
    files: dict[str, ReleaseFile], release: Release, people: Callable[[str], FlaskClient]
) -> None:
    newer = release({"output/table.csv": b"age,n\n18 to 39,402120\n"})["output/table.csv"]
    ada = people("ada")
    assert 'href="/asthma/outputs/new/"' in ada.get("/asthma/outputs/latest/").text
    form = ada.get("/asthma/outputs/new/").text
    offered = set(re.findall(r'name="files" id="[^"]*" value="([^"]+)" checked', form))
    assert offered == {newer.id, files["figures/km.svg"].id, files["output/notes.txt"].id}
    kept = {"title": "Air", "summary": "What we found.", "files": []}
    refused = ada.post("/asthma/outputs/new/", data=kept)
    assert (refused.status_code, "at least one file" in refused.text) == (422, True)
    assert 'value="Air"' in refused.text
    answer = ada.post("/asthma/outputs/new/", data={**kept, "files": [newer.id]})
    assert answer.status_code == 303
    assert "Waits for a publisher" in words(ada.get(answer.location).text).replace("It waits", "Waits")


def test_the_next_draft_says_what_is_new(
    publication: Snapshot, release: Release, people: Callable[[str], FlaskClient]
) -> None:
    release({"output/table.csv": b"age,n\n18 to 39,402120\n", "output/more.csv": b"n\n5\n"})
    page = words(people("ada").get("/asthma/outputs/new/").text)
    assert "Compared with Air and asthma" in page
    for said in (
        "local/output/more.csv New",
        "local/output/table.csv Changed",
        "local/figures/km.svg The same",
    ):
        assert said in page, said


def test_a_publisher_finds_it_decides_and_says_why(
    draft: Snapshot, people: Callable[[str], FlaskClient], client: FlaskClient
) -> None:
    pat, base = people("pat"), f"/asthma/outputs/{draft.id}/"
    assert "Drafts that wait for you" in pat.get("/").text
    assert "Air and asthma" in pat.get("/publications/").text
    assert pat.post(f"{base}reject/", data={"reason": "no"}).status_code == 422
    assert pat.post(f"{base}publish/").status_code == 303
    assert client.get(base).status_code == 200
    assert pat.post(f"{base}reject/", data={"reason": REASON}).status_code == 409
    assert pat.post(f"{base}withdraw/", data={"reason": REASON}).status_code == 303
    assert client.get(base).status_code == 404
    assert REASON in people("ada").get(base).text


@pytest.mark.parametrize("step", ["publish", "reject", "withdraw"])
@pytest.mark.parametrize("name", ["ada", "ben", "cat", "dan"])
def test_only_publishers_decide(
    draft: Snapshot, people: Callable[[str], FlaskClient], name: str, step: str
) -> None:
    browser, address = people(name), f"/asthma/outputs/{draft.id}/{step}/"
    for answer in (browser.get(address), browser.post(address, data={"reason": REASON})):
        assert answer.status_code in (403, 404)


def test_staff_see_what_waits_and_not_what_it_is_called(
    draft: Snapshot, people: Callable[[str], FlaskClient], cast: SimpleNamespace
) -> None:
    page = people("sam").get("/staff/publishing/").text
    assert "asthma" in page
    assert "Air and asthma" not in page
    actions.publish(by=cast.pat, snapshot=draft)
    assert "No draft waits" in people("sam").get("/staff/publishing/").text
    assert people("ada").get("/staff/publishing/").status_code == 403


def test_hostile_words_are_text(
    workspace: Workspace,
    files: dict[str, ReleaseFile],
    cast: SimpleNamespace,
    people: Any,
    client: FlaskClient,
) -> None:
    ids = [files["output/notes.txt"].id]
    made = actions.draft(by=cast.ada, workspace=workspace, file_ids=ids, title=HOSTILE, summary=HOSTILE)
    for address in (
        f"/asthma/outputs/{made.id}/",
        f"/asthma/outputs/{made.id}/edit/",
        "/asthma/outputs/new/",
    ):
        assert "alert(1)</script>" not in people("ada").get(address).text, address
    actions.publish(by=cast.pat, snapshot=made)
    page = client.get(f"/asthma/outputs/{made.id}/").text
    assert "alert(1)</script>" not in page
    assert json.loads(re.findall(r'ld\+json">(.*?)</script>', page, re.DOTALL)[0])["name"] == HOSTILE


def test_a_page_asks_the_database_at_most_ten_times(
    publication: Snapshot, people: Callable[[str], FlaskClient], queries: Any
) -> None:
    ada = people("ada")
    for address in (
        f"/asthma/outputs/{publication.id}/",
        "/asthma/outputs/",
        "/asthma/outputs/new/",
        "/publications/",
    ):
        with queries() as seen:
            assert ada.get(address).status_code == 200
        assert len(seen) <= 10, "\n".join([address, *(str(one.sql)[:300] for one in seen)])
