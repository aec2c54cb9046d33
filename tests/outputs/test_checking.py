"""Checks are kept by content, run at the end of jobs and by a sweep, and fail closed; policies have versions."""

import io
import json
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jobsite.accounts.actions import add_user
from jobsite.accounts.queries import user_or_stop
from jobsite.checks import Statement
from jobsite.core.clock import at
from jobsite.core.db import writing
from jobsite.core.errors import Conflict, Denied, Invalid, NotFound
from jobsite.core.events import Event
from jobsite.instance import close_instance
from jobsite.outputs import checking as kept
from jobsite.outputs.checking import Together, Wanted, check_now, check_together, findings_for
from jobsite.outputs.commands import policy
from jobsite.outputs.models import Checked, CheckedTogether, PolicyVersion
from jobsite.outputs.policies import approve, choose, in_force, loaded, policy_of, propose, stored, versions
from jobsite.outputs.sweeping import check_outputs
from jobsite.outputs.tasks import check_what_is_unchecked
from jobsite.settings import Settings
from jobsite.store.identities import remembered_hash

from ..releases.world import World
from .files import publish

SMALL = b"region,n\nNorth,120\nSouth,3\n"
ROUND = b"region,n\nNorth,120\nSouth,85\n"


def wanted(content: bytes, path: str = "output/small.csv", tmp: list[int] | None = None) -> Wanted:
    """A content to be checked; each opening of it is noted in `tmp`."""
    from hashlib import sha256

    def opened() -> io.BytesIO:
        if tmp is not None:
            tmp.append(1)
        return io.BytesIO(content)

    return Wanted(path, sha256(content).hexdigest(), open=opened)  # type: ignore[arg-type]


def test_what_was_found_in_a_content_is_kept_for_every_path_of_that_name(world: World) -> None:
    opened: list[int] = []
    policy = policy_of(world.project)
    assert findings_for(wanted(SMALL), policy) is None
    first = check_now(wanted(SMALL, tmp=opened), policy)
    assert [(one.rule, one.row, one.column, one.severity) for one in first.findings if one.rule == "C1"] == [
        ("C1", 2, 2, "fix")
    ]
    again = check_now(wanted(SMALL, "elsewhere/small.csv", opened), policy)
    assert len(opened) == 1, "the second was not read"
    assert {one.file for one in again.findings} == {"elsewhere/small.csv"}
    assert [one.key for one in again.findings] == [one.key for one in first.findings]
    assert (first.rows, first.columns, first.worst) == (2, 2, "fix")
    other = check_now(wanted(SMALL, "output/small.txt", opened), policy)
    assert len(opened) == 2, "as a text it is another thing"
    assert other.path == "output/small.txt"


def test_what_cannot_be_checked_is_held_back(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*given: object, **more: object) -> None:
        raise ZeroDivisionError("a rule with a mistake")

    monkeypatch.setattr(kept, "check_file", fails)
    verdict = check_now(wanted(ROUND), policy_of(world.project))
    assert [(one.rule, one.severity) for one in verdict.findings] == [("E1", "stop")]
    assert "could not be checked" in verdict.findings[0].sentence
    assert "mistake" not in verdict.findings[0].sentence


def test_content_that_is_not_what_was_said_is_not_checked(world: World) -> None:
    lie = Wanted("output/small.csv", "0" * 64, open=lambda: io.BytesIO(SMALL))  # type: ignore[arg-type,return-value]
    with pytest.raises(OSError, match="not the one"):
        check_now(lie, policy_of(world.project))
    assert not Checked.select().exists()


def test_files_together_are_checked_once_for_what_was_given(world: World) -> None:
    opened: list[int] = []
    policy, files = policy_of(world.project), [wanted(ROUND, "output/a.csv", opened)]
    empty = check_together([Together(files, Statement("tables"))], policy)[0]
    assert "X1" in {one.rule for one in empty}
    read = len(opened)
    assert check_together([Together(files, Statement("tables"))], policy)[0] == empty
    assert len(opened) == read
    said = Statement(
        "tables", context="Counts of 205 adults by region in 2025.", controls="Rounded to 5, hidden to 7."
    )
    assert "X1" not in {one.rule for one in check_together([Together(files, said)], policy)[0]}
    assert CheckedTogether.select().count() == 2


def test_the_sweep_checks_what_no_job_end_led_to(world: World) -> None:
    assert not Checked.select().exists()
    check_what_is_unchecked()
    checked = Checked.select().count()
    assert checked == 4, "three tables and a log"
    assert check_outputs(world.workspace) == 0
    publish(world, {"output/new.csv": SMALL}, "other")
    assert check_outputs(world.workspace) == 2, "the new table and its log"
    log = world.instance / "workspaces/level4/asthma/metadata/other.log"
    with log.open("rb") as file:
        verdict = findings_for(Wanted("metadata/other.log", remembered_hash(file)), policy_of(world.project))
    assert verdict is not None


def test_a_change_of_the_settings_is_a_new_version_and_checks_anew(
    world: World,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check_now(wanted(SMALL), policy_of(world.project))
    assert [(one.policy, one.version) for one in PolicyVersion.select()] == [("default", 1)]
    monkeypatch.setattr(
        "jobsite.outputs.policies.current",
        lambda: Settings(instance=settings.instance, disclosure_threshold=2),
    )
    newer = policy_of(world.project)
    assert (newer.version, newer.id, loaded(newer).counts.threshold) == (2, None, 2)
    assert findings_for(wanted(SMALL), newer) is None
    assert "C1" not in {one.rule for one in check_now(wanted(SMALL), newer).findings}
    assert [(one.policy, one.version) for one in versions()] == [("default", 2), ("default", 1)]
    older = PolicyVersion.get(PolicyVersion.version == 1)
    assert "C1" in {one.rule for one in (findings_for(wanted(SMALL), older) or pytest.fail("gone")).findings}
    told = [event.type for event in Event.select().where(Event.type.startswith("policy:"))]
    assert told == ["policy:from-settings", "policy:from-settings"]
    assert stored(newer).version == 2


def test_a_policy_of_its_own_takes_two_people_and_its_day(world: World) -> None:
    cast, strict = (
        world.cast,
        {"policy": "strict", "counts": {"threshold": 10}, "effective_from": "2026-02-01"},
    )
    with pytest.raises(Denied, match="Only staff"):
        propose(by=cast.ada, document=strict, note="")
    for wrong, sentence in (
        ({**strict, "policy": "default"}, "follows the settings"),
        ({**strict, "policy": "Very Strict"}, "lower-case"),
        ({**strict, "counts": {"threshold": "ten"}}, "whole number"),
        ({**strict, "effective_from": "soon"}, "a day"),
        (["strict"], "JSON object"),
    ):
        with pytest.raises(Invalid, match=sentence):
            propose(by=cast.sam, document=wrong, note="")
    made = propose(by=cast.sam, document=strict, note="For small areas.")
    assert (made.version, in_force("strict")) == (1, None)
    with pytest.raises(Invalid, match="No version"):
        choose(by=cast.sam, project=world.project, policy="strict")
    with pytest.raises(Denied, match="somebody else"):
        approve(by=cast.sam, policy="strict", version=1)
    with pytest.raises(NotFound):
        approve(by=cast.sam, policy="strict", version=2)
    with writing():
        add_user(by="system", username="tom", fullname="Tom", email="tom@example.org", roles=cast.sam.roles)
    other = user_or_stop("tom")
    approve(by=other, policy="strict", version=1)
    with pytest.raises((Denied, Conflict)):
        approve(by=other, policy="strict", version=1)
    with at(datetime(2026, 1, 31)):
        assert in_force("strict") is None
    choose(by=cast.sam, project=world.project, policy="strict")
    assert loaded(policy_of(world.project)).counts.threshold == 10
    assert (policy_of(world.project).policy, policy_of(world.project).version) == ("strict", 1)


def test_the_commands_take_a_version_from_a_file_to_a_project(
    world: World,
    tmp_path: Path,
) -> None:
    close_instance()
    file = tmp_path / "strict.json"
    file.write_text(
        json.dumps({"policy": "strict", "counts": {"threshold": 10}, "effective_from": "2026-01-01"})
    )

    def run(*words: str) -> Result:
        return CliRunner().invoke(policy, [*words, "--instance", str(world.instance)])

    assert json.loads(run("list", "--json").stdout)[0]["policy"] == "default"
    for words, status, said in (
        (("propose", str(file), "--by", "ada"), 1, "Only staff"),
        (("propose", str(tmp_path / "none.json"), "--by", "sam"), 1, "No such file"),
        (("propose", str(file), "--by", "sam"), 0, "strict, version 1, waits"),
        (("approve", "strict", "1", "--by", "sam"), 1, "somebody else"),
        (("choose", "air", "strict", "--by", "sam"), 1, "No version"),
    ):
        done = run(*words)
        assert (done.exit_code, said in done.output) == (status, True), done.output
    assert json.loads(run("show", "strict", "1").stdout)["counts"]["threshold"] == 10
