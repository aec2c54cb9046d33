"""Backups: one file with everything, made while the instance works; put back whole or not at all."""

import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import stat
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import peewee
import pytest
from click.testing import CliRunner, Result

from jobsite.accounts.actions import add_user
from jobsite.accounts.models import User
from jobsite.backup import FAIL_POINTS, HELD, BadBackup, make, read
from jobsite.cli import main
from jobsite.core.db import close_connections, database
from jobsite.core.errors import Conflict
from jobsite.core.events import Event, verify
from jobsite.core.postgresql_copies import load
from jobsite.instance import open_instance
from jobsite.jobs.executors import processes, records
from jobsite.jobs.lock import InstanceLock
from jobsite.restoring import FAIL_POINTS as POINTS_OF_RESTORE
from jobsite.restoring import restore
from jobsite.settings import Settings
from jobsite.store.roots import Roots, locked

from .databases import empty_out

FILES = {
    "workspaces/high/demo/output/table.csv": b"sex,n\nF,10\n",
    "workspaces/level4/demo/metadata/manifest.json": b"{}",
    "jobs/abc/abc-001/logs.txt": b"line\n" * 1000,
    "releases/01J/output/table.csv": b"n\n10\n",
    "repos/study.git/objects/pack/one.pack": bytes(range(256)) * 5000,
    "jobsite.toml": b'BASE_URL = "http://example.org"\n',
    "signing.key": b"secret",
    "empty": b"",
    "wéird näme.txt": b"x",
}


@pytest.fixture
def filled(cast: SimpleNamespace, instance: Path) -> Path:
    for name, data in FILES.items():
        (instance / name).parent.mkdir(parents=True, exist_ok=True)
        (instance / name).write_bytes(data)
    (instance / "signing.key").chmod(0o600)
    (instance / "work" / "abc-001").mkdir(parents=True)
    (instance / "work" / "abc-001" / "patients.csv").write_bytes(b"of a job at work")
    (instance / "huey.db").write_bytes(b"a queue")
    (instance / "jobs" / "a-link").symlink_to("/etc/passwd")
    os.mkfifo(instance / "jobs" / "a-pipe")
    return instance


@pytest.fixture
def backup(filled: Path, settings: Settings, tmp_path: Path) -> Path:
    make(settings, tmp_path / "backup.tar")
    return tmp_path / "backup.tar"


@pytest.fixture
def elsewhere(tmp_path: Path, instance: Path) -> Iterator[Settings]:
    """Another instance folder, empty so far."""
    there = Settings(instance=tmp_path / "elsewhere")
    empty_out(there)
    yield there
    close_connections()


def put_back(settings: Settings, source: Path, *, force: bool = False) -> None:
    settings.instance.mkdir(exist_ok=True)
    restore(settings, source, force=force)


def opened(settings: Settings) -> list[str]:
    """Who is in the instance, once it has been opened."""
    close_connections()
    open_instance(settings)
    return sorted(user.username for user in User.select())


def command(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--instance", str(settings.instance)])


def test_a_restored_instance_is_what_was_backed_up(
    backup: Path, elsewhere: Settings, cast: SimpleNamespace
) -> None:
    people, (events, none) = sorted(vars(cast)), verify()
    put_back(elsewhere, backup)
    assert opened(elsewhere) == people
    assert verify() == (events, none) and none is None and events == Event.select().count()
    for name, data in FILES.items():
        assert (elsewhere.instance / name).read_bytes() == data, name
    assert stat.S_IMODE((elsewhere.instance / "secret.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((elsewhere.instance / "signing.key").stat().st_mode) == 0o600
    for name in ("huey.db", "work/abc-001", "jobs/a-link", "jobs/a-pipe", ".restoring", HELD):
        assert not os.path.lexists(elsewhere.instance / name), name


def test_a_backup_is_closed_to_others_and_leaves_nothing_behind(backup: Path, filled: Path) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert not (filled / HELD).exists()
    assert [path.name for path in backup.parent.glob("backup*")] == ["backup.tar"]


def test_one_moment_is_kept_while_jobs_publish(filled: Path, settings: Settings, tmp_path: Path) -> None:
    """Two files that are always replaced together, and the row that tells of them, are of one publication."""
    roots, stop = Roots.of(filled), threading.Event()
    places = [roots.high_of("demo") / name for name in ("one.txt", "two.txt")]
    database.execute_sql("CREATE TABLE told (n INTEGER)")
    database.execute_sql("INSERT INTO told VALUES (0)")

    def publish(number: int) -> None:
        with locked(roots, "demo"):
            for place in places:
                new = place.with_suffix(".new")
                new.write_text(str(number))
                os.rename(new, place)
            database.execute_sql("UPDATE told SET n = ?", (number,))

    def go_on() -> None:
        number = 1
        while not stop.is_set():
            number += 1
            publish(number)
        database.close()

    publish(1)
    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        for round_ in range(3):
            make(settings, tmp_path / f"{round_}.tar")
    finally:
        stop.set()
        writer.join()
    for round_ in range(3):
        unpacked = tmp_path / str(round_)
        with tarfile.open(tmp_path / f"{round_}.tar") as tar:
            tar.extractall(unpacked, filter="data")
        texts = {(unpacked / "workspaces/high/demo" / place.name).read_text() for place in places}
        assert texts == {told_in(unpacked)}


def told_in(unpacked: Path) -> str:
    """The number that stands in the database of a backup."""
    if (unpacked / "jobsite.sql").exists():
        found = re.search(
            r"^COPY public\.told .*\n(\d+)\n", (unpacked / "jobsite.sql").read_text(), re.MULTILINE
        )
        return found[1] if found else ""
    with closing(sqlite3.connect(unpacked / "jobsite.db")) as copy:
        return str(copy.execute("SELECT n FROM told").fetchone()[0])


def test_a_log_that_grows_meanwhile_goes_in_as_far_as_it_had_grown(
    filled: Path, settings: Settings, tmp_path: Path, elsewhere: Settings
) -> None:
    stop, log = threading.Event(), filled / "jobs/abc/abc-001/logs.txt"

    def grow() -> None:
        with log.open("ab", buffering=0) as out:
            while not stop.is_set():
                out.write(b"line\n")

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        make(settings, tmp_path / "backup.tar")
    finally:
        stop.set()
        writer.join()
    put_back(elsewhere, tmp_path / "backup.tar")
    kept = (elsewhere.instance / "jobs/abc/abc-001/logs.txt").read_bytes()
    assert kept == b"line\n" * (len(kept) // 5) and len(kept) >= 5000


def test_one_changed_byte_is_found_and_the_file_named(backup: Path, elsewhere: Settings) -> None:
    data = bytearray(backup.read_bytes())
    data[data.index(b"sex,n\nF,10")] ^= 1
    backup.write_bytes(data)
    with pytest.raises(BadBackup, match=r"workspaces/high/demo/output/table\.csv is not what was put in"):
        read(backup)
    with pytest.raises(BadBackup):
        put_back(elsewhere, backup)
    assert opened(elsewhere) == []


def without(backup: Path, name: str) -> None:
    """The backup as if one file had never been in it."""
    with tarfile.open(backup) as old, tarfile.open(backup.with_suffix(".new"), "w") as new:
        for member in old:
            if member.name != name:
                new.addfile(member, old.extractfile(member))
    os.replace(backup.with_suffix(".new"), backup)


@pytest.mark.parametrize(
    "damage",
    [
        lambda backup: os.truncate(backup, backup.stat().st_size // 2),
        lambda backup: os.truncate(backup, 0),
        lambda backup: backup.write_bytes(b"no tar at all" * 100),
        lambda backup: without(backup, "jobsite.toml"),
        lambda backup: without(backup, "backup.json"),
    ],
    ids=["half", "nothing", "no-tar", "a-file-less", "no-end"],
)
def test_a_file_that_is_no_whole_backup_is_refused(
    backup: Path, elsewhere: Settings, damage: Callable[[Path], None]
) -> None:
    damage(backup)
    with pytest.raises(BadBackup, match=r"no backup|damaged"):
        put_back(elsewhere, backup)
    assert opened(elsewhere) == []


def test_a_name_that_leads_outside_is_refused(backup: Path, elsewhere: Settings) -> None:
    with tarfile.open(backup) as old, tarfile.open(backup.with_suffix(".new"), "w") as new:
        for member in old:
            content = old.extractfile(member)
            if member.name == "empty":
                member.name = "../outside"
            new.addfile(member, content)
    os.replace(backup.with_suffix(".new"), backup)
    with pytest.raises(BadBackup, match="damaged"):
        put_back(elsewhere, backup)
    assert not (elsewhere.instance.parent / "outside").exists()


def test_a_backup_of_a_newer_version_or_of_another_side_is_refused(
    filled: Path, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    make(settings, tmp_path / "now.tar")
    with pytest.raises(Conflict, match="SIDE=both.*SIDE=secure"):
        put_back(Settings(instance=elsewhere.instance, side="secure"), tmp_path / "now.tar")
    database.execute_sql(
        "INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2027-01-01 00:00:00')"
    )
    make(settings, tmp_path / "later.tar")
    with pytest.raises(BadBackup, match=r"newer version of jobsite \(it has 9999_later\)"):
        put_back(elsewhere, tmp_path / "later.tar")
    assert opened(elsewhere) == []


def test_a_public_side_is_one_after_its_backup_too(tmp_path: Path, elsewhere: Settings) -> None:
    public = Settings(instance=tmp_path / "public", side="public")
    opened(public)
    add_user(by="system", username="later", fullname="Later", email="later@example.org")
    make(public, tmp_path / "public.tar")
    assert opened(public) == ["later"]
    there = Settings(instance=elsewhere.instance, side="public")
    close_connections()
    put_back(there, tmp_path / "public.tar")
    assert opened(there) == ["later"]


def test_what_is_there_is_kept_and_moved_aside_only_when_told_to(
    backup: Path, settings: Settings, filled: Path
) -> None:
    add_user(by="system", username="later", fullname="Later", email="later@example.org")
    close_connections()
    with pytest.raises(Conflict, match="--force"):
        put_back(settings, backup)
    assert "later" in opened(settings)
    close_connections()
    put_back(settings, backup, force=True)
    assert "later" not in opened(settings)
    (aside,) = filled.glob("before-restore-*")
    assert {database.COPY, "workspaces", "secret.key"} <= {path.name for path in aside.iterdir()}
    before = Settings(instance=aside)
    if (aside / "jobsite.sql").exists():
        load(before.database_url, aside / "jobsite.sql")
    assert "later" in opened(before)


def test_nothing_is_taken_from_under_a_job_that_runs(backup: Path, settings: Settings, filled: Path) -> None:
    attempt = filled / "jobs" / "abc" / "abc-001"
    records.write(attempt, records.SUPERVISOR, processes.identity(os.getpid()))
    close_connections()
    with pytest.raises(Conflict, match="still run"):
        put_back(settings, backup, force=True)
    (attempt / records.SUPERVISOR).unlink()
    put_back(settings, backup, force=True)


def test_a_restored_attempt_does_not_know_the_processes_of_then(
    filled: Path, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    """A number of a process that is somebody else's by now, or of the first instance's job, would be watched, and stopped."""
    records.write(filled / "jobs" / "abc" / "abc-001", records.SUPERVISOR, processes.identity(os.getpid()))
    make(settings, tmp_path / "backup.tar")
    put_back(elsewhere, tmp_path / "backup.tar")
    assert records.read(elsewhere.instance / "jobs" / "abc" / "abc-001", records.SUPERVISOR) is None


@pytest.mark.parametrize("point", [*FAIL_POINTS, *POINTS_OF_RESTORE])
def test_a_kill_leaves_the_old_instance_or_the_restored_one(
    backup: Path, settings: Settings, filled: Path, tmp_path: Path, point: str
) -> None:
    add_user(by="system", username="later", fullname="Later", email="later@example.org")
    (filled / "jobsite.toml").write_bytes(b'BASE_URL = "http://later.example.org"\n')
    if point in FAIL_POINTS:
        assert died(point, lambda: make(settings, tmp_path / "second.tar"))
        assert not (tmp_path / "second.tar").exists()
        make(settings, tmp_path / "second.tar")
        assert read(tmp_path / "second.tar").files == read(backup).files
        return
    assert died(point, lambda: put_back(settings, backup, force=True))
    restored = point != "restore.unpacked"
    assert ("later" in opened(settings)) != restored
    assert (filled / "jobsite.toml").read_bytes().count(b"later") != restored
    assert not (filled / ".restoring" / "moves.json").exists()


def died(point: str, act: Callable[[], object]) -> bool:
    """Whether a process that does it dies at that point."""
    close_connections()
    child = os.fork()
    if not child:
        os.environ["JOBSITE_FAIL_AT"] = point
        try:
            act()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 137


def test_a_full_disk_leaves_no_half_backup(filled: Path, settings: Settings, tmp_path: Path) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limit[1]))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            make(settings, tmp_path / "backup.tar")
        except (OSError, sqlite3.Error, peewee.OperationalError):
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert not list(tmp_path.glob("backup.tar*")) and not (filled / HELD).exists()


def test_the_commands_say_what_they_did(
    filled: Path, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for number in range(3):
        (folder / f"jobsite-2026010{number}T000000.tar").write_bytes(b"an old one")
    done = command(settings, "backup", str(folder), "--keep", "2", "--by", "sam", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["files"] > len(FILES) and len(told["removed"]) == 2
    assert sorted(folder.iterdir()) == [folder / "jobsite-20260102T000000.tar", Path(told["file"])]
    open_instance(settings)
    event = Event.select().order_by(Event.id.desc()).get()
    assert (event.type, event.by) == ("instance:backed-up", "sam")
    close_connections()
    for target in (told["file"], str(filled / "inside.tar")):
        refused = command(settings, "backup", target)
        assert refused.exit_code == 1 and refused.stderr.count("\n") == 1, refused.output
    done = command(elsewhere, "restore", told["file"])
    assert done.exit_code == 0 and "Restored" in done.output
    assert opened(elsewhere)
    assert Event.select().order_by(Event.id.desc()).get().type == "instance:restored"
    assert verify()[1] is None
    close_connections()
    assert "--force" in command(elsewhere, "restore", told["file"]).stderr
    with InstanceLock(elsewhere.instance):
        assert "already running" in command(elsewhere, "restore", told["file"], "--force").stderr
    shutil.copy(told["file"], tmp_path / "cut.tar")
    os.truncate(tmp_path / "cut.tar", 10_000)
    assert "damaged" in command(elsewhere, "restore", str(tmp_path / "cut.tar"), "--force").stderr
