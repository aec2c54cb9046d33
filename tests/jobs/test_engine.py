"""A request from Submit to its end: real git, real sandbox, real files."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from jobsite.accounts.models import Backend, User
from jobsite.core.errors import Denied, Invalid
from jobsite.core.events import Event, verify
from jobsite.jobs.actions import cancel, move
from jobsite.jobs.engine import Engine
from jobsite.jobs.models import Attempt, Job, JobOutput, JobRequest
from jobsite.jobs.rules import CODES
from jobsite.projects.models import Workspace

from .conftest import Study, project_yaml

HIGH = "highly_sensitive"
MODERATE = "moderately_sensitive"
Ask = Callable[..., JobRequest]
Run = Callable[[JobRequest], dict[str, Job]]

EXTRACT = """
import pathlib
pathlib.Path("output").mkdir()
pathlib.Path("output/rows.csv").write_text("age,sex\\n61,F\\n47,M\\n")
print("two rows")
"""
TABLE = """
import pathlib
rows = pathlib.Path("output/rows.csv").read_text().splitlines()[1:]
pathlib.Path("output/table.csv").write_text(f"rows\\n{len(rows)}\\n")
"""
TWO_STEPS = project_yaml(
    extract=("python:v2 extract.py", [], {HIGH: {"rows": "output/rows.csv"}}),
    table=("python:v2 table.py", ["extract"], {MODERATE: {"table": "output/table.csv"}}),
)


def two_steps(study: Study) -> None:
    study.commit(project__yaml=TWO_STEPS, extract__py=EXTRACT, table__py=TABLE)


def one_step(study: Study, code: str, pattern: str = "out.txt") -> None:
    text = project_yaml(only=("python:v2 only.py", [], {MODERATE: {"out": pattern}}))
    study.commit(project__yaml=text, only__py=code)


def level4(instance: Path) -> Path:
    return instance / "workspaces" / "level4" / "asthma"


def high(instance: Path) -> Path:
    return instance / "workspaces" / "high" / "asthma"


def test_a_request_runs_to_the_end_and_leaves_outputs_manifest_and_logs(
    instance: Path, study: Study, ask: Ask, run: Run
) -> None:
    two_steps(study)
    request = ask("run_all")
    jobs = run(request)
    request = JobRequest.get_by_id(request.id)
    assert (request.status, request.jobs_succeeded, request.jobs_total) == ("succeeded", 2, 2)
    assert {job.status_code for job in jobs.values()} == {"succeeded"}
    assert (high(instance) / "output/rows.csv").read_text() == "age,sex\n61,F\n47,M\n"
    assert (level4(instance) / "output/table.csv").read_text() == "rows\n2\n"
    assert not (level4(instance) / "output/rows.csv").exists()
    manifest = json.loads((level4(instance) / "metadata/manifest.json").read_text())
    assert {
        path: (one["level"], one["action"], one["user"]) for path, one in manifest["outputs"].items()
    } == {
        "output/rows.csv": (HIGH, "extract", "ada"),
        "output/table.csv": (MODERATE, "table", "ada"),
    }
    assert "two rows" in (level4(instance) / "metadata/extract.log").read_text()
    assert list((instance / "work").iterdir()) == []
    assert {row.path for row in JobOutput.select()} == {"output/rows.csv", "output/table.csv"}


def test_every_step_is_an_event_and_the_chain_holds(study: Study, ask: Ask, run: Run) -> None:
    one_step(study, "open('out.txt', 'w').write('x')")
    job = run(ask("only"))["only"]
    steps = [
        event.type
        for event in Event.select().where(Event.subject == f"job:{job.identifier}").order_by(Event.id)
    ]
    assert steps[0] == "job:initiated"
    assert steps[-3:] == ["job:finalizing", "job:finalized", "job:succeeded"]
    assert verify()[1] is None


def test_times_are_in_order(study: Study, ask: Ask, run: Run) -> None:
    one_step(study, "open('out.txt', 'w').write('x')")
    job = run(ask("only"))["only"]
    attempt = Attempt.get(Attempt.job == job)
    assert job.created_at <= job.started_at <= attempt.started_at <= attempt.ended_at <= job.completed_at
    request = JobRequest.get()
    assert (request.started_at, request.completed_at) == (job.started_at, job.completed_at)


def test_a_nonzero_exit_fails_the_job_and_its_dependants_and_keeps_the_log(
    instance: Path, study: Study, ask: Ask, run: Run
) -> None:
    two_steps(study)
    study.commit(extract__py="print('before'); raise SystemExit(3)")
    request = ask("run_all")
    jobs = run(request)
    assert (jobs["extract"].state, jobs["extract"].status_code) == ("failed", "nonzero_exit")
    assert (jobs["table"].state, jobs["table"].status_code) == ("failed", "dependency_failed")
    assert jobs["table"].status_message == "Not starting as dependency failed: extract (failed)"
    assert Attempt.get(Attempt.job == jobs["extract"]).exit_code == 3
    assert JobRequest.get_by_id(request.id).status == "failed"
    assert "before" in (level4(instance) / "metadata/extract.log").read_text()
    assert Attempt.select().where(Attempt.job == jobs["extract"]).count() == 1, (
        "a user's fault is never tried again"
    )


def test_a_pattern_without_a_file_fails_the_job_and_names_the_nearest(
    instance: Path, study: Study, ask: Ask, run: Run
) -> None:
    one_step(
        study,
        "import os; os.mkdir('output'); open('output/tabel.csv', 'w').write('a\\n1\\n')",
        "output/table.csv",
    )
    job = run(ask("only"))["only"]
    assert job.status_code == "unmatched_patterns"
    assert job.status_message == CODES["unmatched_patterns"].sentence
    log = (level4(instance) / "metadata/only.log").read_text()
    assert "No outputs found matching patterns:" in log
    assert "output/tabel.csv" in log
    assert JobOutput.select().count() == 0


def test_a_failed_run_never_overwrites_good_outputs(instance: Path, study: Study, ask: Ask, run: Run) -> None:
    one_step(study, "open('out.txt', 'w').write('good')")
    run(ask("only"))
    study.commit(only__py="open('out.txt', 'w').write('bad'); raise SystemExit(1)")
    run(ask("only"))
    assert (level4(instance) / "out.txt").read_text() == "good"


def test_what_has_succeeded_is_reused_unless_forced(study: Study, ask: Ask, run: Run) -> None:
    two_steps(study)
    first = run(ask("run_all"))
    again = run(ask("table"))
    assert list(again) == ["table"]
    assert again["table"].needs == {"extract": first["extract"].identifier}
    assert list(run(ask("table", force=True))) == ["extract", "table"]


def test_nothing_to_do_is_an_answer(study: Study, ask: Ask, run: Run) -> None:
    two_steps(study)
    run(ask("run_all"))
    request = ask("run_all")
    assert (request.status, request.jobs_total) == ("nothing_to_do", 0)
    assert "already completed successfully" in request.status_message


def test_missing_outputs_lead_to_a_rerun(instance: Path, study: Study, ask: Ask, run: Run) -> None:
    two_steps(study)
    run(ask("run_all"))
    (high(instance) / "output/rows.csv").unlink()
    assert list(run(ask("table"))) == ["extract", "table"]


def test_inputs_are_those_of_the_job_that_was_waited_for(
    instance: Path, study: Study, ask: Ask, run: Run
) -> None:
    two_steps(study)
    run(ask("run_all"))
    study.commit(table__py=TABLE.replace("len(rows)", "rows"))
    request = ask("table")
    (high(instance) / "output/rows.csv").write_text("age,sex\n99,X\n")
    jobs = run(request)
    assert jobs["table"].status_code == "job_error"
    assert "doesn't exist in workspace" in jobs["table"].status_message


def test_the_same_form_twice_makes_one_request(study: Study, ask: Ask) -> None:
    two_steps(study)
    first = ask("run_all", form_key="k1")
    assert ask("run_all", form_key="k1") == first
    assert (JobRequest.select().count(), Job.select().count()) == (1, 2)


def test_a_second_request_waits_for_the_first_ones_jobs(study: Study, ask: Ask, run: Run) -> None:
    two_steps(study)
    first, second = ask("extract"), ask("table")
    jobs = run(second)
    assert list(jobs) == ["table"]
    assert jobs["table"].needs["extract"] == Job.get(Job.job_request == first).identifier


def test_cancelling_a_waiting_job_is_at_once_and_reaches_its_dependants(
    study: Study, ask: Ask, run: Run, cast: object
) -> None:
    two_steps(study)
    request = ask("run_all")
    cancel(
        by=User.get(User.username == "ada"),
        request=request,
        may_cancel=True,
        jobs=[Job.get(Job.action == "extract")],
    )
    assert Job.get(Job.action == "extract").status_code == "cancelled_by_user"
    jobs = run(request)
    assert jobs["table"].status_message == "Not starting as dependency failed: extract (was cancelled)"
    assert jobs["extract"].completed_at is not None


def test_cancelling_a_running_job_is_confirmed_when_its_processes_are_gone(
    instance: Path, study: Study, ask: Ask, run: Run, run_until: Callable[..., None]
) -> None:
    one_step(
        study, "import time; open('out.txt', 'w').write('x'); print('started', flush=True); time.sleep(600)"
    )
    request = ask("only")
    run_until(lambda: Job.get().status_code == "executing")
    ada = User.get(User.username == "ada")
    assert cancel(by=ada, request=JobRequest.get(), may_cancel=True) == 1
    assert Job.get().words == ("cancelled", "Cancelling")
    with pytest.raises(Denied, match="It is being cancelled"):
        cancel(by=ada, request=JobRequest.get(), may_cancel=True)
    jobs = run(request)
    assert (jobs["only"].state, jobs["only"].status_code) == ("cancelled", "cancelled_by_user")
    assert not (level4(instance) / "out.txt").exists()
    with pytest.raises(Denied, match="already finished"):
        cancel(by=ada, request=JobRequest.get(), may_cancel=True)


def test_a_stranger_cannot_cancel(study: Study, ask: Ask, cast: object) -> None:
    two_steps(study)
    request = ask("run_all")
    with pytest.raises(Denied, match="Only the person who asked"):
        cancel(by=User.get(User.username == "dan"), request=request, may_cancel=False)
    assert {job.state for job in Job.select()} == {"pending"}


@pytest.mark.parametrize(
    ("actions", "sentence"),
    [((), "Choose at least one action"), (("tabel",), "table"), (("run_all", "nope"), "nope")],
)
def test_actions_that_are_not_there_are_refused_and_nothing_is_stored(
    study: Study, ask: Ask, actions: tuple[str, ...], sentence: str
) -> None:
    two_steps(study)
    with pytest.raises(Invalid, match=sentence):
        ask(*actions)
    assert JobRequest.select().count() == 0


def test_an_image_without_a_runtime_is_refused_when_planning(study: Study, ask: Ask) -> None:
    study.commit(project__yaml=project_yaml(a=("pyhton:v2 a.py", [], {HIGH: {"x": "x.csv"}})))
    with pytest.raises(Invalid, match="there is no runtime for pyhton:v2 here. Did you mean python?"):
        ask("a")


def test_an_invalid_project_file_is_refused_with_its_line(study: Study, ask: Ask) -> None:
    study.commit(project__yaml="version: 5\nactions:\n  a:\n    run: python:v2\n")
    with pytest.raises(Invalid, match="project.yaml, line 3"):
        ask("a")


def test_no_more_jobs_run_than_there_are_workers(study: Study, ask: Ask, engine: Engine) -> None:
    study.commit(
        project__yaml=project_yaml(
            **{f"a{n}": ("python:v2 sleep.py " + str(n), [], {HIGH: {"x": f"{n}.csv"}}) for n in range(4)}
        ),
        sleep__py="import time; time.sleep(600)",
    )
    request = ask("run_all")
    engine.turn()
    codes = sorted(job.status_code for job in Job.select())
    assert codes == ["initiated", "initiated", "waiting_on_workers", "waiting_on_workers"]
    cancel(by=User.get(User.username == "ada"), request=request, may_cancel=True)
    while JobRequest.get().is_active:
        engine.turn()


def test_a_paused_backend_starts_nothing_and_says_so(study: Study, ask: Ask, engine: Engine) -> None:
    two_steps(study)
    ask("extract")
    Backend.update(is_paused=True).execute()
    engine.turn()
    assert (Job.get().state, Job.get().status_code) == ("pending", "paused")


def test_one_bad_job_never_stops_the_loop(instance: Path, study: Study, ask: Ask, run: Run) -> None:
    two_steps(study)
    broken = ask("extract")
    Job.update(state="running", status_code="executing").where(Job.job_request == broken).execute()
    study.commit(other__py="open('o.csv', 'w').write('a\\n1\\n')",
                 project__yaml=TWO_STEPS + "  other:\n    run: python:v2 other.py\n    outputs: {highly_sensitive: {o: o.csv}}\n")  # fmt: skip
    assert run(ask("other"))["other"].status_code == "succeeded"


def test_a_job_that_moved_on_is_not_moved_twice(study: Study, ask: Ask, engine: Engine) -> None:
    two_steps(study)
    ask("extract")
    one, two = Job.get(), Job.get()
    move(one, "paused")
    from jobsite.core.errors import Conflict

    with pytest.raises(Conflict):
        move(two, "waiting_on_workers")
    assert Job.get().status_code == "paused"


def test_archived_workspaces_run_nothing(study: Study, workspace: Workspace, ask: Ask) -> None:
    two_steps(study)
    workspace.is_archived = True
    with pytest.raises(Denied, match="archived workspace"):
        ask("extract")
