"""Statements whose text is built once."""

import pytest

from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend
from jobsite.core.prepared import Prepared, place


def _renamed() -> Prepared:
    return Prepared(lambda: Backend.update(name=place("name")).where(Backend.slug == place("slug")))


def test_a_prepared_statement_takes_other_values_each_time(instance) -> None:
    for slug in ("east", "west"):
        add_backend(by="system", slug=slug, name=slug)
    rename = _renamed()
    assert [rename.run(name=slug.upper(), slug=slug).rowcount for slug in ("east", "west", "north")] == [
        1,
        1,
        0,
    ]
    assert {Backend.get(Backend.slug == slug).name for slug in ("east", "west")} == {"EAST", "WEST"}


def test_a_value_is_never_part_of_the_text(instance) -> None:
    add_backend(by="system", slug="east", name="east")
    _renamed().run(name="'; DROP TABLE backend; --", slug="east")
    assert Backend.get(Backend.slug == "east").name == "'; DROP TABLE backend; --"


def test_a_statement_with_a_value_of_its_own_is_refused(instance) -> None:
    with pytest.raises(ValueError, match="values stand in"):
        Prepared(lambda: Backend.select().where(Backend.slug == "east")).run()
