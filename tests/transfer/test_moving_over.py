"""An export is taken over whole, once, and says of every line that cannot be taken why."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from jobsite.accounts.api_tokens import make_api_token
from jobsite.accounts.backends import rotate_token
from jobsite.accounts.models import ApiToken, Backend, Identity, User
from jobsite.accounts.signing_in import make_token
from jobsite.cli import main
from jobsite.core.clock import now
from jobsite.core.db import close_connections
from jobsite.core.errors import Conflict
from jobsite.core.events import Event, verify
from jobsite.instance import open_instance
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.storing import project_file
from jobsite.projects.models import Project, Workspace
from jobsite.publishing.actions import draft, publish
from jobsite.publishing.models import Snapshot
from jobsite.releases import storage
from jobsite.releases.actions import delete_file
from jobsite.releases.models import ReleaseFile
from jobsite.settings import Settings
from jobsite.transfer.exporting import export
from jobsite.transfer.importing import AT_ONCE, BadImport, take_over

from ..publishing.conftest import Release, release, workspace  # noqa: F401

JOBS = AT_ONCE + 20


@pytest.fixture
def filled(
    cast: SimpleNamespace,
    local: Backend,
    workspace: Workspace,  # noqa: F811
    release: Release,  # noqa: F811
) -> list[str]:
    """Something of every kind; gives the secrets of it."""
    Identity.create(provider="github", uid="4711", user=cast.ada, name_there="ada", created_at=now())
    Project.update(number="POS-2025-2001", copilot=cast.sam, status_description="# Text\nä").execute()
    Backend.update(is_remote=True).execute()
    text = project_file("version: '4.0'\nactions: {}\n")
    for number in range(3):
        over = {"completed_at": now(), "status": "succeeded"} if number else {"status": "running"}
        JobRequest.create(
            identifier=f"request00000000{number}", workspace=workspace, backend=local, requested_actions=["all"],
            commit="c" * 40, project_file=text, created_at=now(), created_by=cast.ada, **over,
        )  # fmt: skip
    Job.insert_many(
        {
            "identifier": f"job{number:013}", "job_request": number % 3 + 1, "workspace": workspace, "backend": local,
            "action": f"make_{number}", "run_command": "python:v2 x.py", "created_at": now(), "updated_at": now(),
            "status_code_updated_at": now(), "state": "succeeded" if number % 3 else "running",
            "status_code": "succeeded" if number % 3 else "executing", "metrics": {"cpu_mean": 1.5},
        }
        for number in range(JOBS)
    ).execute()  # fmt: skip
    files = release({"output/a.csv": b"n\n10\n", "output/b.csv": b"n\n20\n"})
    snapshot = draft(by=cast.ada, workspace=workspace, file_ids=[files["output/a.csv"].id])
    publish(by=cast.pat, snapshot=snapshot)
    delete_file(
        by=cast.cat,
        release_id=files["output/b.csv"].release_id,
        file_id=files["output/b.csv"].id,
        reason="A count in it was too small to be shown.",
    )
    token = make_token(by=cast.ada, user=cast.ada)
    secret = make_api_token(by="system", user=cast.ada, name="own")
    hashes = [User.get_by_id(cast.ada.id).login_token_hash, ApiToken.get().token_hash]
    return [token, str(secret), *hashes, rotate_token(by="system", backend=local), "secret.key"]


@pytest.fixture
def exported(filled: list[str], tmp_path: Path) -> Path:
    export(tmp_path / "export", by="system")
    return tmp_path / "export"


@pytest.fixture
def empty(instance: Path, tmp_path: Path) -> Iterator[Callable[[], Settings]]:
    """Opens another instance, with nobody in it."""

    def opened() -> Settings:
        close_connections()
        other = Settings(instance=tmp_path / "other")
        open_instance(other)
        return other

    yield opened
    close_connections()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def edit(folder: Path, kind: str, number: int, **changes: Any) -> None:
    """Change keys of one line; None in `remove` takes keys away."""
    path = folder / f"{kind}.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[number - 1] = {k: v for k, v in {**rows[number - 1], **changes}.items() if v != "(gone)"}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_what_is_taken_over_is_exported_again_byte_by_byte(
    exported: Path, empty: Callable[[], Settings], tmp_path: Path
) -> None:
    names = set(contents(exported))
    assert {"people.jsonl", "jobs.jsonl", "publications.jsonl", "export.json"} <= names
    lines = {path.stem: len(path.read_text().splitlines()) for path in exported.glob("*.jsonl")}
    assert all(lines[kind] for kind in lines if kind != "permissions") and lines["jobs"] == JOBS
    empty()
    done = take_over(exported, by="sam")
    assert {kind: count["new"] for kind, count in done.items()} == lines
    request = JobRequest.get(JobRequest.identifier == "request000000001")
    assert (request.jobs_total, request.jobs_succeeded) == (JOBS // 3, JOBS // 3)
    assert Identity.get().user.username == "ada"
    file = ReleaseFile.get(ReleaseFile.name == "output/a.csv")
    with storage.open_released("asthma", file.release_id, file.sha256) as bytes_of_it:
        assert bytes_of_it.read() == b"n\n10\n"
    assert Event.select().where(Event.type == "instance:imported", Event.by == "sam").count() >= 8
    assert verify()[1] is None
    export(tmp_path / "again", by="system")
    assert contents(tmp_path / "again") == contents(exported)


def test_what_is_made_after_an_import_has_the_next_number(
    exported: Path, empty: Callable[[], Settings]
) -> None:
    empty()
    take_over(exported, by="system")
    for model in (JobRequest, Snapshot):
        last = model.select().order_by(model.id.desc()).dicts().first()
        again = {**last, "identifier": "another000000000", "contents": "0"}
        made = model.create(**{name: again[name] for name in last if name != "id"})
        assert made.id == last["id"] + 1


def test_lines_that_clash_with_what_is_here_are_refused_in_one_sentence(
    exported: Path, empty: Callable[[], Settings]
) -> None:
    empty()
    take_over(exported, by="system")
    edit(exported, "requests", 1, identifier="another000000000")
    with pytest.raises(BadImport, match=r"requests\.jsonl, line 1: .* clashes with what is here") as refusal:
        take_over(exported, by="system")
    assert len(str(refusal.value).splitlines()) == 1
    assert not JobRequest.select().where(JobRequest.identifier == "another000000000").exists()


def test_a_second_import_changes_nothing_and_a_later_one_brings_up_to_date(
    exported: Path, empty: Callable[[], Settings]
) -> None:
    empty()
    take_over(exported, by="system")
    events = Event.select().count()
    again = take_over(exported, by="system")
    assert {(count["new"], count["changed"]) for count in again.values()} == {(0, 0)}
    assert Event.select().count() == events
    edit(exported, "jobs", 1, state="failed", status_code="nonzero_exit", completed_at="2026-01-01T00:00:00Z")
    edit(exported, "requests", 1, status="failed", completed_at="2026-01-01T00:00:00Z")
    later = take_over(exported, by="system")
    assert (later["jobs"]["changed"], later["requests"]["changed"]) == (1, 1)
    assert Job.get(Job.identifier == "job0000000000000").state == "failed"
    edit(exported, "jobs", 1, state="succeeded")
    with pytest.raises(BadImport, match=r"jobs\.jsonl, line 1: It is here already, with another state"):
        take_over(exported, by="system")


def test_no_secret_is_in_an_export(filled: list[str], exported: Path) -> None:
    everything = b"".join(contents(exported).values()).decode()
    for secret in filled:
        assert secret not in everything
    with pytest.raises(Conflict, match="already"):
        export(exported, by="system")


WRONG: list[tuple[str, int, dict[str, Any], str]] = [
    ("people", 1, {"username": "(gone)"}, "username is missing"),
    ("people", 1, {"usernme": "x"}, "'usernme' is not known; is it username"),
    ("people", 1, {"roles": ["Emperor"]}, "Emperor"),
    ("workspaces", 1, {"purpose": "half \ud83d"}, "not in UTF-8"),
    ("jobs", 1, {"metrics": {"half \udc00": 1}}, "not in UTF-8"),
    ("people", 1, {"is_active": 1}, "is_active: true or false"),
    ("people", 1, {"date_joined": "yesterday"}, "date_joined"),
    ("people", 1, {"date_joined": "2026-01-01T00:00:00"}, "a time ends in Z"),
    ("people", 1, {"identities": [{"provider": "github"}]}, "identities: uid is missing"),
    ("projects", 1, {"organisations": ["none"]}, "There is no 'none' among the organisations"),
    ("memberships", 1, {"username": "nobody"}, "There is no 'nobody' among the people"),
    ("memberships", 1, {"backend": "local", "project": "asthma-and-air-quality"}, "One of project"),
    ("workspaces", 1, {"name": "logs"}, "logs"),
    ("requests", 1, {"commit": "main"}, "commit: a commit of 40"),
    ("requests", 2, {"completed_at": None}, "completed_at is for what is over"),
    ("jobs", 3, {"state": "sleeping"}, "'sleeping' is no state of a job"),
    ("jobs", 4, {"request": "unknown000000000"}, "There is no 'unknown000000000' among the requests"),
    ("jobs", 5, {"identifier": "job0000000000000"}, "second line"),
    ("releases", 1, {"status": "MAYBE"}, "'MAYBE' is no status of a release"),
    ("publications", 1, {"files": ["01NONE"]}, "There is no '01NONE' among the released files"),
]


def test_every_problem_is_told_with_file_and_line_and_nothing_is_taken(
    exported: Path, empty: Callable[[], Settings], tmp_path: Path
) -> None:
    empty()
    for number, (kind, line, changes, sentence) in enumerate(WRONG):
        wrong = tmp_path / f"wrong{number}"
        shutil.copytree(exported, wrong)
        edit(wrong, kind, line, **changes)
        with pytest.raises(BadImport) as refusal:
            take_over(wrong, by="system")
        told = [text for text in refusal.value.problems if text.startswith(f"{kind}.jsonl, line {line}: ")]
        assert told and sentence in told[0], (kind, changes, refusal.value.problems)
    (exported / "people.jsonl").write_bytes(b"\xff\n[]\n{}\n" + b"[" * 100_000 + b"\n")
    (stored,) = (exported / "files").iterdir()
    stored.write_bytes(b"n\n11\n")
    with pytest.raises(BadImport) as refusal:
        take_over(exported, by="system")
    told = "\n".join(refusal.value.problems)
    for line in (1, 2, 3, 4):
        assert f"people.jsonl, line {line}: " in told
    assert "The bytes of output/a.csv" in told and len(refusal.value.problems) <= 100
    assert not User.select().exists() and not Project.select().exists()
    with pytest.raises(BadImport, match="no export"):
        take_over(tmp_path, by="system")


def test_what_runs_where_it_comes_from_waits_for_its_end(
    exported: Path, empty: Callable[[], Settings]
) -> None:
    empty()
    edit(exported, "backends", 1, is_remote=False)
    with pytest.raises(BadImport, match=r"requests\.jsonl, line 1: It is not over"):
        take_over(exported, by="system")


def test_an_agent_keeps_its_backend_where_that_moves_to(
    cast: SimpleNamespace, local: Backend, empty: Callable[[], Settings], tmp_path: Path
) -> None:
    Backend.update(has_agent=True).execute()
    export(tmp_path / "export", by="system")
    empty()
    edit(tmp_path / "export", "backends", 1, is_remote=True)
    with pytest.raises(BadImport, match="What an agent carries out is planned here"):
        take_over(tmp_path / "export", by="system")
    edit(tmp_path / "export", "backends", 1, is_remote=False)
    take_over(tmp_path / "export", by="system")
    assert Backend.get().has_agent


def test_an_import_that_was_killed_is_taken_up_again(
    exported: Path, empty: Callable[[], Settings], tmp_path: Path
) -> None:
    other = empty()
    for _ in range(3):
        close_connections()
        child = os.fork()
        if not child:
            os.environ["JOBSITE_FAIL_AT"] = "transfer.stored"
            open_instance(other)
            try:
                take_over(exported, by="system")
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 137
    open_instance(other)
    take_over(exported, by="system")
    export(tmp_path / "again", by="system")
    assert contents(tmp_path / "again") == contents(exported)


def test_the_commands_say_what_they_did(exported: Path, empty: Callable[[], Settings]) -> None:
    where = ["--instance", str(empty().instance)]
    close_connections()
    dry = CliRunner().invoke(main, ["import", str(exported), "--dry-run", "--json", *where])
    assert dry.exit_code == 0 and json.loads(dry.stdout)["kinds"]["jobs"]["new"] == JOBS, dry.output
    done = CliRunner().invoke(main, ["import", str(exported), *where])
    assert done.exit_code == 0 and f"jobs: {JOBS} are new" in done.stdout, done.output
    again = CliRunner().invoke(main, ["export", str(exported.with_name("second")), "--json", *where])
    assert json.loads(again.stdout)["lines"]["jobs"] == JOBS
    refused = CliRunner().invoke(main, ["export", str(exported), *where])
    assert refused.exit_code == 1 and "already" in refused.stderr
