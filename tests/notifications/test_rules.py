"""Who is told what by which way, and when a delivery is tried again: the rules alone."""

from datetime import datetime, timedelta

import pytest

from jobsite.notifications.rules import (
    CHOICES,
    GROUPS,
    LEASE,
    LONGEST_WAIT,
    TRIES,
    is_old_news,
    wait_after,
    wants_each_job,
    wants_mail,
    wants_summary,
    why_not_choice,
    why_not_groups,
)
from jobsite.setting_kinds import repo_name, sender, wait, webhook
from jobsite.settings import SETTINGS


def test_waits_double_up_to_six_hours_and_then_it_is_given_up() -> None:
    waits = [wait_after(tries) for tries in range(1, TRIES + 1)]
    minutes = [one and one.total_seconds() / 60 for one in waits]
    assert minutes[:4] == [1, 2, 4, 8]
    assert max(one for one in waits if one) == LONGEST_WAIT
    assert waits[-1] is None
    assert None not in waits[:-1]


def test_the_lease_is_longer_than_any_delivery_may_take() -> None:
    longest = next(one for one in SETTINGS if one.name == "delivery_timeout").metadata["parse"]
    assert longest("2 min") < LEASE
    with pytest.raises(ValueError, match="at most 2 min"):
        longest("3 min")


@pytest.mark.parametrize(
    ("choice", "of_good", "of_failed", "of_cancelled", "summary", "mailed"),
    [
        ("each", True, True, True, False, True),
        ("failures", False, True, False, False, True),
        ("summary", False, False, False, True, True),
        ("none", False, False, False, True, False),
    ],
)
def test_what_each_choice_gives(
    choice: str, of_good: bool, of_failed: bool, of_cancelled: bool, summary: bool, mailed: bool
) -> None:
    assert wants_each_job(choice, "succeeded") == of_good
    assert wants_each_job(choice, "failed") == of_failed
    assert wants_each_job(choice, "cancelled") == of_cancelled
    assert wants_summary(choice) == summary
    assert wants_mail("jobs", jobs=choice, off=()) == mailed


def test_every_choice_is_in_the_table_above() -> None:
    assert list(CHOICES) == ["each", "failures", "summary", "none"]
    assert why_not_choice("each") is None
    assert why_not_choice("often") == "Choose one of these."


def test_news_of_the_account_cannot_be_switched_off() -> None:
    assert wants_mail("security", jobs="none", off=list(GROUPS))
    assert not wants_mail("access", jobs="each", off=["access"])
    assert why_not_groups(["access", "site"]) is None
    for name in ("security", "jobs", "nothing"):
        assert why_not_groups([name]) == "This kind of e-mail cannot be switched off."


def test_news_is_old_after_a_day() -> None:
    noon = datetime(2026, 11, 22, 12)
    assert not is_old_news(noon, noon + timedelta(hours=24))
    assert is_old_news(noon, noon + timedelta(hours=24, seconds=1))


@pytest.mark.parametrize("good", ["", "a@b.org", "Jobs <a@b.org>", "Jobs at North <a-b@c.org>"])
def test_a_sender_is_an_address_with_or_without_a_name(good: str) -> None:
    assert sender(good) == good


@pytest.mark.parametrize(
    "bad", ["a", "a@b.org>", "Jobs <a@b.org", "a@b.org, c@d.org", "J\r\nBcc: <x@y.org>", "a b@c.org"]
)
def test_anything_else_is_no_sender(bad: str) -> None:
    with pytest.raises(ValueError, match="must be an e-mail address"):
        sender(bad)


def test_other_settings_of_deliveries_are_checked() -> None:
    assert webhook("https://hooks.example/a/") == "https://hooks.example/a/", "kept to the last slash"
    assert repo_name("org/sign-off.repo") == "org/sign-off.repo"
    for name in ("org", "org/..", "org/a/b", "https://github.com/org/a", "-/x"):
        with pytest.raises(ValueError, match="owner/name"):
            repo_name(name)
    with pytest.raises(ValueError, match="http"):
        webhook("ftp://hooks.example")
    assert wait("5 s") == timedelta(seconds=5)
