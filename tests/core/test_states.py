"""Transition tables: legal steps, guards and diagrams from one place."""

import pytest

from jobsite.core.states import ImpossibleStep, Table

DOOR = Table(
    "door",
    {"open": ("shut",), "shut": ("open", "gone"), "gone": ()},
    {"open": "us", "shut": "us", "gone": "-"},
)


def test_only_steps_of_the_table_are_possible() -> None:
    assert DOOR.step("open", "shut") == "shut"
    for before, after in (("open", "gone"), ("gone", "open"), ("open", "open"), ("nowhere", "open")):
        with pytest.raises(ImpossibleStep):
            DOOR.step(before, after)


def test_guards_and_ends_come_from_the_table() -> None:
    assert DOOR.sources("open") == ("shut",)
    assert (DOOR.active, DOOR.final) == (("open", "shut"), ("gone",))
    with pytest.raises(ImpossibleStep):
        DOOR.sources("nowhere")


def test_the_diagram_has_every_step() -> None:
    lines = [line.strip() for line in DOOR.diagram().splitlines()]
    assert lines == [
        "stateDiagram-v2",
        "[*] --> open",
        "open --> shut",
        "shut --> open",
        "shut --> gone",
        "gone --> [*]",
    ]
