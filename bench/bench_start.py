"""How long either side takes to start, until its first page: from the checkout, and from the one file where that has been built
(`make artifact`)."""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.figure import Figure
from bench.serving import COMMAND, started

ARTIFACT = Path(os.environ.get("ARTIFACT", "dist/jobsite.pyz"))


def figures() -> list[Figure]:
    """Seconds of the second start of a new instance: the first makes it, unpacks the file and keeps what was compiled."""
    programs: dict[str, Sequence[str]] = {"checkout": COMMAND}
    if ARTIFACT.exists():
        programs["one file"] = (sys.executable, str(ARTIFACT.resolve()))
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for program, command in programs.items():
            for side in ("public", "secure"):
                seconds = _second_start(Path(folder) / f"{program}-{side}", command, side)
                found.append(Figure(f"start, {program}: side {side}, until the first page", seconds, "s", 2))
    return found


def _second_start(instance: Path, command: Sequence[str], side: str) -> float:
    for _ in range(2):
        with started(instance, command, JOBSITE_SIDE=side, PYTHONDONTWRITEBYTECODE="") as (_, _, seconds):
            pass
    return seconds
