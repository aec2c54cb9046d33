"""Which faults are tried again, how often, and when."""

import errno
from datetime import datetime, timedelta

import pytest

from jobsite.jobs.faults import RETRIES, final_sentence, kind_of_error, next_try

AT = datetime(2026, 11, 2, 9, 30)


def pauses(kind: str) -> list[timedelta]:
    before: list[str] = []
    found = []
    while again := next_try(kind, before, AT):
        found.append(again.at - AT)
        before.append(kind)
    return found


def test_passing_faults_back_off_for_1_5_and_15_minutes() -> None:
    for kind in ("disk_full", "files", "image_store", "supervisor_lost", "database_passing"):
        assert pauses(kind) == [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15)]


def test_an_import_of_data_is_waited_for_hourly_six_times() -> None:
    assert pauses("database_import") == [timedelta(hours=1)] * 6


def test_an_unforeseen_fault_gets_one_more_attempt_at_once() -> None:
    assert pauses("platform") == [timedelta(0)]


def test_faults_of_other_kinds_and_stops_do_not_use_up_tries() -> None:
    again = next_try("disk_full", ["", "platform", "disk_full", ""], AT)
    assert again is not None
    assert (again.number, again.most) == (3, 4)


def test_the_sentence_says_what_happened_which_attempt_and_when() -> None:
    again = next_try("disk_full", [], AT)
    assert again is not None
    expected = "The disk of the server was full; attempt 2 of 4 starts at 09:31 UTC"
    assert again.sentence("disk_full") == expected
    now = next_try("host_restarted", [], AT)
    assert now is not None
    assert (
        now.sentence("host_restarted") == "The server was restarted while it ran; attempt 2 of 6 starts now"
    )
    assert final_sentence("disk_full") == "The disk of the server was full; all 4 attempts are used up"


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (OSError(errno.ENOSPC, "full"), "disk_full"),
        (OSError(errno.EDQUOT, "quota"), "disk_full"),
        (OSError(errno.EIO, "io"), "files"),
        (ValueError("?"), "platform"),
    ],
)
def test_errors_of_files_pass_and_others_are_unforeseen(problem: Exception, kind: str) -> None:
    assert kind_of_error(problem) == kind
    assert kind in RETRIES
