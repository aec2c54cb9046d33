"""A workspace at Level 4 with files of every kind, published by the real store without running a job."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.outputs.sweeping import check_outputs

from ..releases.conftest import world  # noqa: F401  the workspace and the people around it
from ..releases.world import World
from .files import FILES, publish


@pytest.fixture
def level4(world: World) -> World:  # noqa: F811
    """The world with a file of each kind, checked."""
    publish(world, FILES, "kinds")
    check_outputs(world.workspace)
    return world


@pytest.fixture
def as_ada(level4: World, app: Flask, sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    """ada, who develops the study."""
    return sign_in(app.test_client(), "ada")
