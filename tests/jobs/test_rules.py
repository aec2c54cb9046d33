"""The life of a job as data: states, codes, steps, sentences."""

import pytest

from jobsite.jobs.rules import (
    CODES,
    JOB,
    RESETS,
    STAGES,
    STEPS,
    disk_sentence,
    memory_sentence,
    nonzero_sentence,
    request_status,
    time_sentence,
    why_not_step,
)


def test_every_code_is_of_a_known_state_and_has_a_sentence() -> None:
    assert {one.state for one in CODES.values()} == set(JOB.states)
    assert all(one.sentence and one.sentence[0].isupper() for one in CODES.values())
    assert set(STEPS) == set(CODES)


def test_steps_between_codes_are_steps_between_states() -> None:
    for before, following in STEPS.items():
        for after in following:
            old, new = CODES[before].state, CODES[after].state
            assert old == new or new in JOB.transitions[old], (before, after)


def test_final_codes_are_never_left() -> None:
    for code, one in CODES.items():
        assert (STEPS[code] == ()) == (one.state in JOB.final)


def test_stages_never_go_backwards() -> None:
    for place, stage in enumerate(STAGES):
        assert not set(STEPS[stage]) & set(STAGES[: place + 1])


def test_from_running_to_pending_only_resets_lead() -> None:
    back = {after for stage in STAGES for after in STEPS[stage] if CODES[after].state == "pending"}
    assert back == set(RESETS)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("succeeded", "created"),
        ("executing", "preparing"),
        ("created", "succeeded"),
        ("executing", "executing"),
    ],
)
def test_other_steps_are_refused_with_a_sentence(before: str, after: str) -> None:
    assert why_not_step(before, after) == f"A job does not go from {before} to {after}."


def test_a_waiting_job_may_get_other_words_for_the_same_code() -> None:
    assert why_not_step("waiting_on_dependencies", "waiting_on_dependencies") is None


def test_limits_are_named_in_their_sentences() -> None:
    assert memory_sentence(4_000_000_000) == "Job ran out of memory (limit was 4.00GB)"
    assert memory_sentence(4_000_000_000, 3_990_000_000).endswith("(limit was 4.00GB, 3.99GB were in use)")
    assert time_sentence(90) == "stopped at the time limit of 0:01:30"
    assert disk_sentence(20_000_000_000) == "it wrote more than the 20.0GB of disk space a job may use"


def test_exit_codes_of_the_database_mean_something_for_database_jobs_only() -> None:
    assert "ehrQL" in nonzero_sentence(10, database=True)
    assert nonzero_sentence(10, database=False) == ""
    assert nonzero_sentence(3, database=True).endswith("contact support if it keeps failing")


@pytest.mark.parametrize(
    ("before", "states", "status"),
    [
        ("pending", ["pending", "succeeded"], "running"),
        ("running", ["succeeded", "cancelled"], "failed"),
        ("running", ["succeeded"], "succeeded"),
        ("failed", ["running"], "failed"),
        ("pending", [], "pending"),
    ],
)
def test_a_request_follows_its_jobs_and_is_never_reopened(
    before: str, states: list[str], status: str
) -> None:
    assert request_status(before, states) == status
