"""Job requests on an instance whose database actions reach a database (setting DATABASE_HOSTS)."""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from jobsite.jobs.models import Job, JobRequest
from jobsite.settings import Settings, use

from .conftest import Study, project_yaml

# The first word after the image is what Python runs: the same code as a database action and as another one.
ASKS = """
import socket, sys
try:
    with socket.create_connection(("127.0.0.1", 5432), timeout=20) as way:
        answer = way.recv(100).decode()
except OSError as problem:
    answer = type(problem).__name__
open(sys.argv[-1], "w").write(answer)
"""


@pytest.fixture
def database() -> Iterator[str]:
    """The place of a server that greets whoever comes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def greet() -> None:
        while True:
            try:
                with listener.accept()[0] as side:
                    side.sendall(b"welcome")
            except OSError:
                return

    thread = threading.Thread(target=greet)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    thread.join()
    listener.close()


@pytest.mark.parametrize(
    ("hosts", "answer"), [("127.0.0.1:5432={}", "welcome"), ("", "ConnectionRefusedError")]
)
def test_of_the_same_code_only_the_database_action_reaches_the_database_and_only_if_the_setting_names_it(
    study: Study,
    ask: Callable[..., JobRequest],
    run: Callable[[JobRequest], dict[str, Job]],
    settings: Settings,
    database: str,
    hosts: str,
    answer: str,
) -> None:
    python = (sys.executable,)
    named = (hosts.format(database),) if hosts else ()
    use(replace(settings, runtimes={"python": python, "ehrql": python}, database_hosts=named))
    commit = {"generate-dataset": ASKS}
    study.commit(
        project__yaml=project_yaml(
            reads=("ehrql:v1 generate-dataset d.py --output d.csv", [], {"highly_sensitive": {"o": "d.csv"}}),
            other=("python:v1 generate-dataset x.csv", [], {"highly_sensitive": {"o": "x.csv"}}),
        ),
        d__py="",
        **commit,
    )
    jobs = run(ask("reads", "other"))
    assert {job.state for job in jobs.values()} == {"succeeded"}, [
        job.status_message for job in jobs.values()
    ]
    high = settings.instance / "workspaces" / "high" / "asthma"
    assert (high / "d.csv").read_text() == answer
    assert (high / "x.csv").read_text() == "ConnectionRefusedError"
