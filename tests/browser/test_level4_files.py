"""Hostile files in a real Chromium, at Level 4, under review, released and published: framed or opened alone, no script of
theirs runs and nothing is fetched."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from playwright.sync_api import Browser, Page, Response, expect
from waitress.server import create_server

from jobsite.accounts import signing_in
from jobsite.accounts.queries import user_or_stop
from jobsite.application import create_app
from jobsite.core.db import close_database
from jobsite.outputs.sweeping import check_outputs
from jobsite.publishing import actions as publications
from jobsite.releases.actions import create_release, receive_file
from jobsite.releases.announced import AnnouncedFile, Announcement
from jobsite.releases.models import ReleaseFile
from jobsite.releases.requests.models import RequestFile
from jobsite.settings import Settings

from ..outputs.files import publish
from ..releases.world import World, make_world
from .conftest import Demo

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

OUTSIDE = "http://127.0.0.1:{port}/outside"
ATTACK = "fetch('/ran-a-script'); document.title = 'ran'; new Image().src = '/ran-a-script'; parent.document.title = 'ran';"
SVG = f"""<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="40" height="40" onload="{ATTACK}">
<script>{ATTACK}</script><image xlink:href="{OUTSIDE}.png" width="9" height="9"/><circle r="9"/>
<foreignObject width="9" height="9"><iframe xmlns="http://www.w3.org/1999/xhtml" src="{OUTSIDE}"/></foreignObject></svg>"""
HTML = f"""<!doctype html><title>quiet</title><h1 id="seen">Report</h1><script>{ATTACK}</script>
<img src=x onerror="{ATTACK}"><img src="{OUTSIDE}.png"><link rel=stylesheet href="{OUTSIDE}.css"><iframe src="{OUTSIDE}"></iframe>
<meta http-equiv=refresh content="0; url={OUTSIDE}"><form action="{OUTSIDE}" id=f><button>go</button></form><svg onload="{ATTACK}"></svg>
<a href="javascript:{ATTACK}">x</a><base href="{OUTSIDE}">"""
CSV = f'name,n\n"<script>{ATTACK}</script>",10\n"<img src=x onerror=""{ATTACK}"">",20\n=HYPERLINK("{OUTSIDE}"),30\n'
NAME = "output/<img src=x onerror=alert(1)>'&{{7*7}}.csv"
GROUP = "<img src=x onerror=alert(1)>'&{{7*7}}"
FILES = {
    "output/a.svg": SVG,
    "output/page.html": HTML,
    "output/table.csv": CSV,
    "output/notes.md": f"# N\n\n<script>{ATTACK}</script> [x](javascript:{ATTACK}) ![y]({OUTSIDE}.png)\n",
    "output/data.json": '{"<script>alert(1)</script>": ["<img src=x onerror=alert(1)>"]}',
    NAME: "a,n\nx,10\n",
}

WIDE = "region," + ",".join(f"column {n}" for n in range(30)) + "\n"
WIDE += "".join(f"r{row}," + ",".join(str(row * n % 91) for n in range(30)) + "\n" for row in range(1, 1001))


class Outside(BaseHTTPRequestHandler):
    """Another site, which notes who came."""

    came: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Note it and answer nothing."""
        self.came.append(self.path)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def outside() -> Iterator[int]:
    """The port of another site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Outside)
    running = threading.Thread(target=server.serve_forever, daemon=True)
    running.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    running.join(timeout=20)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, outside: int) -> Iterator[tuple[Demo, str]]:
    """A server in this process whose workspace holds hostile files, and a token of ada."""
    settings = Settings(instance=tmp_path_factory.mktemp("hostile") / "instance")
    app = create_app(settings)
    world = make_world(settings.instance)
    files = {path: content.replace("{port}", str(outside)) for path, content in FILES.items()}
    publish(world, files, "hostile")
    publish(world, {"output/wide.csv": WIDE}, "wide")
    check_outputs(world.workspace)
    world.draft(files=("output/page.html", "output/a.svg", NAME), group=GROUP)
    released_and_published(world, {name: files[name] for name in ("output/page.html", "output/a.svg", NAME)})
    token = signing_in.make_token(by="system", user=user_or_stop("ada"))
    close_database()
    server = create_server(app, host="127.0.0.1", port=0, threads=4)
    running = threading.Thread(target=server.run, daemon=True)
    running.start()
    yield Demo(f"http://127.0.0.1:{server.effective_port}", Path(settings.instance)), token
    server.close()
    running.join(timeout=20)


def released_and_published(world: World, files: dict[str, str]) -> None:
    """The files are released by cat and published by pat, as if every check and reader had passed them."""
    given = {name: text.encode() for name, text in files.items()}
    announced = [
        AnnouncedFile(name, len(data), hashlib.sha256(data).hexdigest(), 1767225600.0, {})
        for name, data in given.items()
    ]
    made = create_release(
        by=world.cast.cat,
        backend=world.backend,
        workspace="asthma",
        announced=Announcement("", tuple(announced), {}),
    )
    for name, data in given.items():
        receive_file(by=world.cast.cat, backend=world.backend, release_id=made.id, name=name, body=[data])
    ids = [file.id for file in ReleaseFile.select()]
    title = f"<script>{ATTACK}</script>"
    publications.publish(
        by=world.cast.pat,
        snapshot=publications.draft(by=world.cast.ada, workspace=world.workspace, file_ids=ids, title=title),
    )


@pytest.fixture(scope="module")
def ada(browser: Browser, hostile: tuple[Demo, str]) -> Iterator[Page]:
    """A page of ada."""
    demo, token = hostile
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{demo.address}/login/")
    page.locator("input[name=user]").first.fill("ada")
    page.locator("input[name=token]").fill(token)
    page.locator("form:has(input[name=token]) button[type=submit]").click()
    page.wait_for_url(lambda url: "/login" not in url)
    yield page
    context.close()


@pytest.fixture
def watched(ada: Page, hostile: tuple[Demo, str]) -> Iterator[Callable[[str], list[str]]]:
    """`watched(path)`: open an address of Level 4, and give the addresses that were answered."""
    asked: list[str] = []

    def note(answer: Response) -> None:
        asked.append(answer.url)

    def visit(path: str) -> list[str]:
        asked.clear()
        ada.goto(f"{hostile[0].address}/asthma/level-4/local/{path}", wait_until="load")
        return [url for url in asked if "/static/" not in url]

    ada.on("response", note)
    yield visit
    ada.remove_listener("response", note)


def is_quiet(asked: list[str]) -> bool:
    """Whether nothing but Level 4 itself was asked for: what the policy of the answer blocks never leaves the browser."""
    return (
        not Outside.came
        and not any("ran-a-script" in url for url in asked)
        and all("/level-4/local/" in url for url in asked)
    )


def test_no_script_of_a_file_runs_framed_or_opened_alone(
    ada: Page, watched: Callable[[str], list[str]]
) -> None:
    """OC25."""
    for path in (
        "output/page.html",
        "output/a.svg",
        "output/table.csv",
        "output/notes.md?view=rendered",
        "output/data.json",
    ):
        asked = watched(path)
        assert is_quiet(asked), (path, asked)
        assert ada.title() != "ran"
        assert (
            ada.evaluate("document.querySelectorAll('main script, main [onerror], main [onload]').length")
            == 0
        )
    for path in ("-/content/output/page.html", "-/content/output/a.svg"):
        asked = watched(path)
        assert is_quiet(asked), (path, asked)
        assert ada.title() in ("quiet", "")
    watched("-/content/output/page.html")
    assert ada.locator("#seen").inner_text() == "Report", "the page itself is seen"
    assert ada.evaluate("self.origin") == "null", "it is a stranger to the site, also when opened alone"


def test_a_framed_page_is_seen_without_rights_and_a_picture_is_drawn(
    ada: Page, watched: Callable[[str], list[str]]
) -> None:
    watched("output/page.html")
    frame = ada.locator("iframe.document")
    assert frame.get_attribute("sandbox") == ""
    assert ada.frame_locator("iframe.document").locator("#seen").inner_text() == "Report"
    watched("output/a.svg")
    assert ada.locator("img.figure").evaluate("image => image.naturalWidth") == 40


def test_values_and_names_are_text(ada: Page, watched: Callable[[str], list[str]]) -> None:
    watched("output/table.csv")
    assert "<script>fetch" in ada.locator("table.grid").inner_text()
    watched("")
    link = ada.get_by_role("link", name=NAME)
    link.click()
    assert ada.locator("h1").inner_text() == NAME
    assert ada.locator("table.grid td").first.inner_text() == "x"


def test_the_list_works_without_scripts_and_keeps_what_was_chosen(
    browser: Browser, ada: Page, hostile: tuple[Demo, str]
) -> None:
    context = browser.new_context(java_script_enabled=False, storage_state=ada.context.storage_state())
    page = context.new_page()
    page.goto(f"{hostile[0].address}/asthma/level-4/local/")
    page.locator("#q").fill("*.csv hostile")
    page.get_by_role("button", name="Search").click()
    assert page.locator("#pick tbody tr").count() == 2
    page.get_by_label("Choose output/table.csv").check()
    page.get_by_role("button", name="Add to a release request").click()
    assert "output/table.csv" in page.locator("main").inner_text()
    context.close()


def test_the_cell_of_an_address_is_seen_with_its_column_and_row(
    ada: Page, watched: Callable[[str], list[str]]
) -> None:
    watched("output/wide.csv?cell=700,25")
    cell, heading = ada.locator("#c700-25"), ada.locator("#c0-25")
    expect(cell).to_be_in_viewport()
    expect(heading).to_be_in_viewport()
    expect(ada.locator("#r700 th")).to_be_in_viewport()
    expect(ada.locator("#r700 td").first).to_be_in_viewport()
    corner = "([x, y]) => document.elementFromPoint(x, y).closest('thead') !== null"
    box = ada.locator("#grid thead .rn").bounding_box()
    assert box
    assert ada.evaluate(corner, [box["x"] + 5, box["y"] + 5]), "rows go under the corner"


def test_a_column_card_of_a_large_table_appears_without_a_reload(
    ada: Page, watched: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobsite.outputs.grid.LARGE", 1000)
    monkeypatch.setattr("jobsite.outputs.table_index.KEPT_FROM", 1000)
    monkeypatch.setattr("jobsite.outputs.reading_through.REST", 0.1)
    watched("output/wide.csv?column=4")
    ada.evaluate("window.stays = true")
    assert ada.locator("#r1").count() == 1, "its beginning is shown at once"
    expect(ada.locator("#column")).to_contain_text("Largest")
    expect(ada.locator("#reading")).to_have_count(0)
    assert ada.evaluate("window.stays"), "nothing was loaded anew"


def test_arrow_keys_go_through_the_tree(ada: Page, watched: Callable[[str], list[str]]) -> None:
    watched("?view=tree")
    focused = "document.activeElement.innerText.split('\\n')[0]"
    ada.locator("ul.tree summary").first.focus()
    seen = []
    for key in (
        "ArrowRight",
        "ArrowRight",
        "ArrowDown",
        "ArrowLeft",
        "ArrowLeft",
        "ArrowDown",
        "ArrowRight",
        "Home",
    ):
        ada.keyboard.press(key)
        seen.append(ada.evaluate(focused))
    assert seen[:5] == ["Job logs", "hostile.log", "tables.log", "Job logs", "Job logs"]
    assert seen[5:] == ["output/", NAME.removeprefix("output/"), "Job logs"]
    assert not ada.locator("ul.tree details").first.evaluate("folder => folder.open")


def test_no_script_runs_under_review_released_or_published(
    browser: Browser, ada: Page, hostile: tuple[Demo, str]
) -> None:
    """OC25, OC24: on the pages of the request, of the release and, for somebody without a login, of the publication."""
    asked = {file.path: file for file in RequestFile.select()}
    request, group = asked[NAME].request, asked[NAME].group.slug
    stored = {file.name: file for file in ReleaseFile.select()}
    release = f"/asthma/releases/{stored[NAME].release_id}"
    desk = [f"/requests/{request.id}/", f"/requests/{request.id}/{group}/"]
    desk += [f"/requests/{request.id}/{group}/{path}" for path in ("output/page.html", "output/a.svg")]
    alone = [
        f"/requests/{request.id}/-/content/{asked[path].id}" for path in ("output/page.html", "output/a.svg")
    ]
    alone += [f"{release}/{stored[path].id}/content/" for path in ("output/page.html", "output/a.svg")]
    framed = [*desk, f"{release}/", f"{release}/output/page.html"]
    visit(ada, hostile[0], framed, alone)
    visitor = browser.new_context()
    published = [f"/asthma/published/{stored[path].id}/" for path in ("output/page.html", "output/a.svg")]
    shown = ["/asthma/outputs/1/", "/asthma/outputs/1/output/page.html"]
    visit(visitor.new_page(), hostile[0], shown, published)
    visitor.close()


def visit(page: Page, site: Demo, framed: list[str], alone: list[str]) -> None:
    """Open these pages of the site, which may frame a file, and these files alone; nothing acts, and nobody else is asked."""
    answered: list[Response] = []
    page.on("response", lambda answer: answered.append(answer))
    for path in framed:
        page.goto(f"{site.address}{path}", wait_until="load")
        assert "asthma" in page.locator("main").inner_text().casefold(), path
        assert page.title() != "ran"
        assert page.locator("main script:not([src]), main [onerror], main [onload]").count() == 0, path
    for path in alone:
        page.goto(f"{site.address}{path}", wait_until="load")
        assert page.title() in ("quiet", ""), path
        assert page.evaluate("self.origin") == "null", path
    assert {answer.status for answer in answered} <= {200, 304}, [answer.url for answer in answered]
    assert all(answer.url.startswith(site.address) for answer in answered)
    assert not Outside.came and not any("ran-a-script" in answer.url for answer in answered)
