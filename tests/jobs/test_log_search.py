"""Finding one's way in a log: by pattern, to the first error, by ranges, in time, in groups."""

# ruff: noqa: F401, F811 (fixtures that are shared)

import html
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from jobsite.jobs import log_search
from jobsite.jobs.actions import move
from jobsite.jobs.logs.patterns import PatternSearch

from .log_world import POLL, Log, ada, log, next_poll, numbers, texts, waiting


def here(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'class="l[^"]* here" id="L(\d+)"', page)]


def folds(page: str) -> list[tuple[int, str, bool, str]]:
    """Of each group in the page: the line where it begins, its title, whether it is open, what is said of its time."""
    found = re.findall(
        r'<li class="log-group" data-group="(\d+)"[^>]*><details( open)?>.*?<span>([^<]*)</span><span class="sub">([^<]*)<',
        page,
        re.DOTALL,
    )
    return [(int(line), html.unescape(title), bool(opened), sub) for line, opened, title, sub in found]


def test_a_pattern_is_searched_for_walked_and_marked(ada: FlaskClient, log: Log) -> None:
    log.write(
        "".join(f"step {number}: {'oops' if number % 40 == 0 else 'ok'}\n" for number in range(1, 1001))
    )
    page = ada.get(f"{log.path}?q=step+\\d%2B0:+O.PS$&regex=1").text
    assert "<strong>1 of 25</strong>" in page and here(page) == [40]
    assert '<mark class="now">step 40: oops</mark>' in page and "<mark>step 80: oops</mark>" in page
    following = re.search(r'rel="next" href="([^"#]+)#L80">Next', page)
    assert following
    second = ada.get(html.unescape(following[1])).text
    assert "<strong>2 of 25</strong>" in second and re.search(r'rel="prev" href="[^"]+#L40"', second)
    assert 'name="regex" value="1" checked' in second
    assert "<strong>0</strong>" in ada.get(f"{log.path}?q=O.PS&regex=1&case=1").text


@pytest.mark.parametrize(
    ("pattern", "said"), [("(", "This is no regular expression"), ("a{99999999999}", "This is no")]
)
def test_what_is_no_pattern_is_told_and_the_log_is_shown_all_the_same(
    ada: FlaskClient,
    log: Log,
    pattern: str,
    said: str,
) -> None:
    log.lines(1, 5)
    answer = ada.get(log.path, query_string={"q": pattern, "regex": "1"})
    assert answer.status_code == 200 and said in answer.text
    assert numbers(answer.text) == [1, 2, 3, 4, 5]


def test_a_pattern_that_never_ends_is_stopped_and_the_log_is_shown_all_the_same(
    ada: FlaskClient,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_search, "PatternSearch", lambda *a, **k: PatternSearch(*a, **k, seconds=0.5))
    log.write("a" * 50 + "!\n")
    page = ada.get(log.path, query_string={"q": "(a|aa)+$", "regex": "1"}).text
    assert "was stopped. Use a simpler pattern" in page
    assert texts(page) == ["a" * 50 + "!"]


def test_the_first_error_is_one_press_away(ada: FlaskClient, log: Log) -> None:
    log.lines(1, 700)
    log.write("loading packages\n", "stderr")
    log.lines(702, 1400)
    link = r'href="([^"#]+)#L(\d+)">First error'
    first = re.search(link, ada.get(log.path).text)
    assert first and first[2] == "701", "nothing looks like an error yet: the first line on stderr"
    log.write("Traceback (most recent call last):\n", "stderr")
    log.lines(1402, 3000)
    error = re.search(link, ada.get(f"{log.path}?q=line").text)
    assert error and error[2] == "1401"
    assert here(ada.get(html.unescape(error[1])).text) == [1401]


def test_a_log_without_errors_offers_none(ada: FlaskClient, log: Log) -> None:
    log.lines(1, 5)
    assert "First error" not in ada.get(log.path).text


@pytest.mark.parametrize(
    ("asked", "marked"),
    [
        ("600-603", [600, 601, 602, 603]),
        ("603-600", [600, 601, 602, 603]),
        ("600", [600]),
        ("9-", []),
        ("a-b", []),
    ],
)
def test_a_range_of_lines_can_be_linked(ada: FlaskClient, log: Log, asked: str, marked: list[int]) -> None:
    log.lines(1, 2000)
    assert here(ada.get(f"{log.path}?line={asked}").text) == marked


def test_the_number_of_a_line_is_an_address_that_means_it_for_ever(
    ada: FlaskClient,
    log: Log,
    sign_in: object,
) -> None:
    log.lines(1, 900)
    move(log.job, "nonzero_exit")
    address = re.search(r'<a class="n" href="([^"#]+)#L600"', ada.get(log.path).text)
    assert address
    Log(log.job, 2).lines(5001, 5900)
    page = ada.get(html.unescape(address[1])).text
    assert here(page) == [600] and "line 600" in texts(page) and "line 5600" not in texts(page)


def test_times_count_from_the_first_line_when_asked_and_stay_so(ada: FlaskClient, log: Log) -> None:
    log.lines(1, 3)
    page = ada.get(f"{log.path}?time=since").text
    assert re.findall(r"<time [^>]*>(\+[^<]*)</time>", page) == ["+0:00:00"] * 3
    assert '<input type="hidden" name="time" value="since">' in page
    log.lines(4, 4)
    assert ">+0:00:00</time>" in ada.get(next_poll(page), headers=POLL).text
    back = re.search(r'href="([^"]+)">Time of day', page)
    assert back
    assert re.search(r"<time [^>]*>\d\d:\d\d:\d\d</time>", ada.get(html.unescape(back[1])).text)


def test_lines_between_group_marks_fold_and_tell_how_long_they_took(ada: FlaskClient, log: Log) -> None:
    log.write(
        "before\n::group::Load <b>\nl1\nl2\n::endgroup::\nbetween\n::group::Fit\nf1\n::group::Plot\np1\n"
    )
    page = ada.get(log.path).text
    assert [(line, title, opened) for line, title, opened, _ in folds(page)] == [
        (2, "Load <b>", False),
        (7, "Fit", False),
        (9, "Plot", True),
    ]
    assert [sub for *_, sub in folds(page)] == ["0.0 s", "0.0 s", "goes on"]
    assert numbers(page) == [1, 3, 4, 5, 6, 8, 10]
    move(log.job, "nonzero_exit")
    assert folds(ada.get(log.path).text)[-1] == (9, "Plot", True, "did not end"), (
        "the part that failed is open"
    )
    assert all(opened for *_, opened, _ in folds(ada.get(f"{log.path}?folds=open").text))


def test_a_group_that_begins_before_the_window_folds_as_well(ada: FlaskClient, log: Log) -> None:
    log.write("::group::Long\n")
    log.lines(2, 1500)
    log.write("::endgroup::\nafter\n")
    for query, ends in (("line=800", True), ("from=900", True), ("", True)):
        page = ada.get(f"{log.path}?{query}").text
        assert folds(page) == [(1, "Long", True, "0.0 s")], query
        assert 'id="L1"' not in page, ends
    assert numbers(page)[-1] == 1502
    assert folds(ada.get(f"{log.path}?from=1502").text) == [], "the group has ended before"


def test_what_one_came_for_is_never_folded_away(ada: FlaskClient, log: Log) -> None:
    log.write(
        "::group::A\nneedle\n::endgroup::\n::group::B\nError: no\n::endgroup::\n::group::C\nx\n::endgroup::\n"
    )
    assert [opened for *_, opened, _ in folds(ada.get(log.path).text)] == [False, True, False]
    assert [opened for *_, opened, _ in folds(ada.get(f"{log.path}?q=needle").text)] == [True, True, False]
    assert [opened for *_, opened, _ in folds(ada.get(f"{log.path}?line=7").text)] == [False, True, True]


def test_listeners_are_told_what_there_is_not_each_line(
    ada: FlaskClient,
    log: Log,
    queries: Callable[[], object],
) -> None:
    log.lines(1, 1200)
    page = ada.get(log.path).text
    assert "Lines 701 to 1,200 of 1,200" in page
    assert 'aria-describedby="lines-about"' in page
    assert not re.search(r'<ol class="log"[^>]*(aria-live|role="log")', page)
    log.lines(1201, 1210)
    assert 'role="status"' not in ada.get(next_poll(page), headers=POLL).text.split('id="follow"')[0]
