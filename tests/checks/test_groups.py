"""What several files say together, and what the author wrote about them."""

import pytest

from jobsite.checks import SUPPORTING, Earlier, Statement, check_group

from .given import POLICY, report_on

CLEAN = "group,n\nadults,40\nchildren,25\n"
CONTEXT = "Adults and children registered in 2020: 65 people, n by group."
CONTROLS = "Counts of 7 and less were redacted, all others rounded to 5."


def on_statement(
    context: str = CONTEXT, controls: str = CONTROLS, data: str = CLEAN, **more
) -> list[tuple[str, str]]:
    statement = Statement("tables", context, controls, **more)
    found = check_group([report_on(data)], POLICY, statement=statement)
    return [(one.rule, one.severity) for one in found if one.rule.startswith("X")]


def test_a_full_statement_has_no_finding() -> None:
    assert on_statement() == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"context": ""}, ["X1", "X3"]),
        ({"context": "Table of adults."}, ["X1", "X3"]),
        ({"controls": " " * 40}, ["X1", "X2"]),
        (
            {
                "context": "Say here whom it shows, all 12 people",
                "template": "Say here  whom it shows,\nall 12 people",
            },
            ["X1"],
        ),
        ({"controls": "All counts were rounded to the nearest 5."}, ["X2"]),
        ({"controls": "Counts of 7 or fewer were suppressed."}, ["X2"]),
        ({"context": "The table shows adults and children by group."}, ["X3"]),
        ({"context": "The table shows n by group in the year 2020."}, ["X3"]),
    ],
)
def test_what_a_statement_leaves_out_is_asked_for(changed: dict[str, str], expected: list[str]) -> None:
    assert [rule for rule, _ in on_statement(**changed)] == expected


def test_columns_nobody_can_guess_are_to_be_described() -> None:
    odd = "group,n_ev,pct_c\nadults,40,12.5\n"
    statement = Statement("tables", CONTEXT, CONTROLS)
    [found] = [one for one in check_group([report_on(odd)], POLICY, statement=statement) if one.rule == "X4"]
    assert found.sentence == "Describe: n_ev, pct_c."
    assert "X4" not in dict(on_statement(f"{CONTEXT} n_ev are events, pct_c their share.", data=odd))
    assert "X4" not in dict(on_statement(data=odd, described=frozenset({"n_ev", "PCT_C"})))


def test_a_statement_that_the_files_contradict() -> None:
    assert ("X6", "look") in on_statement(data="group,n\nadults,41\nchildren,25\n")
    assert ("X6", "look") in on_statement(
        controls="Small counts of 7 and less were redacted.", data="group,n\na,5\nb,25\n"
    )


def test_a_changed_table_needs_the_difference_stated() -> None:
    earlier = [Earlier(report_on("group,n\nadults,43\nchildren,25\n"), "on 3 May")]
    now = report_on("group,n\nadults,41\nchildren,25\n")
    silent = check_group([now], POLICY, statement=Statement("t", CONTEXT, CONTROLS), earlier=earlier)
    told = check_group(
        [now], POLICY, statement=Statement("t", CONTEXT, CONTROLS, differs="Two left."), earlier=earlier
    )
    assert "X5" in [one.rule for one in silent] and "X5" not in [one.rule for one in told]
    [changed] = [one for one in silent if one.rule == "D3"]
    assert changed.sentence == "1 cell changed by 1 to 7 since a.csv was released on 3 May."
    assert (changed.place.kind, changed.place.other, changed.row, changed.column) == ("pair", "a.csv", 1, 2)


def test_remarks_on_a_group_have_a_key_that_changes_with_its_text() -> None:
    def keys(context: str) -> set[str]:
        found = check_group([report_on(CLEAN)], POLICY, statement=Statement("t", context, ""))
        return {one.key for one in found if one.rule == "X1"}

    assert keys("x") == keys("x") != keys("y")


def test_differences_are_found_between_groups_of_a_request_and_once() -> None:
    one, other = report_on(CLEAN, "b.csv"), report_on("group,n\nadults,43\nchildren,25\n", "a.csv")
    assert [(f.file, f.rule) for f in check_group([one], POLICY, related=[other])] == [("b.csv", "D1")]
    assert check_group([other], POLICY, related=[one]) == ()


def test_supporting_files_are_not_released_and_so_not_compared() -> None:
    other = report_on("group,n\nadults,43\nchildren,25\n", "b.csv", SUPPORTING)
    assert check_group([report_on(CLEAN), other], POLICY) == ()


def test_a_figure_may_name_its_data_in_the_context() -> None:
    figure = report_on('<svg xmlns="http://www.w3.org/2000/svg"></svg>', "km.svg")
    data = report_on("time,survival\n0,1.0\n1,0.9\n", "tables/survival.csv", SUPPORTING)
    alone = check_group([figure, data], POLICY)
    named = check_group(
        [figure, data], POLICY, statement=Statement("f", f"{CONTEXT} Data: survival.csv", CONTROLS)
    )
    assert [one.rule for one in alone] == ["G1"] and "G1" not in [one.rule for one in named]


def test_a_supporting_figure_needs_no_data() -> None:
    assert (
        check_group([report_on('<svg xmlns="http://www.w3.org/2000/svg"/>', "a.svg", SUPPORTING)], POLICY)
        == ()
    )


def test_the_number_of_a_model_may_stand_in_the_context() -> None:
    model = report_on("term,estimate,std_error\nage,0.21,0.03\n")
    said = Statement("m", "A model of 4,120 patients.", CONTROLS)
    assert [one.rule for one in check_group([model], POLICY)] == ["C11"]
    assert "C11" not in [one.rule for one in check_group([model], POLICY, statement=said)]


def test_the_column_dictionary_of_the_author_goes_first() -> None:
    data = "group,size,score\na,3,4\nb,20,25\n"
    assert [
        (f.rule, f.severity) for f in report_on(data, roles={"size": "count", "score": "label"}).findings
    ] == [
        ("C1", "fix"),
        ("C2", "fix"),
    ]
    assert report_on(data, roles={"SIZE": "statistic", "score": "other"}).findings == ()


def test_every_earlier_table_is_compared() -> None:
    earlier = [
        Earlier(report_on(f"group,n\nadults,{number}\n", f"{number}.csv")) for number in (42, 90, 40, 44)
    ]
    found = check_group([report_on("group,n\nadults,41\n")], POLICY, earlier=earlier)
    assert sorted(one.place.other or "" for one in found) == ["40.csv", "42.csv", "44.csv"]


def test_a_difference_is_said_from_where_it_stands() -> None:
    whole, parts = (
        "trust_type,n\nacute,100\nother,50\n",
        "trust_type,sex,n\nacute,m,55\nacute,f,41\nother,m,25\nother,f,25\n",
    )
    [later] = check_group([report_on(whole, "a.csv"), report_on(parts, "b.csv")], POLICY)
    [other] = check_group([report_on(parts, "a.csv"), report_on(whole, "b.csv")], POLICY)
    assert later.sentence == "'n' of a.csv less its parts here leaves 4 for 'trust_type acute'."
    assert other.sentence == "'n' less its parts in a.csv leaves 4 for 'trust_type acute'."
    assert (later.file, other.file) == ("b.csv", "b.csv")


def test_rules_that_have_nothing_to_do_are_named_with_the_reason() -> None:
    skipped = {one.rule: one.why for one in report_on("Only prose.\n", "a.txt").skipped}
    assert "C1" in skipped and "L1" not in skipped
    assert all(why.endswith(".") for why in skipped.values())
    assert {"F7", "G2", "L1"} <= {one.rule for one in report_on(CLEAN).skipped}
    assert {"C1", "I1", "S3"} <= {
        one.rule for one in report_on('<svg xmlns="http://www.w3.org/2000/svg"/>', "a.svg").skipped
    }
