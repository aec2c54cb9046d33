"""The flags of a backend: who wins, what a check of the database may say, and times of real changes only."""

from datetime import datetime, timedelta

import pytest

from jobsite.accounts import backends
from jobsite.accounts.models import Backend
from jobsite.core import clock
from jobsite.core.errors import Conflict, Invalid

AT = datetime(2026, 11, 2, 9)


def fresh(backend: Backend) -> Backend:
    return Backend.get_by_id(backend.id)


def test_a_check_of_the_database_turns_maintenance_on_and_off(local: Backend) -> None:
    backends.report_database(by="system", backend=local, answer="db-maintenance;2")
    assert fresh(local).is_in_maintenance_mode
    backends.report_database(by="system", backend=fresh(local), answer="none;0")
    assert not fresh(local).is_in_maintenance_mode


@pytest.mark.parametrize(
    "answer", ["yes", "db-maintenance;3", "none", "none;", "patient 7 died", "DB-MAINTENANCE"]
)
def test_any_other_answer_changes_nothing_and_is_not_repeated(local: Backend, answer: str) -> None:
    with pytest.raises(Invalid) as refusal:
        backends.report_database(by="system", backend=local, answer=answer)
    assert "patient" not in str(refusal.value)
    assert not fresh(local).is_in_maintenance_mode


def test_what_a_person_switched_on_is_not_ended_by_a_check(local: Backend) -> None:
    backends.start_maintenance(by="system", backend=local)
    said = backends.report_database(by="system", backend=fresh(local), answer="")
    assert said == "A person has switched maintenance on, so it stays on."
    assert fresh(local).is_in_maintenance_mode
    backends.end_maintenance(by="system", backend=fresh(local))
    assert not fresh(local).is_maintenance_manual


def test_a_person_takes_over_a_maintenance_that_a_check_began(local: Backend) -> None:
    backends.report_database(by="system", backend=local, answer="db-maintenance")
    backends.start_maintenance(by="system", backend=fresh(local))
    with pytest.raises(Conflict):
        backends.start_maintenance(by="system", backend=fresh(local))
    backends.report_database(by="system", backend=fresh(local), answer="")
    assert fresh(local).is_in_maintenance_mode


def test_with_checks_disabled_a_report_changes_nothing(local: Backend) -> None:
    backends.set_checks(by="system", backend=local, disabled=True)
    backends.report_database(by="system", backend=fresh(local), answer="db-maintenance")
    assert not fresh(local).is_in_maintenance_mode


def test_setting_the_same_value_keeps_the_time(local: Backend) -> None:
    with clock.at(AT):
        backends.report_database(by="system", backend=local, answer="db-maintenance")
        backends.set_checks(by="system", backend=local, disabled=False)
    with clock.at(AT + timedelta(hours=1)):
        backends.report_database(by="system", backend=fresh(local), answer="db-maintenance;1")
    assert (fresh(local).maintenance_since, fresh(local).checks_disabled_since) == (AT, None)


def test_preparing_a_restart_pauses_and_resuming_ends_both(local: Backend) -> None:
    backends.prepare_for_reboot(by="system", backend=local)
    assert (fresh(local).is_paused, fresh(local).is_rebooting) == (True, True)
    backends.prepare_for_reboot(by="system", backend=fresh(local))
    backends.resume(by="system", backend=fresh(local))
    assert (fresh(local).is_paused, fresh(local).is_rebooting) == (False, False)
