"""The database: migrations at start, refusal of what is newer, one way to write."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peewee
import pytest
from peewee import IntegrityError

from jobsite.accounts.models import Backend
from jobsite.core import db
from jobsite.core.clock import now
from jobsite.core.db import (
    DatabaseTooNew,
    changed_one,
    close_connections,
    close_database,
    database,
    in_portions,
    open_database,
    writing,
)
from jobsite.core.errors import Conflict
from jobsite.core.events import Event, record
from jobsite.core.sqlite import make_private
from jobsite.settings import Settings


def make(slug: str) -> Backend:
    return Backend.create(slug=slug, name=slug, created_at=now(), created_by="system")


def test_a_database_of_a_newer_version_is_refused_with_a_sentence(instance: Path, settings: Settings) -> None:
    database.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030-01-01')")
    close_database()
    with pytest.raises(DatabaseTooNew, match="written by a newer version of jobsite .*9999_future"):
        open_database(settings.database)


def test_opening_twice_applies_each_migration_once(instance: Path, settings: Settings) -> None:
    before = list(database.execute_sql("SELECT name FROM schema_migration"))
    close_database()
    open_database(settings.database)
    assert list(database.execute_sql("SELECT name FROM schema_migration")) == before != []


@pytest.mark.sqlite_only("its log")
def test_it_uses_the_write_ahead_log_and_foreign_keys(instance: Path) -> None:
    assert database.execute_sql("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.execute_sql("PRAGMA foreign_keys").fetchone() == (1,)


def test_all_of_a_block_is_stored_or_none(instance: Path) -> None:
    with pytest.raises(IntegrityError), writing():
        make("one")
        make("one")
    assert Backend.select().count() == 0


def test_a_conditional_write_hits_one_row_or_refuses(instance: Path) -> None:
    make("one")
    rename = Backend.update(name="new")
    changed_one(rename.where(Backend.slug == "one"), "unused")
    with pytest.raises(Conflict, match="is gone"):
        changed_one(rename.where(Backend.slug == "two"), "It is gone.")
    make("two")
    with pytest.raises(RuntimeError, match="2 rows"):
        changed_one(rename, "unused")


def test_writers_take_turns_and_none_is_lost(instance: Path) -> None:
    def count_up() -> None:
        for _ in range(20):
            with writing():
                backend = Backend.get(Backend.slug == "one")
                Backend.update(alert_timeout=backend.alert_timeout + 1).execute()
        close_database()

    make("one")
    start = Backend.get().alert_timeout
    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Backend.get().alert_timeout == start + 80


@pytest.mark.sqlite_only("its file is written by this process")
def test_a_failing_disk_is_the_error_that_is_raised_and_nothing_of_the_transaction_stays(
    instance: Path, failing_disk: Callable[[], Any]
) -> None:
    make("one")
    told: list[str] = []
    with failing_disk(), pytest.raises(peewee.OperationalError) as raised, writing():
        database.after_commit(lambda: told.append("committed"))
        make("two")
    assert "rollback" not in str(raised.value)
    make("three")
    assert [backend.slug for backend in Backend.select().order_by(Backend.id)] == ["one", "three"]
    assert told == []


def test_the_tables_are_those_of_the_models(instance: Path) -> None:
    """The migrations and the models describe the same columns."""
    from jobsite.core.db import Model

    for model in Model.__subclasses__():
        columns = {
            column.name: not column.null or column.primary_key
            for column in database.get_columns(model._meta.table_name)
        }
        wanted = {field.column_name: not field.null for field in model._meta.sorted_fields}
        assert columns == wanted, model.__name__


@pytest.mark.sqlite_only("the first opener makes its file")
def test_many_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from jobsite.core.db import open_database; open_database(Path(sys.argv[1]))"
    openers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "new.db")]) for _ in range(6)]
    assert [opener.wait(timeout=60) for opener in openers] == [0] * 6


@pytest.mark.sqlite_only("the rights of its files")
def test_the_database_is_closed_to_others(instance: Path) -> None:
    make("one")
    files = list(instance.glob("jobsite.db*"))
    assert len(files) >= 3
    assert [path.name for path in files if path.stat().st_mode & 0o007] == []


@pytest.mark.sqlite_only("the locks on its file")
def test_opening_it_again_keeps_the_locks_of_this_process(instance: Path) -> None:
    """Else another process that ends takes the write-ahead log away from under this one."""
    make("one")
    make_private(instance / "jobsite.db")
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM backend'); c.close()"
    subprocess.run([sys.executable, "-c", code, str(instance / "jobsite.db")], check=True)
    assert (instance / "jobsite.db-wal").exists()


def test_a_selection_means_what_peewee_would_have_written(instance: Path) -> None:
    ours, other = Backend.select, Backend.alias()
    queries = [
        ours(),
        ours(Backend.slug, Backend.name.alias("shown"), peewee.fn.LOWER(Backend.name)),
        ours(Backend, other).join(other, on=(other.id == Backend.id)),
        ours(Backend.name).where(Backend.id.in_(Backend.select())),
        ours().where(
            Backend.id.not_in(ours(other.id).from_(other).where(other.name.in_(ours(Backend.name))))
        ),
        ours().where(Backend.id.in_(ours(Backend.id).where(Backend.slug.in_([])) | ours(Backend.id))),
        ours(Backend.id, Backend.select(peewee.fn.COUNT(Backend.id)).where(Backend.slug == "one")),
    ]
    for query in queries:
        plain = query.clone()
        plain.__class__ = peewee.ModelSelect
        written = [[word.replace('"', "") for word in one.sql()[0].split()] for one in (query, plain)]
        assert written[0] == written[1]
        list(query)


def test_threads_write_in_the_order_in_which_they_came(instance: Path) -> None:
    def write(slug: str) -> None:
        with writing():
            make(slug)
        close_database()

    threads = [threading.Thread(target=write, args=(slug,)) for slug in ("one", "two", "three")]
    with writing():
        make("first")
        for number, thread in enumerate(threads, 1):
            thread.start()
            while len(db._turns._waiting) < number:
                thread.join(0.001)
    with writing():
        make("last")
    for thread in threads:
        thread.join()
    slugs = [one.slug for one in Backend.select().order_by(Backend.id)]
    assert slugs == ["first", "one", "two", "three", "last"]


def in_a_thread(what: Callable[[], Any]) -> Any:
    """What it gives in a thread of its own, which leaves its connection to the next."""
    found: list[Any] = []

    def work() -> None:
        found.append(what())
        close_database()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return found[0]


def test_a_connection_is_used_again_by_whoever_needs_one_next(instance: Path) -> None:
    close_database()
    assert len({in_a_thread(lambda: id(database.connection())) for _ in range(3)}) == 1


@pytest.mark.sqlite_only("rows are fetched one by one")
def test_rows_that_were_not_read_to_their_end_do_not_hold_the_next_user_in_the_past(instance: Path) -> None:
    make("one")
    make("two")
    close_database()
    unread: list[Any] = []

    def begin_to_read() -> int:
        unread.append(database.execute_sql("SELECT slug FROM backend ORDER BY slug"))
        unread[0].fetchone()
        return id(database.connection())

    kept = in_a_thread(begin_to_read)
    with sqlite3.connect(instance / "jobsite.db") as other:
        other.execute("DELETE FROM backend WHERE slug = 'two'")
    other.close()
    assert in_a_thread(lambda: (id(database.connection()), Backend.select().count())) == (kept, 1)
    with pytest.raises(sqlite3.ProgrammingError):
        unread[0].fetchone()


def test_whoever_goes_through_rows_may_write_at_each_whatever_others_write_meanwhile(instance: Path) -> None:
    for slug in ("one", "two", "three"):
        make(slug)

    def rename(backend: Backend, name: str) -> None:
        with writing():
            Backend.update(name=name).where(Backend.id == backend.id).execute()

    for backend in Backend.select().where(Backend.slug != "").order_by(Backend.id):
        in_a_thread(lambda one=backend: rename(one, "by another"))
        rename(backend, "by me")
    for (key,) in Backend.select(Backend.id).tuples():
        in_a_thread(lambda: rename(Backend.get_by_id(key), "by another"))  # noqa: B023  it has run when `key` changes
        with writing():
            Backend.update(name=Backend.slug).where(Backend.id == key).execute()
    assert all(backend.name == backend.slug for backend in Backend.select())


def test_many_rows_are_read_in_portions_each_once_and_in_order(instance: Path, queries: Any) -> None:
    with writing():
        for number in range(7):
            record("test:told", by="system", subject=f"test:{number % 2}")
    with queries() as seen:
        found = [event.id for event in in_portions(Event.select(), Event.id, 3)]
    assert found == [row.id for row in Event.select().order_by(Event.id)] and len(found) == 7
    assert len(seen) == 4, "three portions, and the look for more"
    some = Event.select().where((Event.subject == "test:0") | (Event.subject == "test:1"))
    assert len(list(in_portions(some, Event.id, 7))) == 7, "what was asked for holds for each portion"


@pytest.mark.sqlite_only("its own words for a transaction")
def test_a_transaction_that_was_left_open_is_not_handed_on(instance: Path) -> None:
    close_database()
    in_a_thread(lambda: (database.execute_sql("BEGIN IMMEDIATE"), make("one")))
    assert in_a_thread(lambda: Backend.select().count()) == 0


@pytest.mark.sqlite_only("its file may be another")
def test_after_an_error_every_connection_is_opened_anew(instance: Path) -> None:
    path = instance / "jobsite.db"
    close_connections()
    assert in_a_thread(lambda: Backend.select().count()) == 0
    with sqlite3.connect(path) as other:
        other.execute("ALTER TABLE backend RENAME TO elsewhere")
    other.close()

    def fails() -> bool:
        with pytest.raises(peewee.OperationalError):
            Backend.select().count()
        return database.connection().has_failed

    assert in_a_thread(fails)
    assert not in_a_thread(lambda: database.connection().has_failed)


@pytest.mark.sqlite_only("the files beside it")
def test_the_files_beside_the_database_are_gone_when_all_connections_are_closed(instance: Path) -> None:
    make("one")
    in_a_thread(lambda: Backend.select().count())
    assert (instance / "jobsite.db-wal").exists()
    close_connections()
    assert not (instance / "jobsite.db-wal").exists()
