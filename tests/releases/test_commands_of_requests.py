"""`jobsite requests …`: operators list, show and force requests, and find copies that belong to none."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from jobsite.cli import main
from jobsite.core.events import Event
from jobsite.releases.requests import copies
from jobsite.releases.requests.copies import folder

from .world import REASON, World


@pytest.fixture
def run(world: World, settings: Any) -> Callable[..., Result]:
    """Run `jobsite requests WORDS` on the instance of the world."""
    return lambda *words: CliRunner().invoke(main, ["requests", *words, "--instance", str(world.instance)])


def test_requests_are_listed_without_naming_a_file(world: World, run: Callable[..., Result]) -> None:
    request = world.submitted()
    [row] = json.loads(run("list", "--json").stdout)
    assert (row["id"], row["status"], row["author"], row["workspace"]) == (
        request.id,
        "SUBMITTED",
        "ada",
        "asthma",
    )
    assert run("list", "--status", "PENDING").stdout == "" == run("list", "--workspace", "other").stdout
    shown = run("show", request.id).stdout
    assert "files: 2" in shown and "reviews: 0" in shown and "policy: default 1" in shown
    assert "a.csv" not in shown + run("list").stdout + run("show", request.id, "--json").stdout
    assert run("show", "none").exit_code == 1


def test_a_request_is_forced_in_a_persons_name_with_a_reason(
    world: World, run: Callable[..., Result]
) -> None:
    """OC48."""
    request = world.submitted()
    assert run("force", request.id, "WITHDRAWN", "--by", "sam", "--reason", "Short.").exit_code == 1
    assert run("force", request.id, "RELEASED", "--by", "sam", "--reason", REASON).exit_code == 2
    done = run("force", request.id, "WITHDRAWN", "--by", "sam", "--reason", REASON)
    assert done.stdout == f"{request.id} is WITHDRAWN, in the name of sam.\n"
    assert run("list").stdout == "" and request.id in run("list", "--all").stdout
    event = Event.get(Event.type == "release:withdrawn")
    facts = json.loads(event.data)
    assert (event.by, facts["forced"], facts["operator"]) == ("sam", True, "system")


def test_copies_of_no_request_are_reported_and_removed(
    world: World, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """OC30."""
    world.draft()
    (folder() / ("0" * 64)).write_text("left")
    assert run("copies").stdout == "", "what is an hour old may still be being added"
    monkeypatch.setattr(copies, "_FRESH", copies.timedelta(seconds=-5))
    assert run("copies").stdout == f"{'0' * 64}  4 bytes\n"
    assert run("copies", "--remove").stdout.endswith("1 copy removed.\n")
    assert len(os.listdir(folder())) == 2
