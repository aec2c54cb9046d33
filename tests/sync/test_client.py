"""Asking the public side: one immediate retry, no redirect, no wait without end, and any body is borne."""

import time
from datetime import timedelta
from pathlib import Path

import pytest

from jobsite.core import clock
from jobsite.settings import Settings
from jobsite.sync import client
from jobsite.sync.client import Backoff, PublicSide, Unreachable, current_side
from jobsite.sync.contact import contact

from .peer import TOKEN, Peer

CERTIFICATE = Path(__file__).parent.parent / "projects" / "loopback.pem"


@pytest.fixture
def peer(server: Peer, instance: Path) -> Peer:
    server.answers, server.faults = {"GET thing/": (200, {"a": 1}), "POST thing/": (201, {"b": 2})}, []
    server.clear()
    return server


def test_the_token_goes_along_without_a_scheme_word_and_parameters_are_encoded(peer: Peer) -> None:
    side = PublicSide(peer.url, TOKEN)
    peer.answers["GET list/?q=a+%26%2F"] = (200, [1])
    assert side.get("list/", params={"q": "a &/"}).data == [1]
    answer = side.post("thing/", json={"é": None}, headers={"OS-User": "cat"})
    assert (answer.status, answer.data) == (201, {"b": 2})
    sent = peer.received[-1]
    assert (sent.headers["authorization"], sent.headers["os-user"], sent.json) == (TOKEN, "cat", {"é": None})
    assert sent.headers["accept"] == "application/json"


@pytest.mark.parametrize("fault", ["drop", "half"])
def test_a_connection_that_breaks_off_is_tried_once_more_at_once(peer: Peer, fault: str) -> None:
    peer.faults = [fault]
    assert PublicSide(peer.url, TOKEN).post("thing/", json={"n": 1}).status == 201
    assert [one.json for one in peer.received] == [{"n": 1}, {"n": 1}]
    peer.faults = [fault, fault]
    with pytest.raises(Unreachable, match=r"^The public side .+\.$"):
        PublicSide(peer.url, TOKEN).get("thing/")
    assert len(peer.received) == 4


def test_a_file_is_sent_from_its_beginning_in_both_tries(peer: Peer) -> None:
    pieces = [b"x" * 100_000, b"y" * 200_000]
    peer.faults = ["drop"]
    headers = {"Content-Disposition": 'attachment; filename="a.csv"'}
    side = PublicSide(peer.url, TOKEN)
    answer = side.upload("thing/", pieces=lambda: iter(pieces), size=300_000, headers=headers)
    assert answer.status == 201 and [one.body for one in peer.received] == [b"".join(pieces)] * 2
    assert peer.received[-1].headers["content-type"] == "application/octet-stream"


def test_no_redirect_is_followed_and_the_token_goes_nowhere_else(peer: Peer) -> None:
    peer.faults = ["redirect"]
    with pytest.raises(Unreachable, match="redirect, which is not followed"):
        PublicSide(peer.url, TOKEN).get("thing/")
    assert len(peer.received) == 1


def test_a_server_without_a_certificate_that_is_trusted_never_sees_the_token(instance: Path) -> None:
    with Peer(certificate=CERTIFICATE) as stranger:
        with pytest.raises(Unreachable, match="could not be reached over a secure connection"):
            PublicSide(stranger.url, TOKEN).get("thing/")
        assert stranger.received == []


def test_an_answer_that_is_too_long_is_none(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MOST_BYTES", 7)
    with pytest.raises(Unreachable, match="too long"):
        PublicSide(peer.url, TOKEN).get("thing/")


@pytest.mark.parametrize("fault", ["silent", "slow"])
def test_a_server_that_says_nothing_holds_nobody_up_and_is_not_asked_twice(peer: Peer, fault: str) -> None:
    peer.faults = [fault]
    begun = time.monotonic()
    with pytest.raises(Unreachable, match="did not answer within 0.3 seconds"):
        PublicSide(peer.url, TOKEN).get("thing/", seconds=0.3)
    assert len(peer.received) == 1 and time.monotonic() - begun < 60


def test_a_body_that_is_no_json_is_borne_and_its_beginning_noted(
    peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    peer.faults = ["html"]
    answer = PublicSide(peer.url, TOKEN).get("thing/")
    assert (answer.status, answer.data, answer.detail[:6]) == (200, None, "<html>")
    assert "status 200 is no JSON: '<html><body>Welcome" in caplog.text
    assert TOKEN not in caplog.text
    assert "setting PUBLIC_URL" in contact().last_error


def test_later_says_when_and_a_refused_token_is_told_from_a_refused_person(peer: Peer) -> None:
    side = PublicSide(peer.url, TOKEN)
    peer.faults = ["503", "429", "denied"]
    later, again, denied = (side.get("thing/") for _ in range(3))
    assert (later.status, later.retry_after, again.retry_after) == (503, 90.0, 90.0)
    assert (denied.status, denied.retry_after, denied.is_our_token) == (403, 0.0, False)
    assert PublicSide(peer.url, "wrong").get("thing/").is_our_token
    peer.answers["GET far/"] = (429, None, {"Retry-After": "999999"})
    peer.answers["GET odd/"] = (429, None, {"Retry-After": "soon"})
    assert (side.get("far/").retry_after, side.get("odd/").retry_after) == (3600.0, 0.0)


def test_after_two_failures_nobody_in_a_hurry_waits_for_a_while(peer: Peer) -> None:
    side = PublicSide(peer.url, TOKEN)
    peer.faults = ["redirect", "redirect"]
    for _ in range(2):
        with pytest.raises(Unreachable, match="redirect"):
            side.get("thing/")
    with pytest.raises(Unreachable, match="a moment ago"):
        side.get("thing/", seconds=5)
    assert len(peer.received) == 2
    with clock.at(clock.now() + timedelta(seconds=6)):
        assert side.get("thing/", seconds=5).status == 200
    peer.faults = ["redirect", "redirect"]
    for _ in range(2):
        with pytest.raises(Unreachable, match="redirect"):
            side.get("thing/")
    assert side.get("thing/").status == 200, "who is patient tries all the same"


def test_what_went_wrong_stands_there_for_operators_until_it_goes_well_again(peer: Peer) -> None:
    side, began = PublicSide(peer.url, TOKEN), clock.now()
    assert contact().succeeded_at is None
    with clock.at(began):
        side.get("thing/")
    assert (contact().succeeded_at, contact().failing_since) == (began, None)
    peer.faults = ["redirect", "500", "500"]
    for seconds in (20, 40, 60):
        with clock.at(began + timedelta(seconds=seconds)):
            try:
                side.get("thing/")
            except Unreachable:
                pass
    found = contact()
    assert (found.failing_since, found.failures) == (began + timedelta(seconds=20), 3)
    assert found.last_error == "The public side answered with status 500."
    with clock.at(began + timedelta(seconds=80)):
        side.get("thing/")
    assert (contact().failing_since, contact().failures, contact().last_error) == (None, 0, found.last_error)


def test_waits_double_from_a_second_to_five_minutes_give_or_take_a_fifth() -> None:
    backoff = Backoff()
    waits = [backoff.failed() for _ in range(12)]
    middles = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert all(0.8 * m <= wait <= 1.2 * m for wait, m in zip(waits, middles, strict=True))
    backoff.worked()
    assert backoff.failed() <= 1.2


def test_only_a_secure_side_that_stands_apart_has_a_public_side_to_ask(instance: Path) -> None:
    assert current_side() is None


class TestApart:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings(
            instance=tmp_path / "i", side="secure", public_url="http://127.0.0.1:9", backend_token=TOKEN
        )

    def test_the_public_side_is_that_of_the_settings_and_one_for_all_threads(self, instance: Path) -> None:
        side = current_side()
        assert side is not None and side.url == "http://127.0.0.1:9" and current_side() is side
