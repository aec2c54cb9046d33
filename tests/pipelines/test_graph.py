"""Drawings of pipelines: layers, crossings, odd cases."""

from jobsite.pipelines.graph import layout


def crossings(drawn) -> int:
    """Pairs of straight edges between neighbouring layers that cross."""
    ends = [(edge.points[0][0], edge.points[0][1], edge.points[-1][1]) for edge in drawn.edges]
    return sum(
        left[0] == right[0] and (left[1] - right[1]) * (left[2] - right[2]) < 0
        for place, left in enumerate(ends)
        for right in ends[:place]
    )


def test_an_action_stands_one_layer_after_the_last_that_it_needs():
    drawn = layout({"a": [], "b": ["a"], "c": ["a", "b"], "d": ["c"]})
    assert {node.name: node.layer for node in drawn.nodes} == {"a": 0, "b": 1, "c": 2, "d": 3}


def test_a_first_action_stands_right_before_the_one_that_needs_it():
    drawn = layout({"a": [], "b": ["a"], "late": [], "c": ["b", "late"]})
    assert next(node.layer for node in drawn.nodes if node.name == "late") == 1


def test_edges_that_need_not_cross_do_not():
    pairs = {f"s{n}": [] for n in range(6)} | {f"t{n}": [f"s{(n * 5 + 2) % 6}"] for n in range(6)}
    assert crossings(layout(pairs)) == 0


def test_a_long_edge_bends_around_the_layers_between():
    drawn = layout({"a": [], "b": ["a"], "c": ["b"], "d": ["c", "a"]})
    long = next(edge for edge in drawn.edges if (edge.source, edge.target) == ("a", "d"))
    middle = {node.layer: node for node in drawn.nodes}
    for layer in (1, 2):
        xs = [y for x, y in long.points if x == middle[layer].x]
        assert xs and not middle[layer].y <= xs[0] <= middle[layer].y + 26


def test_actions_without_links_stand_below_the_rest_in_rows():
    drawn = layout({"a": [], "b": ["a"]} | {f"alone{n}": [] for n in range(40)})
    linked = max(node.y for node in drawn.nodes if node.name in "ab")
    alone = [node for node in drawn.nodes if node.name.startswith("alone")]
    assert min(node.y for node in alone) > linked + 26
    assert len({node.x for node in alone}) > 1 and len({(node.x, node.y) for node in alone}) == 40


def test_circles_unknown_names_and_nothing_at_all_are_drawn_too():
    assert layout({}).nodes == ()
    drawn = layout({"a": ["b", "ghost"], "b": ["a"], "c": ["c"]})
    assert {node.name for node in drawn.nodes} == {"a", "b", "c"}
    assert len(drawn.edges) == 1


def test_the_same_pipeline_is_drawn_the_same():
    needs = {f"n{n}": [f"n{m}" for m in range(n) if (n * m) % 7 == 3] for n in range(60)}
    assert layout(needs) == layout(dict(needs))
