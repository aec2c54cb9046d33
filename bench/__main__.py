"""Run every benchmark (or those named), print a table, and write `bench/results/⟨date⟩.json`, keeping the others of that day.

A benchmark is a module `bench_…` with a function `figures()` that gives a list of `Figure`.
"""

import importlib
import json
import os
import platform
import sys
from datetime import date
from pathlib import Path
from typing import Any

from bench.figure import Figure

FOLDER = Path(__file__).parent


def main(wanted: list[str]) -> None:
    """Run the benchmarks in order of name."""
    found = sorted(path.stem for path in FOLDER.glob("bench_*.py"))
    chosen = [name for name in found if not wanted or name.removeprefix("bench_") in wanted]
    figures: list[Figure] = []
    for name in chosen:
        figures += importlib.import_module(f"bench.{name}").figures()
    width = max((len(one.name) for one in figures), default=0)
    for one in figures:
        bound = "at least" if one.more_is_better else "at most"
        goal = f"  (goal: {bound} {one.goal:g})" if one.goal is not None else ""
        print(f"{one.name:<{width}}  {one.value:>12.3f} {one.unit}{goal}{'  MISSED' if one.missed else ''}")
    _keep(figures)


def _keep(figures: list[Figure]) -> None:
    results = FOLDER / "results"
    results.mkdir(exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "kernel": platform.release()}
    today = date.today().isoformat()
    file = results / f"{today}.json"
    kept = json.loads(file.read_text())["figures"] if file.exists() else []
    new = [vars(one) for one in figures]
    measured = {_what(one) for one in new}
    document = {
        "date": today,
        "machine": machine,
        "figures": [one for one in kept if _what(one) not in measured] + new,
    }
    file.write_text(json.dumps(document, indent=1) + "\n")


def _what(figure: dict[str, Any]) -> str:
    """What a figure is of: the first words of its name. A benchmark that ran again replaces all of its own."""
    return str(figure["name"]).partition(":")[0]


if __name__ == "__main__":
    main(sys.argv[1:])
