import os
import shutil

import pytest

from jobsite.store.content import MissingInput, has_outputs, input_files, release_content
from jobsite.store.roots import locked

from .conftest import HIGHLY, digest

A1, A2 = "n\n1\n", "n\n2\n"


def recorded(published):
    return {path: file.content_hash for path, file in published.items()}


def test_a_job_has_its_outputs_as_long_as_they_are_what_was_recorded(study):
    before = recorded(study.run({"output/a.csv": A1, "output/b.rds": b"\0"}, {HIGHLY: {"x": "output/*.*"}}))
    assert has_outputs(study.roots, "ws", before)
    after = recorded(study.run({"output/a.csv": A2}))
    assert not has_outputs(study.roots, "ws", before)
    assert has_outputs(study.roots, "ws", after)


def test_a_job_without_outputs_has_them_all(study):
    assert has_outputs(study.roots, "ws", {})


@pytest.mark.parametrize(
    "damage", ["deleted", "changed", "same size and time", "linked", "folder", "workspace deleted"]
)
def test_outputs_that_were_lost_or_changed_are_noticed(study, tmp_path, damage):
    given = recorded(study.run({"output/a.csv": A1}))
    path = study.high / "output/a.csv"
    status = path.stat()
    if damage == "changed":
        path.write_text("changed\n")
    elif damage == "workspace deleted":
        shutil.rmtree(study.high)
    else:
        path.rename(
            tmp_path / "taken away"
        )  # not removed: its inode could be that of what comes in its place
    if damage == "same size and time":
        path.write_text(A2)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif damage == "linked":
        (tmp_path / "copy").write_text(A1)
        path.symlink_to(tmp_path / "copy")
    elif damage == "folder":
        path.mkdir()
    assert not has_outputs(study.roots, "ws", given)


def test_outputs_that_were_restored_byte_for_byte_count_again(study):
    given = recorded(study.run({"output/a.csv": A1}))
    (study.high / "output/a.csv").unlink()
    (study.high / "output/a.csv").write_text(A1)
    assert has_outputs(study.roots, "ws", given)


def test_what_is_known_about_files_survives_a_restart_and_saves_reading_them(study):
    given = recorded(study.run({"output/a.csv": A1}))
    path = study.high / "output/a.csv"
    status = path.stat()
    # Other bytes behind the same identity cannot be seen without reading: so this shows that nothing was read.
    path.write_text(A2)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert has_outputs(study.roots, "ws", given)
    (study.high / "metadata/.identities.json").write_text("damaged")
    assert not has_outputs(study.roots, "ws", given)


def test_inputs_are_those_of_the_job_that_was_waited_for_even_when_replaced(study):
    first = recorded(study.run({"output/a.csv": A1}))
    second = recorded(study.run({"output/a.csv": A2}))
    [old] = input_files(study.roots, "ws", first)
    [new] = input_files(study.roots, "ws", second)
    assert (old.path, old.source.read_text(), old.sha256) == ("output/a.csv", A1, digest(A1))
    assert (new.path, new.source.read_text(), new.sha256) == ("output/a.csv", A2, digest(A2))


def test_inputs_that_were_handed_out_stay_when_a_newer_job_replaces_them(study):
    [given] = input_files(study.roots, "ws", recorded(study.run({"output/a.csv": A1})))
    study.run({"output/a.csv": A2})
    study.run({"output/a.csv": A1 * 2})
    assert given.source.read_text() == A1


def test_content_goes_when_no_active_job_refers_to_it(study):
    first = recorded(study.run({"output/a.csv": A1}))
    study.run({"output/a.csv": A2})
    study.run({"output/a.csv": A1 * 2})
    assert release_content(study.roots, "ws", lambda: {digest(A1)}) == 1
    assert [file.source.read_text() for file in input_files(study.roots, "ws", first)] == [A1]
    assert release_content(study.roots, "ws", set) == 1
    with pytest.raises(MissingInput):
        input_files(study.roots, "ws", first)
    assert (study.high / "output/a.csv").read_text() == A1 * 2


def test_releasing_content_leaves_outputs_at_their_paths(study):
    given = recorded(study.run({"output/a.csv": A1}))
    input_files(study.roots, "ws", given)
    release_content(study.roots, "ws", set)
    assert has_outputs(study.roots, "ws", given)


def test_content_is_not_released_while_a_job_is_published(study):
    study.run({"output/a.csv": A1})
    study.run({"output/a.csv": A2})
    with locked(study.roots, "ws"):
        assert release_content(study.roots, "ws", set) == 0
    assert release_content(study.roots, "ws", set) == 1


def test_releasing_in_a_workspace_without_files_is_no_error(study):
    assert release_content(study.roots, "ws", set) == 0


def test_a_missing_input_is_named_with_its_path(study):
    given = recorded(study.run({"output/a.csv": A1}))
    (study.high / "output/a.csv").unlink()
    with pytest.raises(MissingInput, match="File output/a.csv doesn't exist in workspace ws") as missing:
        input_files(study.roots, "ws", given)
    assert missing.value.path == "output/a.csv"


def test_an_input_that_became_a_link_is_missing(study, tmp_path):
    given = recorded(study.run({"output/a.csv": A1}))
    (tmp_path / "copy").write_text(A1)
    (study.high / "output/a.csv").unlink()
    (study.high / "output/a.csv").symlink_to(tmp_path / "copy")
    with pytest.raises(MissingInput):
        input_files(study.roots, "ws", given)


def test_wrong_bytes_under_a_hash_are_not_handed_out(study):
    given = recorded(study.run({"output/a.csv": A1}))
    study.run({"output/a.csv": A2})
    (study.high / f"metadata/.content/{digest(A1)}").unlink()
    (study.high / f"metadata/.content/{digest(A1)}").write_text("planted")
    with pytest.raises(MissingInput):
        input_files(study.roots, "ws", given)
