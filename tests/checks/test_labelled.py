"""The labelled set: what must be found in small tables, cell by cell, and that nothing else is."""

import pytest

from bench.labelled import Case, cases

CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=[f"{case.source}: {case.name}" for case in CASES])
def test_exactly_what_is_labelled_is_found(case: Case) -> None:
    assert case.found() == sorted(case.expected)


def test_the_labelled_set_is_large_and_has_near_misses() -> None:
    clean = [case for case in CASES if not case.expected]
    assert len(CASES) >= 150
    assert len(clean) >= 50
    assert len({case.name for case in CASES}) == len(CASES)
