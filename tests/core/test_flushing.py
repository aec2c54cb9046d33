"""Flushing many files and directories at once."""

import errno
import os
import signal
from pathlib import Path

import pytest

from jobsite.core.flushing import flush


@pytest.mark.parametrize("files", [0, 1, 3, 10])
def test_everything_that_is_there_is_flushed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    names = [f"{number}.txt" for number in range(files)]
    for name in names:
        (tmp_path / name).write_text(name)
    seen: list[int] = []
    real = os.fsync

    def noted(handle: int) -> None:
        seen.append(os.fstat(handle).st_ino)
        real(handle)

    monkeypatch.setattr(os, "fsync", noted)
    flush([*((tmp_path, name) for name in names), (tmp_path, ""), (tmp_path, "missing")])
    wanted = [tmp_path, *(tmp_path / name for name in names)]
    assert sorted(seen) == sorted(path.stat().st_ino for path in wanted)


@pytest.mark.parametrize("bad", range(6))
def test_a_file_that_cannot_be_flushed_is_an_error_and_the_others_are_not_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: int
) -> None:
    for number in range(6):
        (tmp_path / str(number)).write_text("x")
    refused = (tmp_path / str(bad)).stat().st_ino
    closed_early: list[int] = []

    def failing(handle: int) -> None:
        try:
            inode = os.fstat(handle).st_ino
        except OSError:
            closed_early.append(handle)
            raise
        if inode == refused:
            raise OSError(errno.EIO, "the disk fails")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="the disk fails"):
        flush((tmp_path, str(number)) for number in range(6))
    assert not closed_early


def test_a_fork_of_a_process_that_has_flushed_can_flush(tmp_path: Path) -> None:
    places = [(tmp_path, str(number)) for number in range(6)]
    for root, name in places:
        (root / name).write_text("x")
    flush(places)
    child = os.fork()
    if not child:
        signal.alarm(30)
        try:
            flush(places)
            os._exit(7)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
