"""A small instance with one slow action, made once by the commands alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ..servers import jobsite

LINES = 40
SLOW = f"""
import sys, time
for number in range({LINES}):
    print(f"line {{number:04}} of the slow job", flush=True)
    if number % 7 == 0:
        print(f"note {{number:04}}", file=sys.stderr, flush=True)
    time.sleep(0.05)
open("done.csv", "w").write("lines\\n{LINES}\\n")
"""
PROJECT = """
version: 5
actions:
  slow:
    run: python:v2 slow.py
    outputs:
      moderately_sensitive:
        done: done.csv
"""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance made by the commands alone: people, project, workspace, one slow action."""
    return make_instance(tmp_path_factory.mktemp("made"))


def make_instance(folder: Path) -> Path:
    """The instance and its study below `folder`."""
    study = folder / "study"
    study.mkdir()
    (study / "project.yaml").write_text(PROJECT)
    (study / "slow.py").write_text(SLOW)
    identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], [*identity, "commit", "-qm", "Study"]):
        subprocess.run(["git", *words], cwd=study, check=True)
    here = folder / "instance"
    here.mkdir()
    (here / "jobsite.toml").write_text(
        f"allowed_repos = [{json.dumps(str(study))}]\nruntimes = {{ python = {json.dumps(sys.executable)} }}\n"
    )
    for words in (
        ("init",),
        ("user", "add", "ada", "--name", "Ada", "--email", "ada@example.org"),
        ("org", "add", "Northfield"),
        ("project", "add", "Air", "--org", "northfield"),
        ("member", "add", "air", "ada", "--role", "ProjectDeveloper"),
        ("backend", "add", "local", "--name", "Local"),
        ("workspace", "add", "asthma", "--project", "air", "--repo", str(study), "--branch", "main", "--purpose", "p",
         "--by", "ada"),
    ):  # fmt: skip
        done = jobsite(here, *words)
        assert done.returncode == 0, (words, done.stderr)
    return here
