"""Bundles: the same release gives the same bytes, and whoever changes one of them is told which file it is in."""

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask

from jobsite.accounts.models import Backend
from jobsite.cli import main
from jobsite.core.errors import NotFound
from jobsite.projects.models import Repo, Workspace
from jobsite.releases import record as records
from jobsite.releases.actions import delete_file
from jobsite.releases.bundles import verifying
from jobsite.releases.bundles.building import Wanted, bundle
from jobsite.releases.bundles.verifying import verify, verify_ed25519
from jobsite.releases.models import ReleaseFile
from jobsite.releases.record import RecordedFinding
from jobsite.releases.signing import public_key, sign
from jobsite.releases.zipping import zipped

from .released import COMMIT, CONTEXT, FILES, ID, TABLE, Made, made


@pytest.fixture
def world(cast: SimpleNamespace, local: Backend) -> Made:
    place = {"kind": "cell", "row": 2, "col": 2, "header": "n", "other": "secret.csv"}
    finding = RecordedFinding("output/table.csv", "C1", 1, "fix", place, "waived")
    return made(cast, local, [finding])


@pytest.fixture
def build(world: Made, app: Flask, tmp_path: Path) -> Callable[..., Path]:
    """`build()` writes the bundle of the release, of some of its files with `names`, and gives its path."""

    def built(*, names: tuple[str, ...] = (), filename: str = "bundle.zip") -> Path:
        rows = ReleaseFile.select().where(~ReleaseFile.is_record).order_by(ReleaseFile.name)
        files = [row for row in rows if not names or row.name in names]
        wanted = Wanted(ID, "A release", f"/asthma/releases/{ID}/", world.workspace, files)
        with app.test_request_context():
            (tmp_path / filename).write_bytes(b"".join(bundle(wanted)))
        return tmp_path / filename

    return built


def wrong(path: Path, *keys: str) -> list[str]:
    """What `verify` found wrong with a bundle."""
    return [line.words for line in verify(path, keys) if not line.holds]


def rewritten(path: Path, changes: dict[str, bytes | None]) -> Path:
    """A copy of a bundle with some entries changed, added, or (None) left out."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()} | changes
    other = path.with_name("changed.zip")
    kept = [(name, data) for name, data in sorted(entries.items()) if data is not None]
    other.write_bytes(b"".join(zipped(kept)))
    return other


def pretty(document: dict[str, str]) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_bundle_is_the_same_bytes_each_time_and_valid(world: Made, build: Callable[..., Path]) -> None:
    world.sealed()
    first, second = build(), build(filename="again.zip")
    assert first.read_bytes() == second.read_bytes()
    assert wrong(first) == [] and wrong(first, public_key()) == []
    found = contents(first)
    assert found["outputs/output/table.csv"] == TABLE
    assert {"bundle.json", "manifest-sha256.txt", "ro-crate-metadata.json", "ro-crate-preview.html",
            f"releases/{ID}/release-record.json", f"releases/{ID}/audit.json"} <= set(found)  # fmt: skip
    checks = json.loads(found["checks/outputs/output/table.csv.json"])
    assert [finding["rule"] for finding in checks["findings"]] == ["C1"]


def test_a_bundle_holds_no_free_text_no_name_of_a_checker_and_no_other_file(
    world: Made, build: Callable[..., Path]
) -> None:
    world.sealed()
    everything = b"\n".join(contents(build()).values()).decode()
    for private in (CONTEXT, "secret.csv", "Castell", '"cat"', "Cyd"):
        assert private not in everything


@pytest.mark.parametrize("is_public", [True, False])
def test_a_bundle_says_how_its_files_were_made_and_holds_code_only_that_everybody_can_read(
    world: Made, build: Callable[..., Path], is_public: bool
) -> None:
    Repo.update(is_private=not is_public).execute()
    world.workspace = Workspace.get()
    world.ran()
    world.sealed()
    found = contents(build())
    told = json.loads(found[f"run/{world.job}.json"])
    assert (told["action"], told["command"], told["commit"]) == ("make_tables", "r:v2 make.R --all", COMMIT)
    assert told["image"] == "r:v2"
    code = [data for name, data in found.items() if name.endswith(".yaml")]
    assert [hashlib.sha256(data).hexdigest() for data in code] == [told["project_yaml_sha256"]] * is_public
    assert ("https://github.com" in told["repository"]) is is_public
    assert wrong(build()) == []


def test_the_crate_tells_of_every_file_job_and_step_with_ids_that_are_all_there(
    world: Made, build: Callable[..., Path]
) -> None:
    world.ran()
    world.sealed()
    found = contents(build())
    graph = {one["@id"]: one for one in json.loads(found["ro-crate-metadata.json"])["@graph"]}
    assert graph["./"]["conformsTo"][0]["@id"] == "https://w3id.org/5s-crate/0.4"
    kinds = {one["@type"] for one in graph.values() if isinstance(one["@type"], str)}
    actions = {
        "CreateAction",
        "AskAction",
        "AssessAction",
        "AuthorizeAction",
        "SendAction",
        "ReceiveAction",
        "Action",
    }
    assert actions <= kinds
    made = graph[f"#job-{world.job}"]
    assert {one["@id"] for one in made["result"]} == {
        "outputs/output/table.csv",
        "outputs/output/figure%20one.svg",
    }
    asked = next(one for one in graph.values() if one["@type"] == "AskAction" and "recipient" in one)
    assert asked["recipient"] == {"@id": "#author"} and asked["agent"] == {"@id": "#checker-1"}
    known = {"https://w3id.org/ro/crate/1.1"} | {found for found in graph if found.startswith("http")}
    for one in graph.values():
        for name, value in one.items():
            for link in value if isinstance(value, list) else [value]:
                target = link.get("@id", "") if isinstance(link, dict) else ""
                outside = target.startswith(("http://schema.org/", "https://w3id.org/shp#"))
                assert not target or outside or target in graph or target in known, (one["@id"], name, target)
    listed = {one["@id"] for one in graph["./"]["hasPart"]}
    assert {quote(name) for name in found} - {"ro-crate-metadata.json", "ro-crate-preview.html"} == listed


def test_every_changed_output_byte_is_named(world: Made, build: Callable[..., Path]) -> None:
    world.sealed()
    path = build()
    for at in range(len(TABLE)):
        changed = bytearray(TABLE)
        changed[at] ^= 1
        other = rewritten(path, {"outputs/output/table.csv": bytes(changed)})
        assert "outputs/output/table.csv has been changed" in wrong(other)


def test_a_change_of_any_entry_names_that_entry(world: Made, build: Callable[..., Path]) -> None:
    world.sealed()
    path = build()
    for name, data in contents(path).items():
        found = wrong(rewritten(path, {name: data + b" "}))
        assert found and any(name in words for words in found), name
        missing = wrong(rewritten(path, {name: None}))
        assert missing and any(name in words for words in missing), name
    assert wrong(rewritten(path, {"extra.txt": b"x"})) == ["extra.txt does not belong to it"]


def test_whoever_lists_changed_bytes_anew_still_lacks_the_signature(
    world: Made, build: Callable[..., Path]
) -> None:
    world.sealed()
    path, forged = build(), b"age,n\n18-39,3\n"
    found = contents(path)
    manifest = found["manifest-sha256.txt"].decode()
    manifest = manifest.replace(hashlib.sha256(TABLE).hexdigest(), hashlib.sha256(forged).hexdigest())
    other = rewritten(path, {"outputs/output/table.csv": forged, "manifest-sha256.txt": manifest.encode()})
    words = wrong(other)
    assert any("not the one that was signed" in one for one in words)
    assert "outputs/output/table.csv has been changed: it is not what was approved" in words


def test_a_bundle_signed_all_anew_with_another_key_fails_with_the_key_of_the_site(
    world: Made, build: Callable[..., Path]
) -> None:
    world.sealed()
    path, key = build(), Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw().hex()
    found = contents(path)
    signed = json.loads(found["manifest-signature.json"])
    head = {name: signed[name] for name in ("format", "manifest", "id")}
    signature = key.sign(records.canonical(head).encode()).hex()
    other = rewritten(
        path,
        {"manifest-signature.json": pretty({**head, "key": public, "signature": signature})},
    )
    assert wrong(other) == [], "without a key the fingerprint is all there is to compare"
    assert any("signed with another key" in words for words in wrong(other, public_key()))


@pytest.mark.parametrize("field", ["record", "row", "head", "policy", "finding"])
def test_a_changed_record_or_audit_row_breaks_chain_or_signature(
    world: Made, build: Callable[..., Path], field: str
) -> None:
    world.sealed()
    path = build()
    found = contents(path)
    record = json.loads(found[f"releases/{ID}/release-record.json"])
    audit = json.loads(found[f"releases/{ID}/audit.json"])
    if field == "record":
        record["software"] = "other"
    elif field == "row":
        audit["rows"][0]["at"] = "2020-01-01T00:00:00.000000Z"
    elif field == "head":
        audit["head"]["record"] = "0" * 64
    elif field == "policy":
        record["policy"]["text"] = "{}"
    else:
        record["files"] = [{**one, "findings": []} for one in record["files"]]
    documents = {"release-record.json": record, "audit.json": audit}
    changed = {f"releases/{ID}/{name}": records.canonical(one).encode() for name, one in documents.items()}
    lines = [line for line in verify(rewritten(path, changed)) if not line.holds and ID in line.test]
    assert lines, "the record or the audit rows themselves fail, not only the manifest"


def test_the_bundle_of_some_files_tells_nothing_of_the_others_and_is_valid(
    world: Made, build: Callable[..., Path]
) -> None:
    world.sealed()
    path = build(names=("output/table.csv",))
    assert wrong(path, public_key()) == []
    everything = b"\n".join(contents(path).values()).decode()
    assert "figure one" not in everything and "outputs/output/table.csv" in everything
    assert hashlib.sha256(FILES["output/figure one.svg"]).hexdigest() not in everything


def test_a_deleted_file_is_told_of_and_the_rest_stays_valid(world: Made, build: Callable[..., Path]) -> None:
    world.sealed()
    row = ReleaseFile.get(name="output/table.csv")
    delete_file(by=world.cast.cat, release_id=ID, file_id=row.id, reason="A small count is in it.")
    path = build()
    assert wrong(path) == []
    assert any("output/table.csv was removed by the site" in line.words for line in verify(path))
    assert TABLE not in b"".join(contents(path).values())
    index = json.loads(contents(path)["bundle.json"])
    stripped = rewritten(path, {"bundle.json": json.dumps({**index, "removed": []}).encode()})
    assert any("output/table.csv was released and is not in the bundle" in words for words in wrong(stripped))


def test_there_is_no_bundle_without_a_record_or_before_all_files_are_there(
    world: Made, build: Callable[..., Path]
) -> None:
    world.released()
    with pytest.raises(NotFound, match="without a release record"):
        build()
    record, audit = world.record(release_id=ID[:-1] + "2")
    texts = {"metadata/release-audit.json": audit.encode(), "metadata/release-record.json": record.encode()}
    world.create({"late.csv": b"n\n5\n", **texts}, ID[:-1] + "2")
    for name, data in texts.items():
        world.receive(name, data, ID[:-1] + "2")
    with pytest.raises(NotFound):
        build(names=("late.csv",))


def test_no_changed_byte_of_the_archive_makes_verify_fail_without_a_sentence(
    world: Made, build: Callable[..., Path]
) -> None:
    world.sealed({"a.csv": b"n\n5\n"})
    path = build()
    data, good = path.read_bytes(), contents(path)
    other = path.with_name("flipped.zip")
    for at in range(0, len(data), 37):
        other.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        if all(line.holds for line in verify(other)):
            assert contents(other) == good, f"byte {at} changed what is in the bundle, and nobody was told"
    for length in (0, 1, 30, len(data) // 2, len(data) - 1):
        other.write_bytes(data[:length])
        assert wrong(other)


def hostile(path: Path, *entries: tuple[zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, data in entries:
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return path


@pytest.mark.parametrize(
    "name",
    ["../up.csv", "/etc/passwd", "a/../../b", "C:/x", "a\\b", "a//b", "./a", "folder/", "a\nb", "a\x1b[2Jb"],
)
def test_hostile_names_in_a_bundle_are_a_sentence(tmp_path: Path, name: str) -> None:
    found = wrong(hostile(tmp_path / "odd.zip", (zipfile.ZipInfo(name), b"x")))
    assert len(found) == 1 and "name" in found[0] and "\x1b" not in found[0] and "\n" not in found[0]


def test_links_doubles_bombs_and_things_that_are_no_archive_are_a_sentence(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("outputs/a.csv")
    link.external_attr = 0o120777 << 16
    assert "link" in wrong(hostile(tmp_path / "link.zip", (link, b"/etc/passwd")))[0]
    with pytest.warns(UserWarning, match="Duplicate"):
        double = hostile(tmp_path / "double.zip", (zipfile.ZipInfo("a"), b"1"), (zipfile.ZipInfo("a"), b"2"))
    assert "twice" in wrong(double)[0]
    bomb = hostile(tmp_path / "bomb.zip", (zipfile.ZipInfo("a.csv"), bytes(128 * 2**20)))
    assert "far more" in wrong(bomb)[0]
    (tmp_path / "text.zip").write_text("not a zip")
    assert "cannot be read" in wrong(tmp_path / "text.zip")[0]
    assert "cannot be read" in wrong(tmp_path / "nothing.zip")[0]
    for name, data in (
        ("bundle.json", b"[" * 100_000),
        ("bundle.json", b"[]"),
        ("bundle.json", b'{"files": 5}'),
    ):
        assert wrong(hostile(tmp_path / "odd.zip", (zipfile.ZipInfo(name), data)))


@pytest.mark.parametrize(
    "index",
    [
        {"releases": ["\\x1b[2J\\x07", "\ud800"], "files": [], "removed": []},
        {
            "releases": ["../../etc"],
            "files": [{"path": "x", "release": "y", "name": "z", "sha256": "\ud800"}],
            "removed": [],
        },
        {"releases": [1], "files": {}, "removed": None},
        {"releases": ["a" * 5000], "files": [{"path": 5}], "removed": []},
    ],
)
def test_a_hostile_index_is_told_in_plain_letters(tmp_path: Path, index: dict[str, object]) -> None:
    text = json.dumps(index).replace("\\\\x1b", "\\u001b").replace("\\\\x07", "\\u0007")
    lines = list(verify(hostile(tmp_path / "odd.zip", (zipfile.ZipInfo("bundle.json"), text.encode()))))
    assert not all(line.holds for line in lines)
    for line in lines:
        assert line.words.isprintable() and line.test.isprintable() and len(line.words) <= 500
        line.words.encode()


def test_signatures_are_judged_as_the_library_judges_them() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public, message = key.public_key().public_bytes_raw().hex(), b"the head"
    signature = key.sign(message).hex()
    assert verify_ed25519(public, message, signature)
    assert not verify_ed25519(public, b"the tail", signature)
    for bad in (signature[:-2], signature + "00", "zz" * 64, "", signature[:64] + "ff" * 32, "00" * 64):
        assert not verify_ed25519(public, message, bad)
    for bad in ("", "00", "ff" * 32, "zz" * 32):
        assert not verify_ed25519(bad, message, signature)


def test_the_key_is_made_once_and_closed_to_others(instance: Path) -> None:
    key, signature = public_key(), sign(b"x")
    assert (public_key(), sign(b"x")) == (key, signature) and verify_ed25519(key, b"x", signature)
    assert (instance / "signing.key").stat().st_mode & 0o777 == 0o600


def test_the_command_and_the_file_alone_say_the_same(
    world: Made, build: Callable[..., Path], tmp_path: Path
) -> None:
    world.sealed()
    path, keys = build(), tmp_path / "site.key"
    keys.write_text(f"the key of the site {public_key()}\n")
    told = CliRunner().invoke(main, ["verify", str(path), "--key", str(keys)])
    assert told.exit_code == 0 and "bundle.zip is valid." in told.output
    alone = [sys.executable, "-S", "-I", verifying.__file__, str(path), str(keys)]
    assert subprocess.run(alone, capture_output=True, text=True, check=True).stdout == told.output
    other = rewritten(path, {"outputs/output/table.csv": b"other"})
    refused = CliRunner().invoke(main, ["verify", str(other)])
    assert refused.exit_code == 1 and "outputs/output/table.csv has been changed" in refused.output
    document = json.loads(CliRunner().invoke(main, ["verify", str(other), "--json"]).output)
    assert document["valid"] is False
    keys.write_text("nothing")
    assert CliRunner().invoke(main, ["verify", str(path), "--key", str(keys)]).exit_code == 1


def test_zips_can_be_read_and_do_not_depend_on_when_they_are_made() -> None:
    data = b"".join(zipped([("a/é.csv", b"1"), ("b.txt", b"")]))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {info.filename: info.date_time[0] for info in archive.infolist()} == {
            "a/é.csv": 1980,
            "b.txt": 1980,
        }
