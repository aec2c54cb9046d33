"""The real command and the real server, as processes, on an instance of their own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from . import forked
from .databases import database_environ, rows

ARTIFACT = os.environ.get("ARTIFACT", "")
"""The one file that is tested in place of this checkout, if any."""
COMMAND = (
    (sys.executable, ARTIFACT) if ARTIFACT else (sys.executable, "-c", "from jobsite.cli import main; main()")
)
IS_FORKED = not (ARTIFACT or os.environ.get("FRESH"))
"""Whether `COMMAND` is forked from a process that has loaded the program; `FRESH=1` has every one load it by itself."""
ROOT = Path(__file__).parent.parent
STUDY_PYTHON = ROOT / ".venv-study" / "bin" / "python"


def jobsite(
    instance: Path, *words: str, command: Sequence[str] = COMMAND, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run `jobsite WORDS --instance INSTANCE` to its end. `command` is what stands for `jobsite`."""
    words = (*words, "--instance", str(instance))
    env = {**os.environ, **database_environ(instance), **environ}
    if _is_forked(command, env):
        return forked.run(words, env=env, timeout=180)
    return subprocess.run(
        [*command, *words], capture_output=True, text=True, timeout=180, check=False, env=env
    )


def _is_forked(command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether a program is forked. One that a library is to be loaded before has to begin anew."""
    return IS_FORKED and command is COMMAND and "LD_PRELOAD" not in env


def jobsite_json(instance: Path, *words: str, **environ: str) -> Any:
    """The JSON document that a command prints."""
    done = jobsite(instance, *words, "--json", **environ)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def jobs_in(instance: Path) -> list[dict[str, Any]]:
    """The rows of all jobs, newest first, read beside a server that runs: to ask often, without a process for each."""
    return rows(instance, "SELECT * FROM job ORDER BY id DESC")


def commit_to_study(instance: Path, folder: Path, edit: Callable[[Path], None]) -> None:
    """Change the demo's study by a commit: `edit` gets a clone of it in the new folder `folder`."""
    git = ["git", "-C", str(folder), "-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", "clone", "-q", str(instance / "repos/demo-study.git"), str(folder)], check=True)
    edit(folder)
    for words in (
        ["add", "-A"],
        ["commit", "--allow-empty", "-qm", "A change"],
        ["push", "-q", "origin", "main"],
    ):
        subprocess.run([*git, *words], check=True)


def draw_batches(instance: Path, folder: Path, batches: int) -> None:
    """Let the slow action of the demo's study draw so many batches, two a second; as it comes it draws 60."""

    def so_many(study: Path) -> None:
        file = study / "project.yaml"
        text, places = re.subn(r"--batches \d+", f"--batches {batches}", file.read_text())
        assert places == 1
        file.write_text(text)

    commit_to_study(instance, folder, so_many)


class Server:
    """`jobsite serve` on a free port; a context manager that stops it if it still runs. `runs` is a function `module:name`
    of the tests that is to serve in its place."""

    def __init__(
        self,
        instance: Path,
        *,
        command: Sequence[str] = COMMAND,
        runs: str = forked.COMMAND,
        **environ: str,
    ) -> None:
        self._log = instance.parent / f"{instance.name}-server.log"
        words = ["serve", "--port", "0", "--instance", str(instance)]
        env = {**os.environ, **database_environ(instance), **environ}
        self.process: forked.Process | subprocess.Popen[str]
        with self._log.open("a") as log:
            if _is_forked(command, env):
                self.process = forked.Process(words, runs=runs, stdout=subprocess.PIPE, stderr=log, env=env)
            else:
                if runs != forked.COMMAND:
                    module, _, function = runs.partition(":")
                    command = (sys.executable, "-c", f"from {module} import {function}; {function}()")
                self.process = subprocess.Popen(
                    [*command, *words], stdout=subprocess.PIPE, stderr=log, text=True, env=env
                )
        self.lines: list[str] = []
        self.address = self._ready()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()
        assert self.process.stdout
        self.process.stdout.close()

    def stop(self) -> int:
        """SIGTERM, and its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(timeout=10)

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of a page, for a visitor."""
        with urllib.request.urlopen(self.address + path, timeout=20) as response:
            return response.status, response.read().decode()

    def _ready(self) -> str:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if found := re.match(r"ready on (http://\S+)", line):
                return found[1]
        self.process.stdout.close()
        raise AssertionError(f"the server ended with {self.process.wait()}: {self._log.read_text()[-2000:]}")


def until(condition: Any, seconds: float = 60.0) -> Any:
    """The first true answer of `condition()`."""
    end = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)
    return answer
