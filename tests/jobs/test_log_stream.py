"""Lines by server-sent events: none lost, repeated or reordered, for those who may read them, for as long as they may."""

# ruff: noqa: F401, F811 (fixtures that are shared)

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from jobsite.application import create_app
from jobsite.core import hub
from jobsite.jobs import log_feeds, log_stream
from jobsite.jobs.actions import move
from jobsite.jobs.log_feeds import feeds
from jobsite.jobs.models import Job
from jobsite.projects.actions import remove_member
from jobsite.projects.models import Workspace
from jobsite.settings import Settings

from ..sided import public_side_of
from .log_world import POLL, Log, SignIn, ada, log, next_poll, numbers, texts, waiting


@dataclass
class Event:
    """One event as a browser sees it."""

    name: str
    position: str
    data: str


class Stream:
    """The stream of a log, read event by event; comments and settings are left out."""

    def __init__(self, client: FlaskClient, address: str, **headers: str) -> None:
        self.answer = client.get(address, headers=headers)
        self.events = self._read()

    def _read(self) -> Iterator[Event]:
        for part in self.answer.response:
            text = part.decode() if isinstance(part, bytes) else part
            fields = [line.partition(": ")[::2] for line in text.strip("\n").split("\n")]
            names = dict(fields)
            if "event" in names:
                data = "\n".join(value for name, value in fields if name == "data")
                yield Event(names["event"], names["id"], data)

    def next(self) -> Event:
        return next(self.events)

    def close(self) -> None:
        self.answer.close()


@pytest.fixture
def follow(ada: FlaskClient, log: Log) -> Iterator[Callable[..., Stream]]:
    """`follow(3)`: ada's stream from line 3 on; `follow(3, query="&q=x", Last_Event_ID="9")`."""
    opened: list[Stream] = []

    def stream(start: int = 1, query: str = "", client: FlaskClient = ada, **headers: str) -> Stream:
        address = f"{log.path}stream?state=running&from={start}{query}"
        opened.append(
            Stream(client, address, **{name.replace("_", "-"): text for name, text in headers.items()})
        )
        return opened[-1]

    yield stream
    for one in opened:
        one.close()
    assert feeds.viewers == 0, "every seat was left"


def test_lines_come_as_they_are_written_once_and_in_order(follow: Callable[..., Stream], log: Log) -> None:
    log.lines(1, 700)
    stream, seen, at = follow(), [], 700
    for size in (1, 3, 40, 900, 2):
        while len(seen) < at:
            event = stream.next()
            assert event.name == "rows"
            seen += texts(event.data)
            assert event.position == str(len(seen) + 1)
        log.lines(at + 1, at + size)
        at += size
    move(log.job, "succeeded")
    for event in stream.events:
        seen += texts(event.data)
    assert (event.name, event.position) == ("end", str(at + 1))
    assert seen == [f"line {number}" for number in range(1, at + 1)]


def test_who_connects_again_goes_on_where_the_last_event_ended(
    follow: Callable[..., Stream], log: Log
) -> None:
    log.lines(1, 20)
    first = follow(5)
    event = first.next()
    assert numbers(event.data) == list(range(5, 21))
    first.close()
    log.lines(21, 25)
    again = follow(5, Last_Event_ID=event.position).next()
    assert numbers(again.data) == [21, 22, 23, 24, 25]
    assert numbers(follow(5, Last_Event_ID="nonsense").next().data) == list(range(5, 26))


def test_the_rows_are_those_of_the_page(follow: Callable[..., Stream], ada: FlaskClient, log: Log) -> None:
    log.write("<b>one</b>\n\x1b[31mred\x1b[0m\r\n::group::G\ninside it\n" + "x" * 3000 + "\n")
    sent = follow(1, "&attempt=1&q=it&time=since").next().data
    page = ada.get(f"{log.path}?attempt=1&q=it&time=since&from=1").text
    assert numbers(sent) == [1, 2, 4, 5] and "<mark>it</mark>" in sent and "<b>" not in sent
    for row in re.findall(r"<li class=\"l.*?</li>", sent):
        assert row in page
    assert '<li class="log-group" data-group="3" id="L3">' in sent


def test_the_page_says_where_its_events_come_from(ada: FlaskClient, log: Log) -> None:
    log.lines(1, 3)
    address = re.search(r'data-next="4" data-stream="([^"]+)"', ada.get(log.path).text)
    assert address
    log.lines(4, 5)
    stream = Stream(ada, f"{html.unescape(address[1])}&from=4")
    assert texts(stream.next().data) == ["line 4", "line 5"]
    stream.close()
    move(log.job, "succeeded")
    assert "data-stream" not in ada.get(log.path).text


def test_a_change_of_state_is_told_and_the_end_comes_after_the_last_line(
    follow: Callable[..., Stream],
    log: Log,
) -> None:
    log.lines(1, 2)
    stream = follow(1)
    assert stream.next().name == "rows"
    log.lines(3, 4)
    move(log.job, "nonzero_exit")
    last = [stream.next(), *stream.events]
    assert [event.name for event in last] == ["rows", "end"]
    assert numbers(last[0].data) == [3, 4]
    assert [event.name for event in follow(5).events] == ["end"], "of a log that has ended"


def test_a_state_that_changed_before_the_stream_began_is_told(ada: FlaskClient, log: Log) -> None:
    log.lines(1, 1)
    stream = Stream(ada, f"{log.path}stream?state=pending&from=2")
    assert stream.next().name == "state"
    log.lines(2, 2)
    assert stream.next().name == "rows"
    stream.close()


def test_a_later_attempt_ends_the_stream_of_the_one_before(follow: Callable[..., Stream], log: Log) -> None:
    log.lines(1, 1)
    stream = follow(1, "&attempt=1")
    assert stream.next().name == "rows"
    Log(log.job, 2).lines(101, 110)
    assert [event.name for event in stream.events] == ["end"]


def test_who_is_far_behind_is_led_to_the_end(follow: Callable[..., Stream], log: Log) -> None:
    log.lines(1, 6000)
    event = follow(11).next()
    assert event.name == "jump"
    assert numbers(event.data) == list(range(5501, 6001)) and event.position == "6001"


def test_beyond_the_seats_the_page_asks_instead(
    follow: Callable[..., Stream],
    ada: FlaskClient,
    log: Log,
    settings: Settings,
    sign_in: SignIn,
) -> None:
    log.lines(1, 3)
    small = sign_in(create_app(replace(settings, sse_viewers=1)).test_client(), "ada")
    first = follow(1, client=small)
    assert first.next().name == "rows"
    refused = small.get(f"{log.path}stream?from=1")
    assert (refused.status_code, refused.data) == (204, b"")
    log.lines(4, 4)
    assert texts(small.get(next_poll(small.get(f"{log.path}?from=4").text)).text) == []
    assert texts(small.get(f"{log.path}?from=4&follow=1", headers=POLL).text) == ["line 4"]
    first.close()
    assert follow(4, client=small).next().name == "rows", "a seat that was left is given to the next"


def test_a_question_without_a_body_keeps_no_seat(ada: FlaskClient, log: Log) -> None:
    log.lines(1, 3)
    answer = ada.head(f"{log.path}stream?from=1")
    assert (answer.status_code, answer.data) == (200, b"")
    answer.close()
    assert feeds.viewers == 0


def test_who_may_not_read_the_log_any_more_hears_nothing_more(
    follow: Callable[..., Stream],
    log: Log,
    workspace: Workspace,
    cast: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_feeds, "PERMIT", 0.0)
    monkeypatch.setattr(log_feeds, "SPREAD", 0.0)
    log.lines(1, 3)
    stream = follow()
    assert stream.next().name == "rows"
    log.lines(4, 4)
    assert stream.next().name == "rows", "still allowed"
    remove_member(by="system", project=workspace.project, user=cast.ada)
    log.write("the secret of one patient\n")
    assert [(event.name, event.data) for event in stream.events] == [("denied", "")]


def test_what_a_login_may_is_looked_at_once_for_all_its_pages(
    follow: Callable[..., Stream],
    log: Log,
    workspace: Workspace,
    cast: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    real = log_stream.workspace_or_stop
    monkeypatch.setattr(log_stream, "workspace_or_stop", lambda *what: asked.append(what[0]) or real(*what))
    log.lines(1, 3)
    monkeypatch.setattr(log_feeds, "PERMIT", -100.0)
    streams = [follow() for _ in range(3)]
    monkeypatch.setattr(log_feeds, "PERMIT", 1000.0)
    assert {stream.next().name for stream in streams} == {"rows"}
    assert asked == ["asthma"], "for the first of them"
    monkeypatch.setattr(log_feeds, "PERMIT", -100.0)
    streams.append(follow())
    remove_member(by="system", project=workspace.project, user=cast.ada)
    log.lines(4, 4)
    assert [stream.next().name for stream in streams] == ["denied"] * 4


def test_permission_is_looked_at_again_within_half_a_minute() -> None:
    assert log_feeds.PERMIT + log_feeds.SPREAD + log_feeds.GLANCE <= 30


def test_a_stopping_server_says_so_at_once_and_takes_nobody_more(
    follow: Callable[..., Stream],
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
    ada: FlaskClient,
) -> None:
    log.lines(1, 3)
    stream = follow()
    assert stream.next().name == "rows"
    monkeypatch.setattr(hub, "_stopping", True)
    assert [(event.name, event.position) for event in stream.events] == [("bye", "4")]
    assert ada.get(f"{log.path}stream?from=1").status_code == 204


def test_silence_is_filled_so_that_nobody_in_between_hangs_up(
    follow: Callable[..., Stream],
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_stream, "HEARTBEAT", 0.05)
    monkeypatch.setattr(log_feeds, "GLANCE", 0.01)
    parts = iter(follow().answer.response)
    assert next(parts) == b"retry: 1000\n\n"
    assert [next(parts) for _ in range(2)] == [b": still here\n\n"] * 2


@pytest.mark.parametrize("person", ["ben", "dan", "pat", "sam"])
def test_who_may_not_view_unreleased_outputs_gets_no_stream(
    client: FlaskClient,
    log: Log,
    sign_in: SignIn,
    person: str,
) -> None:
    log.write("the secret of one patient\n")
    sign_in(client, person)
    answer = client.get(f"{log.path}stream")
    assert answer.status_code == 404 and b"secret of one" not in answer.data


def test_a_visitor_and_the_public_side_have_no_stream(
    client: FlaskClient,
    settings: Settings,
    log: Log,
    sign_in: SignIn,
) -> None:
    assert client.get(f"{log.path}stream").status_code == 302
    public = sign_in(create_app(public_side_of(settings)).test_client(), "ada")
    assert public.get(f"{log.path}stream").status_code == 404


def test_a_job_that_has_not_started_has_no_stream(client: FlaskClient, waiting: Job, sign_in: SignIn) -> None:
    sign_in(client, "ada")
    path = f"/asthma/{waiting.job_request_id}/{waiting.identifier}/log/"
    assert client.get(f"{path}stream").status_code == 204
    assert "data-stream" not in client.get(path).text


def test_all_who_follow_share_one_look_at_the_log(
    follow: Callable[..., Stream],
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log.lines(1, 3)
    read: list[object] = []
    real = log_stream.log_page
    monkeypatch.setattr(log_stream, "log_page", lambda *what: read.append(what) or real(*what))
    streams = [follow() for _ in range(5)]
    assert len({stream.next().data for stream in streams}) == 1
    assert len(read) == 1, "read and rendered once"
    assert feeds.viewers == 5
