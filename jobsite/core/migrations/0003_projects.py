"""Organisations, projects with their members, repositories and workspaces."""

from peewee import (
    SQL,
    BooleanField,
    CharField,
    DateTimeField,
    ForeignKeyField,
    JSONField,
    Model,
    TextField,
)


class User(Model):
    class Meta:
        table_name = "user"


class Organisation(Model):
    name = CharField(unique=True)
    slug = CharField(unique=True)
    description = TextField()
    created_at = DateTimeField()
    created_by = TextField()

    class Meta:
        table_name = "organisation"


class OrgMembership(Model):
    org = ForeignKeyField(Organisation, on_delete="CASCADE")
    user = ForeignKeyField(User, on_delete="CASCADE")
    created_at = DateTimeField()
    created_by = TextField()

    class Meta:
        table_name = "org_membership"
        indexes = ((("org", "user"), True),)


class Project(Model):
    name = CharField(unique=True)
    slug = CharField(unique=True)
    number = CharField(null=True, unique=True)
    status = CharField()
    status_description = TextField()
    created_at = DateTimeField()
    created_by = TextField()
    updated_at = DateTimeField()
    updated_by = TextField()

    class Meta:
        table_name = "project"


class ProjectCollaboration(Model):
    org = ForeignKeyField(Organisation, on_delete="RESTRICT")
    project = ForeignKeyField(Project, on_delete="CASCADE")
    is_lead = BooleanField()

    class Meta:
        table_name = "project_collaboration"
        indexes = ((("org", "project"), True),)


class ProjectMembership(Model):
    project = ForeignKeyField(Project, on_delete="CASCADE")
    user = ForeignKeyField(User, on_delete="CASCADE")
    roles = JSONField()
    created_at = DateTimeField()
    created_by = TextField()

    class Meta:
        table_name = "project_membership"
        indexes = ((("project", "user"), True),)


class Repo(Model):
    url = CharField(unique=True)
    branches = JSONField()
    checked_at = DateTimeField(null=True)
    problem = TextField()

    class Meta:
        table_name = "repo"


class Workspace(Model):
    name = CharField(unique=True)
    project = ForeignKeyField(Project, on_delete="RESTRICT")
    repo = ForeignKeyField(Repo, on_delete="RESTRICT")
    branch = CharField()
    purpose = TextField()
    is_archived = BooleanField()
    should_notify = BooleanField()
    created_at = DateTimeField()
    created_by = TextField()
    updated_at = DateTimeField()
    updated_by = TextField()

    class Meta:
        table_name = "workspace"


ProjectCollaboration.add_index(
    ProjectCollaboration.index(
        ProjectCollaboration.project,
        unique=True,
        where=SQL("is_lead"),
        name="project_collaboration_one_lead",
    )
)
TABLES = [Organisation, OrgMembership, Project, ProjectCollaboration, ProjectMembership, Repo, Workspace]


def up(migrator, db):
    """Make the tables."""
    with db.bind_ctx([User, *TABLES], bind_refs=False, bind_backrefs=False):
        db.create_tables(TABLES)
