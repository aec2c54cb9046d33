"""What Level 4 is told of a person: the workspaces they may look at there, and what they are (specification 9.4)."""

import json
from typing import Any

from peewee import fn

from jobsite.accounts.models import User
from jobsite.accounts.rules import permissions_of
from jobsite.projects.models import (
    Organisation,
    Project,
    ProjectCollaboration,
    ProjectMembership,
    Workspace,
)

LOOK = "unreleased_outputs_view"
READ_ALL = "airlock_readonly_access"
CHECKER = "OutputChecker"
ONGOING = ("ongoing", "ongoing-and-linked")


def user_object(person: User) -> dict[str, Any]:
    """The person as reviewing programs know them. One query."""
    mine, copiloted = {}, {}
    for row in _workspaces(person):
        shown = {
            "project_details": {
                "name": row.project.name,
                "ongoing": row.project.status in ONGOING,
                "orgs": json.loads(row.orgs_as_json),
            },
            "archived": row.is_archived,
        }
        roles = ProjectMembership.roles.python_value(row.own_roles)
        if roles is not None and LOOK in person.permissions | permissions_of(roles):
            mine[row.name] = shown
        if row.project.copilot_id == person.id:
            copiloted[row.name] = shown
    return {
        "username": person.username,
        "fullname": person.fullname,
        "workspaces": mine,
        "copiloted_workspaces": copiloted,
        "output_checker": CHECKER in person.roles,
        "readonly_access": READ_ALL in person.permissions,
    }


def _workspaces(person: User) -> Any:
    """The workspaces of the projects the person belongs to, or is the co-pilot of, with their roles there."""
    mine = ProjectMembership.select(ProjectMembership.project).where(ProjectMembership.user == person.id)
    own = (ProjectMembership.project == Project.id) & (ProjectMembership.user == person.id)
    roles = ProjectMembership.select(ProjectMembership.roles).where(own).alias("own_roles")
    orgs = Organisation.select(Organisation.name).join(ProjectCollaboration)
    orgs = orgs.where(ProjectCollaboration.project == Project.id)
    orgs = orgs.order_by(ProjectCollaboration.is_lead.desc(), ProjectCollaboration.id)
    names = Organisation.select(fn.json_group_array(orgs.c.name)).from_(orgs).alias("orgs_as_json")
    rows = Workspace.select(Workspace, Project, roles, names).join(Project)
    return rows.where(Project.id.in_(mine) | (Project.copilot == person.id)).order_by(Workspace.name)
