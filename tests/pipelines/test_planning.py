"""What a request runs, reuses or waits for, and the sentence for each (specification 2.3 to 2.7)."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from jobsite.pipelines import Latest, Pipeline, PlanRefused, job_identifier, parse, plan, why_not_image

from .marked import action, project

CHAIN = project(action("extract") + action("clean", needs="[extract]") + action("table", needs="[clean]"))
DONE = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)


def pipeline(text=CHAIN):
    report = parse(text)
    assert report.pipeline is not None, report.problems
    return report.pipeline


def done(job="j1", **facts):
    return Latest(job, "succeeded", **{"has_outputs": True, "finished_at": DONE, **facts})


def failed(job="j1", message="Job exited with an error", **facts):
    return Latest(job, "failed", status_message=message, **facts)


def shown(made):
    return [(decision.action, decision.verdict, decision.reason) for decision in made.decisions]


def only(made, name):
    return next(decision for decision in made.decisions if decision.action == name)


NEVER = "has not run in this workspace"
STATES = {
    "never run": (None, "run", NEVER),
    "pending": (Latest("j7", "pending"), "reuse", "already scheduled as job j7"),
    "running": (Latest("j7", "running"), "reuse", "already running as job j7"),
    "running at another commit": (
        Latest("j7", "running", commit="0123456789abcdef"),
        "reuse",
        "already running as job j7 at commit 0123456",
    ),
    "failed": (failed(message="no data"), "run", "its last run failed: no data"),
    "succeeded": (done(), "reuse", "succeeded on 2026-11-20 14:05 UTC; its outputs are used"),
    "succeeded, files gone": (done(has_outputs=False), "run", "output files of its last run are missing"),
    "succeeded at another commit": (
        done(commit="fff"),
        "reuse",
        "succeeded on 2026-11-20 14:05 UTC; its outputs are used (made by older code)",
    ),
    "succeeded with another command": (
        done(run_command="python:v1 analysis/extract.py"),
        "reuse",
        "succeeded on 2026-11-20 14:05 UTC; its outputs are used (made by older code: its command was different)",
    ),
    "succeeded with another image": (
        done(image="sha256:1"),
        "reuse",
        "succeeded on 2026-11-20 14:05 UTC; its outputs are used (made by older code: its image has changed since)",
    ),
    "succeeded with the same code": (
        done(commit="abc", image="sha256:2", run_command="python:v2 analysis/extract.py"),
        "reuse",
        "succeeded on 2026-11-20 14:05 UTC; its outputs are used",
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_a_dependency_runs_or_is_reused_by_the_state_of_its_latest_job(state):
    past, verdict, reason = STATES[state]
    latest = {} if past is None else {"extract": past}
    made = plan(pipeline(), ["clean"], latest, commit="abc", images={"python:v2": "sha256:2"})
    assert shown(made)[0] == ("extract", verdict, reason)


@pytest.mark.parametrize("past", [done(), failed(), done(has_outputs=False)])
def test_an_action_that_was_asked_for_by_name_runs_again(past):
    made = plan(pipeline(), ["extract"], {"extract": past})
    assert shown(made) == [("extract", "run", "you asked for it")]


@pytest.mark.parametrize("state", ["pending", "running"])
@pytest.mark.parametrize("force", [True, False])
def test_an_active_job_is_reused_even_if_asked_for_or_forced(state, force):
    made = plan(pipeline(), ["extract"], {"extract": Latest("j9", state)}, force=force)
    assert [decision.verdict for decision in made.decisions] == ["reuse"]
    assert made.nothing_to_do == "All requested actions were already scheduled to run"


def test_forced_dependencies_run_again():
    latest = {name: done(name) for name in ("extract", "clean", "table")}
    made = plan(pipeline(), ["table"], latest, force=True)
    assert made.new == ("extract", "clean", "table")
    assert only(made, "extract").reason == "dependencies are forced to run"


def test_what_a_reused_action_needs_is_not_looked_at():
    made = plan(pipeline(), ["table"], {"clean": done("c"), "extract": failed()})
    assert [decision.action for decision in made.decisions] == ["clean", "table"]


def test_a_job_whose_needs_have_their_outputs_runs_at_once_and_knows_who_supplies_it():
    made = plan(pipeline(), ["table"], {"clean": done("c")})
    assert only(made, "table").verdict == "run"
    assert only(made, "table").suppliers == {"clean": "c"}
    assert only(made, "clean").job_id == "c"


def test_a_job_waits_for_new_jobs_and_for_running_ones_by_name():
    text = project(action("a") + action("b") + action("c") + action("d", needs="[a, b, c]"))
    made = plan(pipeline(text), ["d"], {"a": Latest("ja", "running"), "b": done("jb")})
    waiting = only(made, "d")
    assert waiting.verdict == "wait"
    assert waiting.reason == f"{NEVER}; runs after a and c"
    assert waiting.suppliers == {"a": "ja", "b": "jb", "c": None}
    assert waiting.job_id == "ja"


def test_a_job_that_waits_for_a_new_job_does_not_take_the_id_of_the_one_that_waits_for():
    made = plan(pipeline(), ["table"], {"extract": Latest("je", "running")})
    assert only(made, "clean").suppliers == {"extract": "je"}
    assert only(made, "table").suppliers == {"clean": None}
    assert only(made, "table").job_id is None


def test_jobs_are_made_dependencies_first_in_the_order_asked_for():
    text = project(action("a") + action("b", needs="[d, c]") + action("c") + action("d"))
    assert plan(pipeline(text), ["b", "a"], {}).new == ("d", "c", "b", "a")
    assert plan(pipeline(text), ["run_all"], {}).new == ("a", "d", "c", "b") == pipeline(text).run_all


def test_under_run_all_nothing_counts_as_asked_for_by_name_unless_it_is_listed_too():
    latest = {name: done(name) for name in ("extract", "clean", "table")}
    assert (
        plan(pipeline(), ["run_all"], latest).nothing_to_do
        == "All actions have already completed successfully"
    )
    assert plan(pipeline(), ["run_all", "clean"], latest).new == ("clean",)


def test_run_all_leaves_an_action_of_that_name_out():
    text = 'version: "4"\nactions:\n' + action("run_all", needs="[extract]") + action("extract")
    assert plan(pipeline(text), ["run_all"], {}).new == ("extract",)


def test_nothing_to_do_is_an_answer():
    assert plan(pipeline("version: 5\nactions: {}"), ["run_all"], {}).nothing_to_do is not None
    active = {name: Latest(name, "pending") for name in ("extract", "clean", "table")}
    assert "already scheduled to run" in plan(pipeline(), ["run_all"], active).nothing_to_do


def test_a_rerun_says_which_good_outputs_it_replaces():
    again = plan(pipeline(), ["extract"], {"extract": done()})
    assert again.decisions[0].overwrites == ("output/extract.csv",)
    after_failure = plan(pipeline(), ["extract"], {"extract": failed(has_outputs=True)})
    assert after_failure.decisions[0].overwrites == ("output/extract.csv",)
    first = plan(pipeline(), ["extract"], {})
    assert first.decisions[0].overwrites == ()


def test_an_unknown_action_is_refused_with_the_nearest_name():
    with pytest.raises(
        PlanRefused, match=r"Action 'extrct' not found in project.yaml. Did you mean 'extract'\?"
    ):
        plan(pipeline(), ["extrct"], {})
    with pytest.raises(PlanRefused, match="Action 'zzz' not found in project.yaml.$"):
        plan(pipeline(), ["zzz"], {})
    with pytest.raises(PlanRefused, match="at least one action"):
        plan(pipeline(), [], {})


def test_a_chain_of_twenty_thousand_actions_plans():
    one = pipeline().actions["extract"]
    names = [f"a{number}" for number in range(20_000)]
    actions = {name: replace(one, name=name, needs=(need,)) for name, need in pairwise(names)}
    actions[names[-1]] = replace(one, name=names[-1])
    made = plan(Pipeline(5, actions, ()), ["a0"], {})
    assert made.new == tuple(reversed(names))


def test_the_same_request_always_makes_the_same_job():
    assert job_identifier("abcdefghijklmnop", "clean") == job_identifier("abcdefghijklmnop", "clean")
    assert job_identifier("abcdefghijklmnop", "clean") == "m4cltm72oyfelm42"
    assert len({job_identifier(request, name) for request in ("r1", "r2") for name in ("a", "b")}) == 4


IMAGES = {
    "python:v2": None,
    "cox-ipw:v0.0.1": None,
    "python:v3": "in 'table: python:v3': v3 is not a tag listed in python; the tags are: v1 and v2.",
    "py/thon:v1": "in 'table: py/thon:v1': the name of a reusable action contains invalid characters. "
    "Did you mean `python`?",
    "'..:v1'": "in 'table: ..:v1': the name of a reusable action contains invalid characters.",
    "':v1'": "in 'table: :v1': the name of a reusable action contains invalid characters.",
}


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_is_refused_with_a_sentence_where_no_network_is_needed_to_know(image):
    made = pipeline(project(action(run=f'"{image} a.py"'))).actions["table"]
    assert why_not_image(made, ("python", "r"), {"python": ["v1", "v2"]}) == IMAGES[image]


def test_the_tag_latest_of_older_versions_means_v1():
    text = 'version: "4"\nactions:\n' + action(run="python:latest a.py")
    made = pipeline(text).actions["table"]
    assert (made.tag, made.runtime_tag) == ("latest", "v1")
    assert why_not_image(made, ("python",), {"python": ["v1"]}) is None
    assert "not a tag" in why_not_image(made, ("python",), {"python": ["v2"]})
