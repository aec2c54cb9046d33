"""A study in a real git repository, a workspace for it, and an engine that runs its jobs in the real sandbox."""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest

from jobsite.accounts.models import Backend
from jobsite.jobs.actions import Wish, submit
from jobsite.jobs.definitions import newest_definition
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import executor
from jobsite.jobs.finishing import finish
from jobsite.jobs.models import Job, JobRequest
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.models import Workspace
from jobsite.projects.workspaces import create_workspace
from jobsite.settings import Settings

from .engine_of_containers import image, podman
from .slurm_of_the_tests import cluster

__all__ = ["cluster", "image", "podman"]

SECONDS = 60


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """What an engine began beside its turns has ended when the database of the test goes."""
    for thread in threading.enumerate():
        if thread.name.startswith("beside "):
            thread.join(SECONDS)


CONFIG = """[core]
\trepositoryformatversion = 0
\tbare = false
[user]
\tname = ada
\temail = ada@example.org
[maintenance]
\tauto = false
"""


class Study:
    """A git repository whose files a test writes. What git need not be asked for is not: there are hundreds of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._git_dir = path / ".git"
        for folder in ("objects", "refs/heads"):
            (self._git_dir / folder).mkdir(parents=True)
        (self._git_dir / "HEAD").write_text("ref: refs/heads/main\n")
        (self._git_dir / "config").write_text(CONFIG)

    def commit(self, **files: str) -> str:
        """Write files (`project__yaml` is `project.yaml`) and commit them; the new commit's id."""
        for name, text in files.items():
            (self.path / name.replace("__", ".")).write_text(text)
        for words in (["add", "-A"], ["commit", "--quiet", "-m", "Change"]):
            self._git(*words)
        branch = (self._git_dir / "HEAD").read_text().strip().removeprefix("ref: ")
        return (self._git_dir / branch).read_text().strip()

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been committed."""
        return not any((self._git_dir / "refs" / "heads").iterdir())

    def begin_as(self, other: "Study") -> None:
        """The files and commits of another study, before it has any of its own."""
        shutil.copytree(other.path, self.path, dirs_exist_ok=True)

    def _git(self, *words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=self.path, check=True, capture_output=True, text=True
        ).stdout.strip()


def project_yaml(**actions: tuple[str, list[str], dict[str, dict[str, str]]]) -> str:
    """A project file of version 5: name=(command, needs, outputs)."""
    lines = ["version: 5", "actions:"]
    for name, (run, needs, outputs) in actions.items():
        lines += [f"  {name}:", f"    run: {run}", f"    needs: [{', '.join(needs)}]", "    outputs:"]
        for level, labels in outputs.items():
            lines += [
                f"      {level}:",
                *(f"        {label}: {pattern}" for label, pattern in labels.items()),
            ]
    return "\n".join(lines) + "\n"


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """An empty study."""
    return Study(tmp_path / "repositories" / "study")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings under which the study may be run by this Python."""
    return Settings(
        instance=tmp_path / "instance",
        allowed_repos=(f"{tmp_path}/repositories/",),
        runtimes={"python": (sys.executable,)},
    )


@cache
def _begun() -> tuple[Study, TemporaryDirectory[str]]:
    """A study with its first commit, made once, and the folder that it goes with."""
    folder = TemporaryDirectory()
    made = Study(Path(folder.name) / "study")
    made.commit(README="The study.\n")
    return made, folder


@pytest.fixture
def workspace(cast: SimpleNamespace, study: Study, local: Backend) -> Workspace:
    """ada's workspace `asthma`, in the project `air`, where ben collaborates."""
    if study.is_empty:
        study.begin_as(_begun()[0])
    else:
        study.commit(README="The study.\n")
    org = add_organisation(by="system", name="Northfield")
    project = add_project(by="system", name="Air", orgs=[org])
    add_member(by="system", project=project, user=cast.ada, roles=["ProjectDeveloper"])
    add_member(by="system", project=project, user=cast.ben, roles=["ProjectCollaborator"])
    return create_workspace(by=cast.ada, project=project, name="asthma", repo=str(study.path), branch="main")


@pytest.fixture
def ask(workspace: Workspace, local: Backend, cast: SimpleNamespace) -> Callable[..., JobRequest]:
    """`ask("clean", "table", force=True)`: a job request by ada for the newest commit."""

    def by_ada(*actions: str, **options: object) -> JobRequest:
        wish = Wish(workspace, local, newest_definition(workspace), actions, **options)  # type: ignore[arg-type]
        return submit(by=cast.ada, wish=wish)[0]

    return by_ada


@pytest.fixture
def engine(instance: Path) -> Engine:
    """The engine, to be turned by hand."""
    return Engine(executor(), finish=finish)


@pytest.fixture
def run_until(engine: Engine) -> Callable[[Callable[[], bool]], None]:
    """`run_until(condition)`: turn the engine until it holds, or fail after a minute."""

    def turn(condition: Callable[[], bool]) -> None:
        until = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < until, [
                (job.action, job.status_code, job.status_message) for job in Job.select()
            ]
            engine.turn()
            time.sleep(0.02)

    return turn


@pytest.fixture
def run(run_until: Callable[..., None]) -> Callable[[JobRequest], dict[str, Job]]:
    """`run(request)`: turn the engine until the request has ended; its jobs by action."""

    def to_the_end(request: JobRequest) -> dict[str, Job]:
        run_until(lambda: not JobRequest.get_by_id(request.id).is_active)
        return {job.action: job for job in Job.select().where(Job.job_request == request).order_by(Job.id)}

    return to_the_end
