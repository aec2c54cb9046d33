"""A small instance with a study in a real git repository, and attempts of it run by real executors."""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from jobsite.jobs.executors.container import Container
from jobsite.jobs.executors.contract import AttemptSpec, Exit, InputFile, Limits, Observation
from jobsite.jobs.executors.sandbox import Sandbox
from jobsite.jobs.executors.slurm import Slurm
from jobsite.jobs.executors.unsafe import Unsafe
from jobsite.jobs.logs.reader import LogReader

from ..engine_of_containers import PYTHON
from ..slurm_of_the_tests import IS_WANTED

PATIENCE = 60
LIMITS = Limits(memory_bytes=512 * 1024**2, processes=64, time_seconds=PATIENCE, grace_seconds=PATIENCE)


@dataclass
class Study:
    """A bare repository that grows by commits, and the instance around it. `image` is for containers, `executor`
    cleans up."""

    root: Path
    image: str = ""
    executor: Sandbox = field(default_factory=Sandbox)
    specs: list[AttemptSpec] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.repo = self.root / "repos" / "study.git"
        self.git("init", "--quiet", "--bare", "--template=", str(self.repo), at=self.root)

    def git(self, *words: str, at: Path, told: bytes | None = None) -> str:
        """What git says, being told this."""
        done = subprocess.run(["git", *words], cwd=at, check=True, capture_output=True, input=told)
        return done.stdout.decode().strip()

    def commit(self, files: dict[str, str | bytes], links: dict[str, str] | None = None) -> str:
        """Commits exactly these files and links; gives the id."""
        told = [
            b"commit refs/heads/main\nmark :1\ncommitter ada <ada@example.invalid> now\ndata 0\ndeleteall\n"
        ]
        for name, content in files.items():
            told.append(_file("100644", name, content.encode() if isinstance(content, str) else content))
        told += [_file("120000", name, target.encode()) for name, target in (links or {}).items()]
        told.append(b"get-mark :1\n")
        words = ("fast-import", "--quiet", "--date-format=now", "--force")
        return self.git(*words, at=self.repo, told=b"".join(told))

    def recorded(self, path: str, content: bytes) -> InputFile:
        """An output of an earlier job, as an input."""
        source = self.root / "workspaces" / "high" / "study" / path
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(content)
        return InputFile(path, str(source), hashlib.sha256(content).hexdigest())

    def spec(self, commit: str, argv: tuple[str, ...], **changes: Any) -> AttemptSpec:
        """A fresh attempt."""
        name = f"job{len(self.specs) + 1}-001"
        made = AttemptSpec(
            attempt=name,
            attempt_dir=str(self.root / "jobs" / name[:-4] / name),
            work_dir=str(self.root / "work" / name),
            repo=str(self.repo),
            commit=commit,
            argv=argv,
            environment={"OPENSAFELY_BACKEND": "local"},
            limits=LIMITS,
            image=self.image,
            engine="podman" if self.image else "",
        )
        self.specs.append(replace(made, **changes))
        return self.specs[-1]

    def script(self, code: str, *arguments: str, **changes: Any) -> AttemptSpec:
        """An attempt that runs this Python code, the only file of its commit."""
        limits = replace(LIMITS, **changes.pop("limits", {}))
        commit = self.commit({"analysis/job.py": code})
        return self.spec(commit, (PYTHON, "analysis/job.py", *arguments), limits=limits, **changes)


def _file(mode: str, name: str, content: bytes) -> bytes:
    """A file of a commit, in the words of `git fast-import`."""
    return b"M %s inline %s\ndata %d\n%s\n" % (mode.encode(), name.encode(), len(content), content)


@pytest.fixture
def study() -> Iterator[Study]:
    """An instance that the job's user can pass through but not list, also where pytest's own folders are
    closed."""
    root = Path(tempfile.mkdtemp(prefix="jobsite-test-"))
    root.chmod(0o711)
    made = Study(root)
    yield made
    for spec in made.specs:
        if made.executor.observe(spec.attempt_dir).exit is None:
            made.executor.kill_now(spec.attempt_dir)
        made.executor.clean(spec)
    shutil.rmtree(root)


CONTAINER = pytest.param(Container, id="container", marks=pytest.mark.xdist_group("container"))


SLURM = pytest.param(Slurm, id="slurm", marks=pytest.mark.xdist_group("slurm"))
OF_THIS_MACHINE = [pytest.param(Sandbox, id="sandbox"), pytest.param(Unsafe, id="unsafe"), CONTAINER]


# Where no cluster is asked for, one line in test_slurm.py says so, not one for each test.
OF_A_CLUSTER = [SLURM] if IS_WANTED else []


@pytest.fixture(params=[*OF_THIS_MACHINE, *OF_A_CLUSTER])
def executor(request: pytest.FixtureRequest, study: Study) -> Sandbox:
    """Every executor; a missing sandbox is a failure, a missing podman or Slurm is a reason to skip."""
    return _made(request, study)


@pytest.fixture(params=OF_THIS_MACHINE)
def executor_of_this_machine(request: pytest.FixtureRequest, study: Study) -> Sandbox:
    """Those whose jobs run where the server does, so that its restart is theirs."""
    return _made(request, study)


def _made(request: pytest.FixtureRequest, study: Study) -> Sandbox:
    if request.param is Container:
        study.image = request.getfixturevalue("image")
        study.executor = Container()
        return study.executor
    if request.param is Slurm:
        request.getfixturevalue("cluster")
        study.executor = Slurm()
        return study.executor
    return _needed(request.param())


@pytest.fixture
def sandbox() -> Sandbox:
    """The executor with walls."""
    return _needed(Sandbox())


def _needed(executor: Sandbox) -> Sandbox:
    reason = executor.available()
    if reason:
        pytest.fail(reason)
    return executor


def until(condition: Callable[[], Any]) -> Any:
    """Waits until the condition holds, and gives what it gave."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)
    return found


def ended(executor: Sandbox, spec: AttemptSpec) -> Exit:
    """The exit record, once the supervisor is gone."""

    def look() -> Exit | None:
        seen: Observation = executor.observe(spec.attempt_dir)
        assert seen.alive or seen.exit, "the supervisor was lost"
        return None if seen.alive else seen.exit

    return until(look)


def run(executor: Sandbox, spec: AttemptSpec) -> Exit:
    """Launches the attempt and waits for its end."""
    executor.launch(spec)
    return ended(executor, spec)


def output(spec: AttemptSpec) -> bytes:
    """What the program wrote."""
    with LogReader(Path(spec.attempt_dir, "log")) as log:
        return b"".join(log.raw())


def said(spec: AttemptSpec) -> list[str]:
    """The lines of the system in the log."""
    with LogReader(Path(spec.attempt_dir, "log")) as log:
        return [line.text for line in log.window(1, 10_000).lines if line.stream == "system"]


def log_shows(spec: AttemptSpec, text: bytes) -> bool:
    """Whether the program has written this by now."""
    return Path(spec.attempt_dir, "log").exists() and text in output(spec)


def processes_with(word: str) -> list[int]:
    """Host numbers of the running processes that have this word on their command line."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            state = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if word.encode() in words and state not in "ZX":
            found.append(int(name))
    return found
