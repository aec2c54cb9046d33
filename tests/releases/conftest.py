"""The world of the tests of releases."""

from pathlib import Path

import pytest

from .world import World, make_world


@pytest.fixture
def world(instance: Path) -> World:
    """A workspace with outputs at Level 4, and people around it."""
    return make_world(instance)
