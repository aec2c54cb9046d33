"""Redis between the servers of an instance: what one nudges another runs, attempts count together, and when it is away
nothing stops."""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobsite.core import redis as of_redis
from jobsite.core.consumer import open_queue
from jobsite.core.errors import Refused
from jobsite.core.limits import Limits, TooMany
from jobsite.core.queue import nudge, task
from jobsite.core.redis import Away, Redis

from ..redis_server import CERTIFICATE, PASSWORD, RedisServer, needs_redis

pytestmark = needs_redis

NAME, FEW = "jobsite:tests", {"tokens per person": "3 per hour"}
ran: list[int] = []


@task(side="any")
def note(number: int) -> None:
    """A task for these tests."""
    ran.append(number)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    monkeypatch.setattr(of_redis, "REST", 0.05)
    ran.clear()
    with RedisServer(tmp_path) as started:
        yield started


@pytest.fixture
def connect(server: RedisServer) -> Iterator[Callable[..., Redis]]:
    """`connect()`: the Redis as another process has it."""
    made: list[Redis] = []

    def one(name: str = NAME) -> Redis:
        made.append(Redis(server.address, name))
        return made[-1]

    yield one
    for redis in made:
        redis.close()


@contextmanager
def working(redis: Redis) -> Iterator[None]:
    """Within the block tasks are run, by the process of this Redis."""
    consumer = open_queue(redis).consumer(workers=2)
    consumer.start()
    try:
        yield
    finally:
        consumer.stop(graceful=True)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never came true"
        threading.Event().wait(0.005)


def attempts(limits: Limits, key: str = "ada") -> int:
    """How many attempts are let through, at most ten."""
    for number in range(10):
        try:
            limits.check("tokens per person", key)
        except TooMany as refusal:
            assert 3500 <= refusal.retry_after <= 3601
            return number
        limits.count("tokens per person", key)
    return 10


def test_what_one_process_nudges_the_one_that_leads_runs(
    instance: Path, connect: Callable[..., Redis]
) -> None:
    with working(connect()):
        open_queue(connect())  # nudges go through this one from now on
        nudge(note, 1)
        until(lambda: ran == [1])


def test_two_installations_on_one_redis_do_not_meet(instance: Path, connect: Callable[..., Redis]) -> None:
    with working(connect()):
        open_queue(connect("jobsite:others"))
        nudge(note, 1)
        open_queue(connect())
        nudge(note, 2)
        until(lambda: bool(ran))
        assert ran == [2]
    assert attempts(Limits(FEW, connect())) == attempts(Limits(FEW, connect("jobsite:others"))) == 3


def test_work_goes_on_without_redis_and_with_it_when_it_is_back(
    instance: Path, server: RedisServer, connect: Callable[..., Redis], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    leads, other = connect(), connect()
    consumer = open_queue(leads).consumer(workers=2)
    consumer.start()
    server.kill()
    for number in range(5):
        nudge(note, number)
    until(lambda: sorted(ran) == [0, 1, 2, 3, 4])
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1 and "does not answer" in said[0] and PASSWORD not in said[0]
    server.start()
    open_queue(other)
    nudge(note, 5)
    until(lambda: 5 in ran)
    consumer.stop(graceful=True)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2 and "answers again" in said[1]


def test_a_process_that_does_not_lead_drops_nothing_it_will_lead_for(
    instance: Path, server: RedisServer, connect: Callable[..., Redis]
) -> None:
    server.kill()
    queue = open_queue(connect())
    nudge(note, 7)
    consumer = queue.consumer(workers=1)
    consumer.start()
    until(lambda: ran == [7])
    consumer.stop(graceful=True)


def test_what_nobody_takes_does_not_grow_without_end(
    instance: Path, connect: Callable[..., Redis], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobsite.core.consumer.MOST", 3)
    redis = connect()
    open_queue(redis)
    for number in range(5):
        nudge(note, number)
    assert redis.client.llen(f"{NAME}:queue") == 3


def test_attempts_count_together(connect: Callable[..., Redis]) -> None:
    assert attempts(Limits(FEW, connect())) == 3
    assert attempts(Limits(FEW, connect())) == 0
    assert attempts(Limits(FEW, connect()), "ben") == 3


def test_a_limit_holds_while_redis_is_away_and_knows_what_was_before(
    server: RedisServer, connect: Callable[..., Redis]
) -> None:
    limits = Limits(FEW, connect())
    assert attempts(limits) == 3
    server.kill()
    assert attempts(limits) == 0, "this process has counted them too"
    assert attempts(limits, "ben") == 3
    server.start()
    other = connect()
    until(lambda: other.why_away() is None)
    assert attempts(Limits(FEW, other)) == 3, "Redis begins anew"


def test_a_limit_holds_while_redis_hangs(
    server: RedisServer, connect: Callable[..., Redis], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_redis, "SECONDS", 0.1)
    limits = Limits(FEW, connect())
    server.hang()
    assert attempts(limits) == 3
    assert attempts(limits) == 0


def test_who_is_away_is_not_asked_by_everybody(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_redis, "REST", 60.0)
    redis = Redis(server.address, NAME)
    server.kill()
    asked: list[int] = []

    def ping() -> None:
        asked.append(1)
        redis.client.ping()

    for _ in range(3):
        with pytest.raises(Away, match=rf"127\.0\.0\.1:{server.port} does not answer"):
            redis.ask(ping)
    assert len(asked) == 1


def test_without_the_package_for_it_the_start_is_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(Refused, match="the Python package redis is needed"):
        Redis("redis://127.0.0.1:1/0", NAME)


def test_a_wrong_password_is_a_sentence(server: RedisServer) -> None:
    redis = Redis(server.address.replace(PASSWORD, "wrong"), NAME)
    said = redis.why_away()
    assert said and "password" in said and "wrong" not in said.split("does not answer")[0]
    redis.close()


def test_with_tls_only_a_server_with_a_trusted_certificate_is_spoken_to(tmp_path: Path) -> None:
    with RedisServer(tmp_path, tls=True) as server:
        trusting = Redis(f"{server.address}?ssl_ca_certs={CERTIFICATE}", NAME)
        assert trusting.why_away() is None
        said = Redis(server.address, NAME).why_away()
        assert said and "certificate" in said and PASSWORD not in said
        trusting.close()
