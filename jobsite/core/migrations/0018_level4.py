"""Policies in versions, results of checks, and who looked at what at Level 4."""

from peewee import (
    BooleanField,
    CharField,
    DateTimeField,
    FixedCharField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    Model,
    TextField,
)


def up(migrator, db):
    """Make the tables."""

    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class User(Base):
        class Meta:
            table_name = "user"

    class Project(Base):
        pass

    class Workspace(Base):
        pass

    class PolicyVersion(Base):
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

    class ProjectPolicy(Base):
        project = ForeignKeyField(Project, backref="policies", unique=True, on_delete="RESTRICT")
        policy = CharField()

    class Checked(Base):
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

    class CheckedTogether(Base):
        key = FixedCharField(64, unique=True)
        findings = JSONField()
        checked_at = DateTimeField()

    class Look(Base):
        at = DateTimeField()
        person = ForeignKeyField(User, backref="looks", on_delete="RESTRICT")
        workspace = ForeignKeyField(Workspace, backref="looks", on_delete="RESTRICT")
        what = CharField()
        sha256 = CharField(default="")
        path = TextField(default="")
        release_request = CharField(default="")
        is_denied = BooleanField(default=False)

        class Meta:
            indexes = ((("workspace", "at"), False), (("sha256", "person"), False))

    db.create_tables([PolicyVersion, ProjectPolicy, Checked, CheckedTogether, Look])
