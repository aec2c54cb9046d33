"""Which output patterns can match the same file, and which level then wins."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsite.pipelines import parse
from jobsite.pipelines.overlaps import can_meet, matches

from .marked import action, project

PAIRS = {
    ("o/*.csv", "o/a.csv"): True,
    ("o/*.csv", "o/sub/a.csv"): False,
    ("*/a.csv", "o/*.csv"): True,
    ("*/a.csv", "*/b.csv"): False,
    ("o/a*.csv", "o/*b.csv"): True,
    ("o/a*.csv", "o/b*.csv"): False,
    ("o/a*b*.csv", "o/axc.csv"): False,
    ("o/a*b*.csv", "o/axbc.csv"): True,
    ("o/*.csv", "o/.csv"): True,
    ("o/ab*ba.csv", "o/aba.csv"): False,
    ("a/*/c.csv", "a/b/*.csv"): True,
    ("a/x*/c.csv", "a/y*/*.csv"): False,
    ("a.csv", "a.csv"): True,
}


@pytest.mark.parametrize("pair", PAIRS)
def test_two_patterns_meet_if_some_file_matches_both(pair):
    assert can_meet(*pair) is can_meet(*reversed(pair)) is PAIRS[pair]


PATTERNS = st.lists(st.sampled_from("ab*/"), max_size=7).map("".join)
NAMES = st.lists(st.sampled_from("ab/"), max_size=7).map("".join)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(PATTERNS, PATTERNS, NAMES)
def test_a_file_that_matches_two_patterns_proves_that_they_meet(left, right, name):
    within = [re.fullmatch(re.escape(one).replace(r"\*", "[^/]*"), name) for one in (left, right)]
    assert can_meet(left, right) or not all(within)
    assert matches(left, name) == bool(re.fullmatch(re.escape(left).replace(r"\*", ".*"), name, re.DOTALL))


LEVELS = {
    ("highly_sensitive", "moderately_sensitive"): "the more private level, highly_sensitive, wins",
    ("moderately_sensitive", "minimally_sensitive"): "the more private level, minimally_sensitive, wins",
    ("moderately_sensitive", "moderately_sensitive"): "the action that runs later replaces the file",
}


@pytest.mark.parametrize("levels", LEVELS)
def test_the_warning_says_which_level_wins(levels):
    first, second = levels
    report = parse(
        project(
            action("a", outputs=f"      {first}:\n        t: '*/t*.csv'")
            + action("b", outputs=f"      {second}:\n        t: o/*.csv")
        )
    )
    assert [warning.code for warning in report.warnings] == ["output-overlap"]
    assert LEVELS[levels] in report.warnings[0].message
    assert "output */t*.csv of action a (line 7)" in report.warnings[0].message


def test_a_pattern_is_warned_of_once_however_many_it_meets():
    many = "".join(
        action(f"a{n}", outputs=f"      highly_sensitive:\n        t: o/x{n}*.csv") for n in range(5)
    )
    report = parse(project(many + action("z", outputs="      highly_sensitive:\n        t: o/x*.csv")))
    assert [(warning.action, warning.code) for warning in report.warnings] == [("z", "output-overlap")]
