"""The second labelled set: its labels were written from the specification before the rules were read."""

import pytest

from tests.checks.labelled_fresh import Case, counts, files, groups, people, totals

CASES = [case for part in (files, people, counts, totals, groups) for case in part.CASES]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_exactly_what_the_fresh_label_says_is_found(case: Case) -> None:
    assert case.disagreements() == []
