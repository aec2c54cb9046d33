"""A public side that is a small server in this process, for all tests of the secure side that ask one."""

from collections.abc import Iterator

import pytest

from .peer import Peer


@pytest.fixture(scope="module")
def server() -> Iterator[Peer]:
    """The server, for all tests of a module."""
    with Peer() as peer:
        yield peer


@pytest.fixture
def peer(server: Peer) -> Peer:
    """The server, which has been asked nothing yet and answers as usual."""
    server.answers, server.faults = {}, []
    server.clear()
    return server
