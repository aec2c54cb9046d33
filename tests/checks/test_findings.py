"""Findings: their key, their JSON, their order, and that they hold no identifying value."""

import io

import pytest

from jobsite.checks import (
    LOOK,
    RULES,
    SEVERITIES,
    STOP,
    Finding,
    Place,
    Subject,
    check_file,
    in_order,
    ruling,
    worst,
)
from jobsite.checks.findings import PLACES
from jobsite.checks.ruling import MOST_ALIKE, Remark, Ruling

from .given import POLICY, report_on

TABLE = "group,n\na,3\nb,12\n"


def test_the_key_is_the_same_after_a_recheck_under_any_name_and_policy() -> None:
    first = [one.key for one in report_on(TABLE).findings]
    again = [one.key for one in report_on(TABLE, "other/b.csv").findings]
    assert first == again and len(set(first)) == len(first) == 2


def test_the_key_is_another_for_other_bytes_places_and_rules() -> None:
    keys = {one.key for one in report_on(TABLE).findings} | {
        one.key for one in report_on(TABLE + "c,4\n").findings
    }
    assert len(keys) == 5


def test_the_json_is_that_of_the_specification() -> None:
    [small] = [one for one in report_on(TABLE).findings if one.rule == "C1"]
    assert small.as_json() == {
        "rule": "C1",
        "rule_version": RULES["C1"].version,
        "policy": "default",
        "policy_version": 1,
        "severity": "fix",
        "file": "a.csv",
        "file_sha256": report_on(TABLE).sha256,
        "place": {"kind": "cell", "row": 1, "col": 2, "header": "n"},
        "sentence": "Row 1 'n': 3 is a count of 1 to 7. Hide it before rounding.",
        "fingerprint": small.key,
    }
    assert (small.row, small.column, small.line) == (1, 2, None)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("note,n\n401 023 2137,20\n", "023"),
        ("note,n\nOX3 7LF,20\n", "7LF"),
        ("dob,n\n1950-03-17,20\n", "1950"),
        ("note,n\njo@example.org,20\n", "example"),
        ("note,n\n01865 289200,20\n", "289200"),
        ("practice,n\nA81001,20\n", "A81001"),
        ("area,n\nE02005921,20\n", "E02005921"),
    ],
)
def test_no_finding_holds_an_identifying_value(data: str, value: str) -> None:
    for name in ("a.csv", "a.txt"):
        found = [one for one in report_on(data, name).findings if one.rule.startswith("I")]
        assert name != "a.csv" or found
        assert all(value not in str(one.as_json()) for one in found)


def test_findings_come_gravest_first_and_worst_names_the_gravest() -> None:
    found = report_on("patient_id,n\n105,3\n").findings
    assert [SEVERITIES.index(one.severity) for one in found] == sorted(
        SEVERITIES.index(one.severity) for one in found
    )
    assert worst(found) == STOP and worst([]) is None
    assert in_order(reversed(found)) == found


def test_above_the_limit_one_line_says_how_many_more() -> None:
    rows = "".join(f"g{number},3\n" for number in range(MOST_ALIKE + 40))
    found = [one for one in report_on(f"group,n\n{rows}").findings if one.rule == "C1"]
    assert len(found) == MOST_ALIKE + 1
    assert "and 40 more" in next(one.sentence for one in found if one.place.kind == "column")


def test_a_rule_that_fails_becomes_a_finding_and_stops_where_it_guards_identifiers() -> None:
    def broken():
        yield Remark("C1", Place(), "Found before it broke.")
        raise ZeroDivisionError

    ruling = Ruling(POLICY, "a.csv", "0" * 64)
    ruling.apply("C1 I2", broken)
    found = {(one.rule, one.severity, one.sentence) for one in ruling.findings()}
    assert ("C1", "fix", "Found before it broke.") in found
    assert ("E1", LOOK, "Rule C1 was not applied: it failed on this content.") in found
    assert ("E1", STOP, "Rule I2 was not applied: it failed on this content.") in found
    assert len({one.key for one in ruling.findings()}) == 3


def test_a_rule_that_takes_too_long_becomes_a_finding_and_is_not_run_again(monkeypatch) -> None:
    monkeypatch.setattr(ruling, "LONGEST", 0.02)
    runs = []

    def slow(turns: int):
        runs.append(turns)
        total = sum(range(turns))
        yield from (Remark("C1", Place(), f"Found {total}.") for _ in range(turns == 0))

    one = Ruling(POLICY, "a.csv", "0" * 64)
    one.apply("C1 I2", slow, 0)
    one.apply("C1 I2", slow, 5_000_000)
    one.apply("C1 I2", slow, 1)
    assert runs == [0, 5_000_000] and one.has_given_up("C1 I2")
    found = {(each.rule, each.severity, each.sentence) for each in one.findings()}
    assert found == {
        ("C1", "fix", "Found 0."),
        ("E1", LOOK, "Rule C1 was not applied: it took more than 0.02 seconds."),
        ("E1", STOP, "Rule I2 was not applied: it took more than 0.02 seconds."),
    }


@pytest.mark.parametrize("last", [True, False])
def test_a_rule_that_takes_too_much_memory_becomes_a_finding(monkeypatch, last: bool) -> None:
    monkeypatch.setattr(ruling, "MOST_MEMORY", 20)
    kept = []

    def large():
        kept.append(b"x" * (60 * 1024 * 1024))
        yield from () if last else iter([Remark("C1", Place(), "Found.")])
        kept.append(b"")

    one = Ruling(POLICY, "a.csv", "0" * 64)
    one.apply("I3", large)
    [found] = [each for each in one.findings() if each.rule == "E1"]
    assert (found.severity, found.sentence) == (
        STOP,
        "Rule I3 was not applied: it took more than 20 MiB of memory.",
    )


def test_lines_that_could_not_be_read_in_time_leave_no_rule_silent(monkeypatch) -> None:
    monkeypatch.setattr(ruling, "LONGEST", 0.0)
    found = report_on("ask ada@example.org\n" * 9, "a.txt").findings
    assert [one.sentence.split()[1] for one in found if one.rule == "E1"][-1] == "L1"
    assert {one.sentence.split()[1] for one in found if one.rule == "E1"} >= {"I2", "I3", "I6", "I8", "L1"}


def test_rules_run_where_the_system_does_not_tell_its_memory(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(ruling, "_STATM", tmp_path / "none")
    assert [one.rule for one in report_on(TABLE).findings] == ["C1", "C2"]


def test_a_rule_without_memory_left_becomes_a_finding() -> None:
    def starved():
        raise MemoryError
        yield

    one = Ruling(POLICY, "a.csv", "0" * 64)
    one.apply("F7", starved)
    assert [each.sentence for each in one.findings()] == ["Rule F7 was not applied: it took too much memory."]


def test_names_of_columns_cannot_break_a_sentence() -> None:
    head = "n \x1b[31m\u202e" + "x" * 10_000
    sentences = [one.sentence for one in report_on(f'group,"{head}"\na,3\nb,12\n').findings]
    assert len(sentences) == 2
    assert all(sentence.isprintable() and len(sentence) <= 500 for sentence in sentences)


def test_every_place_is_one_of_the_named_kinds() -> None:
    found: list[Finding] = [*report_on(TABLE).findings, *report_on("1 2 3\n4 5 6\n7 8 9\n", "a.txt").findings]
    assert {one.place.kind for one in found} <= set(PLACES)


def test_the_source_may_be_an_open_file_or_a_path_but_no_link(tmp_path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(TABLE)
    by_path = check_file(Subject("a.csv", file), POLICY)
    assert by_path.findings == check_file(Subject("a.csv", io.BytesIO(TABLE.encode())), POLICY).findings
    (tmp_path / "b.csv").symlink_to(file)
    for missing in ("b.csv", "c.csv", "."):
        assert [one.rule for one in check_file(Subject("b.csv", tmp_path / missing), POLICY).findings] == [
            "F5"
        ]
