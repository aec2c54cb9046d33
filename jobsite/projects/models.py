"""The tables of projects: organisations, projects and their members, repositories, workspaces.

`created_by` and `updated_by` are usernames, or "system" for what a command did.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlsplit

from peewee import (
    SQL,
    BooleanField,
    CharField,
    Check,
    DateTimeField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from jobsite.accounts.models import User
from jobsite.core.clock import now
from jobsite.core.db import Model
from jobsite.projects.rules import STATUSES, Status


class Organisation(Model):
    """A body that owns projects and people.

    `github_orgs` are the owners at GitHub whose repositories its people use; `is_internal` marks the body that
    runs the site, whose release requests carry the label internal.
    """

    name = CharField(unique=True)
    slug = CharField(unique=True)
    description = TextField(default="")
    github_orgs = JSONField(default=list)
    is_internal = BooleanField(default=False)
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

    `copilot` is the person of staff who looks after it, until `copilot_support_ends_at`; `copilot_notes` are for
    staff only. `category` is one of `rules.CATEGORIES`.

    `permissions` is what the person for whom it was loaded may do in it, `is_member` whether they belong to it,
    `orgs` whose it is (`slug` and `name`, the lead first); only the loaders of `queries` set them.
    """

    name = CharField(unique=True)
    slug = CharField(unique=True)
    number = CharField(null=True, unique=True)
    status = CharField(default="ongoing")
    status_description = TextField(default="")
    category = CharField(default="unknown")
    copilot = ForeignKeyField(User, null=True, backref="copiloted", on_delete="SET NULL")
    copilot_support_ends_at = DateTimeField(null=True)
    copilot_notes = TextField(default="")
    created_at = DateTimeField(default=now)
    created_by = TextField()
    updated_at = DateTimeField(default=now)
    updated_by = TextField()

    permissions: frozenset[str] = frozenset()
    own_permissions: frozenset[str] = frozenset()
    is_member = False
    orgs: Sequence[Mapping[str, str]] = ()

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


class ProjectDataPermission(Model):
    """A project may use something that needs a permission of its own: a dataset, a population or a component.

    `kind` and `value` are those of `rules.DATA_PERMISSIONS`.
    """

    project = ForeignKeyField(Project, backref="data_permissions", on_delete="CASCADE")
    kind = CharField()
    value = CharField()
    reason = TextField(default="")
    created_at = DateTimeField(default=now)
    created_by = TextField()

    class Meta:
        indexes = ((("project", "kind", "value"), True),)


class Repo(Model):
    """A repository of study code, by address (or absolute path), and what was last heard of it.

    `branches` are the names as of `checked_at`; `problem` is why the last look failed, "" where it did not.
    `is_private` is None as long as nobody could tell; it, `topics` and `has_github_outputs` are as of
    `visibility_checked_at`, and `visibility_problem` is why the last look at them failed. A sign-off's time and
    name are set together.
    """

    url = CharField(unique=True)
    branches = JSONField(default=list)
    checked_at = DateTimeField(null=True)
    problem = TextField(default="")
    is_private = BooleanField(null=True)
    topics = JSONField(default=list)
    has_github_outputs = BooleanField(default=False)
    visibility_checked_at = DateTimeField(null=True)
    visibility_problem = TextField(default="")
    researcher_signed_off_at = DateTimeField(null=True)
    researcher_signed_off_by = TextField(null=True)
    internal_signed_off_at = DateTimeField(null=True)
    internal_signed_off_by = TextField(null=True)

    @property
    def name(self) -> str:
        """`owner/name` of an address, the name of the folder of a local path."""
        parts = [part for part in urlsplit(self.url).path.split("/") if part]
        return "/".join(parts[-1:] if self.is_local else parts[-2:]).removesuffix(".git")

    @property
    def address_part(self) -> str:
        """The repository in an address of this site, as `url_for` needs it: it comes out percent-encoded twice."""
        return quote(self.url, safe="")

    @property
    def is_public(self) -> bool:
        """Whether anybody can read it; what nobody could tell counts as private, as does a folder of this machine."""
        return self.is_private is False

    @property
    def is_local(self) -> bool:
        """Whether it is a folder on this machine."""
        return self.url.startswith("/")


class Workspace(Model):
    """One branch of one repository inside one project; repository and branch are fixed for life.

    `permissions`, `is_member` and `orgs` are as with Project.
    """

    name = CharField(unique=True)
    project = ForeignKeyField(Project, backref="workspaces", on_delete="RESTRICT")
    repo = ForeignKeyField(Repo, backref="workspaces", on_delete="RESTRICT")
    branch = CharField()
    purpose = TextField(default="")
    is_archived = BooleanField(default=False)
    should_notify = BooleanField(default=False)
    signed_off_at = DateTimeField(null=True)
    signed_off_by = TextField(null=True)
    created_at = DateTimeField(default=now)
    created_by = TextField()
    updated_at = DateTimeField(default=now)
    updated_by = TextField()

    permissions: frozenset[str] = frozenset()
    own_permissions: frozenset[str] = frozenset()
    is_member = False
    orgs: Sequence[Mapping[str, str]] = ()

    @property
    def branch_url(self) -> str | None:
        """Where the branch can be looked at in a browser; None for a local repository."""
        return None if self.repo.is_local else f"{self.repo.url}/tree/{quote(self.branch)}"


class Redirect(Model):
    """An address of old, with slashes at both ends, of exactly one organisation, project or workspace."""

    old_url = CharField(unique=True)
    organisation = ForeignKeyField(Organisation, null=True, on_delete="CASCADE")
    project = ForeignKeyField(Project, null=True, on_delete="CASCADE")
    workspace = ForeignKeyField(Workspace, null=True, on_delete="CASCADE")
    created_at = DateTimeField(default=now)
    created_by = TextField()
    expires_at = DateTimeField()

    class Meta:
        constraints = (
            Check(
                "(organisation_id IS NOT NULL) + (project_id IS NOT NULL) + (workspace_id IS NOT NULL) = 1"
            ),
        )

    @property
    def target(self) -> str:
        """Where the thing is now."""
        if self.organisation_id:
            return f"/orgs/{self.organisation.slug}/"
        return f"/projects/{self.project.slug}/" if self.project_id else f"/{self.workspace.name}/"


class SeenMark(Model):
    """Up to which event a person has marked what happened in their projects as seen."""

    user = ForeignKeyField(User, unique=True, backref="seen_marks", on_delete="CASCADE")
    cursor = IntegerField()
    at = DateTimeField(default=now)
