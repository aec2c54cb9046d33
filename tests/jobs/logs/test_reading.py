"""What readers see of a log, while it grows and afterwards."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobsite.jobs.logs.reader import LogReader
from jobsite.jobs.logs.writer import LogWriter

COUNT = 3_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def full(path: Path) -> Path:
    """A finished log of COUNT lines, every third on stderr."""
    log = LogWriter(path)
    for number in range(1, COUNT + 1):
        log.feed("stderr" if number % 3 == 0 else "stdout", b"line %d of the log\n" % number)
        if number % 70 == 0:
            log.flush()
    log.close()
    return path


def numbers(path: Path, first: int, count: int) -> list[int]:
    with LogReader(path) as log:
        return [line.number for line in log.window(first, count).lines]


@pytest.mark.parametrize("first", [1, 2, 255, 256, 257, 258, 512, 513, 2_999, 3_000])
def test_a_window_opens_at_any_line(full: Path, first: int) -> None:
    with LogReader(full) as log:
        window = log.window(first, 300)
    expected = list(range(first, min(first + 300, COUNT + 1)))
    assert [line.number for line in window.lines] == expected
    assert [line.text for line in window.lines] == [f"line {number} of the log" for number in expected]
    assert window.next_line == expected[-1] + 1
    assert window.total_lines_known == COUNT


def test_positions_outside_are_brought_inside(full: Path) -> None:
    assert numbers(full, -5, 2) == [1, 2]
    assert numbers(full, 1, 0) == []
    with LogReader(full) as log:
        beyond = log.window(COUNT + 50, 10)
        assert log.window(1, -1).lines == ()
    assert (beyond.lines, beyond.next_line) == ((), COUNT + 1)


def test_the_end_is_the_last_lines(full: Path, tmp_path: Path) -> None:
    with LogReader(full) as log:
        assert [line.number for line in log.tail(3).lines] == [COUNT - 2, COUNT - 1, COUNT]
        assert len(log.tail(10**6).lines) == COUNT
    LogWriter(tmp_path / "empty").close()
    with LogReader(tmp_path / "empty") as log:
        assert (log.tail(5).lines, log.line_count(), log.raw_size, list(log.raw())) == ((), 0, 0, [])


def test_following_next_line_gives_every_line_once(full: Path) -> None:
    seen: list[int] = []
    position = 1
    with LogReader(full) as log:
        while len(seen) < COUNT:
            window = log.window(position, 17)
            seen += [line.number for line in window.lines]
            position = window.next_line
    assert seen == list(range(1, COUNT + 1))


def test_there_is_no_log_before_the_first_supervisor(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        LogReader(path)


@pytest.mark.parametrize(
    ("start", "end"), [(0, None), (0, 1), (1, 2), (7, 40_000), (39_000, None), (10**9, None), (5, 5)]
)
def test_ranges_of_the_output_are_exact(full: Path, start: int, end: int | None) -> None:
    output = b"".join(b"line %d of the log\n" % number for number in range(1, COUNT + 1))
    with LogReader(full) as log:
        assert b"".join(log.raw(start, end)) == output[start:end]
        assert log.raw_size == len(output)


def test_a_search_counts_all_hits_and_gives_those_from_a_line_on(full: Path) -> None:
    with LogReader(full) as log:
        hits = log.search("line 29", from_line=292, limit=3)
    expected = [29, *range(290, 300), *range(2_900, 3_000)]
    assert hits.total == len(expected)
    assert hits.before == 3
    assert hits.lines == (292, 293, 294)


def test_a_search_does_not_find_the_logs_own_times_and_marks(full: Path) -> None:
    with LogReader(full) as log:
        stamp = str(log.window(1, 1).lines[0].time)
        assert log.search(stamp[:3], limit=10**6).total == sum(
            stamp[:3] in str(one) for one in range(1, COUNT + 1)
        )
        assert log.search("o line").total == 0
        assert log.search(stamp).total == 0


@pytest.mark.parametrize(
    ("text", "case", "found"),
    [
        ("ERROR", False, (1, 2)),
        ("ERROR", True, (1,)),
        ("émoi", False, (3, 4)),
        ("émoi", True, (3,)),
        ("漢字", False, (5,)),
        ("", False, ()),
        ("Error\nerror", False, ()),
        ("\ufffd", False, (6,)),
        ("twice", False, (7,)),
        ("\udcff", False, ()),
    ],
)
def test_a_search_minds_case_only_if_asked(path: Path, text: str, case: bool, found: tuple[int, ...]) -> None:
    log = LogWriter(path)
    log.feed("stdout", "ERROR\nerror\némoi\nÉMOI\n漢字\n".encode() + b"\xff\ntwice twice\n")
    log.close()
    with LogReader(path) as reader:
        hits = reader.search(text, case=case)
    assert hits.lines == found
    assert hits.total == len(found)


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 9, 24, 40, -1, -16, -17])
def test_a_cut_index_changes_nothing(full: Path, cut: int) -> None:
    index = full.with_name("log.index")
    index.write_bytes(index.read_bytes()[:cut])
    assert numbers(full, 2_500, 2) == [2_500, 2_501]
    with LogReader(full) as log:
        assert log.line_count() == COUNT
        assert log.window(2_500, 1).lines[0].text == "line 2500 of the log"
        assert b"".join(log.raw(30_000, 30_010)) == b"".join(log.raw())[30_000:30_010]


@pytest.mark.parametrize("harm", [b"\xff" * 16, b"\x00" * 15 + b"\x01", b"\x01" + b"\x00" * 15, b"garbage"])
def test_a_damaged_or_missing_index_changes_nothing(full: Path, harm: bytes) -> None:
    index = full.with_name("log.index")
    index.write_bytes(index.read_bytes()[: -len(harm)] + harm)
    with LogReader(full) as log:
        assert log.window(COUNT, 1).lines[0].text == f"line {COUNT} of the log"
        assert log.line_count() == COUNT
    index.unlink()
    assert numbers(full, 2_999, 5) == [2_999, 3_000]
    assert not index.exists()


def test_a_torn_last_record_is_not_there_yet(full: Path) -> None:
    whole = full.read_bytes()
    for cut in range(1, 40):
        full.write_bytes(whole[:-cut])
        with LogReader(full) as log:
            assert log.line_count() in (COUNT - 1, COUNT - 2)
            assert log.tail(1).lines[0].number == log.line_count()


def test_a_damaged_record_is_shown_and_never_stops_the_reader(full: Path) -> None:
    data = full.read_bytes().split(b"\n")
    data[10] = b"not a record"
    data[11] = b""
    data[12] = b"9" * 16 + b"? strange mark"
    full.write_bytes(b"\n".join(data))
    with LogReader(full) as log:
        shown = log.window(10, 5).lines
        assert [line.text for line in shown][1] == "not a record"
        assert [line.number for line in shown] == [10, 11, 12, 13, 14]
        assert log.search("not a rec").total <= 1
        b"".join(log.raw())


def test_huge_lines_make_a_window_shorter_not_larger(path: Path) -> None:
    log = LogWriter(path)
    for _ in range(20):
        log.feed("stdout", b"x" * 1024 * 1024 + b"\n")
    log.close()
    with LogReader(path) as reader:
        window = reader.window(1, 10**6)
        assert sum(len(line.text) for line in window.lines) < 5 * 1024 * 1024
        assert window.next_line == window.lines[-1].number + 1 < window.total_lines_known


WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from jobsite.jobs.logs.writer import LogWriter
log = LogWriter(sys.argv[2])
for number in range(20_000):
    log.feed("stderr" if number % 3 else "stdout", b"%07d %s\\n" % (number, b"x" * (number % 90)))
    if number % 11 == 0:
        log.flush()
log.close()
"""


def test_a_reader_beside_a_writer_sees_every_line_once_and_in_order(path: Path) -> None:
    LogWriter(path).close()
    root = str(Path(__file__).parents[3])
    writer = subprocess.Popen([sys.executable, "-c", WRITER, root, str(path)])
    position, seen, ended = 1, [], False
    while not ended:
        ended = writer.poll() is not None
        with LogReader(path) as log:
            while (window := log.window(position, 1_000)).lines:
                seen += window.lines
                position = window.next_line
    assert writer.returncode == 0
    assert [line.number for line in seen] == list(range(1, 20_001))
    expected = [f"{number:07d} {'x' * (number % 90)}" for number in range(20_000)]
    assert [line.text for line in seen] == expected
    with LogReader(path) as log:
        assert b"".join(log.raw()) == "".join(line + "\n" for line in expected).encode()


def test_an_open_reader_sees_what_is_appended(path: Path) -> None:
    log = LogWriter(path)
    log.feed("stdout", b"one\n")
    log.flush()
    with LogReader(path) as reader:
        assert reader.line_count() == 1
        for _ in range(600):
            log.feed("stdout", b"more\n")
        log.flush()
        assert reader.line_count() == 601
        assert reader.window(600, 9).next_line == 602
        assert reader.raw_size == 4 + 600 * 5
    log.close()


def test_closing_gives_all_descriptors_back(full: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with LogReader(full) as log:
            log.tail(1)
        LogWriter(full).close()
    assert len(os.listdir("/proc/self/fd")) == before
