"""What holds for every input: a verdict and never an exception, the same verdict whatever the order, sound plans."""

import json

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from jobsite.pipelines import Latest, Pipeline, Report, parse, plan
from jobsite.pipelines.codes import CODES
from jobsite.pipelines.graph import layout

from .marked import action, project

QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
WORDS = [
    "version",
    "actions",
    "expectations",
    "population_size",
    "run",
    "outputs",
    "needs",
    "config",
    "highly_sensitive",
    "moderately_sensitive",
    "5.0",
    "3",
    ":",
    "-",
    "*",
    "&",
    "!",
    "|",
    ">",
    "'",
    '"',
    "[",
    "]",
    "{",
    "}",
    ",",
    "#",
    "?",
    "@",
    "`",
    "%",
    "~",
    "<<",
    "---",
    "...",
    "\t",
    "\\",
    "1",
    "yes",
    "true",
    "2020-01-01",
    "a.csv",
    "o/*.csv",
    "run_all",
    "ehrql:v1",
    "generate-dataset",
    "--output",
    "cohortextractor:v1",
    "generate_cohort",
    "python:v2",
    "python:latest",
    "a",
    "b",
] + [
    "\n",
    "\n  ",
    "\n    ",
    "\n      ",
    ": ",
    "- ",
    " ",
    "\r\n",
    "\x00",
    "é",
    "\u2028",
    "\x85",
    "\ufeff",
    "{{",
]
NAMES = st.sampled_from(["a", "b", "c", "d", "run_all", "a.b", "1", "a b", "é"])


def has_a_verdict(report: Report) -> None:
    assert isinstance(report, Report)
    assert report.valid == (not report.problems) == (report.pipeline is not None)
    assert json.loads(json.dumps(report.as_json()))["valid"] == report.valid
    lines = report.text.count("\n") + report.text.count("\r") + report.text.count("\x85") + 1
    for found in (*report.problems, *report.warnings):
        assert found.code in CODES
        assert 1 <= found.line <= lines and found.column >= 1
        assert found.message.encode() and len(found.message) < 5000
        assert report.excerpt(found, 1)
    places = [(problem.line, problem.column) for problem in report.problems]
    assert places == sorted(places)


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes_get_a_verdict(data):
    has_a_verdict(parse(data))


@QUICK
@given(st.one_of(st.text(max_size=120), st.lists(st.sampled_from(WORDS), max_size=60).map("".join)))
def test_any_text_gets_a_verdict(text):
    has_a_verdict(parse(text))
    has_a_verdict(parse(text.encode("utf-16", "surrogatepass")))


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 9),
    st.floats(),
    st.dates(),
    st.sampled_from(WORDS),
    st.text(max_size=8),
)
STRUCTURES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), SCALARS), inner, max_size=4),
    ),
    max_leaves=25,
)


@QUICK
@given(STRUCTURES, st.sampled_from(["5.0", 3, 1, None]))
def test_any_structure_gets_a_verdict_wherever_it_stands(structure, version):
    for content in (
        structure,
        {"version": version, "actions": structure},
        {"version": version, "actions": {"a": structure}},
        {"version": version, "actions": {"a": {"run": structure, "needs": structure, "outputs": structure}}},
        {"version": version, "actions": {"a": {"run": "r:v1", "outputs": {"highly_sensitive": structure}}}},
        {"version": 3, "expectations": structure, "actions": {}},
    ):
        has_a_verdict(parse(yaml.safe_dump(content, sort_keys=False, allow_unicode=True)))


VALID = project(
    action("extract", run="ehrql:v1 generate-dataset d.py --output output/extract.csv")
    + action("clean", needs="[extract]", outputs="      moderately_sensitive:\n        t: output/t_*.csv")
    + "  model:\n    run: >\n      r:v2 analysis/model.R\n      --folds 5\n    needs:\n    - clean\n    - extract\n"
    "    config: {when: 2020-01-01}\n    outputs:\n      moderately_sensitive: {fig: 'figures/km.png'}\n"
)


@QUICK
@given(st.data())
def test_a_valid_file_with_a_slip_of_the_keyboard_gets_a_verdict(data):
    text = VALID
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.sampled_from([0, 0, 1, 2, 12]))
        text = text[:place] + data.draw(st.sampled_from([*WORDS, ""])) + text[place + cut :]
    has_a_verdict(parse(text))


@st.composite
def files(draw):
    names = draw(st.lists(NAMES, max_size=5, unique=True))
    made = {}
    for number, name in enumerate(names):
        made[name] = {
            "run": draw(
                st.sampled_from([f"r:v2 {number}.R", f"r:v1 x{number}", "python:v2 a.py", "python b.py"])
            ),
            "needs": draw(st.lists(st.sampled_from([*names, "x"]), max_size=3)),
            "outputs": {
                "highly_sensitive": {"o": draw(st.sampled_from([f"o/{number}.csv", f"o/{number}*.csv", "x"]))}
            },
        }
    return {"version": draw(st.sampled_from(["5.0", "4", "2"])), "actions": made}


def dump(content: dict) -> str:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def backwards(content):
    if isinstance(content, dict):
        return {key: backwards(value) for key, value in reversed(content.items())}
    return content


@QUICK
@given(files())
def test_the_order_of_keys_changes_no_verdict(content):
    there, back = parse(dump(content)), parse(dump(backwards(content)))
    assert there.valid == back.valid
    unordered = ("needs-cycle", "run-duplicate", "path-duplicate")
    assert sorted((p.code, p.action or "") for p in there.problems if p.code not in unordered) == sorted(
        (p.code, p.action or "") for p in back.problems if p.code not in unordered
    )


@QUICK
@given(files())
def test_a_valid_file_is_the_same_after_being_loaded_and_written_again(content):
    first = parse(dump(content))
    again = parse(dump(yaml.safe_load(dump(content))))
    assert first.as_json() == again.as_json()
    flow = yaml.safe_dump(content, sort_keys=False, default_flow_style=True, allow_unicode=True)
    assert parse(flow).as_json()["actions"] == first.as_json()["actions"]


@st.composite
def pipelines(draw) -> Pipeline:
    names = [f"a{number}" for number in range(draw(st.integers(1, 8)))]
    shuffled = draw(st.permutations(names))
    rank = {name: number for number, name in enumerate(shuffled)}
    text = ""
    for name in names:
        possible = [other for other in names if rank[other] < rank[name]]
        needs = draw(st.lists(st.sampled_from(possible), unique=True, max_size=4)) if possible else []
        text += action(name, needs=f"[{', '.join(needs)}]")
    pipeline = parse(project(text)).pipeline
    assume(pipeline is not None)
    return pipeline


PAST = st.one_of(
    st.none(),
    st.builds(
        Latest,
        st.just("j"),
        st.sampled_from(["pending", "running", "succeeded", "failed"]),
        has_outputs=st.booleans(),
    ),
)


@QUICK
@given(st.data())
def test_a_plan_is_sound(data):
    pipeline = data.draw(pipelines())
    names = list(pipeline.actions)
    requested = data.draw(st.lists(st.sampled_from([*names, "run_all"]), min_size=1, max_size=4))
    latest = {name: past for name in names if (past := data.draw(PAST))}
    force = data.draw(st.booleans())
    made = plan(pipeline, requested, latest, force=force)
    assert made == plan(pipeline, requested, latest, force=force)
    seen = {}
    for decision in made.decisions:
        assert decision.action not in seen
        seen[decision.action] = decision
        active = decision.action in latest and latest[decision.action].is_active
        assert not (active and decision.is_new)
        if not decision.is_new:
            assert latest[decision.action].state != "failed" and decision.job_id == "j"
            continue
        assert set(decision.suppliers) == set(pipeline.actions[decision.action].needs) <= set(seen)
        awaited = [
            need
            for need in decision.suppliers
            if seen[need].is_new or (need in latest and latest[need].is_active)
        ]
        assert (decision.verdict == "wait") == bool(awaited)
        assert all((job is None) == seen[need].is_new for need, job in decision.suppliers.items())
    for name in requested:
        assert name == "run_all" or name in seen
    assert (made.nothing_to_do is None) == bool(made.new)


@QUICK
@given(pipelines())
def test_a_drawing_shows_every_action_once_after_what_it_needs_and_none_on_top_of_another(pipeline):
    drawn = layout(pipeline)
    places = {node.name: node for node in drawn.nodes}
    assert set(places) == set(pipeline.actions) and len(drawn.nodes) == len(places)
    assert {(edge.source, edge.target) for edge in drawn.edges} == {
        (need, name) for name, made in pipeline.actions.items() for need in made.needs
    }
    for edge in drawn.edges:
        assert places[edge.source].x + places[edge.source].width < places[edge.target].x
        assert [x for x, _ in edge.points] == sorted(x for x, _ in edge.points)
    for node in drawn.nodes:
        assert 0 <= node.x <= drawn.width - node.width and 0 <= node.y < drawn.height
        for other in drawn.nodes:
            assert (
                other is node
                or abs(other.y - node.y) >= 26
                or other.x >= node.x + node.width
                or other.x < node.x
            )


HUGE = {
    "actions": "version: 5\nactions:\n" + "".join(f"  a{n}:\n    run: r:v1 {n}\n" for n in range(100_000)),
    "brackets": "[" * 300_000,
    "braces over lines": "{\n" * 300_000,
    "dashes": "- " * 500_000,
    "one quote": "a: '" + "x" * 500_000,
    "unknown needs": project(
        "".join(action(f"name_{n}") for n in range(1500))
        + action("z", needs=f"[{', '.join(f'nam_{n}x' for n in range(1500))}]")
    ),
    "anchors": "".join(f"- &a{n} b\n" for n in range(100_000)),
    "laughs": "a: &a [l,l,l,l,l,l,l,l,l]\n"
    + "".join(f"b{n}: &b{n} [*{'a' if not n else f'b{n - 1}'}]\n" for n in range(90)),
    "stars": project(
        "".join(
            action(f"n{n}", outputs=f"      highly_sensitive:\n        o: '*{n}*.csv'") for n in range(1200)
        )
    ),
    "circles": project("".join(action(f"n{n}", needs=f"[n{(n + 1) % 900}, n0]") for n in range(900))),
    "blank first lines": "".join(f"k{n}: >\n\n  x\n" for n in range(3000)),
}


@pytest.mark.parametrize("name", HUGE)
def test_monstrous_files_get_a_verdict_too(name):
    has_a_verdict(parse(HUGE[name][:9_999_999]))
