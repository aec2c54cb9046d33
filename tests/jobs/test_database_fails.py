"""The database cannot be written while the engine turns: pages say so in a sentence, and all goes on afterwards."""

import os
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from flask.testing import FlaskClient

from jobsite.core import hub
from jobsite.core.db import close_connections
from jobsite.core.events import Event, verify
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import executor
from jobsite.jobs.finishing import finish
from jobsite.jobs.models import Job, JobRequest
from jobsite.settings import Settings

from ..databases import IS_POSTGRESQL, pool
from .conftest import Study, project_yaml
from .stages import HIGH, job, wait

SignIn = Callable[[FlaskClient, str], FlaskClient]
Csrf = Callable[[FlaskClient, str], str]


def mount(*words: str) -> None:
    """Run mount; skip the test where that is not allowed."""
    done = (
        subprocess.run(["mount", *words], check=False, capture_output=True, text=True)
        if os.geteuid() == 0
        else None
    )
    if done is None or done.returncode:
        pytest.skip(f"needs root and mount: {done.stderr if done else 'not root'}")


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """An instance on a disk of its own of 24 MB, where that is what fails."""
    if IS_POSTGRESQL:
        yield settings
        return
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", "size=24m,mode=755", "tmpfs", str(disk))
    yield replace(settings, instance=disk / "instance")
    close_connections()
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@contextmanager
def full(instance: Path) -> Iterator[None]:
    """Within the block not a byte of the disk is free."""
    close_connections()  # with the last one goes the room that the write-ahead log has taken already
    filler = instance.parent / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (2**20, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def read_only(instance: Path) -> Iterator[None]:
    """Within the block whoever opens a file of the instance cannot write it."""
    server = sqlite3.connect(instance / "jobsite.db")  # in a server, one connection always is open
    server.execute("SELECT * FROM user").fetchall()
    close_connections()
    mount("--bind", str(instance), str(instance))
    mount("-o", "remount,bind,ro", str(instance))
    try:
        yield
    finally:
        close_connections()
        subprocess.run(["umount", "--lazy", str(instance)], check=True)
        server.close()


@contextmanager
def altered(instance: Path, bad: str, good: str) -> Iterator[None]:
    """Within the block PostgreSQL treats the database of the instance otherwise; nobody's connection stays."""
    address, _, name = pool.address(instance, "both").rpartition("/")
    with psycopg.connect(f"{address}/postgres", autocommit=True) as server:
        server.execute(f'ALTER DATABASE "{name}" {bad}')
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            yield
        finally:
            server.execute(f'ALTER DATABASE "{name}" {good}')


def away(instance: Path) -> AbstractContextManager[None]:
    """Within the block nobody can connect to the database."""
    return altered(instance, "ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true")


def standby(instance: Path) -> AbstractContextManager[None]:
    """Within the block the database can only be read, as one that stands by for another."""
    only_read = "default_transaction_read_only"
    return altered(instance, f"SET {only_read} = on", f"RESET {only_read}")


@contextmanager
def turning() -> Iterator[threading.Thread]:
    """Within the block an engine turns in a thread, as in a server."""
    stop = threading.Event()
    thread = threading.Thread(target=Engine(executor(), finish=finish).run, args=(stop,))
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        hub.ring()
        thread.join(30)


@pytest.mark.parametrize("state", [away, standby] if IS_POSTGRESQL else [full, read_only])
def test_pages_answer_in_a_sentence_and_the_engine_goes_on_afterwards(
    state: Callable[[Path], AbstractContextManager[None]],
    instance: Path,
    study: Study,
    ask: Callable[..., JobRequest],
    client: FlaskClient,
    sign_in: SignIn,
    csrf: Csrf,
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = project_yaml(only=("python:v2 only.py", [], {HIGH: {"out": "only.csv"}}))
    study.commit(project__yaml=text, only__py="open('only.csv', 'w').write('x')")
    sign_in(client, "ada")
    form = {"csrf_token": csrf(client, "/settings/"), "fullname": "Another", "email": "ada@example.org"}
    request = ask("only")
    page = f"/asthma/{request.id}/"
    assert client.get(page).status_code == 200
    assert client.get("/nowhere/").status_code == 404  # the template of errors is compiled now
    with ExitStack() as bad_times, ExitStack() as server:
        bad_times.enter_context(state(instance))
        engine = server.enter_context(turning())
        wait(lambda: "a turn failed" in caplog.text or "cannot be handled" in caplog.text)
        refused = client.post("/settings/", data=form)
        read = client.get(page)
        close_connections()
        bad_times.close()
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "60"), refused.text[:500]
        assert "Nothing has been changed." in refused.text
        assert read.status_code == 200 or (read.status_code == 503 and "of this site" in read.text), read.text
        assert engine.is_alive()
        wait(lambda: not job().is_active)
    assert job().status_code == "succeeded"
    assert Event.select().where(Event.type == "job:initiated").count() == 1
    assert verify()[1] is None
    assert client.post("/settings/", data=form).status_code == 303
    assert Job.select().count() == 1
