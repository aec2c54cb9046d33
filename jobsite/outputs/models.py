"""The tables of the Level 4 pages: policies in versions, results of checks, and who looked at what.

Rows of policies, results and looks are never changed and never removed, but for the number of repeated denials.
"""

from peewee import (
    BooleanField,
    CharField,
    DateTimeField,
    FixedCharField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from jobsite.accounts.models import User
from jobsite.core.db import Model
from jobsite.projects.models import Project, Workspace


class PolicyVersion(Model):
    """One version of a policy: every number and word the checks go by, as `document`, with its SHA-256.

    It is in force from `effective_from` on, once somebody else than its `author` has approved it (`approver`). The
    versions that an installation makes from its settings have both from "settings".
    """

    policy = CharField()
    version = IntegerField()
    sha256 = FixedCharField(64)
    document = JSONField()
    author = CharField()
    approver = CharField(default="")
    effective_from = CharField()
    note = TextField(default="")
    created_at = DateTimeField()
    approved_at = DateTimeField(null=True)

    class Meta:
        indexes = ((("policy", "version"), True),)


class ProjectPolicy(Model):
    """The policy that a project goes by; projects without a row go by the default."""

    project = ForeignKeyField(Project, backref="policies", unique=True, on_delete="RESTRICT")
    policy = CharField()


class Checked(Model):
    """What the rules found in one content: `findings` as section 5.6 of the specification has them, their numbers by
    severity, the rules that did not apply (`skipped`), and rows and columns where it is a table.

    `key` is the SHA-256 of all that the result depends on: content, name, kind, dictionary of columns, rules and policy.
    The same key never gives another result, so that it is kept for good.
    """

    key = FixedCharField(64, unique=True)
    sha256 = FixedCharField(64)
    rules = FixedCharField(16)
    policy = CharField()
    policy_version = IntegerField()
    findings = JSONField()
    skipped = JSONField(default=list)
    rows = IntegerField(null=True)
    columns = IntegerField(null=True)
    stop = IntegerField(default=0)
    fix = IntegerField(default=0)
    look = IntegerField(default=0)
    note = IntegerField(default=0)
    checked_at = DateTimeField()

    class Meta:
        indexes = ((("sha256",), False),)


class CheckedTogether(Model):
    """What the rules found in files together; `key` is the SHA-256 of everything that they were given."""

    key = FixedCharField(64, unique=True)
    findings = JSONField()
    checked_at = DateTimeField()


class Look(Model):
    """Somebody was shown the content of a file, or was kept from it: `what` is page, content, code, log or denied.

    `sha256` names the content, empty for a denial and a log. `release_request` is the id of the request in which it was
    looked at, if it was in one. `times` counts denials that followed one another closely.
    """

    at = DateTimeField()
    person = ForeignKeyField(User, backref="looks", on_delete="RESTRICT")
    workspace = ForeignKeyField(Workspace, backref="looks", on_delete="RESTRICT")
    what = CharField()
    sha256 = CharField(default="")
    path = TextField(default="")
    release_request = CharField(default="")
    is_denied = BooleanField(default=False)
    times = IntegerField(default=1)

    class Meta:
        indexes = ((("workspace", "at"), False), (("sha256", "person"), False))
