"""A workspace in one file: nothing is lost wherever it is killed, nothing comes back that was not put in."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from jobsite.core import flushing
from jobsite.core.files import UnsafePath
from jobsite.store.archive import FAIL_POINTS, INDEX, BadArchive, pack, read, unpack
from jobsite.store.reading import listing

from .conftest import HIGHLY, MODERATELY

FILES = {
    "output/a.csv": b"n\n10\n",
    "output/deep/b \xe9.txt".encode().decode("latin-1"): b"text\n",
    "rows.csv": b"patient\n1\n",
}
OUTPUTS = {MODERATELY: {"a": "output/*.csv", "b": "output/deep/*.txt"}, HIGHLY: {"c": "rows.csv"}}


@pytest.fixture
def filled(study):
    study.run(FILES, OUTPUTS)
    study.run({"output/a.csv": b"n\n15\n"}, action="again")
    return study


@pytest.fixture
def target(filled):
    return filled.instance / "archives" / "ws.tar"


def contents(study):
    """Every file of the workspace with its bytes, but for the lock."""
    roots = (study.high, study.level4)
    found = {path: path.read_bytes() for root in roots for path in root.rglob("*") if path.is_file()}
    return {path: data for path, data in found.items() if path.name != ".lock"}


def test_all_of_it_goes_and_all_of_it_comes_back(filled, target):
    before, listed = contents(filled), listing(filled.roots, "ws").entries
    assert pack(filled.roots, "ws", target) == len(before)
    assert not filled.high.exists() and not filled.level4.exists()
    assert target.stat().st_mode & 0o777 == 0o600
    assert unpack(filled.roots, "ws", target) == len(before)
    assert contents(filled) == before
    assert listing(filled.roots, "ws").entries == listed
    filled.run({"output/c.csv": b"n\n5\n"}, action="more")
    assert "output/c.csv" in {entry.path for entry in listing(filled.roots, "ws").entries}


@pytest.mark.parametrize("point", FAIL_POINTS)
def test_killed_at_any_point_it_is_done_by_typing_it_again(filled, target, point):
    before, verb = contents(filled), unpack if point == "archive.half_restored" else pack
    if verb is unpack:
        pack(filled.roots, "ws", target)
    assert killed(point, verb, filled, target) == 137
    verb(filled.roots, "ws", target)
    if verb is pack:
        unpack(filled.roots, "ws", target)
    assert contents(filled) == before


def killed(point, verb, study, target):
    """Does it in a process that dies at that point; gives how the process ended."""
    child = os.fork()
    if not child:
        os.environ["JOBSITE_FAIL_AT"] = point
        try:
            verb(study.roots, "ws", target)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_half_written_archive_is_none(filled, target):
    target.parent.mkdir()
    target.with_suffix(".part").write_bytes(b"half")
    before = contents(filled)
    pack(filled.roots, "ws", target)
    unpack(filled.roots, "ws", target)
    assert contents(filled) == before


def test_every_changed_byte_is_seen_and_changes_nothing(filled, target):
    pack(filled.roots, "ws", target)
    whole = target.read_bytes()
    with tarfile.open(target) as tar:
        members = {member.name: member for member in tar}
    for name in ("high/rows.csv", "level4/output/a.csv", INDEX):
        at = members[name].offset_data
        target.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(BadArchive):
            unpack(filled.roots, "ws", target)
    target.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadArchive, match="damaged"):
        unpack(filled.roots, "ws", target)
    assert contents(filled) == {}


def test_an_archive_of_another_workspace_is_not_unpacked(filled, target):
    pack(filled.roots, "ws", target)
    with pytest.raises(BadArchive, match="no archive of the workspace other"):
        unpack(filled.roots, "other", target)


@pytest.mark.parametrize("name", ["../../evil", "high/../evil", "/etc/evil", "elsewhere/x", "high/"])
def test_nothing_is_written_outside_of_the_workspace(study, tmp_path, name):
    target = tmp_path / "ws.tar"
    with tarfile.open(target, "w") as tar:
        member = tarfile.TarInfo(name)
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(BadArchive):
        unpack(study.roots, "ws", target)
    assert [path.name for path in tmp_path.rglob("*evil*")] == []


def test_a_link_in_an_archive_is_refused(study, tmp_path):
    target = tmp_path / "ws.tar"
    with tarfile.open(target, "w") as tar:
        member = tarfile.TarInfo("high/link")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(BadArchive, match="no file of a workspace"):
        read(target, "ws")


def test_a_link_in_a_workspace_stops_it(filled, target):
    (filled.high / "link").symlink_to("/etc/passwd")
    with pytest.raises(UnsafePath):
        pack(filled.roots, "ws", target)
    assert contents(filled)
    assert not target.exists()


def test_files_made_since_are_not_overwritten(filled, target):
    pack(filled.roots, "ws", target)
    filled.run({"output/a.csv": b"n\n99\n"})
    before = contents(filled)
    for verb in (pack, unpack):
        with pytest.raises(BadArchive, match="its archive does not hold, such as"):
            verb(filled.roots, "ws", target)
    assert contents(filled) == before


def test_a_path_of_an_archive_stays_as_it_is(filled, target):
    pack(filled.roots, "ws", target)
    assert set(read(target, "ws")) >= {f"high/{path}" for path in FILES}
    assert Path(target.parent).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", [b"[]", b"3", b'"x"', b"null"])
def test_an_index_that_is_none_is_damage(study, tmp_path, text):
    target = tmp_path / "ws.tar"
    with tarfile.open(target, "w") as tar:
        member = tarfile.TarInfo(INDEX)
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    with pytest.raises(BadArchive, match="no archive of the workspace ws"):
        read(target, "ws")


def test_the_names_are_on_disk_before_what_they_stand_for_goes(filled, target, monkeypatch):
    flushed, real = set(), os.fsync
    syncfs = flushing._flush_file_systems

    def noted(handle):
        flushed.add(os.fstat(handle).st_ino)
        real(handle)

    def all_of_it(handles):
        flushed.add("all")
        syncfs(handles)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(flushing, "_flush_file_systems", all_of_it)
    pack(filled.roots, "ws", target)
    assert {target.stat().st_ino, target.parent.stat().st_ino, filled.instance.stat().st_ino} <= flushed
    flushed.clear()
    unpack(filled.roots, "ws", target)
    folders = [
        filled.high,
        filled.high / "output",
        filled.high / "output" / "deep",
        filled.level4,
        filled.high.parent,
    ]
    assert "all" in flushed or {path.stat().st_ino for path in folders} <= flushed
