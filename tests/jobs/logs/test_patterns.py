"""Regular expressions over a log find what they should, and never hang the server."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsite.jobs.logs import patterns
from jobsite.jobs.logs.pattern_search import _lines_with, within_lines
from jobsite.jobs.logs.patterns import PatternRefused, PatternSearch
from jobsite.jobs.logs.writer import LogWriter

LINES = ["alpha 12", "beta", "", "Alphabet", "omega 7;", "a [b] c", "ünder", "trailing ", "12:30 alpha"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    log = LogWriter(tmp_path / "log")
    log.feed("stdout", "".join(f"{line}\n" for line in LINES).encode())
    log.close()
    return tmp_path / "log"


@pytest.mark.parametrize(
    "pattern",
    [
        "alpha", "^alpha", "alpha$", r"\d+$", r"a.*a", "^$", r"[^a]$", r"\s", r"\s$", r"\W$", r"\D\d", "(?i)ALPHA", r"\Aa",
        r"(?<!b)eta", "b(?!e)", r"(a)l.*\1", r"\[b\]", "[x[]", "Ü", "[a-c]+ ", "x*", "a{2}|omega", r"^o\b", "[^]]$",
    ],
)  # fmt: skip
@pytest.mark.parametrize("case", [True, False])
def test_a_pattern_is_held_against_each_line_by_itself(path: Path, pattern: str, case: bool) -> None:
    compiled = re.compile(pattern, 0 if case else re.IGNORECASE)
    expected = [number for number, line in enumerate(LINES, 1) if compiled.search(line)]
    with PatternSearch(path, pattern, case=case) as search:
        hits = search.search(4, 100)
    assert hits.total == len(expected)
    assert list(hits.lines) == [number for number in expected if number >= 4]
    assert (hits.before, hits.previous) == (
        len([n for n in expected if n < 4]),
        max([n for n in expected if n < 4], default=None),
    )


PARTS = ["a", "b", ".", r"\s", r"\d", r"\w", r"\W", "[^a]", "[ab]", "^", "$", "*", "+", "?", "|", "(", ")", "*?", r"\b", "[^\\s]", "++"]  # fmt: skip


@given(
    st.lists(st.sampled_from(PARTS), max_size=7).map("".join),
    st.lists(st.text("ab 1\t", max_size=5), min_size=1, max_size=6),
)
def test_many_lines_at_once_give_the_same_lines_as_each_alone(pattern: str, lines: list[str]) -> None:
    try:
        compiled = re.compile(pattern)
    except re.error:
        return
    within = within_lines(pattern)
    if within is None:
        return
    found = list(_lines_with(re.compile(within, re.MULTILINE), "\n".join(lines)))
    assert found == [at for at, line in enumerate(lines) if compiled.search(line)]


def test_the_logs_own_times_and_marks_are_not_found(path: Path) -> None:
    with PatternSearch(path, r"\d{16}|^\d+o ") as search:
        assert search.search(1, 10).total == 0


def test_a_pattern_that_takes_for_ever_is_stopped_with_a_sentence(path: Path) -> None:
    log = LogWriter(path)
    log.feed("stdout", b"a" * 60 + b"!\n")
    log.close()
    with (
        pytest.raises(PatternRefused, match="took longer than 0.5 seconds and was stopped"),
        PatternSearch(path, "(a|aa)+$", seconds=0.5) as search,
    ):
        search.search(1, 10)


def test_marking_is_limited_as_searching_is(path: Path) -> None:
    with PatternSearch(path, "(a|aa)+$", seconds=0.5) as search:
        assert search.search(1, 10).total > 0
        with pytest.raises(PatternRefused):
            search.spans(["a" * 60 + "!"])


@pytest.mark.parametrize("wrong", ["(", "[", "*", "a{9999999999}", r"\400", "(?P<a", "(" * 150])
def test_what_is_no_pattern_is_told_in_a_sentence(path: Path, wrong: str) -> None:
    with (
        pytest.raises(PatternRefused, match="This is no regular expression: .+"),
        PatternSearch(path, wrong) as search,
    ):
        search.search(1, 10)


def test_a_pattern_marks_where_it_stands(path: Path) -> None:
    with PatternSearch(path, r"a\d?") as search:
        search.search(1, 1)
        assert search.spans(["ba1", "", "xA"]) == [[(1, 3)], [], [(1, 2)]]
        assert search.spans(["none"]) == [[]]


def test_only_some_patterns_are_searched_for_at_once(path: Path) -> None:
    with PatternSearch(path, "a"), PatternSearch(path, "b"):
        assert patterns.AT_ONCE == 2
        with pytest.raises(PatternRefused, match="Try again"), PatternSearch(path, "c"):
            pass
    with PatternSearch(path, "c") as search:
        assert search.search(1, 9).total == 1
