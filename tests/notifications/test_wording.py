"""The words of news: subjects as the specification has them, one line, and no kind without words."""

import re
from pathlib import Path

import pytest

from jobsite.notifications.rules import GROUPS
from jobsite.notifications.sentences import Place
from jobsite.notifications.wording import KINDS, one_line, worded
from jobsite.settings import NEWS, SettingsError, load

JOB = {"workspace": "asthma", "number": 12, "job": "abcd", "action": "table", "state": "failed"}
JOB |= {"message": "Job exited with an error", "seconds": 61}
FACTS = {
    **JOB,
    "total": 5,
    "succeeded": 4,
    "failed": ["table"],
    "by": "sam",
    "jobs": 2,
    "username": "ada",
    "before": ["A", "B"],
    "after": ["B", "C"],
    "project": "air",
    "name": "Air",
    "roles": ["ProjectDeveloper"],
    "org": "north",
    "backend": "local",
    "repo": "org/study",
    "path": "/publish-repo/x/",
    "projects": ["7 - Air"],
    "counts": {"job-ended": 3, "token-used": 1},
    "first": "1",
    "last": "2",
    "copilot": "sam",
    "day": "2026-11-30",
    "what": "out of disk (3 times)",
    "request": "01HZ0000000000000000000000",
    "publication": 4,
    "turn": 3,
    "reviews": 1,
    "needed": 2,
    "files": 2,
    "whole": False,
    "attempts": 24,
}


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("job-ended", "failed: [os asthma] table"),
        ("token-made", "New OpenSAFELY login token generated"),
        ("token-used", "OpenSAFELY account login with token"),
    ],
)
def test_subjects_are_those_of_the_specification(kind: str, subject: str) -> None:
    assert worded(kind, FACTS).subject == subject


def test_the_platform_may_have_another_name() -> None:
    assert worded("token-made", FACTS, Place("Northfield")).subject == "New Northfield login token generated"


def test_a_job_says_how_long_it_took_and_why_it_ended() -> None:
    words = worded("job-ended", FACTS)
    assert ("Elapsed", "61 seconds") in words.table
    assert ("Message", "Job exited with an error") in words.table
    assert words.path == "/asthma/12/abcd/"
    assert ("Elapsed", "-") in worded("job-ended", {**FACTS, "seconds": None}).table


def test_tokens_say_whom_to_contact() -> None:
    assert "help@example.org" in " ".join(
        worded("token-used", FACTS, Place(support="help@example.org")).lines
    )
    assert "the people who run this site" in " ".join(worded("token-made", FACTS).lines)


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_has_words_a_group_and_a_reason(kind: str) -> None:
    words = worded(kind, FACTS)
    assert words.subject and words.lines and words.path.startswith("/") and words.link
    assert KINDS[kind].why.endswith(".")
    assert KINDS[kind].group in GROUPS


def test_the_setting_and_the_document_know_exactly_these_kinds() -> None:
    assert set(NEWS) == set(KINDS)
    document = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text("utf-8")
    listed = document.partition("<!-- kinds: held by a test -->")[2].partition("## Issues")[0]
    assert set(re.findall(r"`([a-z-]+)`", listed)) == set(KINDS)


def test_an_unknown_kind_for_the_webhook_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="WEBHOOK_KINDS does not know 'jobs'; it is a list of job-ended"):
        load(tmp_path, {"JOBSITE_WEBHOOK_KINDS": "user-added, jobs"})


def test_changed_roles_are_told_as_given_and_taken_away() -> None:
    assert worded("member-roles", FACTS).table == (("Given", "C"), ("Taken away", "A"))


def test_roles_are_called_as_on_pages() -> None:
    assert worded("member-added", FACTS).table == (("Roles", "Project Developer"),)
    given = worded("roles-changed", {**FACTS, "before": [], "after": ["OutputChecker"]})
    assert given.table == (("Given", "Output Checker"),)


def test_a_kind_of_a_later_version_breaks_nothing() -> None:
    assert worded("from-the-future", {}).lines == ()


def test_many_names_are_counted_and_not_listed() -> None:
    facts = {**FACTS, "failed": [f"a{number}" for number in range(14)]}
    shown = dict(worded("request-ended", facts).table)["Actions that did not succeed"]
    assert shown.endswith("a9 and 4 more")


@pytest.mark.parametrize("text", ["a\r\nBcc: x@y.org", "a\nb", "a\x00b", "a\u2028b", "a\tb\x7f"])
def test_a_header_is_one_line_of_printable_characters(text: str) -> None:
    line = one_line(text)
    assert line.isprintable() and "  " not in line


def test_a_long_header_is_cut() -> None:
    assert len(one_line("x" * 1000)) == 200
