"""What a release takes in: announced files and no others, whole bytes and no others, each sentence of the wire."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend
from jobsite.core.errors import Conflict, Denied, Invalid, NotFound
from jobsite.core.events import Event, verify
from jobsite.core.queue import ticks
from jobsite.releases import storage
from jobsite.releases.actions import create_release, delete_file, receive_file, revoke, sweep_releases
from jobsite.releases.announced import announcement_of
from jobsite.releases.models import Release, ReleaseFile
from jobsite.releases.queries import open_file
from jobsite.settings import Settings

from .released import FIGURE, FILES, ID, TABLE, Made, made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(instance=tmp_path / "instance", level4_max_filesize=2**20)


@pytest.fixture
def world(cast: SimpleNamespace, local: Backend) -> Made:
    return made(cast, local)


def said(refused: Callable[[], Any]) -> str:
    """The sentence of the wire with which it is refused."""
    with pytest.raises(Invalid) as caught:
        refused()
    return caught.value.fields["detail"]


def bytes_there(world: Made) -> list[str]:
    folder = storage.current().instance / "releases" / "files"
    return sorted(path.name for path in folder.rglob("*") if path.is_file()) if folder.exists() else []


def row(name: str) -> ReleaseFile:
    return ReleaseFile.get(name=name)


def test_released_bytes_are_those_that_were_sent_and_lie_under_their_hash(world: Made) -> None:
    world.released()
    for name, data in FILES.items():
        with open_file(world.workspace, row(name)) as file:
            assert file.read() == data
    assert bytes_there(world) == sorted(row(name).sha256 for name in FILES)
    files = storage.current().instance / "releases" / "files"
    assert {os.stat(path).st_mode & 0o777 for path in files.rglob("*") if path.is_file()} == {0o600}
    assert os.stat(files).st_mode & 0o777 == 0o700
    types = [
        event.type for event in Event.select().where(Event.subject == f"release:{ID}").order_by(Event.id)
    ]
    assert types == ["release:announced", "release:file-received", "release:file-received"]
    assert verify()[1] is None


def test_no_event_of_a_release_names_a_file(world: Made) -> None:
    world.released()
    revoke(
        by=world.cast.cat, backend=world.backend, release_id=ID, public_reason="Found to be wrong after all."
    )
    told = "".join(event.data for event in Event.select())
    assert not any(name in told for name in FILES) and "Found to be wrong after all" not in told


def test_the_same_announcement_is_the_same_release_and_other_files_are_refused(world: Made) -> None:
    assert world.create().id == world.create().id == ID
    assert Release.select().count() == 1 and ReleaseFile.select().count() == 2
    other = f"Requested files do not match files in existing release {ID}"
    assert said(lambda: world.create({"output/table.csv": TABLE})) == other
    assert said(lambda: world.create({**FILES, "output/table.csv": b"n\n5\n"})) == other
    assert ReleaseFile.select().count() == 2


def test_an_id_of_another_workspace_or_backend_is_not_taken_over(world: Made, cast: SimpleNamespace) -> None:
    """OC36."""
    world.create()
    tpp = add_backend(by="system", slug="tpp", name="TPP")
    announced = world.announced(FILES)
    with pytest.raises(Invalid):
        create_release(by=cast.cat, backend=tpp, workspace="asthma", announced=announced)
    assert Release.get().backend_id == world.backend.id
    refused = f"Release is from backend {world.backend.slug} not tpp"

    def upload() -> None:
        receive_file(by=cast.cat, backend=tpp, release_id=ID, name="output/table.csv", body=[TABLE])

    assert said(upload) == refused


def test_only_a_person_who_may_release_there_can_announce_and_upload_and_no_member_can_recall(
    world: Made,
) -> None:
    world.released({"output/table.csv": TABLE})
    for person in (world.cast.ada, world.cast.pat, world.cast.sam, world.cast.dan):
        with pytest.raises(Denied, match="Authentication credentials were not provided"):
            create_release(
                by=person, backend=world.backend, workspace="asthma", announced=world.announced(FILES)
            )
        with pytest.raises(Denied):
            receive_file(by=person, backend=world.backend, release_id=ID, name="x", body=[TABLE])
    for person in (world.cast.ada, world.cast.pat, world.cast.dan):
        with pytest.raises(Denied):
            revoke(
                by=person, backend=world.backend, release_id=ID, public_reason="There is no reason at all."
            )
    assert row("output/table.csv").is_here


@pytest.mark.parametrize(
    ("name", "body", "sentence"),
    [
        ("output/table.csv", [b"x" * 2**20, b"x"], "File is too large, it must be below 1.0Mb"),
        ("output/table.csv", [], "No data uploaded"),
        ("", [TABLE], "Missing filename. Request should include a Content-Disposition header with a filename parameter."),
        ("output/other.csv", [TABLE], f"File output/other.csv not requested in release {ID}"),
        ("output/table.csv", [b"other"], "Contents of uploaded file does not match the file which a review was requested for"),
    ],
)  # fmt: skip
def test_an_upload_that_is_not_what_was_announced_is_refused_and_leaves_nothing(
    world: Made, name: str, body: list[bytes], sentence: str
) -> None:
    world.create()
    upload = lambda: receive_file(
        by=world.cast.cat, backend=world.backend, release_id=ID, name=name, body=body
    )
    assert said(upload) == sentence
    assert bytes_there(world) == [] and not row("output/table.csv").is_here
    assert list((storage.current().instance / "releases" / "incoming").iterdir()) == []


def test_a_length_above_the_limit_is_refused_before_anything_is_read(world: Made) -> None:
    world.create()

    def never() -> Iterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    body, person = never(), world.cast.cat
    upload = lambda: receive_file(
        by=person, backend=world.backend, release_id=ID, name="output/table.csv", body=body, length=2**21
    )
    assert said(upload).startswith("File is too large")


def test_the_same_bytes_again_are_already_uploaded_and_other_bytes_are_not(world: Made) -> None:
    world.released()
    name = "output/table.csv"
    assert said(lambda: world.receive(name, TABLE)) == (
        "This version of 'output/table.csv' has already been uploaded from backend 'local'"
    )
    assert said(lambda: world.receive(name, b"n\n1\n")).startswith("Contents of uploaded file")
    with open_file(world.workspace, row(name)) as file:
        assert file.read() == TABLE


def test_a_connection_that_breaks_off_leaves_nothing(world: Made) -> None:
    world.create()

    def broken() -> Iterator[bytes]:
        yield TABLE[:5]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        receive_file(
            by=world.cast.cat, backend=world.backend, release_id=ID, name="output/table.csv", body=broken()
        )
    assert bytes_there(world) == []
    assert list((storage.current().instance / "releases" / "incoming").iterdir()) == []


def test_a_full_disk_leaves_no_half_file(world: Made, failing_disk: Callable[[], Any]) -> None:
    world.create()
    with failing_disk(), pytest.raises(OSError):
        world.receive("output/table.csv", TABLE)
    assert bytes_there(world) == [] and not row("output/table.csv").is_here
    world.receive("output/table.csv", TABLE)
    assert row("output/table.csv").is_here


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("/etc/passwd", "absolute"),
        ("a/../../b.csv", "standard form"),
        ("a//b.csv", "standard form"),
        ("a\\b.csv", "backslash"),
        ("a\nb.csv", "control"),
        ("a\x00.csv", "control"),
        ("x" * 300, "too long"),
        ("", "missing"),
    ],
)
def test_hostile_names_are_refused_with_a_sentence(world: Made, name: str, sentence: str) -> None:
    with pytest.raises(Invalid) as caught:
        world.create({name: TABLE})
    assert sentence in caught.value.fields["files"]
    assert Release.select().count() == 0


def test_a_name_twice_a_bad_hash_and_a_size_over_the_limit_are_refused_with_their_place(world: Made) -> None:
    def body(**changes: Any) -> dict[str, Any]:
        facts = {
            "name": "a.csv",
            "url": "a.csv",
            "size": 8,
            "sha256": "0" * 64,
            "date": "2026-01-01T00:00:00+00:00",
        }
        return {**facts, "metadata": {}, "review": None, **changes}

    def refused(*files: dict[str, Any]) -> dict[str, str]:
        announced = announcement_of({"files": list(files), "metadata": {"airlock_id": ID}, "review": None})
        with pytest.raises(Invalid) as caught:
            create_release(by=world.cast.cat, backend=world.backend, workspace="asthma", announced=announced)
        return caught.value.fields

    assert refused(body(), body()) == {"files": "File a.csv is named twice."}
    assert refused(body(sha256="no")) == {"files.0.sha256": "This is not a SHA-256 of 64 hexadecimal digits."}
    assert refused(body(size=int(17.2 * 2**20))) == {
        "files.0.size": "File size should be <1Mb. a.csv is 17.2Mb"
    }
    with pytest.raises(NotFound):
        create_release(
            by=world.cast.cat, backend=world.backend, workspace="no", announced=world.announced(FILES)
        )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "detail"),
        ("text", "detail"),
        ({}, "files"),
        ({"files": [], "metadata": {}}, "review"),
        ({"files": [], "review": None}, "metadata"),
        ({"files": "x", "metadata": {}, "review": None}, "files"),
        ({"files": [1], "metadata": {}, "review": None}, "files.0"),
        ({"files": [{}], "metadata": {}, "review": None}, "files.0.name"),
        ({"files": [{"name": "a", "url": " ", "sha256": "x", "size": "8", "date": "no", "metadata": None}],
          "metadata": {}, "review": None}, "files.0.date"),
    ],
)  # fmt: skip
def test_a_body_that_is_no_announcement_is_refused_by_field(body: object, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        announcement_of(body)
    assert field in caught.value.fields


def test_the_id_of_the_request_becomes_that_of_the_release_and_one_is_chosen_where_none_is_given(
    world: Made,
) -> None:
    body = {"files": [], "metadata": {"tool": "x", "airlock_id": ID}, "review": None}
    announced = announcement_of(body)
    assert announced.release_id == ID and announced.metadata == {"tool": "x"}
    assert len(world.create(release_id="").id) == 26
    with pytest.raises(Invalid):
        world.create(release_id="../../etc")


def test_a_deleted_file_keeps_its_row_and_reason_and_loses_its_bytes(world: Made) -> None:
    world.released()
    file = row("output/table.csv")
    with pytest.raises(Denied, match="Only output checkers"):
        delete_file(by=world.cast.ada, release_id=ID, file_id=file.id, reason="A small count is in it.")
    with pytest.raises(Invalid):
        delete_file(by=world.cast.cat, release_id=ID, file_id=file.id, reason=" ")
    assert row("output/table.csv").is_here
    delete_file(by=world.cast.cat, release_id=ID, file_id=file.id, reason="A small count is in it.")
    file = row("output/table.csv")
    assert (file.is_here, file.deleted_by, file.deleted_reason) == (False, "cat", "A small count is in it.")
    assert bytes_there(world) == [row("output/figure one.svg").sha256]
    with pytest.raises(NotFound):
        open_file(world.workspace, file)
    with pytest.raises(Conflict):
        delete_file(by=world.cast.cyd, release_id=ID, file_id=file.id, reason="A small count is in it.")
    assert said(lambda: world.receive("output/table.csv", TABLE)).startswith("This version of")
    assert bytes_there(world) == [row("output/figure one.svg").sha256], "it does not come back"


def test_two_names_of_one_content_lose_it_only_together(world: Made) -> None:
    world.released({"a.csv": TABLE, "b.csv": TABLE})
    delete_file(by=world.cast.cat, release_id=ID, file_id=row("a.csv").id, reason="Not needed any more.")
    with open_file(world.workspace, row("b.csv")) as file:
        assert file.read() == TABLE
    delete_file(by=world.cast.cat, release_id=ID, file_id=row("b.csv").id, reason="Not needed any more.")
    assert bytes_there(world) == []


def test_a_recall_removes_all_bytes_and_leaves_a_tombstone_with_the_public_reason(world: Made) -> None:
    world.sealed()
    found = revoke(
        by=world.cast.cyd, backend=world.backend, release_id=ID, public_reason="Counts rounded wrongly."
    )
    release = Release.get_by_id(found.id)
    assert (release.recalled_by, release.recalled_reason) == ("cyd", "Counts rounded wrongly.")
    assert not any(row(name).is_here for name in FILES)
    assert row("output/table.csv").deleted_reason == "Counts rounded wrongly."
    assert row("metadata/release-record.json").is_here, "the record of what was released stays"
    revoke(
        by=world.cast.cat, backend=world.backend, release_id=ID, public_reason="Once more, a little later."
    )
    assert Release.get_by_id(ID).recalled_by == "cyd", "a repeated recall changes nothing"
    assert Event.select().where(Event.type == "release:recalled").count() == 1


def test_a_recall_of_one_file_leaves_the_others(world: Made) -> None:
    world.released()
    with pytest.raises(Invalid):
        revoke(
            by=world.cast.cat,
            backend=world.backend,
            release_id=ID,
            public_reason="Counts rounded wrongly.",
            names=["x.csv"],
        )
    revoke(
        by=world.cast.cat,
        backend=world.backend,
        release_id=ID,
        public_reason="Counts rounded wrongly.",
        names=["output/table.csv"],
    )
    assert not row("output/table.csv").is_here and row("output/figure one.svg").is_here
    assert Release.get_by_id(ID).recalled_at is None


def test_a_file_recalled_before_it_arrived_is_not_taken_in(world: Made) -> None:
    world.create()
    revoke(by=world.cast.cat, backend=world.backend, release_id=ID, public_reason="Counts rounded wrongly.")
    assert said(lambda: world.receive("output/table.csv", TABLE)).endswith("is not taken again")
    assert bytes_there(world) == []


def test_the_sweep_removes_what_a_kill_left_and_nothing_else(world: Made) -> None:
    world.released({"a.csv": TABLE, "b.svg": FIGURE})
    deleted = row("a.csv")
    ReleaseFile.update(deleted_at=deleted.created_at, deleted_by="cat").where(
        ReleaseFile.id == deleted.id
    ).execute()
    incoming = storage.current().instance / "releases" / "incoming"
    for name, age in (("old", 2 * 86400), ("young", 60)):
        (incoming / name).write_bytes(b"half")
        os.utime(incoming / name, (deleted.created_at.timestamp() - age,) * 2)
    assert ticks("public")["sweep_releases"] == 60, "also on a public side that uploads nothing itself"
    sweep_releases()
    assert bytes_there(world) == [row("b.svg").sha256]
    assert [path.name for path in incoming.iterdir()] == ["young"]
