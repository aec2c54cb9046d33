"""What is read of an agent's results, whatever it sends; and that no order of what it tells brings two ends."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsite.core.clock import now
from jobsite.jobs.executors import records
from jobsite.jobs.executors.agent import TOLD, Agent, ask_end, note_end, note_stage, offer
from jobsite.jobs.executors.contract import REASONS, AttemptSpec, Exit
from jobsite.jobs.rules import nonzero_sentences
from jobsite.sync.tasks.database import expected_month
from jobsite.sync.tasks.results import end_of, sentence
from jobsite.sync.tasks.updates import Unusable, update_in

SPEC = AttemptSpec(
    attempt="a-001", attempt_dir="/x", work_dir="/y", repo="/r", commit="0" * 40, argv=(), task={"definition": {}}
)  # fmt: skip
KEYS = (
    "exit_code", "error", "cancelled", "oom_killed", "status_message", "hint", "outputs", "unmatched_patterns",
    "has_unmatched_patterns", "level4_excluded_files", "has_level4_excluded_files", "docker_image_id", "job_metrics",
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["0", "1", "137"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING))
def test_any_results_make_an_end_that_can_be_stored(told: dict[str, Any]) -> None:
    end = end_of(told, SPEC, {}, 5, overdue=False)
    assert end.reason in REASONS and end.elsewhere
    assert json.loads(json.dumps(asdict(end), allow_nan=False)) == asdict(end)


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=40), st.sampled_from(["{}", "Job exited with an error: {}", "Job ran out of memory {}"])
)
def test_no_words_of_a_run_are_taken_over(said: str, around: str) -> None:
    assert sentence(around.format(said)) in ("", *nonzero_sentences())


SENTENCES = [
    ("Job exited with an error", ""),
    ("Job ran out of memory (limit was 4.00GB)", "Job ran out of memory (limit was 4.00GB)"),
    ("Job exited with an error: Job ran out of memory (limit was 4.00GB)", "Job ran out of memory (limit was 4.00GB)"),
    ("assurance  tests\nfailed", "assurance tests failed"), ("assurance tests failed for 7 patients", ""),
    ("3 patients", ""), ("output/table", ""), ("x" * 10_000, ""), (None, ""), (5, ""), (["x"], ""), ("", ""), ("\x00", ""),
]  # fmt: skip


@pytest.mark.parametrize(("said", "kept"), SENTENCES)
def test_a_sentence_is_taken_over_or_left_out_whole(said: Any, kept: str) -> None:
    assert sentence(said) == kept


@pytest.mark.parametrize(
    ("code", "read"), [("0", 0), (0, 0), ("255", 255), (137, 137), ("256", None), ("-1", None), ("", None), (None, None),
                       (True, None), ("1.0", None), ([], None), ("٣", None)],
)  # fmt: skip
def test_an_exit_code_is_a_number_from_0_to_255(code: Any, read: int | None) -> None:
    end = end_of({"exit_code": code}, SPEC, {}, 5, overdue=False)
    assert (end.exit_code, end.reason) == (read, "platform" if read is None else "exited")


def test_a_moment_ahead_and_a_payload_of_half_characters() -> None:
    ahead = json.dumps({"task_id": "x", "complete": False, "timestamp_ns": 10**30})
    assert update_in(ahead).at <= records.now()
    assert update_in('{"task_id": "x", "complete": true}').stage == ""
    with pytest.raises(Unusable):
        update_in('{"task_id": "\\ud800", "complete": true}')


def test_the_month_that_is_expected_is_counted_over_years() -> None:
    at = now().replace(year=2026, month=2)
    assert [expected_month(at, back) for back in (0, 1, 2, 14)] == ["202602", "202601", "202512", "202412"]


STEP = st.one_of(
    st.tuples(st.just("stage"), st.sampled_from(TOLD), st.integers(0, 10)),
    st.tuples(st.just("end"), st.sampled_from(["0", "1", "137"]), st.booleans()),
    st.just(("cancel",)), st.just(("fetch",)), st.just(("launch",)), st.just(("overdue",)),
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.lists(STEP, max_size=14))
def test_in_any_order_there_is_one_end_and_no_stage_goes_back(steps: list[tuple[Any, ...]]) -> None:
    with TemporaryDirectory(dir="/tmp") as folder:
        agent, spec = Agent(), AttemptSpec(**{**SPEC.__dict__, "attempt_dir": folder})
        ends, stages = [], [-1]
        agent.launch(spec)
        for kind, *facts in steps:
            if kind == "stage":
                note_stage(folder, facts[0], records.now() - facts[1] * 10**6)
            elif kind == "end":
                told = {"exit_code": facts[0], "cancelled": facts[1]}
                note_end(folder, lambda of, times, late, told=told: end_of(told, of, times, 5, overdue=late))
            elif kind == "fetch":
                assert (offer(folder) is None) == bool(ends)
            elif kind == "launch":
                agent.launch(spec)
            else:
                ask_end(folder, "time_limit" if kind == "overdue" else "")
            seen = agent.observe(folder)
            assert seen.alive == (seen.exit is None)
            stages.append(TOLD.index(seen.stage) if seen.stage else -1)
            times = [seen.times[stage] for stage in TOLD if stage in seen.times]
            assert times == sorted(times) and stages == sorted(stages)
            ends += [seen.exit] if seen.exit else []
        assert all(end == ends[0] for end in ends)
        assert offer(folder) is None if ends else offer(folder) is not None


def test_the_wish_of_people_counts_before_a_limit_of_time(tmp_path: Path) -> None:
    for wishes, reason in (
        (("time_limit", ""), "cancelled"),
        (("", "time_limit"), "cancelled"),
        (("time_limit",), "time_limit"),
    ):
        folder = tmp_path / str(len(wishes)) / reason / (wishes[0] or "people")
        Agent().launch(AttemptSpec(**{**SPEC.__dict__, "attempt_dir": str(folder)}))
        offer(folder)
        for why in wishes:
            ask_end(folder, why)
        assert note_end(
            folder, lambda of, times, late: end_of({"cancelled": True}, of, times, 5, overdue=late)
        )
        seen = Agent().observe(folder).exit
        assert isinstance(seen, Exit) and seen.reason == reason, wishes


def test_of_ends_told_at_once_one_is_recorded(tmp_path: Path) -> None:
    Agent().launch(AttemptSpec(**{**SPEC.__dict__, "attempt_dir": str(tmp_path)}))

    def tell(code: int) -> bool:
        told = {"exit_code": code}
        return note_end(tmp_path, lambda of, times, late: end_of(told, of, times, 5, overdue=late))

    with ThreadPoolExecutor(16) as threads:
        first = list(threads.map(tell, range(64)))
    recorded = Agent().observe(tmp_path).exit
    assert recorded is not None and first.count(True) == 1 and recorded.exit_code == first.index(True)
