import json
import os
import stat
import threading
from dataclasses import replace

import pytest

from jobsite.core.files import UnsafePath
from jobsite.store import manifest as manifests
from jobsite.store.collecting import collect
from jobsite.store.level4 import Level4Limits
from jobsite.store.manifest import DamagedManifest
from jobsite.store.metadata import published_before
from jobsite.store.publish import ChangedWhileCopied, publish, record_log
from jobsite.store.roots import Roots

from .conftest import HIGHLY, LOG, MODERATELY, digest

GOOD, BAD = "sex,n\nF,10\n", "patient_id\n1\n"


def manifest_of(study):
    return manifests.read(study.level4, "ws")["outputs"]


def files_in(folder):
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in found if "/." not in path.as_posix())


def test_outputs_lie_at_their_paths_in_the_stores_of_their_level(study):
    study.run(
        {"output/t.csv": GOOD, "output/raw.rds": b"\0raw"},
        {MODERATELY: {"t": "output/t.csv"}, HIGHLY: {"r": "output/*.rds"}},
    )
    assert files_in(study.high) == ["metadata/tables.log", "output/raw.rds", "output/t.csv"]
    assert files_in(study.level4) == ["metadata/manifest.json", "metadata/tables.log", "output/t.csv"]
    assert (study.level4 / "output/t.csv").read_text() == GOOD
    assert not os.path.samefile(study.level4 / "output/t.csv", study.high / "output/t.csv")


def test_the_manifest_has_exactly_the_keys_that_other_programs_read(study):
    study.run({"output/t.csv": GOOD})
    document = json.loads((study.level4 / "metadata/manifest.json").read_text())
    assert (document["workspace"], document["repo"]) == ("ws", None)
    written = (study.high / "output/t.csv").stat()
    assert document["outputs"] == {
        "output/t.csv": {
            "level": MODERATELY,
            "job_id": "0000000000000001",
            "job_request": "request-1",
            "action": "tables",
            "user": "ada",
            "repo": "https://example.org/study",
            "commit": "c" * 40,
            "size": len(GOOD),
            "timestamp": written.st_mtime_ns / 1e9,
            "content_hash": digest(GOOD),
            "excluded": False,
            "message": None,
            "row_count": 1,
            "col_count": 2,
            "out_of_date_action": False,
            "out_of_date_output": False,
        }
    }


def test_times_are_those_at_which_the_job_wrote(study):
    study.jobs += 1
    work_dir = study.work_dir({"a.csv": GOOD})
    os.utime(work_dir / "a.csv", ns=(10**18, 1_600_000_000_500_000_000))
    collected = collect(work_dir, {}, {MODERATELY: {"a": "a.csv"}}, {})
    publish(study.roots, study.facts(), work_dir, collected, Level4Limits(), LOG)
    assert manifest_of(study)["a.csv"]["timestamp"] == 1_600_000_000.5
    assert (study.level4 / "a.csv").stat().st_mtime == 1_600_000_000.5


def test_a_file_that_may_not_be_seen_leaves_a_note_and_an_entry(study):
    published = study.run({"output/t.csv": BAD})
    assert published["output/t.csv"].message == "File has patient_id column"
    assert not (study.level4 / "output/t.csv").exists()
    assert "patient_id" in (study.level4 / "output/t.csv.txt").read_text()
    assert (study.high / "output/t.csv").read_text() == BAD
    entry = manifest_of(study)["output/t.csv"]
    assert (entry["excluded"], entry["message"]) == (True, "File has patient_id column")
    assert "output/t.csv.txt" not in manifest_of(study)


def test_an_excluded_file_leaves_no_earlier_version_at_level_4(study):
    study.run({"output/t.csv": GOOD})
    study.run({"output/t.csv": BAD})
    everything = b"".join(path.read_bytes() for path in study.level4.rglob("*") if path.is_file())
    assert GOOD.encode() not in everything
    assert files_in(study.level4 / "output") == ["t.csv.txt"]


def test_a_file_that_became_more_private_leaves_level_4(study):
    study.run({"output/t.csv": GOOD})
    study.run({"output/t.csv": GOOD}, {HIGHLY: {"t": "output/t.csv"}})
    assert files_in(study.level4) == ["metadata/manifest.json", "metadata/tables.log"]
    assert manifest_of(study)["output/t.csv"]["level"] == HIGHLY


@pytest.mark.parametrize("level", [MODERATELY, HIGHLY])
def test_the_note_goes_when_the_file_is_no_longer_held_back(study, level):
    study.run({"output/t.csv": BAD})
    study.run({"output/t.csv": GOOD}, {level: {"t": "output/t.csv"}})
    assert not (study.level4 / "output/t.csv.txt").exists()


@pytest.mark.parametrize("other_job", [True, False])
def test_a_note_never_takes_the_place_of_an_output_of_its_name(study, other_job):
    if other_job:
        study.run({"output/t.csv.txt": "my own text\n"}, action="figures")
        study.run({"output/t.csv": BAD})
    else:
        study.run({"output/t.csv.txt": "my own text\n", "output/t.csv": BAD})
    assert (study.level4 / "output/t.csv.txt").read_text() == "my own text\n"
    assert manifest_of(study)["output/t.csv"]["excluded"] is True
    assert manifest_of(study)["output/t.csv.txt"]["excluded"] is False


def test_an_output_takes_its_place_from_a_note_of_its_name_and_keeps_it(study):
    study.run({"output/t.csv": BAD})
    study.run({"output/t.csv.txt": "my own text\n"}, action="figures")
    study.run({"output/t.csv": BAD})
    study.run({"output/t.csv": GOOD})
    assert (study.level4 / "output/t.csv.txt").read_text() == "my own text\n"


def test_a_note_of_an_excluded_text_does_not_pose_as_that_text(study):
    study.run({"output/t.csv": BAD})
    study.run({"output/t.csv.txt": "patient_id: 1\n"}, action="figures")
    study.run({"output/t.csv": BAD})
    assert files_in(study.level4 / "output") == ["t.csv.txt.txt"]


def test_outputs_that_a_new_run_did_not_produce_are_out_of_date_and_stay(study):
    study.run({"output/a.csv": GOOD, "output/b.csv": GOOD})
    study.run({"output/f.csv": GOOD}, action="figures")
    study.run({"output/a.csv": GOOD})
    flags = {path: entry["out_of_date_output"] for path, entry in manifest_of(study).items()}
    assert flags == {"output/a.csv": False, "output/b.csv": True, "output/f.csv": False}
    assert (study.level4 / "output/b.csv").exists()


def test_actions_that_left_the_project_file_are_out_of_date_until_they_come_back(study):
    study.run({"output/a.csv": GOOD}, action="tables")
    study.run({"output/f.csv": GOOD}, action="figures", actions=frozenset({"figures"}))
    assert manifest_of(study)["output/a.csv"]["out_of_date_action"] is True
    study.run({"output/f.csv": GOOD}, action="figures", actions=None)
    assert manifest_of(study)["output/a.csv"]["out_of_date_action"] is True
    study.run({"output/f.csv": GOOD}, action="figures")
    assert manifest_of(study)["output/a.csv"]["out_of_date_action"] is False


def test_keys_of_other_programs_in_the_manifest_are_kept(study):
    study.run({"output/a.csv": GOOD})
    path = study.level4 / "metadata/manifest.json"
    document = json.loads(path.read_text())
    document["extra"] = 1
    document["outputs"]["output/a.csv"]["extra"] = 2
    path.write_text(json.dumps(document))
    study.run({"output/f.csv": GOOD}, action="figures")
    document = json.loads(path.read_text())
    assert document["extra"] == 1 and document["outputs"]["output/a.csv"]["extra"] == 2


def test_a_damaged_manifest_stops_the_publication_before_anything_changes(study):
    study.run({"output/a.csv": GOOD})
    (study.level4 / "metadata/manifest.json").write_text("{")
    with pytest.raises(DamagedManifest, match="cannot be read"):
        study.run({"output/a.csv": "n\n1\n"})
    assert (study.high / "output/a.csv").read_text() == GOOD
    assert (study.level4 / "output/a.csv").read_text() == GOOD


def test_a_failed_run_never_overwrites_good_outputs(study):
    study.run({"output/a.csv": GOOD})
    before = (study.level4 / "metadata/manifest.json").read_bytes()
    study.jobs += 1
    work_dir = study.work_dir({"output/a.csv": "worse\n"})
    collected = collect(work_dir, {}, {MODERATELY: {"a": "output/a.csv", "b": "output/b.csv"}}, {})
    with pytest.raises(ValueError, match="succeeded"):
        publish(study.roots, study.facts(), work_dir, collected, Level4Limits(), LOG)
    message = "No outputs found matching patterns"
    record_log(study.roots, study.facts(status_message=message), LOG, collected)
    assert (study.level4 / "output/a.csv").read_text() == GOOD == (study.high / "output/a.csv").read_text()
    assert (study.level4 / "metadata/manifest.json").read_bytes() == before
    log = (study.level4 / "metadata/tables.log").read_text()
    assert "No outputs found matching patterns:\n - output/b.csv" in log and "(no outputs)" in log


@pytest.mark.parametrize("changes", [{"exit_code": 1}, {"cancelled": True}])
def test_only_a_job_that_succeeded_is_published(study, changes):
    with pytest.raises(ValueError, match="succeeded"):
        study.run({"output/a.csv": GOOD}, **changes)
    assert not study.high.exists()


def test_a_cancelled_job_keeps_its_log_to_itself(study):
    study.run({"output/a.csv": GOOD}, log=[b"good run\n"])
    study.jobs += 1
    record_log(study.roots, study.facts(cancelled=True, exit_code=None), [b"cancelled run\n"])
    assert "good run" in (study.high / "metadata/tables.log").read_text()
    attempt = study.roots.attempt_of("0000000000000002", "0000000000000002-001")
    assert "cancelled run" in (attempt / "logs.txt").read_text()
    assert json.loads((attempt / "metadata.json").read_text())["cancelled"] is True


def test_a_file_changed_after_it_was_collected_is_not_published(study):
    study.jobs += 1
    work_dir = study.work_dir({"output/a.csv": GOOD})
    collected = collect(work_dir, {}, {MODERATELY: {"a": "output/a.csv"}}, {})
    (work_dir / "output/a.csv").write_text(BAD)
    with pytest.raises(ChangedWhileCopied, match=r"output/a.csv was changed"):
        publish(study.roots, study.facts(), work_dir, collected, Level4Limits(), LOG)
    assert files_in(study.high) == files_in(study.level4) == []


def test_a_file_swapped_for_a_link_after_it_was_collected_is_not_published(study, tmp_path):
    (tmp_path / "secret").write_text(GOOD)
    study.jobs += 1
    work_dir = study.work_dir({"output/a.csv": GOOD})
    collected = collect(work_dir, {}, {MODERATELY: {"a": "output/a.csv"}}, {})
    (work_dir / "output/a.csv").unlink()
    (work_dir / "output/a.csv").symlink_to(tmp_path / "secret")
    with pytest.raises(UnsafePath):
        publish(study.roots, study.facts(), work_dir, collected, Level4Limits(), LOG)
    assert files_in(study.high) == files_in(study.level4) == []


@pytest.mark.parametrize("path", ["../escape.csv", "/tmp/escape.csv", "output/../../escape.csv"])
def test_no_path_leaves_the_workspace_whoever_asks(study, tmp_path, path):
    study.jobs += 1
    work_dir = study.work_dir({"output/a.csv": GOOD})
    collected = collect(work_dir, {}, {MODERATELY: {"a": "output/a.csv"}}, {})
    file = replace(collected.outputs["output/a.csv"], path=path)
    with pytest.raises(UnsafePath):
        publish(
            study.roots,
            study.facts(),
            work_dir,
            replace(collected, outputs={path: file}),
            Level4Limits(),
            LOG,
        )
    assert not list(tmp_path.rglob("escape.csv"))


@pytest.mark.parametrize(
    "changes", [{"workspace": "../ws"}, {"workspace": ""}, {"action": "../a"}, {"attempt": ".."}]
)
def test_names_that_are_no_names_are_refused_before_anything_is_written(study, changes):
    with pytest.raises(UnsafePath):
        study.run({"output/a.csv": GOOD}, **changes)
    assert files_in(study.instance / "workspaces") == []


@pytest.mark.parametrize("store", ["high", "level4"])
def test_links_planted_in_a_store_are_replaced_and_their_targets_left_alone(study, tmp_path, store):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.csv").write_text("precious")
    study.roots.make("ws")
    (getattr(study, store) / "output").symlink_to(outside)
    study.run({"output/a.csv": GOOD, "output/b.csv": GOOD})
    assert os.listdir(outside) == ["a.csv"] and (outside / "a.csv").read_text() == "precious"
    assert not (getattr(study, store) / "output").is_symlink()
    assert (study.level4 / "output/a.csv").read_text() == GOOD == (study.high / "output/a.csv").read_text()


def test_a_folder_gives_way_to_a_file_and_a_file_to_a_folder(study):
    study.run({"output/x.csv": GOOD, "output/y.csv/b.csv": GOOD})
    study.run({"output/x.csv/b.csv": GOOD, "output/y.csv": GOOD}, action="figures")
    entries = manifest_of(study)
    assert {path for path, entry in entries.items() if entry["out_of_date_output"]} == {
        "output/x.csv",
        "output/y.csv/b.csv",
    }
    for root in (study.high, study.level4):
        assert files_in(root / "output") == ["x.csv/b.csv", "y.csv"]


def test_repeating_a_publication_changes_nothing(study):
    study.jobs += 1
    work_dir = study.work_dir({"output/a.csv": GOOD, "output/b.csv": BAD})
    collected = collect(work_dir, {}, {MODERATELY: {"all": "output/*.csv"}}, {})
    arguments = (study.roots, study.facts(), work_dir, collected, Level4Limits(), LOG)
    first = publish(*arguments)
    document = (study.level4 / "metadata/manifest.json").read_bytes()
    listed = files_in(study.level4)
    assert publish(*arguments) == first
    assert (study.level4 / "metadata/manifest.json").read_bytes() == document
    assert files_in(study.level4) == listed


def test_the_result_can_be_told_again_from_the_record(study):
    published = study.run({"output/a.csv": GOOD, "output/b.csv": BAD})
    assert published_before(study.roots, "0000000000000001", "0000000000000001-001") == published
    assert published_before(study.roots, "0000000000000001", "0000000000000001-002") is None


def test_jobs_of_one_workspace_published_at_once_are_both_in_the_manifest(study):
    runs = []
    for number in range(8):
        study.jobs += 1
        work_dir = study.work_dir({f"output/{number}.csv": f"n\n{number}\n" * 50})
        collected = collect(work_dir, {}, {MODERATELY: {"all": "output/*.csv"}}, {})
        facts = study.facts(f"action{number}", actions=None)
        runs.append((study.roots, facts, work_dir, collected, Level4Limits(), LOG))
    threads = [threading.Thread(target=publish, args=run) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = manifest_of(study)
    assert sorted(entries) == [f"output/{number}.csv" for number in range(8)]
    for path, entry in entries.items():
        assert digest((study.level4 / path).read_bytes()) == entry["content_hash"]


def test_nothing_of_a_publication_is_left_beside_the_outputs(study):
    study.run({"output/a.csv": GOOD})
    study.run({"output/a.csv": "n\n2\n"})
    for root in (study.high, study.level4):
        assert os.listdir(root / "metadata/.publishing") == []
    assert not (study.level4 / "metadata/.content").exists()


def test_files_and_folders_are_closed_to_others_whatever_the_umask(study):
    before = os.umask(0)
    try:
        study.run({"output/deep/a.csv": GOOD, "output/deep/b.csv": BAD})
    finally:
        os.umask(before)
    for path in (*study.level4.rglob("*"), *study.high.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o027 == 0, path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to any group")
def test_level_4_belongs_to_the_reviewers_group_and_the_other_store_does_not(study):
    roots = replace(study.roots, group=4242)
    study.jobs += 1
    work_dir = study.work_dir({"output/a.csv": GOOD, "output/b.csv": BAD})
    collected = collect(work_dir, {}, {MODERATELY: {"all": "output/*.csv"}}, {})
    publish(roots, study.facts(), work_dir, collected, Level4Limits(), LOG)
    assert {path.stat().st_gid for path in (study.level4, *study.level4.rglob("*"))} == {4242}
    assert 4242 not in {path.stat().st_gid for path in study.high.rglob("*")}


def test_the_roots_may_lie_anywhere(tmp_path, study):
    roots = Roots(tmp_path / "a", tmp_path / "b", tmp_path / "c")
    study.jobs += 1
    work_dir = study.work_dir({"x.csv": GOOD})
    collected = collect(work_dir, {}, {MODERATELY: {"x": "x.csv"}}, {})
    publish(roots, study.facts(), work_dir, collected, Level4Limits(), LOG)
    assert (tmp_path / "a/ws/x.csv").exists() and (tmp_path / "b/ws/x.csv").exists()
    assert (tmp_path / "c/0000000000000001/0000000000000001-001/metadata.json").exists()


def test_a_full_disk_leaves_the_old_set_and_no_rubbish(study):
    study.run({"output/a.csv": GOOD})
    study.jobs += 1
    work_dir = study.work_dir({"output/a.csv": "x,y\n" + "1,2\n" * 100})
    collected = collect(work_dir, {}, {MODERATELY: {"a": "output/a.csv"}}, {})

    def failing_log():
        yield b"some lines\n"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        publish(study.roots, study.facts(), work_dir, collected, Level4Limits(), failing_log())
    assert (study.level4 / "output/a.csv").read_text() == GOOD
    assert os.listdir(study.high / "metadata/.publishing") == []
    assert manifest_of(study)["output/a.csv"]["job_id"] == "0000000000000001"


@pytest.fixture
def flushes(monkeypatch):
    """What the system is told to bring to disk, and each new name of a file, in order."""
    told = []
    fsync, rename = os.fsync, os.rename

    def noted_fsync(descriptor):
        fsync(descriptor)
        told.append(("flush", os.readlink(f"/proc/self/fd/{descriptor}")))

    def noted_rename(source, target, *, src_dir_fd=None, dst_dir_fd=None):
        rename(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        if dst_dir_fd is not None:
            told.append(("name", f"{os.readlink(f'/proc/self/fd/{dst_dir_fd}')}/{target}"))

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "rename", noted_rename)
    return told


def test_before_the_plan_is_written_all_that_it_promises_is_on_disk(study, flushes):
    study.run({"output/t.csv": GOOD, "output/bad.csv": BAD})
    high, low = study.roots.staging_of("ws", f"{study.jobs:016}-001")
    plan = flushes.index(("name", f"{high}/plan.json"))
    before = {path for what, path in flushes[:plan] if what == "flush"}
    attempt = study.roots.jobs / f"{study.jobs:016}" / f"{study.jobs:016}-001"
    wanted = [high / "files/output/t.csv", high / "files/output/bad.csv", low / "files/output/t.csv"]
    wanted += [low / "files/output/bad.csv.txt", high / "log", low / "log", attempt]
    wanted += [high / "files/output", high, high.parent, low / "files/output", low, low.parent]
    assert [path for path in wanted if str(path) not in before] == []
    assert os.path.samefile(attempt / "logs.txt", study.high / "metadata/tables.log"), (
        "flushed with its other name"
    )


def test_before_the_plan_goes_all_that_it_has_done_is_on_disk(study, flushes):
    study.run({"output/t.csv": GOOD})
    first = len(flushes)
    study.run({"output/t.csv": "n\n2\n", "new/t.csv": GOOD})
    moved = flushes.index(("name", f"{study.level4}/output/t.csv"), first)
    after = {path for what, path in flushes[moved:] if what == "flush"}
    attempt = study.roots.jobs / f"{study.jobs:016}" / f"{study.jobs:016}-001"
    wanted = [study.high / "output", study.high / "new", study.level4 / "output", study.level4 / "new"]
    wanted += [study.high, study.level4, study.high / "metadata", study.level4 / "metadata"]
    wanted += [attempt / "metadata.json", attempt]
    assert [path for path in wanted if str(path) not in after] == []
    kept = ("flush", str(study.high / "metadata/.content"))
    assert kept in flushes[first:moved], "replaced content has its second name before it loses the first"


def test_many_outputs_are_flushed_together(study, flushes):
    study.run({f"output/{number}.csv": GOOD for number in range(100)})
    assert len([what for what, _ in flushes if what == "flush"]) < 40
