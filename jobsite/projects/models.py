"""The tables of projects: organisations, projects and their members, repositories, workspaces.

`created_by` and `updated_by` are usernames, or "system" for what a command did.
"""

from urllib.parse import quote, urlsplit

from peewee import SQL, BooleanField, CharField, DateTimeField, ForeignKeyField, JSONField, TextField

from jobsite.accounts.models import User
from jobsite.core.clock import now
from jobsite.core.db import Model
from jobsite.projects.rules import STATUSES, Status


class Organisation(Model):
    """A body that owns projects and people."""

    name = CharField(unique=True)
    slug = CharField(unique=True)
    description = TextField(default="")
    created_at = DateTimeField(default=now)
    created_by = TextField()


class OrgMembership(Model):
    """A person belongs to an organisation; it carries no roles."""

    org = ForeignKeyField(Organisation, backref="memberships", on_delete="CASCADE")
    user = ForeignKeyField(User, backref="org_memberships", on_delete="CASCADE")
    created_at = DateTimeField(default=now)
    created_by = TextField()

    class Meta:
        indexes = ((("org", "user"), True),)


class Project(Model):
    """An approved study: organisations, members with roles, a status, workspaces.

    `permissions` is what the person for whom it was loaded may do in it, `is_member` whether they belong to it;
    only the loaders of `queries` set them.
    """

    name = CharField(unique=True)
    slug = CharField(unique=True)
    number = CharField(null=True, unique=True)
    status = CharField(default="ongoing")
    status_description = TextField(default="")
    created_at = DateTimeField(default=now)
    created_by = TextField()
    updated_at = DateTimeField(default=now)
    updated_by = TextField()

    permissions: frozenset[str] = frozenset()
    is_member = False

    @property
    def title(self) -> str:
        """`number - name`, or the name where it has no number."""
        return f"{self.number} - {self.name}" if self.number else self.name

    @property
    def state(self) -> Status:
        """The status with its label and what it asks for."""
        return STATUSES[self.status]


class ProjectCollaboration(Model):
    """An organisation takes part in a project; at most one leads it."""

    org = ForeignKeyField(Organisation, backref="collaborations", on_delete="RESTRICT")
    project = ForeignKeyField(Project, backref="collaborations", on_delete="CASCADE")
    is_lead = BooleanField(default=False)

    class Meta:
        indexes = ((("org", "project"), True),)


ProjectCollaboration.add_index(
    ProjectCollaboration.index(
        ProjectCollaboration.project,
        unique=True,
        where=SQL("is_lead"),
        name="project_collaboration_one_lead",
    )
)


class ProjectMembership(Model):
    """A person's part in a project; `roles` is a list of names of project roles, perhaps empty."""

    project = ForeignKeyField(Project, backref="memberships", on_delete="CASCADE")
    user = ForeignKeyField(User, backref="project_memberships", on_delete="CASCADE")
    roles = JSONField(default=list)
    created_at = DateTimeField(default=now)
    created_by = TextField()

    class Meta:
        indexes = ((("project", "user"), True),)


class Repo(Model):
    """A repository of study code, by address (or absolute path), and what was last heard of it.

    `branches` are the names as of `checked_at`; `problem` is why the last look failed, "" where it did not.
    """

    url = CharField(unique=True)
    branches = JSONField(default=list)
    checked_at = DateTimeField(null=True)
    problem = TextField(default="")

    @property
    def name(self) -> str:
        """`owner/name` of an address, the name of the folder of a local path."""
        parts = [part for part in urlsplit(self.url).path.split("/") if part]
        return "/".join(parts[-1:] if self.is_local else parts[-2:]).removesuffix(".git")

    @property
    def is_local(self) -> bool:
        """Whether it is a folder on this machine."""
        return self.url.startswith("/")


class Workspace(Model):
    """One branch of one repository inside one project; repository and branch are fixed for life.

    `permissions` and `is_member` tell of the person for whom it was loaded, as with Project.
    """

    name = CharField(unique=True)
    project = ForeignKeyField(Project, backref="workspaces", on_delete="RESTRICT")
    repo = ForeignKeyField(Repo, backref="workspaces", on_delete="RESTRICT")
    branch = CharField()
    purpose = TextField(default="")
    is_archived = BooleanField(default=False)
    should_notify = BooleanField(default=False)
    created_at = DateTimeField(default=now)
    created_by = TextField()
    updated_at = DateTimeField(default=now)
    updated_by = TextField()

    permissions: frozenset[str] = frozenset()
    is_member = False

    @property
    def branch_url(self) -> str | None:
        """Where the branch can be looked at in a browser; None for a local repository."""
        return None if self.repo.is_local else f"{self.repo.url}/tree/{quote(self.branch)}"
