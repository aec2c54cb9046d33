"""What is asked of Slurm, by its own programs: to take a job, to say what has become of those it has, to end one.

Slurm 20.11 or later; the words are those of its manual pages sbatch(1), squeue(1), scancel(1) and sacct(1).
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PROGRAMS = ("sbatch", "squeue", "scancel")
ENDED = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "REVOKED",
        "TIMEOUT",
    }
)
"""The states in which no process of a job is left; in all others it may run, or may begin to."""

_SECONDS = 30
_ROW = re.compile(r"(\d+)\|([A-Z_]+)\|([^|\n]*)\|([^|\n]*)")
_NOBODY_ANSWERS = re.compile(
    "unable to contact|timed out|zero bytes|munge|authentication|connection|communication|temporarily"
    "|standby|try again|no route|unable to establish|socket",
    re.IGNORECASE,
)
_KEPT = ("PATH", "HOME", "SLURM_CONF", "LD_LIBRARY_PATH")


class Unreachable(Exception):
    """Nobody of the cluster answers now, so what was asked may have been done or not."""


class NotTaken(Exception):
    """The cluster does not take the job; the text is its own."""


@dataclass(frozen=True)
class ClusterJob:
    """A job as the cluster tells of it: its number, its state in Slurm's word, on which nodes, and the label that it
    was given."""

    number: int
    state: str
    nodes: str
    label: str

    @property
    def may_run(self) -> bool:
        """Whether it runs, may come to run, or may still have a process."""
        return self.state not in ENDED


def missing_programs() -> list[str]:
    """Those of Slurm's programs that are not on this machine."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def submit(script: str, options: Sequence[str]) -> int:
    """The number of the job that runs this shell script. Raises NotTaken and Unreachable."""
    done = _call("sbatch", "--parsable", *options, told=script)
    if done.returncode != 0:
        said = _said(done)
        raise (Unreachable if _NOBODY_ANSWERS.search(said) else NotTaken)(said)
    number = done.stdout.decode().partition(";")[0].strip()
    if not number.isdigit():
        raise Unreachable(f"sbatch gave no number: {number[:100]}")
    return int(number)


def jobs_named(name: str) -> list[ClusterJob]:
    """All jobs of this name that the cluster remembers, also those that ended a while ago. Raises Unreachable."""
    done = _call("squeue", "--noheader", "--states=all", f"--name={name}", "--format=%A|%T|%N|%k")
    if done.returncode != 0:
        raise Unreachable(_said(done))
    return _rows(done.stdout)


def accounted(number: int) -> ClusterJob | None:
    """What the accounting remembers of a job that the controller has forgotten; None where there is none."""
    if shutil.which("sacct") is None:
        return None
    done = _call("sacct", "-n", "-P", "-X", "-j", str(number), "-o", "JobIDRaw,State,NodeList,Comment")
    rows = _rows(re.sub(rb" by \d+", b"", done.stdout))
    return rows[-1] if done.returncode == 0 and rows else None


def end_waiting(number: int) -> None:
    """Take a job that has not begun out of the queue; one that runs is left alone. Raises Unreachable."""
    _cancel("--state=PENDING", str(number))


def ask_to_end(number: int) -> None:
    """SIGTERM to the first process of a running job, to that alone. Raises Unreachable."""
    _cancel("--batch", "--signal=TERM", str(number))


def kill(number: int) -> None:
    """Have all processes of the job ended, or take it out of the queue. Raises Unreachable."""
    _cancel(str(number))


def _cancel(*words: str) -> None:
    done = _call("scancel", *words)
    # A job that has ended meanwhile is a refusal, and what was wanted.
    if done.returncode != 0 and _NOBODY_ANSWERS.search(_said(done)):
        raise Unreachable(_said(done))


def _rows(text: bytes) -> list[ClusterJob]:
    found = (_ROW.fullmatch(line) for line in text.decode("utf-8", "replace").splitlines())
    return [ClusterJob(int(row[1]), row[2], row[3], row[4]) for row in found if row]


def _call(*words: str, told: str = "") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            words,
            input=told.encode(),
            capture_output=True,
            env=_environment(),
            cwd="/",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise Unreachable(str(problem)) from None


def _environment() -> Mapping[str, str]:
    """Of the server's environment what finds the cluster. A job begins with this one: no secret goes along, and no
    variable changes an option."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | {"LANG": "C.UTF-8"}


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return done.stderr.decode("utf-8", "replace").strip()[-1000:] or f"exit code {done.returncode}"
