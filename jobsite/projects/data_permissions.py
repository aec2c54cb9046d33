"""What a project may use beyond what every project may: datasets, populations, components. Kept by staff."""

from jobsite.accounts.models import User, permissions_everywhere, username_of
from jobsite.core.db import changed_one, writing
from jobsite.core.errors import Conflict, refuse, require
from jobsite.core.events import record
from jobsite.projects.models import Project, ProjectDataPermission
from jobsite.projects.rules import (
    LONGEST_PURPOSE,
    tidy,
    why_not_data_permission,
    why_not_permitted,
    why_not_text,
)


def of(project: Project) -> list[ProjectDataPermission]:
    """The data permissions of a project, by kind and value. One query."""
    rows = ProjectDataPermission.select().where(ProjectDataPermission.project == project)
    return list(rows.order_by(ProjectDataPermission.kind, ProjectDataPermission.value))


def add(
    *, by: User | str, project: Project, kind: str, value: str, reason: str = ""
) -> ProjectDataPermission:
    """Let a project use what `kind` and `value` name (`rules.DATA_PERMISSIONS`), with the reason why it may.

    Raises `Invalid` with the sentence of `kind`, `value` or `reason`, `Conflict` when it may already, `Denied`.
    """
    reason = tidy(reason)
    with writing():
        require(why_not_permitted("project_create", permissions_everywhere(by)))
        refuse(value=why_not_data_permission(kind, value), reason=why_not_text(reason, LONGEST_PURPOSE))
        same = {"project": project, "kind": kind, "value": value}
        if ProjectDataPermission.get_or_none(**same):
            raise Conflict(f"{project.name} may use {value} already.")
        made = ProjectDataPermission.create(**same, reason=reason, created_by=username_of(by))
        _tell("project:data-permission-added", by, project, kind, value, reason=reason)
    return made


def remove(*, by: User | str, project: Project, kind: str, value: str) -> None:
    """Take a data permission from a project. Raises `Conflict` when it does not have it, `Denied`."""
    with writing():
        require(why_not_permitted("project_create", permissions_everywhere(by)))
        mine = (ProjectDataPermission.project == project) & (ProjectDataPermission.kind == kind)
        query = ProjectDataPermission.delete().where(mine & (ProjectDataPermission.value == value))
        changed_one(query, f"{project.name} has no permission to use {value}.")
        _tell("project:data-permission-removed", by, project, kind, value)


def _tell(event: str, by: User | str, project: Project, kind: str, value: str, **facts: str) -> None:
    subject = f"project:{project.slug}"
    record(event, by=username_of(by), subject=subject, kind=kind, value=value, **facts)
