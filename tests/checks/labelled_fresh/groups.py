"""Cases of the rules that compare tables (D1 to D3), read the words of a request (X1 to X6) and the records of ACRO (A1 to A5)."""

import hashlib
import json

from tests.checks.labelled_fresh.case import Case, case, table

AGES = table("age n\n40-49 120\n50-59 115\n60-69 130")
CONTEXT = (
    "Adults registered in March 2021, 1,200 people, counted by age band and sex; n is the number of people."
)
CONTROLS = (
    "Counts of 1 to 7 were hidden, the others were rounded to the nearest 5 before totals were computed."
)


def pair(name: str, a: str, b: str, *expected: str) -> Case:
    return case(name, {"a.csv": a, "b.csv": b}, *expected)


def asked(
    name: str,
    words: dict[str, object],
    *expected: str,
    files: dict[str, str] | None = None,
    earlier: dict[str, str] | None = None,
) -> Case:
    """Give a case of a release request: `words` over a good context and good controls."""
    whole = {"context": CONTEXT, "controls": CONTROLS, **words}
    return case(name, files or {"t.csv": AGES}, *expected, words=whole, earlier=earlier)


def acro(name: str, *expected: str, status: str = "pass", table_: str = AGES, **more: object) -> Case:
    """Give a case of a table with the record that ACRO made of it, with two columns and a header row outside `outcome`."""
    record = {
        "uid": "output_0",
        "status": status,
        "type": "table",
        "properties": {"method": "crosstab"},
        "files": [
            {"name": "t.csv", "sdc": {"summary": {"suppressed": False}, "cells": more.pop("cells", {})}}
        ],
        "outcome": {"n": {"40-49": "ok", "50-59": "ok", "60-69": "ok"}},
        "command": "acro.crosstab(df.age)",
        "summary": status,
        "timestamp": "2026-01-01T10:00:00",
        "comments": [],
        "exception": more.pop("exception", ""),
        "new_key": {"kept": True},
    }
    files = {
        "t.csv": table_,
        "results.json": json.dumps({"version": "0.4.9", "results": {"output_0": record}}),
    }
    if (seen := more.pop("seen", None)) is not None:
        files["checksums/t.csv.txt"] = hashlib.sha256(str(seen).encode()).hexdigest()
    if (config := more.pop("config", None)) is not None:
        files["config.json"] = json.dumps(config)
    return case(name, files, *expected)


LIMITS = {"safe_threshold": 10, "safe_dof_threshold": 10, "safe_nk_n": 2, "safe_nk_k": 0.9}
HIDDEN = AGES.replace("115", "[redacted]")

CASES = (
    # D1
    pair(
        "a small difference",
        AGES,
        AGES.replace("120", "117"),
        "C2 fix b.csv column 2",
        "D1 fix b.csv pair a.csv",
    ),
    pair("a difference of rounded counts", AGES, AGES.replace("120", "125"), "D1 note b.csv pair a.csv"),
    pair("a large difference", AGES, AGES.replace("120", "160")),
    pair("equal tables in another order", AGES, table("age n\n60-69 130\n40-49 120\n50-59 115")),
    pair("a hidden cell differs from none", AGES, AGES.replace("120", "[redacted]")),
    pair("another measure", AGES, AGES.replace("n\n", "mean\n", 1).replace("115", "118")),
    pair("other keys", AGES, table("age n\n70-79 120\n80-89 125")),
    pair(
        "keys in other letters",
        AGES,
        AGES.replace("age", "Age").replace("40-49,120", " 40-49 ,118"),
        "C2 fix b.csv column 2",
        "D1 fix b.csv pair a.csv",
    ),
    # D2
    pair(
        "a level is missing",
        AGES,
        table("age sex n\n40-49 female 117\n50-59 female 60\n60-69 female 70"),
        "C2 fix b.csv column 3",
        "D2 fix b.csv pair a.csv",
    ),
    pair(
        "a level is missing, rounded",
        AGES,
        table("age sex n\n40-49 female 115\n50-59 female 60\n60-69 female 70"),
        "D2 note b.csv pair a.csv",
    ),
    pair(
        "levels that leave many", AGES, table("age sex n\n40-49 female 60\n50-59 female 60\n60-69 female 70")
    ),
    pair(
        "all levels",
        AGES,
        table(
            "age sex n\n40-49 female 60\n40-49 male 60\n50-59 female 60\n50-59 male 55\n60-69 female 70\n60-69 male 60"
        ),
    ),
    pair(
        "a filtered copy",
        table("age sex n\n40-49 all 121\n50-59 all 115\n60-69 all 130"),
        table("age sex n\n40-49 male 117\n50-59 male 60\n60-69 male 70"),
        "C2 fix a.csv column 3",
        "C2 fix b.csv column 3",
        "D2 fix b.csv pair a.csv",
    ),
    # D3
    case(
        "a small change",
        {"t.csv": AGES},
        "D3 fix t.csv pair t.csv",
        earlier={"t.csv": AGES.replace("120", "117")},
    ),
    case(
        "a small change under another name",
        {"t.csv": AGES},
        "D3 fix t.csv pair old.csv",
        earlier={"old.csv": AGES.replace("120", "117")},
    ),
    case(
        "a change of rounded counts",
        {"t.csv": AGES},
        "D3 note t.csv pair t.csv",
        earlier={"t.csv": AGES.replace("120", "125")},
    ),
    case("a large change", {"t.csv": AGES}, earlier={"t.csv": AGES.replace("120", "160")}),
    case(
        "a subset of a released table",
        {"t.csv": table("age sex n\n40-49 male 115\n50-59 male 60")},
        "D3 note t.csv pair t.csv",
        earlier={"t.csv": AGES},
    ),
    case("another table", {"t.csv": AGES}, earlier={"t.csv": table("region n\nNorth 120\nSouth 125")}),
    # X
    asked("good words", {"context": CONTEXT + " age: band of ten years."}),
    asked("an empty context", {"context": "Table of people"}, "X1 fix any", "X3 look any"),
    asked("empty controls", {"controls": ""}, "X1 fix any", "X2 look any"),
    asked(
        "no rounding named",
        {"controls": "All counts of 1 to 7 people were hidden by the script."},
        "X2 look any",
    ),
    asked(
        "no threshold named", {"controls": "All of the counts were rounded to the nearest 5."}, "X2 look any"
    ),
    asked("no population", {"context": "This table gives n for each age band of the study."}, "X3 look any"),
    asked(
        "columns that are not described",
        {},
        "X4 look any",
        files={"t.csv": table("age n_ev\n40-49 120\n50-59 115")},
    ),
    asked(
        "a relation not stated",
        {"context": CONTEXT},
        "D3 note t.csv pair t.csv",
        "X5 fix any",
        earlier={"t.csv": AGES.replace("120", "125")},
    ),
    asked(
        "a statement contradicted",
        {},
        "C2 fix t.csv column 2",
        "X6 look any",
        files={"t.csv": AGES.replace("120", "121")},
    ),
    # A
    acro("a pass"),
    acro("a fail", "A1 fix any any", status="fail"),
    acro(
        "a fail whose flagged cell is hidden",
        "A1 look any any",
        "A5 note t.csv cell 2 2",
        status="fail",
        table_=HIDDEN,
        cells={"MinimumThresholdCheck": [[1, 0]]},
    ),
    acro(
        "flagged cells",
        "A1 fix any any",
        "A5 fix t.csv cell 1 2",
        "A5 fix t.csv cell 3 2",
        status="fail",
        cells={"MinimumThresholdCheck": [[0, 0], [2, 0]]},
    ),
    acro(
        "flagged cells of the older words",
        "A1 fix any any",
        "A5 fix t.csv cell 1 2",
        status="fail",
        cells={"nk-rule": [[0, 0]], "p-ratio": []},
    ),
    acro("a review", "A2 look any any", status="review"),
    acro("a changed file", "A3 fix any any", seen=AGES + "70-79,100\n"),
    acro("the file that was seen", seen=AGES),
    acro("weaker limits", "A4 look any any", config={**LIMITS, "safe_threshold": 5}),
    acro("weaker degrees of freedom", "A4 look any any", config={**LIMITS, "safe_dof_threshold": 5}),
    acro("stronger limits", config=LIMITS),
    acro("a pass switches nothing off", "C1 fix t.csv cell 2 2", table_=AGES.replace("115", "5")),
)

CASES += (
    acro(
        "a review beside a changed file", "A2 look any any", "A3 fix any any", status="review", seen="age,n\n"
    ),
    asked(
        "hidden cells said and small ones there",
        {},
        "C1 fix t.csv cell 2 2",
        "X6 look any",
        files={"t.csv": AGES.replace("115", "5")},
    ),
    asked(
        "a relation of blanks",
        {"differs": "  "},
        "D3 fix t.csv pair t.csv",
        "X5 fix any",
        earlier={"t.csv": AGES.replace("120", "118")},
    ),
    asked(
        "a relation stated",
        {"differs": "Two people left."},
        "D3 fix t.csv pair t.csv",
        earlier={"t.csv": AGES.replace("120", "118")},
    ),
    asked(
        "some columns described and some not",
        {"context": CONTEXT + " n_ev: events."},
        "X4 look any",
        files={"t.csv": table("age n_ev qx_c\n40-49 120 a\n50-59 115 b")},
    ),
    asked(
        "all columns described",
        {"described": frozenset({"N_EV", "age"})},
        files={"t.csv": table("age n_ev\n40-49 120\n50-59 115")},
    ),
)
