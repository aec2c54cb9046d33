"""Output patterns that can match the same file (specification 1.10, B17)."""

from collections import defaultdict
from collections.abc import Iterable

from jobsite.pipelines.findings import Draft, Findings, Pattern
from jobsite.pipelines.wording import quote

LEVELS_BY_PRIVACY = ("highly_sensitive", "minimally_sensitive", "moderately_sensitive")
"""Most private first: minimally sensitive outputs are kept like highly sensitive ones, never copied to Level 4."""

_MOST_TESTS = 300_000


def warn_of_overlaps(drafts: Iterable[Draft], found: Findings) -> None:
    """Warns of patterns that can match the same file. Looks at a bounded number of pairs."""
    patterns = [pattern for draft in drafts for pattern in draft.patterns if pattern.is_sound]
    by_head: dict[str, list[Pattern]] = defaultdict(list)
    for pattern in patterns:
        if "*" in pattern.text:
            by_head[pattern.text.partition("*")[0]].append(pattern)
    lengths = sorted({len(head) for head in by_head})
    order = {id(pattern): place for place, pattern in enumerate(patterns)}
    tests = _MOST_TESTS
    warned: set[int] = set()
    for pattern in patterns:
        head = pattern.text.partition("*")[0]
        for other in (
            other for length in lengths if length <= len(head) for other in by_head.get(head[:length], ())
        ):
            if tests <= 0:
                return
            tests -= 1
            if other is not pattern and can_meet(pattern.text, other.text):
                early, late = sorted((pattern, other), key=lambda one: order[id(one)])
                if id(late) not in warned:
                    warned.add(id(late))
                    _warn_of_overlap(early, late, found)


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
    if "*" not in left and "*" not in right:
        return left == right
    lefts, rights = left.split("/"), right.split("/")
    return len(lefts) == len(rights) and all(map(_parts_can_meet, lefts, rights))


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
