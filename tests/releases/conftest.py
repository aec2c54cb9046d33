"""The world of the tests of releases, made once and copied."""

import shutil
from pathlib import Path

import pytest

from jobsite.core.db import database
from jobsite.instance import close_instance, open_instance
from jobsite.settings import Settings

from .world import OUTPUTS, World, make_world, world_at

MADE = ("workspaces", "jobs", "work")


@pytest.fixture(scope="session")
def first_world(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance with the world, closed: its database is `jobsite.db`."""
    settings = Settings(instance=tmp_path_factory.mktemp("world") / "instance")
    settings.instance.mkdir()
    shutil.copy(prepared / "empty.db", settings.database_path)
    open_instance(settings)
    make_world(settings.instance)
    database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    close_instance()
    return settings.instance


@pytest.fixture
def world(first_world: Path, instance: Path, settings: Settings) -> World:
    """A workspace with outputs at Level 4, and people around it, in this test's own instance."""
    close_instance()
    shutil.copy(first_world / "jobsite.db", settings.database_path)
    for folder in MADE:
        shutil.copytree(first_world / folder, instance / folder, dirs_exist_ok=True)
    open_instance(settings)
    world = world_at(instance)
    world.jobs, world.made = 1, dict(OUTPUTS)
    return world
