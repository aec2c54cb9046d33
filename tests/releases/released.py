"""A workspace and files released from it by the receiving verbs, with a sealed record, without a request."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

from jobsite.accounts.models import Backend
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.events import Event
from jobsite.core.events import record as happen
from jobsite.core.ids import short_id
from jobsite.jobs.models import Job, JobRequest, ProjectFile
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.models import Repo, Workspace
from jobsite.releases import record as records
from jobsite.releases.actions import create_release, receive_file
from jobsite.releases.announced import AnnouncedFile, Announcement
from jobsite.releases.models import Release
from jobsite.releases.record import (
    Approved,
    AuditRow,
    RecordedFile,
    RecordedFinding,
    RecordedGroup,
    RecordedRule,
    Step,
)
from jobsite.releases.rules import AUDIT, RECORD
from jobsite.releases.signing import public_key, sign

COMMIT = "77ab0e9c5d4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b"
TABLE, FIGURE = b"age,n\n18-39,25\n40-59,30\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>"
FILES = {"output/table.csv": TABLE, "output/figure one.svg": FIGURE}
ID = "01HZ0000000000000000000001"
MOMENT = "2026-11-20T10:00:00.000000Z"
CONTEXT = "marked-context-4711"


@dataclass
class Made:
    """What is there: the cast, a backend, ada's workspace; `released` makes a release of these files by cat."""

    cast: SimpleNamespace
    backend: Backend
    workspace: Workspace
    findings: Sequence[RecordedFinding] = field(default_factory=list)
    job: str = ""

    def announced(self, files: Mapping[str, bytes], release_id: str = ID) -> Announcement:
        """These files as they are announced."""
        facts = {"action": "make_tables", "commit": COMMIT, "repo": self.workspace.repo.url, "job": self.job}
        rows = (
            AnnouncedFile(name, len(data), hashlib.sha256(data).hexdigest(), 1767225600.0, facts)
            for name, data in files.items()
        )
        return Announcement(release_id, tuple(rows), {"tool": "jobsite"})

    def ran(self) -> None:
        """A job of the workspace made the files that are released from now on."""
        text = "version: 5\nactions: {}\n"
        file = ProjectFile.create(sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)
        where, moment = {"workspace": self.workspace, "backend": self.backend}, now()
        request = JobRequest.create(
            identifier=short_id(), requested_actions=["make_tables"], commit=COMMIT, project_file=file,
            created_at=moment, created_by=self.cast.ada, **where,
        )  # fmt: skip
        job = Job.create(
            identifier=short_id(), job_request=request, action="make_tables", run_command="r:v2 make.R --all",
            created_at=moment, updated_at=moment, status_code_updated_at=moment, started_at=moment,
            completed_at=moment, **where,
        )  # fmt: skip
        self.job = job.identifier

    def create(self, files: Mapping[str, bytes] = FILES, release_id: str = ID) -> Release:
        """Announce these files."""
        announced = self.announced(files, release_id)
        return create_release(
            by=self.cast.cat, backend=self.backend, workspace=self.workspace.name, announced=announced
        )

    def receive(self, name: str, data: bytes, release_id: str = ID) -> None:
        """Upload one file."""
        receive_file(by=self.cast.cat, backend=self.backend, release_id=release_id, name=name, body=[data])

    def released(self, files: Mapping[str, bytes] = FILES, release_id: str = ID) -> Release:
        """A whole release, without a record."""
        release = self.create(files, release_id)
        for name, data in files.items():
            self.receive(name, data, release_id)
        return release

    def sealed(self, files: Mapping[str, bytes] = FILES, release_id: str = ID) -> Release:
        """A whole release with its record and signed audit rows."""
        record, audit = self.record(files, release_id)
        return self.released({**files, AUDIT: audit.encode(), RECORD: record.encode()}, release_id)

    def record(self, files: Mapping[str, bytes] = FILES, release_id: str = ID) -> tuple[str, str]:
        """The record of a release of these files, and its audit rows, signed."""
        with writing():
            for number, kind in enumerate(("release:submitted", "release:reviewed", "release:approved")):
                happen(kind, by="cat", subject=f"release-request:{release_id}", turn=number)
        rows = list(Event.select().where(Event.subject == f"release-request:{release_id}").order_by(Event.id))
        text = records.record(self.approved(files, release_id, rows[-1]))
        chain = [AuditRow(row.id, MOMENT, row.type, row.hash) for row in rows]
        document, head = records.audit(text, release_id, chain, at=MOMENT)
        return text, records.signed(document, key=public_key(), signature=sign(head.encode()))

    def approved(self, files: Mapping[str, bytes], release_id: str, head: Event) -> Approved:
        """The facts of a record."""
        return Approved(
            request=release_id,
            workspace=self.workspace.name,
            project=self.workspace.project.slug,
            backend=self.backend.slug,
            files=tuple(
                RecordedFile(
                    name,
                    hashlib.sha256(data).hexdigest(),
                    len(data),
                    2,
                    2,
                    self.job,
                    "make_tables",
                    COMMIT,
                    "repo",
                )
                for name, data in files.items()
            ),
            groups=(RecordedGroup(1, CONTEXT, "controls", {"threshold": 7, "population": CONTEXT}),),
            policy={"policy": "default", "version": 1, "counts": {"threshold": 7, "base": 5}},
            rules=(RecordedRule("C1", 1, 0), RecordedRule("C2", 1, 0)),
            findings=tuple(self.findings),
            reviewers=(Step("reviewed", MOMENT, "Checker 1"), Step("reviewed", MOMENT, "Checker 2")),
            steps=(
                Step("submitted", MOMENT, "author"),
                Step("returned", MOMENT, "Checker 1"),
                Step("approved", MOMENT, "Checker 2"),
            ),
            supporting=1,
            withdrawn=0,
            software="jobsite 1.0.0",
            head=head.hash,
            seq=head.id,
        )


def made(cast: SimpleNamespace, backend: Backend, findings: Sequence[RecordedFinding] = ()) -> Made:
    """A workspace `asthma` in which ada develops and ben collaborates."""
    org = add_organisation(by="system", name="University of Northfield")
    project = add_project(by="system", name="Asthma and air quality", orgs=[org])
    add_member(by="system", project=project, user=cast.ada, roles=["ProjectDeveloper"])
    add_member(by="system", project=project, user=cast.ben, roles=["ProjectCollaborator"])
    address = "https://github.com/northfield/asthma"
    repo = Repo.create(url=address, branches=["main"], is_private=False, visibility_checked_at=now())
    names = {"created_by": "ada", "updated_by": "ada"}
    workspace = Workspace.create(name="asthma", project=project, repo=repo, branch="main", **names)
    return Made(cast, backend, workspace, findings)
