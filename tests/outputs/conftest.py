"""A workspace at Level 4 with files of every kind, published by the real store without running a job."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.outputs.sweeping import check_outputs

from ..releases.world import World, make_world
from .files import FILES, publish


@pytest.fixture
def world(instance: Path) -> World:
    """A workspace with three tables at Level 4, and the people around it."""
    return make_world(instance)


@pytest.fixture
def level4(world: World) -> World:
    """The world with a file of each kind, checked."""
    publish(world, FILES, "kinds")
    check_outputs(world.workspace)
    return world


@pytest.fixture
def as_ada(level4: World, app: Flask, sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    """ada, who develops the study."""
    return sign_in(app.test_client(), "ada")
