"""The web server and those who follow a log: told at once when it stops, and gone as soon as they are gone."""

# ruff: noqa: F401, F811 (fixtures that are shared)

import http.client
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from jobsite.settings import Settings

from ..servers import Server, until
from .log_world import Log, ada, log, texts, waiting

LOG_SERVER = "tests.jobs.log_server:main"


class Web:
    """The web server of the test's instance, without an engine; ada's stream of a log from it."""

    def __init__(self, settings: Settings, cookie: str) -> None:
        self.server = Server(settings.instance, runs=LOG_SERVER)
        self._port = int(self.server.address.rpartition(":")[2])
        self._cookie = cookie

    def stream(self, log: Log) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request("GET", f"{log.path}stream?state=running&from=1", headers={"Cookie": self._cookie})
        return connection, connection.getresponse()


@pytest.fixture
def web(ada: FlaskClient, settings: Settings) -> Iterator[Web]:
    cookie = ada.get_cookie("jobsite")
    assert cookie
    served = Web(settings, f"jobsite={cookie.value}")
    with served.server:
        yield served


def test_a_server_that_stops_tells_those_who_follow_and_ends(web: Web, log: Log) -> None:
    log.lines(1, 3)
    connection, answer = web.stream(log)
    assert answer.getheader("Content-Type") == "text/event-stream"
    start = answer.readline()
    assert start == b"retry: 1000\n"
    while b"event: rows" not in answer.readline():
        pass
    assert web.server.stop() == 0
    assert b"event: bye" in answer.read()
    connection.close()


def test_whoever_closes_the_page_leaves_a_seat(web: Web, log: Log) -> None:
    log.lines(1, 3)
    followed = [web.stream(log) for _ in range(2)]
    assert [answer.status for _, answer in followed] == [200, 200]
    refused, answer = web.stream(log)
    assert answer.status == 204
    refused.close()
    connection, first = followed[0]
    first.close()
    connection.close()

    def a_seat() -> bool:
        again, answer = web.stream(log)
        free = answer.status == 200
        answer.close()
        again.close()
        return free

    assert until(a_seat)
    followed[1][1].close()
    followed[1][0].close()
