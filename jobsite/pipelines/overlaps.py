"""Output patterns that can match the same file (specification 1.10, B17)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from jobsite.pipelines.findings import Draft, Findings, Pattern
from jobsite.pipelines.wording import quote

LEVELS_BY_PRIVACY = ("highly_sensitive", "minimally_sensitive", "moderately_sensitive")
"""Most private first: minimally sensitive outputs are kept like highly sensitive ones, never copied to Level 4."""

_MOST_TESTS = 300_000


@dataclass(slots=True)
class _Shape:
    """A pattern taken apart: its place in the file, and the letters before its first and after its last `*`.

    It is flat if no `*` stands in the name of a folder.
    """

    pattern: Pattern
    place: int
    slashes: int
    is_flat: bool
    head: str
    tail: str
    is_warned: bool = False


def warn_of_overlaps(drafts: Iterable[Draft], found: Findings) -> None:
    """Warns, once for each, of patterns that can match a file of an earlier one. Looks at a bounded number of pairs.

    Two patterns can only meet if one begins with all that the other has before its first `*`, and likewise at the
    end; that leaves few pairs to compare letter by letter.
    """
    patterns = [pattern for draft in drafts for pattern in draft.patterns if pattern.is_sound]
    shapes = [_shape(pattern, place) for place, pattern in enumerate(patterns)]
    by_head: dict[tuple[int, str], list[_Shape]] = defaultdict(list)
    first: dict[str, _Shape] = {}
    for shape in shapes:
        if "*" in shape.pattern.text:
            by_head[shape.slashes, shape.head].append(shape)
        elif (other := first.setdefault(shape.pattern.text, shape)) is not shape:
            shape.is_warned = True
            _warn_of_overlap(other.pattern, shape.pattern, found)
    lengths = sorted({len(head) for _, head in by_head})
    tests = _MOST_TESTS
    for shape in shapes:
        own = len(shape.head)
        for length in lengths:
            if length > own or tests < 0:
                break
            others = by_head.get((shape.slashes, shape.head[:length]))
            if others:
                tests -= len(others)
                _compare(shape, others, found)


def _shape(pattern: Pattern, place: int) -> _Shape:
    text = pattern.text
    head, star, _ = text.partition("*")
    slashes = text.count("/")
    tail = text.rpartition("*")[2] if star else text
    return _Shape(pattern, place, slashes, head.count("/") == slashes, head, tail)


def _compare(shape: _Shape, others: list[_Shape], found: Findings) -> None:
    tail = shape.tail
    for other in others:
        if not (other.tail.endswith(tail) or tail.endswith(other.tail)):
            continue
        early, late = (other, shape) if other.place < shape.place else (shape, other)
        if early is not late and not late.is_warned and _meet(shape, other):
            late.is_warned = True
            _warn_of_overlap(early.pattern, late.pattern, found)


def _meet(shape: _Shape, wild: _Shape) -> bool:
    """`can_meet` for two shapes in as many folders whose ends agree, the second with a `*`."""
    if not (shape.is_flat and wild.is_flat):
        return can_meet(shape.pattern.text, wild.pattern.text)
    return "*" in shape.pattern.text or matches(wild.pattern.text, shape.pattern.text)


def _warn_of_overlap(early: Pattern, late: Pattern, found: Findings) -> None:
    where = "of this action" if early.action == late.action else f"of action {quote(early.action)}"
    if early.level == late.level:
        effect = (
            "the action that runs later replaces the file"
            if early.action != late.action
            else "it is kept once"
        )
    else:
        effect = f"the more private level, {min(early.level, late.level, key=LEVELS_BY_PRIVACY.index)}, wins"
    found.add(
        "output-overlap",
        late.node,
        f"Output {quote(late.text)} can match the same file as output {quote(early.text)} {where} "
        f"(line {early.line}): {effect}.",
        action=late.action,
        hint="Write into different folders, or make the patterns narrower.",
    )


def can_meet(left: str, right: str) -> bool:
    """Whether some file name matches both patterns; `*` stands for any letters but a slash."""
    lefts, rights = left.split("/"), right.split("/")
    if len(lefts) != len(rights):
        return False
    return all(
        left == right or _parts_can_meet(left, right) for left, right in zip(lefts, rights, strict=True)
    )


def _parts_can_meet(left: str, right: str) -> bool:
    if "*" not in left:
        left, right = right, left
    if "*" not in left:
        return left == right
    if "*" not in right:
        return matches(left, right)
    left_head, right_head = left.partition("*")[0], right.partition("*")[0]
    left_tail, right_tail = left.rpartition("*")[2], right.rpartition("*")[2]
    heads = left_head.startswith(right_head) or right_head.startswith(left_head)
    return heads and (left_tail.endswith(right_tail) or right_tail.endswith(left_tail))


def matches(pattern: str, text: str) -> bool:
    """Whether `text` matches `pattern`, where `*` stands for any letters, slashes too. Linear, no backtracking."""
    head, *middle = pattern.split("*")
    if not middle:
        return pattern == text
    *middle, tail = middle
    if not text.startswith(head) or not text.endswith(tail) or len(text) < len(head) + len(tail):
        return False
    place, end = len(head), len(text) - len(tail)
    for piece in middle:
        place = text.find(piece, place, end)
        if place < 0:
            return False
        place += len(piece)
    return True
