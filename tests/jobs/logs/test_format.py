"""The form on disk is the one the page about it describes."""

import re
from pathlib import Path

from jobsite.jobs.logs import format as form
from jobsite.jobs.logs.writer import LogWriter

PAGE = (Path(__file__).parents[3] / "docs" / "log-format.md").read_text("utf-8")


def test_every_mark_is_described_as_it_is() -> None:
    rows = re.findall(r"^\| `(\w)` \| (\w+).*? \| (yes|no) \| (yes|no)? ?\|$", PAGE, re.MULTILINE)
    described = {mark: (stream, goes_on == "yes", ends != "no") for mark, stream, goes_on, ends in rows}
    assert described == {name: (mark.stream, mark.continued, mark.ends) for name, mark in form.MARKS.items()}


def test_the_numbers_on_the_page_are_those_of_the_code() -> None:
    assert form.INDEX_MAGIC.decode() in PAGE
    assert f"each {form.INDEX_STEP}th record" in PAGE
    assert f"at most {form.LONGEST_TEXT // 1024} KiB" in PAGE


def test_a_log_is_a_plain_file_of_lines_that_other_programs_can_read(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "log")
    log.feed("stdout", b"one\n")
    log.feed("stderr", b"two")
    log.close()
    assert re.fullmatch(rb"\d{16}o one\n\d{16}x two\n", (tmp_path / "log").read_bytes())
    index = (tmp_path / "log.index").read_bytes()
    assert index == form.INDEX_MAGIC + bytes(16)
