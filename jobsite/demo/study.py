"""The demo study as a git repository, and a Python that can run it.

Uses the standard library alone, so that `python3 jobsite/demo/study.py DIR` can make that Python before
anything else is installed.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

STUDY = Path(__file__).resolve().parent / "study"
CHECKOUT = Path(__file__).resolve().parents[2]
BRANCH = "refs/heads/main"
# A fixed author and date give the same commit wherever the demo is made.
AUTHOR = {
    "NAME": "The jobsite authors",
    "EMAIL": "authors@jobsite.invalid",
    "DATE": "2026-11-22T12:00:00+00:00",
}
COMPLETE = ".complete"


def create_study(target: Path) -> str:
    """Make the bare git repository `target` with the demo study on branch main, and give main's commit.

    A repository that has a main already is left as it is: what was added to it since stays. The first commit
    is the same everywhere. Raises RuntimeError with git's own words when git fails.
    """
    _git(target, "init", "--quiet", "--bare", "--initial-branch=main", str(target))
    return _main_of(target) or _commit_study(target)


def study_files() -> list[Path]:
    """Give the files of the packaged study, relative to its folder, sorted; never what a run of it left."""
    files = (path.relative_to(STUDY) for path in STUDY.rglob("*") if path.is_file())
    return sorted(path for path in files if not {"__pycache__", "output"} & set(path.parts))


def study_python(runtimes: Mapping[str, str | Sequence[str]], checkout: Path | None = None) -> Path | None:
    """Give a Python interpreter that has lifelines, or None.

    Tried in this order: what the setting RUNTIMES (image name → command) has for python:v2 and python, then
    `checkout`/.venv-study (default: the folder this code was checked out to).
    """
    commands = [runtimes[image] for image in ("python:v2", "python") if runtimes.get(image)]
    candidates = [Path(command if isinstance(command, str) else command[0]) for command in commands]
    candidates.append((checkout or CHECKOUT) / ".venv-study" / "bin" / "python")
    return next((path for path in candidates if _has_lifelines(path)), None)


def install_study_python(target: Path) -> Path:
    """Make a virtual environment at `target` that can run the demo study, and give its interpreter.

    Every package is compared with its hash. Done before for the same packages: nothing happens. Raises
    RuntimeError with a sentence when the packages cannot be had.
    """
    requirements = _requirements()
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    complete, python = target / COMPLETE, target / "bin" / "python"
    if complete.is_file() and complete.read_text() == wanted and _has_lifelines(python):
        complete.touch()
        return python
    _run([sys.executable, "-m", "venv", "--clear", str(target)])
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    _run([*pip, "--no-deps", "--require-hashes", "-r", str(requirements)])
    # Jobs see these files read-only and could not keep what they compile: each would start 2 s later. A test of
    # somebody else's package that does not compile is no reason to stop, hence no look at the exit status.
    compile_all = [str(python), "-m", "compileall", "-q", "-j", "0", "-x", "/tests/", str(target / "lib")]
    subprocess.run(compile_all, check=False, capture_output=True)
    complete.write_text(wanted)
    return python


def _commit_study(target: Path) -> str:
    with TemporaryDirectory() as scratch:
        index = {"GIT_WORK_TREE": str(STUDY), "GIT_INDEX_FILE": str(Path(scratch) / "index")}
        # The rights of the packaged files depend on who unpacked them; the commit must not.
        add = ["-c", "core.fileMode=false", "-c", "core.autocrlf=false", "add", "--force", "--"]
        _git(target, *add, *map(str, study_files()), **index)
        tree = _git(target, "write-tree", **index)
    who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in AUTHOR.items()}
    commit = _git(target, "commit-tree", tree, "-m", "Hormone therapy and recurrence: the whole study", **who)
    _git(target, "update-ref", BRANCH, commit)
    return commit


def _main_of(target: Path) -> str | None:
    return _git(target, "for-each-ref", "--format=%(objectname)", BRANCH) or None


def _git(target: Path, *words: str, **environment: str) -> str:
    """Give what git prints, without the settings of whoever is running it."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    plain = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_DIR": str(target),
        "LC_ALL": "C",
    }
    return _run(["git", *words], cwd=STUDY, env={**outer, **plain, **environment})


def _run(words: list[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    try:
        done = subprocess.run(words, cwd=cwd, env=env, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        raise RuntimeError(f"{words[0]} is needed for the demo study and is not installed.") from None
    if done.returncode:
        raise RuntimeError(
            f"The demo study could not be set up. {Path(words[0]).name} said: {_last_words(done)}"
        )
    return done.stdout.strip()


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-3:])


def _has_lifelines(python: Path) -> bool:
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('lifelines') is None)"
    try:
        return (
            subprocess.run([str(python), "-I", "-c", look], check=False, capture_output=True).returncode == 0
        )
    except OSError:
        return False


def _requirements() -> Path:
    """Give the locked packages of the study: beside this file once installed, at the top of a checkout."""
    packaged = Path(__file__).resolve().parent / "requirements-study.txt"
    return packaged if packaged.is_file() else CHECKOUT / "requirements-study.txt"


if __name__ == "__main__":
    try:
        print(f"The demo study will run with {install_study_python(Path(sys.argv[1]))}")
    except RuntimeError as refusal:
        sys.exit(str(refusal))
