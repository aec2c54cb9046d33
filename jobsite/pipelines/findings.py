"""Collects problems and warnings while a file is checked, and knows the draft of each action."""

from dataclasses import dataclass, field

from jobsite.pipelines.codes import CODES
from jobsite.pipelines.command import Command
from jobsite.pipelines.limits import Limits
from jobsite.pipelines.nodes import Node, Scalar
from jobsite.pipelines.report import Problem


@dataclass(slots=True)
class Pattern:
    """One output of an action: where it stands and whether it keeps the rules for paths."""

    action: str
    level: str
    label: str
    text: str
    node: Node
    line: int
    column: int
    is_sound: bool = True


@dataclass(slots=True)
class Draft:
    """An action as far as it could be read. Every field is None or empty where the file has no sound value."""

    name: str
    key: Node
    fields: dict[str, tuple[Node, Node]] = field(default_factory=dict)
    run: Scalar | None = None
    command: Command | None = None
    needs: list[Scalar] = field(default_factory=list)
    levels: dict[str, Node] = field(default_factory=dict)
    patterns: list[Pattern] = field(default_factory=list)
    outputs_are_sound: bool = False


class Findings:
    """Problems and warnings up to the limit. One code comes once at a place, however many aliases lead there."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.omitted = 0
        self._found: dict[str, dict[tuple, Problem]] = {"problem": {}, "warning": {}}

    def add(
        self, code: str, node: Node, message: str, *, action: str | None = None, hint: str | None = None
    ) -> None:
        """Notes a problem or warning, whichever `code` is, at the place of `node`."""
        self.add_at(code, node.line, node.column, message, action=action, hint=hint)

    def add_at(
        self,
        code: str,
        line: int,
        column: int,
        message: str,
        *,
        action: str | None = None,
        hint: str | None = None,
    ) -> None:
        """The same for a place without a node."""
        found = self._found[CODES[code].kind]
        key = (line, column, code)
        if key in found:
            return
        if len(found) >= self.limits.problems:
            self.omitted += 1
            return
        found[key] = Problem(line, column, code, message, action, hint)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems in file order."""
        return _in_file_order(self._found["problem"])

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The warnings in file order."""
        return _in_file_order(self._found["warning"])


def _in_file_order(found: dict[tuple, Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(found.values(), key=lambda problem: (problem.line, problem.column)))
