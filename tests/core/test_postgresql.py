"""PostgreSQL beside SQLite, in every run where it is installed: the same schema, the same promises, a server that dies."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import peewee
import psycopg
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from jobsite.accounts.models import Backend
from jobsite.application import create_app
from jobsite.cli import main
from jobsite.core import db, hub, postgresql
from jobsite.core.clock import now
from jobsite.core.db import (
    MIGRATIONS,
    DatabaseTooNew,
    Model,
    close_connections,
    database,
    open_database,
    writing,
)
from jobsite.core.events import Event, record, verify
from jobsite.core.postgresql import CHANNEL
from jobsite.core.sides import SECURE_ONLY, WrongSide
from jobsite.settings import Settings

from ..cluster import Cluster, programs
from ..databases import clear

pytestmark = [
    pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed"),
    pytest.mark.xdist_group("postgresql"),
]

COLUMNS = """
    SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default, is_identity
      FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2
"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
RULES = """
    SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace UNION ALL
    SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server that is up at the end of each test."""
    made = Cluster(synchronous_commit="on")
    yield made
    made.end()


@pytest.fixture
def address(cluster: Cluster) -> Iterator[str]:
    """The address of a new database, which this process uses no more when the test has ended."""
    held = database.obj
    name = f"new_{uuid4().hex[:8]}"
    with psycopg.connect(f"{cluster.address}/postgres", autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    yield f"{cluster.address}/{name}"
    close_connections()
    if held is not None:
        database.initialize(held)


@pytest.fixture(scope="module")
def migrated(cluster: Cluster) -> str:
    """A database with every migration applied."""
    held = database.obj
    with psycopg.connect(f"{cluster.address}/postgres", autocommit=True) as server:
        server.execute("CREATE DATABASE migrated")
    open_database(f"{cluster.address}/migrated")
    close_connections()
    if held is not None:
        database.initialize(held)
    return f"{cluster.address}/migrated"


@pytest.fixture
def opened(migrated: str) -> Iterator[str]:
    """The same, without rows and in use."""
    held = database.obj
    with psycopg.connect(migrated, autocommit=True) as connection:
        clear(connection)
    open_database(migrated)
    yield migrated
    close_connections()
    if held is not None:
        database.initialize(held)


def make(slug: str) -> Backend:
    return Backend.create(slug=slug, name=slug, created_at=now(), created_by="system")


def schema_of(address: str) -> list[list[tuple[Any, ...]]]:
    """Columns, indexes, constraints and triggers."""
    with psycopg.connect(address) as other:
        return [other.execute(look).fetchall() for look in (COLUMNS, INDEXES, RULES)]


def in_threads(what: Callable[[], object], count: int) -> None:
    def work() -> None:
        what()
        db.close_database()

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_the_migrations_make_the_tables_of_the_models(opened: str) -> None:
    for model in Model.__subclasses__():
        columns = {
            one.name: (one.data_type, one.null) for one in database.get_columns(model._meta.table_name)
        }
        assert columns.keys() == {field.column_name for field in model._meta.sorted_fields}, model.__name__
        for field in model._meta.sorted_fields:
            kind, null = columns[field.column_name]
            assert null == field.null, (model.__name__, field.name)
            assert (kind == "boolean") == isinstance(field, peewee.BooleanField), (model.__name__, field.name)
            assert (kind.startswith("timestamp")) == isinstance(field, peewee.DateTimeField), field


def test_json_that_holds_a_nul_is_looked_into(opened: str) -> None:
    findings = json.dumps([{"rule": "C1", "place": {"column\0": "\0"}}])
    look = "SELECT json_extract(one.value, '$.rule') FROM json_each(?) AS one"
    assert database.execute_sql(look, (findings,)).fetchall() == [("C1",)]
    assert database.execute_sql("SELECT json_extract(?, '$.rule')", (findings[1:-1],)).fetchone() == ("C1",)


@pytest.mark.parametrize("side", ["public", "secure"])
def test_a_database_that_was_of_one_side_becomes_as_one_made_of_both(address: str, side: str) -> None:
    open_database(address)
    whole = schema_of(address)
    open_database(address, side)
    assert schema_of(address) != whole
    open_database(address)
    assert schema_of(address) == whole


def test_a_migration_finds_the_tables_of_both_sides_and_leaves_those_of_one(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is when a database of a side is upgraded: the other side's tables are made as they were, and go again."""
    later = tmp_path / "migrations"
    later.mkdir()
    for file in MIGRATIONS.glob("0*.py"):
        (later / file.name).symlink_to(file)
    open_database(address, "public")
    change = 'def up(migrator, db):\n    for table in ("job", "attempt"):\n'
    change += (
        "        db.execute_sql(f'ALTER TABLE {table} ADD COLUMN is_odd BOOLEAN NOT NULL DEFAULT false')\n"
    )
    (later / "9998_both.py").write_text(change)
    monkeypatch.setattr(db, "MIGRATIONS", later)
    open_database(address, "public")
    assert "is_odd" in {column.name for column in database.get_columns("job")}
    assert not SECURE_ONLY & {*database.get_tables()}
    open_database(address, "both")
    assert "is_odd" in {column.name for column in database.get_columns("attempt")}


def test_what_a_side_may_not_have_keeps_it_from_being_opened(opened: str) -> None:
    database.execute_sql(
        "INSERT INTO codelists_check (sha256, repo_id, commit, verdict, problem, tries, next_at) "
        "SELECT 'x', 1, 'x', 'x', 'x', 1, '2026-01-01' WHERE false"
    )
    make("one")
    alert = (
        "INSERT INTO backend_alert (backend_id, kind, failures, first_at, last_at) VALUES (1, 'x', '', ?, ?)"
    )
    database.execute_sql(alert, (now(), now()))
    with pytest.raises(WrongSide, match="backend alert"):
        open_database(opened, "public")


def test_a_database_of_a_newer_version_is_refused(address: str) -> None:
    open_database(address)
    database.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030-01-01')")
    with pytest.raises(DatabaseTooNew, match="9999_future"):
        open_database(address)


def test_many_may_open_a_new_database_at_once(address: str) -> None:
    code = "import sys; from jobsite.core.db import open_database; open_database(sys.argv[1])"
    openers = [subprocess.Popen([sys.executable, "-c", code, address]) for _ in range(3)]
    assert [opener.wait(timeout=60) for opener in openers] == [0] * 3
    with psycopg.connect(address) as other:
        applied = other.execute("SELECT count(*), count(DISTINCT name) FROM schema_migration").fetchone()
    assert applied == (len([*MIGRATIONS.glob("0*.py")]),) * 2


def test_writers_of_several_threads_and_processes_take_turns_and_no_event_is_lost(opened: str) -> None:
    make("one")
    count = (
        "import sys; from jobsite.core.db import open_database, writing; from jobsite.accounts.models import Backend;"
        "from jobsite.core.events import record\n"
        "def count_up():\n"
        "  for _ in range(15):\n"
        "    with writing():\n"
        "      one = Backend.get(Backend.slug == 'one')\n"
        "      Backend.update(alert_timeout=one.alert_timeout + 1).execute()\n"
        "      record('backend:counted', by='system', subject='backend:one')\n"
        "if __name__ == '__main__':\n"
        "  open_database(sys.argv[1]); count_up()\n"
    )
    space: dict[str, Any] = {"__name__": "counting"}
    exec(count, space)  # noqa: S102 - the same words here and in a process
    before = Backend.get().alert_timeout
    with subprocess.Popen([sys.executable, "-c", count, opened]) as other:
        in_threads(space["count_up"], 3)
        assert other.wait(timeout=60) == 0
    assert Backend.get().alert_timeout == before + 60
    assert verify() == (60, None)


def test_a_single_write_waits_for_a_transaction_that_has_read_what_it_changes(opened: str) -> None:
    """Who decides on what they have read decides on what stands there when it is stored."""
    make("one")
    begun, order = threading.Event(), []

    def alone() -> None:
        begun.wait(60)
        Backend.update(name="alone").execute()
        order.append("alone")
        db.close_database()

    thread = threading.Thread(target=alone)
    thread.start()
    with writing():
        Backend.get()
        begun.set()
        thread.join(0.2)
        order.append("first")
        Backend.update(name="first").where(Backend.name == "one").execute()
    thread.join()
    assert (order, Backend.get().name) == (["first", "alone"], "alone")


def test_who_waits_for_too_long_is_told_so_and_can_go_on(
    opened: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "FIRST", "SET lock_timeout = 50")
    close_connections()
    told = []

    def waits() -> None:
        try:
            make("late")  # not by `writing`, which waits for other threads of this process first
        except peewee.OperationalError as error:
            told.append((str(error).splitlines()[0], Backend.select().count()))

    with writing():
        make("one")
        in_threads(waits, 1)
    assert told == [("canceling statement due to lock timeout", 0)]
    in_threads(lambda: make("next"), 1)
    assert [one.slug for one in Backend.select().order_by(Backend.id)] == ["one", "next"]


def test_an_export_sees_all_as_it_was_at_its_first_look_and_keeps_nobody_from_writing(opened: str) -> None:
    make("one")
    with database.atomic("DEFERRED"):
        before = Backend.select().count()
        in_threads(lambda: make("two"), 1)
        assert (before, Backend.select().count()) == (1, 1)
        with pytest.raises(peewee.OperationalError, match="read-only"):
            make("three")
    assert Backend.select().count() == 2


def test_a_transaction_that_was_left_open_is_not_handed_on(opened: str) -> None:
    insert = "INSERT INTO schema_migration (name, applied) VALUES ('8888_x', '2030-01-01')"
    in_threads(lambda: database.connection().execute(f"BEGIN; {insert}"), 1)
    assert database.execute_sql("SELECT count(*) FROM schema_migration WHERE name = '8888_x'").fetchone() == (
        0,
    )
    in_threads(lambda: make("one"), 1)
    assert Backend.select().count() == 1


def test_others_hear_of_what_is_stored_and_of_nothing_else(opened: str) -> None:
    with psycopg.connect(opened, autocommit=True) as listener:
        listener.execute(f"LISTEN {CHANNEL}")
        with pytest.raises(RuntimeError), writing():
            record("backend:counted", by="system", subject="backend:one")
            raise RuntimeError
        with writing():
            make("silent")
        assert [*listener.notifies(timeout=0)] == []
        with writing():
            record("backend:counted", by="system", subject="backend:one")
        with writing():
            database.after_commit(hub.ring)
        heard = [one.channel for one in listener.notifies(timeout=60, stop_after=2)]
    assert heard == [CHANNEL] * 2


def test_text_that_it_cannot_hold_is_found_nowhere_and_stored_readable(opened: str) -> None:
    assert Backend.get_or_none(Backend.slug == "a\0b") is None
    assert make("a\0b").id == 1
    with writing():
        record("backend:counted", by="system", subject="backend:a\0b", text="a\0b")
    assert Backend.get().slug == "a\N{REPLACEMENT CHARACTER}b"


def test_text_is_ordered_by_its_bytes_and_nothing_comes_first(opened: str) -> None:
    for slug, token in (("b", "x"), ("B", None), ("\N{LATIN SMALL LETTER E WITH ACUTE}", "y"), ("a", None)):
        Backend.create(slug=slug, name=slug, created_at=now(), created_by="x", auth_token_hash=token)
    ordered = [one.slug for one in Backend.select().order_by(Backend.slug)]
    assert ordered == ["B", "a", "b", "\N{LATIN SMALL LETTER E WITH ACUTE}"]
    rows = Backend.select().order_by(Backend.auth_token_hash, Backend.slug.desc())
    assert [one.slug for one in rows][:2] == ["a", "B"]
    rows = Backend.select().order_by(Backend.auth_token_hash.desc(), Backend.slug)
    assert [one.slug for one in rows][-2:] == ["B", "a"]
    assert [
        one.slug for one in Backend.select().where(Backend.slug.contains("B")).order_by(Backend.slug)
    ] == ["B", "b"]


def test_rows_that_are_kept_for_ever_are_kept_here_too(opened: str) -> None:
    with psycopg.connect(opened, autocommit=True) as other:
        other.execute("SET session_replication_role = replica")
        other.execute(
            "INSERT INTO declaration (request_id, checker, text, at) VALUES ('x', 'cat', 'x', '2026-01-01')"
        )
    with pytest.raises(peewee.IntegrityError, match="kept for ever"):
        database.execute_sql("DELETE FROM declaration")


class TestServerDies:
    """It is killed and started again under us."""

    @pytest.fixture
    def client(self, opened: str, tmp_path: Path) -> FlaskClient:
        settings = Settings(instance=tmp_path / "instance", database_url=opened)
        return create_app(settings).test_client()

    def test_pages_say_so_and_the_next_one_works_when_it_is_back(
        self, client: FlaskClient, cluster: Cluster, opened: str, tmp_path: Path
    ) -> None:
        assert client.get("/status/").status_code == 200
        cluster.stop("immediate")
        down = [client.get("/status/") for _ in range(2)]
        environ = {"JOBSITE_DATABASE_URL": opened.replace("jobsite@", "jobsite:geheim@")}
        words = ["user", "list", "--instance", str(tmp_path / "instance")]
        told = CliRunner().invoke(main, words, env=environ)
        cluster.start()
        assert [(page.status_code, page.headers["Retry-After"]) for page in down] == [(503, "60")] * 2
        assert "The database of this site cannot be reached at the moment." in down[0].text
        assert told.exit_code == 1
        assert told.output.startswith("The PostgreSQL database migrated at 127.0.0.1 cannot be used: ")
        assert (len(told.output.splitlines()), "geheim" in told.output, "refused" in told.output) == (
            1,
            False,
            True,
        )
        assert client.get("/status/").status_code == 200

    def test_a_restart_between_two_pages_is_not_noticed(self, client: FlaskClient, cluster: Cluster) -> None:
        assert client.get("/status/").status_code == 200
        cluster.stop("immediate")
        cluster.start()
        assert [client.get("/status/").status_code for _ in range(3)] == [200] * 3

    def test_what_was_stored_is_there_and_what_was_not_is_not(self, opened: str, cluster: Cluster) -> None:
        with writing():
            record("backend:counted", by="system", subject="backend:one")
        with pytest.raises(peewee.OperationalError), writing():
            record("backend:counted", by="system", subject="backend:two")
            cluster.stop("immediate")
            record("backend:counted", by="system", subject="backend:three")
        close_connections()
        cluster.start()
        assert verify() == (1, None)
        with writing():
            record("backend:counted", by="system", subject="backend:four")
        assert [event.subject for event in Event.select().order_by(Event.id)] == [
            "backend:one",
            "backend:four",
        ]
