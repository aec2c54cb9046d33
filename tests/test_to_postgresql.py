"""An instance moves from SQLite to PostgreSQL with everything that it holds, and goes on from there."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from bench.seed import Size, commit_study, fill
from jobsite.accounts.models import User
from jobsite.cli import main
from jobsite.core.db import Model, writing
from jobsite.core.events import Event, record, verify
from jobsite.instance import close_instance, open_instance
from jobsite.settings import Settings

from .cluster import Cluster, programs
from .releases.conftest import first_world, world  # noqa: F401
from .releases.world import World

pytestmark = [
    pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed"),
    pytest.mark.sqlite_only("what is moved"),
    pytest.mark.xdist_group("postgresql"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.end()


@pytest.fixture
def empty(cluster: Cluster) -> str:
    """The address of an empty database."""
    with psycopg.connect(f"{cluster.address}/postgres", autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS empty WITH (FORCE)")
        server.execute("CREATE DATABASE empty")
    return f"{cluster.address}/empty"


def rows_of_all() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, as the program reads it."""
    return {
        model.__name__: sorted(model.select().tuples(), key=str)
        for model in Model.__subclasses__()
        if model is not Event
    }


def moved(settings: Settings, address: str) -> Result:
    words = ["move-to-postgresql", "--instance", str(settings.instance)]
    close_instance()
    return CliRunner().invoke(main, words, env={"JOBSITE_DATABASE_URL": address})


def test_everything_is_there_afterwards_and_the_instance_goes_on(
    world: World,  # noqa: F811
    settings: Settings,
    empty: str,
) -> None:
    world.returned()
    with pytest.MonkeyPatch.context() as patched:
        study = commit_study(settings.instance.parent / "study")
        patched.setattr("jobsite.settings._current", replace(settings, allowed_repos=(str(study),)))
        fill(study, Size(orgs=4, projects=24, workspaces=60, people=40, requests=60))
    with writing():
        record("backend:counted", by="system", subject="backend:local", text="a\N{SNOWMAN}b")
    before, (events, _) = rows_of_all(), verify()
    assert all(before[name] for name in ("User", "Job", "Vote", "Comment", "Review", "RequestFile"))
    done = moved(settings, empty)
    assert (done.exit_code, "rows moved. The file is kept as jobsite.db.moved" in done.output) == (0, True), (
        done.output
    )
    assert not (settings.instance / "jobsite.db").exists()
    there = replace(settings, database_url=empty)
    open_instance(there)
    assert rows_of_all() == before
    assert verify() == (events + 1, None)
    assert Event.select().order_by(Event.id.desc()).get().type == "instance:moved"
    user = User.create(
        username="new", fullname="New", roles=[], date_joined=User.get().date_joined, created_by="x"
    )
    assert user.id == max(row[0] for row in before["User"]) + 1
    close_instance()
    assert "There is no jobsite.db" in moved(settings, empty).output


def test_a_database_that_is_not_empty_is_refused_and_the_file_stays(
    world: World,  # noqa: F811
    settings: Settings,
    empty: str,
) -> None:
    close_instance()
    open_instance(replace(settings, database_url=empty))
    User.create(username="new", fullname="New", roles=[], date_joined="2026-01-01", created_by="x")
    done = moved(settings, empty)
    assert (done.exit_code, "take an empty one" in done.output) == (1, True)
    assert (settings.instance / "jobsite.db").is_file()
    with psycopg.connect(empty) as there:
        assert there.execute("SELECT count(*) FROM job").fetchone() == (0,)
    told = CliRunner().invoke(main, ["move-to-postgresql", "--instance", str(settings.instance)])
    assert (told.exit_code, "Set DATABASE_URL" in told.output) == (1, True)
