"""What happened, as kinds of an export: requests, their jobs, releases with their files, publications."""

from collections.abc import Collection, Iterable
from typing import Any

from peewee import fn

from jobsite.accounts.models import Backend, User
from jobsite.core.db import database, in_portions
from jobsite.jobs.models import Job, JobRequest, ProjectFile
from jobsite.jobs.rules import is_active
from jobsite.jobs.storing import project_file
from jobsite.projects.models import Workspace
from jobsite.publishing.models import PublishRequest, Snapshot, SnapshotFile
from jobsite.publishing.rules import contents_of
from jobsite.releases.models import Release, ReleaseFile
from jobsite.transfer.rows import Key, Kind, Rows, among, columns, ids_of, plain, store, users_of
from jobsite.transfer.schema import SCHEMA, Row

AT_ONCE = 500
_FILE = next(entry for entry in SCHEMA["releases"] if entry.name == "files").of
_DECISION = next(entry for entry in SCHEMA["publications"] if entry.name == "requests").of


def _requests(keys: Collection[Key] | None) -> Rows:
    query = JobRequest.select(JobRequest, Workspace.name, Backend.slug, User.username, ProjectFile.text)
    for join in (Workspace, Backend, User, ProjectFile):
        query = query.join(join).switch(JobRequest)
    for one in in_portions(among(query, JobRequest.identifier, keys), JobRequest.id):
        yield plain(
            one,
            SCHEMA["requests"],
            number=one.id,
            workspace=one.workspace.name,
            backend=one.backend.slug,
            project_yaml=one.project_file.text,
            created_by=one.created_by.username,
        )


def _request_columns(rows: list[Row]) -> Iterable[dict[str, Any]]:
    workspaces = ids_of(Workspace, Workspace.name, (row["workspace"] for row in rows))
    backends = ids_of(Backend, Backend.slug, (row["backend"] for row in rows))
    users = users_of(row["created_by"] for row in rows)
    texts = {text: project_file(text).id for text in {row["project_yaml"] for row in rows}}
    for row in rows:
        yield columns(
            row,
            SCHEMA["requests"],
            "number",
            "project_yaml",
            id=row["number"],
            workspace=workspaces[row["workspace"]],
            backend=backends[row["backend"]],
            created_by=users[row["created_by"].lower()],
            project_file=texts[row["project_yaml"]],
        )


def _add_requests(rows: list[Row]) -> None:
    store(JobRequest, _request_columns(rows))
    database.go_on_counting(JobRequest)


def _change_requests(rows: list[Row]) -> None:
    for values in _request_columns(rows):
        JobRequest.update(values).where(JobRequest.identifier == values["identifier"]).execute()


def _jobs(keys: Collection[Key] | None) -> Rows:
    query = Job.select(Job, JobRequest.identifier).join(JobRequest)
    for one in in_portions(among(query, Job.identifier, keys), Job.id):
        yield plain(one, SCHEMA["jobs"], request=one.job_request.identifier)


def _job_columns(rows: list[Row]) -> Iterable[dict[str, Any]]:
    wanted = {row["request"] for row in rows}
    requests = {r.identifier: r for r in JobRequest.select().where(JobRequest.identifier.in_(wanted))}
    for row in rows:
        request = requests[row["request"]]
        values = columns(
            row,
            SCHEMA["jobs"],
            "request",
            job_request=request.id,
            workspace=request.workspace_id,
            backend=request.backend_id,
        )
        yield {**values, "status_code_updated_at": values["updated_at"]}


def _add_jobs(rows: list[Row]) -> None:
    store(Job, _job_columns(rows))
    _count(rows)


def _change_jobs(rows: list[Row]) -> None:
    for values in _job_columns(rows):
        Job.update(values).where(Job.identifier == values["identifier"]).execute()
    _count(rows)


def _count(rows: list[Row]) -> None:
    """The counts that a request keeps of its jobs."""
    ids = list(ids_of(JobRequest, JobRequest.identifier, (row["request"] for row in rows)).values())
    succeeded = fn.SUM(Job.state == "succeeded")
    query = Job.select(Job.job_request, fn.COUNT(Job.id), succeeded).where(Job.job_request.in_(ids))
    for request, total, good in query.group_by(Job.job_request).tuples():
        counts = {"jobs_total": total, "jobs_succeeded": int(good or 0)}
        JobRequest.update(counts).where(JobRequest.id == request).execute()


def _releases(keys: Collection[Key] | None) -> Rows:
    query = Release.select(Release, Workspace.name, Backend.slug).join(Workspace).switch(Release)
    for one in among(query.join(Backend), Release.id, keys).order_by(Release.id):
        files = ReleaseFile.select().where(ReleaseFile.release == one.id).order_by(ReleaseFile.id)
        yield plain(
            one,
            SCHEMA["releases"],
            workspace=one.workspace.name,
            backend=one.backend.slug,
            files=[plain(file, _FILE) for file in files],
        )


def _add_releases(rows: list[Row]) -> None:
    workspaces = ids_of(Workspace, Workspace.name, (row["workspace"] for row in rows))
    backends = ids_of(Backend, Backend.slug, (row["backend"] for row in rows))
    store(
        Release,
        (
            columns(
                row,
                SCHEMA["releases"],
                "files",
                workspace=workspaces[row["workspace"]],
                backend=backends[row["backend"]],
                requested_files=[
                    {"name": file["name"], "sha256": file["sha256"], "size": file["size"]}
                    for file in row["files"]
                ],
            )
            for row in rows
        ),
    )
    store(
        ReleaseFile,
        (
            columns(file, _FILE, release=row["id"], workspace=workspaces[row["workspace"]])
            for row in rows
            for file in row["files"]
        ),
    )


def _publications(keys: Collection[Key] | None) -> Rows:
    query = Snapshot.select(Snapshot, Workspace.name).join(Workspace)
    for one in among(query, Snapshot.id, keys).order_by(Snapshot.id):
        files = SnapshotFile.select().where(SnapshotFile.snapshot == one.id).order_by(SnapshotFile.file)
        asked = PublishRequest.select().where(PublishRequest.snapshot == one.id).order_by(PublishRequest.id)
        yield plain(
            one,
            SCHEMA["publications"],
            number=one.id,
            workspace=one.workspace.name,
            files=[file.file_id for file in files],
            requests=[plain(request, _DECISION) for request in asked],
        )


def _add_publications(rows: list[Row]) -> None:
    workspaces = ids_of(Workspace, Workspace.name, (row["workspace"] for row in rows))
    given = ("number", "files", "requests")
    entries = SCHEMA["publications"]
    store(
        Snapshot,
        (
            columns(
                row,
                entries,
                *given,
                id=row["number"],
                workspace=workspaces[row["workspace"]],
                contents=contents_of(row["files"]),
            )
            for row in rows
        ),
    )
    database.go_on_counting(Snapshot)
    store(SnapshotFile, ({"snapshot": row["number"], "file": id} for row in rows for id in row["files"]))
    store(
        PublishRequest,
        (
            columns(asked, _DECISION, snapshot=row["number"], workspace=workspaces[row["workspace"]])
            for row in rows
            for asked in row["requests"]
        ),
    )


def file_keys(keys: Collection[str]) -> set[str]:
    """Those of these ids of released files that are there."""
    query = ReleaseFile.select(ReleaseFile.id).where(ReleaseFile.id.in_(list(keys)))
    return {id for (id,) in query.tuples()}


KINDS = (
    Kind(
        "requests",
        lambda row: row["identifier"],
        _requests,
        _add_requests,
        lambda row: [
            ("workspaces", row["workspace"]),
            ("backends", row["backend"]),
            ("people", row["created_by"].lower()),
        ],
        change=_change_requests,
        is_over=lambda row: row["completed_at"] is not None,
    ),
    Kind(
        "jobs",
        lambda row: row["identifier"],
        _jobs,
        _add_jobs,
        lambda row: [("requests", row["request"])],
        change=_change_jobs,
        is_over=lambda row: not is_active(row["state"]),
    ),
    Kind(
        "releases",
        lambda row: row["id"],
        _releases,
        _add_releases,
        lambda row: [("workspaces", row["workspace"]), ("backends", row["backend"])],
    ),
    Kind(
        "publications",
        lambda row: row["number"],
        _publications,
        _add_publications,
        lambda row: [("workspaces", row["workspace"])],
    ),
)
