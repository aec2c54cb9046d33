"""What the log keeps of a program's output."""

import os
import random
import time
from pathlib import Path

import pytest

from jobsite.jobs.logs.format import LONGEST_TEXT
from jobsite.jobs.logs.reader import LogReader
from jobsite.jobs.logs.writer import LogWriter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


def raw(path: Path) -> bytes:
    with LogReader(path) as log:
        data = b"".join(log.raw())
        assert log.raw_size == len(data)
        return data


def lines(path: Path) -> list[tuple[str, str]]:
    with LogReader(path) as log:
        return [(line.stream, line.text) for line in log.window(1, 10_000).lines]


def test_lines_keep_their_order_stream_and_time(path: Path) -> None:
    before = time.time_ns() // 1000
    log = LogWriter(path)
    log.feed("stdout", b"one\ntwo\n")
    log.feed("stderr", b"three\n")
    log.note("four")
    log.feed("stdout", b"five\n")
    log.close()
    assert lines(path) == [
        ("stdout", "one"),
        ("stdout", "two"),
        ("stderr", "three"),
        ("system", "four"),
        ("stdout", "five"),
    ]
    with LogReader(path) as reader:
        times = [line.time for line in reader.window(1, 9).lines]
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= time.time_ns() // 1000


def test_system_lines_are_no_part_of_the_programs_output(path: Path) -> None:
    log = LogWriter(path)
    log.note("Prepared.\nRunning.")
    log.feed("stdout", b"a\nb")
    log.note("Ended.")
    log.close()
    assert raw(path) == b"a\nb"


@pytest.mark.parametrize("seed", range(8))
def test_output_in_any_pieces_comes_back_byte_for_byte(path: Path, seed: int) -> None:
    chance = random.Random(seed)
    alphabet = [b"word ", b"\n", b"\r", b"\xff\xfe", "é漢🜚".encode(), b"\x00", b"x" * 9000, b"17"]
    written = b""
    log = LogWriter(path)
    for _ in range(400):
        data = b"".join(chance.choice(alphabet) for _ in range(chance.randrange(6)))
        cut = chance.randrange(len(data) + 1)
        for piece in (data[:cut], data[cut:]):
            log.feed("stdout", piece)
            written += piece
        if chance.random() < 0.3:
            log.flush()
        if chance.random() < 0.05:
            log.note("a line of the system")
    log.close()
    assert raw(path) == written


def test_an_unfinished_line_shows_after_a_silence_and_goes_on(path: Path) -> None:
    log = LogWriter(path)
    log.feed("stdout", b"Name? ")
    wait = log.flush()
    assert wait is not None
    assert lines(path) == []
    while wait is not None:
        time.sleep(wait)
        wait = log.flush()
    assert lines(path) == [("stdout", "Name? ")]
    log.feed("stderr", b"meanwhile\n")
    log.feed("stdout", b"ada\nnext\n")
    log.close()
    with LogReader(path) as reader:
        shown = [(line.text, line.continued, line.ends) for line in reader.window(1, 9).lines]
    assert shown == [
        ("Name? ", False, False),
        ("meanwhile", False, True),
        ("ada", True, True),
        ("next", False, True),
    ]
    assert raw(path) == b"Name? meanwhile\nada\nnext\n"


def test_progress_without_a_pause_shows_all_the_same(path: Path) -> None:
    log = LogWriter(path)
    until = time.monotonic() + 10
    while not lines(path):
        assert time.monotonic() < until
        log.feed("stdout", b".")
        log.flush()
        time.sleep(0.02)
    log.close()


def test_a_letter_whose_bytes_come_apart_is_not_broken(path: Path) -> None:
    log = LogWriter(path)
    log.feed("stdout", "snow ☃".encode()[:-1])
    wait = log.flush()
    time.sleep(wait or 0)
    log.flush()
    log.feed("stdout", "☃".encode()[-1:] + b" man\n")
    log.close()
    with LogReader(path) as reader:
        assert [line.text for line in reader.window(1, 9).lines] == ["snow ", "☃ man"]


def test_a_very_long_line_is_split_between_letters_and_later_numbers_hold(path: Path) -> None:
    long = "é".encode() * LONGEST_TEXT
    log = LogWriter(path)
    log.feed("stdout", b"first\n" + long)
    log.feed("stdout", b"\nlast\n")
    log.close()
    with LogReader(path) as reader:
        shown = reader.window(1, 100).lines
        assert reader.window(shown[-1].number, 1).lines == shown[-1:]
    assert "".join(line.text for line in shown[1:-1]) == long.decode()
    assert [line.continued for line in shown] == [False, False, *[True] * (len(shown) - 3), False]
    assert raw(path) == b"first\n" + long + b"\nlast\n"


def test_bytes_that_are_not_utf8_are_marked_and_kept(path: Path) -> None:
    log = LogWriter(path)
    log.feed("stdout", b"caf\xe9\n")
    log.close()
    assert lines(path) == [("stdout", "caf\ufffd")]
    assert raw(path) == b"caf\xe9\n"


def test_times_never_go_back_even_if_the_clock_does(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = LogWriter(path)
    log.feed("stdout", b"before\n")
    log.flush()
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000)
    log.feed("stdout", b"after\n")
    log.close()
    with LogReader(path) as reader:
        first, second = reader.window(1, 2).lines
    assert second.time == first.time


def test_beyond_the_limit_start_and_end_stay_and_the_gap_is_stated(path: Path) -> None:
    limit = 40_000
    log = LogWriter(path, limit)
    written = [b"%06d some text" % number for number in range(20_000)]
    for start in range(0, len(written), 50):
        log.feed("stdout", b"\n".join(written[start : start + 50]) + b"\n")
        log.flush()
    assert sum(file.stat().st_size for file in path.parent.iterdir()) < 3 * limit
    log.close()
    shown = lines(path)
    program = [text.encode() for stream, text in shown if stream == "stdout"]
    said = [text for stream, text in shown if stream == "system"]
    head = next(number for number, text in enumerate(program) if text != written[number])
    assert program[head:] == written[-len(program) + head :]
    assert head > 800
    assert len(program) - head > 100
    assert "limit of 40,000 bytes" in said[0]
    assert f"{len(written) - len(program):,} lines" in said[1]
    assert raw(path).count(b"were left out here") == 1
    assert log.raw_size == len(raw(path))
    assert sorted(file.name for file in path.parent.iterdir()) == ["log", "log.index", "log.marks"]
    with LogReader(path) as reader:
        gap = next(line for line in reader.window(1, 10_000).lines if "left out here" in line.text)
        assert reader.window(gap.number + 1, 1).lines[0].text.encode() == program[head]


def test_a_log_just_over_the_limit_loses_nothing_if_the_end_holds_it(path: Path) -> None:
    log = LogWriter(path, 100_000)
    written = b"".join(b"%06d some text\n" % number for number in range(2_700))
    log.feed("stdout", written)
    log.close()
    assert path.stat().st_size > 90_000
    assert raw(path) == written


def test_what_a_killed_writer_kept_aside_comes_back_after_a_stated_gap(path: Path) -> None:
    log = LogWriter(path, 20_000)
    for number in range(5_000):
        log.feed("stdout", b"%06d some text\n" % number)
        log.flush()
    LogWriter(path, 20_000).close()
    assert lines(path)[-1] == ("stdout", "004999 some text")
    assert any("left out here" in text for _, text in lines(path))


def test_opening_again_drops_a_torn_record_and_goes_on(path: Path) -> None:
    log = LogWriter(path)
    log.feed("stdout", b"one\ntwo\n")
    log.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    again = LogWriter(path)
    again.feed("stdout", b"three\n")
    again.close()
    assert lines(path) == [("stdout", "one"), ("stdout", "three")]
    assert again.lines == 2


def test_a_full_disk_leaves_a_log_that_ends_with_a_whole_record(path: Path) -> None:
    log = LogWriter(path)
    log.feed("stdout", b"kept\n")
    log.flush()
    reading_end, full = os.pipe()
    os.set_blocking(full, False)
    os.close(reading_end)
    kept, log._file = log._file, full
    log.feed("stdout", b"lost\n")
    with pytest.raises(OSError):
        log.flush()
    os.close(full)
    log._file = kept
    log.feed("stdout", b"later\n")
    log.close()
    assert lines(path) == [("stdout", "kept"), ("stdout", "later")]


def test_the_log_can_be_read_by_its_owner_and_group_only(path: Path) -> None:
    LogWriter(path).close()
    assert path.stat().st_mode & 0o007 == 0
