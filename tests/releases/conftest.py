"""The world of the tests of releases, made once and copied."""

import shutil
from pathlib import Path

import pytest

from jobsite.instance import close_instance, open_instance
from jobsite.settings import Settings

from ..databases import keep, put
from .world import OUTPUTS, World, make_world, world_at

KEPT = "world.db"
MADE = ("workspaces", "jobs", "work")


@pytest.fixture(scope="session")
def first_world(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance with the world, closed: its database is kept as `KEPT`."""
    settings = Settings(instance=tmp_path_factory.mktemp("world") / "instance")
    settings.instance.mkdir()
    put(prepared / "empty.db", settings)
    open_instance(settings)
    make_world(settings.instance)
    keep(settings, settings.instance / KEPT)
    return settings.instance


@pytest.fixture
def world(first_world: Path, instance: Path, settings: Settings) -> World:
    """A workspace with outputs at Level 4, and people around it, in this test's own instance."""
    close_instance()
    put(first_world / KEPT, settings)
    for folder in MADE:
        shutil.copytree(first_world / folder, instance / folder, dirs_exist_ok=True)
    open_instance(settings)
    world = world_at(instance)
    world.jobs, world.made = 1, dict(OUTPUTS)
    return world
