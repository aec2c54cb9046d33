"""The picture of a pipeline: every action and need is there, nothing covers anything, and the table says the same."""

import html
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient

from jobsite.jobs.graphs import DRAWN_UP_TO, HEIGHT, OPEN_UP_TO, Graph, GraphNode, graph_of
from jobsite.pipelines.parsing import parse
from jobsite.projects.models import Workspace

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


def project(needs: dict[str, list[str]]) -> str:
    lines = ["version: 5", "actions:"]
    for name, wanted in needs.items():
        lines += [
            f"  {name}:",
            f"    run: python:v2 analysis/{name}.py",
            f"    needs: [{', '.join(wanted)}]",
            f"    outputs: {{moderately_sensitive: {{table: output/{name}.csv}}}}",
        ]
    return "\n".join(lines) + "\n"


def drawn(needs: dict[str, list[str]], states: dict[str, tuple[str, str, str]] | None = None) -> Graph:
    report = parse(project(needs))
    assert report.valid, report.problems
    return graph_of(report, states or {})


def tangled(size: int) -> dict[str, list[str]]:
    """A pipeline in which anything may need up to four of what stands before it."""
    dice = random.Random(size)
    names = [
        f"{dice.choice(('extract', 'make_a_rather_long_name', 'fit'))}_{number}" for number in range(size)
    ]
    return {
        name: sorted(dice.sample(names[:place], min(place, dice.randrange(5))))
        for place, name in enumerate(names)
    }


def steps(d: str) -> Iterator[tuple[float, float]]:
    """Points along a path of M, H and C, close together."""
    x = y = 0.0
    for letter, numbers in re.findall(r"([MHC])([-\d ]+)", d):
        given = [float(number) for number in numbers.split()]
        if letter == "M":
            x, y = given
            continue
        if letter == "H":
            points = [(x, y), (x, y), (given[0], y), (given[0], y)]
        else:
            points = [(x, y), (given[0], given[1]), (given[2], given[3]), (given[4], given[5])]
        for part in range(41):
            t = part / 40
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            yield tuple(sum(w * p[axis] for w, p in zip(weights, points, strict=True)) for axis in (0, 1))
        x, y = points[-1]


def covers(node: GraphNode, x: float, y: float) -> bool:
    return node.x + 1 < x < node.x + node.width - 1 and node.y + 1 < y < node.y + HEIGHT - 1


def overlap(one: GraphNode, other: GraphNode) -> bool:
    apart = one.x + one.width <= other.x or other.x + other.width <= one.x
    return not (apart or one.y + HEIGHT <= other.y or other.y + HEIGHT <= one.y)


@pytest.mark.parametrize("size", [1, 2, 6, 30, 100])
def test_no_line_runs_through_a_node_and_no_node_covers_another(size: int) -> None:
    graph = drawn(tangled(size))
    assert len(graph.nodes) == size
    assert len(graph.edges) == sum(map(len, tangled(size).values()))
    assert not [pair for n, pair in enumerate(graph.nodes) if any(overlap(pair, o) for o in graph.nodes[:n])]
    for edge in graph.edges:
        for x, y in steps(edge.d):
            assert not any(covers(node, x, y) for node in graph.nodes), edge.d


def test_everything_lies_inside_the_picture() -> None:
    graph = drawn(tangled(60))
    for node in graph.nodes:
        assert 0 <= node.x and node.x + node.width <= graph.width
        assert 0 <= node.y and node.y + HEIGHT <= graph.height
    for edge in graph.edges:
        assert all(0 <= x <= graph.width and 0 <= y <= graph.height for x, y in steps(edge.d))


def test_a_line_goes_from_what_is_needed_to_what_needs_it() -> None:
    graph = drawn({"clean": [], "table1": ["clean"]})
    clean, table1 = graph.nodes
    first, *_, last = steps(graph.edges[0].d)
    assert (first, last) == ((clean.x + clean.width, clean.y + 22), (table1.x, table1.y + 22))


def test_a_node_has_the_state_of_its_job_and_leads_to_it() -> None:
    graph = drawn(
        {"clean": [], "table1": ["clean"], "report": ["table1"]},
        {"clean": ("succeeded", "Succeeded", "/a/1/x/"), "table1": ("running", "Running", "/a/1/y/")},
    )
    told = [(node.state, node.words, node.href) for node in graph.nodes]
    assert told == [
        ("succeeded", "Succeeded", "/a/1/x/"),
        ("running", "Running", "/a/1/y/"),
        ("", "Never run", ""),
    ]
    assert [edge.held for edge in graph.edges] == [False, True]


def test_nothing_moves_when_a_state_changes() -> None:
    before = drawn(tangled(20))
    after = drawn(tangled(20), {name: ("failed", "Failed, and this is why", "/x/") for name in tangled(20)})
    assert [(n.x, n.y, n.width) for n in before.nodes] == [(n.x, n.y, n.width) for n in after.nodes]


def test_a_long_name_is_cut_in_the_middle_and_kept_in_full_elsewhere() -> None:
    name = "generate_study_population_of_everybody_who_ever_lived_2019"
    node = drawn({name: []}).nodes[0]
    assert (len(node.label), node.label[-4:], node.name) == (34, "2019", name)


def test_a_large_graph_is_folded_and_a_huge_one_is_a_table_only() -> None:
    assert drawn({f"a{n}": [] for n in range(OPEN_UP_TO)}).is_open
    larger = drawn({f"a{n}": [] for n in range(OPEN_UP_TO + 1)})
    assert (larger.is_open, larger.is_drawn) == (False, True)
    huge = drawn({f"a{n}": [] for n in range(DRAWN_UP_TO + 1)})
    assert (huge.is_drawn, len(huge.nodes), huge.edges) == (False, DRAWN_UP_TO + 1, ())


def test_an_invalid_report_has_an_empty_graph() -> None:
    assert graph_of(parse("version: 4\n"), {}).nodes == ()


def test_picture_and_table_say_the_same(app: Flask) -> None:
    graph = drawn(
        {"clean": [], "table1": ["clean"], "report": ["clean", "table1"]},
        {"clean": ("succeeded", "Succeeded", "/a/1/x/"), "table1": ("failed", "Failed", "/a/1/y/")},
    )
    with app.test_request_context("/"):
        page = render_template_string("{{ graph.pipeline(drawing) }}", drawing=graph)
    picture, _, rest = page.partition("</svg>")
    assert re.findall(r"<title>([^:<]+): ([^<]+)</title>", picture) == [
        ("clean", "Succeeded"),
        ("table1", "Failed"),
        ("report", "Never run"),
    ]
    assert (
        re.findall(r'href="(/a/[^"]+)"', picture)
        == ["/a/1/x/", "/a/1/y/"]
        == re.findall(r'href="(/a/[^"]+)"', rest)
    )
    rows = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr><th.*?</tr>", rest)]
    assert rows[1:] == ["clean Succeeded -", "table1 Failed clean", "report Never run clean, table1"]
    assert picture.count('marker-end="url(#graph-tip)"') == 3


def test_names_from_outside_are_text_in_the_picture(app: Flask) -> None:
    report = parse(project({"clean": []}))
    graph = graph_of(report, {"clean": ("failed", "<script>alert(1)</script>", '"><img src=x>')})
    with app.test_request_context("/"):
        page = render_template_string("{{ graph.pipeline(drawing) }}", drawing=graph)
    assert "<script" not in page
    assert "<img" not in page


def test_the_run_page_shows_the_graph_with_the_latest_jobs(
    client: FlaskClient,
    sign_in: Callable[..., FlaskClient],
    study: SimpleNamespace,
    workspace: Workspace,
    ask: Callable[..., object],
) -> None:
    study.commit(project__yaml=project({"clean": [], "table1": ["clean"]}))
    ask("clean")
    page = html.unescape(sign_in(client, "ada").get("/asthma/run-jobs/").text)
    assert "<title>clean: Pending</title>" in page
    assert "<title>table1: Never run</title>" in page


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real project files is not here")
def test_real_pipelines_are_drawn_without_a_line_through_a_node() -> None:
    seen = 0
    for path in sorted(CORPUS.glob("*.yaml")):
        graph = graph_of(parse(path.read_bytes()), {})
        if not graph.is_drawn or len(graph.nodes) > 50:
            continue
        seen += 1
        for edge in graph.edges:
            for x, y in steps(edge.d):
                assert not any(covers(node, x, y) for node in graph.nodes), (path.name, edge.d)
    assert seen > 20
