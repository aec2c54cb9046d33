"""The rules of publication as tables."""

import pytest

from jobsite.publishing import rules

PEOPLE = {
    "visitor": set(),
    "member": {rules.SEE},
    "developer": {rules.SEE, rules.DRAFT},
    "publisher": {rules.PUBLISH},
}
SEEN = {
    rules.PENDING: {"member", "developer", "publisher"},
    rules.APPROVED: {"visitor", "member", "developer", "publisher"},
    rules.REJECTED: {"member", "developer"},
}


@pytest.mark.parametrize("decision", SEEN)
@pytest.mark.parametrize("person", PEOPLE)
def test_who_sees_a_snapshot(person: str, decision: str) -> None:
    assert rules.may_see(PEOPLE[person], decision) == (person in SEEN[decision])


@pytest.mark.parametrize(
    ("rule", "possible"),
    [
        (rules.why_not_publish, {("publisher", rules.PENDING), ("publisher", rules.APPROVED)}),
        (rules.why_not_reject, {("publisher", rules.PENDING)}),
        (rules.why_not_withdraw, {("publisher", rules.APPROVED)}),
        (rules.why_not_describe, {("developer", rules.PENDING), ("developer", rules.REJECTED)}),
    ],
)
def test_what_is_possible_when(rule, possible: set[tuple[str, str]]) -> None:  # type: ignore[no-untyped-def]
    for person, held in PEOPLE.items():
        for decision in SEEN:
            sentence = rule(held, decision)
            assert (sentence is None) == ((person, decision) in possible), (person, decision)
            assert sentence is None or sentence.endswith(".")


def test_a_set_of_files_has_one_name_whatever_its_order() -> None:
    assert rules.contents_of(["a", "b"]) == rules.contents_of(["b", "a"])
    assert rules.contents_of(["a", "b"]) != rules.contents_of(["ab"])


@pytest.mark.parametrize("title", ["x" * 151, "two\nlines", "nul\0"], ids=["long", "lines", "nul"])
def test_titles_that_cannot_be_used(title: str) -> None:
    assert rules.why_not_title(title)
