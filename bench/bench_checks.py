"""Disclosure checks: how well they find what is labelled, and how fast."""

import io
import random
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable

from bench.figure import Figure
from bench.labelled import cases
from jobsite.checks import Report, Subject, check_file, check_group, default_policy
from tests.checks import labelled_fresh as fresh

POLICY = default_policy()


def figures() -> list[Figure]:
    """Precision and recall on both labelled sets; seconds for the tables of section 13 of the specification."""
    usual = _table(5_000, 20)
    report = _checked("a.csv", usual)
    other = _checked("b.csv", _table(5_000, 20, seed=2))
    large = _table(50_000, 20)
    return [
        *_labelled(),
        *_fresh(),
        Figure(
            "checks: CSV 5,000 x 20, all rules of a file",
            _best(lambda: _checked("a.csv", usual)) * 1000,
            "ms",
            1000,
        ),
        Figure(
            "checks: two tables 5,000 x 20 against each other",
            _best(lambda: check_group([report, other], POLICY)) * 1000,
            "ms",
            300,
        ),
        Figure("checks: CSV 50,000 x 20, all rules", _best(lambda: _checked("a.csv", large), 1), "s"),
        Figure(
            "checks: CSV 50,000 x 20, memory at the peak of it",
            _peak(lambda: _checked("a.csv", large)),
            "MB",
            500,
        ),
    ]


def _labelled() -> list[Figure]:
    """Each finding of the set counts once; a rule at the right place with another severity is wrong twice."""
    right = wanted = found = 0
    number = 0
    for case in cases():
        number += 1
        expected, given = Counter(case.expected), Counter(case.found())
        right += (expected & given).total()
        wanted += expected.total()
        found += given.total()
    return [
        Figure(
            f"checks: precision on {number} labelled cases, {wanted} findings", right / found, "", 0.95, True
        ),
        Figure("checks: recall on them", right / wanted, "", 0.95, True),
    ]


def _fresh() -> list[Figure]:
    """The set whose labels were written before the rules were read. A label without a place may stand for several findings."""
    labels = [label for one in fresh.CASES for label in one.expected]
    wrong = [line for one in fresh.CASES for line in one.disagreements()]
    missed = sum(line.startswith("not found") for line in wrong)
    found = sum(len(one.found()) for one in fresh.CASES)
    said = f"{len(fresh.CASES)} fresh cases, {len(labels)} labels"
    return [
        Figure(f"checks: precision on {said}", (found - len(wrong) + missed) / found, "", 0.95, True),
        Figure("checks: recall on them", (len(labels) - missed) / len(labels), "", 0.95, True),
    ]


def _table(rows: int, columns: int, seed: int = 1) -> bytes:
    """Labels, rounded counts with a few hidden ones, rates; a total row at the end of every twenty."""
    chance = random.Random(seed)
    heads = ["area", "age", *(f"n_{number}" for number in range(columns - 4)), "denominator", "rate"]
    lines = [",".join(heads)]
    for row in range(rows):
        counts = [chance.randrange(2, 500) * 5 for _ in range(columns - 4)]
        shown = ["[redacted]" if chance.random() < 0.02 else str(count) for count in counts]
        age = "total" if row % 20 == 19 else f"{row % 20}"
        lines.append(",".join([f"area {row // 20}", age, *shown, "2500", f"{counts[0] / 2500:.3f}"]))
    return "\n".join(lines).encode()


def _checked(name: str, data: bytes) -> Report:
    return check_file(Subject(name, io.BytesIO(data)), POLICY)


def _best(work: Callable[[], object], times: int = 3) -> float:
    """Seconds of processor time of the quickest of several runs: other work on the machine does not count."""
    taken = []
    for _ in range(times):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
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
