"""`jobsite doctor` finds what would keep jobs from running, and nothing where all is well."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobsite.accounts.models import Backend
from jobsite.cli import main
from jobsite.core import clock
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.events import record
from jobsite.jobs.lock import InstanceLock
from jobsite.jobs.models import BackendAlert
from jobsite.jobs.weights import weights_path
from jobsite.settings import Settings
from jobsite.status.doctor import examination

from ..databases import IS_POSTGRESQL

Bad = Callable[[Settings], dict[str, str]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(instance=tmp_path / "instance", runtimes={"python": (sys.executable,)})


@pytest.fixture
def bad(instance: Path, local: Backend) -> Bad:
    """What is found to be wrong, by name; the executor depends on the machine and has its own tests."""

    def found(settings: Settings) -> dict[str, str]:
        return {
            one.name: one.sentence
            for one in examination(settings)
            if not one.ok and one.name not in ("executor", "disk")
        }

    return found


def test_where_all_is_well_nothing_is_found(bad: Bad, settings: Settings) -> None:
    with InstanceLock(settings.instance):
        assert bad(settings) == {}


def test_without_a_server_no_job_starts(bad: Bad, settings: Settings) -> None:
    assert bad(settings) == {"server": "No server runs on this instance, so no job starts."}


def test_a_clock_that_was_set_back_is_found(bad: Bad, settings: Settings) -> None:
    with writing():
        record("backend:paused", by="system", subject="backend:local")
    with clock.at(now() - timedelta(hours=2)):
        assert "The clock was set back" in bad(settings)["clock"]


def test_a_runtime_that_is_not_there_is_found(bad: Bad, settings: Settings) -> None:
    gone = replace(settings, runtimes={"r:v2": ("/nowhere/Rscript",)})
    assert bad(gone)["runtime r:v2"] == "The program /nowhere/Rscript of r:v2 is not there."
    assert "runtimes" in bad(replace(settings, runtimes={}))
    assert "images" in bad(replace(settings, executor="container"))


def test_mistakes_in_weights_and_alerts_are_found(bad: Bad, settings: Settings, local: Backend) -> None:
    path = weights_path(settings.instance, "local")
    path.parent.mkdir(parents=True)
    path.write_text("[default]\n'(' = 2\n")
    assert "backend local" in bad(settings)
    path.unlink()
    assert "backend local" not in bad(settings)
    moment = now()
    facts = {"kind": "jobs", "failures": {"disk_full": 3}, "first_at": moment, "last_at": moment}
    BackendAlert.create(backend=local, raised_at=moment, **facts)
    assert bad(settings)["backend local"] == "An alert stands for its jobs: 3 failures."


def test_the_public_side_looks_at_tokens_and_contact(bad: Bad, settings: Settings, local: Backend) -> None:
    public = replace(settings, side="public")
    assert "has no token" in bad(public)["backend local"]
    Backend.update(auth_token_hash="0" * 64).execute()
    assert bad(public)["backend local"] == "It was never in contact."
    Backend.update(last_seen_at=now() - timedelta(hours=1)).execute()
    assert "It was in contact 3600 seconds ago." == bad(public)["backend local"]
    Backend.update(last_seen_at=now()).execute()
    assert "backend local" not in bad(public)


def test_the_command_exits_with_1_when_something_is_wrong(instance: Path, local: Backend) -> None:
    result = CliRunner().invoke(main, ["doctor", "--json", "--instance", str(instance)])
    found = {one["name"]: one for one in json.loads(result.output)}
    assert result.exit_code == 1 and found["server"]["ok"] is False and found["database"]["ok"] is True
    looked_at = "The database answers. " if IS_POSTGRESQL else "The database is sound."
    assert found["database"]["sentence"].startswith(looked_at), "no more is said than was looked at"
