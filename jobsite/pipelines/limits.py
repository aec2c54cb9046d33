"""How large a project file may be. Far above real use: the largest file known has 2,191 actions in 1.0 MB."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one project file (specification 1.1), which keep time and memory of a check bounded."""

    size: int = 10_000_000
    """Bytes."""
    depth: int = 100
    """Levels of lists and mappings inside each other."""
    actions: int = 20_000
    expansion: int = 10
    """Aliases may make the file at most so many times longer than it is."""
    nodes: int = 1_000_000
    """Values, lists and mappings that are read, and that aliases may make of them."""
    problems: int = 10_000
    """Problems, and as many warnings, that are told; the rest is counted."""
