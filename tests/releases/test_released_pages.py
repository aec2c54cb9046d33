"""The pages of released outputs: who sees which, that nothing in a file runs, and that what is gone is told of."""

import html
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.accounts.models import Backend
from jobsite.application import create_app
from jobsite.core import clock
from jobsite.core.web import CONTENT_POLICY
from jobsite.releases.actions import delete_file, revoke
from jobsite.releases.bundles.verifying import read_keys, verify
from jobsite.releases.models import Release, ReleaseFile
from jobsite.releases.queries import latest_files
from jobsite.releases.signing import public_key
from jobsite.settings import Settings

from ..sided import public_side_of
from .released import FILES, ID, MOMENT, TABLE, Made, made

RELEASE = f"/asthma/releases/{ID}/"
HTML = b"<h1>Report</h1><script>document.title = 'ran'</script>"
SECOND = ID[:-1] + "2"


@pytest.fixture
def world(cast: SimpleNamespace, local: Backend) -> Made:
    return made(cast, local)


@pytest.fixture
def person(app: Flask, sign_in: Callable[..., FlaskClient]) -> Callable[[str], FlaskClient]:
    """`person("ada")`: a browser in which she is logged in."""
    return lambda name: sign_in(app.test_client(), name)


def file_id(name: str = "output/table.csv") -> str:
    return ReleaseFile.get(name=name).id


def entries(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_there_is_no_page_of_releases_before_the_first(world: Made, client: FlaskClient) -> None:
    answer = client.get("/asthma/releases/")
    assert answer.status_code == 404 and "Nothing has been released from this workspace yet." in answer.text


def test_the_public_learns_of_releases_but_of_no_file(world: Made, client: FlaskClient) -> None:
    world.sealed()
    page = client.get("/asthma/releases/").text
    assert "Files released by Cat Castell from Local" in page and "Members of the project" in page
    for private in (*FILES, "2 files", "files)", "Download all", "All outputs"):
        assert private not in page
    workspace = client.get("/asthma/").text
    assert 'href="/asthma/releases/"' in workspace and "in the latest version" not in workspace


@pytest.mark.parametrize(
    ("name", "sees"), [("ada", 200), ("ben", 200), ("cat", 200), ("dan", 404), ("pat", 404)]
)
def test_files_are_for_those_who_may_see_released_files(
    world: Made, person: Callable[[str], FlaskClient], name: str, sees: int
) -> None:
    world.sealed()
    browser = person(name)
    paths = ("", "output/table.csv", "download/", "certificate/", "bundle.zip", f"{file_id()}/content/")
    latest = ("/asthma/outputs/latest/", "/asthma/outputs/latest/local/output/table.csv")
    for path in (*(RELEASE + path for path in paths), *latest, "/asthma/outputs/latest/download/"):
        answer = browser.get(path, buffered=True)
        assert answer.status_code == sees, path
        if sees == 404:
            assert b"table.csv" not in answer.data and b"18-39" not in answer.data


def test_a_visitor_is_asked_to_log_in_first(world: Made, client: FlaskClient) -> None:
    world.sealed()
    for path in (RELEASE, f"{RELEASE}output/table.csv", "/asthma/outputs/latest/", f"{RELEASE}bundle.zip"):
        answer = client.get(path)
        assert (answer.status_code, answer.location.split("?")[0]) == (302, "/login/"), path


def test_a_release_is_shown_with_its_files_and_each_file_with_its_content_and_origin(
    world: Made, person: Callable[[str], FlaskClient]
) -> None:
    world.sealed()
    ada = person("ada")
    page = ada.get(RELEASE).text
    assert all(f">{name}</a>" in page for name in FILES) and "release-record.json" not in page
    assert "Delete file" not in page, "she may not delete"
    table = ada.get(f"{RELEASE}output/table.csv").text
    assert "18-39" in table and "make_tables" in table and "77ab0e9c5d4f" in table
    figure = ada.get(f"{RELEASE}output/figure one.svg").text
    assert f'src="{RELEASE}{file_id("output/figure one.svg")}/content/"' in figure
    assert "Delete file" in person("cat").get(RELEASE).text


@pytest.mark.parametrize(("name", "data"), [("a.csv", TABLE), ("page.html", HTML), ("f.svg", FILES["output/figure one.svg"]), ("n.txt", b"x")])  # fmt: skip
def test_bytes_are_sent_without_any_right_in_the_browser(
    world: Made, person: Callable[[str], FlaskClient], name: str, data: bytes
) -> None:
    world.released({name: data})
    answer = person("ada").get(f"{RELEASE}{file_id(name)}/content/", buffered=True)
    assert answer.data == data
    assert answer.headers["Content-Security-Policy"] == CONTENT_POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    download = person("ada").get(f"{RELEASE}{file_id(name)}/content/?download=1", buffered=True)
    assert download.headers["Content-Disposition"].startswith("attachment;") and download.data == data


class Measured(io.BytesIO):
    """A file as the server hands it on: it knows its length."""

    def __init__(self, file: io.BufferedReader, size: int = 0) -> None:
        super().__init__(file.read())
        file.close()

    def __len__(self) -> int:
        return len(self.getvalue())


def test_html_is_sent_as_it_is_by_a_server_that_sends_files_itself(
    world: Made, person: Callable[[str], FlaskClient]
) -> None:
    world.released({"page.html": HTML * 100})
    environ = {"wsgi.file_wrapper": Measured, "HTTP_ACCEPT_ENCODING": "gzip"}
    answer = person("ada").get(f"{RELEASE}{file_id('page.html')}/content/", environ_overrides=environ)
    assert answer.status_code == 200 and answer.data == HTML * 100


def test_a_page_of_html_is_framed_without_scripts(world: Made, person: Callable[[str], FlaskClient]) -> None:
    world.released({"page.html": HTML})
    page = person("ada").get(f"{RELEASE}page.html").text
    assert 'sandbox=""' in page and "document.title" not in page


def test_names_with_any_letters_give_working_pages(world: Made, person: Callable[[str], FlaskClient]) -> None:
    names = (
        "output/é #1?.csv",
        "a%2Fb.csv",
        "<b>bold<b>.csv",
        "latest/x y.csv",
        "x" * 200 + ".csv",
    )
    world.sealed(dict.fromkeys(names, TABLE))
    ada = person("ada")
    page = ada.get(RELEASE).text
    assert "<b>bold" not in page
    for name in names:
        answer = ada.get(RELEASE + quote(name))
        assert answer.status_code == 200 and html.escape(name) in answer.text, name
    assert set(entries(ada.get(f"{RELEASE}download/").data)) == set(names)
    bundled = ada.get(f"{RELEASE}bundle.zip").data
    assert sum(name.startswith("outputs/") for name in entries(bundled)) == len(names)


def test_a_zip_holds_every_file_and_a_tombstone_for_each_deleted_one(
    world: Made, person: Callable[[str], FlaskClient]
) -> None:
    world.sealed()
    delete_file(by=world.cast.cat, release_id=ID, file_id=file_id(), reason="A small count is in it.")
    answer = person("ada").get(f"{RELEASE}download/")
    assert answer.headers["Content-Disposition"].startswith(f'attachment; filename="release-{ID}.zip"')
    found = entries(answer.data)
    assert found["output/figure one.svg"] == FILES["output/figure one.svg"]
    said = found["output/table.csv"].decode()
    assert (
        said.startswith("This file was redacted by Cat Castell on ") and f"{RELEASE}output/table.csv" in said
    )
    assert set(entries(person("ben").get("/asthma/outputs/latest/download/").data)) == {
        f"local/{name}" for name in FILES
    }


def test_deleting_asks_first_needs_a_reason_and_takes_effect_at_once(
    world: Made, person: Callable[[str], FlaskClient], csrf: Callable[..., str]
) -> None:
    world.sealed()
    cat, address = person("cat"), f"{RELEASE}{file_id()}/delete/"
    assert "It cannot be taken back" in cat.get(address).text
    token = csrf(cat, address)
    refused = cat.post(address, data={"csrf_token": token, "reason": " "})
    assert (
        refused.status_code == 422 and "Say why" in refused.text and ReleaseFile.get_by_id(file_id()).is_here
    )
    done = cat.post(address, data={"csrf_token": token, "reason": "A <b>small</b> count is in it."})
    assert (done.status_code, done.location) == (303, RELEASE)
    page = person("ada").get(f"{RELEASE}output/table.csv").text
    assert "18-39" not in page and "A &lt;b&gt;small&lt;/b&gt; count is in it." in page
    assert cat.get(f"{RELEASE}{file_id()}/content/").status_code == 404
    again = cat.post(address, data={"csrf_token": token, "reason": "A small count is in it."})
    assert again.status_code == 409
    ada = person("ada")
    assert ada.get(address).status_code == 403


def test_a_recalled_release_shows_the_public_reason_to_everybody(
    world: Made, person: Callable[[str], FlaskClient], client: FlaskClient
) -> None:
    world.sealed()
    reason = "Counts were rounded in the wrong order."
    revoke(by=world.cast.cat, backend=world.backend, release_id=ID, public_reason=reason)
    assert reason in client.get("/asthma/releases/").text
    ada = person("ada")
    page = ada.get(RELEASE).text
    assert "Recalled" in page and reason in page
    assert b"18-39" not in ada.get(f"{RELEASE}bundle.zip").data


def test_the_latest_version_of_a_file_is_that_of_the_newest_release(
    world: Made, person: Callable[[str], FlaskClient]
) -> None:
    world.sealed()
    newer = {"output/table.csv": b"age,n\n18-39,50\n"}
    with clock.at(clock.now().replace(year=2030)):
        world.sealed(newer, SECOND)
    named = {latest.name: latest.file.release_id for latest in latest_files(world.workspace)}
    assert named == {"local/output/figure one.svg": ID, "local/output/table.csv": SECOND}
    ada = person("ada")
    page = ada.get("/asthma/outputs/latest/local/output/table.csv").text
    assert "50" in page and SECOND in page
    row = ReleaseFile.get(name="output/table.csv", release=SECOND)
    delete_file(by=world.cast.cat, release_id=SECOND, file_id=row.id, reason="A small count is in it.")
    page = ada.get("/asthma/outputs/latest/").text
    assert "<del>local/output/table.csv</del>" in page, "an older version does not come back in its place"
    assert ada.get("/asthma/outputs/latest/local/no.csv").status_code == 404


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("TABLE.C", ["table"]),
        ("*.svg", ["figure"]),
        ("make_tables csv", ["table"]),
        ("local", ["table", "figure"]),
        ("x y", []),
    ],
)
def test_the_latest_files_are_searched_by_words_and_patterns(
    world: Made, person: Callable[[str], FlaskClient], q: str, found: list[str]
) -> None:
    world.sealed()
    page = person("ada").get("/asthma/outputs/latest/", query_string={"q": q}).text
    rows = page.split("<tbody>")[1] if "<tbody>" in page else ""
    assert [name for name in ("table", "figure") if f"output/{name}" in rows] == found
    assert ("No released file has these words" in page) is (not found)


def test_a_file_that_has_not_arrived_is_told_of_and_cannot_be_read(
    world: Made, person: Callable[[str], FlaskClient]
) -> None:
    world.create()
    ada = person("ada")
    assert "Not yet uploaded" in ada.get(RELEASE).text
    page = ada.get(f"{RELEASE}output/table.csv")
    assert page.status_code == 200 and "has not been uploaded yet" in page.text
    assert ada.get(f"{RELEASE}{file_id()}/content/").status_code == 404
    assert entries(ada.get(f"{RELEASE}download/").data) == {}
    assert latest_files(world.workspace) == []


def test_files_of_one_release_are_not_reached_through_another_or_another_workspace(
    world: Made, person: Callable[[str], FlaskClient]
) -> None:
    world.sealed()
    world.sealed({"other.csv": b"n\n5\n"}, SECOND)
    cat = person("cat")
    other = file_id("other.csv")
    for path in (f"{RELEASE}{other}/content/", f"{RELEASE}{other}/delete/", f"{RELEASE}other.csv"):
        assert cat.get(path).status_code == 404, path
    record = ReleaseFile.get(name="metadata/release-record.json").id
    for path in (
        f"{RELEASE}{record}/content/",
        f"{RELEASE}{record}/delete/",
        f"{RELEASE}metadata/release-record.json",
    ):
        assert cat.get(path).status_code == 404, "what is said about a release is no output of it"
    for path in (f"/nothing/releases/{ID}/", "/asthma/releases/01HZ/", "/asthma/releases/%00/"):
        assert cat.get(path).status_code == 404


def test_certificate_and_bundle_say_what_was_checked_and_how_to_verify_it(
    world: Made, person: Callable[[str], FlaskClient], client: FlaskClient, tmp_path: Path
) -> None:
    world.sealed()
    ada = person("ada")
    page = ada.get(f"{RELEASE}certificate/").text
    for words in (
        "counts of 1 to 7 are hidden",
        "2 output checkers",
        "jobsite verify",
        public_key(),
        "Checker 2",
    ):
        assert words in page
    assert MOMENT[:10] in page and "Castell" not in page.split("<main")[1].split("How to verify")[0]
    (tmp_path / "bundle.zip").write_bytes(ada.get(f"{RELEASE}bundle.zip").data)
    published = client.get("/signing-key.txt").text
    lines = list(verify(tmp_path / "bundle.zip", read_keys(published)))
    assert all(line.holds for line in lines) and len(lines) >= 6


def test_a_release_without_a_record_says_why_it_has_no_bundle(
    world: Made, person: Callable[[str], FlaskClient]
) -> None:
    world.released()
    ada = person("ada")
    assert "came without a release record" in ada.get(RELEASE).text
    for path in ("bundle.zip", "certificate/"):
        assert ada.get(RELEASE + path).status_code == 404


def test_pages_ask_few_questions_whatever_the_number_of_files(
    world: Made, person: Callable[[str], FlaskClient], queries: Callable[[], Any]
) -> None:
    ada = person("ada")
    counts: dict[str, list[int]] = {}
    paths = (
        "/asthma/releases/",
        RELEASE,
        f"{RELEASE}f0.csv",
        "/asthma/outputs/latest/",
        "/projects/asthma-and-air-quality/releases/",
    )
    for number, release in ((2, ID), (40, SECOND)):
        with clock.at(clock.now().replace(year=2027 + number)):
            world.sealed({f"f{n}.csv": b"n\n%d\n" % n for n in range(number)}, release)
        for path in paths:
            ada.get(path)
            with queries() as seen:
                assert ada.get(path).status_code == 200
            counts.setdefault(path, []).append(len(seen))
    assert all(before == after for before, after in counts.values()), counts
    assert max(after for _, after in counts.values()) <= 10, counts


def test_released_outputs_are_pages_of_a_public_side(
    world: Made, settings: Settings, sign_in: Callable[..., FlaskClient]
) -> None:
    world.sealed()
    ada = sign_in(create_app(public_side_of(settings)).test_client(), "ada")
    for page in ("/asthma/", "/projects/asthma-and-air-quality/"):
        answer = ada.get(page)
        assert answer.status_code == 200 and "/releases/" in answer.text, page
    assert ada.get(RELEASE).status_code == 200


def test_a_long_list_of_releases_comes_in_pages(world: Made, person: Callable[[str], FlaskClient]) -> None:
    world.released({"a.csv": TABLE})
    rows = [
        {**Release.get().__data__, "id": f"01HY{n:022}", "requested_files": [], "metadata": {}}
        for n in range(25)
    ]
    Release.insert_many(rows).execute()
    ada = person("ada")
    assert ada.get("/asthma/releases/").text.count("Files released by") == 20
    assert ada.get("/asthma/releases/?page=2").text.count("Files released by") == 6
    for odd in ("0", "-1", "x", "9" * 30):
        assert ada.get(f"/asthma/releases/?page={odd}").status_code == 200
