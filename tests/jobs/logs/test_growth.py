"""Counting a log as it grows gives what reading all of it gives."""

from pathlib import Path

from jobsite.jobs.logs.growth import Growth
from jobsite.jobs.logs.reader import LogReader
from jobsite.jobs.logs.writer import LogWriter


def test_the_count_is_that_of_the_whole_log_at_every_moment(tmp_path: Path) -> None:
    path = tmp_path / "log"
    early = Growth(path)
    assert early.lines() == 0
    log = LogWriter(path)
    assert early.lines() == 0
    for size in (1, 0, 300, 7, 2_000):
        log.feed("stdout", b"line\n" * size)
        log.flush()
        with LogReader(path) as reader:
            assert early.lines() == Growth(path).lines() == reader.line_count()
    log.close()
    with path.open("ab") as file:
        file.write(b"1234567890123456o torn")
    assert early.lines() == Growth(path).lines() == 2_308
    with path.open("ab") as file:
        file.write(b" no more\n")
    assert early.lines() == Growth(path).lines() == 2_309
