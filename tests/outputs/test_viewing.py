"""Windows on files: conditions, order, odd encodings, hostile bytes; no content makes an error."""

import gzip
import io
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from jobsite.outputs import grid as grids
from jobsite.outputs.asked import Asked, Condition
from jobsite.outputs.columns import column_card, policy_by_settings
from jobsite.outputs.comparing_tables import table_changes
from jobsite.outputs.drawings import drawing
from jobsite.outputs.grid import Grid, grid
from jobsite.outputs.json_tree import tables, tree, value_in
from jobsite.outputs.pages import tables_in
from jobsite.outputs.pictures import picture
from jobsite.outputs.provenance import scripts_in
from jobsite.outputs.reading import table_in
from jobsite.outputs.reading_through import being_read, wait_until_read
from jobsite.outputs.sifting import fits
from jobsite.outputs.table_index import FOLDER, index_of, known_index
from jobsite.outputs.viewing import Viewed, viewed
from jobsite.store.windows import Index, csv_index

from .files import SVG, png

pytestmark = pytest.mark.usefixtures("instance")


def table(content: str | bytes, *query: tuple[str, str]) -> Grid:
    data = content if isinstance(content, bytes) else content.encode()
    return grid(io.BytesIO(data), sha256(data).hexdigest(), len(data), Asked.of(MultiDict(query)))


def shown(content: bytes, path: str, *query: tuple[str, str]) -> Viewed:
    digest = sha256(content).hexdigest()
    with TemporaryFile() as file:
        file.write(content)
        file.flush()
        return viewed(file, path=path, sha256=digest, asked=Asked.of(MultiDict(query)))


ROWS = "n,v\n" + "".join(
    f"{n},{value}\n"
    for n, value in enumerate(("10", "9", '"1,000"', "−5", "7%", "", "n/a", "Äpfel", "apfel", "=1+1"), 1)
)


@pytest.mark.parametrize(
    ("condition", "fit"),
    [
        ("2:eq:10.0", [1]), ("2:eq:APFEL", [9]), ("2:ne:10", [2, 3, 4, 5, 6, 7, 8, 9, 10]), ("2:lt:9", [4, 5]),
        ("2:le:9", [2, 4, 5]), ("2:gt:10", [3]), ("2:ge:10", [1, 3]), ("2:has:pfel", [8, 9]), ("2:like:?pfel", [8, 9]),
        ("2:like:*", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), ("2:empty:", [6]), ("2:filled:", [1, 2, 3, 4, 5, 7, 8, 9, 10]),
        ("2:gt:b", [7, 8]), ("9:empty:", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    ],
)  # fmt: skip
def test_a_condition_compares_numbers_as_numbers_and_text_as_text(condition: str, fit: list[int]) -> None:
    assert [row.number for row in table(ROWS, ("where", condition)).rows] == fit


@given(pattern=st.text("ab*?", max_size=8), value=st.text("abAB", max_size=8))
@limits(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_pattern_fits_as_shells_know_it(pattern: str, value: str) -> None:
    holds = fits("", [Condition(1, "like", pattern)])
    assert holds([value]) == fnmatchcase(value.casefold(), pattern)


def test_a_pattern_of_many_stars_takes_no_longer_than_its_pieces() -> None:
    assert not fits("", [Condition(1, "like", "*a" * 60 + "*b")])(["a" * 1000])
    assert fits("", [Condition(1, "like", "*a" * 60 + "*")])(["a" * 1000])


def test_in_order_numbers_stand_before_text_and_empty_values_last() -> None:
    def order(sort: str) -> list[str]:
        return [row.cells[1].pieces[0][0] for row in table(ROWS, ("sort", sort)).rows]

    assert order("2") == ["−5", "7%", "9", "10", "1,000", "=1+1", "apfel", "n/a", "Äpfel", ""]
    assert order("-2") == ["Äpfel", "n/a", "apfel", "=1+1", "1,000", "10", "9", "7%", "−5", ""]


def test_a_search_finds_values_as_they_stand_and_marks_them() -> None:
    """OC31."""
    found = table("a,b\n<=7,x & y\nZÜRICH,<=7\n", ("q", "<=7"))
    assert [row.number for row in found.rows] == [1, 2]
    assert found.rows[0].cells[0].pieces == [("<=7", True)]
    assert [row.number for row in table("a\nZÜRICH\nbern\n", ("q", "züri")).rows] == [1]
    assert table("a\nZÜRICH\n", ("q", "züri")).rows[0].cells[0].pieces == [("ZÜRI", True), ("CH", False)]
    assert [row.number for row in table("a\nStraße\n", ("q", "STRASSE")).rows] == [1]


def test_a_large_table_is_read_beside_the_request_and_then_shown_by_position(
    instance: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ("a,b\n" + "".join(f"{n},{n % 7}\n" for n in range(1, 3001))).encode()
    digest = sha256(data).hexdigest()
    monkeypatch.setattr(grids, "LARGE", 1000)
    monkeypatch.setattr(grids, "MOST_ORDERED", 1000)
    monkeypatch.setattr("jobsite.outputs.table_index.KEPT_FROM", 1000)
    (tmp_path / "large.csv").write_bytes(data)

    def page(**asked: object) -> Grid:
        with (tmp_path / "large.csv").open("rb") as file:
            return grid(file, digest, len(data), Asked(**asked))  # type: ignore[arg-type]

    first, far = page(), page(row=2995)
    assert (first.total, len(first.rows), first.later) == (None, 200, 201)
    assert [head.text for head in far.heads] == ["a", "b"], "a page further on waits and says so"
    assert far.total is None or far.rows
    assert first.waits
    assert "are being counted" in first.waits.words
    wait_until_read(60)
    assert first.waits.file is None or first.waits.file.closed
    later = page(row=2995)
    assert (later.total, [row.number for row in later.rows]) == (3000, list(range(2995, 3001)))
    assert later.waits is None
    assert (instance / FOLDER / f"{digest}.json").stat().st_mode & 0o777 == 0o600
    refused = page(sort=2)
    assert "up to 1,000 rows" in refused.refusal
    assert [row.number for row in refused.rows][:2] == [1, 2]
    assert [row.number for row in page(q="2999").rows] == [2999]
    asked = page(column=2)
    assert asked.column or "column 2 are being worked out" in asked.waits.words
    wait_until_read(60)
    ready = page(column=2)
    assert ready.waits is None
    assert (ready.column.rows, dict(ready.column.facts)["Largest"]) == (3000, "6")
    small = column_card(io.BytesIO(data), csv_index(io.BytesIO(data)), 2, policy_by_settings())
    assert ready.column == small, "what was kept is what was worked out"
    assert being_read(digest, 2, policy_by_settings()) is None


def test_a_large_table_that_cannot_be_read_says_so_and_is_not_tried_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(grids, "LARGE", 10)
    monkeypatch.setattr("jobsite.outputs.reading_through.index_of", refuse)
    data = b"a,b\n1,2\n3,4\n" + b"5,6\n" * 9
    (tmp_path / "large.csv").write_bytes(data)
    with (tmp_path / "large.csv").open("rb") as file:
        pages = []
        for _ in range(2):
            pages.append(grid(file, sha256(data).hexdigest(), len(data), Asked()))
            wait_until_read(60)
    assert [page.waits.failed for page in pages] == [True, True]
    assert pages[1].waits is pages[0].waits
    assert "could not be read" in pages[1].waits.words
    assert len(pages[1].rows) == 11, "its beginning is shown all the same"
    assert "could not be read through" in caplog.text
    monkeypatch.undo()
    monkeypatch.setattr(grids, "LARGE", 10)
    monkeypatch.setattr("jobsite.outputs.reading_through.FAILED_FOR", -1.0)
    with (tmp_path / "large.csv").open("rb") as file:
        grid(file, sha256(data).hexdigest(), len(data), Asked())
        wait_until_read(60)
        assert grid(file, sha256(data).hexdigest(), len(data), Asked()).total == 11, "later it is tried again"


def test_the_search_of_a_large_table_stops_and_says_where_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    data = ("a\n" + "x\n" * 5000).encode()
    monkeypatch.setattr(grids, "MOST_ORDERED", 1000)
    monkeypatch.setattr(grids, "MOST_WORK", -1.0)
    cut = grid(io.BytesIO(data), sha256(data).hexdigest(), len(data), Asked(q="y"))
    assert cut.later == 1001
    assert "Rows 1 to 1,000 of 5,000 were searched" in cut.notices[-1]


def test_a_damaged_index_is_made_again(instance: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"a\n1\n2\n"
    digest = sha256(data + b"other").hexdigest()
    folder = instance / FOLDER
    folder.mkdir(parents=True)
    for damaged in ("{}", "nonsense", '{"encoding": "utf-8", "positions": ["x"]}'):
        (folder / f"{digest}.json").write_text(damaged)
        assert known_index(digest, 2**30) is None
    assert index_of(io.BytesIO(data), digest, 2**30).total == 2


ODD = {
    "nul.csv": b"a,b\n1\0,2\n", "ragged.csv": b"a,b\n1\n1,2,3,4\n", "long.csv": b"a\n" + b"x" * 131_073 + b"\n",
    "quote.csv": b'a,b\n"1,2\n3,4\n', "utf16.csv": "a;b\n1;é\n".encode("utf-16"), "latin.csv": b"a\ncaf\xe9\n",
    "bom.csv": b"\xef\xbb\xbfa\n1\n", "empty.csv": b"", "blank.csv": b"\n\n\n", "header.csv": b"a,b\n",
    "wide.csv": ",".join(f"c{n}" for n in range(900)).encode() + b"\n" + b"1," * 899 + b"1\n",
    "formula.csv": b"a\n=cmd|' /C calc'!A0\n", "deep.json": b"[" * 2000, "nul.txt": b"a\0b", "empty.json": b"", "list.json": b"[1]",
    "bad.svg": b"<svg", "bomb.svg": b'<!DOCTYPE s [<!ENTITY a "aaaa">]><svg>&a;</svg>', "bad.svgz": b"nonsense",
    "cut.svgz": gzip.compress(SVG.encode())[:40], "bad.png": b"\x89PNG\r\n\x1a\n", "bad.jpg": b"\xff\xd8\xff\xe1\xff",
    "bad.html": b"<table><td>1<table><tr><td>2", "empty.log": b"", "x.exe": b"MZ", "name": b"x",
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_files_give_a_page(name: str) -> None:
    for view in ("", "table", "source", "rendered"):
        found = shown(ODD[name], name, ("view", view), ("column", "1"), ("q", "1"), ("sort", "1"))
        assert found.why_not or found.template.startswith("outputs/_")
    if name in ("x.exe", "name"):
        assert "never sent" in found.why_not


@given(
    content=st.binary(max_size=400),
    name=st.sampled_from(["a.csv", "a.json", "a.html", "a.svg", "a.svgz", "a.png", "a.jpg", "a.md", "a.log"]),
)
@limits(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_make_an_error(content: bytes, name: str) -> None:
    for query in (
        (),
        (("view", "source"),),
        (("view", "table"), ("sort", "-1"), ("q", "a"), ("column", "1")),
    ):
        shown(content, name, *query)


def test_a_picture_and_a_drawing_tell_what_one_does_not_see() -> None:
    said = picture(io.BytesIO(png(5, 6, Author="Ada", Comment="by hand")))
    assert (said.width, said.height, said.texts) == (5, 6, (("Author", "Ada"), ("Comment", "by hand")))
    jpeg = b"\xff\xd8\xff\xfe\x00\x07hello\xff\xc0\x00\x0b\x08\x00\x02\x00\x03\x01\x01\x11\x00\xff\xd9"
    told = picture(io.BytesIO(jpeg))
    assert (told.width, told.height, told.texts) == (3, 2, (("Comment", "hello"),))
    assert picture(io.BytesIO(b"\x89PNG\r\n\x1a\n")).is_too_large, (
        "one that does not tell its size is not drawn"
    )
    drawn = drawing(io.BytesIO(SVG.encode()))
    assert (drawn.points, drawn.hidden, drawn.rasters, drawn.text) == (5, 1, 0, "Figure one")
    bomb = drawing(io.BytesIO(ODD["bomb.svg"]))
    assert "declares entities" in bomb.problem


def test_tables_inside_other_files_are_found() -> None:
    nested = tables_in("<table><tr><th colspan=2>a</th></tr><tr><td>1<br>2</td><td>3</td></tr></table>")
    assert nested.tables[0].rows == [["a", ""], ["12", "3"]]
    long = tables_in("<table>" + "<tr><td>" + "x" * 70_000 + "</td><td>end</td></tr></table>")
    assert [len(cell) for cell in long.tables[0].rows[0]] == [70_000, 3], "a page is read in pieces"
    assert tables(value_in('{"x": [{"a": 1.50, "b": null}, {"a": true}], "y": [[1]]}')) == {
        "x": [["a", "b"], ["1.50", ""], ["true", ""]]
    }
    top = tree(value_in('{"a": [1, "x", null]}'))
    assert [(node.name, node.kind, node.text) for node in top.inner[0].inner] == [
        ("0", "number", "1"), ("1", "text", "x"), ("2", "word", "null"),
    ]  # fmt: skip


def test_a_page_that_takes_too_long_shows_the_tables_of_its_beginning_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = ("<table><tr><td>first</td></tr></table>" + "<p>words</p>" * 20_000).encode()
    assert shown(page, "a.html", ("view", "table")).notices == ()
    monkeypatch.setattr("jobsite.outputs.pages.MOST_CELLS", -1)
    none = shown(page, "a.html", ("view", "table"))
    assert "No table of this page could be read" in none.notices[-1]
    monkeypatch.setattr("jobsite.outputs.pages.MOST_CELLS", 0)
    cut = shown(page, "a.html", ("view", "table"))
    assert "only the tables of its beginning" in cut.notices[0]
    assert cut.grid.heads[0].text == "first"


def test_tags_that_never_end_do_not_keep_a_page_of_tables_busy() -> None:
    found = tables_in("<table><tr><td>x</td></tr></table>" + "<table" * 20_000)
    assert (found.tables[0].rows, found.is_cut) == ([["x"]], True)


@pytest.mark.parametrize("text", ["[" * 60_000, "<a " * 2_000, "1. " * 20_000, "x\n\n" * 30_000])
def test_markdown_that_would_take_long_is_shown_as_text(text: str) -> None:
    page = shown(text.encode(), "a.md", ("view", "rendered"))
    assert "shown as text" in page.notices[0]
    assert page.lines.lines[0] == text.split("\n")[0][:10_000]
    few = shown(b"# Title\n\n[x](https://example.org)\n", "a.md", ("view", "rendered"))
    assert "Title</h" in few.html


def test_sums_of_large_tables_are_left_out_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobsite.outputs.comparing_tables.MOST_SUMMED", 4)
    old, new = table_in("a,b,c\nx,1,2\ny,3,4\n"), table_in("a,b,c\nx,10,20\ny,30,40\n")
    changes = table_changes(old, new)
    assert ([one.column for one in changes.totals], changes.not_summed) == (["b"], 1)


def test_a_table_that_takes_too_long_at_once_is_searched_as_far_as_time_reaches() -> None:
    index = Index("utf-8", header=["a"] * 20, total=200_000)
    few, many = (
        Asked(conditions=tuple(Condition(1, "ne", str(n)) for n in range(number))) for number in (2, 12)
    )
    assert [grids._goes_at_once(index, one) for one in (few, many)] == [True, False]
    assert not grids._goes_at_once(Index("utf-8", header=["a"] * 200, total=200_000), Asked(sort=1))


def test_the_scripts_of_a_command_are_files_of_the_study() -> None:
    assert scripts_in("python:v2 analysis/a.py --x ../../etc/passwd.py data.csv lib/b.R") == (
        "analysis/a.py",
        "lib/b.R",
    )
    assert scripts_in("r:latest 'unclosed.R") == ()
