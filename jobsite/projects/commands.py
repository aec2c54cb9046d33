"""`jobsite org …`, `jobsite project …`, `jobsite member …` and `jobsite workspace …`."""

import click

from jobsite.accounts.models import User
from jobsite.accounts.queries import user_or_stop
from jobsite.accounts.rules import PROJECT, SYSTEM, roles_in
from jobsite.core.clock import wire
from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.core.errors import Denied
from jobsite.projects import actions, data_permissions, lists
from jobsite.projects.models import ProjectMembership, Workspace
from jobsite.projects.queries import org_named, project_named
from jobsite.projects.rules import DATA_PERMISSIONS
from jobsite.projects.workspaces import create_workspace
from jobsite.settings import Settings

_name = click.argument("name")
_project = click.argument("project")
_username = click.argument("username")
_slug = click.option("--slug", default="", help="The name in addresses; made from NAME where it is left out.")


@click.group()
def org() -> None:
    """Organisations, which own projects."""


@click.group()
def project() -> None:
    """Projects: approved studies."""


@click.group()
def member() -> None:
    """Who belongs to a project, with which roles."""


@click.group()
def workspace() -> None:
    """Workspaces: one branch of one repository inside a project."""


@instance_command(
    _name,
    _slug,
    click.option("--description", default="", help="What it is, in a sentence."),
    name="add",
    side="public",
)
def add_org(settings: Settings, name: str, slug: str, description: str) -> None:
    """Add an organisation and print its slug."""
    made = actions.add_organisation(by=SYSTEM, name=name, slug=slug, description=description)
    click.echo(made.slug)


@instance_command(click.argument("slug"), _username, name="add-member", side="public")
def add_org_member(settings: Settings, slug: str, username: str) -> None:
    """Note that USERNAME belongs to the organisation SLUG."""
    organisation, person = org_named(slug), user_or_stop(username)
    actions.add_org_member(by=SYSTEM, org=organisation, user=person)
    click.echo(f"{person.username} belongs to {organisation.name}.")


@instance_command(click.argument("slug"), _username, name="remove-member", side="public")
def remove_org_member(settings: Settings, slug: str, username: str) -> None:
    """Note that USERNAME no longer belongs to the organisation SLUG."""
    organisation, person = org_named(slug), user_or_stop(username)
    actions.remove_org_member(by=SYSTEM, org=organisation, user=person)
    click.echo(f"{person.username} no longer belongs to {organisation.name}.")


@instance_command(
    _name,
    click.option(
        "--org",
        "orgs",
        required=True,
        multiple=True,
        metavar="ORG",
        help="Its organisation; the first leads.",
    ),
    click.option("--number", default="", metavar="N", help="Digits, or POS-2026-1234."),
    _slug,
    name="add",
    side="public",
)
def add_project(settings: Settings, name: str, orgs: tuple[str, ...], number: str, slug: str) -> None:
    """Add a project and print its slug. ORG is the slug of an organisation."""
    owners = [org_named(one) for one in orgs]
    made = actions.add_project(by=SYSTEM, name=name, orgs=owners, number=number, slug=slug)
    click.echo(made.slug)


_data = (
    _project,
    click.argument("kind", type=click.Choice(tuple(DATA_PERMISSIONS))),
    click.argument("value"),
)


@instance_command(
    *_data, click.option("--reason", default="", help="Why it may."), name="permit", side="public"
)
def permit_data(settings: Settings, project: str, kind: str, value: str, reason: str) -> None:
    """Let PROJECT (its slug) use a dataset, population or component that needs a permission."""
    where = project_named(project)
    data_permissions.add(by=SYSTEM, project=where, kind=kind, value=value, reason=reason)
    click.echo(f"{where.name} may use {value}.")


@instance_command(*_data, name="forbid", side="public")
def forbid_data(settings: Settings, project: str, kind: str, value: str) -> None:
    """Take the permission to use a dataset, population or component from PROJECT (its slug)."""
    where = project_named(project)
    data_permissions.remove(by=SYSTEM, project=where, kind=kind, value=value)
    click.echo(f"{where.name} may not use {value} any more.")


@instance_command(as_json, name="list")
def list_projects(settings: Settings, json_wanted: bool) -> None:
    """List all projects."""
    facts = [
        {"slug": row.slug, "name": row.name, "number": row.number, "status": row.status, "org": row.org_slug}
        for row in lists.projects()
    ]
    if json_wanted:
        return print_json(facts)
    for one in facts:
        click.echo(f"{one['slug']:<30} {one['number'] or '-':<15} {one['status']:<23} {one['name']}")


@instance_command(
    _project,
    _username,
    click.option(
        "--role",
        "roles",
        required=True,
        multiple=True,
        metavar="ROLE",
        help=f"A role in the project; may be repeated. One of {', '.join(role.name for role in roles_in(PROJECT))}.",
    ),
    name="add",
    side="public",
)
def add_member(settings: Settings, project: str, username: str, roles: tuple[str, ...]) -> None:
    """Make USERNAME a member of PROJECT (its slug) with these roles; who is a member already gets them as well."""
    where, person = project_named(project), user_or_stop(username)
    membership = ProjectMembership.get_or_none(project=where, user=person)
    if membership is None:
        roles = tuple(actions.add_member(by=SYSTEM, project=where, user=person, roles=roles).roles)
    else:
        roles = tuple(dict.fromkeys([*membership.roles, *roles]))
        actions.set_member_roles(by=SYSTEM, project=where, user=person, roles=roles)
    click.echo(f"{person.username} is {', '.join(roles)} in {where.name}.")


@instance_command(_project, _username, name="remove", side="public")
def remove_member(settings: Settings, project: str, username: str) -> None:
    """End the membership of USERNAME in PROJECT (its slug), with all roles there."""
    where, person = project_named(project), user_or_stop(username)
    actions.remove_member(by=SYSTEM, project=where, user=person)
    click.echo(f"{person.username} no longer belongs to {where.name}.")


@instance_command(_project, as_json, name="list")
def list_members(settings: Settings, project: str, json_wanted: bool) -> None:
    """List the members of PROJECT (its slug) with their roles."""
    facts = [
        {"username": one.user.username, "name": one.user.fullname, "roles": [role.name for role in one.roles]}
        for one in lists.members_of(project_named(project))
    ]
    if json_wanted:
        return print_json(facts)
    for one in facts:
        click.echo(f"{one['username']:<20} {', '.join(one['roles']) or '-'}")


@instance_command(
    _name,
    click.option("--project", required=True, metavar="P", help="The slug of its project."),
    click.option(
        "--repo", required=True, metavar="URL", help="Address, or absolute path, of the repository."
    ),
    click.option("--branch", required=True, metavar="B", help="The branch whose actions are to run."),
    click.option("--purpose", default="", metavar="TEXT", help="What the jobs here are for."),
    click.option("--by", "username", required=True, metavar="USERNAME", help="Who makes it."),
    as_json,
    name="add",
    side="public",
)
def add_workspace(settings: Settings, project: str, username: str, json_wanted: bool, **fields: str) -> None:
    """Make the workspace NAME; USERNAME needs the permission for it."""
    made = create_workspace(by=_active(username), project=project_named(project), **fields)
    if json_wanted:
        return print_json(workspace_json(made))
    click.echo(f"Created the workspace {made.name}.")


@instance_command(as_json, name="list")
def list_workspaces(settings: Settings, json_wanted: bool) -> None:
    """List all workspaces."""
    facts = [workspace_json(one) for one in lists.all_workspaces()]
    if json_wanted:
        return print_json(facts)
    for one in facts:
        state = "archived" if one["is_archived"] else "active"
        click.echo(f"{one['name']:<30} {state:<9} {one['project']:<30} {one['repo']} {one['branch']}")


def workspace_json(one: Workspace) -> dict[str, object]:
    """A workspace as other programs read it."""
    return {
        "name": one.name,
        "project": one.project.slug,
        "repo": one.repo.url,
        "branch": one.branch,
        "purpose": one.purpose,
        "is_archived": one.is_archived,
        "created_at": wire(one.created_at),
        "created_by": one.created_by,
    }


def _active(username: str) -> User:
    """The person in whose name a command acts; refused for one who has been deactivated."""
    person = user_or_stop(username)
    if not person.is_active:
        raise Denied(f"{person.username} has been deactivated and can do nothing.")
    return person


for _group, _commands in (
    (org, (add_org, add_org_member, remove_org_member)),
    (project, (add_project, list_projects, permit_data, forbid_data)),
    (member, (add_member, remove_member, list_members)),
    (workspace, (add_workspace, list_workspaces)),
):
    for _command in _commands:
        _group.add_command(_command)

COMMANDS = (org, project, member, workspace)
