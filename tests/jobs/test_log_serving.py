"""The web server and those who follow a log: told at once when it stops, and gone as soon as they are gone."""

# ruff: noqa: F401, F811 (fixtures that are shared)

import http.client
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from jobsite.settings import Settings

from ..servers import until
from .log_world import Log, ada, log, texts, waiting

SERVER = """
import sys, threading, time
from pathlib import Path
from jobsite.application import create_app
from jobsite.jobs import log_stream
from jobsite.web_server import answer_until_stopped, stop_on_signals, web_server
from jobsite.settings import Settings
log_stream.HEARTBEAT = 0.2  # who has gone without a word is found out by the next beat
settings = Settings(instance=Path(sys.argv[1]), database_url=sys.argv[2], sse_viewers=2)
app = create_app(settings)
stop_on_signals()
server = web_server(app, settings, host="127.0.0.1", port=0)
print(server.effective_port, flush=True)
answer_until_stopped(server)
"""


class Web:
    """The web server of the test's instance, without an engine; ada's stream of a log from it."""

    def __init__(self, settings: Settings, cookie: str) -> None:
        words = [sys.executable, "-c", SERVER, str(settings.instance), settings.database_url]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())
        self._cookie = cookie

    def stream(self, log: Log) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", f"{log.path}stream?state=running&from=1", headers={"Cookie": self._cookie})
        return connection, connection.getresponse()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=60)


@pytest.fixture
def web(ada: FlaskClient, settings: Settings) -> Iterator[Web]:
    cookie = ada.get_cookie("jobsite")
    assert cookie
    server = Web(settings, f"jobsite={cookie.value}")
    yield server
    server.process.kill()
    server.process.wait()
    assert server.process.stdout
    server.process.stdout.close()


def test_a_server_that_stops_tells_those_who_follow_and_ends(web: Web, log: Log) -> None:
    log.lines(1, 3)
    connection, answer = web.stream(log)
    assert answer.getheader("Content-Type") == "text/event-stream"
    start = answer.readline()
    assert start == b"retry: 1000\n"
    while b"event: rows" not in answer.readline():
        pass
    assert web.stop() == 0
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
