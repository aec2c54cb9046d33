"""What the engine does when something under it fails: nothing is forgotten, and nothing is done twice."""

import shutil
import threading
from collections.abc import Callable
from datetime import timedelta

from jobsite.core import clock
from jobsite.core.db import close_database
from jobsite.core.events import Event
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import executor
from jobsite.jobs.finishing import finish
from jobsite.jobs.models import Job, JobRequest

from .conftest import Study, project_yaml

Ask = Callable[..., JobRequest]
LONG_AFTER = timedelta(minutes=5)


def one_step(study: Study) -> None:
    text = project_yaml(only=("python:v2 only.py", [], {"moderately_sensitive": {"out": "out.txt"}}))
    study.commit(project__yaml=text, only__py="open('out.txt', 'w').write('x')")


def turn_until(engine: Engine, condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        engine.turn()
        threading.Event().wait(0.01)
    raise AssertionError([(job.action, job.status_code) for job in Job.select()])


def test_a_job_whose_finishing_was_lost_is_handed_over_again(study: Study, ask: Ask) -> None:
    """The queue lost the task, or it broke off because the disk was full: that is found again, without a new start."""
    one_step(study)
    ask("only")
    lost: list[int] = []
    engine = Engine(executor(), finish=lost.append)
    turn_until(engine, lambda: bool(lost))
    for _ in range(20):
        engine.turn()
    assert len(lost) == 1, "it is not handed over again and again meanwhile"
    with clock.at(clock.now() + LONG_AFTER):
        engine.turn()
    assert lost == [Job.get().id] * 2


def test_a_queue_that_fails_is_asked_again(study: Study, ask: Ask) -> None:
    one_step(study)
    ask("only")
    tries: list[int] = []

    def refuses_at_first(job_id: int) -> None:
        tries.append(job_id)
        if len(tries) == 1:
            raise OSError("disk full")
        finish(job_id)

    engine = Engine(executor(), finish=refuses_at_first)
    turn_until(engine, lambda: bool(tries))
    with clock.at(clock.now() + LONG_AFTER):
        turn_until(engine, lambda: not Job.get().is_active)
    assert Job.get().status_code == "succeeded"


def test_a_job_that_is_handed_over_twice_is_finished_once(study: Study, ask: Ask) -> None:
    one_step(study)
    ask("only")
    ended: list[int] = []
    turn_until(Engine(executor(), finish=ended.append), lambda: bool(ended))

    def in_a_thread() -> None:
        finish(ended[0])
        close_database()

    threads = [threading.Thread(target=in_a_thread) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = [event.type for event in Event.select() if event.subject == f"job:{Job.get().identifier}"]
    assert (told.count("job:finalizing"), told.count("job:succeeded")) == (1, 1)
    assert told[-1] == "job:succeeded"


def test_a_repository_that_is_gone_when_the_job_starts_is_told_at_once(study: Study, ask: Ask) -> None:
    one_step(study)
    ask("only")
    study.path.rename(study.path.with_name("elsewhere"))
    turn_until(Engine(executor(), finish=finish), lambda: not Job.get().is_active)
    assert (Job.get().status_code, Job.get().attempts_made) == ("job_error", 1)
    assert (
        Job.get().status_message == f"The job could not be run: There is no git repository at {study.path}."
    )


def test_a_commit_that_is_gone_when_the_job_starts_is_told_at_once(study: Study, ask: Ask) -> None:
    one_step(study)
    ask("only")
    shutil.rmtree(study.path / ".git" / "objects")
    (study.path / ".git" / "objects").mkdir()
    turn_until(Engine(executor(), finish=finish), lambda: not Job.get().is_active)
    assert Job.get().status_code == "job_error"
    assert Job.get().status_message.startswith("The job could not be run: ")
