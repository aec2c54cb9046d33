"""The files of a commit, compared with what git itself says of it."""

import os
import subprocess
from pathlib import Path

import pytest

from jobsite.jobs.committed import Lacking, Objects, files_of

NAMES = [f"{folder}{number}.txt" for folder in ("", "a/", "a/b/c/", "ä ö/") for number in range(120)]


def git(at: Path, *words: str, given: str = "") -> str:
    own = ("-c", "user.name=ada", "-c", "user.email=ada@example.invalid")
    done = subprocess.run(
        ["git", *own, *words], cwd=at, check=True, capture_output=True, text=True, input=given
    )
    return done.stdout


@pytest.mark.parametrize("hashes", ["sha1", "sha256"])
def test_every_file_and_link_of_a_commit_is_found_as_committed(tmp_path: Path, hashes: str) -> None:
    git(tmp_path, "init", "-q", f"--object-format={hashes}", ".")
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{name}\nand no end of line")
    (tmp_path / "large").write_bytes(os.urandom(3_000_000))
    (tmp_path / "empty").touch()
    (tmp_path / "run.sh").write_text("true\n")
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "link").symlink_to("a/1.txt")
    git(tmp_path, "add", "-A")
    other = "1" * (40 if hashes == "sha1" else 64)
    git(tmp_path, "update-index", "--add", "--cacheinfo", f"160000,{other},submodule")
    git(tmp_path, "commit", "-qm", "x")
    commit = git(tmp_path, "rev-parse", "HEAD").strip()
    with Objects(str(tmp_path / ".git")) as objects:
        blobs = list(files_of(commit, objects))
        objects.ask_for([blob.object_id for blob in blobs])
        contents = {blob.path: b"".join(objects.pieces(b"blob")) for blob in blobs}
    listed = [
        line.split(maxsplit=3) for line in git(tmp_path, "ls-tree", "-r", "-z", commit).split("\0") if line
    ]
    assert {(f"{blob.mode:06o}", blob.object_id, blob.path) for blob in blobs} == {
        (mode, object_id, name) for mode, kind, object_id, name in listed if kind == "blob"
    }
    assert contents.pop("link") == b"a/1.txt"
    assert all((tmp_path / name).read_bytes() == content for name, content in contents.items())


def test_a_folder_that_the_repository_has_lost_is_lacking(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", ".")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_text("x")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "x")
    folder = git(tmp_path, "rev-parse", "HEAD:a").strip()
    commit = git(tmp_path, "rev-parse", "HEAD").strip()
    (tmp_path / ".git" / "objects" / folder[:2] / folder[2:]).unlink()
    with Objects(str(tmp_path / ".git")) as objects, pytest.raises(Lacking, match=folder):
        list(files_of(commit, objects))


@pytest.mark.parametrize("named", ["0" * 40, "tree"])
def test_what_is_no_commit_has_no_files(tmp_path: Path, named: str) -> None:
    git(tmp_path, "init", "-q", ".")
    tree = git(tmp_path, "mktree", given="").strip()
    with Objects(str(tmp_path / ".git")) as objects, pytest.raises(Lacking):
        list(files_of(tree if named == "tree" else named, objects))


def test_a_folder_that_is_no_repository_lacks_everything(tmp_path: Path) -> None:
    with Objects(str(tmp_path)) as objects, pytest.raises(Lacking):
        list(files_of("0" * 40, objects))
    with pytest.raises(OSError, match="no repository"):
        Objects(str(tmp_path / "none"))
