"""The words of an order to the cluster: what runs, with which resources, and by what it is found again."""

import hashlib
import math
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from jobsite.jobs.executors import records
from jobsite.jobs.executors.contract import AttemptSpec

_PACKAGE_ROOT = str(Path(__file__).resolve().parents[3])
_CODE = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from jobsite.jobs.executors.slurm_node import main; main(*sys.argv[2:])"
)
_SUPERVISORS_MEMORY = 128
_PREPARING_MINUTES = 15


@dataclass(frozen=True)
class Words:
    """The options of `sbatch`, and the command of its script up to the ticket."""

    options: tuple[str, ...]
    command: str


def instance_name(work_root: str) -> str:
    """The name that all jobs of an instance bear in the cluster, made of where its work lies."""
    return f"jobsite-{hashlib.sha256(os.fsencode(os.path.abspath(work_root))).hexdigest()[:16]}"


def cluster_options(partition: str, account: str, options: tuple[str, ...]) -> tuple[str, ...]:
    """The options of all jobs: those of the settings."""
    named = (("partition", partition), ("account", account))
    return (*options, *(f"--{name}={value}" for name, value in named if value))


def script(spec: AttemptSpec, *, name: str, label: str, options: tuple[str, ...]) -> Words:
    """The words for an attempt. Slurm's own limits lie above those that the supervisor keeps, which tells how a job
    ended: by its memory and 15 minutes for the files. Ours stand last, where they win."""
    limits = spec.limits
    own = (
        f"--job-name={name}",
        f"--comment={label}",
        "--nodes=1",
        "--ntasks=1",
        f"--cpus-per-task={math.ceil(limits.cpus)}",
        f"--mem={math.ceil(limits.memory_bytes / 2**20) + _SUPERVISORS_MEMORY}M",
        f"--time={math.ceil((limits.time_seconds + limits.grace_seconds) / 60) + _PREPARING_MINUTES}",
        "--no-requeue",
        "--chdir=/",
        "--input=/dev/null",
        f"--output={_literal(os.path.join(spec.attempt_dir, records.NODE_OUTPUT))}",
        "--open-mode=append",
    )
    command = [sys.executable, "-I", "-S", "-c", _CODE, _PACKAGE_ROOT, spec.attempt_dir]
    return Words((*options, *own), shlex.join(command))


def _literal(path: str) -> str:
    """A path as Slurm reads it, for which `%` begins a pattern."""
    return path.replace("%", "%%")
