"""Answers that are handed over: sent on from any thread, holding none, and given up when nobody reads them."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import waitress.server

from jobsite.core.channels import Channel, Connection, ConnectionLost, connection_of

ASK = b"GET %s HTTP/1.1\r\nHost: here\r\n\r\n"

LIMITS = {"channel_timeout": 1, "cleanup_interval": 1, "outbuf_high_watermark": 2**20}


class Impatient(Channel):
    """Waits for readers a moment only."""

    patience = 0.2


@pytest.fixture
def handed_over() -> list[Connection]:
    return []


@pytest.fixture
def ask(handed_over: list[Connection]) -> Iterator[Callable[[bytes], socket.socket]]:
    """`ask(b"/")` to a server with a single thread: "/" is handed over, anything else is answered at once."""

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        if environ["PATH_INFO"] == "/large":
            return (b"x" * 2**20 for _ in range(100))
        if environ["PATH_INFO"] != "/":
            return [b"a page"]
        connection = connection_of(environ)
        assert connection
        handed_over.append(connection)
        return iter([b"begun "])

    server = waitress.server.create_server(app, host="127.0.0.1", port=0, threads=1, **LIMITS)
    server.channel_class = Impatient
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            server.asyncore.loop(timeout=0.05, map=server._map, count=1)

    thread = threading.Thread(target=run)
    thread.start()
    opened: list[socket.socket] = []

    def asked(path: bytes) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", server.effective_port), timeout=10)
        opened.append(client)
        client.sendall(ASK % path)
        return client

    yield asked
    for one in opened:
        one.close()
    stop.set()
    thread.join()
    server.task_dispatcher.shutdown()
    server.asyncore.close_all(server._map)


def read_until(client: socket.socket, end: bytes) -> bytes:
    read = b""
    while end not in read and (part := client.recv(65536)):
        read += part
    return read


def test_it_is_sent_on_from_another_thread_and_closed_at_its_end(ask, handed_over) -> None:
    client = ask(b"/")
    assert b"200 OK" in read_until(client, b"begun ")
    handed_over[0].send(b"and more")
    assert b"and more" in read_until(client, b"and more")
    handed_over[0].end()
    assert read_until(client, b"never") == b"0\r\n\r\n", "the end of the body, then of the connection"


def test_who_reads_late_gets_everything_in_order(ask, handed_over) -> None:
    client = ask(b"/")
    assert b"begun " in read_until(client, b"begun ")
    parts = [b"%06d" % number * 3000 for number in range(50)]
    for part in parts:
        handed_over[0].send(part)
    handed_over[0].end()
    read = b"".join(iter(lambda: client.recv(65536), b""))
    assert read == b"".join(b"%X\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def test_no_thread_is_held_by_those_who_wait(ask, handed_over) -> None:
    waiting = [ask(b"/") for _ in range(5)]
    assert all(b"begun " in read_until(one, b"begun ") for one in waiting)
    assert b"a page" in read_until(ask(b"/other"), b"a page")


def lost(connection: Connection, data: bytes) -> bool:
    """Whether sending fails, now or soon."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            connection.send(data)
        except ConnectionLost:
            return True
        time.sleep(0.001)
    return False


def test_who_has_gone_is_noticed(ask, handed_over) -> None:
    client = ask(b"/")
    read_until(client, b"begun ")
    client.close()
    assert lost(handed_over[0], b"x")
    handed_over[0].end()


def test_who_does_not_read_holds_up_nobody_and_is_given_up(ask, handed_over) -> None:
    client = ask(b"/")
    read_until(client, b"begun ")
    assert lost(handed_over[0], b"x" * 2**18)
    handed_over[0].end()
    assert b"a page" in read_until(ask(b"/other"), b"a page")


def test_other_servers_have_nothing_to_hand_over() -> None:
    assert connection_of({}) is None


def test_a_request_that_trickles_in_is_given_up_while_it_trickles(ask) -> None:
    client = ask(b"/other")
    assert b"a page" in read_until(client, b"a page")
    client.setblocking(False)
    closed = False
    for _ in range(400):
        try:
            client.send(b"G")
            closed = client.recv(1) == b""
        except BlockingIOError:
            pass
        except OSError:
            closed = True
        if closed:
            break
        time.sleep(0.05)
    assert closed, "a byte every twentieth of a second kept the connection for 20 seconds"


def test_who_never_reads_a_large_answer_does_not_keep_the_thread(ask, monkeypatch) -> None:
    monkeypatch.setattr("jobsite.core.channels.SLOWEST", 2**30)
    lazy = ask(b"/large")
    assert b"a page" in read_until(ask(b"/other"), b"a page"), "by the only thread there is"
    with pytest.raises(OSError):
        while lazy.recv(2**16):
            pass
        raise OSError("the answer ended before its end")


def test_a_large_answer_that_is_read_comes_whole(ask) -> None:
    client = ask(b"/large")
    whole = sum(len(part) for part in iter(lambda: client.recv(2**20), b"")) if client else 0
    assert whole > 100 * 2**20
