"""The mistakes of newcomers: the right line, and words that help."""

from pathlib import Path

import pytest
import yaml

from jobsite.pipelines import parse

MISTAKES = yaml.safe_load((Path(__file__).parent / "newcomer_mistakes.yaml").read_text(encoding="utf-8"))


def test_there_are_forty_of_them_and_more():
    assert len(MISTAKES) >= 40


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["title"])
def test_a_newcomer_reads_what_is_wrong_where_and_how_to_mend_it(mistake):
    report = parse(mistake["file"])
    first = report.problems[0]
    said = f"{first.message} {first.hint}"
    assert (first.line, first.code) == (mistake["line"], mistake["code"])
    assert [words for words in mistake["says"] if words not in said] == []
    assert len(report.problems) == mistake["problems"]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["title"])
def test_every_message_is_a_sentence_with_a_hint(mistake):
    report = parse(mistake["file"])
    for problem in report.problems:
        assert problem.message.endswith((".", "?")) and problem.message[0].isascii(), problem.message
        assert problem.hint and problem.hint.endswith((".", "?")), problem
        assert len(problem.message) < 300 and len(problem.hint) < 200
