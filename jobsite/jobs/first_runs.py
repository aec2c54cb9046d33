"""When the code of a project first ran: for its timeline, and for the reminder that code is to be made public."""

from datetime import datetime, timedelta

from peewee import fn

from jobsite.jobs.models import JobRequest
from jobsite.projects.models import Project, Workspace

PRIVATE_FOR = timedelta(days=11 * 30)
"""How long code may stay private after its first run before people are reminded (specification 7.4)."""


def first_run(project: Project) -> datetime | None:
    """When the first job of a project started (naive UTC), None as long as none has. One query."""
    spaces = Workspace.select(Workspace.id).where(Workspace.project == project)
    found = JobRequest.select(fn.MIN(JobRequest.started_at)).where(JobRequest.workspace.in_(spaces)).scalar()
    return datetime.fromisoformat(found) if isinstance(found, str) else found
