"""Records of ACRO: read in the form its version 1.0.2 writes them, beside the files they speak of."""

import io
import json
import logging
import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobsite.checks import Recorded, Report, Subject, check_file, check_group, recorded_in
from jobsite.checks.commands import disclosure

from .given import POLICY, report_on

RUN = Path(__file__).parent / "acro_run"
TABLE = "area,F,M\nN,95,90\nS,50,55\nW,{},15\n"


def record(status: str, cells: list[list[int]], exception: str = "", name: str = "output_0_0.csv") -> dict:
    return {
        "uid": "output_0",
        "status": status,
        "type": "table",
        "properties": {"method": "crosstab"},
        "files": [
            {
                "name": name,
                "sdc": {"summary": {}, "cells": {"PresenceOfZeroCheck": [], "MinimumThresholdCheck": cells}},
            }
        ],
        "outcome": {"F": {"N": "ok", "S": "ok", "W": "ok"}, "M": {"N": "ok", "S": "ok", "W": "ok"}},
        "command": "crosstab()",
        "exception": exception,
        "fair": {"statbarn": "Frequencies"},
    }


def group(
    *records: dict, table: str = TABLE.format(10), checksum: str | None = None, **config: object
) -> list[Report]:
    document = {
        "version": "1.0.2",
        "tool": {},
        "results": {f"output_{n}": one for n, one in enumerate(records)},
    }
    reports = [
        report_on(json.dumps(document), "acro/results.json"),
        report_on(table, "acro/output_0_0.csv"),
        report_on(json.dumps(config), "acro/config.json"),
    ]
    return (
        reports if checksum is None else [*reports, report_on(checksum, "acro/checksums/output_0_0.csv.txt")]
    )


def found_in(reports: list[Report]) -> list[tuple]:
    found = check_group(reports, POLICY)
    return [(one.rule, one.severity, one.row, one.column) for one in found if one.rule.startswith("A")]


def test_a_flagged_cell_is_found_in_the_csv() -> None:
    assert found_in(group(record("fail", [[2, 0]]))) == [("A1", "fix", None, None), ("A5", "fix", 3, 2)]


def test_a_flagged_cell_that_is_hidden_now_is_mended() -> None:
    hidden = group(record("fail", [[2, 0]]), table=TABLE.format("[redacted]"))
    assert found_in(hidden) == [("A1", "look", None, None), ("A5", "note", 3, 2)]


def test_a_record_whose_shape_does_not_fit_is_on_the_file() -> None:
    other = group(record("fail", [[7, 0]]))
    assert found_in(other) == [("A1", "fix", None, None), ("A5", "fix", None, None)]


def test_a_review_is_looked_at_and_a_pass_switches_nothing_off() -> None:
    assert found_in(group(record("review", []))) == [("A2", "look", None, None)]
    passed = group(record("pass", []), table="area,n\nN,3\nS,20\n")
    assert found_in(passed) == [] and [one.rule for one in passed[1].findings] == ["C1", "C2"]


def recorded(*records: dict | None, name: str = "acro/results.json") -> dict[str, Recorded]:
    document = {"version": "1.0.2", "results": {str(number): one for number, one in enumerate(records)}}
    return recorded_in([(name, lambda: io.BytesIO(json.dumps(document).encode()))])


def roles_said(**changed: object) -> dict[str, str]:
    found = recorded({**record("pass", []), **changed})
    return dict(found["acro/output_0_0.csv"].roles)


def test_the_exception_is_told_beside_the_finding() -> None:
    (said,) = recorded(record("fail", [[2, 0]], exception=" Published before. ")).items()
    assert (said[0], said[1].exception) == ("acro/output_0_0.csv", "Published before.")
    asked = group(record("fail", [[2, 0]], exception="Published before."))
    assert ("A1", "fix", None, None) in found_in(asked)


def test_a_record_says_what_columns_are() -> None:
    """5.5: after the author's dictionary and before the words of the header."""
    counts = {"F": "count", "M": "count"}
    assert roles_said() == counts
    fair = {"statbarn": "Frequencies", "independent": ["area", "sex"]}
    assert roles_said(fair=fair) == {"area": "label", "sex": "label", **counts}
    assert roles_said(fair={}, command="crosstab(a, b)") == counts
    assert roles_said(fair={}, command="crosstab(a, b, values=c, aggfunc='mean')") == {}
    deep = {"('mean', 'F')": {}, "('max', 'F')": {}, "('count', 'F')": {}, "(not a tuple": {}}
    assert roles_said(outcome=deep, fair={"statbarn": "Shape"}) == {
        "mean": "statistic", "max": "extreme", "count": "count", "(not a tuple": "statistic",
    }  # fmt: skip
    assert roles_said(type="regression")["P>|t|"] == "model"
    assert roles_said(type="custom") == roles_said(outcome=[]) == {}


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"results": [', b"[" * 100_000, b"\xff\xfe\x00", b'{"version": 1}']
)
def test_what_is_no_record_says_nothing(data: bytes) -> None:
    assert recorded_in([("results.json", lambda: io.BytesIO(data))]) == {}
    assert (
        recorded(None, {"files": 3}, {"type": "table", "outcome": 4, "fair": 5, "files": [{"name": 1}]}) == {}
    )
    assert recorded(record("pass", []), name="results.csv") == {}


def test_the_command_reads_columns_as_the_record_beside_them_says(tmp_path: Path) -> None:
    """What is guessed to be a count is only looked at; a count by record has to be mended."""
    table = tmp_path / "output_2_0.csv"
    table.write_text("area,F,M\nN,20,20\nS,15,3\n")

    def found() -> list[tuple[str, str]]:
        printed = json.loads(CliRunner().invoke(disclosure, [str(tmp_path), "--json"]).output)
        return [(one["rule"], one["severity"]) for one in printed if one["rule"] == "C1"]

    assert found() == [("C1", "look")]
    (tmp_path / "results.json").write_bytes((RUN / "results.json").read_bytes())
    assert found() == [("C1", "fix")]


def test_a_file_that_was_changed_after_acro_wrote_it() -> None:
    clean = group(record("pass", []))
    assert found_in(group(record("pass", []), checksum=clean[1].sha256)) == []
    assert found_in(group(record("pass", []), checksum="0" * 64)) == [("A3", "fix", None, None)]


def test_weaker_limits_than_the_policy_are_shown_with_both_values() -> None:
    assert found_in(group(record("pass", []), safe_threshold=8, safe_dof_threshold=10)) == []
    weak = [
        one for one in check_group(group(record("pass", []), safe_threshold=5), POLICY) if one.rule == "A4"
    ]
    assert [one.sentence for one in weak] == [
        "ACRO ran with safe_threshold = 5; the policy needs 8 (threshold)."
    ]


@pytest.mark.parametrize(
    "records",
    [
        [None, 3, "x", []],
        [{"files": "x"}, {"files": [None, {"name": 4}, {"name": "../../etc/passwd", "sdc": 4}]}],
        [
            {
                "status": "fail",
                "files": [
                    {"name": "output_0_0.csv", "sdc": {"cells": {"a": [[-1, 2], [1], [True, 1], "x"]}}}
                ],
            }
        ],
        [record("fail", [[10**9, 10**9]])],
    ],
)
def test_records_of_any_form_are_borne(records: list) -> None:
    assert all("failed on" not in one.sentence for one in check_group(group(*records), POLICY))


def of_the_run(**changed: bytes | str) -> list[Report]:
    """The folder that ACRO 1.0.2 wrote, some of its files changed (`output_0_0` for output_0_0.csv)."""
    files = {str(path.relative_to(RUN)): path.read_bytes() for path in sorted(RUN.rglob("*.*"))}
    files |= {f"{name}.{'json' if name == 'config' else 'csv'}": data for name, data in changed.items()}
    return [report_on(data, f"acro/{name}") for name, data in files.items()]


def said_of(reports: list[Report]) -> list[str]:
    found = [one for one in check_group(reports, POLICY) if one.rule.startswith("A")]
    places = [(f" {one.row},{one.column}" if one.row else "") for one in found]
    return [f"{one.rule} {one.severity} {one.file[5:]}{at}" for one, at in zip(found, places, strict=True)]


def test_the_folder_that_acro_wrote_is_read_cell_by_cell() -> None:
    crossed = ["A1 fix output_0_0.csv", "A5 fix output_0_0.csv 3,2", "A5 fix output_0_0.csv 3,3"]
    deep = [
        (3, 2),
        (3, 3),
        (4, 2),
        (4, 3),
        (5, 2),
        (5, 3),
    ]  # below two rows of headers and one for the index
    statistics = ["A1 fix output_1_0.csv", *(f"A5 fix output_1_0.csv {row},{col}" for row, col in deep)]
    not_here = ["A2 look results.json", "A2 look results.json"]  # ACRO's own summaries, a CSV and a JSON
    assert said_of(of_the_run()) == crossed + statistics + not_here
    first = next(one for one in check_group(of_the_run(), POLICY) if one.rule == "A1")
    assert first.sentence.endswith("its author asks for an exception there: Published before.")


def test_a_cell_hidden_after_acro_failed_it_is_mended_and_the_file_is_another() -> None:
    mended = said_of(of_the_run(output_0_0="area,F,M\nN,20,20\nS,15,15\nW,[redacted],\n"))
    assert [line for line in mended if "output_0_0" in line] == [
        "A3 fix output_0_0.csv",
        "A1 look output_0_0.csv",
        "A5 note output_0_0.csv 3,2",
        "A5 note output_0_0.csv 3,3",
    ]


def test_an_output_that_acro_passed_is_still_checked() -> None:
    passed = of_the_run(output_2_0="area,n\nN,3\n")
    assert [one.rule for one in passed if one.name.endswith("output_2_0.csv") for one in one.findings] == [
        "C1",
        "C2",
    ]
    assert "A3 fix output_2_0.csv" in said_of(passed)


def test_weaker_limits_of_a_run_are_named_one_by_one() -> None:
    weak = of_the_run(config='{"safe_threshold": 5, "safe_dof_threshold": 9, "new": {"kept": 1}}')
    assert said_of(weak).count("A4 look config.json") + said_of(weak).count("A4 look results.json") == 2


def test_a_record_that_acro_makes_itself(tmp_path) -> None:
    acro = pytest.importorskip(
        "acro",
        reason="ACRO is not installed (470 MB with what it needs); the folder that it wrote once stands for it",
    )
    import pandas as pd

    logging.disable(logging.INFO)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = acro.ACRO(suppress=False)
        frame = pd.DataFrame({"area": ["N"] * 40 + ["S"] * 30 + ["W"] * 3, "sex": (["F", "M"] * 37)[:73]})
        session.crosstab(frame.area, frame.sex)
        session.add_exception("output_0", "reason")
        session.finalise(str(tmp_path / "out"), "json")
    reports = [
        check_file(Subject(str(p.relative_to(tmp_path)), p), POLICY) for p in (tmp_path / "out").rglob("*.*")
    ]
    assert ("A1", "fix", None, None) in found_in(reports)
