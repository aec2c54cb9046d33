"""What is made of whatever a controller may say: always one of four words, and one line of limited length."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobsite.jobs.rules import CODES
from jobsite.sync.pushing.bodies import jobs_in, standings_in, unrecognised_in
from jobsite.sync.pushing.rules import (
    LONGEST_DETAILS,
    LONGEST_MESSAGE,
    MADE,
    NOTHING,
    REFUSED,
    UNCLEAR,
    is_unwanted,
    measures_of,
    message_of,
    not_there,
    one_line,
    outcome_of,
    scope_of,
    trace_of,
)

from .conftest import job_of

RAP = "a" * 16
WORDS = st.text() | st.sampled_from(
    [RAP, "count", "details", "rap_id", "result", "jobs", "slug", "not_found"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.integers(100, 599), JSON)
def test_any_answer_is_made_gone_refused_or_unclear_and_its_words_are_a_line(status: int, data: Any) -> None:
    outcome = outcome_of(status, data, RAP)
    assert outcome.kind in (MADE, NOTHING, REFUSED, UNCLEAR)
    assert len(outcome.details) <= LONGEST_DETAILS and (outcome.details.isprintable() or not outcome.details)
    assert (outcome.kind == MADE) == (outcome.count > 0)
    assert (outcome.kind in (MADE, NOTHING)) <= (200 <= status < 300)
    assert all(isinstance(one, str) for one in not_there(data))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(WORDS, JSON, max_size=5), JSON)
def test_what_cannot_be_read_is_left_out_and_what_is_kept_is_of_who_was_asked_for(
    told: dict[str, Any], said: Any
) -> None:
    job = job_of(RAP) | told | {"metrics": said, "trace_context": said}
    for slug, report in jobs_in({**told, "jobs": [said, job, job_of(RAP)]}, {RAP}) or ():
        assert (slug, report.job_request_id) == ("tpp", RAP)
        assert len(report.status_message) <= LONGEST_MESSAGE
        assert all(isinstance(value, int | float) for value in (report.metrics or {}).values())
    assert unrecognised_in({"unrecognised_rap_ids": said}, {RAP}) <= {RAP}
    assert standings_in({"backends": [said, told]}) == []


def test_a_message_is_kept_as_a_line_and_a_longer_one_gives_way_to_its_code() -> None:
    assert message_of("executing", " Job executing ") == "Job executing"
    assert message_of("executing", "line 1\nline 2") == CODES["executing"].sentence
    assert message_of("of_a_newer_one", "x" * (LONGEST_MESSAGE + 1)) == ""
    assert (
        one_line("a\x00b\n\tc", 10) == "a b c"
        and one_line(5, 10) == ""
        and one_line("x" * 20, 10) == "x" * 9 + "…"
    )


def test_measures_are_numbers_and_a_trace_is_two_headers() -> None:
    assert measures_of({"cpu": 1, "log": "x", "on": True, "inf": float("inf"), "x" * 51: 1}) == {"cpu": 1}
    assert len(measures_of({str(number): number for number in range(999)}) or {}) == 40
    assert trace_of({"traceparent": "00-a", "log": "x", "tracestate": 5}) == {"traceparent": "00-a"}
    assert measures_of(["x"]) is None and trace_of("x") is None


def test_a_scope_names_what_the_interface_has_words_for() -> None:
    allowed = [("dataset", "ukrr"), ("dataset", "icnarc"), ("population", "include_ndoo")]
    allowed += [("component", "event_level_data"), ("component", "sqlrunner")]
    assert scope_of(allowed) == {
        "dataset_permissions": ["icnarc", "ukrr"],
        "population_permissions": ["include_ndoo"],
        "component_access": ["event_level_data"],
    }
    assert scope_of([("component", "sqlrunner")]) == {}


def test_a_request_is_unwanted_when_all_that_was_asked_for_is_cancelled() -> None:
    assert is_unwanted(["a", "b"], ["a", "b", "c"]) and is_unwanted(["run_all"], ["a"])
    assert not is_unwanted(["a", "b"], ["a"]) and not is_unwanted(["run_all"], [])
