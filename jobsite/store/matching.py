"""Output patterns against the files a job left behind. Rules of project.yaml: `*` is the only wildcard, matches any
characters but `/`, and matches names that start with a dot."""

import difflib
from collections.abc import Iterable, Mapping

HIGHLY = "highly_sensitive"
MODERATELY = "moderately_sensitive"
MINIMALLY = "minimally_sensitive"
LEVELS = (HIGHLY, MODERATELY, MINIMALLY)  # the most private first

_CLOSELY_COMPARED = 200  # files whose names are compared letter by letter for a hint


def most_private(levels: Iterable[str]) -> str:
    """The most private of some levels. Raises ValueError for a level that is none of the three."""
    return min(levels, key=LEVELS.index)


def matches(pattern: str, path: str) -> bool:
    """Whether an output pattern stands for a path. Linear in the length of both, whatever the pattern."""
    names, parts = path.split("/"), pattern.split("/")
    return len(names) == len(parts) and all(map(fits, parts, names))


def fits(pattern: str, name: str) -> bool:
    """Whether a text fits a pattern in which `*` stands for any characters; linear in the length of both."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    last = rest.pop()
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    position, end = len(first), len(name) - len(last)
    for piece in rest:
        found = name.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


class Patterns:
    """The output patterns of one action: `{level: {label: pattern}}`, compared with many paths."""

    def __init__(self, outputs: Mapping[str, Mapping[str, str]]) -> None:
        self.levels: dict[str, set[str]] = {}  # pattern -> its levels
        for level, patterns in outputs.items():
            for pattern in patterns.values():
                self.levels.setdefault(pattern, set()).add(level)

    def of(self, path: str) -> list[str]:
        """The patterns that match a path, in the order of the project file."""
        return [pattern for pattern in self.levels if matches(pattern, path)]


def nearest(patterns: Iterable[str], paths: Iterable[str]) -> list[str]:
    """All `paths`, the most similar to any of the `patterns` first; equally similar ones by name.

    A file of the same directory, name stem or suffix counts before one with similar letters only.
    """
    wanted = list(patterns)
    rough = sorted(paths, key=lambda path: (-max((_kinship(p, path) for p in wanted), default=0), path))
    close = rough[:_CLOSELY_COMPARED]
    close.sort(key=lambda path: (-max((_likeness(p, path) for p in wanted), default=0.0), path))
    return close + rough[_CLOSELY_COMPARED:]


def _kinship(pattern: str, path: str) -> int:
    pairs = zip(_split(pattern), _split(path), strict=True)
    return sum(wanted.casefold() == found.casefold() for wanted, found in pairs)


def _likeness(pattern: str, path: str) -> float:
    letters = difflib.SequenceMatcher(None, pattern.casefold(), path.casefold(), autojunk=False).ratio()
    return letters + 0.2 * _kinship(pattern, path)


def _split(path: str) -> tuple[str, str, str]:
    directory, _, name = path.rpartition("/")
    stem, _, suffix = name.rpartition(".")
    return directory, stem, suffix
