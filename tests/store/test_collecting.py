import os
import socket
import stat

import pytest

from jobsite.core.files import remove_tree
from jobsite.store.collecting import Input, collect, unmatched_hint, unmatched_message

from .conftest import HIGHLY, MODERATELY, digest, prepared_listing

ROOT = os.geteuid() == 0
CSV = {MODERATELY: {"tables": "output/*.csv"}}


def write(folder, path, data=b"a\n1\n"):
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(data)


def test_a_new_file_that_a_pattern_matches_is_an_output(work_dir):
    write(work_dir, "output/a.csv")
    collected = collect(work_dir, {}, CSV, {})
    file = collected.outputs["output/a.csv"]
    assert (file.level, file.size, file.sha256) == (MODERATELY, 4, digest(b"a\n1\n"))
    assert file.mtime_ns == (work_dir / "output/a.csv").stat().st_mtime_ns
    assert collected.complete and collected.unmatched_outputs == ()


def test_files_that_were_there_before_are_no_outputs(work_dir):
    write(work_dir, "output/checked-out.csv")
    collected = collect(work_dir, prepared_listing(work_dir), CSV, {})
    assert collected.outputs == {} and collected.unmatched_patterns == ("output/*.csv",)


@pytest.mark.parametrize("change", ["content", "size", "time", "inode", "same bytes again"])
def test_a_file_that_the_job_wrote_is_an_output_even_with_the_same_bytes(work_dir, change):
    path = work_dir / "output/a.csv"
    write(work_dir, "output/a.csv")
    os.utime(path, ns=(10**18, 10**18))
    prepared = prepared_listing(work_dir)
    if change == "inode":
        write(work_dir, "output/new.csv")
        os.utime(work_dir / "output/new.csv", ns=(10**18, 10**18))
        os.rename(work_dir / "output/new.csv", path)
    elif change == "time":
        os.utime(path, ns=(10**18, 10**18 + 1))
    else:
        path.write_bytes({"content": b"b\n2\n", "size": b"a\n"}.get(change, b"a\n1\n"))
    assert list(collect(work_dir, prepared, CSV, {}).outputs) == ["output/a.csv"]


def test_dot_files_are_matched_and_sub_folders_are_not(work_dir):
    for path in ("output/.a.csv", "output/sub/b.csv", "c.csv"):
        write(work_dir, path)
    collected = collect(work_dir, {}, CSV, {})
    assert list(collected.outputs) == ["output/.a.csv"]
    assert set(collected.unmatched_outputs) == {"output/sub/b.csv", "c.csv"}


def test_the_most_private_of_several_matching_levels_wins_and_is_reported(work_dir):
    write(work_dir, "output/a.csv")
    collected = collect(work_dir, {}, {**CSV, HIGHLY: {"all": "*/a.*v", "same": "output/*.csv"}}, {})
    assert collected.outputs["output/a.csv"].level == HIGHLY
    assert collected.raised == (f"output/a.csv matches output patterns of 2 levels: it is kept as {HIGHLY}.",)
    assert collected.complete


def test_an_output_with_the_bytes_of_a_more_private_input_takes_its_level(work_dir):
    write(work_dir, "output/copy.csv", b"secret")
    write(work_dir, "output/own.csv", b"own")
    inputs = {
        "output/extract.csv": Input(HIGHLY, digest(b"secret")),
        "x.csv": Input(MODERATELY, digest(b"secret")),
    }
    collected = collect(work_dir, {}, CSV, inputs)
    assert collected.outputs["output/copy.csv"].level == HIGHLY
    assert collected.outputs["output/own.csv"].level == MODERATELY
    assert collected.raised == (
        f"output/copy.csv has the same content as the input output/extract.csv: it is kept as {HIGHLY}.",
    )


def test_a_less_private_input_and_an_empty_one_change_no_level(work_dir):
    write(work_dir, "output/empty.csv", b"")
    write(work_dir, "output/b.csv", b"b")
    inputs = {"e": Input(HIGHLY, digest(b"")), "b": Input(MODERATELY, digest(b"b"))}
    collected = collect(
        work_dir, {}, {HIGHLY: {"b": "output/b.csv"}, MODERATELY: {"e": "output/empty.csv"}}, inputs
    )
    assert collected.outputs["output/empty.csv"].level == MODERATELY
    assert collected.outputs["output/b.csv"].level == HIGHLY
    assert collected.raised == ()


def test_unmatched_patterns_are_listed_with_the_nearest_new_files(work_dir):
    write(work_dir, "output/tabel.csv")
    write(work_dir, "notes.txt")
    outputs = {MODERATELY: {"t": "output/table.csv", "f": "output/*.png"}, HIGHLY: {"x": "extract.csv"}}
    collected = collect(work_dir, {}, outputs, {})
    assert not collected.complete
    assert collected.unmatched_patterns == ("output/table.csv", "output/*.png", "extract.csv")
    assert collected.unmatched_outputs[0] == "output/tabel.csv"
    message = "No outputs found matching patterns:\n - output/table.csv\n - output/*.png\n - extract.csv"
    assert unmatched_message(collected) == message
    hint = "Did you mean to match one of these files instead?\n - output/tabel.csv"
    assert unmatched_hint(collected).startswith(hint)


def test_an_action_without_patterns_succeeds_without_outputs(work_dir):
    write(work_dir, "output/a.csv")
    collected = collect(work_dir, {}, {MODERATELY: {}}, {})
    assert collected.complete and collected.outputs == {}
    assert unmatched_message(collected) == unmatched_hint(collected) == ""


def _link(folder, outside):
    (folder / "output/bad.csv").symlink_to(outside)


def _link_to_own(folder, outside):
    write(folder, "real.txt")
    (folder / "output/bad.csv").symlink_to("../real.txt")


def _dangling(folder, outside):
    (folder / "output/bad.csv").symlink_to("nowhere")


def _hard_link(folder, outside):
    os.link(outside, folder / "output/bad.csv")


def _two_hard_links(folder, outside):
    os.link(outside, folder / "output/bad.csv")
    os.link(outside, folder / "other-name")


def _pipe(folder, outside):
    os.mkfifo(folder / "output/bad.csv")


def _socket(folder, outside):
    before = os.getcwd()
    os.chdir(folder / "output")
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("bad.csv")
    finally:
        os.chdir(before)


def _device(folder, outside):
    os.mknod(folder / "output/bad.csv", stat.S_IFCHR | 0o666, os.makedev(1, 5))


def _unreadable(folder, outside):
    write(folder, "output/bad.csv")
    (folder / "output/bad.csv").chmod(0)


HOSTILE = [
    (_link, "is a link"),
    (_link_to_own, "is a link"),
    (_dangling, "is a link"),
    (_hard_link, "is a hard link to a file outside of the job's directory"),
    (_two_hard_links, "is a hard link to a file outside of the job's directory"),
    (_pipe, "is not a regular file"),
    (_socket, "is not a regular file"),
    pytest.param(
        _device,
        "is not a regular file",
        marks=pytest.mark.skipif(not ROOT, reason="only root can make device nodes"),
    ),
    pytest.param(
        _unreadable, "cannot be read", marks=pytest.mark.skipif(ROOT, reason="root can read everything")
    ),
]


@pytest.mark.parametrize(("make", "reason"), HOSTILE)
def test_links_and_special_files_are_named_and_are_no_outputs(work_dir, tmp_path, make, reason):
    (tmp_path / "secret").write_text("secret")
    (work_dir / "output").mkdir()
    make(work_dir, tmp_path / "secret")
    collected = collect(work_dir, {}, CSV, {})
    assert collected.outputs == {} and not collected.complete
    assert collected.refused["output/bad.csv"] == reason


def test_files_behind_a_linked_folder_are_not_reached(work_dir, tmp_path):
    write(tmp_path, "elsewhere/a.csv", b"secret")
    (work_dir / "output").symlink_to(tmp_path / "elsewhere")
    collected = collect(work_dir, {}, CSV, {})
    assert collected.outputs == {} and collected.refused == {"output": "is a link"}


def test_links_that_were_checked_out_are_not_worth_a_remark(work_dir):
    (work_dir / "current").symlink_to("nowhere")
    assert collect(work_dir, prepared_listing(work_dir), {}, {}).refused == {}


def test_a_file_with_two_names_in_the_job_is_an_output(work_dir):
    write(work_dir, "output/a.csv")
    os.link(work_dir / "output/a.csv", work_dir / "output/b.csv")
    assert sorted(collect(work_dir, {}, CSV, {}).outputs) == ["output/a.csv", "output/b.csv"]


@pytest.mark.parametrize("name", [b"new\nline.csv", b"back\\slash.csv", b"latin\xe9.csv", b"bell\x07.csv"])
def test_a_name_that_cannot_be_stored_is_refused_and_shown_escaped(work_dir, name):
    (work_dir / "output").mkdir()
    with open(os.fsencode(work_dir) + b"/output/" + name, "wb"):
        pass
    collected = collect(work_dir, {}, CSV, {})
    assert collected.outputs == {}
    [(shown, reason)] = collected.refused.items()
    assert reason == "has a name that cannot be stored" and shown.isprintable()


@pytest.mark.parametrize(
    "name", ["$(rm).csv", "a b;c.csv", "<script>.csv", "-rf.csv", "é∑.csv", "{a}~'\".csv"]
)
def test_odd_but_harmless_names_are_outputs(work_dir, name):
    write(work_dir, f"output/{name}")
    assert list(collect(work_dir, {}, CSV, {}).outputs) == [f"output/{name}"]


def test_the_folder_of_the_logs_takes_no_outputs(work_dir):
    write(work_dir, "metadata/manifest.json")
    collected = collect(work_dir, {}, {MODERATELY: {"m": "*/manifest.json"}}, {})
    assert collected.outputs == {}
    assert collected.refused == {"metadata/manifest.json": "lies in metadata/, which is kept for logs"}


def test_folders_nested_without_end_do_not_stop_the_job_from_being_finished(work_dir):
    write(work_dir, "output/a.csv")
    folder = os.open(work_dir, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("deep", dir_fd=folder)
        below = os.open("deep", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    try:
        collected = collect(work_dir, {}, CSV, {})
    finally:
        remove_tree(work_dir)  # pytest's own way to clean up is recursive
    assert list(collected.outputs) == ["output/a.csv"]
    assert list(collected.refused.values()) == ["is nested more than 100 levels deep"]


@pytest.mark.skipif(ROOT, reason="root can read everything")
def test_a_folder_closed_by_the_job_is_named(work_dir):
    write(work_dir, "output/a.csv")
    write(work_dir, "closed/b.csv")
    (work_dir / "closed").chmod(0)
    collected = collect(work_dir, {}, CSV, {})
    (work_dir / "closed").chmod(0o700)
    assert collected.refused == {"closed": "is a directory that cannot be read"}
    assert list(collected.outputs) == ["output/a.csv"]


def test_a_missing_working_directory_is_an_error_and_not_an_empty_result(tmp_path):
    with pytest.raises(FileNotFoundError):
        collect(tmp_path / "gone", {}, CSV, {})
