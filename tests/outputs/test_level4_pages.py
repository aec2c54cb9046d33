"""The pages of Level 4: the list and its filters, every viewer, provenance, policies, and that every look is noted."""

import html
import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.core.events import Event
from jobsite.outputs.models import Look
from jobsite.outputs.reading_through import wait_until_read
from jobsite.outputs.states import FileState
from jobsite.outputs.sweeping import check_outputs
from jobsite.projects.parts import Part

from ..releases.world import World
from .files import FILES, png, publish

LIST = "/asthma/level-4/local/"


def words(text: str) -> str:
    """What a reader sees of a page, without the frame."""
    body = text.partition('<main id="main"')[2] or text
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def paths(text: str) -> list[str]:
    """The outputs in the list, in order."""
    return re.findall(r'class="quiet path" href="/asthma/level-4/local/(output[^"?]+)', text)


def test_the_list_is_filtered_and_ordered_by_its_address_alone(as_ada: FlaskClient) -> None:
    """OC38."""

    def listed(**query: object) -> list[str]:
        return paths(as_ada.get(LIST, query_string=query).text)

    assert listed() == sorted(listed())
    assert set(listed()) >= set(FILES)
    assert listed(q="FIG kinds") == ["output/figure.png", "output/figure.svg"]
    assert listed(q="*.json") == ["output/data.json"]
    assert listed(kind="svgz") == ["output/packed.svgz"]
    assert set(listed(action="tables")) == {"output/a.csv", "output/b.csv", "output/plot.csv"}
    assert "output/small.csv" in listed(severity="fix")
    assert "output/a.csv" not in listed(severity="fix")
    assert listed(sort="size")[0] == "output/empty.csv"
    assert listed(sort="-rows")[0] == "output/large.csv"
    assert listed(sort="findings")[0] in listed(severity=["stop", "fix"])
    assert listed(state="released") == []
    page = as_ada.get(LIST, query_string={"state": "nonsense", "sort": "nonsense"})
    assert page.status_code == 200
    assert "no state of that name" in page.text
    assert "no sort of that name" in page.text


def test_the_tree_has_the_logs_first_then_folders_then_files(as_ada: FlaskClient) -> None:
    text = as_ada.get(LIST, query_string={"view": "tree"}).text
    shown = words(text)
    assert shown.index("Job logs") < shown.index("deep/") < shown.index("list.txt") < shown.index("a.csv")
    small = text.partition(">small.csv<")[2].partition("</a>")[0]
    assert re.search(r'class="f-fix".*?fix</span> 2<', small), "findings stand in the tree"
    folder = as_ada.get(f"{LIST}output/deep/").text
    assert paths(folder) == ["output/deep/er/list.txt"]


def test_folders_of_a_large_tree_have_trees_of_their_own(
    as_ada: FlaskClient, level4: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(level4, {f"output/many/{n}.csv": f"a,n\nx,{n * 5}\n" for n in range(250)}, "many")
    monkeypatch.setattr("jobsite.outputs.tree.MOST_FILES", 100)
    top = as_ada.get(LIST, query_string={"view": "tree", "action": "many"}).text
    folder = re.search(rf'href="({LIST}output/\?[^"]+)"', top)
    assert folder
    assert "0.csv" not in words(top)
    inner = as_ada.get(html.unescape(folder[1])).text
    assert "many/ 250" in words(inner)
    last = re.search(rf'href="({LIST}output/many/\?[^"]+)"', inner)
    assert last
    shown = as_ada.get(html.unescape(last[1])).text
    assert len(re.findall(rf'href="{LIST}output/many/\d+\.csv', shown)) == 200
    assert "50 more files of this folder" in words(shown)


def test_what_the_releases_know_of_a_file_is_its_state(
    as_ada: FlaskClient, level4: World, app: Flask
) -> None:
    small = FILES["output/small.csv"]
    hashes = {row.path: row.content_hash for row in _entries(level4)}

    def states(**about: object) -> list[Part]:
        known = {
            "output/a.csv": FileState("in-request", "In request", hashes["output/a.csv"], "/requests/x/"),
            "output/b.csv": FileState("in-request", "In request", "0" * 64, "/requests/x/"),
            "output/plot.csv": FileState("withdrawn", "Withdrawn", hashes["output/plot.csv"]),
        }
        released = {
            hashes["output/small.csv"]: FileState("released", "Released", address="/asthma/releases/x/")
        }
        return [Part("", "states", {"states": known, "released": released})]

    kept = app.extensions["jobsite.parts"]
    app.extensions["jobsite.parts"] = {**kept, "level4-states": (states,)}
    try:
        found = {
            name: paths(as_ada.get(LIST, query_string={"state": name}).text)
            for name in ("released", "in-request", "updated", "withdrawn")
        }
    finally:
        app.extensions["jobsite.parts"] = kept
    assert small
    assert found == {
        "released": ["output/small.csv"],
        "in-request": ["output/a.csv"],
        "updated": ["output/b.csv"],
        "withdrawn": ["output/plot.csv"],
    }


def test_files_of_actions_that_are_gone_are_shown_on_demand(as_ada: FlaskClient, level4: World) -> None:
    publish(level4, {"output/other.csv": "a,n\nx,10\n"}, "kinds")
    text = as_ada.get(LIST).text
    assert "output/small.csv" not in paths(text), "the last run of kinds did not make it again"
    assert "output/other.csv" in paths(text)
    old = as_ada.get(LIST, query_string={"old": "1"}).text
    assert "output/small.csv" in paths(old)
    assert "did not make it again" in old


def test_a_link_of_an_older_list_leads_to_what_is_there_now(as_ada: FlaskClient, level4: World) -> None:
    link = re.search(r'href="(/asthma/level-4/local/output/small.csv\?of=[0-9a-f]+)"', as_ada.get(LIST).text)
    assert link
    assert "have changed since" not in as_ada.get(link[1]).text
    publish(level4, {"output/new.csv": "a,n\nx,10\n"}, "other")
    assert "have changed since" in as_ada.get(link[1]).text
    gone = as_ada.get(link[1].replace("small.csv", "none.csv"), follow_redirects=True)
    assert gone.request.path == f"{LIST}output/"
    assert "is not among them any more" in gone.text


def test_the_grid_searches_sorts_and_filters_by_value(as_ada: FlaskClient) -> None:
    """OC31, OC38."""

    def rows(**query: object) -> list[int]:
        text = as_ada.get(f"{LIST}output/large.csv", query_string=query).text
        return [int(number) for number in re.findall(r'<tr id="r(\d+)"', text)]

    assert rows() == list(range(1, 201))
    assert rows(row=801) == list(range(801, 901))
    assert rows(cell="450,2")[0] == 401
    assert rows(sort="-2")[:3] == [900, 899, 898]
    assert rows(sort="-2", cell="450,2")[0] == 500, "the page in this order that holds the cell"
    assert rows(where="2:ge:2000", cell="3,2")[0] == 400, "a cell that does not fit moves nothing"
    assert rows(sort="-2", row="201")[0] == 700
    assert rows(where="2:le:25") == [1, 2, 3, 4, 5]
    assert rows(where=["2:gt:10", "3:empty:"], add_column="2", add_op="lt", add_value="40") == [4, 5, 7]
    assert rows(where="1:like:r9?") == list(range(90, 100))
    assert rows(q="zÜRICH & <=7")[:2] == [3, 6]
    page = as_ada.get(f"{LIST}output/large.csv", query_string={"q": "r17", "hide": "3"}).text
    assert "<mark>r17</mark>" in page
    assert "Zürich" not in page
    assert "Show 1 hidden column" in page
    assert "11 rows that fit" in words(page)
    assert "left out" in as_ada.get(f"{LIST}output/large.csv", query_string={"where": "x:y:z"}).text


def test_the_card_of_a_column_says_what_it_holds(as_ada: FlaskClient) -> None:
    shown = words(as_ada.get(f"{LIST}output/large.csv", query_string={"column": "2"}).text)
    for fact in (
        "Kind whole numbers",
        "Role by its name count",
        "Smallest 5",
        "Largest 4,500",
        "Multiples of 5 900 of 900",
    ):
        assert fact in shown, shown


def test_the_page_of_a_large_table_fetches_what_was_being_read_when_it_is_there(
    as_ada: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobsite.outputs.grid.LARGE", 100)
    monkeypatch.setattr("jobsite.outputs.table_index.KEPT_FROM", 100)
    address, query = f"{LIST}output/large.csv", {"column": "2", "hide": "3", "workspace": "x"}
    first = as_ada.get(address, query_string=query).text
    poll = re.search(r'id="reading" hx-get="([^"]+)" hx-trigger="every 1s"', first)
    assert poll
    assert "being worked out" in words(first) or "Largest 4,500" in words(first)
    assert 'id="r200"' in first
    wait_until_read(60)
    looks = Look.select().count()
    asked = as_ada.get(html.unescape(poll[1]), headers={"HX-Request": "true", "HX-Target": "reading"})
    assert "<html" not in asked.text
    assert Look.select().count() == looks, "how far it is shows nothing of the file"
    then = re.search(r'hx-get="([^"]+)" hx-trigger="load" hx-target="#contents"', asked.text)
    assert then
    shown = as_ada.get(html.unescape(then[1]), headers={"HX-Request": "true", "HX-Target": "contents"}).text
    assert "Largest 4,500" in words(shown)
    assert "Zürich" not in shown, "what was asked for is asked for again"
    assert 'id="reading"' not in shown


def test_a_finding_stands_on_its_very_cell_and_in_words(as_ada: FlaskClient) -> None:
    text = as_ada.get(f"{LIST}output/small.csv").text
    cell = re.search(r'<td class="num f-fix" id="c2-2"><a href="#(f[0-9a-f]{16})"[^>]*>.*?</td>', text)
    assert cell, text
    assert '<span class="vh">fix: </span><span>3</span>' in cell[0]
    assert f'id="{cell[1]}"' in text
    assert "1 to 7" in words(text)
    assert "rules did not apply" in words(text)


def test_every_kind_is_shown_in_its_way(as_ada: FlaskClient) -> None:
    def shown(name: str, **query: object) -> str:
        answer = as_ada.get(f"{LIST}output/{name}", query_string=query)
        assert answer.status_code == 200
        return answer.text

    picture = shown("figure.png", zoom="200")
    assert 'width="8"' in picture
    assert "a plotter" in picture
    drawing = words(shown("figure.svg"))
    for said in (
        "2 circle, 1 path, 1 text",
        "Points 5",
        "Figure one",
        "made by hand",
        "One point a person",
        "1 hidden element",
    ):
        assert said in drawing, said
    assert "&lt;svg" in shown("figure.svg", view="source")
    assert "2 circle" in words(shown("packed.svgz"))
    assert '<iframe class="document" sandbox=""' in shown("page.html")
    assert "&lt;script&gt;" in shown("page.html", view="source")
    assert "<td>South</td>" in shown("page.html", view="table")
    tree = shown("data.json")
    assert "object of 3" in words(tree)
    assert '<td class="num">85</td>' in shown("data.json", view="table")
    assert "&#34;made&#34;" in shown("data.json", view="source")
    prose = shown("notes.md", view="rendered")
    assert "<em>words</em>" in prose
    assert "onclick" not in prose
    assert "evil.example" not in prose
    assert "&lt;b onclick" in shown("notes.md")
    assert 'id="L1200"' in shown("deep/er/list.txt", line="1001")
    odd = shown("bom.csv")
    assert ">region<" in odd.replace("</a>", "<")
    assert "separated by semicolons" in odd
    assert "café" in shown("latin.txt")
    assert "This file is empty" in shown("empty.csv")


def test_the_log_ends_with_its_summary_and_goes_back_by_windows(as_ada: FlaskClient, level4: World) -> None:
    log = level4.instance / "workspaces/level4/asthma/metadata/kinds.log"
    log.write_text("".join(f"\x1b[31mred {n}\x1b[0m\n" for n in range(3000)) + log.read_text())
    check_outputs(level4.workspace)
    before = words(as_ada.get(f"{LIST}metadata/kinds.log").text)
    assert "No problem found by these rules." in before, "that logs are not released does not matter here"
    log.write_text("NHS number 943 476 5919 of somebody\n" + log.read_text())
    check_outputs(level4.workspace)
    text = as_ada.get(f"{LIST}metadata/kinds.log").text
    assert "NHS number" in words(text.partition('id="findings"')[2])
    assert "1 finding in this log: line 1 ." in words(text)
    marked = as_ada.get(f"{LIST}metadata/kinds.log", query_string={"line": "1", "view": "source"}).text
    assert re.search(r'<span class="l f-\w+" id="L1"', marked)
    assert "exit_code: 0" in text
    assert '<span class="ansi-red">red 2999</span>' in text
    assert "red 100<" not in text
    assert "\x1b" not in text
    first = re.search(r'href="([^"]+line=\d+[^"]*)">Show 500 more', text)
    assert first
    earlier = as_ada.get(first[1].replace("&amp;", "&")).text
    assert len(re.findall(r'<span class="l" id="L', earlier)) == 500


def test_a_figure_stands_beside_its_data_and_both_looks_are_noted(as_ada: FlaskClient, level4: World) -> None:
    assert 'id="data"' not in as_ada.get(f"{LIST}output/figure.png").text
    publish(level4, {"output/figure.csv": "month,n\n2025-01,50\n2025-02,65\n"}, "data")
    Look.delete().execute()
    for name in ("figure.png", "figure.svg"):
        text = as_ada.get(f"{LIST}output/{name}").text
        assert "Its data output/figure.csv" in words(text)
        assert '<td class="num">65</td>' in text
    looks = [look.path for look in Look.select().order_by(Look.id)]
    assert looks == ["output/figure.png", "output/figure.csv", "output/figure.svg", "output/figure.csv"]
    assert 'id="data"' not in as_ada.get(f"{LIST}output/figure.svg", query_string={"view": "source"}).text


def test_two_versions_are_compared_cell_by_cell(as_ada: FlaskClient, app: Flask, level4: World) -> None:
    from io import BytesIO

    from jobsite.outputs.comparing import Version

    def versions(**about: object) -> list[Part]:
        older = Version(
            "released on 3 May",
            "output/small.csv",
            "0" * 64,
            BytesIO(b"region,n\nNorth,115\nSouth,[redacted]\nEast,40\n"),
        )
        return [Part("", "versions", {"versions": [older]})]

    kept = app.extensions["jobsite.parts"]
    app.extensions["jobsite.parts"] = {**kept, "level4-versions": (versions,)}
    try:
        page = as_ada.get(f"{LIST}output/small.csv", query_string={"view": "diff", "against": "0" * 64})
        whole = as_ada.get(
            f"{LIST}output/small.csv",
            query_string={"view": "diff", "against": "0" * 64, "whole": "1", "row": "x"},
        )
        none = as_ada.get(f"{LIST}output/small.csv", query_string={"view": "diff", "against": "1" * 64})
    finally:
        app.extensions["jobsite.parts"] = kept
    assert none.status_code == 404
    shown = words(page.text)
    assert "2 cells changed." in shown
    assert "North row 1 n 115 120 +5" in shown
    assert "South row 2 n [redacted] 3 shown" in shown
    everything = words(whole.text)
    assert "Row # region n 1 North 115 120 2 South [redacted] 3 3 East 40" in everything
    assert "<del>115</del> <ins>120</ins>" in whole.text
    assert "Rows 1 to 3 of 3" in everything


def test_every_look_is_noted_before_the_content_goes_out_and_so_are_denials(
    as_ada: FlaskClient, level4: World, app: Flask, sign_in: Callable[..., FlaskClient]
) -> None:
    as_ada.get(LIST)
    assert not Look.select().exists(), "names are no content"
    as_ada.get(f"{LIST}output/small.csv")
    as_ada.get(f"{LIST}-/content/output/figure.svg", buffered=True)
    as_ada.get(f"{LIST}metadata/kinds.log")
    dan = sign_in(app.test_client(), "dan")
    assert dan.get(f"{LIST}output/small.csv").status_code == 404
    rows = [
        (look.person.username, look.what, look.path, look.is_denied)
        for look in Look.select().order_by(Look.id)
    ]
    assert rows == [
        ("ada", "page", "output/small.csv", False),
        ("ada", "content", "output/figure.svg", False),
        ("ada", "log", "metadata/kinds.log", False),
        ("dan", "denied", "", True),
    ]
    told = [event.data for event in Event.select().where(Event.type.startswith("level4:"))]
    assert len(told) == 4
    assert not any("small" in data or "figure" in data or "kinds" in data for data in told)


def test_content_is_sent_as_it_is_to_browsers_that_take_compressed_answers(as_ada: FlaskClient) -> None:
    for name in ("page.html", "figure.svg", "figure.png"):
        gzip = {"Accept-Encoding": "gzip"}
        answer = as_ada.get(f"{LIST}-/content/output/{name}", headers=gzip, buffered=True)
        content = FILES[f"output/{name}"]
        assert answer.data == (content if isinstance(content, bytes) else content.encode())
        assert "Content-Encoding" not in answer.headers
    packed = as_ada.get(f"{LIST}-/content/output/packed.svgz")
    assert packed.data.startswith(b"<svg")


def test_what_is_too_large_to_be_drawn_is_described(as_ada: FlaskClient, level4: World) -> None:
    publish(level4, {"output/huge.png": png(5_001, 5_000)}, "huge")
    page = as_ada.get(f"{LIST}output/huge.png")
    assert "This image has 5,001 × 5,000 pixels; images of up to 25 million are shown." in words(page.text)
    answer = as_ada.get(f"{LIST}-/content/output/huge.png")
    assert answer.status_code == 404


def test_the_policy_in_force_is_read_by_everybody_who_is_logged_in(
    as_ada: FlaskClient, client: FlaskClient
) -> None:
    assert client.get("/policy/").status_code == 302
    assert "default, version 1" in words(as_ada.get("/policy/").text)
    page = words(as_ada.get("/policy/default/1/").text)
    for said in ("1 to 7", "to the nearest 5 or midpoint 6", "small counts ! fix", "16.0 MiB"):
        assert said in page, said
    assert as_ada.get("/policy/default/7/").status_code == 404
    assert as_ada.get("/policy/none/1/").status_code == 404


def test_the_findings_stand_on_the_workspace_for_those_who_may_look(
    as_ada: FlaskClient, app: Flask, sign_in: Callable[..., FlaskClient]
) -> None:
    assert re.search(r"Findings: .*\d+ fix", words(as_ada.get("/asthma/").text))
    stranger = sign_in(app.test_client(), "dan").get("/asthma/")
    assert "Findings:" not in stranger.text


def test_pages_need_few_queries_whatever_the_number_of_files(
    as_ada: FlaskClient, level4: World, queries: Callable[..., object]
) -> None:
    """Section 13 has 6 for a list, 12 for a file and 6 for a table, to which looks are added: a look at content is three, the row,
    and the event after the one before it.
    """
    publish(level4, {f"output/many/{n}.csv": f"a,n\nx,{n * 5}\n" for n in range(450)}, "many")
    table = {"HX-Request": "true", "HX-Target": "contents"}
    for address, headers, most in (
        (LIST, {}, 6),
        (f"{LIST}?q=many&sort=-findings&page=2", {}, 6),
        (f"{LIST}?view=tree", {}, 6),
        (f"{LIST}output/small.csv", {}, 12),
        (f"{LIST}output/large.csv?sort=-2&q=r1", {}, 12),
        (f"{LIST}output/large.csv?row=401", table, 5 + 3),
        (f"{LIST}output/large.csv?sort=-2&q=r1&where=2:gt:50&column=2", table, 5 + 3),
    ):
        with queries() as seen:  # type: ignore[attr-defined]
            assert as_ada.get(address, headers=headers).status_code == 200
        assert len(seen) <= most, (address, len(seen), seen)


def _entries(world: World) -> list:
    from jobsite.outputs.access import outputs_of

    return list(outputs_of(world.workspace).entries)
