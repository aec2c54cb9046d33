"""Reading project files: the largest real one (or one as large), the whole corpus, a form check, and planning."""

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from bench.figure import Figure
from jobsite.pipelines import parse, plan
from jobsite.pipelines.graph import layout

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
LARGEST = "opensafely__disparities-comparison.yaml"
ACTIONS = 2_191


def figures() -> list[Figure]:
    """Seconds, milliseconds and megabytes of section 1.12 of the specification."""
    large = _large_file()
    report = parse(large)
    assert report.pipeline is not None
    pipeline = report.pipeline
    return [
        Figure("project.yaml: 1.0 MB, 2,191 actions, full verdict", _best(lambda: parse(large)), "s", 0.5),
        Figure("project.yaml: memory at the peak of it", _peak(lambda: parse(large)), "MB", 150),
        Figure(
            "project.yaml: plan run_all of it",
            _best(lambda: plan(pipeline, ["run_all"], {})) * 1000,
            "ms",
            50,
        ),
        Figure("project.yaml: draw the graph of it", _best(lambda: layout(pipeline)) * 1000, "ms"),
        Figure("project.yaml: form check of 9 actions", _best(lambda: parse(_written(9))) * 1000, "ms", 10),
        *_corpus(),
    ]


def _corpus() -> list[Figure]:
    if not CORPUS.is_dir():
        return []
    files = [path.read_bytes() for path in sorted(CORPUS.glob("*.yaml"))]
    seconds = _best(lambda: [parse(data) for data in files], times=2)
    return [Figure(f"project.yaml: whole corpus, {len(files)} files", seconds, "s", 3)]


def _large_file() -> bytes:
    path = CORPUS / LARGEST
    return path.read_bytes() if path.is_file() else _written(ACTIONS)


def _written(actions: int) -> bytes:
    """A valid file of so many actions, each as long as those of the largest real file."""
    lines = ['version: "5.0"', "actions:"]
    for number in range(actions):
        options = " ".join(f"--setting_{option}=value_{number}_{option}" for option in range(10))
        lines += [
            f"  analyse_cohort_with_a_long_name_{number}:",
            "    run: >",
            f"      r:v2 analysis/model.R {number}",
        ]
        lines += [f"      {options}", "    needs:"] if number else [f"      {options}"]
        lines += [f"    - analyse_cohort_with_a_long_name_{number // 2}"] if number else []
        lines += [
            "    outputs:",
            "      moderately_sensitive:",
            f"        table: output/models/table_{number}_*.csv",
        ]
    return "\n".join(lines).encode()


def _best(work: Callable[[], object], times: int = 5) -> float:
    """Seconds of the quickest of several runs."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def _peak(work: Callable[[], object]) -> float:
    """Megabytes that Python holds at most while the work is done."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1_000_000


if __name__ == "__main__":
    for figure in figures():
        print(figure)
