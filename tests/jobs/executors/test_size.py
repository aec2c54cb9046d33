"""What a work directory takes on the disk: measured here where it holds little, and as du counts."""

import os
import subprocess
from pathlib import Path

import pytest

from jobsite.jobs.executors.watching import size_of_few


def du(folder: Path) -> int:
    done = subprocess.run(["du", "-sx", "--block-size=1", folder], check=True, capture_output=True)
    return int(done.stdout.split()[0])


def test_a_few_files_are_counted_as_du_does(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "large").write_bytes(bytes(300_000))
    (tmp_path / "small").write_text("x")
    (tmp_path / "second name").hardlink_to(tmp_path / "a" / "b" / "large")
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(10**9)
    (tmp_path / "link").symlink_to("/usr")
    (tmp_path / "loop").symlink_to(".")
    os.mkfifo(tmp_path / "pipe")
    assert size_of_few(str(tmp_path)) == du(tmp_path)


@pytest.mark.parametrize(
    ("folders", "files", "few"), [(1, 99, True), (1, 100, False), (10, 9, True), (11, 10, False)]
)
def test_much_is_left_to_du(tmp_path: Path, folders: int, files: int, few: bool) -> None:
    for folder in range(folders):
        (tmp_path / str(folder)).mkdir()
        for file in range(files):
            (tmp_path / str(folder) / str(file)).touch()
    assert (size_of_few(str(tmp_path)) is not None) == few


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_what_cannot_be_read_is_left_to_du(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    assert size_of_few(str(tmp_path)) is None


def test_what_is_gone_or_no_directory_is_left_to_du(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "file").touch()
    for name in ("gone", "link", "file"):
        assert size_of_few(str(tmp_path / name)) is None


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    for folder in range(30):
        (tmp_path / str(folder) / "x").mkdir(parents=True)
    before = len(os.listdir("/proc/self/fd"))
    size_of_few(str(tmp_path))
    for file in range(200):
        (tmp_path / "0" / str(file)).touch()
    size_of_few(str(tmp_path))
    assert len(os.listdir("/proc/self/fd")) == before
