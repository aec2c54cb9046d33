"""Bytes to tables: encodings, windows, and that any bytes end in a verdict."""

import codecs
import gzip
import io
import tracemalloc

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jobsite.checks import (
    SEVERITIES,
    Subject,
    check_file,
    check_group,
    checking,
    json_content,
    policy_from,
    reading,
)
from jobsite.checks.roles import named_role

from .given import POLICY, report_on, rules_in

TABLE = "group,n\nä,3\nb,12\n"
SMALL = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize(
    "data",
    [
        TABLE.encode(),
        codecs.BOM_UTF8 + TABLE.encode(),
        codecs.BOM_UTF16_LE + TABLE.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TABLE.encode("utf-16-be"),
        TABLE.encode("cp1252"),
        TABLE.replace("\n", "\r\n").encode(),
        TABLE.replace("\n", "\r").encode(),
        b"sep=,\n" + TABLE.encode(),
    ],
)
def test_a_table_is_read_in_every_encoding_and_with_every_line_end(data: bytes) -> None:
    report = report_on(data)
    assert [(one.rule, one.row) for one in report.findings] == [("C1", 1), ("C2", None)]
    assert (report.rows, report.columns) == (2, 2)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"group,n\na,\x813\n", "no text"),
        (b"group,n\na,3\0\n", "NUL"),
        (codecs.BOM_UTF16_LE + b"a,\xd8\xd8\n\0", "no text"),
        (b'group,n\na,1\n"b\nc,3\n', "unclosed quote on line 3"),
    ],
)
def test_what_cannot_be_read_stops_with_the_reason(data: bytes, said: str) -> None:
    [found] = report_on(data).findings
    assert (found.rule, found.severity) == ("F5", "stop")
    assert said in found.sentence


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.md", "a.log", "a.html"])
def test_an_empty_file_has_no_finding_of_its_content(name: str) -> None:
    assert set(rules_in(b"", name)) <= {"F6"}


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.json", "a.svg", "a.svgz"])
def test_an_empty_image_or_document_is_not_what_it_says(name: str) -> None:
    assert "F2" in rules_in(b"", name)


def test_a_stop_does_not_silence_other_rules() -> None:
    rows = "".join(f"g{number},10\n" for number in range(5_001))
    assert rules_in(f"group,n\n{rows}x,3\n") == ["F4", "C1", "C2"]


def test_a_large_table_is_checked_in_windows_to_its_last_row(monkeypatch) -> None:
    monkeypatch.setattr(reading, "MOST_CELLS", 1_000)
    rows = "".join(f"g{number},10\n" for number in range(3_000))
    report = report_on(f"group,n\n{rows}last,3\n")
    assert [(one.rule, one.row) for one in report.findings if one.rule == "C1"] == [("C1", 3_001)]
    assert report.rows == 3_001 and report.tables == ()
    assert "E1" in [one.rule for one in report.findings]


def test_a_table_too_large_to_be_read_in_time_is_not_passed_over(monkeypatch) -> None:
    monkeypatch.setattr(reading, "MOST_CELLS", 1_000)
    monkeypatch.setattr(checking, "_WINDOWS", 0.0)
    report = report_on("group,n\n" + "".join(f"g{number},10\n" for number in range(1_600)))
    assert report.rows == 1_600
    late = {one.sentence for one in report.findings if one.rule == "E1" and one.severity == "stop"}
    assert "Rule I2 was not applied: only the first 500 rows could be read in time." in late


def test_memory_does_not_grow_with_the_size_of_a_table(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(reading, "MOST_CELLS", 500)
    peaks = []
    for rows in (1_000, 4_000):
        file = tmp_path / f"{rows}.csv"
        file.write_text(
            "group,n\n" + "".join(f"g{number % 50},{number % 50 * 5 + 10}\n" for number in range(rows))
        )
        tracemalloc.start()
        check_file(Subject("a.csv", file), POLICY)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]


def test_a_file_above_the_limit_is_checked_all_the_same() -> None:
    small = policy_from({"limits": {"file_bytes": 100}})
    mail = b'{"a": "' + b"x" * 100 + b' ada@example.org"}'
    for name, data in (("a.json", mail), ("a.svg", b"<svg><script/>" + b" " * 200 + b"</svg>")):
        assert rules_in(data, name, policy=small)[0] == "F3"
        assert {"I8", "F7"} & set(rules_in(data, name, policy=small))


def test_what_is_read_whole_is_read_up_to_a_size_only(monkeypatch) -> None:
    monkeypatch.setattr(checking, "_LARGEST", 200)
    for name, data in (("a.json", b"[" + b"1," * 100 + b"1]"), ("a.svg", b"<svg>" + b" " * 200 + b"</svg>")):
        assert rules_in(data, name) == ["F5"]


def test_json_of_too_many_values_is_not_passed_over(monkeypatch) -> None:
    monkeypatch.setattr(json_content, "MOST_VALUES", 50)
    assert rules_in("[" + "0, " * 48 + '"ada@example.org"]', "a.json") == ["I8"]
    assert rules_in("[" + "{}, " * 48 + '"ada@example.org"]', "a.json") == ["F5"]


def test_a_packed_drawing_is_unpacked_up_to_the_limit() -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'
    assert rules_in(gzip.compress(svg), "a.svgz") == ["F6", "F7"]
    assert "F2" in rules_in(gzip.compress(svg + b" " * (17 * 1024 * 1024)), "a.svgz")
    assert "F2" in rules_in(gzip.compress(svg)[:-6], "a.svgz")


@pytest.mark.parametrize(
    "data",
    [
        b'group,n\na,"' + b"x" * 131_073 + b'"\n',
        b"a" * 200_000,
        b"," * 3_000 + b"\n" + b"," * 3_000,
        b"a,b\n" + b"1," * 5_000 + b"\n",
        b"n\n" + b"9" * 5_000 + b"\n3\n",
        b"n\n1e309\n-1e309\n1e-400\n",
        b"\n\n\n",
        b'""\n""\n',
    ],
    ids=map(str, range(8)),
)
def test_odd_tables_end_in_a_verdict(data: bytes) -> None:
    assert all(one.rule != "E1" for one in report_on(data).findings)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 50_000, "1e999", '"\\ud800"', "9" * 6_000, '{"": [1, [2, {"": 3}]]}'],
    ids=map(str, range(6)),
)
def test_odd_json_ends_in_a_verdict(text: str) -> None:
    assert set(rules_in(text, "a.json")) <= {"F2"}


@pytest.mark.parametrize(
    "text",
    [
        "<!--" * 30_000,
        "<![foo",
        "<" * 20_000,
        "<a " * 50_000,
        "</" * 50_000,
        "<table><td><table>",
        "<script>" * 500,
    ],
    ids=map(str, range(7)),
)
def test_odd_pages_end_in_a_verdict(text: str) -> None:
    assert "F6" in rules_in(text, "a.html")


NAMES = [
    "a.csv",
    "a.txt",
    "a.json",
    "a.html",
    "a.svg",
    "a.svgz",
    "a.png",
    "a.jpg",
    "a.log",
    "a.xyz",
    "results.json",
]
CELLS = st.sampled_from(
    [
        "",
        "n",
        "total",
        "3",
        "20",
        "[redacted]",
        "1.5",
        "12%",
        "a",
        "=x",
        "2020-01-01",
        "rate",
        "time",
        "n_risk",
        '"',
    ]
)


@SMALL
@given(st.binary(max_size=300), st.sampled_from(NAMES))
@example(b"\x89PNG\r\n\x1a\n", "a.png")
@example(b"\xff\xd8\xff\xe1\x00", "a.jpg")
@example(
    b'{"version": 1, "results": {"a": {"files": [{"name": 3}, {"name": "x", "sdc": {"cells": {"a": [[0]]}}}]}}}',
    "results.json",
)
def test_any_bytes_end_in_a_verdict(data: bytes, name: str) -> None:
    report = check_file(Subject(name, io.BytesIO(data)), POLICY)
    assert report.size == len(data)
    assert all(one.severity in SEVERITIES and one.sentence for one in report.findings)
    assert "failed" not in " ".join(one.sentence for one in check_group([report], POLICY))


@SMALL
@given(st.lists(st.lists(CELLS, min_size=1, max_size=6), max_size=12), st.sampled_from(["a.csv", "a.txt"]))
def test_any_table_ends_in_a_verdict_without_a_rule_that_failed(rows: list[list[str]], name: str) -> None:
    data = "\n".join(",".join(row) for row in rows)
    report = report_on(data, name)
    other = report_on(data + "\nb,15\n", "b.csv")
    found = [*report.findings, *check_group([report, other], POLICY)]
    assert [one.sentence for one in found if one.rule == "E1"] == []
    assert len({one.key for one in report.findings}) == len(report.findings)


@pytest.mark.parametrize(
    ("header", "role"),
    [
        ("person_years", "person-time"),
        ("Person-years at risk", "person-time"),
        ("follow_up", "person-time"),
        ("rate_per_100_person_years", "rate"),
        ("incidence per 1000 patient days", "rate"),
    ],
)
def test_a_rate_per_time_is_no_time(header: str, role: str) -> None:
    assert named_role(header) == role
