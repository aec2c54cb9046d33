"""Landmarks: what the writer notes is what the log says, whatever happened to the file of it."""

from pathlib import Path

import pytest

from jobsite.jobs.logs.landmarks import END, GROUP, Landmarks, landmarks_path
from jobsite.jobs.logs.writer import LogWriter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log with two groups, the second of which does not end."""
    log = LogWriter(tmp_path / "log")
    log.feed("stdout", b"hello\n::group::Load\na\nb\n::endgroup::\nbetween\n")
    log.flush()
    log.feed("stdout", b"::group::Fit\nc\n")
    log.close()
    return tmp_path / "log"


def groups(path: Path, *lines: int) -> list[int | None]:
    with Landmarks(path) as landmarks:
        return [found.number if (found := landmarks.group_at(line)) else None for line in lines]


def harmless(path: Path) -> None:
    """Nothing is done to the file."""


def missing(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\x07\x00")


def strange(path: Path) -> None:
    path.write_bytes(b"something else")


@pytest.mark.parametrize("harm", [harmless, missing, cut, strange])
def test_every_line_knows_the_group_it_lies_in(path: Path, harm) -> None:
    harm(landmarks_path(path))
    assert groups(path, *range(1, 10)) == [None, None, 2, 2, 2, None, None, 7, 7]
    with Landmarks(path) as landmarks:
        begun = landmarks.group_at(4)
        assert begun and (begun.kind, begun.text) == (GROUP, "::group::Load")
        ended = landmarks.next_edge(3)
        assert ended and (ended.kind, ended.number) == (END, 5)
        assert landmarks.next_edge(8) is None


def test_an_entry_whose_record_was_never_written_is_not_believed(path: Path) -> None:
    log = path.read_bytes()
    path.write_bytes(log[: log.index(b"::group::Fit") - 18])
    assert groups(path, 6, 7, 8) == [None, None, None]


def test_a_writer_that_goes_on_notes_again_what_it_finds(path: Path) -> None:
    landmarks_path(path).unlink()
    log = LogWriter(path)
    log.feed("stdout", b"::endgroup::\nafter\n")
    log.close()
    assert groups(path, 8, 9, 10) == [7, 7, None]
    assert landmarks_path(path).stat().st_size == 8 + 4 * 17


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ([("stdout", "fine")], None),
        ([("stdout", "fine"), ("stderr", "loading package"), ("stderr", "more")], 2),
        ([("stderr", "loading"), ("stdout", "Traceback (most recent call last):"), ("stdout", "x")], 2),
        (
            [
                ("stderr", "loading"),
                ("stdout", "ok"),
                ("stderr", "ValueError: no"),
                ("stderr", "KeyError: a"),
            ],
            3,
        ),
        ([("stdout", "Error in library(x) : no package")], 1),
        ([("stdout", "2026-01-01 10:00 ERROR model: did not converge")], 1),
        ([("stdout", "Std. Error: 0.12"), ("stdout", "no errors found")], None),
        ([("stdout", "Execution halted")], 1),
        ([("stdout", "\x1b[31mError: in red\x1b[0m")], 1),
        ([("stdout", "r(198);")], 1),
    ],
)
def test_the_first_error_is_what_looks_like_one_else_the_first_line_on_stderr(
    tmp_path: Path, words: list[tuple[str, str]], first: int | None
) -> None:
    log = LogWriter(tmp_path / "log")
    for stream, text in words:
        log.feed(stream, f"{text}\n".encode())
        log.flush()
    log.close()
    for _ in ("from the file", "from the log"):
        with Landmarks(tmp_path / "log") as landmarks:
            assert landmarks.first_error() == first
        landmarks_path(tmp_path / "log").unlink(missing_ok=True)


def test_what_the_system_says_is_no_landmark(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "log")
    log.note("::group::not one\nError: of ours")
    log.close()
    with Landmarks(tmp_path / "log") as landmarks:
        assert landmarks.first_error() is None and landmarks.group_at(9) is None
