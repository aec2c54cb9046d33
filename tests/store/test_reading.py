import json
import os
import threading

import pytest

from jobsite.core.files import UnsafePath
from jobsite.store.collecting import collect
from jobsite.store.kinds import kind_of
from jobsite.store.level4 import Level4Limits
from jobsite.store.publish import publish
from jobsite.store.reading import NotAtLevel4, entry_of, listing, open_level4, open_log

from .conftest import HIGHLY, LOG, MODERATELY

GOOD, BAD = "sex,n\nF,10\n", "patient_id\n1\n"


def paths(study, q=""):
    return [entry.path for entry in listing(study.roots, "ws", q).entries]


def read(study, path):
    with open_level4(study.roots, "ws", path).file as file:
        return file.read().decode()


def change_manifest(study, change):
    path = study.level4 / "metadata/manifest.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_only_moderately_sensitive_outputs_are_listed_held_back_ones_with_their_reason(study):
    study.run(
        {"output/a.csv": GOOD, "output/b.csv": BAD, "output/raw.rds": b"\0"},
        {MODERATELY: {"t": "output/*.csv"}, HIGHLY: {"r": "output/*.rds"}},
    )
    good, held_back = listing(study.roots, "ws").entries
    assert (good.path, good.action, good.size, good.row_count, good.col_count) == (
        "output/a.csv",
        "tables",
        11,
        1,
        2,
    )
    assert (good.excluded, good.message, good.kind.name, good.current) == (False, None, "csv", True)
    assert (held_back.excluded, held_back.message) == (True, "File has patient_id column")


def test_outputs_out_of_date_are_listed_and_marked(study):
    study.run({"output/a.csv": GOOD, "output/b.csv": GOOD})
    study.run({"output/a.csv": GOOD}, actions=frozenset())
    a, b = listing(study.roots, "ws").entries
    assert (a.out_of_date_output, a.out_of_date_action, a.current) == (False, True, False)
    assert (b.out_of_date_output, b.out_of_date_action, b.current) == (True, True, False)


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("", ["output/Table1.csv", "output/figures/km.png", "output/table2.csv"]),
        ("table", ["output/Table1.csv", "output/table2.csv"]),
        ("TABLE1", ["output/Table1.csv"]),
        ("csv 1", ["output/Table1.csv"]),
        ("1 csv", ["output/Table1.csv"]),
        ("*.csv", ["output/Table1.csv", "output/table2.csv"]),
        ("*.CSV 2", ["output/table2.csv"]),
        ("output/*", ["output/Table1.csv", "output/figures/km.png", "output/table2.csv"]),
        ("km*", ["output/figures/km.png"]),
        ("*m.p*", ["output/figures/km.png"]),
        ("figures", ["output/figures/km.png"]),
        ("describe", ["output/Table1.csv", "output/figures/km.png", "output/table2.csv"]),
        ("describe km", ["output/figures/km.png"]),
        ("t[a]ble", []),
        ("?", []),
        ("table km", []),
        ("*" * 200 + "x", []),
    ],
)
def test_search_takes_all_words_in_any_order_and_case_on_path_and_action(study, q, found):
    files = {"output/Table1.csv": GOOD, "output/table2.csv": GOOD, "output/figures/km.png": b"no image"}
    study.run(files, action="describe", actions=frozenset({"describe"}))
    assert paths(study, q) == found


def test_the_list_comes_from_the_manifest_and_not_from_the_directory(study):
    study.run({"output/a.csv": GOOD})
    study.write(study.level4, {"output/stray.csv": GOOD, "metadata/notes.txt": "x", "releases/a.csv": GOOD})
    assert paths(study) == ["output/a.csv"]
    with pytest.raises(NotAtLevel4):
        open_level4(study.roots, "ws", "output/stray.csv")


def test_hidden_files_and_our_own_folders_are_never_shown(study):
    study.run({".hidden.csv": GOOD, "output/.a/b.csv": GOOD, "releases/c.csv": GOOD, "output/d.csv": GOOD})
    assert paths(study) == ["output/d.csv"]
    for path in (
        ".hidden.csv",
        "output/.a/b.csv",
        "releases/c.csv",
        "metadata/manifest.json",
        "metadata/tables.log",
    ):
        with pytest.raises(NotAtLevel4):
            open_level4(study.roots, "ws", path)


def test_logs_are_listed_by_action_and_nothing_else_of_their_folder(study):
    study.run({"output/a.csv": GOOD})
    study.run({"output/f.csv": GOOD}, action="figures")
    study.write(study.level4, {"metadata/stray.txt": "x"})
    (study.level4 / "metadata/link.log").symlink_to("manifest.json")
    logs = listing(study.roots, "ws").logs
    assert [(log.action, log.path) for log in logs] == [
        ("figures", "metadata/figures.log"),
        ("tables", "metadata/tables.log"),
    ]
    assert logs[0].size == (study.level4 / "metadata/figures.log").stat().st_size
    assert [log.action for log in listing(study.roots, "ws", "fig").logs] == ["figures"]
    with open_log(study.roots, "ws", "tables") as file:
        assert file.read().startswith(LOG[0])


@pytest.mark.parametrize("action", ["none", "link"])
def test_a_log_that_is_not_there_or_a_link_is_not_opened(study, action):
    study.run({"output/a.csv": GOOD})
    (study.level4 / "metadata/link.log").symlink_to("manifest.json")
    with pytest.raises(NotAtLevel4):
        open_log(study.roots, "ws", action)


@pytest.mark.parametrize("action", ["../../../high/ws/output/raw", "a/b", "", "a\0b"])
def test_a_log_is_only_asked_for_by_the_name_of_an_action(study, action):
    with pytest.raises(UnsafePath):
        open_log(study.roots, "ws", action)


@pytest.mark.parametrize("workspace", ["..", ".", "", "a/b", "../ws", "a\0"])
def test_what_is_no_workspace_name_reaches_no_file(study, workspace):
    with pytest.raises(UnsafePath):
        listing(study.roots, workspace)
    with pytest.raises(UnsafePath):
        open_level4(study.roots, workspace, "output/a.csv")


def test_a_file_is_opened_with_its_entry(study):
    study.run({"output/a.csv": GOOD})
    opened = open_level4(study.roots, "ws", "output/a.csv")
    with opened.file as file:
        assert file.read().decode() == GOOD
    assert opened.entry == entry_of(study.roots, "ws", "output/a.csv")


def test_a_file_held_back_is_not_opened_and_its_reason_is_told(study):
    study.run({"output/a.csv": BAD})
    with pytest.raises(NotAtLevel4, match="held back from level 4: File has patient_id column"):
        open_level4(study.roots, "ws", "output/a.csv")
    assert entry_of(study.roots, "ws", "output/a.csv").excluded


@pytest.mark.parametrize(
    "path", ["../high/ws/output/raw.rds", "/etc/passwd", "output/../output/a.csv", "output//a.csv", ""]
)
def test_only_paths_of_the_manifest_are_opened(study, path):
    study.run({"output/a.csv": GOOD})
    with pytest.raises(NotAtLevel4):
        open_level4(study.roots, "ws", path)


def _changed(study, tmp_path):
    (study.level4 / "output/a.csv").write_text("sex,n\nF,99\n")


def _deleted(study, tmp_path):
    (study.level4 / "output/a.csv").unlink()


def _linked(study, tmp_path):
    (tmp_path / "copy").write_text(GOOD)
    (study.level4 / "output/a.csv").unlink()
    (study.level4 / "output/a.csv").symlink_to(tmp_path / "copy")


def _folder_linked(study, tmp_path):
    os.rename(study.level4 / "output", tmp_path / "moved")
    (study.level4 / "output").symlink_to(tmp_path / "moved")


def _pipe(study, tmp_path):
    (study.level4 / "output/a.csv").unlink()
    os.mkfifo(study.level4 / "output/a.csv")


@pytest.mark.parametrize("damage", [_changed, _deleted, _linked, _folder_linked, _pipe])
def test_only_the_bytes_that_were_produced_are_shown(study, tmp_path, damage):
    study.run({"output/a.csv": GOOD})
    damage(study, tmp_path)
    with pytest.raises(NotAtLevel4, match="no longer at level 4 as it was produced"):
        open_level4(study.roots, "ws", "output/a.csv")


def test_a_workspace_without_files_has_an_empty_list(study):
    found = listing(study.roots, "ws")
    assert (found.entries, found.logs, found.problems, found.version) == ((), (), (), "")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"outputs": []}', '{"outputs": 1}', "[" * 100_000, "\udcff"]
)
def test_a_damaged_manifest_gives_a_sentence(study, text):
    study.run({"output/a.csv": GOOD})
    (study.level4 / "metadata/manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    found = listing(study.roots, "ws")
    assert found.entries == () and found.problems[0].startswith("The manifest of workspace ws ")
    assert [log.action for log in found.logs] == ["tables"]


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        "text",
        {},
        {"level": MODERATELY},
        {"level": "new_level", "size": 1, "content_hash": "0" * 64},
        {"level": MODERATELY, "size": "many", "content_hash": "0" * 64},
        {"level": MODERATELY, "size": float("inf"), "content_hash": "0" * 64},
        {"level": MODERATELY, "size": 1, "content_hash": "../../../high/ws/output/raw.rds"},
        {"level": MODERATELY, "size": 1, "content_hash": None},
        {"level": [MODERATELY], "size": 1, "content_hash": "0" * 64},
    ],
)
def test_a_broken_entry_is_skipped_and_named_and_the_others_are_shown(study, broken):
    study.run({"output/a.csv": GOOD})
    change_manifest(study, lambda document: document["outputs"].update({"output/x.csv": broken}))
    found = listing(study.roots, "ws")
    assert [entry.path for entry in found.entries] == ["output/a.csv"]
    assert found.problems == ("The manifest's entry for output/x.csv is damaged and is not shown.",)


@pytest.mark.parametrize("path", ["../x.csv", "/etc/passwd", "a\\b.csv", "a\nb.csv", "a//b.csv", ""])
def test_an_entry_whose_path_leaves_the_workspace_is_skipped_and_named(study, path):
    study.run({"output/a.csv": GOOD})
    change_manifest(study, lambda d: d["outputs"].update({path: d["outputs"]["output/a.csv"]}))
    found = listing(study.roots, "ws")
    assert [entry.path for entry in found.entries] == ["output/a.csv"]
    assert len(found.problems) == 1 and found.problems[0].isprintable()


def test_optional_keys_may_be_missing(study):
    study.run({"output/a.csv": GOOD})
    needed = ("level", "size", "content_hash")

    def strip(document):
        entry = document["outputs"]["output/a.csv"]
        document["outputs"]["output/a.csv"] = {key: entry[key] for key in needed}

    change_manifest(study, strip)
    [entry] = listing(study.roots, "ws").entries
    assert (entry.action, entry.excluded, entry.row_count, entry.current) == ("", False, None, True)
    assert read(study, "output/a.csv") == GOOD


def test_the_version_of_a_list_changes_with_the_manifest(study):
    study.run({"output/a.csv": GOOD})
    first = listing(study.roots, "ws").version
    assert first and listing(study.roots, "ws").version == first
    study.run({"output/a.csv": GOOD})
    assert listing(study.roots, "ws").version != first


def test_readers_see_one_whole_set_while_others_are_published(study):
    runs = []
    for number in range(12):
        study.jobs += 1
        work_dir = study.work_dir({f"output/{name}.csv": f"n\n{number}\n" for name in "abc"})
        collected = collect(work_dir, {}, {MODERATELY: {"all": "output/*.csv"}}, {})
        runs.append((study.roots, study.facts(), work_dir, collected, Level4Limits(), LOG))
    publish(*runs[0])

    def publish_the_rest():
        for run in runs[1:]:
            publish(*run)

    writer = threading.Thread(target=publish_the_rest)
    writer.start()
    reads = 0
    while writer.is_alive() or not reads:
        for name in "abc":
            opened = open_level4(study.roots, "ws", f"output/{name}.csv")
            with opened.file as file:
                number = int(opened.entry.job) - 1
                assert file.read().decode() == f"n\n{number}\n"
        reads += 1
    writer.join()
    assert read(study, "output/a.csv") == "n\n11\n"


@pytest.mark.parametrize(
    ("path", "kind", "content_type"),
    [
        ("a.csv", "csv", "text/csv; charset=utf-8"),
        ("a.CSV", "csv", "text/csv; charset=utf-8"),
        ("a.png", "image", "image/png"),
        ("a.jpg", "image", "image/jpeg"),
        ("a.jpeg", "image", "image/jpeg"),
        ("a.svg", "svg", "image/svg+xml"),
        ("a.svgz", "svgz", "image/svg+xml"),
        ("a.html", "html", "text/html; charset=utf-8"),
        ("a.txt", "text", "text/plain; charset=utf-8"),
        ("a.md", "text", "text/plain; charset=utf-8"),
        ("a.json", "json", "application/json"),
        ("metadata/a.log", "log", "text/plain; charset=utf-8"),
        ("a.svg.exe", "other", "application/octet-stream"),
        ("a", "other", "application/octet-stream"),
        (".csv", "other", "application/octet-stream"),
        ("a.html/b", "other", "application/octet-stream"),
    ],
)
def test_the_kind_of_a_file_is_told_by_its_suffix_alone(path, kind, content_type):
    assert kind_of(path) == (kind, content_type)
