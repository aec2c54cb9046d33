"""The picture of a pipeline: where each action stands, joined with the state of its job, for a template to draw."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from jobsite.pipelines.graph import NODE_HEIGHT, ROW_GAP, Edge, Layout, layout
from jobsite.pipelines.report import Pipeline, Report

HEIGHT = 44
"""Of a node, in pixels: two lines, where the layout reckons with one."""
OPEN_UP_TO = 60
"""A larger graph is folded up until somebody wants to see it."""
DRAWN_UP_TO = 200
"""A larger one is not drawn at all: nobody could read it, and the page would be megabytes."""
LONGEST_NAME = 34
LONGEST_WORDS = 22

_STRETCH = (HEIGHT + ROW_GAP) / (NODE_HEIGHT + ROW_GAP)
_ICON = 3  # room for the icon, in letters
_LETTER = 1.1  # a letter of the page's font is wider than the layout reckons with
_SHORTEST = 15

State = tuple[str, str, str]
"""State and words of a job as `words` gives them, and the address of its page ("" for none)."""


@dataclass(frozen=True)
class GraphNode:
    """An action: left upper corner and width in pixels, its state, and the address that it leads to ("" for none).

    `label` and `sub` are name and words cut to the node's width; `needs` are the names it needs, in file order.
    """

    name: str
    x: int
    y: int
    width: int
    state: str
    words: str
    href: str
    label: str
    sub: str
    needs: tuple[str, ...]


@dataclass(frozen=True)
class GraphEdge:
    """A need, as the `d` of an SVG path; `held` where the job of what is needed has not succeeded."""

    d: str
    held: bool


@dataclass(frozen=True)
class Graph:
    """A whole drawing in pixels, its nodes in file order. Empty `edges` and no size where it is too large to draw."""

    width: int
    height: int
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]

    @property
    def is_drawn(self) -> bool:
        """Whether there is a picture; the table is there in any case."""
        return self.width > 0

    @property
    def is_open(self) -> bool:
        """Whether it is small enough to be shown unasked."""
        return len(self.nodes) <= OPEN_UP_TO


def graph_of(source: Pipeline | Report, states: Mapping[str, State]) -> Graph:
    """The drawing of a pipeline, or of a valid report, with the state of each action that has a job.

    An action without an entry in `states` is shown as never run.
    """
    pipeline = source.pipeline if isinstance(source, Report) else source
    needs = tuple((name, action.needs) for name, action in pipeline.actions.items()) if pipeline else ()
    if len(needs) > DRAWN_UP_TO:
        nodes = tuple(_node(name, wanted, (0, 0, 0), states) for name, wanted in needs)
        return Graph(0, 0, nodes, ())
    drawing = _drawing(needs)
    nodes = tuple(_node(name, wanted, drawing.places[name], states) for name, wanted in needs)
    edges = tuple(
        GraphEdge(d, states.get(need, ("",))[0] not in ("", "succeeded")) for need, d in drawing.paths
    )
    return Graph(drawing.width, drawing.height, nodes, edges)


@dataclass(frozen=True)
class _Drawing:
    width: int
    height: int
    places: Mapping[str, tuple[int, int, int]]
    paths: tuple[tuple[str, str], ...]


@lru_cache(maxsize=64)
def _drawing(needs: tuple[tuple[str, tuple[str, ...]], ...]) -> _Drawing:
    """Where everything stands: the same for every state, so that a page that polls draws without reckoning.

    The layout makes a node as wide as its name is long, so it is handed names of the width that is wanted.
    """
    keys = {name: f"{number:>{_letters(name)}}" for number, (name, _) in enumerate(needs)}
    plain = layout({keys[name]: [keys[need] for need in wanted if need in keys] for name, wanted in needs})
    names = {key: name for name, key in keys.items()}
    places = {
        names[node.name]: (node.x, round((node.y + NODE_HEIGHT / 2) * _STRETCH - HEIGHT / 2), node.width)
        for node in plain.nodes
    }
    rights = _right_sides(plain)
    layers = {node.name: node.layer for node in plain.nodes}
    paths = tuple((names[edge.source], _path(edge, rights[layers[edge.source]])) for edge in plain.edges)
    return _Drawing(plain.width, round(plain.height * _STRETCH), places, paths)


def _letters(name: str) -> int:
    """How wide a node of that name is, in letters of the layout."""
    return math.ceil(max(min(len(name), LONGEST_NAME), _SHORTEST) * _LETTER) + _ICON


def _right_sides(plain: Layout) -> dict[int, int]:
    """The right side of the widest node of each layer. Nodes without any line stand below, in columns of their own."""
    linked = {name for edge in plain.edges for name in (edge.source, edge.target)}
    found: dict[int, int] = {}
    for node in plain.nodes:
        if node.name in linked:
            found[node.layer] = max(found.get(node.layer, 0), node.x + node.width)
    return found


def _path(edge: Edge, right: int) -> str:
    """Level as far as the layer of its source reaches, then from gap to gap: bent only where no node stands."""
    points = [(x, round(y * _STRETCH)) for x, y in edge.points]
    (x, y), rest = points[0], points[1:]
    parts = [f"M{x} {y}"]
    if right > x:
        x = right
        parts.append(f"H{x}")
    for next_x, next_y in rest:
        middle = (x + next_x) // 2
        parts.append(f"H{next_x}" if next_y == y else f"C{middle} {y} {middle} {next_y} {next_x} {next_y}")
        x, y = next_x, next_y
    return "".join(parts)


def _node(
    name: str, needs: tuple[str, ...], place: tuple[int, int, int], states: Mapping[str, State]
) -> GraphNode:
    state, words, href = states.get(name, ("", "Never run", ""))
    x, y, width = place
    label, sub = _cut(name, LONGEST_NAME), _cut(words, LONGEST_WORDS)
    return GraphNode(name, x, y, width, state, words, href, label, sub, needs)


def _cut(text: str, longest: int) -> str:
    """The text, or its beginning and end where it is too long: names often differ at the end."""
    if len(text) <= longest:
        return text
    kept = longest - 1
    return f"{text[: kept - kept // 2]}…{text[-(kept // 2) :]}"
