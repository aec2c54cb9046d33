"""Where to draw the actions of a pipeline: in layers from left to right, each after what it needs, few crossings.

Numbers only; templates draw them. The method is the usual one for layered drawings (layers by longest path, long
edges through invisible points, order by the mean of the neighbours, places by least squares).
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from jobsite.pipelines.report import Pipeline

LETTER_WIDTH = 7
NODE_HEIGHT = 26
ROW_GAP = 12
COLUMN_GAP = 64
MARGIN = 12
_BEND_GAP = 10
_MOST_BENDS = 20_000
_SWEEPS = 12


class Node(NamedTuple):
    """An action: its left upper corner and its width, in pixels, and its layer from 0."""

    name: str
    x: int
    y: int
    layer: int
    width: int


class Edge(NamedTuple):
    """A need, drawn from the action that is needed to the one that needs it, through `points` (x, y)."""

    source: str
    target: str
    points: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole drawing, `width` by `height` pixels."""

    width: int
    height: int
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass(slots=True)
class _Spot:
    """A place in a layer: an action, or (name None) a bend of an edge that passes through."""

    name: str | None
    layer: int
    before: list["_Spot"] = field(default_factory=list)
    after: list["_Spot"] = field(default_factory=list)
    rank: int = 0
    y: float = 0.0

    @property
    def size(self) -> int:
        return _BEND_GAP if self.name is None else NODE_HEIGHT + ROW_GAP


def layout(pipeline: Pipeline | Mapping[str, Iterable[str]]) -> Layout:
    """The drawing of a pipeline, or of a mapping from each name to the names that it needs.

    Needs without an entry of their own are left out; of a circle one need is left out. Deterministic.
    """
    needs = _needs(pipeline)
    layers = _layers(needs)
    linked = {name for name, wanted in needs.items() if wanted} | {
        n for wanted in needs.values() for n in wanted
    }
    spots = {name: _Spot(name, layers[name]) for name in needs if name in linked}
    routes = _routes(needs, spots)
    rows = _rows(spots, routes)
    _order(rows)
    _place(rows)
    alone = [name for name in needs if name not in linked]
    return _drawing(rows, routes, alone)


def _needs(pipeline: Pipeline | Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    if isinstance(pipeline, Pipeline):
        given: Mapping[str, Iterable[str]] = {name: action.needs for name, action in pipeline.actions.items()}
    else:
        given = pipeline
    return {
        name: [n for n in dict.fromkeys(wanted) if n in given and n != name] for name, wanted in given.items()
    }


def _layers(needs: dict[str, list[str]]) -> dict[str, int]:
    """The layer of each name: one more than the highest of its needs. Takes needs that close a circle out."""
    users: dict[str, list[str]] = {name: [] for name in needs}
    for name, wanted in needs.items():
        for need in wanted:
            users[need].append(name)
    missing = {name: len(wanted) for name, wanted in needs.items()}
    layers: dict[str, int] = {}
    ready = [name for name in needs if not missing[name]]
    waiting = iter(list(needs))
    while len(layers) < len(needs):
        if not ready:
            stuck = next(name for name in waiting if name not in layers)
            needs[stuck] = [need for need in needs[stuck] if need in layers]
            ready.append(stuck)
        name = ready.pop()
        if name in layers:
            continue
        layers[name] = max((layers[need] + 1 for need in needs[name]), default=0)
        for user in users[name]:
            missing[user] -= 1
            if not missing[user] and user not in layers:
                ready.append(user)
    for name, wanted in needs.items():
        if not wanted and users[name]:
            layers[name] = min(layers[user] for user in users[name] if name in needs[user]) - 1
    return layers


def _routes(needs: dict[str, list[str]], spots: dict[str, _Spot]) -> list[list[_Spot]]:
    """The spots that each edge passes through, from the need to the action."""
    pairs = [(spots[need], spots[name]) for name, wanted in needs.items() for need in wanted]
    with_bends = sum(target.layer - source.layer - 1 for source, target in pairs) <= _MOST_BENDS
    routes = []
    for source, target in pairs:
        between = range(source.layer + 1, target.layer) if with_bends else ()
        route = [source, *(_Spot(None, layer) for layer in between), target]
        for left, right in itertools.pairwise(route):
            left.after.append(right)
            right.before.append(left)
        routes.append(route)
    return routes


def _rows(spots: dict[str, _Spot], routes: list[list[_Spot]]) -> list[list[_Spot]]:
    """The spots of each layer, in an order in which neighbours come near each other."""
    rows: list[list[_Spot]] = [
        [] for _ in range(max((spot.layer for spot in spots.values()), default=-1) + 1)
    ]
    for spot in spots.values():
        rows[spot.layer].append(spot)
    for route in routes:
        for spot in route[1:-1]:
            rows[spot.layer].append(spot)
    for row in rows:
        _rank(row)
    return rows


def _rank(row: list[_Spot]) -> None:
    for rank, spot in enumerate(row):
        spot.rank = rank


def _order(rows: list[list[_Spot]]) -> None:
    """Sorts the layers so that few edges cross: sweeps to and fro, the best order seen is kept."""
    best, best_crossings = [list(row) for row in rows], _crossings(rows)
    for sweep in range(_SWEEPS):
        if not best_crossings:
            break
        forward = sweep % 2 == 0
        for row in rows if forward else reversed(rows):
            row.sort(key=lambda spot: _mean_rank(spot, spot.before if forward else spot.after))
            _rank(row)
        crossings = _crossings(rows)
        if crossings < best_crossings:
            best, best_crossings = [list(row) for row in rows], crossings
    for row, kept in zip(rows, best, strict=True):
        row[:] = kept
        _rank(row)


def _mean_rank(spot: _Spot, neighbours: Sequence[_Spot]) -> float:
    return sum(other.rank for other in neighbours) / len(neighbours) if neighbours else spot.rank


def _crossings(rows: list[list[_Spot]]) -> int:
    """How many pairs of edges cross between neighbouring layers, counted with a tree of sums."""
    total = 0
    for row in rows[:-1]:
        ends = [after.rank for spot in row for after in sorted(spot.after, key=lambda other: other.rank)]
        if not ends:
            continue
        sums = [0] * (max(ends) + 2)
        for seen, end in enumerate(ends):
            lower, place = 0, end + 1
            while place:
                lower += sums[place]
                place &= place - 1
            total += seen - lower
            place = end + 1
            while place < len(sums):
                sums[place] += 1
                place += place & -place
    return total


def _place(rows: list[list[_Spot]]) -> None:
    """Gives every spot its height: as near to its neighbours as order and distances allow."""
    for row in rows:
        top = 0.0
        for spot in row:
            spot.y = top + spot.size / 2
            top += spot.size
    for sweep in range(6):
        forward = sweep % 2 == 0
        for row in rows if forward else reversed(rows):
            _settle(row, [_wanted_height(spot, spot.before if forward else spot.after) for spot in row])
    highest = min((spot.y - spot.size / 2 for row in rows for spot in row), default=0.0)
    for row in rows:
        for spot in row:
            spot.y -= highest


def _wanted_height(spot: _Spot, neighbours: Sequence[_Spot]) -> float:
    return sum(other.y for other in neighbours) / len(neighbours) if neighbours else spot.y


def _settle(row: list[_Spot], wanted: list[float]) -> None:
    """Puts the spots of a layer as near to the wanted heights as their sizes allow (least squares, one pass)."""
    offsets, offset = [], 0.0
    for left, right in zip([None, *row], row, strict=False):
        offset += (left.size + right.size) / 2 if left else 0.0
        offsets.append(offset)
    groups: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        mean, count = want - offset, 1
        while groups and groups[-1][0] > mean:
            earlier, many = groups.pop()
            mean, count = (earlier * many + mean * count) / (many + count), many + count
        groups.append((mean, count))
    heights = [mean for mean, count in groups for _ in range(count)]
    for spot, height, offset in zip(row, heights, offsets, strict=True):
        spot.y = height + offset


def _drawing(rows: list[list[_Spot]], routes: list[list[_Spot]], alone: list[str]) -> Layout:
    widths = [max(_width(spot.name) for spot in row if spot.name is not None) for row in rows]
    lefts = _lefts(widths)
    nodes = [
        Node(spot.name, lefts[layer], _top(spot), layer, _width(spot.name))
        for layer, row in enumerate(rows)
        for spot in row
        if spot.name is not None
    ]
    edges = [
        Edge(route[0].name or "", route[-1].name or "", _points(route, lefts, widths)) for route in routes
    ]
    nodes += _alone(
        alone, len(rows), max((node.y + NODE_HEIGHT + 2 * ROW_GAP for node in nodes), default=MARGIN)
    )
    bends = [y for edge in edges for _, y in edge.points]
    return Layout(
        width=max((node.x + node.width for node in nodes), default=0) + MARGIN,
        height=max([node.y + NODE_HEIGHT for node in nodes] + bends, default=0) + MARGIN,
        nodes=tuple(nodes),
        edges=tuple(edges),
    )


def _width(name: str) -> int:
    return len(name) * LETTER_WIDTH + 2 * MARGIN


def _lefts(widths: list[int]) -> list[int]:
    lefts = [MARGIN]
    for width in widths:
        lefts.append(lefts[-1] + width + COLUMN_GAP)
    return lefts


def _top(spot: _Spot) -> int:
    return MARGIN + round(spot.y - NODE_HEIGHT / 2)


def _points(route: list[_Spot], lefts: list[int], widths: list[int]) -> tuple[tuple[int, int], ...]:
    """From the right side of the first action, level through the columns in between, to the left side of the last."""
    first, last = route[0], route[-1]
    points = [(lefts[first.layer] + _width(first.name or ""), MARGIN + round(first.y))]
    for bend in route[1:-1]:
        points.append((lefts[bend.layer], MARGIN + round(bend.y)))
        points.append((lefts[bend.layer] + widths[bend.layer], MARGIN + round(bend.y)))
    points.append((lefts[last.layer], MARGIN + round(last.y)))
    return tuple(points)


def _alone(names: list[str], columns: int, top: int) -> list[Node]:
    """Actions that nothing is linked to, in a block of rows below the rest."""
    columns = max(columns, math.ceil(math.sqrt(len(names) / 4)), 1)
    widths = [max(map(_width, names[column::columns])) for column in range(min(columns, len(names)))]
    lefts = _lefts(widths)
    row = NODE_HEIGHT + ROW_GAP
    return [
        Node(name, lefts[place % columns], top + place // columns * row, place % columns, _width(name))
        for place, name in enumerate(names)
    ]
