"""A workspace with released files, made by the receiving verbs of releases, and the cast around it."""

import hashlib
import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from jobsite.accounts.models import Backend
from jobsite.core.clock import now
from jobsite.core.events import Event
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.models import Repo, Workspace
from jobsite.releases.actions import create_release, receive_file
from jobsite.releases.announced import AnnouncedFile, Announcement
from jobsite.releases.models import ReleaseFile

Release = Callable[..., dict[str, ReleaseFile]]

COMMIT = "77ab0e9c5d4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b"


@pytest.fixture
def workspace(cast: SimpleNamespace, local: Backend) -> Workspace:
    """`asthma`, of which ada is a developer and ben a collaborator."""
    org = add_organisation(by="system", name="University of Northfield")
    project = add_project(by="system", name="Asthma and air quality", orgs=[org])
    add_member(by="system", project=project, user=cast.ada, roles=["ProjectDeveloper"])
    add_member(by="system", project=project, user=cast.ben, roles=["ProjectCollaborator"])
    repo = Repo.create(
        url="https://github.com/northfield/asthma",
        branches=["main"],
        is_private=False,
        visibility_checked_at=now(),
    )
    return Workspace.create(
        name="asthma", project=project, repo=repo, branch="main", created_by="ada", updated_by="ada"
    )


@pytest.fixture
def release(workspace: Workspace, local: Backend, cast: SimpleNamespace) -> Release:
    """`release({"output/a.csv": b"…"})` releases these files by cat; gives the rows by name."""

    def released(files: dict[str, bytes], *, by: str = "cat") -> dict[str, ReleaseFile]:
        person = getattr(cast, by)
        facts = {"action": "make_tables", "commit": COMMIT, "repo": workspace.repo.url}
        announced = tuple(
            AnnouncedFile(name, len(data), hashlib.sha256(data).hexdigest(), 1767225600.0, facts)
            for name, data in files.items()
        )
        made = create_release(
            by=person, backend=local, workspace=workspace.name, announced=Announcement("", announced, {})
        )
        for name, data in files.items():
            receive_file(by=person, backend=local, release_id=made.id, name=name, body=[data])
        rows = ReleaseFile.select().where(ReleaseFile.release == made.id)
        return {file.name: file for file in rows}

    return released


@pytest.fixture
def happened() -> Callable[[], list[str]]:
    """`happened()`: the types of all events about publications, oldest first."""
    about = Event.type.startswith("publication:")
    return lambda: [event.type for event in Event.select().where(about).order_by(Event.id)]


def words(page: str) -> str:
    """What of a page is read, on one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
