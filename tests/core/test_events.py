"""The event log: beside its change, in order, and impossible to alter unseen."""

from pathlib import Path

import pytest

from jobsite.core.db import writing
from jobsite.core.events import Event, record, since, verify


def three() -> list[Event]:
    with writing():
        return [
            record("thing:made", by="ada", subject=f"thing:{number}", old=None, new=number)
            for number in range(3)
        ]


def test_events_are_read_on_from_a_cursor(instance: Path) -> None:
    first, second, third = three()
    assert [event.id for event in since(0)] == [first.id, second.id, third.id]
    assert [event.as_json()["data"] for event in since(second.id)] == [{"new": 2, "old": None}]


def test_no_event_without_the_transaction_of_its_change(instance: Path) -> None:
    with pytest.raises(RuntimeError, match="outside a transaction"):
        record("thing:made", by="ada", subject="thing:1")
    with pytest.raises(ZeroDivisionError), writing():
        record("thing:made", by="ada", subject="thing:1")
        raise ZeroDivisionError
    assert since(0) == []


@pytest.mark.parametrize("column", ["at", "type", "by", "subject", "data", "previous", "hash"])
def test_a_changed_row_is_found(instance: Path, column: str) -> None:
    _, second, _ = three()
    assert verify() == (3, None)
    value = (
        "2020-01-01 00:00:00" if column == "at" else "0" * 64 if column in ("hash", "previous") else "other"
    )
    Event.update({column: value}).where(Event.id == second.id).execute()
    assert verify() == (1, second)


def test_a_removed_row_is_found(instance: Path) -> None:
    _, second, third = three()
    Event.delete().where(Event.id == second.id).execute()
    assert verify() == (1, third)
