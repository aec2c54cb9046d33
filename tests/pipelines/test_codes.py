"""Every code of a report: when it comes, and at which line and column exactly."""

from difflib import SequenceMatcher
from pathlib import Path

import pytest

from jobsite.pipelines import Limits, parse
from jobsite.pipelines.codes import CODES, table

from .marked import action, places_of, project, unmark

GOOD = action()
DOCS = Path(__file__).parents[2] / "docs" / "project-yaml.md"


def outputs(*patterns: str, level: str = "highly_sensitive") -> str:
    return "\n".join([f"      {level}:"] + [f"        l{n}: {pattern}" for n, pattern in enumerate(patterns)])


def in_version(version: str, actions: str = GOOD, expectations: str = "") -> str:
    return f"version: «version-old»{version}\n{expectations}actions:\n{actions}"


V3 = "expectations:\n  population_size: 10\n"
DATASET = "ehrql:v1 generate-dataset d.py"
COHORT = "cohortextractor:v1 generate_cohort"

FILES = {
    "yaml-encoding": 'version: "5.0"\nactions:\n  tab«yaml-encoding»\x00le: 1',
    "yaml-encoding as an escape": 'version: "5.0"\nactions:\n  t: «yaml-encoding»"a\\0b"',
    "yaml-syntax": 'version: "5.0"\nactions:\n  t:\n    run: r:v2 a.R\n   «yaml-syntax»outputs: 1',
    "yaml-syntax tab": 'version: "5.0"\nactions:\n«yaml-syntax»\tt:\n',
    "yaml-syntax quote": 'version: "5.0"\nactions:\n  t:\n    run: «yaml-syntax»"r:v2\n',
    "yaml-syntax date": 'version: "5.0"\nactions: {}\nexpectations: «yaml-syntax»2020-02-31',
    "yaml-syntax merge": 'version: "5.0"\nactions:\n  <<: «yaml-syntax»5',
    "yaml-duplicate-key": project(GOOD + "  «yaml-duplicate-key»table: 1\n"),
    "yaml-duplicate-key number": project("  1: «action-not-mapping»x\n  «yaml-duplicate-key»01: x\n"),
    "yaml-duplicate-key quoted number": project(
        action("1") + action("«yaml-duplicate-key»'1'", run="r:v2 x.R", outputs=outputs("z.csv"))
    ),
    "yaml-alias": project(action(outputs=outputs("«yaml-alias»*.csv", "«yaml-alias»*log*.txt"))),
    "yaml-alias everywhere": (
        "version: «yaml-alias»*v\nexpectations: «yaml-alias»*e\nactions:\n  a: «yaml-alias»*a\n  <<: «yaml-alias»*m\n"
        "  b:\n    run: «yaml-alias»*r\n    needs: [«yaml-alias»*n]\n    outputs: {highly_sensitive: «yaml-alias»*o}\n"
    ),
    "yaml-alias for all actions": 'version: "5"\nactions: «yaml-alias»*a',
    "yaml-syntax tag": 'version: "5"\nactions: «yaml-syntax»!!int {}',
    "yaml-documents": 'version: "5.0"\n«yaml-documents»---\nactions: {}',
    "file-empty": "«file-empty»",
    "file-empty comments": "«file-empty»# nothing\n\n# at all",
    "file-not-mapping": "«file-not-mapping»- version: 5",
    "file-not-mapping text": "\n  «file-not-mapping»actions",
    "version-missing": "«version-missing»actions:\n" + GOOD,
    "version-missing null": "«version-missing»version: ~\nactions:\n" + GOOD,
    "version-not-number": "version: «version-not-number»five\nactions:\n" + GOOD,
    "version-not-number bool": "version: «version-not-number»true\nactions:\n" + GOOD,
    "version-not-number nan": "version: «version-not-number».nan\nactions:\n" + GOOD,
    "version-not-number list": "version: «version-not-number»[5]\nactions:\n" + GOOD,
    "version-not-number tag": "version: «version-not-number»!v 5\nactions:\n" + GOOD,
    "version-not-number date": "version: «version-not-number»2020-01-01\nactions:\n" + GOOD,
    "version-too-old": "version: «version-too-old»0.9\nactions:\n" + GOOD,
    "version-too-old minus infinity": "version: «version-too-old»-.inf\nactions:\n" + GOOD,
    "version-too-new": "version: «version-too-new»5.1\nactions:\n" + GOOD,
    "version-too-new infinity": "version: «version-too-new».inf\nactions:\n" + GOOD,
    "version-too-new long": f"version: «version-too-new»{'9' * 5000}\nactions:\n" + GOOD,
    "version-old": in_version("4"),
    "expectations-missing": "«expectations-missing»version: «version-old»3\nactions:\n" + GOOD,
    "expectations-missing null": in_version("3", expectations="«expectations-missing»expectations:\n"),
    "expectations-not-mapping": in_version(
        "3", expectations="expectations: «expectations-not-mapping»1000\n"
    ),
    "expectations-unknown-key": in_version("3", expectations=V3 + "  «expectations-unknown-key»size: 1\n"),
    "expectations-population-missing": in_version(
        "3", expectations="«expectations-population-missing»expectations: {}\n"
    ),
    "expectations-population-not-number": in_version(
        "3", expectations="expectations:\n  population_size: «expectations-population-not-number»many\n"
    ),
    "expectations-population-not-number text": in_version(
        "3", expectations="expectations:\n  population_size: «expectations-population-not-number»'10.7'\n"
    ),
    "expectations-not-allowed": '«expectations-not-allowed»expectations:\n  x: 1\nversion: "5"\nactions:\n'
    + GOOD,
    "top-unknown-key": "«top-unknown-key»acton: 1\n" + project(GOOD) + "«top-unknown-key»5: x\n",
    "actions-not-mapping": '«actions-not-mapping»version: "5"',
    "actions-not-mapping null": 'version: "5"\n«actions-not-mapping»actions:',
    "actions-not-mapping list": 'version: "5"\nactions:\n  «actions-not-mapping»- a',
    "name-reserved": project(action("«name-reserved»run_all")),
    "name-run-all": in_version("4", action("«name-run-all»run_all")),
    "name-unsafe": project("  «name-unsafe»a/b:\n" + GOOD.partition("\n")[2]),
    "name-unsafe dots": project("  «name-unsafe»..:\n" + GOOD.partition("\n")[2]),
    "name-unsafe umlaut": project("  «name-unsafe»größe:\n" + GOOD.partition("\n")[2]),
    "name-unsafe line end": project('  «name-unsafe»"a\\n":\n' + GOOD.partition("\n")[2]),
    "action-not-mapping": project("  a: «action-not-mapping»x\n"),
    "action-not-mapping null": project("  «action-not-mapping»a:\n  «action-not-mapping»b: null\n"),
    "action-run-missing": project("  «action-run-missing»a:\n    outputs:\n" + outputs("a.csv")),
    "action-outputs-missing": project("  «action-outputs-missing»a:\n    run: r:v2 a.R\n"),
    "action-both-missing": project("  «action-outputs-missing»«action-run-missing»a: {}\n"),
    "action-unknown-key": project(GOOD + "    «action-unknown-key»need: []\n    «action-unknown-key»1: 2\n"),
    "action-wrong-type": project(
        "  a:\n    «action-wrong-type»run:\n    «action-wrong-type»outputs: ~\n    needs: «action-wrong-type»b\n"
        "    config: «action-wrong-type»[]\n"
    ),
    "action-wrong-type run": project(action(run="«action-wrong-type»2020-01-01")),
    "action-wrong-type tag": project(action(run="«action-wrong-type»!x python:v2 a.py")),
    "run-empty": project(action(run="«run-empty»'  '")),
    "run-quotes": project(action(run="«run-quotes»python:v2 it's.py")),
    "run-quotes backslash": project(action(run="«run-quotes»python:v2 a\\")),
    "run-version": project(action(run="«run-version»python a.py")),
    "run-version empty word": project(action(run="""«run-version»"'' python:v2" """)),
    "run-version odd": project(action(run="«run-version»python:v2-post a.py")),
    "run-version second colon": project(action(run="«run-version»python:v2:v3 a.py")),
    "run-latest": project(action(run="«run-latest»python:latest a.py")),
    "run-cohortextractor": project(action(run="«run-cohortextractor»cohortextractor-v2:v1 measures")),
    "run-duplicate": project(action("a", run="r:v2 x.R") + action("b", run="«run-duplicate»r:v2 x.R")),
    "run-similar": project(action("a", run="r:v2 x.R") + action("b", run="«run-similar»r:v2  'x.R'")),
    "outputs-none": project("  a:\n    run: r:v2 a.R\n    «outputs-none»outputs: {}\n"),
    "outputs-none null": project(
        "  a:\n    run: r:v2 a.R\n    «outputs-none»outputs: {highly_sensitive: }\n"
    ),
    "outputs-unknown-level": project(
        "  a:\n    run: r:v2 a.R\n    outputs:\n      «outputs-unknown-level»highly: {}\n"
    ),
    "outputs-unknown-level and below": project(
        action(outputs=outputs("a.csv", "«path-extension»b", level="«outputs-unknown-level»highly_sensitiv"))
    ),
    "outputs-level-wrong-type": project(
        "  a:\n    run: r:v2 a.R\n    outputs:\n      highly_sensitive: «outputs-level-wrong-type»a.csv\n"
    ),
    "outputs-pattern-not-text": project(
        action(outputs=outputs("«outputs-pattern-not-text»[a.csv]", "«outputs-pattern-not-text»5"))
    ),
    "outputs-pattern-not-text null": project(
        action(outputs="      highly_sensitive:\n        «outputs-pattern-not-text»a:")
    ),
    "path-backslash": project(action(outputs=outputs("«path-backslash»output\\a.csv"))),
    "path-wildcard": project(
        action(
            outputs=outputs("«path-wildcard»a/**/b.csv", "«path-wildcard»a?.csv", "«path-wildcard»a[1].csv")
        )
    ),
    "path-extension": project(
        action(
            outputs=outputs(
                *(
                    "«path-extension»" + path
                    for path in ("a", "dir/", "'*'", "a.*", "a.c*", ".csv", "a.", "a.csv/b")
                )
            )
        )
    ),
    "path-extension of nothing": project(action(outputs=outputs("«path-extension»''"))),
    "path-level4-type": project(
        action(
            outputs=outputs(
                "«path-level4-type»a.rds", "«path-level4-type»b.CSV", level="moderately_sensitive"
            )
        )
    ),
    "path-not-standard": project(
        action(
            outputs=outputs(
                *(
                    "«path-not-standard»" + path
                    for path in ("../a.csv", "a/../b.csv", "./c.csv", "a//b.csv", "d.csv/")
                )
            )
        )
    ),
    "path-metadata": project(action(outputs=outputs("«path-metadata»metadata/a.csv", "Metadata/b.csv"))),
    "path-absolute": project(action(outputs=outputs("«path-absolute»/a.csv", "«path-absolute»c:/a.csv"))),
    "path-duplicate": project(
        action("a", outputs=outputs("x.csv")) + action("b", outputs=outputs("«path-duplicate»x.csv"))
    ),
    "path-duplicate within": project(action(outputs=outputs("x.csv", "«path-duplicate»x.csv"))),
    "path-duplicate by alias": project(
        "  a:\n    run: r:v2 a.R\n    outputs: &o\n      highly_sensitive: {a: x.csv}\n"
        "  b:\n    run: r:v2 b.R\n    outputs: «path-duplicate»*o\n"
    ),
    "output-overlap": project(
        action("a", outputs=outputs("o/*.csv"))
        + action("b", outputs=outputs("«output-overlap»o/b.csv", "p/b.csv"))
    ),
    "output-overlap in version 1": in_version(
        "1",
        action("a", outputs=outputs("o/a*.csv"))
        + action("b", outputs=outputs("«output-overlap»o/*b.csv", "o/*.txt")),
    ),
    "output-overlap of equals": in_version(
        "1", action("a", outputs=outputs("x.csv")) + action("b", outputs=outputs("«output-overlap»x.csv"))
    ),
    "one mistake behind two aliases": project(
        "  a:\n    run: r:v2 a.R\n    needs: &n [«needs-unknown»x]\n    outputs: {highly_sensitive: {}}\n"
        "  b:\n    run: r:v2 b.R\n    needs: *n\n    outputs: {highly_sensitive: {}}\n"
    ),
    "output-type": project(action(outputs=outputs("«output-type»a.CSV", "«output-type»a.cvs", "a.RData"))),
    "needs-not-text": project(
        action("1") + action("b", needs="[«needs-not-text»1, «needs-not-text»[], «needs-not-text»~]")
    ),
    "needs-spaces": project(action("a") + action("b", needs="[«needs-spaces»a b]")),
    "needs-unknown": project(action("a", needs="[«needs-unknown»b, «needs-unknown»run_all]")),
    "needs-cycle": project(action("a", needs="[«needs-cycle»b]") + action("b", needs="[a]")),
    "needs-cycle of one": project(action("a", needs="[«needs-cycle»a]")),
    "needs-repeated": project(action("a") + action("b", needs="[a, «needs-repeated»a]")),
    "cohort-one-level": in_version(
        "3",
        "  a:\n    run: "
        + COHORT
        + "\n    «cohort-one-level»outputs:\n      highly_sensitive: {a: o/a.csv}\n"
        "      moderately_sensitive: {}\n",
        V3,
    ),
    "cohort-one-directory": in_version(
        "3", action(run=COHORT, outputs=outputs("o/a.csv", "«cohort-one-directory»p/b.csv")), V3
    ),
    "dataset-not-highly": project(
        action(
            run=DATASET + " --output o/d.csv",
            outputs=outputs("o/d.csv", level="«dataset-not-highly»moderately_sensitive"),
        )
    ),
    "dataset-output-missing": project(action(run="«dataset-output-missing»" + DATASET + " --output=")),
    "dataset-output-mismatch": project(
        action(run=DATASET + " --output o/d.csv", outputs=outputs("«dataset-output-mismatch»o/e.csv"))
    ),
    "dataset-output-mismatch directory": project(
        action(
            run=DATASET + " --output o/d:csv",
            outputs=outputs("o/d/e/x.csv", "«dataset-output-mismatch»o/e.csv"),
        )
    ),
    "dataset-output-mismatch none": project(
        "  a:\n    run: "
        + DATASET
        + " --output o/d.csv\n    «dataset-output-mismatch»outputs:\n      highly_sensitive: {}\n"
    ),
    "dataset-second-word": project(action(run="«dataset-second-word»ehrql:v1 -v generate-dataset d.py")),
    "unused-key": project(GOOD + "    «unused-key»dummy_data_file: a.csv\n"),
    "no-actions": 'version: "5"\nactions: «no-actions»{}',
}


@pytest.mark.parametrize("name", FILES)
def test_each_mistake_is_reported_with_its_code_at_its_place_and_nothing_else_is(name):
    text, expected = unmark(FILES[name])
    assert places_of(parse(text)) == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", [name for name in FILES if "quotes" not in name])
def test_positions_are_the_same_with_a_byte_order_mark_and_windows_line_ends(name, encoding):
    text, expected = unmark(FILES[name])
    assert places_of(parse(text.replace("\n", "\r\n").encode(encoding))) == expected


LIMITED = {
    "nested too deeply": ("{" * 101, Limits()),
    "too large: it has 0.0 MB": ("a: b", Limits(size=3)),
    "too large: it has 2 actions": (project(action("a") + action("b")), Limits(actions=1)),
    "too large: its aliases": (
        "a: &a [x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"k{n}: &k{n} [*{'a' if not n else f'k{n - 1}'}" + f",*k{n - 1}" * (n > 0) * 9 + "]\n"
            for n in range(9)
        ),
        Limits(),
    ),
    "too large: it has more than 5 values": ("[a,b,c,d,e,f]", Limits(nodes=5)),
    "it is a part of itself": ("a: &a [*a]", Limits()),
}


@pytest.mark.parametrize("words", LIMITED)
def test_a_file_beyond_a_limit_is_refused_by_name(words):
    text, limits = LIMITED[words]
    report = parse(text, limits)
    assert [problem.code for problem in report.problems] == ["yaml-nesting"]
    assert words in report.problems[0].message


def test_problems_beyond_the_limit_are_counted():
    report = parse(project("".join(f"  a{n}:\n" for n in range(30))), Limits(problems=10))
    assert (len(report.problems), report.omitted) == (10, 20)


def test_every_code_has_an_example_of_its_own_kind():
    seen = {code for text in FILES.values() for _, _, code in unmark(text)[1]} | {"yaml-nesting"}
    assert seen == set(CODES)


def test_the_example_of_a_code_is_a_sentence_that_the_check_says():
    said: dict[str, list[str]] = {"yaml-nesting": [parse("{" * 101).problems[0].message]}
    for marked in FILES.values():
        report = parse(unmark(marked)[0])
        for found in (*report.problems, *report.warnings):
            said.setdefault(found.code, []).append(found.message)
    for code in CODES.values():
        alike = max(_share(code.example, message) for message in said[code.name])
        assert alike > 0.4, (code.name, code.example, said[code.name])


def _share(example: str, message: str) -> float:
    """How much of `example` stands in `message`, in the same order."""
    blocks = SequenceMatcher(None, example, message, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks if block.size > 4) / len(example)


def test_warnings_never_change_the_verdict():
    for name, marked in FILES.items():
        text, expected = unmark(marked)
        kinds = {CODES[code].kind for _, _, code in expected}
        assert parse(text).valid == ("problem" not in kinds), name


def test_the_manual_shows_the_table_of_codes_as_the_code_has_it():
    assert table() in DOCS.read_text(encoding="utf-8")
