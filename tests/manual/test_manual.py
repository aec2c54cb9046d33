"""The manual: its tables are those of the rules, every word has its place, and it is found and read by anybody."""

import re
from html import unescape
from pathlib import Path

from flask import Flask, render_template_string
from flask.testing import FlaskClient

from jobsite.accounts.rules import PERMISSIONS, ROLES
from jobsite.core.web import ADVICE
from jobsite.jobs.rules import CODES, JOB, REQUEST_STATUSES, job_words, request_words
from jobsite.manual.finding import explained, search
from jobsite.manual.listings import JOB_STATES, REQUEST_STATES
from jobsite.manual.reading import FOLDER, groups, pages
from jobsite.outputs.states import STATES as OF_OUTPUTS
from jobsite.projects.rules import STATUSES
from jobsite.settings import SETTINGS

ROOT = Path(__file__).parents[2]


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_every_file_is_a_page_in_the_contents(client: FlaskClient) -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(pages())
    contents = client.get("/manual/").text
    for group, listed in groups().items():
        assert group in contents
        for page in listed:
            assert f'href="/manual/{page.slug}/"' in contents
            assert page.title in client.get(f"/manual/{page.slug}/").text


def test_every_code_is_explained_with_what_to_do(client: FlaskClient) -> None:
    page = client.get("/manual/states/").text
    for name, code in CODES.items():
        row = re.search(rf'<tr id="code-{name}">.*?</tr>', page, re.DOTALL)
        assert row, name
        assert code.sentence in text_of(row[0])
        assert code.advice in text_of(row[0])


def test_every_role_is_explained_with_all_it_permits(client: FlaskClient) -> None:
    page = client.get("/manual/roles/").text
    for role in ROLES.values():
        row = text_of(re.search(rf'<tr id="role-{role.name}">.*?</tr>', page, re.DOTALL)[0]).lower()
        assert role.description.lower() in row
        for name, one in PERMISSIONS.items():
            assert (one.what.lower() in row) >= (name in role.permissions), (role.name, name)


def test_every_state_of_jobs_and_requests_and_every_project_status_has_its_row(client: FlaskClient) -> None:
    assert set(JOB_STATES) == set(JOB.transitions)
    assert set(REQUEST_STATES) == set(REQUEST_STATUSES)
    shown = text_of(client.get("/manual/projects/").text)
    assert all(status.label in shown and status.asks in shown for status in STATUSES.values())


def test_every_setting_is_listed_with_its_help(client: FlaskClient) -> None:
    shown = text_of(client.get("/manual/settings/").text)
    assert [
        one.name for one in SETTINGS if one.name.upper() not in shown or one.metadata["help"] not in shown
    ] == []


WORDS = [
    *(job_words(state, cancelling=False)[1] for state in JOB.transitions),
    *(request_words(status, [], cancelling=False)[1] for status in REQUEST_STATUSES),
    request_words("failed", ["succeeded", "failed"], cancelling=False)[1],
    job_words("running", cancelling=True)[1],
    *(status.label for status in STATUSES.values()),
    *("Active", "Archived", "Missing", "Paused", "Database maintenance", "Takes no new requests"),
    *(words for words, _ in OF_OUTPUTS.values()),
]


def test_every_word_of_state_code_and_role_leads_to_a_place_that_is_there(client: FlaskClient) -> None:
    shown = {slug: client.get(f"/manual/{slug}/").text for slug in pages()}
    for words in (*WORDS, *(f"code:{name}" for name in CODES), *(f"role:{name}" for name in ROLES)):
        address, _, anchor = (explained(words) or "").partition("#")
        assert anchor, words
        assert f' id="{anchor}"' in shown[address.split("/")[2]], words


def test_the_words_on_a_page_are_links_to_what_they_mean(app: Flask) -> None:
    with app.test_request_context("/login/"):
        drawn = render_template_string(
            "{{ state.pill('failed', 'Failed, 3 of 4 succeeded') }}|{{ state.code('nonzero_exit') }}|{{ state.role('ProjectDeveloper') }}"
            "|{{ state.pill('odd', 'Odd') }}|{{ state.pill('failed', link=false) }}|{{ state.code('odd') }}|{{ state.role('Odd') }}"
        )
    pill, code, role, *plain = drawn.split("|")
    assert 'href="/manual/states/#state-failed" class="pill pill-failed" data-state="failed"' in pill
    assert 'href="/manual/states/#code-nonzero_exit"' in code
    assert 'href="/manual/roles/#role-ProjectDeveloper"' in role
    assert not [one for one in plain if 'href="/manual' in one]


def test_links_inside_the_manual_lead_somewhere(client: FlaskClient) -> None:
    for page in pages().values():
        html = client.get(f"/manual/{page.slug}/").text
        for address in set(re.findall(r'href="(/manual/[^"]*)"', html)):
            path, _, anchor = address.partition("#")
            there = client.get(path)
            assert there.status_code == 200, (page.slug, address)
            assert not anchor or f' id="{anchor}"' in there.text, (page.slug, address)
        for picture in re.findall(r'<img [^>]*src="([^"]+)"', html):
            assert (ROOT / picture.lstrip("/")).is_file(), picture
            assert (ROOT / picture.lstrip("/")).stat().st_size <= 60_000, picture


def test_the_words_are_those_of_the_documents(client: FlaskClient) -> None:
    shown = text_of(client.get("/manual/words/").text)
    lines = [line for line in (ROOT / "docs" / "words.md").read_text().splitlines() if line.startswith("| ")]
    assert len(lines) > 20
    for line in lines[1:]:
        word, means = (cell.strip().replace("`", "") for cell in line.strip("| ").split("|"))
        assert f"{word} {means}" in shown


def test_a_question_finds_the_section_and_the_row(client: FlaskClient) -> None:
    assert search("nonzero_exit")[0].section.anchor == "code-nonzero_exit"
    assert search("force run dependencies")[0].page.slug == "running-jobs"
    assert search("OUTPUT publisher")[0].section.anchor == "role-OutputPublisher"
    assert search("zzz") == search("") == search("   ") == []
    found = client.get("/manual/?q=nonzero_exit").text
    assert 'href="/manual/states/#code-nonzero_exit"' in found
    assert "<mark>nonzero_exit</mark>" in found


def test_a_question_is_shown_as_text(client: FlaskClient) -> None:
    answer = client.get("/manual/", query_string={"q": "<script>alert(1)</script> \0" + "x" * 5000})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "Try fewer words" in answer.text


def test_htmx_gets_the_found_places_alone(client: FlaskClient) -> None:
    part = client.get("/manual/?q=token", headers={"HX-Request": "true", "HX-Target": "found"}).text
    assert part.strip().startswith('<div id="found"')
    assert "<html" not in part


def test_a_page_that_is_not_there_is_404(client: FlaskClient) -> None:
    for slug in ("nothing", "..", "settings.md", "%2e%2e"):
        assert client.get(f"/manual/{slug}/").status_code == 404


# The gallery and the error pages


def test_the_gallery_shows_each_part_with_its_source(client: FlaskClient) -> None:
    page = client.get("/ui/").text
    shown = [
        unescape(source) for source in re.findall(r"<pre [^>]*><code>(.*?)</code></pre>", page, re.DOTALL)
    ]
    files = [path.read_text().strip() for path in (ROOT / "templates" / "ui" / "samples").iterdir()]
    assert sorted(shown) == sorted(files)
    assert client.get("/ui-components/").location == "/ui/"


def test_each_error_has_a_page_with_advice_and_a_way_on(client: FlaskClient) -> None:
    for code in (400, 403, 404, 413, 429, 500):
        answer = client.get(f"/{code}")
        name, advice = ADVICE[code]
        assert answer.status_code == (code if code < 500 else 200)
        shown = text_of(answer.text)
        assert f"Error {code} {name}" in shown
        assert advice in shown
        assert "If it goes on, tell the people who run this site" in shown
        assert ('href="/login/?next=' in answer.text) == (code in (400, 403, 404))


def test_a_browser_finds_the_sign_of_the_site(client: FlaskClient) -> None:
    answer = client.get("/favicon.ico", follow_redirects=True, buffered=True)
    assert answer.mimetype == "image/svg+xml"
