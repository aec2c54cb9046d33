"""People and places as kinds of an export: organisations, people, backends, projects, memberships, workspaces."""

from collections import defaultdict
from collections.abc import Collection

import peewee
from peewee import fn

from jobsite.accounts.models import Backend, BackendMembership, Identity, User
from jobsite.core.db import Model
from jobsite.projects.models import (
    Organisation,
    OrgMembership,
    Project,
    ProjectCollaboration,
    ProjectDataPermission,
    ProjectMembership,
    Repo,
    Workspace,
)
from jobsite.transfer.rows import Key, Kind, Rows, among, columns, ids_of, plain, store, users_of
from jobsite.transfer.schema import SCHEMA, Row, moment

MEMBERSHIPS: dict[str, tuple[type[Model], peewee.Field, type[Model], peewee.Field]] = {
    "project": (ProjectMembership, ProjectMembership.project, Project, Project.slug),
    "organisation": (OrgMembership, OrgMembership.org, Organisation, Organisation.slug),
    "backend": (BackendMembership, BackendMembership.backend, Backend, Backend.slug),
}


# Organisations, people, backends.


def _organisations(keys: Collection[Key] | None) -> Rows:
    for one in among(Organisation.select(), Organisation.slug, keys).order_by(Organisation.slug):
        yield plain(one, SCHEMA["organisations"])


def _add_organisations(rows: list[Row]) -> None:
    store(Organisation, (columns(row, SCHEMA["organisations"]) for row in rows))


def _people(keys: Collection[Key] | None) -> Rows:
    identities = defaultdict(list)
    for one in Identity.select().order_by(Identity.provider, Identity.uid):
        identities[one.user_id].append(plain(one, SCHEMA["people"][-1].of))
    name = fn.LOWER(User.username)
    for person in among(User.select(), name, keys).order_by(name):
        yield plain(person, SCHEMA["people"], identities=identities[person.id])


def _add_people(rows: list[Row]) -> None:
    store(User, (columns(row, SCHEMA["people"], "identities") for row in rows))
    ids = users_of(row["username"] for row in rows)
    store(
        Identity,
        (
            {**identity, "user": ids[row["username"].lower()], "created_at": moment(row["date_joined"])}
            for row in rows
            for identity in row["identities"]
        ),
    )


def _backends(keys: Collection[Key] | None) -> Rows:
    for one in among(Backend.select(), Backend.slug, keys).order_by(Backend.slug):
        yield plain(one, SCHEMA["backends"])


def _add_backends(rows: list[Row]) -> None:
    store(Backend, (columns(row, SCHEMA["backends"]) for row in rows))


# Projects, who belongs to what, workspaces.


def _projects(keys: Collection[Key] | None) -> Rows:
    orgs = defaultdict(list)
    shared = ProjectCollaboration.select(ProjectCollaboration, Organisation.slug).join(Organisation)
    for one in shared.order_by(ProjectCollaboration.is_lead.desc(), ProjectCollaboration.id):
        orgs[one.project_id].append(one.org.slug)
    query = Project.select(Project, User).left_outer_join(User, on=(Project.copilot == User.id))
    for one in among(query, Project.slug, keys).order_by(Project.slug):
        copilot = one.copilot.username if one.copilot_id else None
        yield plain(one, SCHEMA["projects"], organisations=orgs[one.id], copilot=copilot)


def _add_projects(rows: list[Row]) -> None:
    users = users_of(row["copilot"] for row in rows if row["copilot"])
    store(
        Project,
        (
            columns(
                row, SCHEMA["projects"], "organisations", copilot=users.get((row["copilot"] or "").lower())
            )
            for row in rows
        ),
    )
    ids = ids_of(Project, Project.slug, (row["slug"] for row in rows))
    orgs = ids_of(Organisation, Organisation.slug, (slug for row in rows for slug in row["organisations"]))
    store(
        ProjectCollaboration,
        (
            {"project": ids[row["slug"]], "org": orgs[slug], "is_lead": slug == row["organisations"][0]}
            for row in rows
            for slug in row["organisations"]
        ),
    )


def _member_of(row: Row) -> tuple[str, str, str]:
    what = next((name for name in MEMBERSHIPS if row[name] is not None), "")
    return what, row.get(what) or "", row["username"].lower()


def _memberships(keys: Collection[Key] | None) -> Rows:
    for what, (model, _, thing, slug) in MEMBERSHIPS.items():
        query = model.select(model, slug.alias("place"), User.username.alias("who")).join(thing)
        query = query.switch(model).join(User).order_by(slug, fn.LOWER(User.username))
        for one in query.objects():
            places = {name: one.place if name == what else None for name in MEMBERSHIPS}
            roles = getattr(one, "roles", [])
            row = plain(one, SCHEMA["memberships"], **places, username=one.who, roles=roles)
            if keys is None or _member_of(row) in keys:
                yield row


def _add_memberships(rows: list[Row]) -> None:
    users = users_of(row["username"] for row in rows)
    for what, (model, column, thing, slug) in MEMBERSHIPS.items():
        mine = [row for row in rows if row[what] is not None]
        places = ids_of(thing, slug, (row[what] for row in mine))
        roles = ("roles",) if what != "project" else ()
        store(
            model,
            (
                columns(row, SCHEMA["memberships"], *MEMBERSHIPS, "username", *roles)
                | {column.name: places[row[what]], "user": users[row["username"].lower()]}
                for row in mine
            ),
        )


def _permission(row: Row) -> tuple[str, str, str]:
    return row["project"], row["kind"], row["value"]


def _permissions(keys: Collection[Key] | None) -> Rows:
    query = ProjectDataPermission.select(ProjectDataPermission, Project.slug).join(Project)
    order = (Project.slug, ProjectDataPermission.kind, ProjectDataPermission.value)
    for one in query.order_by(*order):
        row = plain(one, SCHEMA["permissions"], project=one.project.slug)
        if keys is None or _permission(row) in keys:
            yield row


def _add_permissions(rows: list[Row]) -> None:
    projects = ids_of(Project, Project.slug, (row["project"] for row in rows))
    entries = SCHEMA["permissions"]
    store(ProjectDataPermission, (columns(r, entries, project=projects[r["project"]]) for r in rows))


def _workspaces(keys: Collection[Key] | None) -> Rows:
    query = Workspace.select(Workspace, Project.slug, Repo.url).join(Project).switch(Workspace).join(Repo)
    for one in among(query, Workspace.name, keys).order_by(Workspace.name):
        yield plain(one, SCHEMA["workspaces"], project=one.project.slug, repo=one.repo.url)


def _add_workspaces(rows: list[Row]) -> None:
    projects = ids_of(Project, Project.slug, (row["project"] for row in rows))
    repos = ids_of(Repo, Repo.url, (row["repo"] for row in rows))
    for url in sorted({row["repo"] for row in rows} - set(repos)):
        repos[url] = Repo.create(url=url).id
    store(
        Workspace,
        (
            columns(row, SCHEMA["workspaces"], project=projects[row["project"]], repo=repos[row["repo"]])
            for row in rows
        ),
    )


KINDS = (
    Kind("organisations", lambda row: row["slug"], _organisations, _add_organisations),
    Kind("people", lambda row: row["username"].lower(), _people, _add_people),
    Kind("backends", lambda row: row["slug"], _backends, _add_backends),
    Kind(
        "projects",
        lambda row: row["slug"],
        _projects,
        _add_projects,
        lambda row: [
            *(("organisations", slug) for slug in row["organisations"]),
            *([("people", row["copilot"].lower())] if row["copilot"] else []),
        ],
    ),
    Kind(
        "memberships",
        _member_of,
        _memberships,
        _add_memberships,
        lambda row: [
            ("people", row["username"].lower()),
            *((f"{what}s", row[what]) for what in MEMBERSHIPS if row[what] is not None),
        ],
    ),
    Kind(
        "permissions",
        _permission,
        _permissions,
        _add_permissions,
        lambda row: [("projects", row["project"])],
    ),
    Kind(
        "workspaces",
        lambda row: row["name"],
        _workspaces,
        _add_workspaces,
        lambda row: [("projects", row["project"])],
    ),
)
"""What happened in them is in `history`."""
