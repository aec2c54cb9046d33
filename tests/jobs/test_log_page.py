"""The log page: any window by its line, everything as text, nothing lost while it grows, for those who may read it."""

# ruff: noqa: F401, F811 (fixtures that are shared)

import html
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite.application import create_app
from jobsite.jobs.actions import move
from jobsite.jobs.log_pages import WINDOW
from jobsite.jobs.models import Job
from jobsite.settings import Settings

from ..sided import public_side_of
from .log_world import POLL, Log, SignIn, ada, log, next_poll, numbers, texts, waiting


def test_a_finished_log_opens_at_its_end(ada: FlaskClient, log: Log) -> None:
    log.lines(1, 1234)
    move(log.job, "nonzero_exit")
    page = ada.get(log.path).text
    assert numbers(page) == list(range(735, 1235))
    assert "End of the log: 1,234 lines." in page
    assert next_poll(page) is None
    assert texts(page)[-1] == "line 1234"


def test_windows_lead_to_each_other_without_a_hole(ada: FlaskClient, log: Log) -> None:
    log.lines(1, 1750)
    move(log.job, "nonzero_exit")
    address, seen = f"{log.path}?line=1", []
    while True:
        page = ada.get(address).text
        seen += numbers(page)
        later = re.search(r'rel="next" href="([^"#]+)#L\d+">Later', page)
        if not later:
            break
        address = html.unescape(later[1])
    assert seen == list(range(1, 1751))
    earlier = re.search(r'id="earlier-link"[^>]* href="([^"#]+)#L1500"', page)
    assert earlier
    assert numbers(ada.get(html.unescape(earlier[1])).text) == list(range(1001, 1501))


@pytest.mark.parametrize("line", [1, 30, 777, 1499, 1500])
def test_a_page_opens_around_the_line_asked_for(ada: FlaskClient, log: Log, line: int) -> None:
    log.lines(1, 1500)
    page = ada.get(f"{log.path}?line={line}").text
    shown = numbers(page)
    assert shown == list(range(shown[0], shown[-1] + 1)) and line in shown
    assert shown[0] == max(1, line - 50)
    assert re.findall(r'class="l here" id="L(\d+)"', page) == [str(line)]


@pytest.mark.parametrize(
    "query", ["line=0", "line=-3", "line=x", "line=99999999", "line=²", "from=0", "full=x&from=2"]
)
def test_a_position_that_is_none_is_no_error(ada: FlaskClient, log: Log, query: str) -> None:
    log.lines(1, 10)
    assert ada.get(f"{log.path}?{query}").status_code == 200


def test_a_growing_log_is_followed_without_losing_repeating_or_reordering_a_line(
    ada: FlaskClient, log: Log
) -> None:
    written = [f"line {number}" for number in range(1, 4001)]
    log.write("".join(f"{line}\n" for line in written[:40]))
    page = ada.get(log.path).text
    seen, at = texts(page), 40
    sizes = iter([1, 0, 3, 700, 0, 1, 1300, 17, 0, 600, 900])
    polls = 0
    while address := next_poll(page):
        size = next(sizes, None)
        if size is None and at < 4000:
            size = 4000 - at
        if size is None and log.job.is_active:
            move(log.job, "succeeded")
        log.write("".join(f"{line}\n" for line in written[at : at + (size or 0)]))
        at += size or 0
        answer = ada.get(address, headers=POLL)
        polls += 1
        assert polls < 100
        if answer.status_code == 204:
            continue
        page = answer.text
        assert len(texts(page)) <= WINDOW
        seen += texts(page)
    assert seen == written
    assert "End of the log: 4,000 lines." in page


def test_a_reload_goes_on_wherever_the_page_was(ada: FlaskClient, log: Log) -> None:
    log.lines(1, 20)
    address = next_poll(ada.get(log.path).text)
    log.lines(21, 30)
    twice = [texts(ada.get(address, headers=POLL).text) for _ in range(2)]
    assert twice[0] == twice[1] == [f"line {number}" for number in range(21, 31)]
    assert texts(ada.get(address).text) == twice[0], "the same address as a whole page"


def test_nothing_new_is_answered_with_nothing(ada: FlaskClient, log: Log) -> None:
    log.lines(1, 3)
    address = next_poll(ada.get(log.path).text)
    answer = ada.get(address, headers=POLL)
    assert (answer.status_code, answer.data) == (204, b"")


def test_following_ends_only_when_the_job_has_ended_and_everything_is_shown(
    ada: FlaskClient, log: Log
) -> None:
    log.lines(1, 5)
    page = ada.get(log.path).text
    log.lines(6, 700)
    move(log.job, "succeeded")
    first = ada.get(next_poll(page), headers=POLL).text
    assert numbers(first)[-1] == 505 and next_poll(first)
    assert "only: Succeeded." in first, "the change of state is announced"
    last = ada.get(next_poll(first), headers=POLL).text
    assert numbers(last)[-1] == 700 and next_poll(last) is None
    assert 'hx-swap-oob="innerHTML"></p>' in last


def test_a_job_that_has_not_started_has_a_page_that_waits(
    client: FlaskClient, waiting: Job, sign_in: SignIn
) -> None:
    sign_in(client, "ada")
    path = f"/asthma/{waiting.job_request_id}/{waiting.identifier}/log/"
    page = client.get(path).text
    assert "Nothing has been written yet." in page
    address = next_poll(page)
    assert client.get(address, headers=POLL).status_code == 204
    move(waiting, "initiated")
    log = Log(waiting)
    log.write("first words\n")
    assert texts(client.get(address, headers=POLL).text) == ["first words"]
    assert client.get(f"{path}raw").data == b"first words\n"


def test_a_new_attempt_does_not_mix_into_the_log_of_the_old_one(ada: FlaskClient, log: Log) -> None:
    log.lines(1, 3)
    address = next_poll(ada.get(log.path).text)
    second = Log(log.job, 2)
    second.lines(101, 110)
    ended = ada.get(address, headers=POLL).text
    assert texts(ended) == [] and "End of the log: 3 lines." in ended and next_poll(ended) is None
    assert texts(ada.get(log.path).text)[0] == "line 101"
    assert texts(ada.get(f"{log.path}?attempt=1").text)[0] == "line 1"
    assert ada.get(f"{log.path}?attempt=7").status_code == 404


HOSTILE = [
    b"<script>alert(1)</script><img src=x onerror=alert(1)>\n",
    b"</span></li></ol><h1>gone</h1>\n",
    b"\x1b[31mred\x1b[0m \x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07 \x1b[2J\x1b[1;1Hhome\n",
    b"nul\x00byte and \xff\xfe not UTF-8\n",
    "turned \u202e around\n".encode(),
    b"10%\r50%\r100%\n",
    b"{{ 7 * 7 }} {% raw %}\n",
]


def test_whatever_a_job_prints_is_shown_as_text(ada: FlaskClient, log: Log) -> None:
    for line in HOSTILE:
        log.write(line)
    page = ada.get(log.path).text
    shown = texts(page)
    assert len(shown) == len(HOSTILE) and numbers(page) == list(range(1, len(HOSTILE) + 1))
    assert shown[0] == "<script>alert(1)</script><img src=x onerror=alert(1)>"
    assert "<script>alert" not in page and "<img" not in page and "<h1>gone" not in page
    assert '<span class="ansi-red">red</span>' in page
    assert "javascript:" not in page and "\x1b" not in page and "\x00" not in page and "\u202e" not in page
    assert shown[5] == "100%" and shown[6] == "{{ 7 * 7 }} {% raw %}"
    assert ada.get(f"{log.path}raw").data == b"".join(HOSTILE)


def test_a_line_of_ten_megabytes_is_cut_and_each_part_can_be_shown(ada: FlaskClient, log: Log) -> None:
    line = b"x" * 10_000_000 + b"\n"
    log.write(line)
    page = ada.get(f"{log.path}?line=1").text
    assert len(page) < 3_000_000
    assert all(len(text) < 2100 for text in texts(page))
    whole = re.search(r'href="([^"#]+)#L3">show all of it', page)
    assert whole
    shown = texts(ada.get(html.unescape(whole[1])).text)
    assert max(len(text) for text in shown) > 10_000
    assert sum(len(text) > 2100 for text in shown) == 1
    assert ada.get(f"{log.path}raw").data == line


def test_streams_are_told_apart_in_words_and_kept_in_order(ada: FlaskClient, log: Log) -> None:
    log.write("one\n")
    log.write("two\n", "stderr")
    log.write("three\n")
    page = ada.get(log.path).text
    assert texts(page) == ["one", "two", "three"]
    assert re.findall(r'class="l err" id="L(\d)"', page) == ["2"]
    assert page.count("stderr: ") == 1


def test_search_tells_the_true_count_and_walks_from_hit_to_hit(ada: FlaskClient, log: Log) -> None:
    log.write(
        "".join(f"{'Warning' if number % 100 == 0 else 'line'} {number}\n" for number in range(1, 2001))
    )
    move(log.job, "succeeded")
    address, walked, places = f"{log.path}?q=warning", [], []
    while address:
        page = ada.get(address).text
        walked += [int(number) for number in re.findall(r'class="l here" id="L(\d+)"', page)]
        places += re.findall(r"<strong>([\d,]+ of [\d,]+)</strong>", page)
        following = re.search(r'rel="next" href="([^"#]+)#L\d+">Next', page)
        address = html.unescape(following[1]) if following else ""
    assert walked == list(range(100, 2001, 100))
    assert places == [f"{place} of 20" for place in range(1, 21)]
    before = re.search(r'rel="prev" href="([^"#]+)#L(\d+)"', page)
    assert before and before[2] == "1900"
    assert '<mark class="now">Warning</mark>' in page


def test_search_is_literal_and_minds_capitals_only_when_told_to(ada: FlaskClient, log: Log) -> None:
    log.write("a.b\nA.B\naxb\n<b>\n%_\n")
    for query, total in (("a.b", 2), ("a.b&case=1", 1), (".*", 0), ("<b>", 1), ("%25_", 1), ("nothing", 0)):
        page = ada.get(f"{log.path}?q={query}").text
        assert re.search(rf"(of |<strong>){total}</strong>", page), query
        assert "<b>" not in page
    assert "&lt;b&gt;" in ada.get(f"{log.path}?q=<b>").text


def test_hits_are_listed_with_their_lines(ada: FlaskClient, log: Log) -> None:
    log.write(
        "".join(f"{'needle' if number in (7, 1300) else 'hay'} {number}\n" for number in range(1, 1400))
    )
    page = ada.get(f"{log.path}?q=needle").text
    listed = re.findall(r'#L(\d+)"><span class="n">\d+</span> <span class="t">([^<]+)<', page)
    assert listed == [("7", "needle 7"), ("1300", "needle 1300")]
    assert numbers(page)[0] == 1


def test_a_search_stays_marked_while_the_log_grows(ada: FlaskClient, log: Log) -> None:
    log.write("one apple\n")
    address = next_poll(ada.get(f"{log.path}?q=apple").text)
    log.write("two apples\n")
    assert "<mark>apple</mark>s" in ada.get(address, headers=POLL).text


def test_a_fragment_is_a_part_of_the_page(ada: FlaskClient, log: Log) -> None:
    log.lines(1, 30)
    for region in ("follow", "status"):
        part = ada.get(f"{log.path}?from=10", headers={"HX-Request": "true", "HX-Target": region}).text
        assert part.strip() in ada.get(f"{log.path}?from=10").text


def test_bytes_come_whole_and_in_parts_as_text_that_nothing_interprets(ada: FlaskClient, log: Log) -> None:
    data = b"".join(b"line %d \xff<script>\n" % number for number in range(5000))
    log.write(data)
    whole = ada.get(f"{log.path}raw")
    assert whole.data == data
    assert whole.content_type == "text/plain; charset=utf-8"
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert whole.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["Content-Disposition"].startswith('inline; filename="only-')
    assert ada.get(f"{log.path}raw?download=1").headers["Content-Disposition"].startswith("attachment")
    for span, part in (
        ("0-9", data[:10]),
        ("70000-70099", data[70000:70100]),
        ("-7", data[-7:]),
        ("90000-", data[90000:]),
    ):
        answer = ada.get(f"{log.path}raw", headers={"Range": f"bytes={span}"})
        assert (answer.status_code, answer.data) == (206, part)
        assert answer.headers["Content-Range"].endswith(f"/{len(data)}")
    assert ada.head(f"{log.path}raw").headers["Content-Length"] == str(len(data))


def test_a_part_beyond_the_end_is_refused_and_an_odd_range_ignored(ada: FlaskClient, log: Log) -> None:
    log.write(b"0123456789\n")
    beyond = ada.get(f"{log.path}raw", headers={"Range": "bytes=500-600"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */11")
    for odd in ("lines=1-2", "bytes=nonsense", "bytes=0-1,4-5"):
        answer = ada.get(f"{log.path}raw", headers={"Range": odd})
        assert (answer.status_code, answer.data) == (200, b"0123456789\n")


@pytest.mark.parametrize("person", ["ben", "dan", "pat", "sam"])
def test_who_may_not_view_unreleased_outputs_finds_no_log(
    client: FlaskClient, log: Log, sign_in: SignIn, person: str
) -> None:
    log.write("the secret of one patient\n")
    sign_in(client, person)
    for address in (log.path, f"{log.path}raw"):
        answer = client.get(address)
        assert answer.status_code == 404
        assert "secret of one" not in answer.text


def test_a_visitor_is_asked_to_log_in(client: FlaskClient, log: Log) -> None:
    answer = client.get(f"{log.path}?line=3")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login/?next=")


def test_an_output_checker_reads_it(client: FlaskClient, log: Log, sign_in: SignIn) -> None:
    log.write("words\n")
    sign_in(client, "cat")
    page = client.get(log.path)
    assert texts(page.text) == ["words"]
    assert "Level 4: nothing leaves without review" in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_the_public_side_has_no_logs(settings: Settings, log: Log, sign_in: SignIn) -> None:
    log.write("the secret of one patient\n")
    public = create_app(public_side_of(settings)).test_client()
    sign_in(public, "ada")
    for address in (log.path, f"{log.path}raw", f"{log.path}raw/"):
        answer = public.get(address)
        assert answer.status_code == 404
        assert "secret of one" not in answer.text


def test_the_page_asks_the_database_seven_times(
    ada: FlaskClient, log: Log, queries: Callable[[], Any]
) -> None:
    log.lines(1, 2000)
    with queries() as seen:
        ada.get(f"{log.path}?q=line")
    assert len(seen) <= 7, seen
