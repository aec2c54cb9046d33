"""State machines as data: who may move what to where, and the diagram made from the same table."""

from collections.abc import Mapping
from dataclasses import dataclass


class ImpossibleStep(Exception):
    """A step that the table does not have: a mistake of the program, never of a person."""


@dataclass(frozen=True)
class Table:
    """The legal steps of one kind of thing.

    `transitions` maps each state to the states that may follow it; a state that nothing follows is final.
    `owners` says for every state who has to act next, in a word.
    """

    name: str
    transitions: Mapping[str, tuple[str, ...]]
    owners: Mapping[str, str]

    @property
    def states(self) -> tuple[str, ...]:
        """Every state, in the order of the table."""
        return tuple(self.transitions)

    @property
    def final(self) -> tuple[str, ...]:
        """The states that are never left."""
        return tuple(state for state, following in self.transitions.items() if not following)

    @property
    def active(self) -> tuple[str, ...]:
        """The states from which something still follows."""
        return tuple(state for state, following in self.transitions.items() if following)

    def sources(self, target: str) -> tuple[str, ...]:
        """The states from which `target` can be reached in one step: the guard of a conditional update."""
        found = tuple(state for state, following in self.transitions.items() if target in following)
        if not found:
            raise ImpossibleStep(f"nothing in {self.name} leads to {target!r}")
        return found

    def step(self, before: str, after: str) -> str:
        """`after`, if the table allows that step; raises `ImpossibleStep` otherwise."""
        if after not in self.transitions.get(before, ()):
            raise ImpossibleStep(f"{self.name}: {before} does not lead to {after}")
        return after

    def diagram(self) -> str:
        """The table as a Mermaid state diagram."""
        steps = [
            f"    {before} --> {after}" for before, follow in self.transitions.items() for after in follow
        ]
        ends = [f"    {state} --> [*]" for state in self.final]
        return "\n".join(["stateDiagram-v2", f"    [*] --> {self.states[0]}", *steps, *ends])
