import pytest

from jobsite.store.matching import Patterns, matches, most_private, nearest


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("output/a.csv", "output/a.csv", True),
        ("output/a.csv", "output/A.csv", False),
        ("output/*.csv", "output/a.csv", True),
        ("output/*.csv", "output/.csv", True),
        ("output/*.csv", "output/.hidden.csv", True),
        ("output/*.csv", "output/sub/a.csv", False),
        ("*/a.csv", "output/a.csv", True),
        ("*/a.csv", "a.csv", False),
        ("*/a.csv", "x/y/a.csv", False),
        ("output/*_*.csv", "output/a_b.csv", True),
        ("output/*_*.csv", "output/ab.csv", False),
        ("output/a*a.csv", "output/a.csv", False),
        ("output/a*a.csv", "output/aa.csv", True),
        ("output/*ab*b.csv", "output/ab.csv", False),
        ("output/*ab*b.csv", "output/abb.csv", True),
        ("output/[a].csv", "output/[a].csv", True),
        ("output/[a].csv", "output/a.csv", False),
        ("output/a.*sv", "output/a.tsv", True),
        ("été/*.csv", "été/ü.csv", True),
    ],
)
def test_a_star_stands_for_anything_but_a_slash_and_nothing_else_is_special(pattern, path, expected):
    assert matches(pattern, path) is expected


def test_a_pattern_of_many_stars_is_matched_without_backtracking():
    assert not matches("output/" + "*a" * 100 + "*b.csv", "output/" + "a" * 200 + ".csv")


def test_a_path_may_match_patterns_of_several_levels_and_the_most_private_wins():
    patterns = Patterns(
        {"moderately_sensitive": {"t": "*.csv"}, "highly_sensitive": {"x": "*.csv", "y": "a.csv"}}
    )
    assert patterns.of("a.csv") == ["*.csv", "a.csv"]
    assert most_private(patterns.levels["*.csv"]) == "highly_sensitive"
    assert most_private(["minimally_sensitive", "moderately_sensitive"]) == "moderately_sensitive"


def test_the_nearest_file_comes_first():
    found = nearest(
        ["output/table1.csv"], ["log.txt", "output/tabel1.csv", "Output/table1.csv", "output/fig.png"]
    )
    assert found[0] == "Output/table1.csv"
    assert found[1] == "output/tabel1.csv"
    assert sorted(found) == ["Output/table1.csv", "log.txt", "output/fig.png", "output/tabel1.csv"]


def test_the_nearest_of_thousands_of_files_is_found():
    paths = [f"scratch/{n}.tmp" for n in range(5000)] + ["output/resluts.csv"]
    assert nearest(["output/results.csv"], paths)[0] == "output/resluts.csv"
