"""The second labelled set: its labels were written from the specification before the rules were read."""

import pytest

from jobsite.checks import RULES
from tests.checks.labelled_fresh import CASES
from tests.checks.labelled_fresh.case import Case


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_exactly_what_the_fresh_label_says_is_found(case: Case) -> None:
    assert case.disagreements() == []


def test_the_fresh_set_has_every_rule_at_least_twice() -> None:
    labels = [label.split()[0] for case in CASES for label in case.expected]
    assert {rule for rule in RULES if labels.count(rule) < 2} <= {"E1"}
    assert len({case.name for case in CASES}) == len(CASES)
    assert sum(not case.expected for case in CASES) >= 100
