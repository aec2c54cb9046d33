"""The checklist of security says the truth: every requirement is there once, and every test it names exists."""

import re
from collections import Counter
from pathlib import Path

from jobsite.core.channels import PATIENCE, SLOWEST
from jobsite.core.web import MOST_FIELDS
from jobsite.jobs.logs.patterns import AT_ONCE, SECONDS
from jobsite.web_server import MOST_BODY

TESTS = Path(__file__).parent
TEXT = (TESTS.parent / "docs" / "security.md").read_text("utf-8")
ROW = re.compile(r"^\| (V\d[^|]*) \| (\w+|n/a) \| ([^|]*) \| ?([^|]*)\|$", re.MULTILINE)

LEVELS_1_AND_2 = {
    "1": {1: 2, 2: 9, 3: 11, 4: 3, 5: 2}, "2": {1: 3, 2: 3, 3: 4, 4: 1}, "3": {2: 2, 3: 4, 4: 6, 5: 5, 7: 2},
    "4": {1: 3, 2: 1, 3: 2, 4: 4}, "5": {1: 1, 2: 3, 3: 2, 4: 3}, "6": {1: 3, 2: 12, 3: 4, 4: 4, 5: 5, 6: 3, 8: 4},
    "7": {1: 3, 2: 4, 3: 2, 4: 5, 5: 2, 6: 2}, "8": {1: 2, 2: 3, 3: 1, 4: 1}, "9": {1: 3, 2: 4},
    "10": {1: 2, 2: 2, 3: 4, 4: 11, 5: 5, 6: 2, 7: 3}, "11": {1: 2, 2: 3, 3: 3, 4: 4, 5: 1, 6: 1},
    "12": {1: 3, 2: 2, 3: 4}, "13": {1: 1, 2: 5, 3: 2, 4: 5}, "14": {1: 2, 2: 4, 3: 3}, "15": {1: 3, 2: 3, 3: 7},
    "16": {1: 1, 2: 5, 3: 4, 4: 3, 5: 3},
}  # fmt: skip
"""How many requirements of levels 1 and 2 each section of the standard has; those of level 3 stand last in each."""


def rows() -> list[tuple[list[str], str, str, list[str]]]:
    """Each row: its requirements, its state, how, and the tests it names."""
    return [
        (numbers(found[1]), found[2], found[3].strip(), re.findall(r"`([^`]+)`", found[4]))
        for found in ROW.finditer(TEXT)
    ]


def numbers(cell: str) -> list[str]:
    """`V1.2.6 to V1.2.8, V1.3.1` as the list of all it means."""
    found = []
    for part in cell.split(","):
        first, _, last = (word.strip() for word in part.partition(" to "))
        section, _, start = first.rpartition(".")
        end = last.rpartition(".")[2] or start
        found += [f"{section}.{number}" for number in range(int(start), int(end) + 1)]
    return found


def test_every_requirement_has_one_row() -> None:
    wanted = {
        f"V{chapter}.{section}.{number}"
        for chapter, sections in LEVELS_1_AND_2.items()
        for section, count in sections.items()
        for number in range(1, count + 1)
    }
    said = Counter(number for row in rows() for number in row[0])
    assert set(said) == wanted, (sorted(wanted - set(said)), sorted(set(said) - wanted))
    assert [number for number, times in said.items() if times > 1] == []


def test_what_is_met_names_tests_that_exist_and_the_rest_its_reason() -> None:
    for requirements, state, how, named in rows():
        assert state in ("met", "host", "no", "n/a"), requirements
        assert bool(named) == (state == "met"), requirements
        assert how, requirements
        for one in named:
            file, _, name = one.partition("::")
            assert re.search(rf"^ *def {name}\(", (TESTS / file).read_text("utf-8"), re.MULTILINE), one


def test_the_limits_are_those_of_the_code() -> None:
    assert f"{MOST_BODY // 2**20} MB; a form 2 MB, its text 500 kB, its fields {MOST_FIELDS:,}" in TEXT
    assert f"{PATIENCE:g} s, and what {SLOWEST // 2**10} kB a second allow" in TEXT
    assert f"{AT_ONCE}, each {SECONDS:g} s" in TEXT
