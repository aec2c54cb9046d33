"""An instance with one study and one workspace, and an engine that runs its jobs in this process, as a server does."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from jobsite.accounts.actions import add_user
from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import User
from jobsite.core import hub
from jobsite.core.consumer import open_queue
from jobsite.core.queue import nudge
from jobsite.instance import open_instance
from jobsite.jobs.actions import Wish
from jobsite.jobs.definitions import newest_definition
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import executor
from jobsite.outputs.tasks import finish_and_check, follow_ends
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.workspaces import create_workspace
from jobsite.settings import Settings

WORKERS = 8


def study_world(folder: Path, files: Mapping[str, str]) -> tuple[Callable[..., Wish], User]:
    """Make the instance `folder/instance` for a study of these files; what makes a wish of actions, and who asks."""
    study = folder / "study"
    study.mkdir()
    for name, text in files.items():
        (study / name).write_text(text)
    for words in (
        ["init", "-q", "-b", "main"],
        ["add", "-A"],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], cwd=study, check=True)
    open_instance(
        Settings(
            instance=folder / "instance",
            allowed_repos=(str(study),),
            runtimes={"python": (sys.executable,)},
            max_workers=WORKERS,
        )
    )
    ada = add_user(by="system", username="ada", fullname="Ada")
    backend = add_backend(by="system", slug="local", name="Local")
    project = add_project(by="system", name="P", orgs=[add_organisation(by="system", name="O")])
    add_member(by="system", project=project, user=ada, roles=["ProjectDeveloper"])
    workspace = create_workspace(by=ada, project=project, name="w", repo=str(study), branch="main")
    return partial(Wish, workspace, backend, newest_definition(workspace)), ada


@contextmanager
def engine_running(folder: Path) -> Iterator[None]:
    """Within the block the jobs of the instance in `folder` are run."""
    stop = threading.Event()
    consumer = open_queue(folder / "instance" / "huey.db").consumer(workers=4)
    engine = Engine(executor(), finish=lambda job_id: nudge(finish_and_check, job_id))
    threads = [threading.Thread(target=work, args=(stop,)) for work in (engine.run, follow_ends)]
    consumer.start()
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        hub.ring()
        for thread in threads:
            thread.join()
        consumer.stop(graceful=True)
