"""When the code of a project first ran: for its timeline, and for the reminder that code is to be made public."""

from datetime import datetime, timedelta

from peewee import ModelSelect, fn

from jobsite.core.clock import moment_of
from jobsite.jobs.models import JobRequest
from jobsite.projects.models import Project, Workspace

PRIVATE_FOR = timedelta(days=11 * 30)
"""How long code may stay private after its first run before people are reminded (specification 7.4)."""


def first_run(project: Project) -> datetime | None:
    """When the first job of a project started (naive UTC), None as long as none has. One query."""
    return moment_of(first_start(project).scalar())


def first_start(project: Project) -> ModelSelect:
    """The same as a column of a query; `core.clock.moment_of` gives the moment."""
    spaces, others = Workspace.select(Workspace.id).where(Workspace.project == project), JobRequest.alias()
    return others.select(fn.MIN(others.started_at)).where(others.workspace.in_(spaces))
