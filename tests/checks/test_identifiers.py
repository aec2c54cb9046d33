"""Rules on identifiers that need more rows than a labelled case has, and the patterns by themselves."""

import json

import pytest

from jobsite.checks import patterns

from .given import report_on, rules_in


def table(values: list[object], head: str = "code", more: str = "a") -> str:
    return f"{head},group\n" + "".join(f"{value},{more}{number % 3}\n" for number, value in enumerate(values))


DIFFERENT = [1009 + 37 * number + number * number for number in range(60)]


def test_one_row_for_each_person() -> None:
    [found] = [one for one in report_on(table(DIFFERENT)).findings if one.rule == "I7"]
    assert (found.severity, found.column) == ("fix", 1)


def test_hexadecimal_keys_are_one_row_for_each_person_too() -> None:
    assert "I7" in rules_in(table([f"{number * 7919:08x}a1" for number in range(1, 60)]))


@pytest.mark.parametrize(
    "data",
    [
        table(DIFFERENT[:40]),
        table(list(range(1, 61))),
        table(list(range(0, 600, 10))),
        table(list(range(60, 0, -1))),
        table([*DIFFERENT[:59], DIFFERENT[0]]),
        table([5 * number for number in DIFFERENT]),
        table([number / 8 for number in DIFFERENT], head="mean"),
        "code,n\n" + "".join(f"{number},20\n" for number in DIFFERENT),
    ],
    ids=["few rows", "running", "steps", "backwards", "one twice", "rounded", "means", "a column of counts"],
)
def test_what_is_not_one_row_for_each_person(data: str) -> None:
    assert "I7" not in rules_in(data)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("4010232137", ["issued"]),
        ("401-023-2137", ["issued"]),
        ("NHS:4010232137.", ["issued"]),
        ("id_4010232137", ["issued"]),
        ("(401 023 2137)", ["issued"]),
        ("9434765919", ["unissued"]),
        ("9990000018", ["test"]),
        ("4010232138", []),
        ("x4010232137", []),
        ("40102321370", []),
        ("0.4010232137", []),
        ("4010232137.25", []),
        ("12 401 023 2137", []),
        ("401 023 2137 5", []),
        ("+4010232137", []),
        ("2020-01-4010232137", []),
        ("4010232137 4505577104", ["issued", "issued"]),
    ],
)
def test_nhs_numbers_are_found_by_their_check_digit(text: str, kinds: list[str]) -> None:
    assert [kind for _, kind in patterns.nhs_numbers(text)] == kinds


@pytest.mark.parametrize(
    "text", ["OX3 7LF", "ox37lf", "SW1A 1AA", "GIR 0AA", "(LS1 4AP)", "M1 1AE", "W1A0AX"]
)
def test_postcodes(text: str) -> None:
    assert len(list(patterns.postcodes(text))) == 1


@pytest.mark.parametrize(
    "text", ["OX3", "OX3 7CF", "aOX3 7LF", "OX3 7LFx", "QQ12ab", "2020", "A1 B2", "OX3  7LF", ""]
)
def test_what_is_no_postcode(text: str) -> None:
    assert list(patterns.postcodes(text)) == []


@pytest.mark.parametrize(
    "text", ["01865 289200", "020 7946 0018", "+44 20 7946 0018", "07700900123", "(0161) 496 0000"]
)
def test_telephone_numbers(text: str) -> None:
    assert patterns.has_telephone(text)


@pytest.mark.parametrize(
    "text",
    ["0.0123456789", "0 12 34 5", "1865 289200", "2020-01-01 10:00:00", "0000000000", "01865", "+1 555 0100"],
)
def test_what_is_no_telephone_number(text: str) -> None:
    assert not patterns.has_telephone(text)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2020-03-17", "2020-03-17"),
        ("2020-03-17T10:00:00", "2020-03-17"),
        ("17/03/2020", "2020-03-17"),
        ("3/4/2020", "2020-04-03"),
        ("17 March 2020", "2020-03-17"),
        ("17-Mar-2020", "2020-03-17"),
        ("2020-02-30", None),
        ("17 Smarch 2020", None),
        ("2020", None),
        ("99/99/2020", None),
        ("", None),
    ],
)
def test_dates(text: str, day: str | None) -> None:
    found = patterns.date_in(text)
    assert (found and found.isoformat()) == day


def test_five_numbers_in_a_text_stop_it() -> None:
    numbers = ["4010232137", "4505577104", "6148595893", "6907483378", "4699205755"]
    text = "\n".join(f"read {number}" for number in numbers)
    assert ("I2", "stop") in [(one.rule, one.severity) for one in report_on(text, "a.txt").findings]
    assert ("I2", "stop") not in [(one.rule, one.severity) for one in report_on(text[:40], "a.txt").findings]


def test_a_table_printed_in_a_text_is_read_for_patient_columns() -> None:
    text = "  patient_id  age\n0        105   41\n1        117   52\n2        131   38\n"
    found = [(one.rule, one.line) for one in report_on(text, "a.txt").findings]
    assert ("I1", 2) in found and ("L1", 2) in found


def test_one_object_for_each_person_in_json() -> None:
    rows = [{"code": number, "group": f"a{number % 3}"} for number in DIFFERENT]
    assert rules_in(json.dumps(rows), "a.json") == ["I7"]
    assert rules_in(json.dumps({"data": rows}), "a.json") == ["I7"]
    assert rules_in(json.dumps(rows[:40]), "a.json") == []
    assert rules_in(json.dumps([{**row, "n": 20} for row in rows]), "a.json") == []


def test_free_text_in_json() -> None:
    notes = [{"note": f"seen in clinic number {number} and said to be much better"} for number in range(5)]
    assert rules_in(json.dumps(notes), "a.json") == ["I10"]
