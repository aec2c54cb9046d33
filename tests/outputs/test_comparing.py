"""Two versions of a file: tables by their labels, texts by lines, and never an exception."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsite.outputs.comparing import Comparison, Version, comparison, text_changes


def compared(old: str | bytes, new: str | bytes, path: str = "a.csv") -> Comparison:
    def version(words: str, content: str | bytes) -> Version:
        data = content if isinstance(content, bytes) else content.encode()
        return Version(words, path, words, io.BytesIO(data))

    return comparison(version("old", old), version("new", new))


OLD = "region,year,n,rate\nNorth,2024,120,1.5\nSouth,2024,[redacted],2.0\nEast,2024,40,2.5\n"


@pytest.mark.parametrize(
    ("new", "cells", "added", "removed", "sentence"),
    [
        ("region,year,n,rate\nNorth,2024,125,1.5\nSouth,2024,[redacted],2.0\nEast,2024,40,2.5\n",
         [("North, 2024", "n", "120", "125", "+5")], 0, 0, "1 cell changed."),
        ("region,year,n,rate\nEast,2024,40,2.5\nSouth,2024,7,2.0\nNorth,2024,120,1.5\n",
         [("South, 2024", "n", "[redacted]", "7", "shown")], 0, 0, "1 cell changed."),
        ("region,year,n,rate\nNorth,2024,120,1.5\nEast,2024,*,2.5\nWest,2024,5,1.0\n",
         [("East, 2024", "n", "40", "*", "hidden")], 1, 1, "1 cell changed; 1 row added; 1 row removed."),
        ("region,year,n,rate\nEast,2024,40,2.5\nNorth,2024,120,1.5\nSouth,2024,[redacted],2.0\n",
         [], 0, 0, "3 rows moved."),
        ("region,year,n,total\nNorth,2024,120,1.5\nSouth,2024,[redacted],2.0\nEast,2024,40,2.5\n",
         [], 0, 0, "columns added: total; columns removed: rate."),
        (OLD.replace("\n", "\r\n"), [], 0, 0, "The values are the same; only their form in the file differs."),
        (OLD.replace("1.5", "1.25"), [("North, 2024", "rate", "1.5", "1.25", "−0.25")], 0, 0, "1 cell changed."),
    ],
)  # fmt: skip
def test_cells_are_matched_by_the_labels_of_their_rows(
    new: str, cells: list[tuple[str, ...]], added: int, removed: int, sentence: str
) -> None:
    found = compared(OLD, new)
    assert found.kind == "table"
    assert found.table
    assert [(c.label, c.column, c.old, c.new, c.difference) for c in found.table.cells] == cells
    assert (found.table.added, found.table.removed) == (added, removed)
    assert found.sentence == sentence
    assert found.table.matched_by == ("region", "year")


def test_rows_without_labels_are_matched_by_their_number_and_equal_labels_by_their_order() -> None:
    bare = compared("a,b\n1,2\n3,4\n", "a,b\n1,2\n3,5\n")
    assert bare.table
    assert [(c.label, c.column, c.new) for c in bare.table.cells] == [("Row 2", "b", "5")]
    twice = compared("sex,n\nmale,1\nmale,2\n", "sex,n\nmale,1\nmale,3\nmale,4\n")
    assert twice.table
    assert [(c.old, c.new) for c in twice.table.cells] == [("2", "3")]
    assert twice.table.added == 1


def test_sums_that_changed_are_told_and_columns_of_one_name_are_kept_apart() -> None:
    found = compared("r,n,n\na,1,10\nb,2,20\n", "r,n,n\na,1,10\nb,2,25\n")
    assert found.table
    assert [(t.column, t.old, t.new, t.difference) for t in found.table.totals] == [("n", "30", "35", "+5")]
    assert [c.position for c in found.table.cells] == [3]


def test_of_large_tables_the_first_changes_are_kept_and_all_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jobsite.outputs.comparing_tables.MOST_CELLS", 5_000)
    old = "r,a,b\n" + "".join(f"row {n},{n},{n}\n" for n in range(4_000))
    found = compared(old, old.replace(",1", ",2"))
    assert found.table
    assert found.table.cut
    assert len(found.table.cells) == 500
    assert found.table.changed_cells > 500
    assert found.sentence.startswith(f"{found.table.changed_cells:,} cells changed")


def test_texts_are_shown_with_the_lines_around_each_change() -> None:
    old = "".join(f"line {n}\n" for n in range(1, 101))
    found = compared(old, old.replace("line 50\n", "line fifty\nand more\n"), "a.txt")
    assert found.sentence == "2 lines added, 1 removed."
    assert found.text
    shown = [(line.kind, line.old, line.new) for line in found.text.lines]
    assert shown[0] == ("gap", None, None)
    assert ("removed", 50, None) in shown
    assert ("added", None, 51) in shown
    assert ("same", 51, 52) in shown
    assert len(shown) == 11


def test_equal_bytes_are_identical_and_lost_or_foreign_content_is_told() -> None:
    same = Version("released", "a.csv", "x", io.BytesIO(b"a\n"))
    assert comparison(same, same).kind == "identical"
    gone = comparison(Version("released on 3 May", "a.csv", "y"), same)
    assert (gone.kind, gone.sentence) == (
        "none",
        "The content of the version released on 3 May is no longer kept here.",
    )
    assert compared(b"\x89PNG", b"\x89PNG2", "a.png").kind == "image"
    assert compared(b"PK", b"PK2", "a.xlsx").kind == "none"
    assert "too large" in compared(b"a" * (16 * 2**20 + 1), b"b", "a.txt").sentence


@given(
    old=st.binary(max_size=300),
    new=st.binary(max_size=300),
    path=st.sampled_from(["a.csv", "a.txt", "a.json", "a.svg"]),
)
@settings(max_examples=80, deadline=None)
def test_any_bytes_end_in_a_sentence(old: bytes, new: bytes, path: str) -> None:
    assert compared(old, new, path).sentence


def test_texts_that_take_too_long_to_be_laid_beside_each_other_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = ([f"line {n * factor % 7}" for n in range(50)] for factor in (1, 3))
    assert text_changes(old, new) is not None
    monkeypatch.setattr("jobsite.outputs.comparing.MOST_WORK", -1.0)
    assert text_changes(old, new) is None
